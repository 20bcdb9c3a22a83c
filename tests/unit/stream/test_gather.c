#include "base/piece.h"
#include "random.h"
#include "stream/gather.h"

#include <criterion/criterion.h>
#include <inttypes.h>

/* A pool with its budget, and bytes by their place in a stream. */
struct home {
    struct budget budget;
    struct block_pool pool;
};

static void home_open(struct home *home, uint32_t blocks, uint32_t block_size, size_t limit)
{
    home->budget = (struct budget){.limit = limit};
    cr_assert(block_pool_open(&home->pool, blocks, block_size, &home->budget));
}

static void home_close(struct home *home)
{
    cr_assert_eq(home->pool.free_count, home->pool.total);
    cr_assert_eq(budget_used(&home->budget), 0);
    block_pool_close(&home->pool);
}

static uint8_t byte_at(size_t place)
{
    return (uint8_t)(place * 131 + (place >> 8) * 7);
}

/* The bytes from `place` of the stream on, good until the next call. */
static struct span stream(size_t place, size_t size)
{
    static uint8_t bytes[8192];
    check(size <= sizeof bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = byte_at(place + i);
    return span_of(bytes, size);
}

static bool holds(const struct gather *gather, size_t place, size_t size)
{
    struct span bytes = gather_bytes(gather);
    if (bytes.size != size) return false;
    for (size_t i = 0; i < size; i++)
        if (bytes.data[i] != byte_at(place + i)) return false;
    return true;
}

Test(gather, nothing_takes_no_memory)
{
    struct home home;
    home_open(&home, 1, 64, 0);
    struct gather gather = {0};
    cr_assert(gather_empty(&gather));
    cr_assert_eq(gather_bytes(&gather).size, 0);
    cr_assert(gather_append(&gather, &home.pool, span_of(NULL, 0), 0));
    cr_assert_eq(home.pool.free_count, 1);
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

Test(gather, what_fits_in_a_block_is_kept_in_one)
{
    struct home home;
    home_open(&home, 1, 64, 1000);
    struct gather gather = {0};
    cr_assert(gather_append(&gather, &home.pool, stream(0, 60), 0));
    cr_assert(gather_append(&gather, &home.pool, stream(60, 4), 0));
    cr_assert_not_null(gather.block);
    cr_assert(holds(&gather, 0, 64));
    cr_assert_eq(home.pool.free_count, 0);
    cr_assert_eq(budget_used(&home.budget), 0);
    gather_clear(&gather, &home.pool);
    cr_assert(gather_empty(&gather));
    home_close(&home);
}

Test(gather, what_outgrows_its_block_moves_to_the_budget_and_gives_the_block_back)
{
    struct home home;
    home_open(&home, 1, 64, 1000);
    struct gather gather = {0};
    cr_assert(gather_append(&gather, &home.pool, stream(0, 64), 0));
    cr_assert(gather_append(&gather, &home.pool, stream(64, 1), 0));
    cr_assert_null(gather.block);
    cr_assert(holds(&gather, 0, 65));
    cr_assert_eq(home.pool.free_count, 1);
    cr_assert_eq(budget_used(&home.budget), gather.capacity);
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

Test(gather, no_more_is_taken_ahead_than_the_packet_will_need)
{
    struct home home;
    home_open(&home, 1, 64, 1000);
    struct gather gather = {0};
    cr_assert(gather_append(&gather, &home.pool, stream(0, 200), 210));
    cr_assert(gather_append(&gather, &home.pool, stream(200, 5), 210));
    cr_assert_eq(gather.capacity, 210);
    cr_assert(gather_append(&gather, &home.pool, stream(205, 6), 210),
              "more may come all the same");
    cr_assert_eq(gather.capacity, 420);
    cr_assert(holds(&gather, 0, 211));
    gather_clear(&gather, &home.pool);
    cr_assert_eq(budget_used(&home.budget), 0);
    home_close(&home);
}

Test(gather, without_a_free_block_the_budget_serves)
{
    struct home home;
    home_open(&home, 0, 64, 10);
    struct gather gather = {0};
    cr_assert(gather_append(&gather, &home.pool, stream(0, 10), 0));
    cr_assert(holds(&gather, 0, 10));
    cr_assert_eq(budget_used(&home.budget), 10);
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

Test(gather, moves_its_bytes_to_the_front_rather_than_grow)
{
    struct home home;
    home_open(&home, 1, 64, 0);
    struct gather gather = {0};
    cr_assert(gather_append(&gather, &home.pool, stream(0, 64), 0));
    gather_consume(&gather, 30);
    cr_assert(gather_append(&gather, &home.pool, stream(64, 30), 0));
    cr_assert(holds(&gather, 30, 64));
    cr_assert_not_null(gather.block);
    gather_consume(&gather, 64);
    cr_assert(gather_empty(&gather));
    cr_assert(gather_append(&gather, &home.pool, stream(94, 64), 0));
    cr_assert(holds(&gather, 94, 64));
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

Test(gather, without_room_nothing_changes)
{
    struct home home;
    home_open(&home, 1, 64, 100);
    struct gather gather = {0};
    cr_assert_not(gather_append(&gather, &home.pool, stream(0, 101), 0));
    cr_assert(gather_empty(&gather));
    cr_assert_eq(home.pool.free_count, 1);

    cr_assert(gather_append(&gather, &home.pool, stream(0, 50), 0));
    gather_consume(&gather, 5);
    cr_assert_not(gather_append(&gather, &home.pool, stream(50, 56), 0));
    cr_assert(holds(&gather, 5, 45));
    cr_assert_not_null(gather.block);

    cr_assert(gather_append(&gather, &home.pool, stream(50, 55), 0));
    cr_assert(holds(&gather, 5, 100));
    cr_assert_not(gather_append(&gather, &home.pool, stream(105, 1), 0));
    cr_assert(holds(&gather, 5, 100));
    cr_assert_eq(budget_used(&home.budget), 100);
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

Test(gather, a_pool_without_a_budget_offers_its_blocks_only)
{
    struct block_pool pool;
    cr_assert(block_pool_open(&pool, 1, 64, NULL));
    struct gather gather = {0};
    cr_assert_not(gather_append(&gather, &pool, stream(0, 65), 0));
    cr_assert(gather_append(&gather, &pool, stream(0, 64), 0));
    cr_assert_not(gather_append(&gather, &pool, stream(64, 1), 0));
    cr_assert(holds(&gather, 0, 64));
    gather_clear(&gather, &pool);
    block_pool_close(&pool);
}

Test(gather, memory_grows_with_what_arrived_and_is_moved_seldom)
{
    enum { PIECE = 100, PIECES = 10000 };
    struct home home;
    home_open(&home, 1, 64, 16 << 20);
    struct gather gather = {0};
    const uint8_t *data = NULL;
    int moved = 0;
    for (int i = 0; i < PIECES; i++) {
        cr_assert(gather_append(&gather, &home.pool, stream((size_t)i * PIECE, PIECE), 0));
        cr_assert(gather.capacity <= pages_round(2 * gather.end));
        if (gather.data != data) moved++;
        data = gather.data;
    }
    cr_assert(holds(&gather, 0, (size_t)PIECE * PIECES));
    cr_assert(moved <= 15, "%d", moved);
    gather_clear(&gather, &home.pool);
    home_close(&home);
}

/* ... and not with what its peer has declared. */
Test(gather, what_is_paid_for_is_what_has_come_in_whole_pages)
{
    enum { DECLARED = 16 << 20, PIECE = 8000 };
    struct home home;
    home_open(&home, 1, 2048, DECLARED);
    struct gather gather = {0};
    for (size_t have = 0; have < 80000; have += PIECE) {
        cr_assert(gather_append(&gather, &home.pool, stream(have, PIECE), DECLARED));
        cr_assert(gather.capacity <= pages_round(2 * gather.end));
        cr_assert_eq(budget_used(&home.budget), gather.capacity);
        cr_assert_eq(gather.capacity % PAGES_SIZE, 0);
        cr_assert_eq(budget_small(&home.budget), 0);
    }
    cr_assert(holds(&gather, 0, 80000));
    cr_assert(PIECE_ENDS_SEEN || pages_figures().taken == gather.capacity);
    gather_clear(&gather, &home.pool);
    cr_assert_eq(pages_figures().taken, 0);
    home_close(&home);
}

/* Many that begin small, all at once, and some that grow in what the others have left: no more is resident
 * than the budget says. */
Test(gather, however_sizes_change_no_more_is_taken_than_paid_for)
{
    enum { GATHERS = 200, STEPS = 20000, LIMIT = 4 << 20 };
    uint64_t state = 77;
    struct home home;
    home_open(&home, 1, 2048, LIMIT);
    static struct gather gathers[GATHERS];
    for (int i = 0; i < STEPS; i++) {
        struct gather *gather = &gathers[random_next(&state) % GATHERS];
        if (random_next(&state) % 8 == 0)
            gather_clear(gather, &home.pool);
        else
            gather_append(gather, &home.pool, stream(0, random_next(&state) % 8000), 0);
        struct pages_figures figures = pages_figures();
        size_t paid = budget_used(&home.budget) - budget_small(&home.budget);
        cr_assert(PIECE_ENDS_SEEN || figures.taken == paid, "step %d", i);
        cr_assert(figures.taken <= LIMIT);
        cr_assert_eq(figures.warm, 0);
    }
    for (int i = 0; i < GATHERS; i++) gather_clear(&gathers[i], &home.pool);
    home_close(&home);
}

Test(gather, random_appends_and_consumes_of_many_keep_every_byte)
{
    enum { GATHERS = 4 };
    uint64_t seed = 991, state = seed;
    struct home home;
    home_open(&home, 2, 64, 3000);
    struct gather gathers[GATHERS] = {0};
    size_t begin[GATHERS] = {0}, end[GATHERS] = {0};
    int refused = 0;
    for (int step = 0; step < 40000; step++) {
        size_t who = random_next(&state) % GATHERS;
        struct gather *gather = &gathers[who];
        size_t held = end[who] - begin[who];
        uint64_t action = random_next(&state) % 16;
        if (action == 0) {
            gather_clear(gather, &home.pool);
            begin[who] = end[who];
        } else if (action < 8) {
            size_t size = random_next(&state) % (held + 1);
            if (action == 7) size = held;
            gather_consume(gather, size);
            begin[who] += size;
        } else {
            size_t size = random_next(&state) % (action == 15 ? 600 : 60);
            bool taken = gather_append(gather, &home.pool, stream(end[who], size), 0);
            if (taken) end[who] += size;
            refused += !taken;
        }
        cr_assert(holds(gather, begin[who], end[who] - begin[who]), "seed %" PRIu64 " step %d",
                  seed, step);
        size_t charged = 0;
        for (int i = 0; i < GATHERS; i++)
            charged += gathers[i].block == NULL ? gathers[i].capacity : 0;
        cr_assert_eq(budget_used(&home.budget), charged, "seed %" PRIu64 " step %d", seed, step);
    }
    cr_assert(refused > 0);
    for (int i = 0; i < GATHERS; i++) gather_clear(&gathers[i], &home.pool);
    home_close(&home);
}
