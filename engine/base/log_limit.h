/* log_limit.h - keeps a log readable, and a disk from filling up, while something goes wrong again and again:
 * LOG_BURST lines a second of one kind are written, the others of that kind are counted. Lines of another kind
 * are not held back by them. The count is a line of its own, once the second is over.
 *
 * A kind is a place and a shape: where a line comes from, and its text without what differs each time. One
 * place has a few shapes of its own, all others are one kind: whoever chooses the text cannot make more of
 * them. Memory is bounded: when more than LOG_KINDS have been seen within a second, the others are one kind.
 *
 * Owned by one thread. All zero at first. */
#ifndef MOONPORT_LOG_LIMIT_H
#define MOONPORT_LOG_LIMIT_H

#include "base/log.h"

enum { LOG_BURST = 5, LOG_KINDS = 32, LOG_SHAPES_MAX = 4, LOG_SAMPLE_MAX = 120 };

struct log_kind {
    uint64_t place, shape;
    uint64_t since_ns; /* when its second began */
    uint64_t held_back;
    uint8_t level; /* enum log_level */
    uint8_t lines; /* written in this second */
    bool used;
    char sample[LOG_SAMPLE_MAX]; /* how such a line begins */
};

struct log_limit {
    struct log_kind kinds[LOG_KINDS + 1]; /* the last: those that have no place among the others */
};

/* For what peers do every day, and nobody has to act on: one line a minute. One per thread and kind. */
enum { LOG_SELDOM_S = 60 };
struct log_seldom {
    uint64_t next_ns;   /* no line before */
    uint64_t held_back; /* not written since the last that was */
};

/* May one be written at `now_ns`? Then *held_back are those that were not, since the last one. */
bool log_seldom_allows(struct log_seldom *seldom, uint64_t now_ns, uint64_t *held_back);

/* May a line that says `text` be written at `now_ns`? If not, it is counted. */
bool log_limit_allows(struct log_limit *limit, enum log_level level, uint64_t place, uint64_t shape,
                      struct span text, uint64_t now_ns);

/* A place by a name that it has; the shape of a text, which may be 0 for a place with one shape only. */
uint64_t log_place(const char *name);
uint64_t log_shape(struct span text);

/* Writes how many lines were held back, of each kind whose second is over. Returns when the next one will be
 * over, UINT64_MAX: nothing is held back. */
uint64_t log_limit_tell(struct log_limit *limit, uint64_t now_ns);

/* The same for all kinds, at the end. */
void log_limit_tell_all(struct log_limit *limit);

#endif
