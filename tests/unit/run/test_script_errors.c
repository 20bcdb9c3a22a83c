#include "run/script_errors.h"

#include "base/clock.h"
#include "capture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)
#define BEGIN (5 * SECOND)

static struct script_errors *book;

static void open_book(void)
{
    book = script_errors_open();
    cr_assert_not_null(book);
}

static bool note_in(const char *handler, const char *place, const char *line, uint64_t now_ns)
{
    const struct script_failure failure = {
        .level = LOG_ERROR, .handler = handler, .place = place, .line = line, .generation = 1};
    uint64_t ticket;
    return script_errors_note(book, &failure, now_ns, &ticket);
}

static bool note(const char *place, const char *line, uint64_t now_ns)
{
    return note_in("on_receive", place, line, now_ns);
}

/* What a reader has seen. */
struct seen {
    size_t count;
    uint64_t noted; /* of all together */
    struct script_error first;
    char places[256]; /* of all, in order */
    char message[SCRIPT_ERROR_TEXT_MAX], traceback[SCRIPT_ERROR_TRACE_MAX + 1]; /* of the first */
};

static void see(void *context, const struct script_error *error)
{
    struct seen *seen = context;
    size_t used = strlen(seen->places);
    if (used < sizeof seen->places)
        snprintf(seen->places + used, sizeof seen->places - used, "%s ", error->place);
    seen->noted += error->count;
    if (seen->count++ > 0) return;
    seen->first = *error;
    snprintf(seen->message, sizeof seen->message, "%s", error->message);
    snprintf(seen->traceback, sizeof seen->traceback, "%s", error->traceback);
}

static struct seen seen_now(void)
{
    struct seen seen = {.count = 0};
    size_t visited = script_errors_list(book, see, &seen);
    cr_assert_eq(visited, seen.count);
    return seen;
}

static const char *message_of(const char *handler, const char *place, const char *line)
{
    static struct seen seen;
    note_in(handler, place, line, BEGIN);
    seen = seen_now();
    return seen.message;
}

Test(script_errors, one_is_there_once_with_its_first_and_its_last)
{
    open_book();
    uint64_t before_us = clock_unix_us(), ticket, again;
    struct script_failure failure = {.level = LOG_ERROR,
                                     .handler = "on_receive",
                                     .place = "main.lua:12",
                                     .line = "on_receive: chat/main.lua:12: no user 7",
                                     .generation = 2,
                                     .connection = 71,
                                     .worker = 1};
    cr_assert(script_errors_note(book, &failure, BEGIN, &ticket));
    cr_assert_neq(ticket, 0);
    script_errors_trace(book, ticket, "no user 7\nstack traceback:");
    failure.line = "on_receive: chat/main.lua:12: no user 8";
    failure.generation = 3;
    failure.connection = 72;
    failure.worker = 2;
    cr_assert(script_errors_note(book, &failure, BEGIN, &again));
    cr_assert_eq(again, 0);
    script_errors_trace(book, again, "another");
    struct seen seen = seen_now();
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.first.count, 2);
    cr_assert_str_eq(seen.first.handler, "on_receive");
    cr_assert_str_eq(seen.places, "main.lua:12 ");
    cr_assert_str_eq(seen.message, "no user 8");
    cr_assert_str_eq(seen.traceback, "no user 7\nstack traceback:");
    cr_assert_eq(seen.first.generation, 3);
    cr_assert_eq(seen.first.connection, 72);
    cr_assert_eq(seen.first.worker, 2);
    cr_assert(seen.first.first_us >= before_us);
    cr_assert(seen.first.last_us >= seen.first.first_us);
    cr_assert_leq(seen.first.last_us, clock_unix_us());
    script_errors_close(book);
}

