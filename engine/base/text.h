/* text.h - builds a text piece by piece in a buffer of fixed size. A piece that does not fit is cut or left out;
 * nothing is ever written past the buffer. */
#ifndef MOONPORT_TEXT_H
#define MOONPORT_TEXT_H

#include "base/check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text {
    char *bytes; /* always ends with a NUL */
    size_t size; /* of the buffer */
    size_t used; /* without the NUL */
    bool cut;    /* something had no room */
};

static inline struct text text_in(char *place, size_t size)
{
    check(size > 0);
    place[0] = '\0';
    return (struct text){.bytes = place, .size = size};
}

/* After one piece did not fit, all later ones are left out. */
__attribute__((format(printf, 2, 3))) static inline void text_add(struct text *text,
                                                                  const char *format, ...)
{
    va_list arguments;
    size_t room = text->size - text->used;
    if (text->cut) return;
    va_start(arguments, format);
    int written = vsnprintf(text->bytes + text->used, room, format, arguments);
    va_end(arguments);
    text->cut = written < 0 || (size_t)written >= room;
    if (written > 0) text->used += text->cut ? room - 1 : (size_t)written;
}

#endif
