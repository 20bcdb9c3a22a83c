/* block.h - preallocated I/O blocks: an operation's bookkeeping and its bytes in one piece.
 *
 * A pool owns its blocks and belongs to one thread. Taking and giving are O(1) without a lock:
 *
 *     head -> [free] -> [free] -> [free] <- tail        taken at the head, given back at the head,
 *                                                       so that the warmest memory is used first
 *
 * When a pool is empty, more blocks may be grown, at the cost of a budget: mostly in slabs of several blocks, which
 * count towards the budget as long as one of their blocks is in use. */
#ifndef MOONPORT_BLOCK_H
#define MOONPORT_BLOCK_H

#include "base/budget.h"
#include "base/list.h"
#include "base/span.h"

#include <assert.h>

enum block_state { BLOCK_FREE, BLOCK_TAKEN, BLOCK_AT_PORT };

struct block {
    struct list node;                /* in the free list, an outbox or a link's parked input */
    struct block_pool *pool;         /* that it is given back to */
    void *owner;                     /* the port_socket it receives for, while the port has it */
    uint8_t *data;                   /* its `capacity` bytes, behind this head */
    uint32_t capacity;               /* bytes */
    uint32_t begin, end;             /* the valid bytes are data[begin .. end) */
    uint32_t sequence;               /* number in the stream that it was received from */
    uint16_t index;                  /* in the pool; BLOCK_GROWN: it was grown */
    uint8_t state;                   /* enum block_state */
    uint8_t holds_references;        /* in an outbox: references to chunks, not bytes */
    uint8_t filled;                  /* at the port: received, but not yielded yet */
    _Alignas(16) uint8_t kernel[32]; /* the kernel's own bookkeeping: OVERLAPPED on Windows */
};
static_assert(sizeof(struct block) <= 128, "two cache lines");

enum { BLOCK_GROWN = UINT16_MAX, BLOCK_COUNT_MAX = UINT16_MAX - 1 };

struct block_pool {
    struct list free;      /* head and tail of the free blocks that have been used */
    uint32_t total;        /* blocks made at start */
    uint32_t free_count;   /* of those, how many are free */
    uint32_t used_count;   /* of those, how many were ever taken; the others were never touched */
    uint32_t grown_count;  /* grown blocks in use, beyond `total` */
    uint32_t block_size;   /* data bytes of each block */
    struct budget *budget; /* that grown blocks count towards; NULL: none may be grown */
    struct list slabs;     /* slabs of grown blocks that have a free one */
    size_t slab_size;      /* bytes of each slab; 0: blocks are grown one by one */
    size_t stride;         /* bytes from one block to the next */
    uint8_t *memory;
    struct block_pool *large; /* a pool of a few much larger blocks, for sends; or NULL */
};

/* Allocates all blocks; false when the system has no memory. count <= BLOCK_COUNT_MAX. */
bool block_pool_open(struct block_pool *pool, uint32_t count, uint32_t block_size,
                     struct budget *budget);

/* Every block must have been given back. */
void block_pool_close(struct block_pool *pool);

/* An empty block of the pool, or NULL if none is free. */
struct block *block_take(struct block_pool *pool);

/* The same, but grows a block when none is free; NULL when the budget is used up too. */
struct block *block_take_or_grow(struct block_pool *pool);

void block_give(struct block *block);

struct block *block_at(struct block_pool *pool, uint32_t index);

/* The smallest number of free blocks that there ever was. Blocks are only used for the first time when no used block is
 * free. */
static inline uint32_t block_pool_lowest(const struct block_pool *pool)
{
    return pool->total - pool->used_count;
}

static inline struct span block_bytes(const struct block *block)
{
    return span_of(block->data + block->begin, block->end - block->begin);
}

static inline struct block *block_of(struct list *node)
{
    return container_of(node, struct block, node);
}

#endif
