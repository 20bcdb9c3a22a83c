/* The admin's address over real sockets, with routes of the test's own. */
#include "admin/admin.h"
#include "admin/http_input.h"
#include "base/log.h"
#include "capture.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef0123456789abcdef"
#define WITH_TOKEN "Authorization: Bearer " TOKEN "\r\nX-Moonport: 1\r\n"

enum {
    SILENT = 100,
    SILENT_AT_ONCE = 10,
    LONG_SIZE = 12 << 20, /* more than the system takes for a peer that does not read */
    PIECE = 64 << 10,     /* with more unread, nothing further is answered */
    PLACES = 256,
    HEAD_SIZE = 2048,
    STARTS_AT = sizeof "2026-11-23 04:22:06.123 info  " - 1
};

struct test {
    struct admin *admin;
    uint16_t port;
    atomic_int runs, inside, together; /* commands begun, at work, and found another at work */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool slow_runs, slow_may_end;
};

static void enter(struct test *test)
{
    atomic_fetch_add(&test->runs, 1);
    if (atomic_fetch_add(&test->inside, 1) != 0) atomic_fetch_add(&test->together, 1);
}

static void leave(struct test *test)
{
    atomic_fetch_sub(&test->inside, 1);
}

static void hello(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    enter(context);
    log_line(LOG_INFO, "somebody said hello");
    answer_result(answer, request, true, "hello,\nyou\n");
    leave(context);
}

static void fail(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    enter(context);
    answer_result(answer, request, false, "no luck\n");
    leave(context);
}

static void fill(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) text[i] = (char)(i % 50 == 49 ? '\n' : 'a' + i % 26);
}

static void lengthy(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context, (void)request;
    cr_assert(buffer_reserve(&answer->body, LONG_SIZE));
    fill((char *)answer->body.data, LONG_SIZE);
    answer->body.end = LONG_SIZE;
}

/* As long as the query says. */
static void sized(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    uint64_t size = 0;
    (void)context;
    cr_assert(request_number(request, "size", &size));
    cr_assert(buffer_reserve(&answer->body, size));
    memset(answer->body.data, 'x', size);
    answer->body.end = size;
}

static void slow(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    struct test *test = context;
    enter(test);
    pthread_mutex_lock(&test->mutex);
    test->slow_runs = true;
    pthread_cond_broadcast(&test->changed);
    while (!test->slow_may_end) pthread_cond_wait(&test->changed, &test->mutex);
    pthread_mutex_unlock(&test->mutex);
    answer_result(answer, request, true, "at last\n");
    leave(test);
}

static void quick(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context;
    answer_add(answer, "at once%s%s\n", request->query[0] != '\0' ? " " : "", request->query);
}

static void fails_for_memory(void *context, const struct admin_request *request,
                             struct admin_answer *answer)
{
    (void)context, (void)request;
    answer_add(answer, "half of it");
    answer->failed = true;
}

static const struct admin_route routes[] = {
    {"POST", "/hello", ACCESS_ACT, ROUTE_CHANGE, hello},
    {"POST", "/fail", ACCESS_ACT, ROUTE_CHANGE, fail},
    {"POST", "/slow", ACCESS_ACT, ROUTE_CHANGE, slow},
    {"GET", "/long", ACCESS_READ, ROUTE_LOOK, lengthy},
    {"GET", "/sized", ACCESS_OPEN, ROUTE_AT_ONCE, sized},
    {"GET", "/looks", ACCESS_READ, ROUTE_LOOK, quick},
    {"GET", "/quick", ACCESS_OPEN, ROUTE_AT_ONCE, quick},
    {"GET", "/poor", ACCESS_OPEN, ROUTE_AT_ONCE, fails_for_memory},
    {NULL, NULL, 0, 0, NULL},
};

static struct address somewhere(const char *text)
{
    struct address address;
    struct error error;
    cr_assert(address_parse(text, &address, &error), "%s", error.text);
    return address;
}

static void open_with(struct test *test, uint32_t patience_s)
{
    struct error error;
    *test = (struct test){.runs = 0};
    const struct admin_setup setup = {.address = somewhere("127.0.0.1:0"),
                                      .backend = PORT_AUTO,
                                      .routes = routes,
                                      .context = test,
                                      .token = TOKEN,
                                      .names = "",
                                      .patience_s = patience_s};
    pthread_mutex_init(&test->mutex, NULL);
    pthread_cond_init(&test->changed, NULL);
    test->admin = admin_open(&setup, &error);
    cr_assert_not_null(test->admin, "%s", error.text);
    test->port = admin_address(test->admin).port;
    cr_assert_neq(test->port, 0);
}

