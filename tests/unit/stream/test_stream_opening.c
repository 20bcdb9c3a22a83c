/* A stream that its owner opens: until then it is up, and takes and sends bytes. */
#include "stream_desk.h"
#include "veil.h"

static struct desk one;
static struct veil_source veils;

static void open_by_owner(bool veiled)
{
    veil_source_init(&veils, 7);
    desk_open_as(&one, veiled ? &veils.source : NULL, true);
}

static void close_it(void)
{
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(stream_opening, it_is_open_when_its_owner_says_so)
{
    open_by_owner(false);
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    cr_assert(stream_is_up(&one.stream));
    cr_assert_not(stream_shakes(&one.stream));
    stream_opened(&one.stream);
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    close_it();
}

Test(stream_opening, bytes_come_and_go_before_it_is_open)
{
    open_by_owner(false);
    desk_send(&one, 300);
    desk_turn(&one);
    cr_assert(one.arrived >= 1);
    cr_assert_eq(inbox_size(&one.stream.inbox), 300);
    desk_put(&one, 200);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 200);
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    stream_opened(&one.stream);
    cr_assert_eq(inbox_size(&one.stream.inbox), 300, "they are there still");
    close_it();
}

Test(stream_opening, it_ends_with_what_was_queued)
{
    open_by_owner(false);
    desk_put(&one, 200);
    stream_end(&one.stream);
    cr_assert_eq(one.stream.state, STREAM_FLUSHING);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 200);
    cr_assert(one.peer.shut);
    cr_assert_eq(one.lingers, 1);
    close_it();
}

Test(stream_opening, an_end_of_the_peer_is_told)
{
    open_by_owner(false);
    desk_send(&one, 10);
    memory_peer_finish(&one.peer);
    desk_turn(&one);
    cr_assert(one.stream.ended);
    cr_assert_eq(inbox_size(&one.stream.inbox), 10);
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    close_it();
}

static void send_hello(uint8_t round, uint8_t rounds, uint8_t flags)
{
    uint8_t record[VEIL_RECORD_MAX];
    const uint8_t hello[] = {round, rounds, flags};
    size_t size = veil_record(record, VEIL_HELLO, span_of(hello, sizeof hello));
    cr_assert(memory_peer_send(&one.peer, span_of(record, size)));
}

static void say_hello(uint8_t round, uint8_t rounds, uint8_t flags)
{
    send_hello(round, rounds, flags);
    desk_turn(&one);
    cr_assert(stream_shakes(&one.stream));
    stream_shake(&one.stream);
}

/* A handshake is not all. */
Test(stream_opening, a_filter_that_is_done_leaves_it_to_the_owner)
{
    open_by_owner(true);
    say_hello(1, 2, 0);
    cr_assert(stream_shakes(&one.stream));
    say_hello(2, 2, 0);
    cr_assert_not(stream_shakes(&one.stream));
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    stream_opened(&one.stream);
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    cr_assert_not(stream_shakes(&one.stream));
    close_it();
}

/* Others' handshakes would keep it until the end of the turn. */
Test(stream_opening, an_answer_of_the_handshake_is_sent_at_once)
{
    struct port_event event;
    open_by_owner(true);
    one.shakes = true;
    send_hello(1, 2, 0);
    cr_assert_eq(port_harvest(one.home.port, &event, 1, 0), 1);
    stream_received(&one.stream, &event);
    cr_assert(stream_shakes(&one.stream));
    cr_assert_neq(memory_peer_received(&one.peer).size, 0);
    close_it();
}

Test(stream_opening, so_does_one_that_has_gone)
{
    open_by_owner(true);
    say_hello(1, 1, VEIL_LIFT);
    cr_assert_null(one.stream.inbox.filter);
    cr_assert_not(stream_shakes(&one.stream));
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    stream_opened(&one.stream);
    close_it();
}

Test(stream_opening, a_filter_alone_opens_it_if_the_owner_does_not)
{
    veil_source_init(&veils, 7);
    desk_open_with(&one, &veils.source);
    say_hello(1, 1, 0);
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    close_it();
}

Test(stream_opening, one_that_the_owner_does_not_open_is_open)
{
    desk_open(&one);
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    close_it();
}
