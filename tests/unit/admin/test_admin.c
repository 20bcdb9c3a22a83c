/* The admin's address over real sockets, with commands of the test's own. */
#include "admin/admin.h"
#include "base/log.h"
#include "capture.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SILENT = 100, SILENT_AT_ONCE = 10, STARTS_AT = sizeof "2026-11-23 04:22:06.123 info  " - 1 };

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

static bool leave(struct test *test, bool fine)
{
    atomic_fetch_sub(&test->inside, 1);
    return fine;
}

static bool hello(void *context, char *text, size_t size)
{
    enter(context);
    log_line(LOG_INFO, "somebody said hello");
    snprintf(text, size, "hello,\nyou\n");
    return leave(context, true);
}

static bool fail(void *context, char *text, size_t size)
{
    enter(context);
    snprintf(text, size, "no luck");
    return leave(context, false);
}

static bool mute(void *context, char *text, size_t size)
{
    enter(context);
    cr_assert(size > 0);
    cr_assert_eq(text[0], '\0', "what was said before is gone");
    return leave(context, true);
}

static void fill(char *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) text[i] = (char)(i % 50 == 49 ? '\n' : 'a' + i % 26);
    text[size - 1] = '\0';
}

static bool lengthy(void *context, char *text, size_t size)
{
    enter(context);
    cr_assert_eq(size, ADMIN_TEXT_MAX);
    fill(text, size);
    return leave(context, true);
}

static bool slow(void *context, char *text, size_t size)
{
    struct test *test = context;
    enter(test);
    pthread_mutex_lock(&test->mutex);
    test->slow_runs = true;
    pthread_cond_broadcast(&test->changed);
    while (!test->slow_may_end) pthread_cond_wait(&test->changed, &test->mutex);
    pthread_mutex_unlock(&test->mutex);
    snprintf(text, size, "at last\n");
    return leave(test, true);
}

static bool quick(void *context, char *text, size_t size)
{
    (void)context;
    snprintf(text, size, "at once\n");
    return true;
}

static const struct admin_command *commands_of(struct test *test)
{
    static struct admin_command commands[] = {{.name = "hello", .act = hello},
                                              {.name = "fail", .act = fail},
                                              {.name = "mute", .act = mute},
                                              {.name = "long", .act = lengthy},
                                              {.name = "slow", .act = slow},
                                              {.name = "quick", .act = quick, .is_quick = true},
                                              {.name = NULL}};
    for (struct admin_command *one = commands; one->name != NULL; one++) one->context = test;
    return commands;
}

static struct address somewhere(void)
{
    struct address address;
    struct error error;
    cr_assert(address_parse("127.0.0.1:0", &address, &error), "%s", error.text);
    return address;
}

static void open_quietly(struct test *test)
{
    struct error error;
    struct address address = somewhere();
    *test = (struct test){.runs = 0};
    pthread_mutex_init(&test->mutex, NULL);
    pthread_cond_init(&test->changed, NULL);
    test->admin = admin_open(&address, PORT_AUTO, commands_of(test), &error);
    cr_assert_not_null(test->admin, "%s", error.text);
    test->port = admin_address(test->admin).port;
    cr_assert_neq(test->port, 0);
}

static void begin(struct test *test)
{
    log_set_level(LOG_ERROR);
    open_quietly(test);
}

static void finish(struct test *test)
{
    admin_close(test->admin);
    cr_assert_eq(atomic_load(&test->together), 0, "two commands have run at once");
    pthread_cond_destroy(&test->changed);
    pthread_mutex_destroy(&test->mutex);
}

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

/* All that the peer is sent is the text; then it is closed. */
static void expect(intptr_t peer, const char *text)
{
    static char received[2 * ADMIN_TEXT_MAX];
    ptrdiff_t size;
    size_t all = 0;
    while ((size = peer_receive(peer, received + all, sizeof received - 1 - all)) > 0)
        all += (size_t)size;
    cr_assert_eq(size, 0, "it ends with an error");
    received[all] = '\0';
    cr_assert_str_eq(received, text, "it says \"%s\"", received);
    peer_close(peer);
}

