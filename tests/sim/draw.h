/* draw.h - what a run decides by its seed: the same seed draws the same, on every platform. */
#ifndef MOONPORT_SIM_DRAW_H
#define MOONPORT_SIM_DRAW_H

#include "../unit/random.h"

#include <stdbool.h>
#include <stddef.h>

struct draw {
    uint64_t state;
};

/* Seeds that are next to each other, and the sources that one seed has, have nothing in common.
 * (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the finalizer.) */
static inline struct draw draw_begin(uint64_t seed, uint64_t source)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + source * UINT64_C(0xd1342543de82ef95) + 1;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (struct draw){.state = x != 0 ? x : 1};
}

/* 0 .. count - 1 */
static inline uint64_t draw_below(struct draw *draw, uint64_t count)
{
    return random_next(&draw->state) % count;
}

/* least .. most */
static inline uint64_t draw_between(struct draw *draw, uint64_t least, uint64_t most)
{
    return least + draw_below(draw, most - least + 1);
}

/* True so many times in a thousand. */
static inline bool draw_chance(struct draw *draw, unsigned permille)
{
    return permille > 0 && draw_below(draw, 1000) < permille;
}

/* Mostly small, seldom up to `most`: each half as often as one half as large. At least 1. */
static inline uint64_t draw_size(struct draw *draw, uint64_t most)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(most | 1);
    uint64_t limit = UINT64_C(1) << draw_below(draw, bits + 1);
    uint64_t size = draw_between(draw, 1, limit);
    return size < most ? size : most;
}

#endif
