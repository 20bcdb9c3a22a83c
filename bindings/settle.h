/* settle.h - when a burst of changes is over: an editor's saving is several of them, a deploy's many.
 * Knows no clock: it is told the time, in milliseconds of any. */
#ifndef MOONPORT_SETTLE_H
#define MOONPORT_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

enum { SETTLE_QUIET_MS = 50, SETTLE_LATEST_MS = 500 };

struct settle {
    bool changed;       /* something, that has not been told of */
    uint64_t latest_ms; /* when it is told of even if changes go on */
    uint64_t due_ms;    /* when it is told of if there are no more */
};

static inline void settle_note(struct settle *settle, uint64_t now_ms)
{
    if (!settle->changed) settle->latest_ms = now_ms + SETTLE_LATEST_MS;
    settle->changed = true;
    settle->due_ms = now_ms + SETTLE_QUIET_MS;
    if (settle->due_ms > settle->latest_ms) settle->due_ms = settle->latest_ms;
}

/* True once for every burst that is over. */
static inline bool settle_over(struct settle *settle, uint64_t now_ms)
{
    if (!settle->changed || now_ms < settle->due_ms) return false;
    settle->changed = false;
    return true;
}

/* How long to wait for that, or until `other_ms` if that is earlier. */
static inline uint64_t settle_wait_ms(const struct settle *settle, uint64_t now_ms,
                                      uint64_t other_ms)
{
    uint64_t until_ms = settle->changed && settle->due_ms < other_ms ? settle->due_ms : other_ms;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

#endif
