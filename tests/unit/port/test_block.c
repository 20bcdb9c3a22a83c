#include "base/piece.h"
#include "port/block.h"
#include "random.h"

#include <criterion/criterion.h>
#include <signal.h>

enum { COUNT = 7, SIZE = 23 };

static void fill(struct block *block, uint8_t value)
{
    memset(block->data, value, block->capacity);
}

static bool filled(const struct block *block, uint8_t value)
{
    for (uint32_t i = 0; i < block->capacity; i++)
        if (block->data[i] != value) return false;
    return true;
}

Test(block, lies_in_one_piece_and_overlaps_no_other)
{
    static const uint32_t sizes[] = {1, 23, 32, 64, 2048, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct block_pool pool;
        struct block *blocks[COUNT];
        cr_assert(block_pool_open(&pool, COUNT, sizes[i], NULL));
        for (int k = 0; k < COUNT; k++) {
            blocks[k] = block_take(&pool);
            cr_assert_not_null(blocks[k]);
            cr_assert_eq((uintptr_t)blocks[k] % 64, 0);
            cr_assert_eq((uintptr_t)blocks[k]->kernel % 16, 0);
            cr_assert_eq((void *)blocks[k]->data, (void *)(blocks[k] + 1));
            cr_assert_eq(blocks[k]->capacity, sizes[i]);
            fill(blocks[k], (uint8_t)(k + 1));
        }
        for (int k = 0; k < COUNT; k++) {
            cr_assert(filled(blocks[k], (uint8_t)(k + 1)), "size %u, block %d", sizes[i], k);
            block_give(blocks[k]);
        }
        block_pool_close(&pool);
    }
}

Test(block, pool_gives_out_all_it_has_and_then_none)
{
    struct block_pool pool;
    struct block *blocks[COUNT];
    cr_assert(block_pool_open(&pool, COUNT, SIZE, NULL));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            cr_assert_eq(pool.free_count, COUNT - i);
            cr_assert_not_null(blocks[i] = block_take(&pool));
            for (uint32_t k = 0; k < i; k++) cr_assert(blocks[k] != blocks[i]);
        }
        cr_assert_eq(pool.free_count, 0);
        cr_assert_null(block_take(&pool));
        cr_assert_null(block_take_or_grow(&pool), "there is no budget to grow on");
        for (int i = 0; i < COUNT; i++) block_give(blocks[i]);
        cr_assert_eq(pool.free_count, COUNT);
    }
    block_pool_close(&pool);
}

Test(block, given_back_last_is_taken_first)
{
    struct block_pool pool;
    cr_assert(block_pool_open(&pool, COUNT, SIZE, NULL));
    struct block *first = block_take(&pool), *second = block_take(&pool);
    block_give(first);
    block_give(second);
    cr_assert_eq(block_take(&pool), second);
    cr_assert_eq(block_take(&pool), first);
    block_give(first);
    block_give(second);
    block_pool_close(&pool);
}

Test(block, is_empty_when_taken_however_it_was_left)
{
    struct block_pool pool;
    cr_assert(block_pool_open(&pool, 1, SIZE, NULL));
    for (int round = 0; round < 2; round++) {
        struct block *block = block_take(&pool);
        cr_assert_eq(block->state, BLOCK_TAKEN);
        cr_assert_eq(block->begin, 0);
        cr_assert_eq(block->end, 0);
        cr_assert_eq(block->holds_references, 0);
        cr_assert_null(block->owner);
        cr_assert_eq(block_bytes(block).size, 0);
        cr_assert(list_empty(&block->node));
        block->begin = 3;
        block->end = 9;
        block->holds_references = 1;
        block->owner = &pool;
        block_give(block);
    }
    block_pool_close(&pool);
}

