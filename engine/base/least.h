/* least.h - the smaller of two. */
#ifndef MOONPORT_LEAST_H
#define MOONPORT_LEAST_H

#include <stdint.h>

static inline uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* What is left of `all` without `some`; 0 if that is more. */
static inline uint64_t rest_of(uint64_t all, uint64_t some)
{
    return all > some ? all - some : 0;
}

#endif
