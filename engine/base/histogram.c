#include "base/histogram.h"

void histogram_read(const struct histogram *histogram, struct histogram_sum *sum)
{
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        uint64_t count = counter_get(&histogram->classes[i]);
        sum->classes[i] += count;
        sum->count += count;
    }
    sum->total_ns += counter_get(&histogram->total_ns);
    uint64_t largest_ns = counter_get(&histogram->largest_ns);
    if (largest_ns > sum->largest_ns) sum->largest_ns = largest_ns;
}

uint64_t histogram_end_ns(size_t class)
{
    uint64_t units = class + 1;
    if (class >= HISTOGRAM_STEPS) {
        size_t exponent = class / HISTOGRAM_STEPS + 1;
        units = (HISTOGRAM_STEPS + class % HISTOGRAM_STEPS + 1) << (exponent - 2);
    }
    return units << HISTOGRAM_SHIFT;
}

uint64_t histogram_quantile(const struct histogram_sum *sum, double part)
{
    uint64_t below = 0;
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        below += sum->classes[i];
        if (below == 0 || (double)below < part * (double)sum->count) continue;
        return histogram_end_ns(i) < sum->largest_ns ? histogram_end_ns(i) : sum->largest_ns;
    }
    return sum->largest_ns;
}