static void expect_hello(const struct test *test)
{
    expect(say_text(test, "hello\n"), "ok\nhello,\nyou\n");
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

/* ---- commands ---- */

Test(admin, a_command_is_answered_with_its_result_and_its_text)
{
    struct test test;
    begin(&test);
    expect(say_text(&test, "hello\n"), "ok\nhello,\nyou\n");
    expect(say_text(&test, "fail\n"), "error\nno luck\n");
    expect(say_text(&test, "mute\n"), "ok\n");
    expect(say_text(&test, "hello\r\n"), "ok\nhello,\nyou\n");
    cr_assert_eq(atomic_load(&test.runs), 4);
    finish(&test);
}

Test(admin, a_command_may_come_in_pieces)
{
    struct test test;
    begin(&test);
    intptr_t peer = peer_connect(test.port);
    for (const char *next = "hello\n"; *next != '\0'; next++) {
        peer_send(peer, next, 1);
        expect(say_text(&test, "mute\n"), "ok\n"); /* the piece has been received by then */
    }
    expect(peer, "ok\nhello,\nyou\n");
    finish(&test);
}

Test(admin, who_sends_no_more_is_answered)
{
    struct test test;
    begin(&test);
    intptr_t peer = say_text(&test, "hello\n");
    peer_finish(peer);
    expect(peer, "ok\nhello,\nyou\n");
    peer = say_text(&test, "hello");
    peer_finish(peer);
    expect(peer, "");
    cr_assert_eq(atomic_load(&test.runs), 1, "a line without its end is none");
    finish(&test);
}

Test(admin, a_long_answer_arrives_whole_and_whoever_does_not_read_it_keeps_nobody_waiting)
{
    static char text[sizeof "ok\n" - 1 + ADMIN_TEXT_MAX + 1] = "ok\n";
    struct test test;
    begin(&test);
    intptr_t deaf = say_text(&test, "long\n");
    expect_hello(&test);
    fill(text + 3, ADMIN_TEXT_MAX);
    strcat(text, "\n");
    expect(deaf, text);
    finish(&test);
}

Test(admin, one_command_runs_at_a_time_and_the_others_wait)
{
    struct test test;
    char byte;
    begin(&test);
    intptr_t first = say_text(&test, "slow\n");
    await_slow(&test);
    intptr_t second = say_text(&test, "hello\n"), third = say_text(&test, "slow\n");
    peer_set_blocking(second, false);
    cr_assert_eq(peer_receive(second, &byte, 1), -1, "it has to wait");
    peer_set_blocking(second, true);
    cr_assert_eq(atomic_load(&test.runs), 1);
    let_slow_end(&test);
    expect(first, "ok\nat last\n");
    expect(second, "ok\nhello,\nyou\n");
    expect(third, "ok\nat last\n");
    cr_assert_eq(atomic_load(&test.runs), 3);
    finish(&test);
}

Test(admin, whatever_runs_a_quick_command_is_answered_at_once)
{
    struct test test;
    begin(&test);
    intptr_t first = say_text(&test, "slow\n");
    await_slow(&test);
    intptr_t second = say_text(&test, "slow\n");
    for (int i = 0; i < SILENT; i++) expect(say_text(&test, "quick\n"), "ok\nat once\n");
    expect(say_text(&test, "no command\n"), "error\n");
    let_slow_end(&test);
    expect(first, "ok\nat last\n");
    expect(second, "ok\nat last\n");
    finish(&test);
}

/* Its end, which comes while the command runs, is no reason not to answer. */
Test(admin, who_sends_no_more_is_answered_however_late)
{
    struct test test;
    begin(&test);
    intptr_t peer = say_text(&test, "slow\n");
    await_slow(&test);
    peer_finish(peer);
    for (int i = 0; i < 3; i++) { /* longer than what the admin's connections have to be flushed */
        expect(say_text(&test, "quick\n"), "ok\nat once\n");
        sleep(1);
    }
    let_slow_end(&test);
    expect(peer, "ok\nat last\n");
    finish(&test);
}

/* A connection that waits for an answer is not silent: one without a command has to go before it. */
Test(admin, who_waits_for_an_answer_keeps_its_place)
{
    struct test test;
    intptr_t waiting[SILENT_AT_ONCE], silent[2 * SILENT_AT_ONCE];
    begin(&test);
    intptr_t first = say_text(&test, "slow\n");
    await_slow(&test);
    for (int i = 0; i < SILENT_AT_ONCE; i++) waiting[i] = say_text(&test, "hello\n");
    for (int i = 0; i < 2 * SILENT_AT_ONCE; i++) {
        silent[i] = peer_connect(test.port);
        expect(say_text(&test, "quick\n"), "ok\nat once\n");
    }
    let_slow_end(&test);
    expect(first, "ok\nat last\n");
    for (int i = 0; i < SILENT_AT_ONCE; i++) expect(waiting[i], "ok\nhello,\nyou\n");
    for (int i = 0; i < 2 * SILENT_AT_ONCE; i++) peer_close(silent[i]);
    finish(&test);
}

/* ---- what is no command ---- */

Test(admin, what_is_no_command_is_an_error_and_does_nothing)
{
    static const char *const lines[] = {"\n",
                                        "\r\n",
                                        "HELLO\n",
                                        "hello \n",
                                        " hello\n",
                                        "hell\n",
                                        "hello there\n",
                                        "hello\r\r\n",
                                        "\\hello\n",
                                        "hellohello\n",
                                        "hello / HTTP/1.1\r\n\r\n"};
    struct test test;
    begin(&test);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect(say_text(&test, lines[i]), "error\n");
    expect(say(&test, "hello\0\n", 7), "error\n");
    expect(say(&test, "\0hello\n", 7), "error\n");
    cr_assert_eq(atomic_load(&test.runs), 0);
    finish(&test);
}

Test(admin, nothing_behind_the_first_line_is_a_command)
{
    static const char post[] = "POST / HTTP/1.1\r\n";
    struct test test;
    begin(&test);
    expect(say_text(&test, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nhello\nfail\n"), "error\n");
    expect(say_text(&test, "\nhello\n"), "error\n");
    cr_assert_eq(atomic_load(&test.runs), 0);
    expect(say_text(&test, "hello\nhello\nfail\n"), "ok\nhello,\nyou\n");
    cr_assert_eq(atomic_load(&test.runs), 1);

    char answer[6];
    intptr_t later = say_text(&test, post);
    peer_receive_all(later, answer, sizeof answer);
    cr_assert_eq(memcmp(answer, "error\n", sizeof answer), 0);
    peer_send(later, "hello\n", 6);
    cr_assert(peer_receive(later, answer, 1) <= 0, "nothing is answered to that");
    peer_close(later);
    expect(say_text(&test, "mute\n"), "ok\n");
    cr_assert_eq(atomic_load(&test.runs), 2, "hello, and mute");
    finish(&test);
}

Test(admin, a_line_longer_than_any_command_is_not_waited_for)
{
    static char bytes[32 << 10];
    struct test test;
    begin(&test);
    memset(bytes, 'x', sizeof bytes);
    expect(say(&test, bytes, ADMIN_LINE_MAX + 1), "error\n");
    expect(say(&test, bytes, sizeof bytes), "error\n");
    memcpy(bytes + ADMIN_LINE_MAX + 1, "\nhello\n", 7);
    expect(say(&test, bytes, ADMIN_LINE_MAX + 8), "error\n");
    memset(bytes, 'x', ADMIN_LINE_MAX);
    intptr_t full = say(&test, bytes, ADMIN_LINE_MAX);
    expect_hello(&test);
    peer_send(full, "\n", 1);
    expect(full, "error\n");
    cr_assert_eq(atomic_load(&test.runs), 1);
    finish(&test);
}

/* Each has room for a line of its own, however many pieces it comes in. */
Test(admin, a_line_is_too_long_by_all_of_its_pieces)
{
    static char bytes[ADMIN_LINE_MAX];
    struct test test;
    begin(&test);
    memset(bytes, 'x', sizeof bytes);
    intptr_t long_one = say(&test, bytes, sizeof bytes - 1), other = say_text(&test, "hel");
    expect_hello(&test);
    peer_send(long_one, "xy", 2);
    expect(long_one, "error\n");
    peer_send(other, "lo\n", 3);
    expect(other, "ok\nhello,\nyou\n");
    finish(&test);
}

/* The longest unused place is used again: so all of them are. */
Test(admin, nothing_is_left_of_a_line_when_its_place_is_used_again)
{
    struct test test;
    begin(&test);
    for (int i = 0; i < 2 * SILENT; i++) {
        intptr_t peer = say_text(&test, "hello");
        peer_finish(peer);
        expect(peer, "");
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
    peer_send(silent[SILENT - 1], "hello\n", 6);
    expect(silent[SILENT - 1], "ok\nhello,\nyou\n");
    for (int i = 0; i < SILENT - 1; i++) peer_close(silent[i]);
    finish(&test);
}

Test(admin, who_goes_away_while_a_command_runs_does_no_harm)
{
    struct test test;
    begin(&test);
    intptr_t peer = say_text(&test, "slow\n");
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
    intptr_t silent = peer_connect(test.port), half = say_text(&test, "hel");
    intptr_t deaf = say_text(&test, "long\n");
    expect_hello(&test);
    finish(&test);
    expect(silent, "");
    expect(half, "");
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
    intptr_t peer = say_text(&test, "slow\n");
    await_slow(&test);
    cr_assert_eq(pthread_create(&closing, NULL, close_admin, &test), 0);
    let_slow_end(&test);
    expect(peer, "ok\nat last\n");
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
        for (int i = 0; i < PEERS; i++) peers[i] = say_text(&test, "hello\n");
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
    struct address taken = admin_address(test.admin);
    cr_assert_null(admin_open(&taken, PORT_AUTO, commands_of(&test), &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "Address already in use"), "%s", error.text);
    if (taken.port == UINT16_MAX) taken.port = 7000;
    snprintf(wanted, sizeof wanted, "set admin = \"127.0.0.1:%u\" or admin = false",
             taken.port + 1u);
    cr_assert_not_null(strstr(error.text, wanted), "%s", error.text);
    expect_hello(&test);
    finish(&test);
}

/* ---- the log ---- */

static void talk_a_little(void)
{
    struct test test;
    open_quietly(&test);
    expect_hello(&test);
    expect(say_text(&test, "GET / HTTP/1.1\r\n\r\n"), "error\n");
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
            cr_assert_eq(strncmp(line + STARTS_AT, "admin on 127.0.0.1:", 19), 0, "%s", line);
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

/* Opens it there, and closes it; how many warnings there were, -1 if that address cannot be had. */
static int warnings_of(const char *text)
{
    struct test test = {.runs = 0};
    struct address address;
    struct error error;
    cr_assert(address_parse(text, &address, &error), "%s", error.text);
    int count = 0;
    log_set_level(LOG_INFO);
    capture_begin();
    test.admin = admin_open(&address, PORT_AUTO, commands_of(&test), &error);
    if (test.admin != NULL) admin_close(test.admin);
    for (const char *at = capture_end();
         (at = strstr(at, "anybody who can reach that address")) != NULL; at++)
        count++;
    return test.admin == NULL ? -1 : count;
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
