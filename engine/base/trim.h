/* trim.h - when the C library is to give back what it has free: it keeps a page as long as anything is in the
 * heap behind it, for the next piece that fits. That is right until much less is in use than was. */
#ifndef MOONPORT_TRIM_H
#define MOONPORT_TRIM_H

#include "base/pages_system.h"

#include <stdatomic.h>
#include <stdint.h>

enum { TRIM_LEAST = 4 << 20, TRIM_PART = 4 }; /* bytes; or that part of what was in use at most */

#define TRIM_NS UINT64_C(1000000000) /* when it was just done, it may be done again after so long */
#define TRIM_LOOK_NS UINT64_C(10000000) /* a thread that has turns looks this often */

struct trim {
    size_t peak; /* bytes: the most that were in use since the last time */
};

/* So many bytes of small pieces are in use now. True: it is time to trim. */
static inline bool trim_is_due(struct trim *trim, size_t used)
{
    if (used >= trim->peak) {
        trim->peak = used;
        return false;
    }
    size_t fallen = trim->peak - used;
    return fallen >= TRIM_LEAST && fallen >= trim->peak / TRIM_PART;
}

/* ... and does it, unless that was just done: then it is still due at the next turn. */
static inline void trim_note(struct trim *trim, size_t used)
{
    if (trim_is_due(trim, used) && pages_trim_heap()) trim->peak = used;
}

/* It was time, and had just been done: of any thread. Whoever has turns comes back to it (trim_owed). */
extern _Atomic bool trim_is_owed;

/* The same for those who have no turns, and would ask for each piece. */
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
