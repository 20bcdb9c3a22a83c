/* log.h - one line per event, on standard error: time, level, text. Any thread; a line is never
 * torn. What cannot be written (nobody reads the pipe, the disk is full) is lost and counted, and
 * nobody waits for it. Owns nothing. */
#ifndef MOONPORT_LOG_H
#define MOONPORT_LOG_H

#include "base/span.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are not written. LOG_INFO at start. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* What lines of this thread begin with, kept by the caller: the name of a server that is not the only
 * one. NULL, as at first: nothing. */
void log_name_thread(const char *name);

/* "error" "warn" "info" "debug"; false if it is none of them. */
bool log_level_of(const char *name, enum log_level *level);

/* Control characters in the text are written as \xNN: nobody can forge a line. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

/* The same with a text of any bytes as it stands. */
void log_text(enum log_level level, struct span text);

/* The text as C takes it: with \x00 for each NUL, as far as there is room. Returns `room`. */
const char *log_plain(struct span text, char *room, size_t size);

#endif
