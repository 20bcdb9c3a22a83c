/* How a WebSocket ends: which code the client hears, and which one the script. */
#include "websocket_desk.h"

static struct offline_peer *client;

static void begin(void)
{
    desk_begin();
    client = desk_join(0);
}

/* ---- ended by the client ---- */

static void peer_ends(const char *frames, const char *heard, uint16_t code)
{
    begin();
    tell(client, frames);
    hears(client, heard);
    cr_assert(offline_ended(client));
    ended_as("eof", code);
    desk_end();
}

Test(link_websocket_end, a_close_is_answered_and_its_code_told)
{
    peer_ends("x.1000:", "x.1000:", 1000);
}

Test(link_websocket_end, a_code_of_the_peers_own_is_told)
{
    peer_ends("t:last x.4321:bye t:late", "x.4321:", 4321);
}

Test(link_websocket_end, a_close_without_a_code_is_1005)
{
    peer_ends("x:", "x:", 1005);
}

Test(link_websocket_end, a_close_in_the_middle_of_a_message_is_one)
{
    peer_ends("t-:begun p:1 x.1001:", "o:1 x.1001:", 1001);
}

Test(link_websocket_end, a_stream_that_ends_without_a_close_is_1006)
{
    begin();
    offline_finish(client);
    cr_assert(offline_run(desk.offline));
    hears(client, "");
    ended_as("eof", 1006);
    desk_end();
}

Test(link_websocket_end, an_unfinished_message_is_1006)
{
    begin();
    tell(client, "t-:begun c=9:mess");
    offline_finish(client);
    cr_assert(offline_run(desk.offline));
    hears(client, "");
    saw("");
    ended_as("eof", 1006);
    desk_end();
}

Test(link_websocket_end, a_reset_is_1006)
{
    begin();
    offline_reset(client);
    cr_assert(offline_run(desk.offline));
    ended_as("reset", 1006);
    desk_end();
}

/* What is behind a close frame, and a second one, is nobody's. */
Test(link_websocket_end, a_peer_that_answers_our_close_is_told_no_more)
{
    begin();
    link_close(desk.links[0], "bye");
    cr_assert(offline_run(desk.offline));
    tell(client, "x.4000: t:late p:late");
    hears(client, "x.1000:bye");
    ended_as("bye", 1000);
    desk_end();
}

/* ---- ended by its mistakes ---- */

static void breaks(const char *frames, const char *heard, const char *reason, uint16_t code)
{
    begin();
    tell(client, frames);
    hears(client, heard);
    cr_assert(offline_ended(client));
    ended_as(reason, code);
    desk_end();
}

Test(link_websocket_end, a_broken_protocol_is_1002)
{
    breaks("t:a t!:b t:c",
           "x.1002:a%20frame%20is%20not%20masked,%20as%20all%20from%20a%20client"
           "%20must%20be",
           "framing", 1002);
}

Test(link_websocket_end, a_text_that_is_none_is_1007)
{
    breaks("t=100:%ff", "x.1007:a%20text%20is%20not%20UTF-8", "framing", 1007);
}

Test(link_websocket_end, too_many_fragments_are_1008)
{
    breaks("b-: c-^16383: c-:", "x.1008:a%20message%20has%20more%20than%2016384%20fragments",
           "framing", 1008);
}

Test(link_websocket_end, a_message_that_is_too_large_is_1009)
{
    breaks("p:1 b=9223372036854775807:", "o:1 x.1009:", "oversize", 1009);
}

Test(link_websocket_end, a_close_with_a_code_that_may_not_be_sent_is_1002)
{
    breaks("x.1006:", "x.1002:a%20close%20frame%20has%20a%20code%20that%20may%20not%20be%20sent",
           "framing", 1002);
}

/* ---- ended by the script ---- */

Test(link_websocket_end, a_script_that_closes_says_1000)
{
    begin();
    link_close(desk.links[0], NULL);
    cr_assert(offline_run(desk.offline));
    hears(client, "x.1000:");
    ended_as("script", 1000);
    desk_end();
}

Test(link_websocket_end, or_a_code_and_words_of_its_own)
{
    begin();
    cr_assert_eq(link_send(desk.links[0], span_text("last")), SEND_OK);
    link_set_code(desk.links[0], 4001);
    link_close(desk.links[0], "k\xc3\xa4se");
    link_close(desk.links[0], "again");
    link_set_code(desk.links[0], 4002);
    cr_assert(offline_run(desk.offline));
    hears(client, "t:last x.4001:k\xc3\xa4se");
    ended_as("k\xc3\xa4se", 4001);
    desk_end();
}

Test(link_websocket_end, an_abort_says_nothing)
{
    begin();
    link_set_code(desk.links[0], 4001);
    link_abort(desk.links[0], "gone");
    cr_assert(offline_run(desk.offline));
    hears(client, "");
    ended_as("gone", 1006);
    desk_end();
}

