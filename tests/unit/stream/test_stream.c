#include "stream_desk.h"

static struct desk desk;

Test(stream, what_comes_is_in_the_inbox_and_is_told_of)
{
    desk_open(&desk);
    desk_send(&desk, 300);
    desk_turn(&desk);
    cr_assert(desk.arrived >= 1);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 300);
    cr_assert_eq(desk.home.counters.bytes_received, 300);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

Test(stream, nothing_is_received_from_one_that_does_not_listen)
{
    desk_open(&desk);
    desk.listens = false;
    desk_listen(&desk);
    desk_turn(&desk);
    desk_send(&desk, 10);
    desk_turn(&desk);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 0);
    desk.listens = true;
    desk_listen(&desk);
    desk_turn(&desk);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 10);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

/* As a port brings it that completes receives in any order. */
static void bring(struct block_pool *landing, struct block *block, uint32_t sequence, char byte)
{
    const struct port_event event = {
        .kind = PORT_RECEIVED, .socket = &desk.stream.socket, .block = block};
    check(block->pool == landing);
    block->sequence = sequence;
    block->data[0] = (uint8_t)byte;
    block->end = 1;
    stream_received(&desk.stream, &event);
}

Test(stream, what_comes_out_of_order_is_put_back_and_counted)
{
    struct block_pool landing;
    struct block *early[4];
    desk_open(&desk);
    cr_assert(block_pool_open(&landing, 3, 16, NULL));
    reorder_init(&desk.stream.reorder, 4, early);
    bring(&landing, block_take(&landing), 2, 'c');
    bring(&landing, block_take(&landing), 1, 'b');
    cr_assert_eq(inbox_size(&desk.stream.inbox), 0);
    cr_assert_eq(desk.home.counters.receives_late, 2);
    bring(&landing, block_take(&landing), 0, 'a');
    for (char byte = 'a'; byte <= 'c'; byte++) {
        cr_assert_eq(inbox_front(&desk.stream.inbox).data[0], byte);
        inbox_use(&desk.stream.inbox, &desk.home, 1);
        inbox_release_front(&desk.stream.inbox, &desk.home);
    }
    bring(&landing, block_take(&landing), 4, 'e'); /* it ends before 3 has come */
    stream_break(&desk.stream);
    desk_turn(&desk);
    cr_assert_eq(landing.free_count, landing.total);
    block_pool_close(&landing);
    desk_close(&desk);
}

Test(stream, what_is_put_goes_out_at_the_end_of_the_turn)
{
    desk_open(&desk);
    desk_put(&desk, 200);
    cr_assert_eq(memory_peer_received(&desk.peer).size, 0);
    desk_turn(&desk);
    cr_assert_eq(memory_peer_received(&desk.peer).size, 200);
    cr_assert_eq(desk.sent, 1);
    cr_assert_eq(desk.home.counters.bytes_sent, 200);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

Test(stream, its_end_waits_until_all_is_sent_and_then_for_the_peer)
{
    desk_open(&desk);
    memory_peer_set_deaf(&desk.peer, true);
    desk_put(&desk, 100);
    stream_end(&desk.stream);
    desk_turn(&desk);
    cr_assert_eq(desk.stream.state, STREAM_FLUSHING);
    cr_assert_not(desk.peer.shut);
    memory_peer_set_deaf(&desk.peer, false);
    desk_turn(&desk);
    cr_assert_eq(memory_peer_received(&desk.peer).size, 100);
    cr_assert_eq(desk.stream.state, STREAM_LINGERING);
    cr_assert(desk.peer.shut);
    cr_assert_eq(desk.ended, 1);
    cr_assert_eq(desk.lingers, 1);
    memory_peer_finish(&desk.peer);
    desk_turn(&desk);
    cr_assert_eq(desk.error, PORT_OK);
    desk_close(&desk);
}

Test(stream, it_does_not_linger_when_the_peer_has_ended_before)
{
    desk_open(&desk);
    memory_peer_finish(&desk.peer);
    desk_turn(&desk);
    cr_assert(desk.stream.ended);
    stream_end(&desk.stream);
    desk_turn(&desk);
    cr_assert_eq(desk.lingers, 0);
    desk_close(&desk);
}

Test(stream, what_arrives_after_its_end_is_thrown_away)
{
    desk_open(&desk);
    memory_peer_set_deaf(&desk.peer, true);
    desk_put(&desk, 100);
    stream_end(&desk.stream);
    desk_send(&desk, 2000);
    desk_turn(&desk);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 0);
    cr_assert_eq(desk.home.counters.bytes_received, 0);
    cr_assert_eq(desk.peer.arrived.begin,
                 desk.peer.arrived.end); /* so a peer that writes is not stuck */
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

Test(stream, input_that_its_owner_uses_stays_whatever_ends_it)
{
    desk_open(&desk);
    desk_send(&desk, 100);
    desk_turn(&desk);
    desk.stream.reading = true;
    stream_break(&desk.stream);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 100);
    desk.stream.reading = false;
    stream_drop_input(&desk.stream);
    cr_assert_eq(inbox_size(&desk.stream.inbox), 0);
    desk_turn(&desk);
    desk_close(&desk);
}

