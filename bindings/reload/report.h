/* report.h - collects lines of text for a person, as many as there is room for. */
#ifndef MOONPORT_REPORT_H
#define MOONPORT_REPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct report {
    char *text;
    size_t size, used; /* bytes */
};

/* `report` may be NULL: then nothing is added. */
__attribute__((format(printf, 2, 3))) static inline void report_add(struct report *report,
                                                                    const char *format, ...)
{
    va_list arguments;
    if (report == NULL) return;
    size_t room = report->size - report->used;
    va_start(arguments, format);
    int written = vsnprintf(report->text + report->used, room, format, arguments);
    va_end(arguments);
    if (written > 0) report->used += (size_t)written < room ? (size_t)written : room - 1;
}

/* Takes back what was added since it had so many bytes. */
static inline void report_cut(struct report *report, size_t used)
{
    report->used = used;
    report->text[used] = '\0';
}

#endif
