#include "base/pages.h"
#include "outbox_desk.h"
#include "random.h"

#include <inttypes.h>
#include <signal.h>

static const uint32_t block_sizes[] = {23, 64, 2048};
enum { BLOCK_SIZES = sizeof block_sizes / sizeof block_sizes[0] };

Test(outbox, an_empty_one_offers_nothing_and_an_empty_packet_adds_nothing)
{
    struct desk desk;
    desk_open(&desk, 1, 64, 0);
    struct span part;
    cr_assert_eq(outbox_parts(&desk.outbox, &part, 1), 0);
    cr_assert(append(&desk, 0, 2));
    cr_assert(outbox_append(&desk.outbox, &desk.pool, NULL, 0, 0));
    cr_assert_eq(desk.pool.free_count, 1);
    outbox_sent(&desk.outbox, 0);
    desk_close(&desk);
}

Test(outbox, small_packets_share_a_block_and_are_one_part)
{
    struct desk desk;
    desk_open(&desk, 4, 64, 0);
    for (int i = 0; i < 6; i++) cr_assert(append(&desk, 10, 2));
    cr_assert_eq(desk.pool.free_count, 3);
    struct span parts[4];
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    cr_assert_eq(parts[0].size, 60);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, a_packet_straddles_blocks)
{
    struct desk desk;
    desk_open(&desk, 4, 64, 0);
    cr_assert(append(&desk, 60, 1));
    cr_assert(append(&desk, 132, 3));
    cr_assert_eq(desk.pool.free_count, 1);
    struct span parts[4];
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 3);
    cr_assert_eq(parts[1].size, 64);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, what_was_offered_stays_where_it_is_while_more_is_appended)
{
    struct desk desk;
    desk_open(&desk, 4, 64, 0);
    cr_assert(append(&desk, 20, 1));
    struct span before, after[4];
    cr_assert_eq(outbox_parts(&desk.outbox, &before, 1), 1);
    cr_assert(append(&desk, 100, 1));
    cr_assert_eq(outbox_parts(&desk.outbox, after, 4), 2);
    cr_assert_eq(after[0].data, before.data);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, up_to_the_mark_a_packet_is_copied_and_beyond_it_is_one_chunk)
{
    struct desk desk;
    desk_open(&desk, 9, 2048, 1 << 20);
    cr_assert(append(&desk, OUTBOX_COPY_MAX, 2));
    cr_assert_eq(budget_used(&desk.budget), 0);
    cr_assert_eq(desk.pool.free_count, 1);
    send_all(&desk);

    cr_assert(append(&desk, OUTBOX_COPY_MAX + 1, 2));
    cr_assert(budget_used(&desk.budget) > OUTBOX_COPY_MAX);
    cr_assert_eq(desk.pool.free_count, 9);
    struct span parts[4];
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    cr_assert_eq(parts[0].size, OUTBOX_COPY_MAX + 1);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, without_room_nothing_is_added_and_a_send_makes_room_again)
{
    for (int i = 0; i < BLOCK_SIZES; i++) {
        struct desk desk;
        size_t size = block_sizes[i];
        desk_open(&desk, 3, block_sizes[i], 0);
        cr_assert(append(&desk, size + 1, 1));
        cr_assert_not(append(&desk, 2 * size, 2));
        cr_assert_eq(desk.outbox.pending, size + 1);
        cr_assert_eq(desk.pool.free_count, 1);
        cr_assert_eq(offered(&desk, 4), size + 1);

        cr_assert(append(&desk, 2 * size - 1, 2));
        cr_assert_not(append(&desk, 1, 1));
        cr_assert_eq(offered(&desk, 4), 3 * size);
        send_some(&desk, size - 1);
        cr_assert_not(append(&desk, 1, 1));
        send_some(&desk, 1);
        cr_assert(append(&desk, size, 1));
        send_all(&desk);
        desk_close(&desk);
    }
}