Test(stream, an_end_is_seen_by_one_that_only_watches)
{
    desk_open(&desk);
    desk.listens = false;
    desk.watches = true;
    desk_listen(&desk);
    desk_turn(&desk);
    memory_peer_finish(&desk.peer);
    desk_turn(&desk);
    cr_assert(desk.stream.ending);
    cr_assert_not(desk.stream.ended, "it has not been received from");
    memory_peer_reset(&desk.peer);
    desk_turn(&desk);
    cr_assert_eq(desk.error, PORT_RESET);
    desk_close(&desk);
}

Test(stream, what_is_put_into_a_full_queue_is_sent_meanwhile)
{
    desk_open(&desk);
    desk.home.budget.limit = 0;
    for (int i = 0; i < 4 * DESK_BLOCKS; i++) desk_put(&desk, DESK_BLOCK_SIZE);
    cr_assert(memory_peer_received(&desk.peer).size > 0);
    desk_turn(&desk);
    cr_assert_eq(memory_peer_received(&desk.peer).size, 4 * DESK_BLOCKS * DESK_BLOCK_SIZE);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

Test(stream, what_is_shared_is_put_into_a_full_queue_likewise)
{
    struct budget budget = {.limit = 4096};
    struct chunk *chunk = chunk_make(&budget, DESK_BLOCK_SIZE);
    cr_assert_not_null(chunk);
    memset(chunk->data, 'c', chunk->size);
    desk_open(&desk);
    desk.home.budget.limit = 0;
    for (int i = 0; i < 4 * DESK_BLOCKS; i++) cr_assert(stream_put_chunk(&desk.stream, chunk));
    stream_touch(&desk.stream);
    desk_turn(&desk);
    cr_assert_eq(memory_peer_received(&desk.peer).size, 4 * DESK_BLOCKS * DESK_BLOCK_SIZE);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(stream, what_finds_no_block_is_refused_while_the_peer_takes_nothing)
{
    static const uint8_t bytes[DESK_BLOCK_SIZE];
    struct span part = span_of(bytes, sizeof bytes);
    int taken = 0;
    desk_open(&desk);
    desk.home.budget.limit = 0;
    memory_peer_set_deaf(&desk.peer, true);
    while (stream_put(&desk.stream, &part, 1, part.size)) taken++;
    cr_assert_eq(taken, DESK_BLOCKS);
    cr_assert_eq(desk.broke, 0);
    stream_break(&desk.stream);
    desk_turn(&desk);
    desk_close(&desk);
}

/* ---- every way to end, in every state ---- */

static void to_open(void)
{
}

static void to_full_inbox(void)
{
    desk_send(&desk, 1000);
    desk_turn(&desk);
}

static void to_sending(void)
{
    memory_peer_set_deaf(&desk.peer, true);
    desk_put(&desk, 500);
    desk_turn(&desk);
}

static void to_not_listening(void)
{
    desk.listens = false;
    desk.watches = true;
    desk_listen(&desk);
    desk_turn(&desk);
}

static void to_flushing(void)
{
    to_sending();
    stream_end(&desk.stream);
    desk_turn(&desk);
}

static void to_lingering(void)
{
    stream_end(&desk.stream);
    desk_turn(&desk);
}

static void end_it(void)
{
    if (desk.stream.state == STREAM_OPEN) stream_end(&desk.stream);
    memory_peer_set_deaf(&desk.peer, false);
    desk_turn(&desk);
    memory_peer_finish(&desk.peer);
}

static void break_it(void)
{
    stream_break(&desk.stream);
}

static void peer_finishes(void)
{
    memory_peer_finish(&desk.peer);
    desk_turn(&desk);
    if (desk.stream.state == STREAM_OPEN) stream_end(&desk.stream);
    memory_peer_set_deaf(&desk.peer, false);
}

static void peer_resets(void)
{
    memory_peer_reset(&desk.peer);
}

Test(stream, whatever_ends_it_in_whatever_state_all_comes_home)
{
    void (*const states[])(void) = {to_open,          to_full_inbox, to_sending,
                                    to_not_listening, to_flushing,   to_lingering};
    void (*const ends[])(void) = {end_it, break_it, peer_finishes, peer_resets};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (size_t j = 0; j < sizeof ends / sizeof *ends; j++) {
            desk_open(&desk);
            states[i]();
            ends[j]();
            desk_turn(&desk);
            cr_assert_eq(desk.settled, 1, "state %zu, end %zu", i, j);
            desk_close(&desk);
        }
}
