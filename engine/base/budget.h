/* budget.h - a bound on memory beyond what was preallocated. Taken by its worker, given back from
 * any thread. */
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
    struct trim trim;     /* of the small pieces; the owning worker's */
};

static inline size_t budget_used(const struct budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

/* Bytes of small pieces. */
static inline size_t budget_small(const struct budget *budget)
{
    size_t paged = atomic_load_explicit(&budget->paged, memory_order_relaxed);
    size_t used = budget_used(budget);
    return used > paged ? used - paged : 0; /* another thread may be between both */
}

/* Only the owning worker takes, so what it sees as used can only have shrunk when it adds. */
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

/* Some that is in whole pages is about to be taken, was given, or changes its size: before it is taken, and
 * after it is given, so that it never seems to be small. */
static inline void budget_note_paged(struct budget *budget, size_t before, size_t after)
{
    if (before != after)
        atomic_fetch_add_explicit(&budget->paged, after - before, memory_order_relaxed);
}

#endif
