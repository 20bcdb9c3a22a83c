/* buffer.h - a buffer of bytes, added at the end and taken off the front. They are in one piece, which grows as
 * needed. Zeroed, it is empty; the owner frees `data`. */
#ifndef MOONPORT_BUFFER_H
#define MOONPORT_BUFFER_H

#include "base/check.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdlib.h>

struct buffer {
    uint8_t *data;
    size_t begin, end, capacity; /* the bytes are data[begin .. end) */
};

static inline size_t buffer_size(const struct buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline struct span buffer_bytes(const struct buffer *buffer)
{
    if (buffer_size(buffer) == 0) return span_of(buffer->data, 0); /* data may be NULL */
    return span_of(buffer->data + buffer->begin, buffer_size(buffer));
}

static inline void buffer_consume(struct buffer *buffer, size_t size)
{
    check(size <= buffer_size(buffer));
    buffer->begin += size;
    if (buffer->begin == buffer->end) buffer->begin = buffer->end = 0;
}

/* Makes room for `room` bytes after the end. False: there is no memory. */
static inline bool buffer_reserve(struct buffer *buffer, size_t room)
{
    if (buffer->capacity - buffer->end >= room) return true;
    size_t size = buffer_size(buffer);
    if (size != 0) memmove(buffer->data, buffer->data + buffer->begin, size);
    buffer->begin = 0;
    buffer->end = size;
    /* Half of it stays free, so that moving bytes costs no more than receiving them. */
    size_t capacity = 2 * (size + room);
    if (buffer->capacity >= capacity) return true;
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

/* Add at the end. False, and nothing is added: there is no memory. */
bool buffer_add_bytes(struct buffer *buffer, struct span bytes);
__attribute__((format(printf, 2, 3))) bool buffer_add(struct buffer *buffer, const char *format,
                                                      ...);

#endif
