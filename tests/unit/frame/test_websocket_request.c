/* The beginning of a session: what a peer asks for is kept until it is welcome or answered. */
#include "frame/http_site.h"
#include "websocket_try.h"

#define GET "GET /chat HTTP/1.1\r\nHost: example.com\r\n"
#define REQUEST \
    GET "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct budget budget = {.limit = WS_BIG};
static struct frame spoken;
static struct session *session;
static struct frame_cut said;
static struct session_answer answer;

static void begin(const char *framing)
{
    spoken = frame_made(framing, 1000);
    session = spoken.codec->sessions->open(&spoken, &budget);
    cr_assert_not_null(session);
}

static void end(void)
{
    session->codec->close(session);
    cr_assert_eq(budget_used(&budget), 0);
}

static enum frame_verdict greet(struct span bytes)
{
    uint8_t *copy = exact_copy(bytes);
    enum frame_verdict verdict =
        session->codec->greet(session, &spoken, span_of(copy, bytes.size), &said, &answer);
    free(copy);
    return verdict;
}

static struct span request(void)
{
    return session->codec->request(session);
}

Test(websocket_request, is_kept_until_the_peer_is_welcome)
{
    char room[SESSION_WELCOME_MAX];
    begin("websocket");
    cr_assert_eq(request().size, 0);
    cr_assert_eq(greet(span_text(REQUEST "\x81")), FRAME_CONSUMED);
    cr_assert_eq(said.consumed, strlen(REQUEST));
    cr_assert(same_bytes(request(), span_text(REQUEST)));
    size_t size = session->codec->welcome(session, &spoken, room);
    cr_assert(size > 0 && size < sizeof room);
    cr_assert(strncmp(room, "HTTP/1.1 101 ", 13) == 0);
    cr_assert(same_bytes(request(), span_text(REQUEST)), "the welcome may not be sent yet");
    session->is_open = true; /* now it is */
    session->codec->rest(session);
    cr_assert_eq(request().size, 0);
    end();
}

Test(websocket_request, may_come_in_any_pieces)
{
    for (size_t first = 0; first < strlen(REQUEST); first++) {
        begin("websocket");
        cr_assert_eq(greet(span_of(REQUEST, first)), FRAME_MORE);
        cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
        end();
    }
}

/* Bytes that wait for memory may be in smaller pieces than before. */
Test(websocket_request, may_be_looked_at_again_with_less_of_it)
{
    begin("websocket");
    cr_assert_eq(greet(span_text(GET "Accept: all")), FRAME_MORE);
    cr_assert_eq(greet(span_of(REQUEST, 5)), FRAME_MORE);
    cr_assert_eq(greet(span_of(REQUEST, 4)), FRAME_MORE);
    cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
    end();
}

Test(websocket_request, is_not_used_without_memory_for_it)
{
    begin("websocket");
    budget.limit = budget_used(&budget);
    for (int i = 0; i < 3; i++) cr_assert_eq(greet(span_text(REQUEST)), FRAME_STARVED);
    cr_assert_eq(request().size, 0);
    budget.limit = WS_BIG;
    cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
    end();
}

Test(websocket_request, is_given_back_with_the_session)
{
    begin("websocket");
    cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
    end();
}

/* ---- answers ---- */

static bool has_head(const char *line)
{
    return answer.head_size >= strlen(line) && memcmp(answer.head, line, strlen(line)) == 0;
}

Test(websocket_request, of_something_else_is_answered)
{
    begin("websocket");
    cr_assert_eq(greet(span_text(GET "\r\n")), FRAME_ERROR);
    cr_assert(has_head("HTTP/1.1 426 "));
    cr_assert(answer.body.size > 0);
    cr_assert_null(answer.why, "that is nothing for the log");
    cr_assert_eq(greet(span_text("NONSENSE\n\n")), FRAME_ERROR);
    cr_assert(has_head("HTTP/1.1 400 "));
    cr_assert_not_null(answer.why);
    end();
}

Test(websocket_request, of_a_head_is_answered_without_a_body)
{
    begin("websocket,healthz=true");
    cr_assert_eq(greet(span_text("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")), FRAME_ERROR);
    cr_assert(has_head("HTTP/1.1 200 "));
    cr_assert(same_bytes(answer.body, span_text("ok\n")));
    cr_assert_eq(greet(span_text("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n")), FRAME_ERROR);
    cr_assert(has_head("HTTP/1.1 200 "));
    cr_assert_eq(answer.body.size, 0);
    end();
}

