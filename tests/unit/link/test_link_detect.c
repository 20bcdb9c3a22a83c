/* A listener for WebSockets and another framing: how a peer begins decides which it has. */
#include "veil.h"
#include "websocket_desk.h"

static void begin(const char *framings)
{
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8",
                                    "opening_timeout", "10", NULL},
              (const char *const[]){framings, NULL});
}

static void tell_one_by_one(struct offline_peer *peer, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) tell_bytes(peer, span_of(text + i, 1));
}

Test(link_detect, a_websocket_is_one)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    cr_assert_eq(desk.connected, 0);
    tell_text(peer, REQUEST);
    hears_text(peer, WELCOME);
    tell(peer, "t:one b:two");
    saw("t:one b:two");
    desk_end();
}

Test(link_detect, byte_by_byte_as_well)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    tell_one_by_one(peer, REQUEST, strlen(REQUEST));
    hears_text(peer, WELCOME);
    tell(peer, "t:one");
    saw("t:one");
    desk_end();
}

Test(link_detect, anything_else_in_http_is_answered_in_http)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hears_http(peer, "HTTP/1.1 426 ", "\r\nUpgrade: websocket\r\n");
    cr_assert_eq(desk.connected, 0);
    desk_end();
}

Test(link_detect, the_other_framing_has_all_that_has_come)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "one\ntwo\nth");
    cr_assert_eq(desk.connected, 1);
    tell_text(peer, "ree\n");
    saw("-:one -:two -:three");
    cr_assert_eq(link_send(desk.links[0], span_text("hello")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "hello\n");
    desk_end();
}

Test(link_detect, wherever_the_first_bytes_are_split)
{
    static const char *const begins[] = {"GEO\nx\n",    "G\nx\n",   "GET\nx\n",
                                         "POSTER\nx\n", "DEL\nx\n", "\nGET \n",
                                         "PATCHWORK\n", "OPT\n",    "HEAD\n"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        begin("websocket;line");
        size_t size = strlen(begins[i]);
        struct offline_peer *whole = desk_connect(0);
        tell_text(whole, begins[i]);
        cr_assert_eq(desk.connected, 1, "%s", begins[i]);
        static char seen[WS_TRACE_MAX];
        snprintf(seen, sizeof seen, "%s", desk.seen.trace);
        for (size_t at = 1; at <= size && at < 7; at++) {
            struct offline_peer *peer = desk_connect(0);
            desk.seen.traced = 0;
            desk.seen.trace[0] = '\0';
            tell_bytes(peer, span_of(begins[i], at));
            tell_bytes(peer, span_of(begins[i] + at, size - at));
            saw(seen);
        }
        desk_end();
        memset(&desk, 0, sizeof desk);
        desk.verdict = SCRIPT_YES;
    }
}

Test(link_detect, a_length_may_begin_like_a_method)
{
    begin("websocket;length,size=2,counts_header=false,max=32K");
    struct offline_peer *peer = desk_connect(0);
    tell_one_by_one(peer, "G\0", 2);
    cr_assert_eq(desk.connected, 1);
    for (int i = 0; i < 'G'; i++) tell_text(peer, "x");
    saw("-:x*71");
    desk_end();
}

Test(link_detect, a_silent_peer_has_three_seconds)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    cr_assert(offline_advance(desk.offline, 2900 * MS));
    cr_assert_eq(desk.connected, 0);
    cr_assert(offline_advance(desk.offline, 200 * MS));
    cr_assert_eq(desk.connected, 1);
    cr_assert_eq(link_send(desk.links[0], span_text("hello")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "hello\n");
    cr_assert(offline_advance(desk.offline, 20 * SECOND));
    tell_text(peer, REQUEST "x\n");
    cr_assert_neq(desk.received, 0);
    cr_assert_not(offline_ended(peer));
    desk_end();
}

Test(link_detect, and_so_has_one_that_has_not_said_enough)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "GE");
    cr_assert(offline_advance(desk.offline, 3100 * MS));
    cr_assert_eq(desk.connected, 1);
    tell_text(peer, "T\n");
    saw("-:GET");
    desk_end();
}

