#include "port/chunk.h"

#include "base/piece.h"

/* Sizes from here on are taken as whole pages: rounding up wastes at most a third. For smaller ones it could be
 * half. */
enum { PAGED_FROM = 8192 };

struct chunk *chunk_make(struct budget *budget, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct chunk)) return NULL;
    size_t size_all = sizeof(struct chunk) + size;
    struct chunk *chunk = piece_take(budget, size_all, 0, PAGED_FROM);
    if (chunk == NULL) return NULL;
    atomic_init(&chunk->holders, 1);
    chunk->budget = budget;
    chunk->size = size;
    return chunk;
}

void chunk_hold(struct chunk *chunk)
{
    uint32_t before = atomic_fetch_add_explicit(&chunk->holders, 1, memory_order_relaxed);
    check(before > 0);
    check(before < UINT32_MAX);
}

void chunk_drop(struct chunk *chunk)
{
    /* acq_rel: all holders' uses of the bytes happen before the last one frees them. */
    uint32_t before = atomic_fetch_sub_explicit(&chunk->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before > 1) return;
    struct budget *budget = chunk->budget;
    piece_give(budget, chunk, sizeof(struct chunk) + chunk->size, PAGED_FROM);
}
