#include "admin/amount.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const char *scaled(uint64_t value, uint64_t base, const char *const *units,
                          char text[AMOUNT_MAX])
{
    uint64_t one = 1;
    int unit = 0;
    while (value / one >= base && units[unit + 1] != NULL) one *= base, unit++;
    uint64_t whole = value / one;
    int places = one == 1 || whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
    const char *blank = units[unit][0] != '\0' ? " " : "";
    if (places == 0) {
        snprintf(text, AMOUNT_MAX, "%" PRIu64 "%s%s", whole, blank, units[unit]);
        return text;
    }
    uint64_t part = value % one / (one / base) * (places == 1 ? 10 : 100) / base;
    snprintf(text, AMOUNT_MAX, "%" PRIu64 ".%0*" PRIu64 " %s", whole, places, part, units[unit]);
    return text;
}

const char *amount_bytes(uint64_t bytes, char text[AMOUNT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", NULL};
    return scaled(bytes, 1024, units, text);
}

const char *amount_count(uint64_t count, char text[AMOUNT_MAX])
{
    static const char *const units[] = {"", "k", "M", "G", NULL};
    return scaled(count, 1000, units, text);
}

const char *amount_share(uint64_t part, uint64_t all, char text[AMOUNT_MAX])
{
    uint64_t mille = all == 0 ? 0 : (uint64_t)((double)part / (double)all * 1000 + 0.5);
    snprintf(text, AMOUNT_MAX, "%" PRIu64 ".%" PRIu64 "%%", mille / 10, mille % 10);
    return text;
}

const char *amount_seconds(uint64_t duration_ns, char text[AMOUNT_MAX])
{
    uint64_t ms = (duration_ns + 500000) / 1000000;
    snprintf(text, AMOUNT_MAX, "%" PRIu64 ".%03" PRIu64 " s", ms / 1000, ms % 1000);
    return text;
}
