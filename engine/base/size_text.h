/* size_text.h - a size as a person would type it: "16M". */
#ifndef MOONPORT_SIZE_TEXT_H
#define MOONPORT_SIZE_TEXT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

struct size_text {
    char text[24];
};

/* Uses the largest unit that divides the size. */
static inline struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = {"", "K", "M", "G"};
    struct size_text size;
    int unit = 0;
    for (; unit < 3 && bytes > 0 && bytes % 1024 == 0; unit++) bytes /= 1024;
    snprintf(size.text, sizeof size.text, "%" PRIu64 "%s", bytes, units[unit]);
    return size;
}

#endif
