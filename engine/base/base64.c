#include "base/base64.h"

/* A group is three bytes or four characters, both of 24 bits. */
enum { GROUP_BYTES = 3, GROUP_TEXT = 4 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits that a character stands for; -1: none. */
static int value_of(uint8_t character)
{
    const char *place = character == '\0' ? NULL : strchr(alphabet, character);
    return place == NULL ? -1 : (int)(place - alphabet);
}

size_t base64_encode(struct span bytes, char *text)
{
    size_t used = 0;
    while (bytes.size != 0) {
        struct span part = span_first(bytes, GROUP_BYTES);
        uint32_t group = 0;
        for (size_t i = 0; i < part.size; i++) group |= (uint32_t)part.data[i] << (16 - 8 * i);
        for (size_t i = 0; i < GROUP_TEXT; i++)
            text[used++] = (char)(i <= part.size ? alphabet[group >> (18 - 6 * i) & 63] : '=');
        bytes = span_skip(bytes, part.size);
    }
    text[used] = '\0';
    return used;
}

/* The bits of four characters, of which those that so many bytes leave over must be padding; -1: none. */
static int32_t group_of(const uint8_t *text, size_t bytes)
{
    int32_t group = 0;
    for (size_t i = 0; i < GROUP_TEXT; i++) {
        int value = i <= bytes ? value_of(text[i]) : 0;
        if (value < 0 || (i > bytes && text[i] != '=')) return -1;
        group = group << 6 | value;
    }
    return group;
}

bool base64_decode(struct span text, uint8_t *bytes, size_t size)
{
    if (text.size != BASE64_SIZE(size)) return false;
    for (size_t done = 0; done < size; text = span_skip(text, GROUP_TEXT)) {
        int32_t group = group_of(text.data, size - done);
        if (group < 0) return false;
        for (int shift = 16; shift >= 0 && done < size; shift -= 8)
            bytes[done++] = (uint8_t)(group >> shift);
    }
    return true;
}
