/* trim.h - decides when the C library should give free memory back to the system. The library keeps free pages for the
 * next pieces as long as anything behind them in the heap is in use. That is right until much less is in use. */
#ifndef MOONPORT_TRIM_H
#define MOONPORT_TRIM_H

#include "base/pages_system.h"

#include <stdatomic.h>
#include <stdint.h>

enum { TRIM_LEAST = 4 << 20, TRIM_PART = 4 }; /* bytes; or that part of what was in use at most */

#define TRIM_NS UINT64_C(1000000000)    /* least time from one trim to the next */
#define TRIM_LOOK_NS UINT64_C(10000000) /* how often a thread with turns checks */

struct trim {
    size_t peak; /* bytes: the most that were in use since the last time */
};

/* used: bytes of small pieces in use now. True: it is time to trim. */
static inline bool trim_is_due(struct trim *trim, size_t used)
{
    if (used >= trim->peak) {
        trim->peak = used;
        return false;
    }
    size_t fallen = trim->peak - used;
    return fallen >= TRIM_LEAST && fallen >= trim->peak / TRIM_PART;
}

/* The same, and trims, unless that was just done: then trimming is still due at the next turn. */
static inline void trim_note(struct trim *trim, size_t used)
{
    if (trim_is_due(trim, used) && pages_trim_heap()) trim->peak = used;
}

/* Some thread was due to trim when that had just been done. A thread with turns makes up for it (trim_owed). */
extern _Atomic bool trim_is_owed;

/* The same as trim_note for threads without turns, which would otherwise try again for each piece. */
static inline void trim_leave(struct trim *trim, size_t used)
{
    if (!trim_is_due(trim, used)) return;
    trim->peak = used;
    if (!pages_trim_heap()) atomic_store_explicit(&trim_is_owed, true, memory_order_relaxed);
}

static inline void trim_owed(void)
{
    if (atomic_load_explicit(&trim_is_owed, memory_order_relaxed) && pages_trim_heap())
        atomic_store_explicit(&trim_is_owed, false, memory_order_relaxed);
}

#endif
