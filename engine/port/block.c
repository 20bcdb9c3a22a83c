#include "port/block.h"

#include "base/piece.h"

#include <stdlib.h>

enum { BLOCK_ALIGN = 64 }; /* a cache line */

/* Grown blocks share no pages with other memory, so their pages can be given back however long other pieces live.
 * Smaller blocks come from the C library one by one, and larger ones fill whole pages anyway. */
enum { SLAB_STRIDE_MIN = 2048, SLAB_STRIDE_MAX = 32768, SLAB_BLOCKS = 8, SLAB_HEAD = 64 };

struct slab {
    struct list node; /* among the slabs that have a free block */
    struct list free; /* blocks that have been used */
    uint32_t made;    /* blocks that were ever used */
    uint32_t used;    /* blocks in use */
};
static_assert(sizeof(struct slab) <= SLAB_HEAD, "blocks are aligned behind it");

static uint8_t *first_of(const struct block_pool *pool)
{
    uintptr_t address = (uintptr_t)pool->memory;
    return pool->memory + (-address & (BLOCK_ALIGN - 1));
}

static struct block *block_make(struct block_pool *pool, void *memory, uint32_t index)
{
    struct block *block = memory;
    *block = (struct block){.pool = pool,
                            .data = (uint8_t *)(block + 1),
                            .capacity = pool->block_size,
                            .index = (uint16_t)index,
                            .state = BLOCK_FREE};
    list_init(&block->node);
    return block;
}

static struct block *hand_out(struct block *block)
{
    check(block->state == BLOCK_FREE);
    block->state = BLOCK_TAKEN;
    block->begin = block->end = 0;
    block->holds_references = 0;
    block->owner = NULL;
    return block;
}

/* A power of two, so that a block's slab can be found from its address. */
static size_t slab_size_for(size_t stride)
{
    size_t size = PAGES_SIZE;
    if (PIECE_ENDS_SEEN || stride < SLAB_STRIDE_MIN || stride > SLAB_STRIDE_MAX) return 0;
    while (size < SLAB_HEAD + SLAB_BLOCKS * stride) size *= 2;
    return size;
}

bool block_pool_open(struct block_pool *pool, uint32_t count, uint32_t block_size,
                     struct budget *budget)
{
    check(count <= BLOCK_COUNT_MAX);
    size_t stride =
        (sizeof(struct block) + block_size + BLOCK_ALIGN - 1) & ~(size_t)(BLOCK_ALIGN - 1);
    *pool = (struct block_pool){.total = count,
                                .free_count = count,
                                .block_size = block_size,
                                .budget = budget,
                                .slab_size = slab_size_for(stride),
                                .stride = stride};
    list_init(&pool->free);
    list_init(&pool->slabs);
    /* A block's head is filled in when it is first taken: until then its memory stays untouched. */
    pool->memory = malloc(count * stride + BLOCK_ALIGN - 1);
    return pool->memory != NULL;
}

void block_pool_close(struct block_pool *pool)
{
    check(pool->free_count == pool->total);
    check(pool->grown_count == 0);
    free(pool->memory);
    *pool = (struct block_pool){0};
}

struct block *block_take(struct block_pool *pool)
{
    if (pool->free_count == 0) return NULL;
    pool->free_count--;
    struct list *node = list_take_first(&pool->free);
    if (node != NULL) return hand_out(block_of(node));

    uint32_t index = pool->used_count++;
    check(index < pool->total);
    return hand_out(block_make(pool, first_of(pool) + index * pool->stride, index));
}

/* ---- grown blocks ---- */

static struct slab *slab_of(const struct block *block)
{
    return (struct slab *)((uintptr_t)block & ~(uintptr_t)(block->pool->slab_size - 1));
}

static bool slab_is_full(const struct block_pool *pool, const struct slab *slab)
{
    return list_empty(&slab->free) && SLAB_HEAD + (slab->made + 1) * pool->stride > pool->slab_size;
}

static struct slab *slab_with_room(struct block_pool *pool)
{
    if (!list_empty(&pool->slabs)) return container_of(pool->slabs.next, struct slab, node);
    struct slab *slab = piece_take(pool->budget, pool->slab_size, 0, PAGES_SIZE);
    if (slab == NULL) return NULL;
    *slab = (struct slab){.made = 0};
    list_init(&slab->free);
    list_append(&pool->slabs, &slab->node);
    return slab;
}

static struct block *grow_in_slab(struct block_pool *pool)
{
    struct slab *slab = slab_with_room(pool);
    if (slab == NULL) return NULL;
    struct list *node = list_take_first(&slab->free);
    slab->used++;
    if (node == NULL)
        node = &block_make(pool, (uint8_t *)slab + SLAB_HEAD + slab->made++ * pool->stride,
                           BLOCK_GROWN)
                    ->node;
    if (slab_is_full(pool, slab)) list_remove(&slab->node);
    return block_of(node);
}

static void give_to_slab(struct block_pool *pool, struct block *block)
{
    struct slab *slab = slab_of(block);
    if (slab_is_full(pool, slab)) list_prepend(&pool->slabs, &slab->node);
    list_prepend(&slab->free, &block->node);
    check(slab->used > 0);
    if (--slab->used > 0) return;
    list_remove(&slab->node);
    piece_give(pool->budget, slab, pool->slab_size, PAGES_SIZE);
}

struct block *block_take_or_grow(struct block_pool *pool)
{
    struct block *block = block_take(pool);
    if (block != NULL || pool->budget == NULL) return block;
    if (pool->slab_size > 0) {
        block = grow_in_slab(pool);
    } else {
        block = piece_take(pool->budget, pool->stride, 0, SLAB_STRIDE_MAX + 1);
        if (block != NULL) block_make(pool, block, BLOCK_GROWN);
    }
    if (block == NULL) return NULL;
    pool->grown_count++;
    return hand_out(block);
}

static void give_grown(struct block_pool *pool, struct block *block)
{
    check(pool->grown_count > 0);
    pool->grown_count--;
    if (pool->slab_size > 0)
        give_to_slab(pool, block);
    else
        piece_give(pool->budget, block, pool->stride, SLAB_STRIDE_MAX + 1);
}

void block_give(struct block *block)
{
    struct block_pool *pool = block->pool;
    check(block->state == BLOCK_TAKEN);
    check(list_empty(&block->node));
    block->state = BLOCK_FREE;
    if (block->index == BLOCK_GROWN) {
        give_grown(pool, block);
        return;
    }
    check(pool->free_count < pool->total);
    pool->free_count++;
    list_prepend(&pool->free, &block->node);
}

struct block *block_at(struct block_pool *pool, uint32_t index)
{
    check(index < pool->used_count);
    return (struct block *)(first_of(pool) + index * pool->stride);
}
