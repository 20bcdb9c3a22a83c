/* Requests of HTTP: one at a time, and each answered before the next. A script that answers as the path says, and clients who
 * see only bytes. */
#include "websocket_desk.h"

#include "frame/http_reply.h"
#include "frame/http_text.h"

#define HOST "Host: h\r\n"
#define ASK(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static struct offline_peer *client;
static bool answers; /* the script does, at once */
static char heads[1000];

/* The method and the target. */
static void note_head(struct link *link)
{
    struct span head = link_request(link);
    if (head.data[0] == '\r') head = span_skip(head, 2);
    size_t size = 0, spaces = 0;
    while (size < head.size && (spaces += head.data[size] == ' ') < 2) size++;
    size_t used = strlen(heads);
    snprintf(heads + used, sizeof heads - used, "%s%.*s", used == 0 ? "" : ", ", (int)size,
             (const char *)head.data);
}

static void on_packet(struct link *link, struct span packet)
{
    cr_assert(link_awaits_answer(link));
    note_head(link);
    if (answers) cr_assert_eq(link_respond(link, 200, "", packet), SEND_OK);
}

static void begin_with(const char *const *settings, bool at_once)
{
    answers = at_once;
    heads[0] = '\0';
    desk.on_packet = on_packet;
    desk_open(settings, (const char *const[]){"http", NULL});
    client = desk_connect(0);
}

static void begin(bool at_once)
{
    begin_with((const char *const[]){"idle_timeout", "0", "max_packet", "1000", "blocks", "64",
                                     "max_connections", "8", NULL},
               at_once);
}

static void respond(uint16_t status, const char *body)
{
    cr_assert_eq(link_respond(desk.links[0], status, "", span_text(body)), SEND_OK);
    cr_assert(offline_run(desk.offline));
}

static bool is_date(struct span text)
{
    return text.size == strlen("Sun, 06 Nov 1994 08:49:37 GMT");
}

static size_t trace_answer(struct span bytes, bool without_body, char *text, size_t room)
{
    struct http_reply reply = {.head.scanned = 0};
    uint64_t size = 0;
    cr_assert_eq(http_reply_read(&reply, bytes), HTTP_HEAD, "\"%.*s\"", (int)bytes.size,
                 (const char *)bytes.data);
    cr_assert(http_head_length(&reply.head, &size));
    if (reply.status != 100) cr_assert(is_date(http_head_field(&reply.head, "date")));
    struct span rest = span_skip(bytes, reply.head.size);
    struct span body = without_body ? span_of(NULL, 0) : rest;
    if (!without_body) cr_assert(size <= rest.size);
    snprintf(text, room, "%u%s%s%.*s ", reply.status,
             http_head_has(&reply.head, "connection", "close")        ? "!"
             : http_head_has(&reply.head, "connection", "keep-alive") ? "+"
                                                                      : "",
             size == 0 ? "" : ":", (int)(without_body ? 0 : size), (const char *)body.data);
    return reply.head.size + (without_body ? 0 : (size_t)size);
}

/* All that has been answered: statuses, "!" where the connection closes, "+" where it says that it stays, bodies. */
static void hears_answers_of(const char *expected, bool without_body)
{
    char text[4000] = "";
    struct span bytes = offline_received(client);
    for (struct span rest = bytes; rest.size > 0;) {
        size_t used = strlen(text);
        rest = span_skip(rest, trace_answer(rest, without_body, text + used, sizeof text - used));
    }
    offline_take(client, bytes.size);
    size_t used = strlen(text);
    if (used > 0) text[used - 1] = '\0';
    cr_assert_str_eq(text, expected, "it hears \"%s\", and not \"%s\"", text, expected);
}

static void hears_answers(const char *expected)
{
    hears_answers_of(expected, false);
}

static void asked(const char *expected)
{
    cr_assert_str_eq(heads, expected, "\"%s\", and not \"%s\"", heads, expected);
}

/* ---- the beginning ---- */

Test(link_http, connects_before_anything_is_asked)
{
    begin(true);
    cr_assert_eq(desk.connected, 1);
    cr_assert_eq(link_request(desk.links[0]).data, NULL);
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_text("")), SEND_CLOSED);
    cr_assert_eq(link_answer(desk.links[0], 403, "", span_text("")), SEND_CLOSED);
    hears_answers("");
    desk_end();
    ended_as("shutdown", 0);
}

