/* histogram.h - how many values of each magnitude there were; a value is known to 1.6 %. */
#ifndef MOONPORT_HISTOGRAM_H
#define MOONPORT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { STEPS = 64 /* for each doubling */, BUCKETS = 64 * STEPS };

struct histogram {
    uint64_t buckets[BUCKETS], count, max;
};

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    size_t bucket = (size_t)value;
    if (value >= STEPS) {
        int shift = 63 - __builtin_clzll(value) - 6;
        bucket = (size_t)(shift + 1) * STEPS + (size_t)(value >> shift) - STEPS;
    }
    histogram->buckets[bucket]++;
    histogram->count++;
    if (value > histogram->max) histogram->max = value;
}

/* The value below which this part of them lies. */
static inline uint64_t histogram_part(const struct histogram *histogram, double part)
{
    uint64_t before = 0, wanted = (uint64_t)((double)histogram->count * part);
    size_t bucket = 0;
    while (bucket < BUCKETS - 1 && (before += histogram->buckets[bucket]) <= wanted) bucket++;
    if (bucket < STEPS) return bucket;
    return (uint64_t)(bucket % STEPS + STEPS) << (bucket / STEPS - 1);
}

static inline double histogram_part_us(const struct histogram *of_ns, double part)
{
    return (double)histogram_part(of_ns, part) / 1000;
}

#endif
