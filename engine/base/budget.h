/* budget.h - a limit on memory beyond what was preallocated. Only its worker takes from it; any thread
 * gives back. */
#ifndef MOONPORT_BUDGET_H
#define MOONPORT_BUDGET_H

#include "base/check.h"
#include "base/trim.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    _Atomic size_t used;  /* bytes */
    _Atomic size_t paged; /* of those, in whole pages (piece.h); the rest is the C library's */
    size_t limit;         /* bytes */
    struct trim trim;     /* for small pieces; used only by the owning worker */
};

static inline size_t budget_used(const struct budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

/* Bytes in small pieces. */
static inline size_t budget_small(const struct budget *budget)
{
    size_t paged = atomic_load_explicit(&budget->paged, memory_order_relaxed);
    size_t used = budget_used(budget);
    return used > paged ? used - paged : 0; /* another thread may have updated only one of them */
}

/* Only the owning worker takes, so `used` can only shrink between its check and its addition. */
static inline bool budget_take(struct budget *budget, size_t size)
{
    size_t used = budget_used(budget);
    if (used > budget->limit || size > budget->limit - used) return false;
    atomic_fetch_add_explicit(&budget->used, size, memory_order_relaxed);
    size_t small = budget_small(budget);
    if (small > budget->trim.peak) budget->trim.peak = small;
    return true;
}

static inline void budget_give(struct budget *budget, size_t size)
{
    size_t used = atomic_fetch_sub_explicit(&budget->used, size, memory_order_relaxed);
    check(used >= size);
}

/* A piece in whole pages is being taken, given back, or resized. To be called before taking and after giving back, so
 * that its bytes never count as small pieces. */
static inline void budget_note_paged(struct budget *budget, size_t before, size_t after)
{
    if (before != after)
        atomic_fetch_add_explicit(&budget->paged, after - before, memory_order_relaxed);
}

#endif
