#include "heap.h"

static void collect_or_fail(lua_State *L, lua_Debug *at)
{
    void *state;
    (void)at;
    lua_getallocf(L, &state);
    const struct heap *heap = state;
    size_t before;
    lua_sethook(L, NULL, 0, 0);
    do { /* it halves its buffer for strings with each */
        before = heap->used;
        lua_gc(L, LUA_GCCOLLECT, 0);
    } while (heap->used > heap->limit && heap->used < before);
    if (heap->limit == 0 || heap->used <= heap->limit) return;
    lua_pushliteral(L, "not enough memory");
    lua_error(L);
}

static void drop_spare(struct heap *heap)
{
    heap->inner(heap->inner_state, heap->spare, HEAP_SPARE, 0);
    heap->spare = NULL;
}

static void *allocate(void *state, void *old, size_t old_size, size_t new_size)
{
    struct heap *heap = state;
    size_t before = old == NULL ? 0 : old_size; /* of a new one, Lua tells what it is for */
    if (new_size > before && heap->limit > 0 && heap->used + (new_size - before) > heap->limit) {
        heap->refused = true;
        if (COMPAT_TAKES_REFUSAL) return NULL;
        lua_sethook(heap->L, collect_or_fail, LUA_MASKCOUNT, 1);
    }
    void *block = heap->inner(heap->inner_state, old, old_size, new_size);
    if (block == NULL && new_size > 0 && heap->spare != NULL) { /* the system has no more */
        drop_spare(heap);
        heap->refused = true;
        block = heap->inner(heap->inner_state, old, old_size, new_size);
    }
    if (block != NULL || new_size == 0) heap->used += new_size - before;
    return block;
}

void heap_open(struct heap *heap, lua_State *L, size_t limit)
{
    heap->L = L;
    heap->inner = lua_getallocf(L, &heap->inner_state);
    heap->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024;
    heap->limit = limit;
    heap->spare = NULL;
    lua_setallocf(L, allocate, heap);
}

bool heap_keep_spare(struct heap *heap)
{
    if (heap->spare == NULL) heap->spare = heap->inner(heap->inner_state, NULL, 0, HEAP_SPARE);
    return heap->spare != NULL;
}

void heap_close(struct heap *heap)
{
    if (heap->spare != NULL) drop_spare(heap);
}

static int collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

void heap_collect(struct heap *heap, lua_State *L)
{
    if (compat_protected(L, collect, NULL) != LUA_OK) lua_pop(L, 1); /* a finalizer's error */
    heap->refused = !heap_keep_spare(heap);
}
