/* error.h - an error message for people: what went wrong, where, and what to do. */
#ifndef MOONPORT_ERROR_H
#define MOONPORT_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* The values are the exit statuses of the program. */
enum error_kind {
    ERROR_NONE = 0,
    ERROR_INPUT = 1,  /* the script or the configuration is wrong */
    ERROR_USAGE = 2,  /* the command line is wrong */
    ERROR_SYSTEM = 3, /* the system refused: port taken, no permission, no memory */
};

struct error {
    enum error_kind kind;
    char text[2048]; /* no line end */
};

/* Always returns false, so that a failing function can `return error_set(...)`. */
__attribute__((format(printf, 3, 4))) static inline bool error_set(struct error *error,
                                                                   enum error_kind kind,
                                                                   const char *format, ...)
{
    va_list arguments;
    error->kind = kind;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

#endif