Test(script_errors, place_handler_and_shape_tell_them_apart)
{
    open_book();
    note("main.lua:1", "on_receive: no", BEGIN);
    note("main.lua:2", "on_receive: no", BEGIN);
    note("main.lua:2", "on_receive: yes", BEGIN);
    note_in("timer", "main.lua:2", "timer: yes", BEGIN);
    note("main.lua:2", "on_receive: no", BEGIN);
    struct seen seen = seen_now();
    cr_assert_eq(seen.count, 4);
    cr_assert_str_eq(seen.places, "main.lua:2 main.lua:2 main.lua:2 main.lua:1 ");
    cr_assert_str_eq(seen.message, "no");
    cr_assert_eq(seen.first.count, 2);
    script_errors_close(book);
}

Test(script_errors, a_message_is_one_line_without_handler_and_place)
{
    char longest[2 * SCRIPT_ERROR_TEXT_MAX];
    open_book();
    cr_assert_str_eq(message_of("timer", "main.lua:1", "timer: a/b/main.lua:1: bad\nmore"), "bad");
    cr_assert_str_eq(message_of("timer", "main.lua:1", "timer: main.lua:1: bad"), "bad");
    cr_assert_str_eq(message_of("timer", "a.lua:1", "timer: x/a.lua:12: bad"), "x/a.lua:12: bad");
    cr_assert_str_eq(message_of("timer", "a.lua:1", "timer: x/aa.lua:1: bad"), "x/aa.lua:1: bad");
    cr_assert_str_eq(message_of("timer", "main.lua:1", "timer: other.lua:1: bad"),
                     "other.lua:1: bad");
    cr_assert_str_eq(message_of("timer", "a.lua:1", "timer: bad\n/a.lua:1: x"), "bad");
    cr_assert_str_eq(message_of("a call", "", "a call: not enough memory"), "not enough memory");
    cr_assert_str_eq(message_of("timer", "", "timers: no"), "timers: no");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *message = message_of("timer", "main.lua:9", longest);
    cr_assert_eq(strlen(message), SCRIPT_ERROR_TEXT_MAX - 1);
    cr_assert_str_eq(message + strlen(message) - 4, "x...");
    script_errors_close(book);
}

Test(script_errors, a_traceback_is_cut_and_goes_to_nobody_else)
{
    static char text[2 * SCRIPT_ERROR_TRACE_MAX];
    uint64_t ticket;
    const struct script_failure failure = {
        .level = LOG_ERROR, .handler = "timer", .place = "", .line = "timer: no"};
    open_book();
    script_errors_note(book, &failure, BEGIN, &ticket);
    script_errors_trace(book, ticket + 1, "of another");
    cr_assert_str_eq(seen_now().traceback, "");
    memset(text, 'x', sizeof text - 1);
    script_errors_trace(book, ticket, text);
    script_errors_trace(book, ticket, "too late");
    cr_assert_eq(strlen(seen_now().traceback), SCRIPT_ERROR_TRACE_MAX);
    script_errors_close(book);
}

/* ---- the log ---- */

Test(script_errors, a_burst_goes_to_the_log_and_then_the_count_of_the_rest)
{
    open_book();
    for (int i = 0; i < 20; i++)
        cr_assert_eq(note("main.lua:1", "on_receive: no 1", BEGIN + (uint64_t)i),
                     i < SCRIPT_ERRORS_BURST);
    cr_assert(note("main.lua:2", "on_receive: other", BEGIN + 30), "none is held back for another");
    capture_begin();
    cr_assert_eq(script_errors_tell(book, BEGIN + SECOND - 1), BEGIN + SECOND);
    cr_assert_str_eq(capture_end(), "");
    capture_begin();
    cr_assert_eq(script_errors_tell(book, BEGIN + SECOND), UINT64_MAX);
    const char *text = capture_end();
    cr_assert_not_null(strstr(text, "error 15 more like it within a second: on_receive: no 1\n"),
                       "%s", text);
    capture_begin();
    cr_assert_eq(script_errors_tell(book, BEGIN + 3 * SECOND), UINT64_MAX);
    cr_assert(note("main.lua:1", "on_receive: no 1", BEGIN + 3 * SECOND));
    cr_assert_str_eq(capture_end(), "", "it is told once");
    cr_assert_eq(seen_now().first.count, 21);
    script_errors_close(book);
}

