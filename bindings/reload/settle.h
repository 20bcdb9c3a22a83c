/* settle.h - when a burst of changes is over: an editor's saving is several of them, a deploy's many.
 * A file that somebody has open to write it is not complete: the burst goes on until it is closed.
 * Knows no clock: it is told the time, in milliseconds of any. */
#ifndef MOONPORT_SETTLE_H
#define MOONPORT_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SETTLE_QUIET_MS = 50,
    SETTLE_LATEST_MS = 500,
    SETTLE_OPEN_MS = 5000,         /* nothing more was written to a file, which stays open */
    SETTLE_OPEN_LATEST_MS = 60000, /* it is written to without end */
};

struct settle {
    bool changed;            /* something, that has not been told of */
    uint64_t latest_ms;      /* when it is told of even if changes go on */
    uint64_t due_ms;         /* when it is told of if there are no more */
    uint64_t open_latest_ms; /* the same two while a file is open to be written */
    uint64_t open_due_ms;
};

static inline uint64_t settle_earlier(uint64_t one_ms, uint64_t other_ms)
{
    return one_ms < other_ms ? one_ms : other_ms;
}

static inline void settle_note(struct settle *settle, uint64_t now_ms)
{
    if (!settle->changed) {
        settle->latest_ms = now_ms + SETTLE_LATEST_MS;
        settle->open_latest_ms = now_ms + SETTLE_OPEN_LATEST_MS;
    }
    settle->changed = true;
    settle->due_ms = settle_earlier(now_ms + SETTLE_QUIET_MS, settle->latest_ms);
    settle->open_due_ms = settle_earlier(now_ms + SETTLE_OPEN_MS, settle->open_latest_ms);
}

/* It is over, unless a file is open to be written: see that, and ask settle_over. */
static inline bool settle_is_due(const struct settle *settle, uint64_t now_ms)
{
    return settle->changed && now_ms >= settle->due_ms;
}

/* True once for every burst that is over. `writing`: a file is open to be written. If so, and it is
 * over all the same, that file has been waited for as long as it may be. */
static inline bool settle_over(struct settle *settle, uint64_t now_ms, bool writing)
{
    if (!settle_is_due(settle, now_ms)) return false;
    if (writing && now_ms < settle->open_due_ms) { /* look again soon */
        settle->due_ms = settle_earlier(now_ms + SETTLE_QUIET_MS, settle->open_due_ms);
        return false;
    }
    settle->changed = false;
    return true;
}

/* How long to wait for that, or until `other_ms` if that is earlier. */
static inline uint64_t settle_wait_ms(const struct settle *settle, uint64_t now_ms,
                                      uint64_t other_ms)
{
    uint64_t until_ms = settle->changed ? settle_earlier(settle->due_ms, other_ms) : other_ms;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

#endif
