#include "block.h"

#include <stdlib.h>

enum { BLOCK_ALIGN = 64 }; /* a cache line */

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
                                .stride = stride};
    list_init(&pool->free);
    /* Heads are made at a block's first take: until then the system need not back its memory. */
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

struct block *block_take_or_grow(struct block_pool *pool)
{
    struct block *block = block_take(pool);
    if (block != NULL) return block;
    if (pool->budget == NULL || !budget_take(pool->budget, pool->stride)) return NULL;
    void *memory = malloc(pool->stride);
    if (memory == NULL) {
        budget_give(pool->budget, pool->stride);
        return NULL;
    }
    pool->grown_count++;
    return hand_out(block_make(pool, memory, BLOCK_GROWN));
}

void block_give(struct block *block)
{
    struct block_pool *pool = block->pool;
    check(block->state == BLOCK_TAKEN);
    check(list_empty(&block->node));
    block->state = BLOCK_FREE;
    if (block->index == BLOCK_GROWN) {
        check(pool->grown_count > 0);
        pool->grown_count--;
        free(block);
        budget_give(pool->budget, pool->stride);
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