Test(script_errors, the_count_comes_before_the_first_line_of_the_next_second)
{
    open_book();
    for (int i = 0; i < 7; i++) note("main.lua:1", "on_receive: no", BEGIN);
    capture_begin();
    cr_assert(note("main.lua:1", "on_receive: no", BEGIN + SECOND));
    const char *text = capture_end();
    cr_assert_not_null(strstr(text, " 2 more like it within a second: on_receive: no\n"), "%s",
                       text);
    script_errors_close(book);
}

Test(script_errors, at_the_end_all_that_is_held_back_is_told)
{
    open_book();
    for (int i = 0; i < 7; i++) note("main.lua:1", "on_receive: one", BEGIN);
    for (int i = 0; i < 8; i++) note("main.lua:2", "on_receive: other", BEGIN);
    capture_begin();
    script_errors_close(book);
    const char *text = capture_end();
    cr_assert_not_null(strstr(text, " 2 more like it within a second: on_receive: one\n"));
    cr_assert_not_null(strstr(text, " 3 more like it within a second: on_receive: other\n"));
}

/* A worker's clock is that of its turn. */
Test(script_errors, a_clock_that_is_behind_begins_no_second)
{
    open_book();
    for (int i = 0; i < SCRIPT_ERRORS_BURST; i++) note("main.lua:1", "on_receive: no", BEGIN);
    cr_assert_not(note("main.lua:1", "on_receive: no", BEGIN - 2 * SECOND));
    capture_begin();
    cr_assert_eq(script_errors_tell(book, BEGIN - 2 * SECOND), BEGIN + SECOND);
    cr_assert_str_eq(capture_end(), "");
    script_errors_close(book);
}

Test(script_errors, a_level_that_nobody_wants_is_counted_all_the_same)
{
    const struct script_failure failure = {
        .level = LOG_WARN, .handler = "__gc", .place = "", .line = "error in __gc (no)"};
    uint64_t ticket;
    open_book();
    log_set_level(LOG_ERROR);
    cr_assert_not(script_errors_note(book, &failure, BEGIN, &ticket));
    cr_assert_str_eq(seen_now().message, "error in __gc (no)");
    script_errors_close(book);
}

/* ---- bounds ---- */

static void make_text(char text[32], int number)
{
    snprintf(text, 32, "on_receive: %c%c%c", 'a' + number % 26, 'a' + number / 26 % 26,
             'a' + number / 676 % 26);
}

Test(script_errors, who_chooses_the_text_pushes_nothing_out_and_does_not_flood_the_log)
{
    char text[32];
    int allowed = 0;
    open_book();
    for (int i = 0; i < 50; i++) {
        char place[32];
        snprintf(place, sizeof place, "main.lua:%d", 100 + i);
        note(place, "on_receive: mine", BEGIN);
    }
    for (int i = 0; i < 5000; i++) {
        make_text(text, i);
        allowed += note("main.lua:1", text, BEGIN + SECOND + (uint64_t)i);
    }
    cr_assert_eq(allowed, SCRIPT_ERRORS_SHAPES + SCRIPT_ERRORS_BURST);
    struct seen seen = seen_now();
    cr_assert_eq(seen.count, 50 + SCRIPT_ERRORS_SHAPES + 1);
    cr_assert_str_eq(seen.message, text + strlen("on_receive: "), "of many that are one, the last");
    cr_assert_eq(seen.first.count, 5000 - SCRIPT_ERRORS_SHAPES);
    cr_assert_eq(seen.noted, 5050);
    script_errors_close(book);
}

/* So many places, each once. */
static int note_places(int first, int count, uint64_t now_ns)
{
    int allowed = 0;
    for (int i = first; i < first + count; i++) {
        char place[32];
        snprintf(place, sizeof place, "main.lua:%d", i);
        allowed += note(place, "on_receive: no", now_ns);
    }
    return allowed;
}

