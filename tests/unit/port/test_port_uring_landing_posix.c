/* The landing blocks of a port over io_uring. The test is the kernel: it says which blocks are filled. */
#include "port/port_uring_landing.h"

#include <criterion/criterion.h>

enum { BLOCKS = 32, SIZE = 128 << 10 };

static struct io_uring uring;
static struct landing landing;

static void begin(void)
{
    int result = io_uring_queue_init(8, &uring, 0);
    if (result < 0) cr_skip_test("io_uring is forbidden here: %s", strerror(-result));
    result = landing_open(&landing, &uring, BLOCKS, SIZE);
    if (result < 0) cr_skip_test("this kernel's io_uring has no rings of buffers");
}

static void finish(void)
{
    io_uring_queue_exit(&uring);
    landing_close(&landing);
    cr_assert_null(landing.blocks.memory);
}

/* The next block that the kernel fills: it takes them in the order of the ring. */
static struct block *fill(uint32_t size)
{
    static uint16_t head;
    cr_assert(landing.free > 0);
    struct io_uring_cqe completion = {.flags = IORING_CQE_F_BUFFER |
                                               (uint32_t)landing.ring->bufs[head++ % BLOCKS].bid
                                                   << IORING_CQE_BUFFER_SHIFT};
    struct block *block = landing_filled(&landing, &completion);
    cr_assert_eq(block->end, 0);
    block->end = size;
    return block;
}

/* All that the kernel has comes back with pieces of this size, so many times. */
static void receive(uint32_t size, int times)
{
    struct block *filled[BLOCKS];
    while (times-- > 0) {
        uint32_t count = 0;
        while (landing.free > 0) filled[count++] = fill(size);
        while (count > 0) landing_done(&landing, filled[--count]);
        landing_offer(&landing);
    }
}

Test(port_uring_landing, the_kernel_has_them_all_as_long_as_they_come_back_with_little)
{
    begin();
    cr_assert_eq(landing.free, BLOCKS);
    receive(68, 3);
    cr_assert_eq(landing.free, BLOCKS);
    receive(SIZE / 8, 3);
    cr_assert_eq(landing.free, BLOCKS);
    finish();
}

Test(port_uring_landing, of_large_pieces_it_has_a_few_and_of_small_ones_all_again)
{
    begin();
    receive(SIZE, 9);
    uint32_t few = landing.free;
    cr_assert(few > 0 && few <= BLOCKS / 4);
    receive(SIZE / 8 + 1, 9);
    cr_assert_eq(landing.free, few);
    receive(68, BLOCKS);
    cr_assert_eq(landing.free, BLOCKS);
    finish();
}

/* So that the memory that was used last is used again, and not all of it. */
Test(port_uring_landing, large_pieces_come_into_the_same_few_again_and_again)
{
    bool used[BLOCKS] = {false};
    int count = 0;
    begin();
    receive(SIZE, 9);
    for (int i = 0; i < 10 * BLOCKS; i++) {
        struct block *block = fill(SIZE);
        count += !used[block->index];
        used[block->index] = true;
        landing_done(&landing, block);
        landing_offer(&landing);
    }
    cr_assert(count <= BLOCKS / 4, "%d", count);
    finish();
}

Test(port_uring_landing, what_is_not_handled_yet_is_replaced_from_those_that_are_at_hand)
{
    begin();
    receive(SIZE, 9);
    uint32_t few = landing.free;
    struct block *first = fill(SIZE), *second = fill(SIZE);
    landing_offer(&landing);
    cr_assert_eq(landing.free, few);
    landing_done(&landing, first);
    landing_done(&landing, second);
    finish();
}

Test(port_uring_landing, who_accepts_only_needs_none)
{
    cr_assert_eq(landing_open(&landing, NULL, 0, SIZE), 0);
    landing_offer(&landing);
    landing_close(&landing);
}
