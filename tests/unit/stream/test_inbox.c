/* What a stream has received: its order is that of the bytes, wherever they lie. */
#include "stream_desk.h"

static struct desk one;

/* So many bytes have come, and lie in landing blocks. */
static struct inbox *open_with(size_t size)
{
    desk_open(&one);
    desk_send(&one, size);
    desk_turn(&one);
    cr_assert_eq(inbox_size(&one.stream.inbox), size);
    return &one.stream.inbox;
}

static void close_all(void)
{
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

/* Uses all of it up, from the front; the bytes must be those that were sent, from `place` on. */
static void use_all(struct inbox *inbox, size_t place)
{
    while (inbox_size(inbox) > 0) {
        struct span front = inbox_front(inbox);
        cr_assert(front.size > 0);
        for (size_t i = 0; i < front.size; i++)
            cr_assert_eq(front.data[i], (uint8_t)((place + i) * 131), "byte %zu", place + i);
        place += front.size;
        inbox_use(inbox, &one.home, front.size);
        inbox_release_front(inbox, &one.home);
        inbox_check(inbox);
    }
}

Test(inbox, bytes_are_used_where_they_lie)
{
    struct inbox *inbox = open_with(600);
    cr_assert(gather_empty(&inbox->gather));
    cr_assert_eq(one.home.parked_blocks, 3);
    cr_assert(inbox_goes_on(inbox));
    use_all(inbox, 0);
    cr_assert_eq(one.home.parked_blocks, 0);
    cr_assert_not(inbox_goes_on(inbox));
    close_all();
}

Test(inbox, a_block_goes_back_when_all_of_it_has_been_used)
{
    struct inbox *inbox = open_with(DESK_LANDING_SIZE);
    inbox_use(inbox, &one.home, DESK_LANDING_SIZE - 1);
    inbox_release_front(inbox, &one.home);
    cr_assert_eq(one.home.parked_blocks, 1);
    inbox_use(inbox, &one.home, 1);
    cr_assert_eq(one.home.parked_blocks, 1, "its bytes are in use until it is released");
    inbox_release_front(inbox, &one.home);
    cr_assert_eq(one.home.parked_blocks, 0);
    close_all();
}

Test(inbox, what_is_gathered_stands_before_what_is_parked)
{
    struct inbox *inbox = open_with(600);
    cr_assert(inbox_absorb(inbox, &one.home, 10, 0));
    inbox_check(inbox);
    cr_assert_eq(inbox_front(inbox).size, 10);
    cr_assert_eq(inbox->gathered_ns, stream_now(&one.home));
    cr_assert(inbox_absorb(inbox, &one.home, SIZE_MAX, 0), "the rest of that block");
    cr_assert_eq(inbox_front(inbox).size, DESK_LANDING_SIZE);
    cr_assert_eq(one.home.parked_blocks, 2);
    use_all(inbox, 0);
    close_all();
}

Test(inbox, what_finds_no_memory_stays_where_it_is)
{
    struct inbox *inbox = open_with(600);
    one.home.budget.limit = 0;
    cr_assert_not(inbox_absorb(inbox, &one.home, SIZE_MAX, 0));
    inbox_check(inbox);
    cr_assert_eq(inbox_size(inbox), 600);
    cr_assert_eq(one.home.parked_blocks, 3);
    use_all(inbox, 0);
    close_all();
}

Test(inbox, what_is_spilled_keeps_its_place_and_half_of_the_blocks_stay_free)
{
    struct inbox *inbox = open_with(600);
    inbox_use(inbox, &one.home, 5);
    inbox_spill(inbox, &one.home);
    inbox_check(inbox);
    cr_assert_eq(one.home.parked_blocks, 1, "two landing blocks have room in eight others");
    cr_assert(one.home.blocks.free_count >= DESK_BLOCKS / 2);
    cr_assert_eq(inbox_size(inbox), 595);
    inbox_spill(inbox, &one.home);
    cr_assert_eq(one.home.parked_blocks, 1);
    use_all(inbox, 5);
    close_all();
}

Test(inbox, all_that_waits_is_given_back)
{
    struct inbox *inbox = open_with(600);
    cr_assert(inbox_absorb(inbox, &one.home, 20, 0));
    inbox_spill(inbox, &one.home);
    inbox_drop(inbox, &one.home);
    cr_assert_eq(inbox_size(inbox), 0);
    cr_assert_eq(one.home.parked_blocks, 0);
    cr_assert_eq(one.home.blocks.free_count, DESK_BLOCKS);
    close_all();
}
