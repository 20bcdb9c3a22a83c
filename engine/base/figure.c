#include "base/figure.h"

uint64_t figure_quantile(const struct histogram_sum *times, int index, const char **name)
{
    static const struct {
        const char *name;
        double part;
    } quantiles[FIGURE_QUANTILES - 1] = {{"p50", 0.5}, {"p99", 0.99}};
    if (index == FIGURE_QUANTILES - 1) {
        *name = "max";
        return times->largest_ns;
    }
    *name = quantiles[index].name;
    return histogram_quantile(times, quantiles[index].part);
}