Test(link_detect, who_has_begun_a_request_has_the_time_for_one)
{
    begin("websocket;line");
    struct offline_peer *peer = desk_connect(0);
    cr_assert(offline_advance(desk.offline, 2 * SECOND));
    tell_text(peer, "GET ");
    cr_assert(offline_advance(desk.offline, 9 * SECOND));
    cr_assert_not(offline_ended(peer));
    cr_assert(offline_advance(desk.offline, 2 * SECOND));
    cr_assert(offline_closed(peer));
    cr_assert_eq(desk.connected, 0);
    desk_end();
}

Test(link_detect, who_ends_its_stream_has_said_all)
{
    begin("websocket;raw");
    struct offline_peer *short_one = desk_connect(0);
    cr_assert(offline_send(short_one, span_text("P")));
    offline_finish(short_one);
    cr_assert(offline_run(desk.offline));
    saw("-:P");
    struct offline_peer *listener = desk_connect(0);
    offline_finish(listener);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(desk.connected, 2);
    struct offline_peer *asks = desk_connect(0);
    cr_assert(offline_send(asks, span_text("GET /")));
    offline_finish(asks);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(desk.connected, 2);
    cr_assert(offline_closed(asks));
    desk_end();
}

Test(link_detect, a_broadcast_reaches_each_in_its_framing)
{
    begin("websocket;line");
    struct offline_peer *browser = desk_connect(0), *client = desk_connect(0);
    tell_text(browser, REQUEST);
    hears_text(browser, WELCOME);
    tell_text(client, "hello\n");
    size_t count;
    cr_assert_eq(worker_broadcast(desk.worker, span_text("all"), PACKET_PLAIN, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 2);
    cr_assert(offline_run(desk.offline));
    hears(browser, "t:all");
    hears_text(client, "all\n");
    desk_end();
}

/* ---- behind a filter ---- */

static struct veil_source veils;

static struct offline_peer *begin_veiled(void)
{
    veil_source_init(&veils, 11);
    desk.filter = &veils.source;
    begin("websocket;line");
    return desk_connect(0);
}

static void send_hello(struct offline_peer *peer, uint8_t flags)
{
    const uint8_t hello[] = {1, 1, flags};
    uint8_t record[VEIL_RECORD_MAX];
    size_t size = veil_record(record, VEIL_HELLO, span_of(hello, sizeof hello));
    cr_assert(offline_send(peer, span_of(record, size)));
}

static void say_hello(struct offline_peer *peer)
{
    send_hello(peer, 0);
    cr_assert(offline_run(desk.offline));
}

Test(link_detect, a_handshake_of_a_filter_has_its_time_and_no_more)
{
    struct offline_peer *peer = begin_veiled();
    cr_assert(offline_advance(desk.offline, 9900 * MS));
    cr_assert_not(offline_ended(peer));
    cr_assert(offline_advance(desk.offline, 200 * MS));
    cr_assert(offline_closed(peer));
    cr_assert_eq(desk.connected, 0);
    desk_end();
}

Test(link_detect, behind_a_filter_a_peer_is_told_by_what_comes_through)
{
    uint8_t record[VEIL_RECORD_MAX];
    struct offline_peer *peer = begin_veiled();
    say_hello(peer);
    cr_assert_eq(desk.connected, 0);
    tell_bytes(peer, span_of(record, veil_cover(record, span_text("one\n"), true)));
    saw("-:one");
    desk_end();
}

Test(link_detect, who_is_refused_by_the_filter_is_not_let_in_at_the_end_of_its_stream)
{
    struct offline_peer *peer = begin_veiled();
    send_hello(peer, VEIL_TURN_AWAY);
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    cr_assert(offline_closed(peer));
    cr_assert_eq(desk.connected, 0);
    desk_end();
}

Test(link_detect, and_a_silent_one_has_until_opening_timeout)
{
    struct offline_peer *peer = begin_veiled();
    say_hello(peer);
    cr_assert(offline_advance(desk.offline, 10100 * MS));
    cr_assert_eq(desk.connected, 1);
    cr_assert_not(offline_ended(peer));
    desk_end();
}