Test(block, is_found_by_its_index)
{
    struct block_pool pool;
    struct block *blocks[COUNT];
    cr_assert(block_pool_open(&pool, COUNT, SIZE, NULL));
    for (int i = 0; i < COUNT; i++) blocks[i] = block_take(&pool);
    for (int i = 0; i < COUNT; i++) cr_assert_eq(block_at(&pool, blocks[i]->index), blocks[i]);
    for (int i = 0; i < COUNT; i++) block_give(blocks[i]);
    block_pool_close(&pool);
}

Test(block, grows_on_the_budget_only_when_the_pool_is_dry)
{
    struct budget budget = {.limit = 100000};
    struct block_pool pool;
    cr_assert(block_pool_open(&pool, 1, SIZE, &budget));
    struct block *own = block_take_or_grow(&pool);
    cr_assert_eq(budget_used(&budget), 0);
    cr_assert_eq(pool.grown_count, 0);
    cr_assert_null(block_take(&pool));

    struct block *grown = block_take_or_grow(&pool);
    cr_assert_eq(grown->index, BLOCK_GROWN);
    cr_assert_eq(grown->state, BLOCK_TAKEN);
    cr_assert_eq((void *)grown->data, (void *)(grown + 1));
    cr_assert_eq(grown->capacity, SIZE);
    cr_assert_eq(pool.grown_count, 1);
    cr_assert(budget_used(&budget) >= sizeof(struct block) + SIZE);
    fill(grown, 1);

    block_give(grown);
    cr_assert_eq(budget_used(&budget), 0);
    cr_assert_eq(pool.grown_count, 0);
    cr_assert_eq(pool.free_count, 0, "a grown block does not join the pool");
    block_give(own);
    block_pool_close(&pool);
}

Test(block, growth_ends_where_the_budget_does)
{
    struct budget budget = {.limit = 1000};
    struct block_pool pool;
    struct block *blocks[100];
    cr_assert(block_pool_open(&pool, 0, SIZE, &budget));
    cr_assert_null(block_take(&pool));
    int count = 0;
    while (count < 100 && (blocks[count] = block_take_or_grow(&pool)) != NULL) count++;
    cr_assert(count > 0);
    cr_assert((size_t)count * (sizeof(struct block) + SIZE) <= budget.limit);
    cr_assert(budget_used(&budget) <= budget.limit);

    block_give(blocks[--count]);
    cr_assert_not_null(blocks[count] = block_take_or_grow(&pool), "given back, it grows again");
    for (int i = 0; i <= count; i++) block_give(blocks[i]);
    cr_assert_eq(budget_used(&budget), 0);
    block_pool_close(&pool);
}

Test(block, keeps_its_bytes_while_others_come_and_go)
{
    enum { HELD_MAX = 40, POOL = 20, STEPS = 20000 };
    const uint64_t seed = 0x626c6f636b;
    uint64_t state = seed;
    struct budget budget = {.limit = 3000};
    struct block_pool pool;
    struct block *held[HELD_MAX];
    uint32_t count = 0;
    cr_assert(block_pool_open(&pool, POOL, SIZE, &budget));
    for (int step = 0; step < STEPS; step++) {
        bool taking = random_next(&state) % 2 != 0;
        if (taking && count < HELD_MAX) {
            struct block *block = block_take_or_grow(&pool);
            if (block == NULL) continue;
            fill(block, (uint8_t)(uintptr_t)block ^ (uint8_t)((uintptr_t)block >> 8));
            held[count++] = block;
        } else if (!taking && count > 0) {
            uint32_t place = (uint32_t)(random_next(&state) % count);
            struct block *block = held[place];
            bool whole =
                filled(block, (uint8_t)(uintptr_t)block ^ (uint8_t)((uintptr_t)block >> 8));
            if (!whole) cr_assert(whole, "seed %llu, step %d", (unsigned long long)seed, step);
            block_give(block);
            held[place] = held[--count];
        }
        bool sums = pool.total - pool.free_count + pool.grown_count == count;
        if (!sums) cr_assert(sums, "seed %llu, step %d", (unsigned long long)seed, step);
    }
    while (count > 0) block_give(held[--count]);
    block_pool_close(&pool);
    cr_assert_eq(budget_used(&budget), 0);
}

