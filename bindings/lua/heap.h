/* heap.h - the memory of one Lua state, and its limit. Above the limit Lua gets no more, which raises "not enough
 * memory" in the code that asked for it. Lua 5.4 collects all garbage before that, except for the buffers of its
 * string library: hence heap_collect after a call in which an allocation was refused.
 *
 * Code that LuaJIT has compiled crashes when an allocation is refused. There the memory is given, and a hook is
 * set: before the next instruction that is not compiled it collects all garbage, and raises the same error if
 * that was not enough. So with LuaJIT the limit is approximate. */
#ifndef MOONPORT_HEAP_H
#define MOONPORT_HEAP_H

#include "base/trim.h"
#include "lua/compat.h"

/* Packets, and what scripts make of them, are many small blocks that live for a moment. Up to HEAP_KEPT_MAX bytes
 * of the blocks that Lua has freed are kept for reuse, by size class: that costs less than the C library's
 * allocator. */
#ifdef __SANITIZE_THREAD__
enum { HEAP_KEPT_MAX = 0 }; /* it delivers signals only in calls of system and C library */
#else
enum { HEAP_KEPT_MAX = 1 << 20 };
#endif
enum {
    HEAP_CLASSES = 33, /* of 8 bytes, 24, 40 ...: glibc's steps, too */
    HEAP_CLASS_STEP = 16,
    HEAP_KEPT_SIZE_MAX = 8 + (HEAP_CLASSES - 1) * HEAP_CLASS_STEP,
};

enum { HEAP_PAGED_FROM = 64 << 10 }; /* bytes: such and larger blocks have whole pages (Lua 5.4) */

struct heap_kept {
    struct heap_kept *next; /* of the same size */
};

struct heap {
    lua_State *L;
    lua_Alloc inner; /* the allocator that does the work */
    void *inner_state;
    size_t used, limit; /* bytes; limit 0: none */
    size_t lent;        /* bytes by which the limit is raised for a while: heap_lend */
    bool refused;       /* an allocation was refused since heap_collect */
    struct heap_kept *kept[HEAP_CLASSES];
    size_t kept_bytes; /* not in `used` */
    size_t paged;      /* bytes of blocks that are in whole pages */
    struct trim trim;  /* of the other blocks */

    /* While it is tapped. */
    void (*tap)(struct heap *heap, size_t size);
    uint64_t tapped;  /* bytes allocated since the tap was called */
    uint64_t tap_at;  /* it is called when they are so many */
    bool makes_table; /* the last object was a table, whose parts come next (Lua 5.4) */
};

/* Extra bytes for reporting an error, and similar small tasks. */
enum { HEAP_RESERVE = 256 << 10 };

/* Makes a Lua state that uses this heap; NULL: there is no memory. */
lua_State *heap_open(struct heap *heap, size_t limit);

/* Closes the state. */
void heap_close(struct heap *heap);

/* Calls `tap` before an allocation with which heap->tapped reaches heap->tap_at; `size`: what that one adds to the memory in
 * use. The tap sets both anew, and may not touch the state beyond looking at its stack. While nothing is tapped, this costs
 * nothing. */
void heap_tap(struct heap *heap, void (*tap)(struct heap *heap, size_t size), uint64_t tap_at);
void heap_untap(struct heap *heap);

/* Is less than a sixteenth left? */
static inline bool heap_is_full(const struct heap *heap)
{
    return heap->limit > 0 && heap->used > heap->limit - heap->limit / 16;
}

/* Lets code that is about to be loaded use as much as a state with that limit, in addition to what is in use now.
 * heap_take_back ends this, once the new code or the old code is gone. */
void heap_lend(struct heap *heap, size_t limit);
void heap_take_back(struct heap *heap, lua_State *L);

/* Collects all garbage. Must not be called while the state runs. */
void heap_collect(struct heap *heap, lua_State *L);

#endif