/* ---- requests and answers ---- */

Test(link_http, requests_are_answered_in_their_order)
{
    begin(true);
    tell_text(client, ASK("/1"));
    hears_answers("200");
    tell_text(client,
              ASK("/2") "POST /3 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello" ASK("/4"));
    hears_answers("200 200:hello 200");
    asked("GET /1, GET /2, POST /3, GET /4");
    saw("-: -: -:hello -:");
    cr_assert_not(offline_ended(client));
    desk_end();
}

/* RFC 9112 section 9.3.2. */
Test(link_http, a_request_waits_for_the_answer_to_the_one_before)
{
    begin(false);
    tell_text(client, ASK("/1") ASK("/2") ASK("/3"));
    asked("GET /1");
    tell_text(client, ASK("/4"));
    asked("GET /1");
    hears_answers("");
    respond(201, "one");
    hears_answers("201:one");
    asked("GET /1, GET /2");
    respond(202, "");
    respond(203, "");
    respond(404, "four");
    hears_answers("202 203 404:four");
    asked("GET /1, GET /2, GET /3, GET /4");
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_text("")), SEND_CLOSED);
    desk_end();
}

Test(link_http, bytes_may_be_divided_anywhere)
{
    static const char stream[] = "\r\nPOST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                 "POST /b HTTP/1.1\r\n" HOST
                                 "Transfer-Encoding: chunked\r\n\r\n2;x\r\nde\r\n1\r\nf\r\n0\r\nT: "
                                 "u\r\n\r\n" ASK("/c");
    begin(true);
    for (size_t first = 0; first < sizeof stream - 1; first++) {
        heads[0] = '\0';
        desk.seen.traced = 0;
        tell_bytes(client, span_of(stream, first));
        tell_bytes(client, span_of(stream + first, sizeof stream - 1 - first));
        hears_answers("200:abc 200:def 200");
        asked("POST /a, POST /b, GET /c");
    }
    for (size_t i = 0; i < sizeof stream - 1; i++) tell_bytes(client, span_of(stream + i, 1));
    hears_answers("200:abc 200:def 200");
    desk_end();
}

