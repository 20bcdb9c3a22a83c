#include "system/buffer.h"

#include <stdarg.h>
#include <stdio.h>

bool buffer_add_bytes(struct buffer *buffer, struct span bytes)
{
    if (!buffer_reserve(buffer, bytes.size)) return false;
    if (bytes.size > 0) memcpy(buffer->data + buffer->end, bytes.data, bytes.size);
    buffer->end += bytes.size;
    return true;
}

bool buffer_add(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bool fine = size >= 0 && buffer_reserve(buffer, (size_t)size + 1); /* with a NUL */
    if (fine) vsnprintf((char *)buffer->data + buffer->end, (size_t)size + 1, format, again);
    va_end(again);
    if (fine) buffer->end += (size_t)size;
    return fine;
}
