/* How a WebSocket begins: what its peer asks for is read, the script decides, and only then are there packets. */
#include "websocket_desk.h"

static bool begins_with(struct span bytes, const char *text)
{
    return bytes.size >= strlen(text) && memcmp(bytes.data, text, strlen(text)) == 0;
}

Test(link_websocket, the_script_hears_of_it_when_all_of_the_head_is_there)
{
    desk_begin();
    struct offline_peer *peer = desk_connect(0);
    for (const char *at = REQUEST; *at != '\0'; at++) {
        cr_assert_eq(desk.connected, 0);
        cr_assert_eq(offline_received(peer).size, 0);
        tell_bytes(peer, span_of(at, 1));
    }
    cr_assert_eq(desk.connected, 1);
    hears_text(peer, WELCOME);
    tell(peer, "t:hello");
    saw("t:hello");
    desk_end();
}

Test(link_websocket, frames_behind_the_head_are_packets)
{
    static struct ws_text text;
    desk_begin();
    struct offline_peer *peer = desk_connect(0), *slow = desk_connect(0);
    ws_write(&text, "t:one b:two t=9:thr");
    cr_assert(offline_send(peer, span_text(REQUEST)));
    tell_bytes(peer, span_of(text.bytes, text.size));
    hears_text(peer, WELCOME);
    saw("t:one b:two");
    tell_text(slow, "GET /");
    tell_text(slow, &REQUEST[5]);
    tell_bytes(slow, span_of(text.bytes, text.size));
    saw("t:one b:two t:one b:two");
    desk_end();
}

Test(link_websocket, it_has_its_time_and_no_more)
{
    desk_begin();
    struct offline_peer *silent = desk_connect(0), *slow = desk_connect(0), *peer = desk_join(0);
    tell_text(slow, GET);
    cr_assert(offline_advance(desk.offline, 9900 * MS));
    cr_assert_not(offline_closed(silent) || offline_closed(slow));
    tell_text(slow, "Accept: all\r\n");
    cr_assert(offline_advance(desk.offline, 200 * MS));
    cr_assert(offline_closed(silent) && offline_closed(slow));
    cr_assert_not(offline_closed(peer));
    cr_assert_eq(desk.connected, 1);
    desk_end();
}

Test(link_websocket, a_peer_that_leaves_meanwhile_has_gone)
{
    desk_begin();
    struct offline_peer *peer = desk_connect(0), *other = desk_connect(0),
                        *silent = desk_connect(0);
    tell_text(peer, GET);
    tell_text(other, GET);
    offline_finish(peer);
    offline_reset(other);
    offline_finish(silent);
    cr_assert(offline_run(desk.offline));
    cr_assert(offline_closed(peer) && offline_closed(other) && offline_closed(silent));
    cr_assert_eq(desk.connected, 0);
    cr_assert_eq(offline_received(peer).size, 0);
    desk_end();
}

/* Half of the connection is enough to be heard, and to be told how it ended. */
Test(link_websocket, a_peer_that_ends_its_side_behind_its_frames_is_heard)
{
    static struct ws_text text;
    desk_begin();
    struct offline_peer *peer = desk_connect(0);
    ws_write(&text, "t:hello");
    cr_assert(offline_send(peer, span_text(REQUEST)));
    cr_assert(offline_send(peer, span_of(text.bytes, text.size)));
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, WELCOME);
    saw("t:hello");
    ended_as("eof", 1006);
    desk_end();
}

/* ---- what is no WebSocket ---- */

static void is_answered(const char *text, const char *line, const char *part)
{
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, text);
    hears_http(peer, line, part);
    cr_assert(offline_ended(peer));
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    cr_assert(offline_closed(peer));
}

Test(link_websocket, anything_else_is_answered_and_the_script_does_not_hear_of_it)
{
    static char long_head[20000];
    desk_open((const char *const[]){NULL},
              (const char *const[]){"websocket,path=/chat,origins=http://good.example", NULL});
    is_answered(GET "\r\n", "HTTP/1.1 426 ", "Upgrade: websocket\r\n");
    is_answered("GET /?\n\n", "HTTP/1.1 400 ", "Connection: close\r\n");
    is_answered("GET /other HTTP/1.1\r\nHost: a\r\n" ASKING "\r\n", "HTTP/1.1 404 ", "");
    is_answered(GET ASKING "Origin: http://bad.example\r\n\r\n", "HTTP/1.1 403 ", "origins");
    is_answered("POST /chat HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", "Allow: GET");
    is_answered("\x16\x03\x01\x02", "HTTP/1.1 400 ", "TLS");
    memset(long_head, 'x', sizeof long_head - 1);
    memcpy(long_head, GET "A: ", strlen(GET "A: "));
    is_answered(long_head, "HTTP/1.1 431 ", "cookies");
    cr_assert_eq(desk.connected, 0);
    struct offline_peer *good = desk_connect(0);
    tell_text(good, GET ASKING "Origin: http://good.example\r\n\r\n");
    hears_text(good, WELCOME);
    desk_end();
}

