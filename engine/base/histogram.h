/* histogram.h - how often something took how long: counted by one thread, read by any. Durations are counted in
 * classes, four to each power of two, up to 137 s: a quantile is too high by a quarter at most, or by 1 us below 4 us.
 * The largest is exact. */
#ifndef MOONPORT_HISTOGRAM_H
#define MOONPORT_HISTOGRAM_H

#include "base/counters.h"

#include <stddef.h>

enum {
    HISTOGRAM_SHIFT = 10, /* durations are counted in units of 1.024 us */
    HISTOGRAM_STEPS = 4,  /* classes to a power of two */
    HISTOGRAM_CLASSES = 26 * HISTOGRAM_STEPS,
};

/* Zero-initialized. */
struct histogram {
    counter classes[HISTOGRAM_CLASSES];
    counter total_ns, largest_ns;
};

/* A copy of one, or the sum of several. */
struct histogram_sum {
    uint64_t classes[HISTOGRAM_CLASSES];
    uint64_t count, total_ns, largest_ns;
};

static inline size_t histogram_class(uint64_t duration_ns)
{
    uint64_t units = duration_ns >> HISTOGRAM_SHIFT;
    if (units < HISTOGRAM_STEPS) return (size_t)units;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(units); /* at least 2 */
    size_t class =
        (size_t)(exponent - 1) * HISTOGRAM_STEPS + (units >> (exponent - 2)) % HISTOGRAM_STEPS;
    return class < HISTOGRAM_CLASSES ? class : HISTOGRAM_CLASSES - 1;
}

/* The first duration above a class. */
uint64_t histogram_end_ns(size_t class);

/* On the one thread that counts: so many of that duration, as one that was looked at stands for others. */
static inline void histogram_add_many(struct histogram *histogram, uint64_t duration_ns,
                                      uint64_t count)
{
    counter_add(&histogram->classes[histogram_class(duration_ns)], count);
    counter_add(&histogram->total_ns, count * duration_ns);
    if (duration_ns > counter_get(&histogram->largest_ns))
        counter_set(&histogram->largest_ns, duration_ns);
}

static inline void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
    histogram_add_many(histogram, duration_ns, 1);
}

/* Adds what was counted so far. Any thread. */
void histogram_read(const struct histogram *histogram, struct histogram_sum *sum);

/* The duration that a part of all durations (0.5: half of them) does not exceed, at most the largest; 0: there is
 * none. */
uint64_t histogram_quantile(const struct histogram_sum *sum, double part);

#endif
