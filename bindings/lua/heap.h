/* heap.h - the memory of one Lua state, and its bound. Past it Lua gets none: that is the error "not
 * enough memory" in whatever wanted it. Lua 5.4 collects all garbage first, but for the buffers of
 * its string library: hence heap_collect after a call that was refused some.
 *
 * Code that LuaJIT has compiled does not live with a refusal. There it gets the memory, and a hook:
 * before the next instruction that is not compiled all garbage is collected, and if that was not
 * enough the same error is raised. So with LuaJIT it is not exactly kept. */
#ifndef MOONPORT_HEAP_H
#define MOONPORT_HEAP_H

#include "base/trim.h"
#include "lua/compat.h"

/* Packets and what scripts make of them are many small blocks that live for a moment. Up to
 * HEAP_KEPT_MAX bytes of those that Lua gave back are kept for it, by class of size: that costs less
 * than the C library's allocator. */
#ifdef __SANITIZE_THREAD__
enum { HEAP_KEPT_MAX = 0 }; /* it delivers signals only to who calls the system or the C library */
#else
enum { HEAP_KEPT_MAX = 1 << 20 };
#endif
enum {
    HEAP_CLASSES = 33, /* of 8 bytes, 24, 40 ...: where glibc steps to the next one, too */
    HEAP_CLASS_STEP = 16,
    HEAP_KEPT_SIZE_MAX = 8 + (HEAP_CLASSES - 1) * HEAP_CLASS_STEP,
};

enum { HEAP_PAGED_FROM = 64 << 10 }; /* bytes: larger blocks are in whole pages, with Lua 5.4 */

struct heap_kept {
    struct heap_kept *next; /* of the same size */
};

struct heap {
    lua_State *L;
    lua_Alloc inner; /* the allocator that does the work */
    void *inner_state;
    size_t used, limit; /* bytes; limit 0: none */
    size_t lent;        /* bytes of the limit, for a while: heap_lend */
    bool refused;       /* some, since heap_collect */
    struct heap_kept *kept[HEAP_CLASSES];
    size_t kept_bytes; /* not in `used` */
    size_t paged;      /* bytes of blocks that are in whole pages */
    struct trim trim;  /* of the others */
};

/* For what is about to be told of an error, and similar small things. */
enum { HEAP_RESERVE = 256 << 10 };

/* Makes a state whose memory it is; NULL: there is none. */
lua_State *heap_open(struct heap *heap, size_t limit);

/* Closes the state. */
void heap_close(struct heap *heap);

/* Is less than a sixteenth left? */
static inline bool heap_is_full(const struct heap *heap)
{
    return heap->limit > 0 && heap->used > heap->limit - heap->limit / 16;
}

/* What is about to be loaded may have as much as a state with that limit, beside all that there is; until
 * heap_take_back, which is for afterwards, when one of both has gone. */
void heap_lend(struct heap *heap, size_t limit);
void heap_take_back(struct heap *heap, lua_State *L);

/* Collects all garbage. Not while the state runs. */
void heap_collect(struct heap *heap, lua_State *L);

#endif