/* ---- the script says no ---- */

static enum send_result answers[2];

static void refuses_by_verdict(struct link *link)
{
    (void)link;
    desk.verdict = SCRIPT_NO;
}

static void answer_twice(struct link *link)
{
    desk.verdict = SCRIPT_NO;
    cr_assert_not_null(link_request(link).data);
    answers[0] = link_answer(link, 401, "WWW-Authenticate: Basic\r\n", span_text("Who?\n"));
    answers[1] = link_answer(link, 200, "", span_text("Again.\n"));
    cr_assert_null(link_request(link).data, "there is no request any more");
    cr_assert_not(link_choose_protocol(link, span_text("chat")));
}

static void answer_too_much(struct link *link)
{
    static char headers[8000];
    memset(headers, 'x', sizeof headers - 1);
    answers[0] = link_answer(link, 401, headers, span_text("Who?\n"));
    desk.verdict = SCRIPT_NO;
}

static void answer_and_send(struct link *link)
{
    cr_assert_eq(link_answer(link, 401, "", span_text("Who?\n")), SEND_OK);
    answers[0] = link_send(link, span_text("a frame behind an answer"));
    link_close(link, NULL);
    answers[1] = link_answer(link, 200, "", span_text(""));
}

static void answer_too_late(struct link *link)
{
    link_abort(link, NULL);
    answers[0] = link_answer(link, 401, "", span_text("Who?\n"));
}

static void fail(struct link *link)
{
    link_close_failed(link);
}

static void close_it(struct link *link)
{
    link_set_code(link, 4001);
    link_close(link, "not you");
}

static struct offline_peer *refused_by(void (*on_connect)(struct link *link))
{
    desk_begin();
    desk.on_connect = on_connect;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, REQUEST);
    cr_assert_eq(desk.connected, 1);
    return peer;
}

Test(link_websocket, a_verdict_is_an_answer)
{
    struct offline_peer *peer = refused_by(refuses_by_verdict);
    hears_http(peer, "HTTP/1.1 403 Forbidden\r\n", "You may not connect here.\n");
    cr_assert(offline_ended(peer));
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

Test(link_websocket, an_error_is_an_answer)
{
    struct offline_peer *peer = refused_by(fail);
    hears_http(peer, "HTTP/1.1 500 ", "\r\n\r\nThe server has failed here.\n");
    cr_assert(offline_ended(peer));
    desk_end();
}

/* There is no WebSocket yet that could have a code. */
Test(link_websocket, a_close_is_an_answer)
{
    struct offline_peer *peer = refused_by(close_it);
    hears_http(peer, "HTTP/1.1 403 ", "");
    cr_assert(offline_ended(peer));
    ended_as("not you", 0);
    desk_end();
}

Test(link_websocket, the_script_answers_as_it_likes_and_once)
{
    struct offline_peer *peer = refused_by(answer_twice);
    cr_assert_eq(answers[0], SEND_OK);
    cr_assert_eq(answers[1], SEND_CLOSED);
    hears_text(peer, "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: 5\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
                     "WWW-Authenticate: Basic\r\n\r\nWho?\n");
    cr_assert(offline_ended(peer));
    desk_end();
}

Test(link_websocket, an_answer_that_is_too_large_is_not_given)
{
    struct offline_peer *peer = refused_by(answer_too_much);
    cr_assert_eq(answers[0], SEND_TOO_BIG);
    hears_http(peer, "HTTP/1.1 403 ", "");
    desk_end();
}

Test(link_websocket, behind_an_answer_nothing_is_sent)
{
    struct offline_peer *peer = refused_by(answer_and_send);
    cr_assert_eq(answers[0], SEND_CLOSED);
    cr_assert_eq(answers[1], SEND_CLOSED);
    hears_http(peer, "HTTP/1.1 401 ", "\r\n\r\nWho?\n");
    desk_end();
}

Test(link_websocket, a_connection_that_has_gone_is_not_answered)
{
    struct offline_peer *peer = refused_by(answer_too_late);
    cr_assert_eq(answers[0], SEND_CLOSED);
    cr_assert_eq(offline_received(peer).size, 0);
    desk_end();
}

/* RFC 9110 sections 15.3.5 and 15.4.5. */
static void answer_without_a_body(struct link *link)
{
    uint16_t status = desk.connected == 1 ? 204 : 304;
    cr_assert_eq(link_answer(link, status, "", span_text("words")), SEND_OK);
    desk.verdict = SCRIPT_NO;
}

Test(link_websocket, an_answer_that_has_no_body_is_sent_without_one)
{
    struct offline_peer *peer = refused_by(answer_without_a_body), *other = desk_connect(0);
    cr_assert(begins_with(offline_received(peer), "HTTP/1.1 204 No Content\r\n"));
    tell_text(other, REQUEST);
    cr_assert(begins_with(offline_received(other), "HTTP/1.1 304 Not Modified\r\n"));
    hears_http(other, "HTTP/1.1 304 ", "Connection: close\r\n\r\n");
    desk_end();
}

/* ---- the script takes its time ---- */

static struct offline_peer *waiting(void)
{
    desk_begin();
    desk.verdict = SCRIPT_WAIT;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, REQUEST);
    cr_assert_eq(desk.connected, 1);
    cr_assert_eq(offline_received(peer).size, 0);
    return peer;
}

