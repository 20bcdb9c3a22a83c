/* Packets of a WebSocket both ways, and what it says by itself: pongs, and pings when nothing is heard. */
#include "websocket_desk.h"

Test(link_websocket_packets, have_their_kind)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    tell(peer, "t:text b:text t: b: t-:a c:b b-:a p:1 c:b t:%c3%a4");
    saw("t:text b:text t: b: t:ab b:ab t:\xc3\xa4");
    hears(peer, "o:1");
    desk_end();
}

static enum send_result send(const char *text, enum packet_kind kind)
{
    return link_send_kind(desk.links[0], span_text(text), kind);
}

Test(link_websocket_packets, are_sent_as_what_they_are)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    cr_assert_eq(send("a", PACKET_TEXT), SEND_OK);
    cr_assert_eq(send("b", PACKET_BINARY), SEND_OK);
    cr_assert_eq(send("c", PACKET_PLAIN), SEND_OK);
    cr_assert_eq(send("\xc3\xa4", PACKET_PLAIN), SEND_OK);
    cr_assert_eq(send("\xc3", PACKET_PLAIN), SEND_OK);
    cr_assert_eq(send("", PACKET_PLAIN), SEND_OK);
    cr_assert_eq(send("\xc3", PACKET_TEXT), SEND_BAD_TEXT);
    cr_assert_eq(link_send(desk.links[0], span_text("d")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears(peer, "t:a b:b t:c t:\xc3\xa4 b:\xc3 t: t:d");
    cr_assert_str_eq(send_result_text(SEND_BAD_TEXT), "badtext");
    desk_end();
}

Test(link_websocket_packets, are_no_larger_than_they_may_be)
{
    static char bytes[2000];
    desk_open((const char *const[]){"max_packet", "1000", NULL},
              (const char *const[]){"websocket", NULL});
    struct offline_peer *peer = desk_join(0);
    cr_assert_eq(link_send(desk.links[0], span_of(bytes, 1000)), SEND_OK);
    cr_assert_eq(link_send(desk.links[0], span_of(bytes, 1001)), SEND_TOO_BIG);
    cr_assert(offline_run(desk.offline));
    hears(peer, "t:%00*1000");
    tell(peer, "t:x*1000");
    saw("t:x*1000");
    tell(peer, "t:x*1001");
    ended_as("oversize", 1009);
    hears(peer, "x.1009:");
    desk_end();
}

static void echo(struct link *link, struct span packet)
{
    cr_assert_eq(link_send_kind(link, packet, link_packet_kind(link)), SEND_OK);
}

Test(link_websocket_packets, and_replies_are_in_order)
{
    desk_begin();
    desk.on_packet = echo;
    struct offline_peer *peer = desk_join(0);
    tell(peer, "t:1 p:2 b:3 p:4 t-:5 p:6 c:7 x.1000:8");
    hears(peer, "t:1 o:2 b:3 o:4 o:6 t:57 x.1000:");
    desk_end();
}

/* As they land, or put together from several receives: large ones in any number of pieces. */
Test(link_websocket_packets, come_however_they_are_split)
{
    static struct ws_text text;
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    ws_write(&text, "t:x*5000 b-:y*40000 p:1 c:y*30000 t:z");
    for (size_t at = 0; at < text.size; at += 777)
        tell_bytes(peer, span_first(span_skip(span_of(text.bytes, text.size), at), 777));
    saw("t:x*5000 b:y*70000 t:z");
    hears(peer, "o:1");
    tell_bytes(peer, span_of(text.bytes, text.size));
    saw("t:x*5000 b:y*70000 t:z t:x*5000 b:y*70000 t:z");
    hears(peer, "o:1");
    desk_end();
}

static void next_in_handler(struct link *link, struct span packet)
{
    while (link_next(link, &packet)) {
        desk.received++;
        ws_trace(&desk.seen, " then ");
        ws_trace_bytes(&desk.seen, packet);
        cr_assert_eq(link_packet_kind(link), packet.size == 1 ? PACKET_TEXT : PACKET_BINARY);
    }
}

Test(link_websocket_packets, can_be_taken_by_a_handler)
{
    desk_begin();
    desk.on_packet = next_in_handler;
    struct offline_peer *peer = desk_join(0);
    tell(peer, "t:1 p: t-:2 c: b:33 p:");
    saw("t:1 then 2 then 33");
    hears(peer, "o: o:");
    desk_end();
}

/* ---- a peer that does not read ---- */

enum { MARK = 2048 };

/* As with packets, it is heard again when it has read. */
Test(link_websocket_packets, a_peer_that_reads_no_pongs_is_not_heard_for_the_while)
{
    desk_open((const char *const[]){"max_packet", "1K", "soft_mark", "2K", "hard_mark", "4K",
                                    "idle_timeout", "0", NULL},
              (const char *const[]){"websocket", NULL});
    struct offline_peer *peer = desk_join(0);
    offline_set_deaf(peer, true);
    for (int i = 0; i < 100; i++) tell(peer, "p:x*125");
    cr_assert(link_pending(desk.links[0]) > MARK);
    cr_assert(link_pending(desk.links[0]) <= MARK + SESSION_REPLY_MAX);
    tell(peer, "t:hello");
    saw("");
    offline_set_deaf(peer, false);
    cr_assert(offline_run(desk.offline));
    saw("t:hello");
    cr_assert_eq(offline_received(peer).size % 127, 0, "each is whole");
    offline_take(peer, offline_received(peer).size);
    tell(peer, "p:again");
    hears(peer, "o:again");
    desk_end();
}

/* ---- turns ---- */

enum { PINGS = 400 };
static struct offline_peer *asking;
static size_t answered_before_the_other;

/* It is always late by the clock of this port. */
static uint64_t late_ns(void)
{
    return port_now(desk_home()->streams.port) + 20 * MS;
}

static void take_long(struct link *link, struct span packet)
{
    static struct port_operations operations;
    struct port *port = desk_home()->streams.port;
    (void)packet;
    operations = *port->operations;
    operations.clock = link == desk.links[0] ? late_ns : NULL;
    port->operations = &operations;
    if (link != desk.links[0])
        answered_before_the_other = link_pending(desk.links[0]) + offline_received(asking).size;
}

Test(link_websocket_packets, many_pings_do_not_keep_others_waiting)
{
    static struct ws_text text;
    desk_begin();
    desk.on_packet = take_long;
    asking = desk_join(0);
    struct offline_peer *other = desk_join(0);
    ws_write(&text, "t:long p^400:");
    cr_assert(offline_send(asking, span_of(text.bytes, text.size)));
    tell(other, "t:short");
    cr_assert(answered_before_the_other > 0);
    cr_assert(answered_before_the_other < 2 * PINGS / 4, "%zu", answered_before_the_other);
    cr_assert_eq(offline_received(asking).size, 2 * PINGS, "all are answered in the end");
    desk_end();
}

/* ---- pings of the server ---- */

static void pass(uint64_t seconds)
{
    cr_assert(offline_advance(desk.offline, seconds * SECOND));
}

Test(link_websocket_packets, a_silent_peer_is_pinged_and_ended_when_it_answers_none_of_two)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    pass(29);
    hears(peer, "");
    pass(2);
    hears(peer, "p:");
    pass(28);
    hears(peer, "");
    pass(2);
    hears(peer, "p:");
    pass(28);
    cr_assert_eq(desk.disconnected, 0);
    pass(2);
    ended_as("timeout", 1008);
    hears(peer, "x.1008:");
    desk_end();
}

