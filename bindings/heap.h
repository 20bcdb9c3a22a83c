/* heap.h - the memory of one Lua state, and its bound. Past it Lua gets none: that is the error "not
 * enough memory" in whatever wanted it. Lua 5.4 collects all garbage first, but for the buffers of
 * its string library: hence heap_collect after a call that was refused some.
 *
 * Code that LuaJIT has compiled does not live with a refusal. There it gets the memory, and a hook:
 * before the next instruction that is not compiled all garbage is collected, and if that was not
 * enough the same error is raised. So with LuaJIT it is not exactly kept. */
#ifndef MOONPORT_HEAP_H
#define MOONPORT_HEAP_H

#include "compat.h"

struct heap {
    lua_State *L;
    lua_Alloc inner; /* Lua's own allocator, which does the work */
    void *inner_state;
    size_t used, limit; /* bytes; limit 0: none */
    bool refused;       /* some, since heap_collect */
    void *spare;        /* HEAP_SPARE bytes for when the system has none; NULL: they are in use */
};

/* For what is about to be told of an error, and similar small things. */
enum { HEAP_RESERVE = 256 << 10 };

/* A string of so many bytes may be made unprotected where heap_has_room says so; what that takes is
 * there even if the system has no more. */
enum { HEAP_UNPROTECTED_MAX = 4096, HEAP_SPARE = 16 << 10 };

/* The state's memory counts from here on. */
void heap_open(struct heap *heap, lua_State *L, size_t limit);

/* Puts HEAP_SPARE aside. Then heap_close, after the state was closed. False: no memory. */
bool heap_keep_spare(struct heap *heap);
void heap_close(struct heap *heap);

/* Collects all garbage. Not while the state runs. */
void heap_collect(struct heap *heap, lua_State *L);

/* Will a string of this size certainly be made, within the limit? */
static inline bool heap_has_room(const struct heap *heap, size_t size)
{
    if (size > HEAP_UNPROTECTED_MAX || heap->spare == NULL) return false;
    return heap->limit == 0 || heap->used + size + 4096 < heap->limit;
}

#endif
