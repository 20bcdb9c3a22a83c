/* pattern.h - bytes that whoever knows their seed can check, from any place on: no two seeds have the
 * same first 8. (The finalizer of splitmix64, by Sebastiano Vigna, public domain.) */
#ifndef MOONPORT_PATTERN_H
#define MOONPORT_PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A bijection of 64 bits for each seed, and for each index. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t index)
{
    uint64_t word = seed + index * UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* Those from `offset` on. */
static inline void pattern_fill(uint64_t seed, size_t offset, uint8_t *bytes, size_t size)
{
    while (size != 0) {
        uint64_t word = pattern_word(seed, offset / sizeof word);
        size_t skip = offset % sizeof word;
        size_t part = sizeof word - skip < size ? sizeof word - skip : size;
        if (part == sizeof word)
            memcpy(bytes, &word, sizeof word);
        else
            memcpy(bytes, (uint8_t *)&word + skip, part);
        bytes += part;
        offset += part;
        size -= part;
    }
}

#endif
