#include "stream_desk.h"

static struct desk one;

Test(stream, what_comes_is_in_the_inbox_and_is_told_of)
{
    desk_open(&one);
    desk_send(&one, 300);
    desk_turn(&one);
    cr_assert(one.arrived >= 1);
    cr_assert_eq(inbox_size(&one.stream.inbox), 300);
    cr_assert_eq(one.home.counters.bytes_received, 300);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream, nothing_is_received_from_one_that_does_not_listen)
{
    desk_open(&one);
    one.listens = false;
    desk_listen(&one);
    desk_turn(&one);
    desk_send(&one, 10);
    desk_turn(&one);
    cr_assert_eq(inbox_size(&one.stream.inbox), 0);
    one.listens = true;
    desk_listen(&one);
    desk_turn(&one);
    cr_assert_eq(inbox_size(&one.stream.inbox), 10);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

/* As a port brings it that completes receives in any order. */
static void bring(struct block_pool *landing, struct block *block, uint32_t sequence, char byte)
{
    const struct port_event event = {
        .kind = PORT_RECEIVED, .socket = &one.stream.socket, .block = block};
    check(block->pool == landing);
    block->sequence = sequence;
    block->data[0] = (uint8_t)byte;
    block->end = 1;
    stream_received(&one.stream, &event);
}

Test(stream, what_comes_out_of_order_is_put_back_and_counted)
{
    struct block_pool landing;
    struct block *early[4];
    desk_open(&one);
    cr_assert(block_pool_open(&landing, 3, 16, NULL));
    reorder_init(&one.stream.reorder, 4, early);
    bring(&landing, block_take(&landing), 2, 'c');
    bring(&landing, block_take(&landing), 1, 'b');
    cr_assert_eq(inbox_size(&one.stream.inbox), 0);
    cr_assert_eq(one.home.counters.receives_late, 2);
    bring(&landing, block_take(&landing), 0, 'a');
    for (int place = 0; place < 3; place++) {
        cr_assert_eq(inbox_front(&one.stream.inbox).data[0], "abc"[place]);
        inbox_use(&one.stream.inbox, &one.home, 1);
        inbox_release_front(&one.stream.inbox, &one.home);
    }
    bring(&landing, block_take(&landing), 4, 'e'); /* it ends before 3 has come */
    stream_break(&one.stream);
    desk_turn(&one);
    cr_assert_eq(landing.free_count, landing.total);
    block_pool_close(&landing);
    desk_close(&one);
}

Test(stream, what_is_put_goes_out_at_the_end_of_the_turn)
{
    desk_open(&one);
    desk_put(&one, 200);
    cr_assert_eq(memory_peer_received(&one.peer).size, 0);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 200);
    cr_assert_eq(one.sent, 1);
    cr_assert_eq(one.home.counters.bytes_sent, 200);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream, its_end_waits_until_all_is_sent_and_then_for_the_peer)
{
    desk_open(&one);
    memory_peer_set_deaf(&one.peer, true);
    desk_put(&one, 100);
    stream_end(&one.stream);
    desk_turn(&one);
    cr_assert_eq(one.stream.state, STREAM_FLUSHING);
    cr_assert_not(one.peer.shut);
    memory_peer_set_deaf(&one.peer, false);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 100);
    cr_assert_eq(one.stream.state, STREAM_LINGERING);
    cr_assert(one.peer.shut);
    cr_assert_eq(one.ended, 1);
    cr_assert_eq(one.lingers, 1);
    memory_peer_finish(&one.peer);
    desk_turn(&one);
    cr_assert_eq(one.error, PORT_OK);
    desk_close(&one);
}

Test(stream, it_does_not_linger_when_the_peer_has_ended_before)
{
    desk_open(&one);
    memory_peer_finish(&one.peer);
    desk_turn(&one);
    cr_assert(one.stream.ended);
    stream_end(&one.stream);
    desk_turn(&one);
    cr_assert_eq(one.lingers, 0);
    desk_close(&one);
}