Test(websocket_request, may_be_answered_by_the_script)
{
    begin("websocket");
    cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
    cr_assert(session->codec->answer(session, 403, "A: b\r\n", span_text("No.\n"), &answer));
    cr_assert(has_head("HTTP/1.1 403 Forbidden\r\n"));
    cr_assert(same_bytes(answer.body, span_text("No.\n")));
    cr_assert(session->codec->answer(session, 204, "", span_text("No.\n"), &answer));
    cr_assert_eq(answer.body.size, 0);
    cr_assert(session->codec->answer(session, 304, "", span_text("No.\n"), &answer));
    cr_assert_eq(answer.body.size, 0);
    end();
}

Test(websocket_request, has_an_answer_of_a_limited_head)
{
    static char headers[SESSION_HEAD_MAX];
    begin("websocket");
    cr_assert_eq(greet(span_text(REQUEST)), FRAME_CONSUMED);
    memset(headers, 'x', sizeof headers - 1);
    cr_assert_not(session->codec->answer(session, 403, headers, span_text("No.\n"), &answer));
    headers[3072] = '\0';
    cr_assert(session->codec->answer(session, 403, headers, span_text("No.\n"), &answer));
    end();
}

/* ---- files ---- */

/* A file is held until its bytes have gone out, however often that is tried; the site may show others meanwhile. */
Test(websocket_request, of_a_file_holds_it)
{
    struct http_site site;
    struct http_files *files = http_files_make();
    cr_assert(http_files_add(files, "index.html", "<p>hello", 8));
    http_site_open(&site);
    http_site_put(&site, files);
    begin("websocket,public=public");
    spoken.websocket.site = &site;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(greet(span_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), FRAME_ERROR);
    http_site_close(&site);
    cr_assert(has_head("HTTP/1.1 200 "));
    cr_assert(same_bytes(answer.body, span_text("<p>hello")));
    end();
}

/* ---- protocols ---- */

#define ASKS(names) \
    GET "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " names "\r\n\r\n"

static bool choose(const char *name)
{
    return session->codec->choose(session, &spoken, span_text(name));
}

static void is_welcomed_with(const char *line)
{
    char room[SESSION_WELCOME_MAX + 1];
    size_t size = session->codec->welcome(session, &spoken, room);
    room[size] = '\0';
    const char *found = strstr(room, "Sec-WebSocket-Protocol");
    cr_assert_eq(found != NULL, line != NULL);
    if (line != NULL) cr_assert_eq(strncmp(found, line, strlen(line)), 0, "%s", room);
}

Test(websocket_request, has_protocols_of_which_one_is_chosen)
{
    begin("websocket,protocols=b|c");
    cr_assert_eq(greet(span_text(ASKS("a, b, c"))), FRAME_CONSUMED);
    cr_assert_not(choose("d"));
    cr_assert_not(choose(""));
    cr_assert_not(choose("A"));
    cr_assert_not(choose("a, b"));
    is_welcomed_with("Sec-WebSocket-Protocol: b\r\n");
    end();
    begin("websocket,protocols=b|c");
    cr_assert_eq(greet(span_text(ASKS("a, b, c"))), FRAME_CONSUMED);
    cr_assert(choose("a"), "though the listener does not have it");
    is_welcomed_with("Sec-WebSocket-Protocol: a\r\n");
    end();
    begin("websocket");
    cr_assert_eq(greet(span_text(ASKS("a"))), FRAME_CONSUMED);
    is_welcomed_with(NULL);
    end();
}

Test(websocket_request, has_protocols_with_names_of_up_to_255_bytes)
{
    static char head[2000], name[257];
    begin("websocket");
    memset(name, 'p', 256);
    snprintf(head, sizeof head, ASKS("%s, %.255s"), name, name);
    cr_assert_eq(greet(span_text(head)), FRAME_CONSUMED);
    cr_assert_not(choose(name));
    name[255] = '\0';
    cr_assert(choose(name));
    is_welcomed_with("Sec-WebSocket-Protocol: ppp");
    end();
}
