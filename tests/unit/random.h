/* random.h - numbers for tests: the same ones for the same seed, on every platform. */
#ifndef MOONPORT_TEST_RANDOM_H
#define MOONPORT_TEST_RANDOM_H

#include <stdint.h>

/* George Marsaglia's xorshift64. The state begins with the seed, which must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

#endif
