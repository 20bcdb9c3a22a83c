/* least.h - the smaller of two numbers, and the difference of two. */
#ifndef MOONPORT_LEAST_H
#define MOONPORT_LEAST_H

#include <stdint.h>

static inline uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* all - some, or 0 if that would be negative. */
static inline uint64_t rest_of(uint64_t all, uint64_t some)
{
    return all > some ? all - some : 0;
}

#endif
