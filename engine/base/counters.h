/* counters.h - numbers that one thread writes and any thread reads. */
#ifndef MOONPORT_COUNTERS_H
#define MOONPORT_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

static inline uint64_t counter_get(const counter *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void counter_set(counter *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

/* Only for the one thread that writes the counter, so no locked instruction is needed. */
static inline void counter_add(counter *value, uint64_t by)
{
    counter_set(value, counter_get(value) + by);
}

#endif
