/* log.h - one line per event, on standard error: time, level, text. Any thread; a line is never
 * torn. What cannot be written (nobody reads the pipe, the disk is full) is lost and counted, and
 * nobody waits for it. Owns nothing. */
#ifndef MOONPORT_LOG_H
#define MOONPORT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Lets through `LOG_BURST` lines a second and counts the rest, so that a peer who repeats a mistake
 * cannot fill a disk. One per thread and kind of message. */
enum { LOG_BURST = 5 };
struct log_limit {
    uint64_t second_ns; /* when the present second began */
    uint32_t lines;     /* let through since */
    uint64_t held_back; /* not written since the last that was */
};

/* True if a line may be written at `now_ns` (of the port's clock). Sets *held_back to the lines
 * that were suppressed since the last one, for the new line to mention. */
bool log_allowed(struct log_limit *limit, uint64_t now_ns, uint64_t *held_back);

/* For what peers do every day, and nobody has to act on: one line a minute. One per thread and kind. */
enum { LOG_SELDOM_S = 60 };
struct log_seldom {
    uint64_t next_ns;   /* no line before */
    uint64_t held_back; /* not written since the last that was */
};

/* The same as log_allowed. */
bool log_allowed_seldom(struct log_seldom *seldom, uint64_t now_ns, uint64_t *held_back);

/* That mention, for the end of the line: " (7 like it not shown)", or "" for none. Returns `text`,
 * which has room for LOG_MORE_MAX. */
enum { LOG_MORE_MAX = 64 };
const char *log_more(uint64_t held_back, char *text);

#endif