Test(link_websocket_packets, a_peer_that_answers_stays)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    for (int i = 0; i < 20; i++) {
        pass(31);
        hears(peer, "p:");
        tell(peer, "o:");
    }
    pass(62); /* it misses one */
    hears(peer, "p: p:");
    tell(peer, "o:");
    pass(62);
    hears(peer, "p: p:");
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

/* Whatever comes is a sign of life, even the beginning of a frame. */
Test(link_websocket_packets, a_peer_that_speaks_is_not_pinged)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0);
    for (int i = 0; i < 10; i++) {
        pass(20);
        tell(peer, i == 0 ? "b=200:abc" : "$51");
    }
    hears(peer, "");
    pass(29);
    hears(peer, "");
    pass(2);
    hears(peer, "p:");
    tell(peer, "$51");
    pass(29);
    hears(peer, "");
    desk_end();
}

Test(link_websocket_packets, the_time_between_pings_is_a_setting)
{
    desk_open((const char *const[]){"idle_timeout", "0", NULL},
              (const char *const[]){"websocket,ping=5", "websocket,ping=0", NULL});
    struct offline_peer *peer = desk_join(0), *never = desk_join(1);
    pass(6);
    hears(peer, "p:");
    pass(10);
    ended_as("timeout", 1008);
    pass(10000);
    hears(never, "");
    cr_assert_eq(desk.disconnected, 1);
    desk_end();
}

/* Who is not listened to cannot be heard. */
Test(link_websocket_packets, a_peer_that_is_not_listened_to_is_not_pinged)
{
    desk_open((const char *const[]){"idle_timeout", "0", "wait_timeout", "0", NULL},
              (const char *const[]){"websocket", NULL});
    struct offline_peer *peer = desk_join(0);
    pass(62);
    hears(peer, "p: p:");
    link_pause(desk.links[0]);
    pass(1000);
    hears(peer, "");
    cr_assert_eq(desk.disconnected, 0);
    link_resume(desk.links[0]);
    pass(31);
    hears(peer, "p:");
    pass(31);
    hears(peer, "p:");
    link_hold(desk.links[0]);
    pass(1000);
    hears(peer, "");
    link_release(desk.links[0]);
    pass(31);
    hears(peer, "p:");
    tell(peer, "o:");
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

Test(link_websocket_packets, idle_ends_a_peer_before_pings_do_if_it_is_shorter)
{
    desk_open((const char *const[]){"idle_timeout", "20", NULL},
              (const char *const[]){"websocket", NULL});
    struct offline_peer *peer = desk_join(0);
    pass(21);
    ended_as("idle", 1008);
    hears(peer, "x.1008:");
    desk_end();
}
