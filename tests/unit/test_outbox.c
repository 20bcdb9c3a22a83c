#include "outbox.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>

enum { PARTS_MAX = 8 };

static const uint32_t block_sizes[] = {23, 64, 2048};
enum { BLOCK_SIZES = sizeof block_sizes / sizeof block_sizes[0] };

/* An outbox with its pool and budget. Bytes are known by their place in the stream: what is sent
 * must be the stream from 0 on. */
struct desk {
    struct budget budget;
    struct block_pool pool;
    struct outbox outbox;
    size_t appended, sent;
};

static void desk_open(struct desk *desk, uint32_t blocks, uint32_t block_size, size_t limit)
{
    *desk = (struct desk){.budget = {.limit = limit}};
    cr_assert(block_pool_open(&desk->pool, blocks, block_size, &desk->budget));
    outbox_init(&desk->outbox);
}

/* The outbox is empty, so all is home. */
static void desk_close(struct desk *desk)
{
    cr_assert_null(desk->outbox.first);
    cr_assert(list_empty(&desk->outbox.blocks));
    cr_assert_eq(desk->outbox.pending, 0);
    cr_assert_eq(desk->outbox.chunk_sent, 0);
    cr_assert_eq(desk->pool.free_count, desk->pool.total);
    cr_assert_eq(desk->pool.grown_count, 0);
    cr_assert_eq(budget_used(&desk->budget), 0);
    block_pool_close(&desk->pool);
}

static uint8_t byte_at(size_t place)
{
    return (uint8_t)(place * 131 + (place >> 8) * 7);
}

static void fill(uint8_t *bytes, size_t place, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = byte_at(place + i);
}

/* The next bytes of the stream, as up to `parts` parts. */
static bool append(struct desk *desk, size_t size, int parts)
{
    static uint8_t bytes[1 << 20];
    check(size <= sizeof bytes);
    check(parts >= 1 && parts <= PARTS_MAX);
    fill(bytes, desk->appended, size);
    struct span spans[PARTS_MAX];
    struct span left = span_of(bytes, size);
    for (int i = 0; i < parts; i++) {
        spans[i] = i == parts - 1 ? left : span_first(left, left.size / 3);
        left = span_skip(left, spans[i].size);
    }
    if (!outbox_append(&desk->outbox, &desk->pool, spans, parts, size)) return false;
    desk->appended += size;
    return true;
}

static struct chunk *next_chunk(struct desk *desk, struct budget *budget, size_t size)
{
    struct chunk *chunk = chunk_make(budget, size);
    cr_assert_not_null(chunk);
    fill(chunk->data, desk->appended, size);
    return chunk;
}

static bool append_chunk(struct desk *desk, struct chunk *chunk)
{
    if (!outbox_append_chunk(&desk->outbox, &desk->pool, chunk)) return false;
    desk->appended += chunk->size;
    return true;
}

/* The parts are the stream from what was sent on; returns their bytes. */
static size_t offered(struct desk *desk, int count_max)
{
    struct span parts[64];
    check(count_max <= 64);
    int count = outbox_parts(&desk->outbox, parts, count_max);
    cr_assert(count <= count_max);
    size_t place = desk->sent;
    for (int i = 0; i < count; i++) {
        cr_assert(parts[i].size != 0);
        for (size_t j = 0; j < parts[i].size; j++)
            cr_assert(parts[i].data[j] == byte_at(place + j), "byte %zu differs", place + j);
        place += parts[i].size;
    }
    return place - desk->sent;
}

static void send_some(struct desk *desk, size_t size)
{
    outbox_sent(&desk->outbox, size);
    desk->sent += size;
    cr_assert_eq(desk->outbox.pending, desk->appended - desk->sent);
}

static void send_all(struct desk *desk)
{
    while (desk->outbox.pending != 0) send_some(desk, offered(desk, 64));
}

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

Test(outbox, holds_a_shared_chunk_until_its_last_byte_is_sent)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 4, 64, 0);
    struct chunk *chunk = next_chunk(&desk, &budget, 1000);
    cr_assert(append_chunk(&desk, chunk));
    cr_assert_eq(chunk->holders, 2);
    send_some(&desk, 999);
    cr_assert_eq(chunk->holders, 2);
    cr_assert_eq(offered(&desk, 4), 1);
    send_some(&desk, 1);
    cr_assert_eq(chunk->holders, 1);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
    desk_close(&desk);
}

/* A chunk of the stream's next bytes, which only the outbox holds. */
static void append_own_chunk(struct desk *desk, struct budget *budget, size_t size)
{
    struct chunk *chunk = next_chunk(desk, budget, size);
    cr_assert(append_chunk(desk, chunk));
    chunk_drop(chunk);
}

Test(outbox, a_chunk_that_finds_nothing_queued_takes_no_block)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 1, 64, 0);
    append_own_chunk(&desk, &budget, 30);
    cr_assert_eq(desk.pool.free_count, 1);
    cr_assert_eq(offered(&desk, 1), 30);
    send_all(&desk);
    cr_assert_eq(budget_used(&budget), 0);
    append_own_chunk(&desk, &budget, 1000);
    cr_assert_eq(desk.pool.free_count, 1);
    send_some(&desk, 999);
    cr_assert(append(&desk, 10, 1));
    cr_assert_eq(offered(&desk, 4), 11);
    send_all(&desk);
    cr_assert_eq(budget_used(&budget), 0);
    desk_close(&desk);
}

