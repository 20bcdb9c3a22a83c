/* settle.h - decides when a burst of changes is over: saving a file in an editor makes several changes, a deploy
 * makes many. A file that is open for writing is not complete, so the burst lasts until it is closed. It reads no
 * clock: callers pass the time, in milliseconds from any origin. */
#ifndef MOONPORT_SETTLE_H
#define MOONPORT_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SETTLE_QUIET_MS = 50,
    SETTLE_LATEST_MS = 500,
    SETTLE_OPEN_MS = 5000,         /* a file stays open, without further writes */
    SETTLE_OPEN_LATEST_MS = 60000, /* a file is written to without end */
};

struct settle {
    bool changed;            /* something has, and it is not reported yet */
    uint64_t latest_ms;      /* when to report it although changes go on */
    uint64_t due_ms;         /* when to report it if there are no more changes */
    uint64_t open_latest_ms; /* the same two while a file is open for writing */
    uint64_t open_due_ms;
};

static inline uint64_t settle_earlier(uint64_t one_ms, uint64_t other_ms)
{
    return one_ms < other_ms ? one_ms : other_ms;
}

/* UINT64_MAX: never. */
static inline uint64_t settle_after_ms(uint64_t now_ms, uint64_t patience_ms)
{
    return patience_ms < UINT64_MAX - now_ms ? now_ms + patience_ms : UINT64_MAX;
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

/* The burst is over, unless a file is open for writing: find that out, and call settle_over. */
static inline bool settle_is_due(const struct settle *settle, uint64_t now_ms)
{
    return settle->changed && now_ms >= settle->due_ms;
}

/* True once for every burst that is over. `writing`: a file is open for writing. If the result is true all the
 * same, the file has been waited for long enough. */
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

/* How long to wait until settle_is_due, or until `other_ms` if that is earlier. */
static inline uint64_t settle_wait_ms(const struct settle *settle, uint64_t now_ms,
                                      uint64_t other_ms)
{
    uint64_t until_ms = settle->changed ? settle_earlier(settle->due_ms, other_ms) : other_ms;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

#endif