Test(outbox, a_large_packet_without_memory_or_a_block_to_refer_to_it_changes_nothing)
{
    struct desk desk;
    desk_open(&desk, 1, 64, pages_round(20000) + 400);
    cr_assert_not(append(&desk, pages_round(20000) + 400, 2)); /* the chunk's head is beyond it */
    cr_assert_eq(desk.pool.free_count, 1);
    cr_assert(append(&desk, 64, 1));
    cr_assert(append(&desk, OUTBOX_COPY_MAX + 1, 1));
    cr_assert_eq(desk.pool.grown_count, 1);
    send_all(&desk);

    desk.budget.limit =
        pages_round(OUTBOX_COPY_MAX + 100); /* room for the chunk, not for another block */
    cr_assert(append(&desk, 64, 1));
    cr_assert_not(append(&desk, OUTBOX_COPY_MAX + 1, 1));
    cr_assert_eq(budget_used(&desk.budget), 0);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, a_pool_without_a_budget_takes_no_large_packet)
{
    struct block_pool pool;
    struct outbox outbox;
    static uint8_t bytes[OUTBOX_COPY_MAX + 1];
    struct span part = span_of(bytes, sizeof bytes);
    cr_assert(block_pool_open(&pool, 300, 64, NULL));
    outbox_init(&outbox);
    cr_assert_not(outbox_append(&outbox, &pool, &part, 1, part.size));
    part.size = OUTBOX_COPY_MAX;
    cr_assert(outbox_append(&outbox, &pool, &part, 1, part.size));
    outbox_clear(&outbox);
    block_pool_close(&pool);
}

Test(outbox, blocks_grown_on_the_budget_go_home_too)
{
    struct desk desk;
    desk_open(&desk, 1, 64, 10 << 10);
    cr_assert(append(&desk, 1000, 1));
    cr_assert(desk.pool.grown_count > 0);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, clearing_gives_back_everything_even_what_was_partly_sent)
{
    struct desk desk;
    desk_open(&desk, 8, 64, 1 << 20);
    cr_assert(append(&desk, 100, 1));
    cr_assert(append(&desk, 100000, 1));
    cr_assert(append(&desk, 100, 1));
    send_some(&desk, 150);
    outbox_clear(&desk.outbox);
    desk_close(&desk);
}

Test(outbox, sending_more_than_there_is_is_a_bug, .signal = SIGABRT)
{
    struct desk desk;
    desk_open(&desk, 1, 64, 0);
    cr_assert(append(&desk, 10, 1));
    outbox_sent(&desk.outbox, 11);
}

static size_t random_size(uint64_t *state)
{
    switch (random_next(state) % 8) {
    case 0: return random_next(state) % 3000;
    case 1: return OUTBOX_COPY_MAX - 20 + random_next(state) % 40;
    case 2: return random_next(state) % 40000;
    default: return random_next(state) % 80;
    }
}

/* Everything sent is everything appended, in order, whatever mix of packets and partial sends. */
static void random_traffic(uint32_t block_size, uint64_t seed, size_t limit, int steps, bool large)
{
    struct desk desk;
    struct budget shared = {.limit = 64 << 20};
    uint64_t state = seed;
    int refused = 0;
    desk_open(&desk, (uint32_t)(60000 / block_size), block_size, limit);
    if (large) desk_add_large(&desk, 1, 30000);
    for (int step = 0; step < steps; step++) {
        size_t pending = desk.outbox.pending;
        uint64_t action = random_next(&state) % 8;
        if (action < 3) {
            refused += !append(&desk, random_size(&state), 1 + (int)(random_next(&state) % 4));
        } else if (action == 3) {
            struct chunk *chunk = next_chunk(&desk, &shared, random_next(&state) % 1500);
            refused += !append_chunk(&desk, chunk);
            chunk_drop(chunk);
        } else if (pending != 0) {
            size_t most = offered(&desk, 1 + (int)(random_next(&state) % 64));
            cr_assert(most != 0 && most <= pending, "seed %" PRIu64 " step %d", seed, step);
            bool whole = random_next(&state) % 3 == 0;
            send_some(&desk, whole ? most : 1 + random_next(&state) % most);
            if (random_next(&state) % 2 == 0) outbox_leave_large(&desk.outbox, &desk.pool);
        }
        cr_assert_eq(desk.outbox.pending, desk.appended - desk.sent, "seed %" PRIu64 " step %d",
                     seed, step);
    }
    send_all(&desk);
    cr_assert_eq(desk.sent, desk.appended, "seed %" PRIu64, seed);
    cr_assert_eq(budget_used(&shared), 0, "seed %" PRIu64, seed);
    cr_assert(limit > 1 << 20 || refused > 0, "seed %" PRIu64 ": never ran out", seed);
    desk_close(&desk);
}

static void random_traffics(uint64_t seed, size_t limit)
{
    for (int i = 0; i < BLOCK_SIZES; i++) {
        random_traffic(block_sizes[i], seed, limit, 4000, false);
        random_traffic(block_sizes[i], seed, limit, 4000, true);
    }
}

Test(outbox, random_traffic_comes_out_as_it_went_in)
{
    random_traffics(4242, 64 << 20);
}

Test(outbox, random_traffic_survives_running_out_of_everything)
{
    random_traffics(1717, 50000);
}
