#include "lua/heap.h"

#include "base/piece.h"

#include <stdlib.h>
#include <string.h>

static void collect_or_fail(lua_State *L, lua_Debug *at)
{
    void *state;
    (void)at;
    lua_getallocf(L, &state);
    const struct heap *heap = state;
    size_t before;
    lua_sethook(L, NULL, 0, 0);
    do { /* each collection halves LuaJIT's buffer for strings */
        before = heap->used;
        lua_gc(L, LUA_GCCOLLECT, 0);
    } while (heap->used > heap->limit && heap->used < before);
    if (heap->limit == 0 || heap->used <= heap->limit) return;
    lua_pushliteral(L, "not enough memory");
    lua_error(L);
}

/* ---- blocks that are kept for the next time ---- */

static inline size_t class_of(size_t size)
{
    return (size + 7) / HEAP_CLASS_STEP;
}

static inline size_t size_of(size_t class)
{
    return 8 + class * HEAP_CLASS_STEP;
}

static inline bool may_be_kept(size_t size)
{
    return COMPAT_TAKES_ALLOCATOR && size <= HEAP_KEPT_SIZE_MAX;
}

/* Takes a block of that class; NULL: none is kept. */
static inline void *take_kept(struct heap *heap, size_t class)
{
    struct heap_kept *kept = heap->kept[class];
    if (kept == NULL) return NULL;
    heap->kept[class] = kept->next;
    heap->kept_bytes -= size_of(class);
    return kept;
}

static inline bool keeps(const struct heap *heap, size_t size)
{
    return may_be_kept(size) && heap->kept_bytes < HEAP_KEPT_MAX;
}

static inline void keep(struct heap *heap, struct heap_kept *block, size_t class)
{
    block->next = heap->kept[class];
    heap->kept[class] = block;
    heap->kept_bytes += size_of(class);
}

static inline void *take(struct heap *heap, size_t size)
{
    if (!may_be_kept(size)) return heap->inner(heap->inner_state, NULL, 0, size);
    void *kept = take_kept(heap, class_of(size));
    return kept != NULL ? kept : heap->inner(heap->inner_state, NULL, 0, size_of(class_of(size)));
}

static inline void give(struct heap *heap, void *block, size_t size)
{
    if (keeps(heap, size))
        keep(heap, block, class_of(size));
    else
        heap->inner(heap->inner_state, block, size, 0);
}

static void give_back_kept(struct heap *heap)
{
    for (size_t i = 0; i < HEAP_CLASSES; i++) {
        struct heap_kept *kept;
        while ((kept = heap->kept[i]) != NULL) {
            heap->kept[i] = kept->next;
            heap->inner(heap->inner_state, kept, size_of(i), 0);
        }
    }
    heap->kept_bytes = 0;
}

static void *resize(struct heap *heap, void *old, size_t old_size, size_t new_size)
{
    if (!may_be_kept(old_size) && !may_be_kept(new_size))
        return heap->inner(heap->inner_state, old, old_size, new_size);
    if (class_of(old_size) == class_of(new_size)) return old;
    void *block = take(heap, new_size);
    if (block == NULL) return new_size < old_size ? old : NULL; /* Lua relies on shrinking */
    memcpy(block, old, old_size < new_size ? old_size : new_size);
    give(heap, old, old_size);
    return block;
}

static inline void *provide(struct heap *heap, void *old, size_t old_size, size_t new_size)
{
    if (old == NULL) return new_size == 0 ? NULL : take(heap, new_size);
    if (new_size > 0) return resize(heap, old, old_size, new_size);
    give(heap, old, old_size);
    return NULL;
}

/* ---- Lua's allocator ---- */

__attribute__((noinline)) static void *allocate_any(struct heap *heap, void *old, size_t old_size,
                                                    size_t new_size)
{
    size_t before = old == NULL ? 0 : old_size; /* for a new block, Lua passes its type instead */
    if (new_size > before && heap->limit > 0 && heap->used + (new_size - before) > heap->limit) {
        heap->refused = true;
        if (COMPAT_TAKES_REFUSAL) return NULL;
        lua_sethook(heap->L, collect_or_fail, LUA_MASKCOUNT, 1);
    }
    void *block = provide(heap, old, before, new_size);
    if (block == NULL && new_size > 0) { /* the system has no more */
        heap->refused = true;
        give_back_kept(heap);
        block = provide(heap, old, before, new_size);
    }
    if (block != NULL || new_size == 0) heap->used += new_size - before;
    return block;
}