/* RFC 9110 section 10.1.1. */
Test(link_http, a_peer_that_waits_is_told_to_go_on)
{
    begin(true);
    tell_text(client,
              "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hears_text(client, "HTTP/1.1 100 Continue\r\n\r\n");
    tell_text(client, "abc");
    hears_answers("200:abc");
    tell_text(client,
              "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
    hears_answers("200:abc");
    desk_end();
}

/* RFC 9110 sections 9.3.2, 15.3.5, 15.4.5. */
Test(link_http, some_answers_have_no_body)
{
    begin(false);
    tell_text(client, "HEAD / HTTP/1.1\r\n" HOST "\r\n");
    respond(200, "hello");
    hears_answers_of("200:", true);
    tell_text(client, ASK("/"));
    respond(204, "hello");
    hears_answers("204");
    tell_text(client, ASK("/"));
    respond(304, "hello");
    hears_answers("304");
    desk_end();
}

/* RFC 9112 section 9.3. */
Test(link_http, a_connection_stays_as_its_peer_wants)
{
    begin(true);
    tell_text(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    hears_answers("200+");
    tell_text(client, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" ASK("/late"));
    hears_answers("200!");
    asked("GET /, GET /");
    cr_assert(offline_ended(client));
    ended_as("eof", 0);
    desk_end();
}

Test(link_http, an_old_peer_asks_once)
{
    begin(true);
    tell_text(client, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    hears_answers("200!");
    ended_as("eof", 0);
    desk_end();
}

/* ---- what is wrong ---- */

static void fails(const char *request, const char *answer, const char *reason)
{
    begin(true);
    tell_text(client, ASK("/fine"));
    hears_answers("200");
    tell_text(client, request);
    hears_answers(answer);
    cr_assert(offline_ended(client));
    ended_as(reason, 0);
    asked("GET /fine");
    desk_end();
}

Test(link_http, a_head_that_is_wrong_is_answered)
{
    fails("GET / HTTP/1.1\r\n\r\n", "400!", "framing");
}

Test(link_http, a_body_without_one_length_is_answered)
{
    fails("POST / HTTP/1.1\r\n" HOST
          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" ASK("/smuggled"),
          "400!", "framing");
}

Test(link_http, a_chunk_that_is_wrong_is_answered)
{
    fails("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\nx", "400!",
          "framing");
}

Test(link_http, a_body_that_is_too_large_is_answered)
{
    fails("POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", "413!",
          "oversize");
}

Test(link_http, chunks_that_are_too_many_are_answered)
{
    fails("POST / HTTP/1.1\r\n" HOST
          "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n3e8\r\n0123456789",
          "413!", "oversize");
}

Test(link_http, another_version_is_answered)
{
    fails("GET / HTTP/2.0\r\n", "505!", "framing");
}

Test(link_http, an_expectation_that_is_not_known_is_answered)
{
    fails("GET / HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n", "417!", "framing");
}

Test(link_http, a_head_that_is_too_long_is_answered)
{
    static char text[HTTP_HEAD_MAX + 1];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET /", 5);
    fails(text, "414!", "framing");
}

Test(link_http, fields_that_are_too_long_are_answered)
{
    static char text[HTTP_HEAD_MAX + 1];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    fails(text, "431!", "framing");
}

Test(link_http, a_body_is_as_large_as_it_may_be)
{
    static char body[1001], text[1200];
    begin(true);
    memset(body, 'a', 1000);
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n%s", body);
    tell_text(client, text);
    cr_assert_eq(desk.received, 1);
    offline_take(client, offline_received(client).size);
    snprintf(text, sizeof text,
             "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e8\r\n%s\r\n0\r\n\r\n",
             body);
    tell_text(client, text);
    cr_assert_eq(desk.received, 2);
    saw("-:a*1000 -:a*1000");
    answers = false;
    offline_take(client, offline_received(client).size);
    tell_text(client, ASK("/"));
    static char more[1001];
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_of(more, 1001)), SEND_TOO_BIG);
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_of(more, 1000)), SEND_OK);
    desk_end();
}

/* ---- packets ---- */

Test(link_http, no_packets_are_sent)
{
    size_t count = 9;
    desk_open((const char *const[]){"max_connections", "8", NULL},
              (const char *const[]){"http", "line", NULL});
    client = desk_connect(0);
    cr_assert_eq(link_send(desk.links[0], span_text("a")), SEND_NO_PACKETS);
    cr_assert_eq(worker_send(desk.worker, link_id(desk.links[0]), span_text("a"), PACKET_TEXT),
                 SEND_NO_PACKETS);
    cr_assert_str_eq(send_result_text(SEND_NO_PACKETS), "nopackets");
    cr_assert_eq(worker_broadcast(desk.worker, span_text("b"), PACKET_PLAIN, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 0);
    struct offline_peer *other = desk_connect(1);
    cr_assert_eq(worker_broadcast(desk.worker, span_text("b"), PACKET_PLAIN, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 1);
    cr_assert(offline_run(desk.offline));
    hears_text(other, "b\n");
    hears_answers("");
    desk_end();
}

/* ---- the end ---- */

Test(link_http, a_request_that_the_script_does_not_answer_is_503)
{
    begin(false);
    tell_text(client, ASK("/"));
    link_close(desk.links[0], "bye");
    cr_assert(offline_run(desk.offline));
    hears_answers("503!");
    ended_as("bye", 0);
    desk_end();
}

Test(link_http, a_script_that_fails_is_500)
{
    begin(false);
    tell_text(client, ASK("/"));
    link_respond_failed(desk.links[0]);
    link_respond_failed(desk.links[0]);
    cr_assert(offline_run(desk.offline));
    hears_answers("500:The server has failed here.\n");
    tell_text(client, ASK("/"));
    link_close_failed(desk.links[0]);
    cr_assert(offline_run(desk.offline));
    hears_answers("500!");
    ended_as("error", 0);
    desk_end();
}

Test(link_http, a_connection_without_a_request_closes_silently)
{
    begin(true);
    tell_text(client, ASK("/"));
    hears_answers("200");
    link_close(desk.links[0], NULL);
    cr_assert(offline_run(desk.offline));
    hears_answers("");
    cr_assert(offline_ended(client));
    desk_end();
}

Test(link_http, an_abort_says_nothing)
{
    begin(false);
    tell_text(client, ASK("/"));
    link_abort(desk.links[0], NULL);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(offline_received(client).size, 0);
    desk_end();
}

static void idles(const char *request, bool at_once, const char *answer)
{
    begin_with((const char *const[]){"idle_timeout", "10", NULL}, at_once);
    tell_text(client, request);
    cr_assert(offline_advance(desk.offline, 9 * SECOND));
    cr_assert_not(offline_ended(client));
    cr_assert(offline_advance(desk.offline, 2 * SECOND));
    hears_answers(answer);
    cr_assert(offline_ended(client));
    ended_as("idle", 0);
    desk_end();
}

Test(link_http, an_idle_one_that_has_asked_nothing_is_told_nothing)
{
    idles("", true, "");
}

Test(link_http, an_idle_one_that_was_answered_is_told_nothing)
{
    idles(ASK("/"), true, "200");
}

/* RFC 9110 section 15.5.9. */
Test(link_http, an_idle_one_amid_a_request_is_told_408)
{
    idles("GET / HT", true, "408!");
}

Test(link_http, an_idle_one_amid_a_body_is_told_408)
{
    idles("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", true, "408!");
}

Test(link_http, an_idle_one_that_is_not_answered_is_told_503)
{
    idles(ASK("/"), false, "503!");
}

Test(link_http, silence_counts_from_the_answer)
{
    begin_with((const char *const[]){"idle_timeout", "10", NULL}, false);
    tell_text(client, ASK("/"));
    cr_assert(offline_advance(desk.offline, 8 * SECOND));
    respond(200, "");
    cr_assert(offline_advance(desk.offline, 8 * SECOND));
    cr_assert_not(offline_ended(client));
    cr_assert(offline_advance(desk.offline, 3 * SECOND));
    cr_assert(offline_ended(client));
    desk_end();
}

/* RFC 9112 section 9.6: a client may close its side and wait for the answer. */
Test(link_http, a_peer_that_sends_no_more_is_answered)
{
    begin(false);
    tell_text(client, ASK("/"));
    offline_finish(client);
    cr_assert(offline_advance(desk.offline, SECOND));
    cr_assert_eq(desk.disconnected, 0);
    respond(200, "late");
    hears_answers("200:late");
    cr_assert(offline_ended(client));
    ended_as("eof", 0);
    desk_end();
}

Test(link_http, a_stop_answers_what_is_in_flight)
{
    begin(false);
    tell_text(client, ASK("/"));
    server_drain(worker_server(desk.worker));
    cr_assert(offline_advance(desk.offline, SECOND));
    hears_answers("503!");
    ended_as("shutdown", 0);
    desk_end();
}

/* ---- memory, framings ---- */

Test(link_http, an_answer_that_cannot_be_queued_can_be_given_later)
{
    begin_with(
        (const char *const[]){"blocks", "64", "max_connections", "8", "on_full", "refuse", NULL},
        false);
    tell_text(client, ASK("/"));
    steal_blocks();
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_text("hello")), SEND_NO_MEMORY);
    cr_assert(link_awaits_answer(desk.links[0]));
    give_blocks();
    respond(200, "hello");
    hears_answers("200:hello");
    desk_end();
}

Test(link_http, memory_is_given_back)
{
    begin(true);
    size_t before = budget_used(&desk_home()->streams.budget);
    tell_text(client, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    cr_assert(budget_used(&desk_home()->streams.budget) > before);
    tell_text(client, "0\r\n\r\n");
    hears_answers("200:abc");
    cr_assert_eq(budget_used(&desk_home()->streams.budget), before);
    desk_end();
}

Test(link_http, another_framing_drops_what_is_not_answered)
{
    static struct frame line;
    struct error error;
    cr_assert(frame_parse(&line, "line", 1000, &error));
    begin(false);
    tell_text(client, ASK("/") "a line\n");
    cr_assert(link_set_frame(desk.links[0], &line));
    desk.on_packet = NULL;
    cr_assert(offline_run(desk.offline));
    saw("-: -:a%20line");
    cr_assert_eq(link_respond(desk.links[0], 200, "", span_text("")), SEND_CLOSED);
    desk_end();
}
