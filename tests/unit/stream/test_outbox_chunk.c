/* Chunks in an outbox: held, shared, copied. */
#include "outbox_desk.h"

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
