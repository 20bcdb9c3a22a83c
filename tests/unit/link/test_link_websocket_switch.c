/* A framing that is set on an open connection: to WebSocket, whose peer is greeted then, and from it. */
#include "websocket_desk.h"

static struct frame websocket, line;

static void begin(void)
{
    websocket = frame_made("websocket", 1 << 20);
    line = frame_made("line", 1 << 20);
    desk_open(
        (const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8", NULL},
        (const char *const[]){"line", "websocket", NULL});
}

static bool is(struct span packet, const char *text)
{
    return same_bytes(packet, span_text(text));
}

/* "websocket" and "line" set the framing. */
static void set_framing(struct link *link, struct span packet)
{
    if (is(packet, "websocket")) cr_assert(link_set_frame(link, &websocket));
    if (is(packet, "line")) cr_assert(link_set_frame(link, &line));
}

Test(link_websocket_switch, the_peer_is_greeted_then)
{
    begin();
    desk.on_packet = set_framing;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "websocket\n");
    cr_assert_eq(link_send(desk.links[0], span_text("early")), SEND_CLOSED);
    cr_assert_null(link_request(desk.links[0]).data);
    cr_assert_eq(link_answer(desk.links[0], 403, "", span_text("")), SEND_CLOSED);
    for (const char *at = REQUEST; *at != '\0'; at++) {
        hears_text(peer, "");
        tell_bytes(peer, span_of(at, 1));
    }
    hears_text(peer, WELCOME);
    cr_assert_eq(desk.connected, 1, "the script has decided before");
    tell(peer, "t:hello p:1");
    saw("-:websocket t:hello");
    hears(peer, "o:1");
    cr_assert_eq(link_send(desk.links[0], span_text("back")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears(peer, "t:back");
    tell(peer, "x.3000:");
    ended_as("eof", 3000);
    desk_end();
}

Test(link_websocket_switch, bytes_behind_it_are_not_lost)
{
    static struct ws_text text;
    begin();
    desk.on_packet = set_framing;
    struct offline_peer *peer = desk_connect(0);
    ws_write(&text, "t:one t-:li c:ne");
    cr_assert(offline_send(peer, span_text("first\nwebsocket\n" REQUEST)));
    cr_assert(offline_send(peer, span_of(text.bytes, text.size)));
    tell_text(peer, "two\nwebsocket\n" REQUEST);
    tell(peer, "b:three");
    saw("-:first -:websocket t:one t:line -:two -:websocket b:three");
    hears_text(peer, WELCOME WELCOME);
    desk_end();
}

Test(link_websocket_switch, from_websocket_packets_have_no_kind)
{
    begin();
    desk.on_packet = set_framing;
    struct offline_peer *peer = desk_join(1);
    tell(peer, "b:line");
    tell_text(peer, "plain\n");
    saw("b:line -:plain");
    cr_assert_eq(link_send(desk.links[0], span_text("\xff")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "\xff\n");
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    ended_as("eof", 0);
    desk_end();
}

Test(link_websocket_switch, a_message_that_was_begun_is_dropped)
{
    begin();
    struct offline_peer *peer = desk_join(1);
    size_t before = budget_used(&desk_home()->streams.budget);
    tell(peer, "t-:x*5000");
    cr_assert(budget_used(&desk_home()->streams.budget) > before);
    cr_assert(link_set_frame(desk.links[0], &line));
    cr_assert(budget_used(&desk_home()->streams.budget) < before);
    tell_text(peer, "plain\n");
    saw("-:plain");
    desk_end();
}

Test(link_websocket_switch, a_line_that_has_not_ended_is_the_beginning_of_a_request)
{
    begin();
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "GET /chat");
    cr_assert(link_set_frame(desk.links[0], &websocket));
    cr_assert(offline_run(desk.offline));
    tell_text(peer, &REQUEST[strlen("GET /chat")]);
    hears_text(peer, WELCOME);
    desk_end();
}

Test(link_websocket_switch, a_peer_that_asks_for_something_else_is_answered)
{
    begin();
    struct offline_peer *peer = desk_connect(0);
    cr_assert(link_set_frame(desk.links[0], &websocket));
    tell_text(peer, GET "\r\n");
    hears_http(peer, "HTTP/1.1 426 ", "");
    cr_assert(offline_ended(peer));
    ended_as("framing", 0);
    desk_end();
}

static void greet_later(struct link *link)
{
    cr_assert(link_set_frame(link, &websocket));
}

Test(link_websocket_switch, it_may_be_set_before_anything_has_come)
{
    begin();
    desk.on_connect = greet_later;
    struct offline_peer *peer = desk_connect(0);
    cr_assert_eq(desk.connected, 1);
    tell_text(peer, REQUEST);
    hears_text(peer, WELCOME);
    tell(peer, "t:hello");
    saw("t:hello");
    desk_end();
}

static void speak_line(struct link *link)
{
    cr_assert(link_set_frame(link, &line));
    cr_assert_null(link_request(link).data);
}

/* The script then answers by itself. */
Test(link_websocket_switch, a_peer_that_was_greeted_may_be_spoken_to_otherwise)
{
    begin();
    desk.on_connect = speak_line;
    struct offline_peer *peer = desk_connect(1);
    tell_text(peer, REQUEST "hello\n");
    saw("-:hello");
    hears_text(peer, "");
    desk_end();
}

/* ---- no memory ---- */

Test(link_websocket_switch, without_memory_nothing_has_changed)
{
    size_t count;
    begin();
    struct offline_peer *peer = desk_connect(0), *other;
    other = desk_join(1);
    const struct frame *before = link_frame(desk.links[0]);
    limit_memory(0);
    cr_assert_not(link_set_frame(desk.links[0], link_frame(desk.links[1])));
    limit_memory(SIZE_MAX);
    cr_assert_eq(link_frame(desk.links[0]), before);
    cr_assert_eq(worker_broadcast(desk.worker, span_text("all"), PACKET_PLAIN, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 2);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "all\n");
    hears(other, "t:all");
    tell_text(peer, "line\n");
    saw("-:line");
    desk_end();
}

/* It waits, as all that is sent to an open connection does. */
Test(link_websocket_switch, a_welcome_for_which_there_is_no_room_comes_when_there_is)
{
    begin();
    struct offline_peer *peer = desk_connect(0);
    cr_assert(link_set_frame(desk.links[0], &websocket));
    cr_assert(offline_run(desk.offline));
    steal_blocks();
    desk_home()->blocks_low = 0;
    limit_memory(sizeof REQUEST);
    tell_text(peer, REQUEST);
    hears_text(peer, "");
    give_blocks();
    limit_memory(SIZE_MAX);
    cr_assert(offline_advance(desk.offline, SECOND));
    hears_text(peer, WELCOME);
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

Test(link_websocket_switch, a_request_for_which_there_is_no_memory_waits)
{
    begin();
    struct offline_peer *peer = desk_connect(0);
    cr_assert(link_set_frame(desk.links[0], &websocket));
    cr_assert(offline_run(desk.offline));
    limit_memory(0);
    tell_text(peer, REQUEST);
    hears_text(peer, "");
    cr_assert_eq(desk.disconnected, 0);
    limit_memory(SIZE_MAX);
    cr_assert(offline_advance(desk.offline, SECOND));
    hears_text(peer, WELCOME);
    desk_end();
}

/* What was read of a request and then waits in smaller pieces, because there is no memory to put it together. */
Test(link_websocket_switch, a_request_that_waits_in_pieces_is_read_again)
{
    static char head[4000];
    begin();
    struct offline_peer *peer = desk_connect(0);
    cr_assert(link_set_frame(desk.links[0], &websocket));
    cr_assert(offline_run(desk.offline));
    memset(head, 'x', sizeof head - 1);
    memcpy(head, GET "A: ", strlen(GET "A: "));
    limit_memory(0);
    tell_text(peer, head);
    cr_assert_eq(desk.disconnected, 0);
    limit_memory(SIZE_MAX);
    cr_assert(offline_advance(desk.offline, SECOND));
    tell_text(peer, "\r\n" ASKING "\r\n");
    hears_text(peer, WELCOME);
    desk_end();
}

static void answer_at_length(struct link *link, struct span packet)
{
    cr_assert(link->stream.outbox.pending <= link->home->limits.soft_mark);
    if (is(packet, "much")) cr_assert_eq(link_send(link, span_text("0123456789")), SEND_OK);
    set_framing(link, packet);
}

/* The welcome is put behind what is queued, and may be more than the mark. */
Test(link_websocket_switch, packets_behind_a_welcome_wait_until_the_peer_reads)
{
    static struct ws_text text;
    websocket = frame_made("websocket", 1 << 20);
    desk_open(
        (const char *const[]){"soft_mark", "128", "blocks", "64", "max_connections", "8", NULL},
        (const char *const[]){"line", NULL});
    desk.on_packet = answer_at_length;
    struct offline_peer *peer = desk_connect(0);
    ws_write(&text, "t:one b:two");
    cr_assert(offline_send(peer, span_text("much\nwebsocket\n" REQUEST)));
    cr_assert(offline_send(peer, span_of(text.bytes, text.size)));
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "0123456789\n" WELCOME);
    saw("-:much -:websocket t:one b:two");
    desk_end();
}