Test(link_websocket_end, a_script_that_fails_says_1011)
{
    begin();
    link_close_failed(desk.links[0]);
    cr_assert(offline_run(desk.offline));
    hears(client, "x.1011:");
    ended_as("error", 1011);
    desk_end();
}

static void close_within(struct link *link, struct span packet)
{
    (void)packet;
    link_close(link, "asked");
}

Test(link_websocket_end, frames_behind_it_are_not_looked_at)
{
    begin();
    desk.on_packet = close_within;
    tell(client, "t:1 t:2 p:3 x.1001: t!:");
    hears(client, "x.1000:asked");
    saw("t:1");
    ended_as("asked", 1000);
    desk_end();
}

/* ---- ended by the server ---- */

Test(link_websocket_end, an_end_of_the_server_says_1001)
{
    begin();
    server_drain(worker_server(desk.worker));
    cr_assert(offline_run(desk.offline));
    hears(client, "x.1001:");
    ended_as("shutdown", 1001);
    desk_end();
}

Test(link_websocket_end, a_handler_that_waits_too_long_says_1008)
{
    desk_open((const char *const[]){"idle_timeout", "0", "wait_timeout", "5", NULL},
              (const char *const[]){"websocket", NULL});
    client = desk_join(0);
    link_hold(desk.links[0]);
    cr_assert(offline_advance(desk.offline, 6 * SECOND));
    hears(client, "x.1008:");
    ended_as("idle", 1008);
    desk_end();
}

Test(link_websocket_end, a_decision_that_takes_too_long_is_an_answer)
{
    desk_open((const char *const[]){"idle_timeout", "0", "wait_timeout", "5", NULL},
              (const char *const[]){"websocket", NULL});
    desk.verdict = SCRIPT_WAIT;
    client = desk_connect(0);
    tell_text(client, REQUEST);
    cr_assert(offline_advance(desk.offline, 6 * SECOND));
    hears_http(client, "HTTP/1.1 403 ", "");
    desk_end();
}

/* A client that does not read gets no farewell, and is closed at once. */
Test(link_websocket_end, a_peer_that_is_slow_is_1006)
{
    static char bytes[3000];
    desk_open((const char *const[]){"max_packet", "4000", "soft_mark", "4K", "hard_mark", "8K",
                                    "idle_timeout", "0", NULL},
              (const char *const[]){"websocket", NULL});
    client = desk_join(0);
    offline_set_deaf(client, true);
    cr_assert_eq(link_send(desk.links[0], span_of(bytes, sizeof bytes)), SEND_OK);
    cr_assert_eq(link_send(desk.links[0], span_of(bytes, sizeof bytes)), SEND_OK);
    cr_assert_eq(link_send(desk.links[0], span_of(bytes, sizeof bytes)), SEND_FULL);
    cr_assert(offline_run(desk.offline));
    ended_as("slow", 1006);
    desk_end();
}

/* ---- no framing with codes ---- */

Test(link_websocket_end, other_framings_have_no_code)
{
    desk_open((const char *const[]){NULL}, (const char *const[]){"line", NULL});
    client = desk_connect(0);
    tell_text(client, "hello\n");
    saw("-:hello");
    link_set_code(desk.links[0], 4001);
    link_close(desk.links[0], "bye");
    cr_assert(offline_run(desk.offline));
    hears_text(client, "");
    ended_as("bye", 0);
    desk_end();
}

/* A pong takes the queue above the hard mark; what is said behind it is said all the same. */
Test(link_websocket_end, behind_a_packet_above_the_mark_the_peer_hears_it_too)
{
    enum { SIZE = 8192, MARK = 8208, PONG = 127 };
    static uint8_t many[SIZE];
    desk_open((const char *const[]){"max_packet", "8K", "soft_mark", "8208", "hard_mark", "8208",
                                    "idle_timeout", "0", NULL},
              (const char *const[]){"websocket", NULL});
    client = desk_join(0);
    offline_set_deaf(client, true);
    cr_assert_eq(link_send_kind(desk.links[0], span_of(many, SIZE), PACKET_BINARY), SEND_OK);
    tell(client, "p:x*125");
    cr_assert_gt(link_pending(desk.links[0]), MARK);
    link_set_code(desk.links[0], 4000);
    link_close(desk.links[0], "bye");
    offline_set_deaf(client, false);
    cr_assert(offline_advance(desk.offline, SECOND));
    struct span bytes = offline_received(client);
    static const uint8_t farewell[] = {0x88, 5, 0x0f, 0xa0, 'b', 'y', 'e'};
    cr_assert_eq(bytes.size, 4 + SIZE + PONG + sizeof farewell);
    cr_assert(same_bytes(span_skip(bytes, 4 + SIZE + PONG), span_of(farewell, sizeof farewell)));
    desk_end();
}
