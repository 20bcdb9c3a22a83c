/* log_limit.h - keeps a log readable, and a disk from filling up, while the same failure repeats: at most LOG_BURST
 * lines a second of one kind are written, the others of that kind are counted. Other kinds are not affected. When the
 * second is over, one more line gives the count.
 *
 * A kind is a place and a shape: where a line comes from, and its text without the parts that vary. Each place may have
 * only a few shapes, and all others count as one kind, so that a peer that controls the text cannot create any number
 * of kinds. Memory is bounded: when more than LOG_KINDS are seen within a second, the others count as one kind.
 *
 * Owned by one thread. Zero-initialized. */
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
    char sample[LOG_SAMPLE_MAX]; /* the beginning of such a line */
};

struct log_limit {
    struct log_kind kinds[LOG_KINDS + 1]; /* the last: all kinds that do not fit */
};

/* For routine behavior of peers that requires no action: one line a minute. One struct per thread and kind. */
enum { LOG_SELDOM_S = 60 };
struct log_seldom {
    uint64_t next_ns;   /* no line before this time */
    uint64_t held_back; /* lines not written since the last one that was */
};

/* Whether a line may be written at `now_ns`. If so, *held_back is the number of lines not written since the last. */
bool log_seldom_allows(struct log_seldom *seldom, uint64_t now_ns, uint64_t *held_back);

/* Whether a line with that text may be written at `now_ns`. If not, the line is counted. */
bool log_limit_allows(struct log_limit *limit, enum log_level level, uint64_t place, uint64_t shape,
                      struct span text, uint64_t now_ns);

/* A place from its name; and the shape of a text. A place whose lines all have one shape may use shape 0 instead. */
uint64_t log_place(const char *name);
uint64_t log_shape(struct span text);

/* For each kind whose second is over, writes how many lines were held back. Returns when the next second will be over;
 * UINT64_MAX: nothing is held back. */
uint64_t log_limit_tell(struct log_limit *limit, uint64_t now_ns);

/* The same for all kinds, at the end. */
void log_limit_tell_all(struct log_limit *limit);

#endif