/* The pages of those that are grown come home, whatever else was taken meanwhile. */
Test(block, of_a_usual_size_grow_in_slabs_that_the_budget_pays_for)
{
    enum { GROWN = 200, USUAL = 2048 };
    struct budget budget = {.limit = 1 << 20};
    struct block_pool pool;
    struct block *blocks[GROWN];
    cr_assert(block_pool_open(&pool, 0, USUAL, &budget));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < GROWN; i++) {
            cr_assert_not_null(blocks[i] = block_take_or_grow(&pool));
            cr_assert_eq(blocks[i]->capacity, USUAL);
            fill(blocks[i], (uint8_t)i);
            cr_assert(budget_used(&budget) >= pool.grown_count * pool.stride);
        }
        cr_assert(budget_used(&budget) <= GROWN * pool.stride * 5 / 4);
        cr_assert(PIECE_ENDS_SEEN || pages_figures().taken == budget_used(&budget));
        for (int i = 0; i < GROWN; i++) {
            int k = round == 0 ? i : round == 1 ? GROWN - 1 - i : i * 7 % GROWN; /* 7: each once */
            cr_assert(filled(blocks[k], (uint8_t)k), "round %d, block %d", round, k);
            block_give(blocks[k]);
        }
        cr_assert_eq(budget_used(&budget), 0);
        cr_assert_eq(pages_figures().taken, 0);
    }
    block_pool_close(&pool);
}

Test(block, that_are_large_grow_one_by_one)
{
    struct budget budget = {.limit = 1 << 20};
    struct block_pool pool;
    cr_assert(block_pool_open(&pool, 0, 65536, &budget));
    struct block *one = block_take_or_grow(&pool), *other = block_take_or_grow(&pool);
    fill(one, 1);
    fill(other, 2);
    cr_assert_eq(budget_used(&budget), 2 * pages_round(pool.stride));
    cr_assert(filled(one, 1));
    block_give(one);
    cr_assert(filled(other, 2));
    block_give(other);
    cr_assert_eq(budget_used(&budget), 0);
    block_pool_close(&pool);
}

Test(block, given_twice_is_a_bug, .signal = SIGABRT)
{
    struct block_pool pool;
    block_pool_open(&pool, 2, SIZE, NULL);
    struct block *block = block_take(&pool);
    block_give(block);
    block_give(block);
}

Test(block, given_while_the_port_has_it_is_a_bug, .signal = SIGABRT)
{
    struct block_pool pool;
    block_pool_open(&pool, 2, SIZE, NULL);
    struct block *block = block_take(&pool);
    block->state = BLOCK_AT_PORT;
    block_give(block);
}

Test(block, given_while_it_is_in_a_list_is_a_bug, .signal = SIGABRT)
{
    struct block_pool pool;
    struct list queue;
    list_init(&queue);
    block_pool_open(&pool, 2, SIZE, NULL);
    struct block *block = block_take(&pool);
    list_append(&queue, &block->node);
    block_give(block);
}

Test(block, pool_that_closes_while_one_is_out_is_a_bug, .signal = SIGABRT)
{
    struct block_pool pool;
    block_pool_open(&pool, 2, SIZE, NULL);
    block_take(&pool);
    block_pool_close(&pool);
}

Test(block, pool_that_closes_while_a_grown_one_is_out_is_a_bug, .signal = SIGABRT)
{
    struct budget budget = {.limit = 10000};
    struct block_pool pool;
    block_pool_open(&pool, 0, SIZE, &budget);
    block_take_or_grow(&pool);
    block_pool_close(&pool);
}

Test(block, index_that_was_never_taken_is_a_bug, .signal = SIGABRT)
{
    struct block_pool pool;
    block_pool_open(&pool, 2, SIZE, NULL);
    block_take(&pool);
    block_at(&pool, 1);
}
