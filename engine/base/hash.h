/* hash.h - a hash of bytes with a seed, for tables of names: a peer that chooses names does not know which of them
 * collide. Differs between machines of different byte order. */
#ifndef MOONPORT_HASH_H
#define MOONPORT_HASH_H

#include "base/span.h"

#include <stdint.h>
#include <string.h>

/* Every bit of the result depends on every bit of the argument. */
static inline uint64_t hash_stir(uint64_t bits)
{
    bits ^= bits >> 32;
    bits *= UINT64_C(0x9e3779b97f4a7c15);
    bits ^= bits >> 29;
    bits *= UINT64_C(0xd6e8feb86659fd93);
    return bits ^ bits >> 32;
}

static inline uint64_t hash_bytes(uint64_t seed, struct span bytes)
{
    uint64_t hash = hash_stir(seed ^ bytes.size);
    while (bytes.size > 0) {
        struct span part = span_first(bytes, sizeof(uint64_t));
        uint64_t word = 0;
        memcpy(&word, part.data, part.size);
        hash = hash_stir((hash + seed) ^ word);
        bytes = span_skip(bytes, part.size);
    }
    return hash;
}

#endif
