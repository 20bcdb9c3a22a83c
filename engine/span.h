/* span.h - a run of bytes that somebody else owns. */
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

/* What is left behind the first `size` bytes; size <= span.size. */
static inline struct span span_skip(struct span span, size_t size)
{
    return (struct span){span.data + size, span.size - size};
}

#endif
