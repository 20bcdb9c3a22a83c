/* log_recent.h - the last lines of the log, for a reader who comes later: at most LOG_RECENT_LINES of them, and
 * LOG_RECENT_BYTES of their text. The log adds each line that it writes; any thread reads. There is one for the
 * process, which takes no memory from the system until lines come. */
#ifndef MOONPORT_LOG_RECENT_H
#define MOONPORT_LOG_RECENT_H

#include "base/span.h"

enum { LOG_RECENT_LINES = 1000, LOG_RECENT_BYTES = 256 << 10, LOG_RECENT_TEXT_MAX = 4096 };

struct log_recent_line {
    uint64_t number;  /* from 1, each one more than the line before it */
    uint64_t time_us; /* since 1970 */
    uint8_t level;    /* enum log_level */
    struct span text; /* as in the log, without time, level and the end of the line */
};

/* Any thread. A text beyond LOG_RECENT_TEXT_MAX is cut. */
void log_recent_add(uint64_t time_us, uint8_t level, struct span text);

/* Visits the lines whose numbers are above `after`, the oldest first; each is copied before, so the visitor may take
 * its time and may log. The first number is above after + 1 when lines between were lost. Returns the number of the
 * last line there is, 0 before the first; it may be below `after` when that is of another process. Any thread. */
uint64_t log_recent_read(uint64_t after,
                         void (*visit)(void *context, const struct log_recent_line *line),
                         void *context);

#endif