enum { LONG_S = 1000 }; /* however slow the machine is */

static void begin(struct test *test)
{
    log_set_level(LOG_ERROR);
    open_with(test, LONG_S);
}

static void finish(struct test *test)
{
    admin_close(test->admin);
    cr_assert_eq(atomic_load(&test->together), 0, "two commands have run at once");
    pthread_cond_destroy(&test->changed);
    pthread_mutex_destroy(&test->mutex);
}

/* ---- a client ---- */

static intptr_t say(const struct test *test, const char *bytes, size_t size)
{
    intptr_t peer = peer_connect(test->port);
    peer_send(peer, bytes, size);
    return peer;
}

static intptr_t say_text(const struct test *test, const char *text)
{
    return say(test, text, strlen(text));
}

/* On a connection: a request with this line, without its version. */
static void put(intptr_t peer, const char *line)
{
    char text[1024];
    int size =
        snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n" WITH_TOKEN "\r\n", line);
    peer_send(peer, text, (size_t)size);
}

static intptr_t ask(const struct test *test, const char *line)
{
    intptr_t peer = peer_connect(test->port);
    put(peer, line);
    return peer;
}

static char heard[HEAD_SIZE]; /* the head of the last answer */

/* Receives one answer, with a body of `size` bytes; returns its status. */
static int hear(intptr_t peer, char *body, size_t *size)
{
    size_t used = 0;
    while (used < 4 || memcmp(heard + used - 4, "\r\n\r\n", 4) != 0) {
        cr_assert(used < sizeof heard - 1);
        if (peer_receive(peer, heard + used, 1) <= 0) return 0;
        used++;
    }
    heard[used] = '\0';
    const char *length = strstr(heard, "\r\nContent-Length: ");
    cr_assert_not_null(length, "%s", heard);
    *size = strtoul(length + 18, NULL, 10);
    if (*size > 0) peer_receive_all(peer, body, *size);
    body[*size] = '\0';
    cr_assert(strncmp(heard, "HTTP/1.1 ", 9) == 0, "%s", heard);
    return atoi(heard + 9);
}

static void expect_next(intptr_t peer, int status, const char *text)
{
    char *body = calloc(1, LONG_SIZE + 1);
    size_t size = 0;
    int got = hear(peer, body, &size);
    cr_assert_eq(got, status, "%d: %s", got, body);
    if (text != NULL) cr_assert_str_eq(body, text);
    free(body);
}

static void expect(intptr_t peer, int status, const char *text)
{
    expect_next(peer, status, text);
    peer_close(peer);
}

static void expect_hello(const struct test *test)
{
    expect(ask(test, "POST /hello"), 200, "hello,\nyou\n");
}

/* The answer to GET /long. */
static void expect_long(intptr_t peer)
{
    char *text = calloc(1, LONG_SIZE + 1);
    fill(text, LONG_SIZE);
    expect(peer, 200, text);
    free(text);
}

static void expect_end(intptr_t peer)
{
    char byte;
    cr_assert(peer_receive(peer, &byte, 1) <= 0);
    peer_close(peer);
}

static void await_slow(struct test *test)
{
    pthread_mutex_lock(&test->mutex);
    while (!test->slow_runs) pthread_cond_wait(&test->changed, &test->mutex);
    pthread_mutex_unlock(&test->mutex);
}

static void let_slow_end(struct test *test)
{
    pthread_mutex_lock(&test->mutex);
    test->slow_may_end = true;
    pthread_cond_broadcast(&test->changed);
    pthread_mutex_unlock(&test->mutex);
}

/* ---- requests ---- */

Test(admin, a_command_is_answered_with_its_result_and_its_text)
{
    struct test test;
    begin(&test);
    expect_hello(&test);
    expect(ask(&test, "POST /fail"), 409, "no luck\n");
    expect(ask(&test, "POST /hello.json"), 200, "{\"ok\":true,\"text\":\"hello,\\nyou\\n\"}");
    expect(ask(&test, "POST /fail.json"), 409, "{\"ok\":false,\"text\":\"no luck\\n\"}");
    expect(ask(&test, "GET /quick?a=b"), 200, "at once a=b\n");
    expect(ask(&test, "GET /poor"), 500, "");
    cr_assert_eq(atomic_load(&test.runs), 4);
    finish(&test);
}

