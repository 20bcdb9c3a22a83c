/* budget.h - a bound on memory beyond what was preallocated. Taken by its worker, given back from
 * any thread. */
#ifndef MOONPORT_BUDGET_H
#define MOONPORT_BUDGET_H

#include "check.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    _Atomic size_t used; /* bytes */
    size_t limit;        /* bytes */
};

static inline size_t budget_used(const struct budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

/* Only the owning worker takes, so what it sees as used can only have shrunk when it adds. */
static inline bool budget_take(struct budget *budget, size_t size)
{
    size_t used = budget_used(budget);
    if (used > budget->limit || size > budget->limit - used) return false;
    atomic_fetch_add_explicit(&budget->used, size, memory_order_relaxed);
    return true;
}

static inline void budget_give(struct budget *budget, size_t size)
{
    size_t used = atomic_fetch_sub_explicit(&budget->used, size, memory_order_relaxed);
    check(used >= size);
}

#endif
