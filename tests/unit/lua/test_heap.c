/* The memory of one Lua state: its bound, what is lent beyond it, and what is kept for the next time. */
#include "lua/heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MIB = 1 << 20, BLOCK = 100 };

struct heap_try {
    struct heap heap;
    lua_Alloc allocate; /* what Lua calls */
};

static void begin(struct heap_try *try, size_t limit)
{
    if (!COMPAT_TAKES_ALLOCATOR) cr_skip_test("NOT TESTED: LuaJIT has an allocator of its own");
    void *state;
    lua_State *L = heap_open(&try->heap, limit);
    cr_assert_not_null(L);
    lua_gc(L, LUA_GCSTOP, 0);
    try->allocate = lua_getallocf(L, &state);
    cr_assert_eq(state, &try->heap);
}

static void *take(struct heap_try *try, size_t size)
{
    return try->allocate(&try->heap, NULL, 0, size);
}

static void give(struct heap_try *try, void *block, size_t size)
{
    cr_assert_null(try->allocate(&try->heap, block, size, 0));
}

Test(heap, it_may_be_used_to_the_last_byte_of_its_limit)
{
    struct heap_try try;
    begin(&try, MIB);
    size_t left = MIB - try.heap.used;
    cr_assert_null(take(&try, left + 1));
    cr_assert(try.heap.refused);
    void *all = take(&try, left);
    cr_assert_not_null(all);
    cr_assert_eq(try.heap.used, MIB);
    cr_assert_null(take(&try, 1));
    give(&try, all, left);
    heap_close(&try.heap);
}

/* All that the lists hold, counted by hand. */
static size_t kept(const struct heap *heap)
{
    size_t bytes = 0;
    for (size_t i = 0; i < HEAP_CLASSES; i++)
        for (const struct heap_kept *one = heap->kept[i]; one != NULL; one = one->next)
            bytes += 8 + i * HEAP_CLASS_STEP;
    return bytes;
}

Test(heap, of_what_is_given_back_a_bounded_part_is_kept_and_taken_again)
{
    enum { BLOCKS = 2 * HEAP_KEPT_MAX / BLOCK + 100 };
    static void *blocks[BLOCKS];
    struct heap_try try;
    begin(&try, 0);
    for (int i = 0; i < BLOCKS; i++) cr_assert_not_null(blocks[i] = take(&try, BLOCK));
    for (int i = 0; i < BLOCKS; i++) {
        give(&try, blocks[i], BLOCK);
        cr_assert_leq(try.heap.kept_bytes, HEAP_KEPT_MAX + HEAP_KEPT_SIZE_MAX);
        if (i % 1000 == 0) cr_assert_eq(try.heap.kept_bytes, kept(&try.heap));
    }
    size_t full = try.heap.kept_bytes;
    cr_assert(full >= HEAP_KEPT_MAX);
    void *last = take(&try, BLOCK);
    if (HEAP_KEPT_MAX > 0) cr_assert(try.heap.kept_bytes < full);
    cr_assert_eq(try.heap.kept_bytes, kept(&try.heap));
    give(&try, last, BLOCK);
    heap_close(&try.heap);
}

Test(heap, what_is_kept_is_not_given_beyond_the_limit)
{
    struct heap_try try;
    if (HEAP_KEPT_MAX == 0) cr_skip_test("NOT TESTED: under this sanitizer nothing is kept");
    begin(&try, MIB);
    void *small = take(&try, BLOCK);
    give(&try, small, BLOCK);
    cr_assert(try.heap.kept_bytes > 0);
    size_t left = MIB - try.heap.used - BLOCK;
    void *large = take(&try, left + 1);
    cr_assert_null(take(&try, BLOCK));
    cr_assert(try.heap.refused);
    give(&try, large, left + 1);
    large = take(&try, left);
    cr_assert_eq(take(&try, BLOCK), small, "to the last byte");
    cr_assert_eq(try.heap.used, MIB);
    give(&try, small, BLOCK);
    give(&try, large, left);
    heap_close(&try.heap);
}

/* Code that is to be loaded may have as much as the state has, and once. */
Test(heap, a_loan_is_as_much_as_one_state_may_have)
{
    struct heap_try try;
    begin(&try, MIB);
    size_t used = try.heap.used;
    heap_lend(&try.heap, MIB);
    cr_assert_eq(try.heap.limit, MIB + used);
    heap_lend(&try.heap, 3 * MIB); /* another one in its place, that may have more */
    cr_assert_eq(try.heap.limit, 3 * MIB + used);
    heap_take_back(&try.heap, try.heap.L);
    cr_assert_eq(try.heap.limit, MIB);
    heap_close(&try.heap);
}

Test(heap, without_a_limit_nothing_is_lent)
{
    struct heap_try try;
    begin(&try, 0);
    heap_lend(&try.heap, MIB);
    cr_assert_eq(try.heap.limit, 0);
    heap_take_back(&try.heap, try.heap.L);
    cr_assert_eq(try.heap.limit, 0);
    heap_close(&try.heap);
}