Test(admin, one_connection_may_ask_again_and_again)
{
    struct test test;
    begin(&test);
    intptr_t peer = peer_connect(test.port);
    for (int i = 0; i < 3; i++) {
        put(peer, "GET /quick");
        expect_next(peer, 200, "at once\n");
        put(peer, "POST /hello");
        expect_next(peer, 200, "hello,\nyou\n");
    }
    put(peer, "GET /quick");
    put(peer, "POST /hello");
    put(peer, "GET /looks");
    put(peer, "GET /quick");
    expect_next(peer, 200, "at once\n");
    expect_next(peer, 200, "hello,\nyou\n");
    expect_next(peer, 200, "at once\n");
    expect(peer, 200, "at once\n");
    finish(&test);
}

Test(admin, a_connection_ends_after_the_answer_when_the_client_wants_that)
{
    struct test test;
    begin(&test);
    intptr_t peer = say_text(
        &test, "GET /quick HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /quick");
    expect_next(peer, 200, "at once\n");
    expect_end(peer);
    finish(&test);
}

/* It would wait for an end that does not come: it cannot know that the answer lets it go on. */
Test(admin, a_client_of_http_1_0_sees_the_end)
{
    struct test test;
    begin(&test);
    intptr_t peer =
        say_text(&test, "GET /quick HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
    expect_next(peer, 200, "at once\n");
    cr_assert_not_null(strstr(heard, "\r\nConnection: close\r\n"));
    expect_end(peer);
    finish(&test);
}

Test(admin, head_is_answered_without_the_body)
{
    struct test test;
    char all[HEAD_SIZE];
    size_t used = 0;
    begin(&test);
    intptr_t peer =
        say_text(&test, "HEAD /quick HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ptrdiff_t size;
    while ((size = peer_receive(peer, all + used, sizeof all - 1 - used)) > 0) used += (size_t)size;
    all[used] = '\0';
    cr_assert_not_null(strstr(all, "Content-Length: 8\r\n"), "%s", all);
    cr_assert_str_eq(all + used - 4, "\r\n\r\n");
    peer_close(peer);
    finish(&test);
}

Test(admin, a_request_may_come_in_pieces)
{
    static const char text[] =
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n" WITH_TOKEN "\r\n{}";
    struct test test;
    begin(&test);
    intptr_t peer = peer_connect(test.port);
    for (const char *next = text; *next != '\0'; next++) {
        peer_send(peer, next, 1);
        if ((next - text) % 16 == 0) expect(ask(&test, "GET /quick"), 200, NULL);
    }
    expect(peer, 200, "hello,\nyou\n");
    finish(&test);
}

Test(admin, who_sends_no_more_is_answered)
{
    struct test test;
    begin(&test);
    intptr_t peer = ask(&test, "POST /hello");
    peer_finish(peer);
    expect(peer, 200, "hello,\nyou\n");
    peer = say_text(&test, "POST /hello HTTP/1.1\r\n" WITH_TOKEN);
    peer_finish(peer);
    expect_end(peer);
    cr_assert_eq(atomic_load(&test.runs), 1, "half a request is none");
    finish(&test);
}

Test(admin, a_long_answer_arrives_whole_and_whoever_does_not_read_it_keeps_nobody_waiting)
{
    struct test test;
    begin(&test);
    intptr_t deaf = ask(&test, "GET /long");
    expect_hello(&test);
    expect_long(deaf);
    finish(&test);
}

/* Nothing is answered to a connection that has not read what it was sent before. */
Test(admin, requests_behind_an_answer_that_is_not_read_wait)
{
    struct test test;
    begin(&test);
    intptr_t deaf = ask(&test, "GET /long");
    put(deaf, "POST /hello");
    for (int i = 0; i < SILENT_AT_ONCE; i++) expect(ask(&test, "GET /looks"), 200, NULL);
    cr_assert_eq(atomic_load(&test.runs), 0);
    expect_next(deaf, 200, NULL);
    expect(deaf, 200, "hello,\nyou\n");
    finish(&test);
}

#define SIZED(size) "GET /sized?size=" size " HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Whatever is queued then, what comes behind it is answered when that has been read. */
Test(admin, answers_of_any_size_are_followed_by_the_next)
{
    struct test test;
    char text[256];
    begin(&test);
    expect(say_text(&test, SIZED("60000")), 200, NULL);
    size_t used = strlen(heard);
    for (int more = -1; more <= 1; more++) { /* the head has the same length */
        size_t size = (size_t)(PIECE + more) - used;
        snprintf(text, sizeof text,
                 "GET /sized?size=%zu HTTP/1.1\r\nHost: localhost\r\n\r\n" SIZED("3"), size);
        intptr_t peer = say_text(&test, text);
        expect_next(peer, 200, NULL);
        expect(peer, 200, "xxx");
    }
    finish(&test);
}

Test(admin, one_change_runs_at_a_time_and_the_others_wait)
{
    struct test test;
    char byte;
    begin(&test);
    intptr_t first = ask(&test, "POST /slow");
    await_slow(&test);
    intptr_t second = ask(&test, "POST /hello"), third = ask(&test, "POST /slow");
    peer_set_blocking(second, false);
    cr_assert_eq(peer_receive(second, &byte, 1), -1, "it has to wait");
    peer_set_blocking(second, true);
    cr_assert_eq(atomic_load(&test.runs), 1);
    let_slow_end(&test);
    expect(first, 200, "at last\n");
    expect(second, 200, "hello,\nyou\n");
    expect(third, 200, "at last\n");
    cr_assert_eq(atomic_load(&test.runs), 3);
    finish(&test);
}

Test(admin, whatever_changes_what_is_looked_at_is_answered)
{
    struct test test;
    begin(&test);
    intptr_t first = ask(&test, "POST /slow");
    await_slow(&test);
    intptr_t second = ask(&test, "POST /slow");
    for (int i = 0; i < SILENT; i++) {
        expect(ask(&test, "GET /quick"), 200, "at once\n");
        expect(ask(&test, "GET /looks"), 200, "at once\n");
    }
    let_slow_end(&test);
    expect(first, 200, "at last\n");
    expect(second, 200, "at last\n");
    finish(&test);
}

/* Its end, which comes while the command runs, is no reason not to answer. */
Test(admin, who_sends_no_more_is_answered_however_late)
{
    struct test test;
    begin(&test);
    intptr_t peer = ask(&test, "POST /slow");
    await_slow(&test);
    peer_finish(peer);
    for (int i = 0; i < 3; i++) { /* longer than what the admin's connections have to be flushed */
        expect(ask(&test, "GET /quick"), 200, "at once\n");
        sleep(1);
    }
    let_slow_end(&test);
    expect(peer, 200, "at last\n");
    finish(&test);
}

/* A connection that waits for an answer is not silent: one that waits for nothing has to go before it. */
Test(admin, who_waits_for_an_answer_keeps_its_place)
{
    struct test test;
    intptr_t waiting[SILENT_AT_ONCE], silent[SILENT];
    begin(&test);
    intptr_t first = ask(&test, "POST /slow");
    await_slow(&test);
    for (int i = 0; i < SILENT_AT_ONCE; i++) waiting[i] = ask(&test, "POST /hello");
    for (int i = 0; i < SILENT; i++) {
        silent[i] = peer_connect(test.port);
        expect(ask(&test, "GET /quick"), 200, "at once\n");
    }
    let_slow_end(&test);
    expect(first, 200, "at last\n");
    for (int i = 0; i < SILENT_AT_ONCE; i++) expect(waiting[i], 200, "hello,\nyou\n");
    for (int i = 0; i < SILENT; i++) peer_close(silent[i]);
    finish(&test);
}

Test(admin, more_changes_than_may_wait_are_refused)
{
    enum { ASKED = 20 };
    struct test test;
    intptr_t peers[ASKED];
    int refused = 0;
    begin(&test);
    intptr_t first = ask(&test, "POST /slow");
    await_slow(&test);
    for (int i = 0; i < ASKED; i++) peers[i] = ask(&test, "POST /hello");
    expect(ask(&test, "POST /hello"), 503, "too many requests wait: ask again\n");
    let_slow_end(&test);
    expect(first, 200, "at last\n");
    for (int i = 0; i < ASKED; i++) {
        char body[64];
        size_t size;
        int status = hear(peers[i], body, &size);
        cr_assert(status == 200 || status == 503);
        refused += status == 503;
        peer_close(peers[i]);
    }
    cr_assert_eq(refused, ASKED - 16);
    finish(&test);
}

#define HALF "GET /quick HTTP/1.1\r\nHost: localhost\r\n"

static void hear_no_more(struct test *test, intptr_t peer)
{
    char body[64];
    size_t size = 0;
    int status = hear(peer, body, &size);
    cr_assert_eq(status, 408, "%d", status);
    expect_end(peer);
    expect_hello(test);
}

/* One more byte of a field; false: it has been answered. */
static bool drip(intptr_t peer)
{
    char byte;
    peer_set_blocking(peer, false);
    bool goes_on = peer_receive(peer, &byte, 1) < 0;
    peer_set_blocking(peer, true);
    return goes_on && peer_try_to_send(peer, "x", 1);
}

/* For longer than a request may take to come. What comes whole is not late, nor is what waits for an answer. */
Test(admin, a_request_that_comes_too_slowly_is_not_waited_for)
{
    struct test test;
    log_set_level(LOG_INFO);
    capture_begin();
    open_with(&test, 0);
    intptr_t head = say_text(&test, HALF), silent = peer_connect(test.port);
    intptr_t body = say_text(&test, HALF "Content-Length: 3\r\n\r\nab");
    intptr_t drips = say_text(&test, HALF "X: "), asks = peer_connect(test.port);
    intptr_t waits = ask(&test, "POST /slow");
    await_slow(&test);
    peer_send(waits, "GET", 3);
    for (int i = 0; drip(drips) || i < 12; i++) {
        peer_send(asks, HALF, strlen(HALF));
        sleep(1);
        peer_send(asks, "\r\n", 2);
        expect_next(asks, 200, "at once\n");
    }
    let_slow_end(&test);
    hear_no_more(&test, head);
    hear_no_more(&test, body);
    peer_close(drips);
    expect_end(silent);
    expect_next(waits, 200, "at last\n");
    sleep(2);
    peer_send(waits, &HALF[3], strlen(&HALF[3]));
    peer_send(waits, "\r\n", 2);
    expect(waits, 200, "at once\n");
    peer_close(asks);
    finish(&test);
    const char *log = capture_end();
    cr_assert_null(strstr(log, "idle_timeout"), "no setting of the main server matters: %s", log);
}

/* ---- who may not ---- */

Test(admin, without_the_token_nothing_is_done)
{
    struct test test;
    begin(&test);
    expect(say_text(&test, "POST /hello HTTP/1.1\r\nHost: localhost\r\nX-Moonport: 1\r\n\r\n"), 401,
           NULL);
    expect(say_text(&test, "GET /looks HTTP/1.1\r\nHost: localhost\r\n\r\n"), 401, NULL);
    expect(say_text(&test, "GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200, "at once\n");
    expect(say_text(&test, "POST /hello HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " TOKEN
                           "\r\n\r\n"),
           403, NULL);
    expect(say_text(&test, "GET /quick HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421, NULL);
    cr_assert_eq(atomic_load(&test.runs), 0);
    finish(&test);
}

Test(admin, what_is_no_request_is_refused_and_ends)
{
    static const char *const texts[] = {
        "hello\n",
        "\n\n\n",
        "reload\r\n\r\n",
        "POST /hello\r\n\r\n",
        "POST /hello HTTP/9.1\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: a b\r\n" WITH_TOKEN "\r\n",
        "POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" WITH_TOKEN "\r\n"};
    struct test test;
    begin(&test);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char body[256];
        size_t size;
        intptr_t peer = say_text(&test, texts[i]);
        peer_send(peer, "x", 1);
        int status = hear(peer, body, &size);
        cr_assert(status >= 400, "%s: %d", texts[i], status);
        expect_end(peer);
    }
    cr_assert_eq(atomic_load(&test.runs), 0);
    finish(&test);
}

Test(admin, what_is_longer_than_any_request_is_not_waited_for)
{
    static char bytes[4 * HTTP_INPUT_MAX];
    struct test test;
    begin(&test);
    memset(bytes, 'x', sizeof bytes);
    intptr_t peer = say(&test, bytes, sizeof bytes);
    char body[256];
    size_t size;
    int status = hear(peer, body, &size);
    cr_assert(status == 414 || status == 0, "%d", status);
    peer_close(peer);
    expect_hello(&test);
    finish(&test);
}

/* The place that was unused for longest is used again: so all of them are. */
Test(admin, nothing_is_left_of_a_request_when_its_place_is_used_again)
{
    struct test test;
    begin(&test);
    for (int i = 0; i < 2 * SILENT; i++) {
        intptr_t peer = say_text(&test, "POST /hello HTTP/1.1\r\n" WITH_TOKEN);
        peer_finish(peer);
        expect_end(peer);
    }
    cr_assert_eq(atomic_load(&test.runs), 0);
    for (int i = 0; i < SILENT; i++) expect_hello(&test);
    finish(&test);
}

Test(admin, those_who_say_nothing_do_not_keep_others_out)
{
    struct test test;
    intptr_t silent[SILENT];
    char byte;
    begin(&test);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = peer_connect(test.port);
        if (i % SILENT_AT_ONCE == 0) expect_hello(&test);
    }
    expect_hello(&test);
    cr_assert(peer_receive(silent[0], &byte, 1) <= 0, "the oldest made room");
    put(silent[SILENT - 1], "POST /hello");
    expect(silent[SILENT - 1], 200, "hello,\nyou\n");
    for (int i = 0; i < SILENT - 1; i++) peer_close(silent[i]);
    finish(&test);
}

/* They have been answered, and do not close their end: for a second, each of them is waited for. */
Test(admin, those_who_linger_do_not_keep_others_out)
{
    struct test test;
    intptr_t peers[PLACES];
    begin(&test);
    for (int i = 0; i < PLACES; i++) {
        peers[i] = say_text(&test, "no request\r\n");
        expect_next(peers[i], 400, NULL);
    }
    expect_hello(&test);
    for (int i = 0; i < PLACES; i++) peer_close(peers[i]);
    finish(&test);
}

/* Those who only linger have no use for their place any more. */
Test(admin, who_lingers_goes_before_those_who_are_silent)
{
    struct test test;
    intptr_t peers[SILENT];
    begin(&test);
    intptr_t silent = peer_connect(test.port);
    expect(ask(&test, "GET /quick"), 200, NULL);
    for (int i = 0; i < SILENT; i++) {
        peers[i] = say_text(&test, "no request\r\n");
        expect_next(peers[i], 400, NULL);
    }
    put(silent, "POST /hello");
    expect(silent, 200, "hello,\nyou\n");
    for (int i = 0; i < SILENT; i++) peer_close(peers[i]);
    finish(&test);
}

/* A deaf one is in the middle of its answer; those that are only silent go first. */
Test(admin, who_is_being_answered_goes_after_those_who_are_silent)
{
    struct test test;
    intptr_t silent[SILENT];
    begin(&test);
    intptr_t deaf = ask(&test, "GET /long");
    expect_hello(&test);
    for (int i = 0; i < SILENT; i++) silent[i] = peer_connect(test.port);
    expect_hello(&test);
    expect_long(deaf);
    for (int i = 0; i < SILENT; i++) peer_close(silent[i]);
    finish(&test);
}

Test(admin, who_goes_away_while_a_command_runs_does_no_harm)
{
    struct test test;
    begin(&test);
    intptr_t peer = ask(&test, "POST /slow");
    await_slow(&test);
    peer_reset(peer);
    let_slow_end(&test);
    expect_hello(&test);
    finish(&test);
}

/* ---- opening and closing ---- */

Test(admin, closing_does_not_wait_for_peers_who_hang)
{
    struct test test;
    begin(&test);
    intptr_t silent = peer_connect(test.port), half = say_text(&test, "POST /hel");
    intptr_t deaf = ask(&test, "GET /long");
    expect_hello(&test);
    finish(&test);
    expect_end(silent);
    expect_end(half);
    peer_close(deaf);
}

static void *close_admin(void *argument)
{
    finish(argument);
    return NULL;
}

Test(admin, closing_waits_for_the_command_that_runs_and_sends_its_answer)
{
    struct test test;
    pthread_t closing;
    begin(&test);
    intptr_t peer = ask(&test, "POST /slow");
    await_slow(&test);
    cr_assert_eq(pthread_create(&closing, NULL, close_admin, &test), 0);
    let_slow_end(&test);
    expect(peer, 200, "at last\n");
    pthread_join(closing, NULL);
}

/* Whatever moment it is at when it is told to end. */
Test(admin, commands_that_come_with_its_end_do_no_harm)
{
    enum { ROUNDS = 5, PEERS = 4 };
    struct test test;
    char bytes[64];
    for (int round = 0; round < ROUNDS; round++) {
        intptr_t peers[PEERS];
        begin(&test);
        for (int i = 0; i < PEERS; i++) peers[i] = ask(&test, "POST /hello");
        finish(&test);
        for (int i = 0; i < PEERS; i++) {
            while (peer_receive(peers[i], bytes, sizeof bytes) > 0) continue;
            peer_close(peers[i]);
        }
    }
}

Test(admin, a_taken_address_is_told_with_what_to_set)
{
    struct test test;
    struct error error = {.kind = ERROR_NONE};
    char wanted[64];
    begin(&test);
    struct admin_setup setup = {.address = admin_address(test.admin),
                                .routes = routes,
                                .context = &test,
                                .token = TOKEN,
                                .names = ""};
    cr_assert_null(admin_open(&setup, &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "Address already in use"), "%s", error.text);
    if (setup.address.port == UINT16_MAX) setup.address.port = 7000;
    snprintf(wanted, sizeof wanted, "set admin = \"127.0.0.1:%u\" or admin = false",
             setup.address.port + 1u);
    cr_assert_not_null(strstr(error.text, wanted), "%s", error.text);
    expect_hello(&test);
    finish(&test);
}

/* ---- the log ---- */

static void talk_a_little(void)
{
    struct test test;
    open_with(&test, LONG_S);
    expect_hello(&test);
    expect(ask(&test, "GET /quick"), 200, NULL);
    finish(&test);
}

Test(admin, its_log_lines_are_told_from_those_of_the_main_server)
{
    log_set_level(LOG_DEBUG);
    capture_begin();
    talk_a_little();
    char *log = capture_end();

    int admins = 0, others = 0;
    for (char *line = strtok(log, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        cr_assert(strlen(line) > STARTS_AT, "%s", line);
        if (admins + others == 0)
            cr_assert_eq(strncmp(line + STARTS_AT, "admin on http://127.0.0.1:", 26), 0, "%s",
                         line);
        if (strncmp(line + STARTS_AT, "admin", 5) == 0) {
            admins++;
        } else {
            others++;
            cr_assert_str_eq(line + STARTS_AT, "somebody said hello");
        }
    }
    cr_assert(admins > 2, "each connection is told of");
    cr_assert_eq(others, 1);
}

/* Opens it there, and closes it. Returns what it has logged; NULL: that address cannot be had. */
static const char *log_of(const char *text, const char *token)
{
    struct error error;
    const struct admin_setup setup = {
        .address = somewhere(text), .routes = routes, .token = token, .names = ""};
    log_set_level(LOG_INFO);
    capture_begin();
    struct admin *admin = admin_open(&setup, &error);
    if (admin != NULL) admin_close(admin);
    const char *log = capture_end();
    return admin == NULL ? NULL : log;
}

static int warnings_of(const char *text)
{
    const char *log = log_of(text, TOKEN);
    return log == NULL ? -1 : strstr(log, "others on the network reach it") != NULL;
}

Test(admin, it_is_warned_of_an_address_that_others_reach)
{
    cr_assert_eq(warnings_of("127.0.0.1:0"), 0);
    cr_assert_eq(warnings_of("127.9.9.9:0"), 0);
    cr_assert_eq(warnings_of("0.0.0.0:0"), 1);
    if (warnings_of("[::1]:0") < 0) cr_skip_test("this machine has no IPv6");
    cr_assert_eq(warnings_of("[::1]:0"), 0);
    cr_assert_eq(warnings_of("[::]:0"), 1);
}

Test(admin, a_token_of_its_own_is_told_and_one_that_was_set_is_not)
{
    const char *log = log_of("127.0.0.1:0", TOKEN);
    cr_assert_null(strstr(log, TOKEN));
    log = log_of("127.0.0.1:0", "");
    const char *told = strstr(log, "/?token=");
    cr_assert_not_null(told, "%s", log);
    cr_assert_eq(strspn(told + 8, "0123456789abcdef"), 32, "%s", log);
}
