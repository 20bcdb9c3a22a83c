/* check.h - assertions that stay on in release builds. One condition each: the line number says which. */
#ifndef MOONPORT_CHECK_H
#define MOONPORT_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define check(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

_Noreturn static inline void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "moonport: this is a bug: %s:%d: check failed: %s\n", file, line, condition);
    abort();
}

#endif
