/* config_internal.h - what the two halves of config.c's work share: setting and finishing. */
#ifndef MOONPORT_CONFIG_INTERNAL_H
#define MOONPORT_CONFIG_INTERNAL_H

#include "config.h"

#include <inttypes.h>

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

/* A worker with fewer blocks than this could not even answer in turns. */
enum { CONFIG_BLOCKS_RESERVED = 16 };

/* A size as a person would type it. */
struct size_text {
    char text[24];
};

static inline struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = {"", "K", "M", "G"};
    struct size_text size;
    int unit = 0;
    for (; unit < 3 && bytes > 0 && bytes % K == 0; unit++) bytes /= K;
    snprintf(size.text, sizeof size.text, "%" PRIu64 "%s", bytes, units[unit]);
    return size;
}

/* Every figure is within its bounds? A program that fills in the fields itself has not been through
 * config_set. */
bool config_check_ranges(const struct config *config, struct error *error);

#endif
