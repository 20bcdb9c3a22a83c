#include "port/port_uring_landing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, WANTED_MIN = 4 };

static int register_ring(const struct landing *landing, struct io_uring *uring, uint32_t count)
{
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)landing->ring, .ring_entries = count, .bgid = LANDING_GROUP};
    return io_uring_register_buf_ring(uring, &registration, 0);
}

int landing_open(struct landing *landing, struct io_uring *uring, uint32_t count, uint32_t size)
{
    size_t bytes = count * sizeof(struct io_uring_buf);
    *landing = (struct landing){.wanted = count};
    list_init(&landing->spare);
    if (count == 0) return 0;
    check((count & (count - 1)) == 0);
    landing->ring = aligned_alloc(PAGE, (bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
    if (landing->ring == NULL) return -ENOMEM;
    if (!block_pool_open(&landing->blocks, count, size, NULL)) {
        free(landing->ring);
        landing->ring = NULL;
        return -ENOMEM;
    }
    memset(landing->ring, 0, bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct block *block = block_take(&landing->blocks);
        check(block != NULL);
        list_append(&landing->spare, &block->node);
    }
    int result = register_ring(landing, uring, count);
    if (result == 0)
        landing_offer(landing);
    else
        landing_close(landing);
    return result;
}

void landing_close(struct landing *landing)
{
    struct block_pool *blocks = &landing->blocks;
    if (landing->ring == NULL) return;
    landing->wanted = blocks->total;
    landing_offer(landing); /* moves the spare ones to the ring, so that all are there */
    check(landing->free == blocks->total);
    for (uint32_t i = 0; i < blocks->total; i++) block_give(block_at(blocks, i));
    block_pool_close(blocks);
    free(landing->ring);
    landing->ring = NULL;
}

void landing_offer(struct landing *landing)
{
    int mask = io_uring_buf_ring_mask(landing->blocks.total), count = 0;
    struct list *node;
    while (landing->free < landing->wanted && (node = list_take_first(&landing->spare)) != NULL) {
        struct block *block = block_of(node);
        block->begin = block->end = 0;
        io_uring_buf_ring_add(landing->ring, block->data, block->capacity, block->index, mask,
                              count++);
        landing->free++;
    }
    if (count > 0) io_uring_buf_ring_advance(landing->ring, count);
}

struct block *landing_filled(struct landing *landing, const struct io_uring_cqe *completion)
{
    landing->free--;
    return block_at(&landing->blocks, completion->flags >> IORING_CQE_BUFFER_SHIFT);
}

void landing_done(struct landing *landing, struct block *block)
{
    bool is_large = block->end > block->capacity / 8;
    if (is_large && landing->wanted > WANTED_MIN) landing->wanted--;
    if (!is_large && landing->wanted < landing->blocks.total) landing->wanted++;
    list_prepend(&landing->spare, &block->node);
}
