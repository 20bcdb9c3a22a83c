/* log.h - one line per event, on standard error: time, level, text. Any thread; lines are never mixed. A
 * line that cannot be written (the pipe is not read, the disk is full) is lost and counted, and no thread
 * keeps waiting for it. Owns nothing. */
#ifndef MOONPORT_LOG_H
#define MOONPORT_LOG_H

#include "base/span.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are not written. LOG_INFO at start. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_wants(enum log_level level);

/* Sets a prefix for the lines of this thread, such as the name of one of several servers. The caller
 * keeps the string. NULL, the default: none. */
void log_name_thread(const char *name);

/* name: "error" "warn" "info" "debug"; false if it is none of them. */
bool log_level_of(const char *name, enum log_level *level);
const char *log_level_text(enum log_level level);

/* Control characters in the text are written as \xNN, so that a peer cannot forge lines. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

/* The same for a text of any bytes, without formatting. */
void log_text(enum log_level level, struct span text);

/* Makes a C string of the text, with \x00 for each NUL, as far as there is room. Returns `room`. */
const char *log_plain(struct span text, char *room, size_t size);

#endif