/* Short paths for blocks that are kept: most allocations are of such blocks. */
static void *allocate(void *state, void *old, size_t old_size, size_t new_size)
{
    struct heap *heap = state;
    void *kept;
    if (old == NULL && new_size > 0 && may_be_kept(new_size) &&
        heap->used + new_size - 1 <=
            heap->limit - 1 && /* a limit of 0, no limit, wraps to the largest number */
        (kept = take_kept(heap, class_of(new_size))) != NULL) {
        heap->used += new_size;
        return kept;
    }
    if (new_size == 0 && old != NULL && keeps(heap, old_size)) {
        keep(heap, old, class_of(old_size));
        heap->used -= old_size;
        return NULL;
    }
    return allocate_any(heap, old, old_size, new_size);
}

/* The same, with somebody who looks on. For a new object Lua 5.4 passes its type as old_size, for other blocks 0. */
static void *allocate_tapped(void *state, void *old, size_t old_size, size_t new_size)
{
    struct heap *heap = state;
    size_t before = old == NULL ? 0 : old_size;
    if (old == NULL && old_size != 0) heap->makes_table = old_size == LUA_TTABLE;
    if (new_size > before) {
        if (old != NULL) heap->makes_table = false; /* it grows */
        heap->tapped += new_size - before;
        if (heap->tapped >= heap->tap_at) heap->tap(heap, new_size - before);
    }
    return allocate(state, old, old_size, new_size);
}

void heap_tap(struct heap *heap, void (*tap)(struct heap *heap, size_t size), uint64_t tap_at)
{
    heap->tap = tap;
    heap->tapped = 0;
    heap->tap_at = tap_at;
    heap->makes_table = false;
    lua_setallocf(heap->L, allocate_tapped, heap);
}

void heap_untap(struct heap *heap)
{
    lua_setallocf(heap->L, allocate, heap);
}

static bool in_pages(size_t size)
{
    return !PIECE_ENDS_SEEN && size >= HEAP_PAGED_FROM;
}

static void release(void *block, size_t size)
{
    if (in_pages(size))
        pages_give(block, size);
    else
        free(block);
}

/* Long strings and tables are in pages of their own, so that they leave no holes when they go. */
static void *allocate_pages(void *old, size_t old_size, size_t new_size)
{
    if (in_pages(old_size) && in_pages(new_size)) return pages_resize(old, old_size, new_size, 0);
    void *block = in_pages(new_size) ? pages_take(new_size, 0) : malloc(new_size);
    if (block == NULL || old == NULL) return block;
    memcpy(block, old, old_size < new_size ? old_size : new_size);
    release(old, old_size);
    return block;
}

/* The inner allocator, for Lua 5.4. A block that is to shrink may get no new place: it stays, in its old size. */
static void *system_allocate(void *state, void *old, size_t old_size, size_t new_size)
{
    struct heap *heap = state;
    size_t before = in_pages(old_size) ? old_size : 0, after = in_pages(new_size) ? new_size : 0;
    if (before == 0 && after == 0 && new_size > 0) return realloc(old, new_size);
    if (new_size == 0) {
        release(old, old_size);
        trim_leave(&heap->trim, heap->used - heap->paged);
    } else {
        old = allocate_pages(old, old_size, new_size);
        if (old == NULL) return NULL;
    }
    heap->paged += after - before;
    return new_size == 0 ? NULL : old;
}

lua_State *heap_open(struct heap *heap, size_t limit)
{
    *heap = (struct heap){.inner = system_allocate, .inner_state = heap};
    heap->L = compat_newstate(allocate, heap);
    heap->limit = limit;
    if (heap->L == NULL) {
        give_back_kept(heap);
    } else if (!COMPAT_TAKES_ALLOCATOR) {
        heap->inner = lua_getallocf(heap->L, &heap->inner_state);
        heap->used = (size_t)lua_gc(heap->L, LUA_GCCOUNT, 0) * 1024;
        lua_setallocf(heap->L, allocate, heap);
    }
    return heap->L;
}

void heap_close(struct heap *heap)
{
    /* LuaJIT frees its own allocator with the state only if the state uses it at that time. */
    if (!COMPAT_TAKES_ALLOCATOR) lua_setallocf(heap->L, heap->inner, heap->inner_state);
    lua_close(heap->L);
    give_back_kept(heap);
}

static int collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

void heap_collect(struct heap *heap, lua_State *L)
{
    if (compat_protected(L, collect, NULL) != LUA_OK) lua_pop(L, 1); /* a finalizer's error */
    heap->refused = false;
}

void heap_lend(struct heap *heap, size_t limit)
{
    size_t own = heap->limit - heap->lent;
    if (own == 0) return;
    heap->lent = heap->used + (limit > own ? limit - own : 0);
    heap->limit = own + heap->lent;
}

void heap_take_back(struct heap *heap, lua_State *L)
{
    heap->limit -= heap->lent;
    heap->lent = 0;
    if (heap->limit > 0 && heap->used > heap->limit) heap_collect(heap, L);
}