Test(link_websocket, a_peer_is_welcome_when_the_script_has_decided)
{
    struct offline_peer *peer = waiting();
    tell(peer, "t:early");
    cr_assert(offline_advance(desk.offline, 20 * SECOND));
    cr_assert_not(offline_closed(peer), "the time for the handshake counts no more");
    cr_assert(same_bytes(link_request(desk.links[0]), span_text(REQUEST)));
    link_decide(desk.links[0], SCRIPT_YES);
    cr_assert_null(link_request(desk.links[0]).data);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, WELCOME);
    saw("t:early");
    desk_end();
}

Test(link_websocket, or_when_the_script_sends_something)
{
    struct offline_peer *peer = waiting();
    cr_assert_eq(link_send(desk.links[0], span_text("hello")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, WELCOME "\x81\x05hello");
    cr_assert_eq(link_answer(desk.links[0], 403, "", span_text("")), SEND_CLOSED);
    tell(peer, "t:early");
    saw("");
    link_decide(desk.links[0], SCRIPT_YES);
    cr_assert(offline_run(desk.offline));
    saw("t:early");
    hears(peer, "");
    desk_end();
}

Test(link_websocket, a_peer_that_was_sent_something_and_is_refused_hears_a_farewell)
{
    struct offline_peer *peer = waiting();
    cr_assert_eq(link_send(desk.links[0], span_text("hello")), SEND_OK);
    link_decide(desk.links[0], SCRIPT_NO);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, WELCOME "\x81\x05hello\x88\x02\x03\xe8");
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

Test(link_websocket, a_packet_that_cannot_be_sent_welcomes_nobody_twice)
{
    struct offline_peer *peer = waiting();
    cr_assert_eq(link_send_kind(desk.links[0], span_text("\xff"), PACKET_TEXT), SEND_BAD_TEXT);
    link_decide(desk.links[0], SCRIPT_YES);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, WELCOME);
    desk_end();
}

Test(link_websocket, an_end_of_the_server_is_an_answer_to_those_who_wait)
{
    struct offline_peer *peer = waiting(), *early = desk_connect(0);
    tell_text(early, GET);
    server_drain(worker_server(desk.worker));
    cr_assert(offline_run(desk.offline));
    hears_http(peer, "HTTP/1.1 503 ", "Retry-After: 1\r\n");
    cr_assert(offline_ended(peer) && offline_ended(early));
    cr_assert_eq(offline_received(early).size, 0, "it has not asked");
    desk_end();
}

Test(link_websocket, a_peer_that_leaves_while_the_script_decides_is_not_answered)
{
    struct offline_peer *peer = waiting();
    offline_reset(peer);
    cr_assert(offline_run(desk.offline));
    cr_assert(offline_closed(peer));
    cr_assert_eq(desk.released, 1);
    desk_end();
}

/* ---- protocols ---- */