Test(outbox, an_empty_chunk_is_not_held)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 1, 64, 0);
    append_own_chunk(&desk, &budget, 0);
    cr_assert_eq(budget_used(&budget), 0);
    desk_close(&desk);
}

Test(outbox, a_small_chunk_that_waits_alone_becomes_one_part_with_what_follows)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    struct span parts[4];
    desk_open(&desk, 2, 64, 0);
    append_own_chunk(&desk, &budget, 30);
    append_own_chunk(&desk, &budget, 34);
    cr_assert_eq(budget_used(&budget), 0);
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    cr_assert_eq(offered(&desk, 4), 64);
    send_all(&desk);

    append_own_chunk(&desk, &budget, 30); /* but not if both do not fit into a block */
    append_own_chunk(&desk, &budget, 35);
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 2);
    cr_assert_eq(offered(&desk, 4), 65);
    send_all(&desk);
    cr_assert_eq(budget_used(&budget), 0);
    desk_close(&desk);
}

Test(outbox, a_chunk_that_is_being_sent_stays_where_it_is)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    struct span parts[4];
    desk_open(&desk, 2, 64, 0);
    append_own_chunk(&desk, &budget, 30);
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    const uint8_t *place = parts[0].data;
    append_own_chunk(&desk, &budget, 10);
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 2);
    cr_assert_eq(parts[0].data, place);

    send_all(&desk);

    append_own_chunk(&desk, &budget, 30); /* nor one of which a part has gone */
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    place = parts[0].data;
    send_some(&desk, 7);
    append_own_chunk(&desk, &budget, 10);
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 2);
    cr_assert_eq(parts[0].data, place + 7);
    send_all(&desk);
    cr_assert_eq(budget_used(&budget), 0);
    desk_close(&desk);
}

Test(outbox, of_several_chunks_small_ones_are_copied)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 1, 2048, 0);
    cr_assert(append(&desk, 100, 1));
    struct chunk *chunk = next_chunk(&desk, &budget, OUTBOX_CHUNK_COPY_MAX);
    cr_assert(append_chunk(&desk, chunk));
    cr_assert_eq(chunk->holders, 1);
    chunk_drop(chunk);
    cr_assert_eq(offered(&desk, 1), 100 + OUTBOX_CHUNK_COPY_MAX);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, one_chunk_may_be_in_many_outboxes_and_many_times_in_one)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 8, 64, 0);
    struct outbox other;
    outbox_init(&other);
    struct chunk *chunk = chunk_make(&budget, 600);
    memset(chunk->data, 'x', 600);
    for (int i = 0; i < 20; i++) {
        cr_assert(outbox_append_chunk(&desk.outbox, &desk.pool, chunk));
        cr_assert(outbox_append_chunk(&other, &desk.pool, chunk));
    }
    cr_assert_eq(chunk->holders, 41);
    outbox_sent(&desk.outbox, 600 * 7 + 1);
    cr_assert_eq(chunk->holders, 34);
    outbox_clear(&desk.outbox);
    outbox_clear(&other);
    cr_assert_eq(chunk->holders, 1);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
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

Test(outbox, a_chunk_that_finds_no_room_is_not_held)
{
    struct desk desk;
    struct budget budget = {.limit = 1 << 20};
    desk_open(&desk, 1, 64, 0);
    cr_assert(append(&desk, 5, 1));
    struct chunk *chunk = next_chunk(&desk, &budget, 1000);
    cr_assert_not(append_chunk(&desk, chunk));
    cr_assert_eq(chunk->holders, 1);
    cr_assert_eq(desk.outbox.pending, 5);
    chunk_drop(chunk);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, a_large_packet_without_memory_or_a_block_to_refer_to_it_changes_nothing)
{
    struct desk desk;
    desk_open(&desk, 1, 64, 20000);
    cr_assert_not(append(&desk, 20000, 2)); /* the chunk's own head is beyond the budget */
    cr_assert_eq(desk.pool.free_count, 1);
    cr_assert(append(&desk, 64, 1));
    cr_assert(append(&desk, OUTBOX_COPY_MAX + 1, 1));
    cr_assert_eq(desk.pool.grown_count, 1);
    send_all(&desk);

    desk.budget.limit = OUTBOX_COPY_MAX + 100; /* room for the chunk, not for another block */
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
static void random_traffic(uint32_t block_size, uint64_t seed, size_t limit, int steps)
{
    struct desk desk;
    struct budget shared = {.limit = 64 << 20};
    uint64_t state = seed;
    int refused = 0;
    desk_open(&desk, (uint32_t)(60000 / block_size), block_size, limit);
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

Test(outbox, random_traffic_comes_out_as_it_went_in)
{
    for (int i = 0; i < BLOCK_SIZES; i++) random_traffic(block_sizes[i], 4242, 64 << 20, 4000);
}

Test(outbox, random_traffic_survives_running_out_of_everything)
{
    for (int i = 0; i < BLOCK_SIZES; i++) random_traffic(block_sizes[i], 1717, 50000, 4000);
}
