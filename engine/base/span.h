/* span.h - a run of bytes that something else owns. */
#ifndef MOONPORT_SPAN_H
#define MOONPORT_SPAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Laid out like a struct iovec, so that a backend may pass an array of spans to the kernel. */
struct span {
    uint8_t *data;
    size_t size; /* bytes */
};

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){(uint8_t *)data, size};
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* The first `size` bytes, or all of them if there are fewer. */
static inline struct span span_first(struct span span, size_t size)
{
    return (struct span){span.data, size < span.size ? size : span.size};
}

/* The bytes after the first `size`; size <= span.size. */
static inline struct span span_skip(struct span span, size_t size)
{
    return (struct span){span.data + size, span.size - size};
}

/* At most `size` bytes of a text, without a partial UTF-8 character (RFC 3629 section 3) at the end. Bytes that
 * are not UTF-8 are cut anywhere. */
static inline struct span span_cut_text(struct span text, size_t size)
{
    if (text.size <= size) return text;
    size_t begin = size;
    while (begin > 0 && size - begin < 3 && (text.data[begin] & 0xc0) == 0x80) begin--;
    return span_first(text, text.data[begin] >= 0xc0 ? begin : size);
}

#endif