Test(stream, what_arrives_after_its_end_is_thrown_away)
{
    desk_open(&one);
    memory_peer_set_deaf(&one.peer, true);
    desk_put(&one, 100);
    stream_end(&one.stream);
    desk_send(&one, 2000);
    desk_turn(&one);
    cr_assert_eq(inbox_size(&one.stream.inbox), 0);
    cr_assert_eq(one.home.counters.bytes_received, 0);
    cr_assert_eq(one.peer.arrived.begin,
                 one.peer.arrived.end); /* so a peer that writes is not stuck */
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream, input_that_its_owner_uses_stays_whatever_ends_it)
{
    desk_open(&one);
    desk_send(&one, 100);
    desk_turn(&one);
    one.stream.reading = true;
    stream_break(&one.stream);
    cr_assert_eq(inbox_size(&one.stream.inbox), 100);
    one.stream.reading = false;
    stream_drop_input(&one.stream);
    cr_assert_eq(inbox_size(&one.stream.inbox), 0);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream, an_end_is_seen_by_one_that_only_watches)
{
    desk_open(&one);
    one.listens = false;
    one.watches = true;
    desk_listen(&one);
    desk_turn(&one);
    memory_peer_finish(&one.peer);
    desk_turn(&one);
    cr_assert(one.stream.ending);
    cr_assert_not(one.stream.ended, "it has not been received from");
    memory_peer_reset(&one.peer);
    desk_turn(&one);
    cr_assert_eq(one.error, PORT_RESET);
    desk_close(&one);
}

Test(stream, what_is_put_into_a_full_queue_is_sent_meanwhile)
{
    desk_open(&one);
    one.home.budget.limit = 0;
    for (int i = 0; i < 4 * DESK_BLOCKS; i++) desk_put(&one, DESK_BLOCK_SIZE);
    cr_assert(memory_peer_received(&one.peer).size > 0);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 4 * DESK_BLOCKS * DESK_BLOCK_SIZE);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream, what_is_shared_is_put_into_a_full_queue_likewise)
{
    struct budget budget = {.limit = 4096};
    struct chunk *chunk = chunk_make(&budget, DESK_BLOCK_SIZE);
    cr_assert_not_null(chunk);
    memset(chunk->data, 'c', chunk->size);
    desk_open(&one);
    one.home.budget.limit = 0;
    for (int i = 0; i < 4 * DESK_BLOCKS; i++) cr_assert(stream_put_chunk(&one.stream, chunk));
    stream_touch(&one.stream);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 4 * DESK_BLOCKS * DESK_BLOCK_SIZE);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(stream, what_finds_no_block_is_refused_while_the_peer_takes_nothing)
{
    static const uint8_t bytes[DESK_BLOCK_SIZE];
    struct span part = span_of(bytes, sizeof bytes);
    int taken = 0;
    desk_open(&one);
    one.home.budget.limit = 0;
    memory_peer_set_deaf(&one.peer, true);
    while (stream_put(&one.stream, &part, 1, part.size)) taken++;
    cr_assert_eq(taken, DESK_BLOCKS);
    cr_assert_eq(one.broke, 0);
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

/* ---- every way to end, in every state ---- */

static void to_open(void)
{
}

static void to_full_inbox(void)
{
    desk_send(&one, 1000);
    desk_turn(&one);
}

static void to_sending(void)
{
    memory_peer_set_deaf(&one.peer, true);
    desk_put(&one, 500);
    desk_turn(&one);
}

static void to_not_listening(void)
{
    one.listens = false;
    one.watches = true;
    desk_listen(&one);
    desk_turn(&one);
}

static void to_flushing(void)
{
    to_sending();
    stream_end(&one.stream);
    desk_turn(&one);
}

static void to_lingering(void)
{
    stream_end(&one.stream);
    desk_turn(&one);
}

static void end_it(void)
{
    if (one.stream.state == STREAM_OPEN) stream_end(&one.stream);
    memory_peer_set_deaf(&one.peer, false);
    desk_turn(&one);
    memory_peer_finish(&one.peer);
}

static void break_it(void)
{
    stream_break(&one.stream);
}

static void peer_finishes(void)
{
    memory_peer_finish(&one.peer);
    desk_turn(&one);
    if (one.stream.state == STREAM_OPEN) stream_end(&one.stream);
    memory_peer_set_deaf(&one.peer, false);
}

static void peer_resets(void)
{
    memory_peer_reset(&one.peer);
}

Test(stream, whatever_ends_it_in_whatever_state_all_comes_home)
{
    void (*const states[])(void) = {to_open,          to_full_inbox, to_sending,
                                    to_not_listening, to_flushing,   to_lingering};
    void (*const ends[])(void) = {end_it, break_it, peer_finishes, peer_resets};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (size_t j = 0; j < sizeof ends / sizeof *ends; j++) {
            desk_open(&one);
            states[i]();
            ends[j]();
            desk_turn(&one);
            cr_assert_eq(one.settled, 1, "state %zu, end %zu", i, j);
            desk_close(&one);
        }
}