static void choose(struct link *link)
{
    cr_assert_not(link_choose_protocol(link, span_text("none")));
    cr_assert_not(link_choose_protocol(link, span_text("V1")), "names are compared to the letter");
    cr_assert_not(link_choose_protocol(link, span_text("")));
    cr_assert(link_choose_protocol(link, span_text("v2")));
    cr_assert(link_choose_protocol(link, span_text("v1")), "the last one counts");
}

Test(link_websocket, the_script_chooses_a_protocol_that_was_asked_for)
{
    desk_begin();
    desk.on_connect = choose;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer,
              GET ASKING "Sec-WebSocket-Protocol: v3, v2\r\nSec-WebSocket-Protocol: v1\r\n\r\n");
    hears_http(peer, "HTTP/1.1 101 ", "\r\nSec-WebSocket-Protocol: v1\r\n");
    cr_assert_not(link_choose_protocol(desk.links[0], span_text("v1")), "it is late");
    desk_end();
}

Test(link_websocket, by_default_it_is_the_first_that_the_listener_has)
{
    desk_open((const char *const[]){NULL},
              (const char *const[]){"websocket,protocols=v1|v2", NULL});
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, GET ASKING "Sec-WebSocket-Protocol: v3, v2, v1\r\n\r\n");
    hears_http(peer, "HTTP/1.1 101 ", "\r\nSec-WebSocket-Protocol: v2\r\n");
    desk_end();
}

/* The peer chose the name, so it must not break anything. */
static void choose_long(struct link *link)
{
    static char name[3000];
    memset(name, 'p', sizeof name);
    cr_assert_not(link_choose_protocol(link, span_of(name, sizeof name)));
    cr_assert_not(link_choose_protocol(link, span_of(name, 256)));
    cr_assert(link_choose_protocol(link, span_of(name, 255)));
}

Test(link_websocket, a_protocol_has_no_more_than_255_bytes)
{
    static char head[8000];
    desk_begin();
    desk.on_connect = choose_long;
    struct offline_peer *peer = desk_connect(0);
    int size = snprintf(head, sizeof head,
                        GET ASKING "Sec-WebSocket-Protocol: %03000d, %0256d, "
                                   "%0255d\r\n\r\n",
                        0, 0, 0);
    for (char *at = head + strlen(GET ASKING); *at != '\0'; at++)
        if (*at == '0') *at = 'p';
    tell_bytes(peer, span_of(head, (size_t)size));
    hears_http(peer, "HTTP/1.1 101 ", "\r\nSec-WebSocket-Protocol: pppp");
    desk_end();
}

/* ---- no memory ---- */

Test(link_websocket, a_new_connection_does_not_wait_for_memory)
{
    desk_begin();
    struct offline_peer *peer = desk_join(0), *other = desk_connect(0);
    limit_memory(0);
    tell_text(other, REQUEST);
    cr_assert(offline_closed(other));
    cr_assert_eq(desk.connected, 1);
    limit_memory(0);
    cr_assert_null(offline_connect(desk.offline, 0, NULL), "it is refused");
    limit_memory(SIZE_MAX);
    tell(peer, "t:here");
    saw("t:here");
    desk_end();
}

static void use_all_blocks(struct link *link)
{
    (void)link;
    steal_blocks();
}

Test(link_websocket, a_welcome_for_which_there_is_no_room_ends_it)
{
    desk_begin();
    desk_join(0);
    desk.on_connect = use_all_blocks;
    struct offline_peer *other = desk_connect(0);
    tell_text(other, REQUEST);
    give_blocks();
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(offline_received(other).size, 0);
    cr_assert(offline_ended(other));
    cr_assert_eq(desk.disconnected, 0);
    desk_end();
}

static void answer_without_room(struct link *link)
{
    steal_blocks();
    answers[0] = link_send(link, span_text("hello"));
    answers[1] = link_answer(link, 401, "", span_text("Who?\n"));
    give_blocks();
    desk.verdict = SCRIPT_NO;
}

Test(link_websocket, an_answer_for_which_there_is_no_room_may_be_given_again)
{
    desk_open(
        (const char *const[]){"on_full", "refuse", "blocks", "64", "max_connections", "8", NULL},
        (const char *const[]){"websocket", NULL});
    desk_join(0);
    desk.on_connect = answer_without_room;
    struct offline_peer *other = desk_connect(0);
    tell_text(other, REQUEST);
    cr_assert_eq(answers[0], SEND_NO_MEMORY);
    cr_assert_eq(answers[1], SEND_NO_MEMORY);
    hears_http(other, "HTTP/1.1 403 ", "");
    desk_end();
}
