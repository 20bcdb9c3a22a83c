/* http_text.h - characters and comparisons that all parts of HTTP share. ASCII only, whatever the locale. */
#ifndef MOONPORT_HTTP_TEXT_H
#define MOONPORT_HTTP_TEXT_H

#include "base/span.h"

#include <stdbool.h>

static inline bool http_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static inline uint8_t http_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static inline bool http_is_alphanumeric(uint8_t byte)
{
    return http_is_digit(byte) || (http_lower(byte) >= 'a' && http_lower(byte) <= 'z');
}

/* A letter, a digit, or one of these marks. */
static inline bool http_is_one_of(uint8_t byte, const char *marks)
{
    return http_is_alphanumeric(byte) || (byte != '\0' && strchr(marks, byte) != NULL);
}

/* tchar of RFC 9110 section 5.6.2: methods and names of fields consist of them. */
static inline bool http_is_token(uint8_t byte)
{
    return http_is_one_of(byte, "!#$%&'*+-.^_`|~");
}

/* Space or tab (RFC 9110 section 5.6.3). */
static inline bool http_is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* The value of a hexadecimal digit; -1: it is none. */
static inline int http_hex(uint8_t byte)
{
    if (http_is_digit(byte)) return byte - '0';
    uint8_t letter = http_lower(byte);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The byte that "%41" stands for, at the front of a text; -1: no such triplet is there (RFC 3986 section 2.1). */
static inline int http_triplet(struct span text)
{
    if (text.size < 3 || text.data[0] != '%') return -1;
    int high = http_hex(text.data[1]), low = http_hex(text.data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* How many bytes are in front of the first of this one; all if there is none. */
static inline size_t http_span_until(struct span text, uint8_t byte)
{
    const uint8_t *place = text.size == 0 ? NULL : memchr(text.data, byte, text.size);
    return place == NULL ? text.size : (size_t)(place - text.data);
}

/* The text without blanks around it. */
static inline struct span http_trim(struct span text)
{
    while (text.size != 0 && http_is_blank(text.data[0])) text = span_skip(text, 1);
    while (text.size != 0 && http_is_blank(text.data[text.size - 1])) text.size--;
    return text;
}

/* To the letter: methods and paths (RFC 9110 section 9.1). */
static inline bool http_is(struct span text, const char *other)
{
    return text.size == strlen(other) &&
           (text.size == 0 || memcmp(text.data, other, text.size) == 0);
}

/* In any case: names of fields, schemes, most words in fields. */
static inline bool http_is_like(struct span text, const char *other)
{
    if (text.size != strlen(other)) return false;
    for (size_t i = 0; i < text.size; i++)
        if (http_lower(text.data[i]) != http_lower((uint8_t)other[i])) return false;
    return true;
}

#endif
