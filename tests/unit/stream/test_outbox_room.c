/* What is written straight into an outbox is queued like all else. */
#include "outbox_desk.h"

static bool append_in_room(struct desk *desk, size_t size)
{
    uint8_t *room = outbox_room(&desk->outbox, &desk->pool, size);
    if (room == NULL) return false;
    fill(room, desk->appended, size);
    desk->appended += size;
    return true;
}

Test(outbox, what_is_written_into_its_room_is_the_stream)
{
    struct desk desk;
    desk_open(&desk, 4, 64, 0);
    cr_assert(append_in_room(&desk, 10), "the first takes a block");
    cr_assert_eq(desk.pool.free_count, 3);
    cr_assert(append(&desk, 20, 2));
    cr_assert(append_in_room(&desk, 34), "to the last byte of the block");
    cr_assert_eq(offered(&desk, 1), 64);
    cr_assert_not(append_in_room(&desk, 1), "that block is full");
    cr_assert_eq(desk.outbox.pending, 64);
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, there_is_no_room_for_more_than_a_block_or_without_one)
{
    struct desk desk;
    desk_open(&desk, 1, 64, 0);
    cr_assert_not(append_in_room(&desk, 65));
    cr_assert(append_in_room(&desk, 64));
    struct outbox other;
    outbox_init(&other);
    cr_assert_null(outbox_room(&other, &desk.pool, 1), "no block is free");
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, nothing_is_written_before_what_is_queued)
{
    struct desk desk;
    struct budget budget = {.limit = 4096};
    desk_open(&desk, 4, 64, 4096);
    struct chunk *chunk = next_chunk(&desk, &budget, 1000);
    cr_assert(append_chunk(&desk, chunk));
    chunk_drop(chunk);
    cr_assert_not(append_in_room(&desk, 10), "a chunk waits alone");
    chunk = next_chunk(&desk, &budget, 1000);
    cr_assert(append_chunk(&desk, chunk));
    chunk_drop(chunk);
    cr_assert_not(append_in_room(&desk, 10), "the last block has references");
    cr_assert(append(&desk, 10, 1));
    cr_assert(append_in_room(&desk, 10));
    send_all(&desk);
    desk_close(&desk);
    cr_assert_eq(budget_used(&budget), 0);
}