Test(script_errors, in_a_full_book_the_oldest_makes_room)
{
    open_book();
    note_places(1, SCRIPT_ERRORS_MAX, BEGIN);
    note("main.lua:1", "on_receive: no", BEGIN + SECOND);
    note_places(200, 1, BEGIN + 2 * SECOND);
    struct seen seen = seen_now();
    cr_assert_eq(seen.count, SCRIPT_ERRORS_MAX);
    cr_assert_eq(strncmp(seen.places, "main.lua:200 main.lua:1 main.lua:100 ", 37), 0, "%s",
                 seen.places);
    cr_assert_eq(seen.noted, SCRIPT_ERRORS_MAX + 1, "2 was there once, 1 twice");
    cr_assert_eq(note_places(2, 1, BEGIN + 2 * SECOND), 1);
    cr_assert_eq(seen_now().first.count, 1, "it had made room");
    script_errors_close(book);
}

Test(script_errors, what_was_held_back_of_one_that_makes_room_is_told)
{
    open_book();
    for (int i = 0; i < 9; i++) note("main.lua:1", "on_receive: first", BEGIN);
    note_places(2, SCRIPT_ERRORS_MAX - 1, BEGIN);
    capture_begin();
    note_places(200, 1, BEGIN + SECOND);
    const char *text = capture_end();
    cr_assert_not_null(strstr(text, " 4 more like it within a second: on_receive: first\n"), "%s",
                       text);
    script_errors_close(book);
}

Test(script_errors, places_without_end_within_a_second_do_not_flood_the_log)
{
    open_book();
    int allowed = 0;
    for (int round = 0; round < 10; round++) allowed += note_places(1, 1000, BEGIN);
    cr_assert_eq(allowed, (SCRIPT_ERRORS_MAX + 1) * SCRIPT_ERRORS_BURST);
    struct seen seen = seen_now();
    cr_assert_eq(seen.count, SCRIPT_ERRORS_MAX + 1);
    cr_assert_eq(seen.noted, 10000);
    script_errors_close(book);
}

Test(script_errors, the_sum_is_of_all_that_were_ever_noted)
{
    struct script_errors_sum sum;
    open_book();
    script_errors_sum(book, &sum);
    cr_assert_eq(sum.distinct, 0);
    cr_assert_eq(sum.last_us, 0);
    note_places(1, 150, BEGIN);
    for (int i = 0; i < 50; i++) note("main.lua:1", "on_receive: no", BEGIN);
    script_errors_sum(book, &sum);
    cr_assert_eq(sum.distinct, SCRIPT_ERRORS_MAX + 1);
    cr_assert_eq(sum.total, 200);
    cr_assert_eq(sum.last_us, seen_now().first.last_us);
    script_errors_close(book);
}

/* ---- threads ---- */

static void *fail_often(void *context)
{
    for (int i = 0; i < 3000; i++) {
        char text[32], place[32];
        uint64_t ticket;
        make_text(text, i % 7);
        snprintf(place, sizeof place, "main.lua:%d", i % 150);
        const struct script_failure failure = {
            .level = LOG_ERROR, .handler = "on_receive", .place = place, .line = text};
        script_errors_note(book, &failure, BEGIN + (uint64_t)i * SECOND, &ticket);
        script_errors_trace(book, ticket, text);
        script_errors_tell(book, BEGIN + (uint64_t)i * SECOND);
    }
    atomic_fetch_add((_Atomic int *)context, 1);
    return NULL;
}

static void judge(void *context, const struct script_error *error)
{
    (void)context;
    cr_assert(error->traceback[0] == '\0' || strlen(error->traceback) == strlen("on_receive: abc"));
    cr_assert_eq(strncmp(error->place, "main.lua:", 9), 0);
}

Test(script_errors, are_noted_and_read_by_several_threads)
{
    enum { THREADS = 3 };
    _Atomic int over = 0;
    pthread_t threads[THREADS];
    struct script_errors_sum sum = {.total = 0};
    open_book();
    capture_begin();
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, fail_often, &over), 0);
    while (atomic_load(&over) < THREADS) {
        cr_assert_leq(script_errors_list(book, judge, NULL), SCRIPT_ERRORS_MAX + 1);
        script_errors_sum(book, &sum);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    script_errors_sum(book, &sum);
    cr_assert_eq(sum.total, THREADS * 3000);
    script_errors_close(book);
    capture_end();
}
