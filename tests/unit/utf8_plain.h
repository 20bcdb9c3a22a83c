/* utf8_plain.h - says what UTF-8 is by arithmetic (RFC 3629 section 3): slow, and with nothing in common with what is
 * tested against it. */
#ifndef MOONPORT_TEST_UTF8_PLAIN_H
#define MOONPORT_TEST_UTF8_PLAIN_H

#include "base/span.h"

#include <stdbool.h>

enum utf8_plain { UTF8_WHOLE, UTF8_BEGUN, UTF8_WRONG };

/* How many bytes the character with that first byte has; 0: none begins so. */
static inline size_t utf8_plain_size(uint8_t first)
{
    if (first < 0x80) return 1;
    for (size_t size = 2; size <= 4; size++)
        if (first >> (7 - size) == (0xfe & (0xff >> (7 - size)))) return size;
    return 0;
}

/* Whether one of these numbers is a character's that takes so many bytes. */
static inline bool utf8_plain_has(uint32_t from, uint32_t to, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (from < least[size]) from = least[size];
    if (from >= 0xd800 && from <= 0xdfff) from = 0xe000;
    return from <= to && from <= 0x10ffff;
}

/* Of bytes that have come: do they begin one character, or are they one? At least one byte, and no more than the
 * character has. */
static inline enum utf8_plain utf8_plain_character(struct span bytes)
{
    size_t size = utf8_plain_size(bytes.data[0]);
    if (size == 0) return UTF8_WRONG;
    if (size == 1) return UTF8_WHOLE;
    uint32_t number = bytes.data[0] & (0x7fu >> size);
    for (size_t i = 1; i < bytes.size; i++) {
        if (bytes.data[i] < 0x80 || bytes.data[i] > 0xbf) return UTF8_WRONG;
        number = number * 64 + (bytes.data[i] - 0x80u);
    }
    uint32_t left = 1; /* how many numbers begin like this one */
    for (size_t i = bytes.size; i < size; i++) left *= 64;
    if (!utf8_plain_has(number * left, number * left + left - 1, size)) return UTF8_WRONG;
    return bytes.size == size ? UTF8_WHOLE : UTF8_BEGUN;
}

/* Of a text that has come so far; empty: WHOLE. WRONG: whatever follows, it is not UTF-8. */
static inline enum utf8_plain utf8_plain(struct span text)
{
    enum utf8_plain found = UTF8_WHOLE;
    while (text.size != 0 && found == UTF8_WHOLE) {
        size_t size = utf8_plain_size(text.data[0]);
        struct span character = span_first(text, size);
        if (size == 0) return UTF8_WRONG;
        found = utf8_plain_character(character);
        text = span_skip(text, character.size);
    }
    return found;
}

#endif
