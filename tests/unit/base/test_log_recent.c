#include "base/clock.h"
#include "base/log.h"
#include "base/log_recent.h"

#include "capture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* What a reader has seen. */
struct seen {
    uint64_t count, first, last;
    size_t bytes;
    struct log_recent_line newest;
    char text[LOG_RECENT_TEXT_MAX + 1]; /* of the newest */
};

static void see(void *context, const struct log_recent_line *line)
{
    struct seen *seen = context;
    cr_assert(seen->count == 0 || line->number == seen->last + 1);
    if (seen->count++ == 0) seen->first = line->number;
    seen->last = line->number;
    seen->bytes += line->text.size;
    seen->newest = *line;
    memcpy(seen->text, line->text.data, line->text.size);
    seen->text[line->text.size] = '\0';
}

static struct seen seen_after(uint64_t after)
{
    struct seen seen = {.count = 0};
    uint64_t last = log_recent_read(after, see, &seen);
    cr_assert(seen.count == 0 || seen.last == last);
    return seen;
}

static void add(uint64_t time_us, const char *text)
{
    log_recent_add(time_us, LOG_INFO, span_text(text));
}

Test(log_recent, lines_are_numbered_from_one_and_read_from_the_oldest)
{
    cr_assert_eq(log_recent_read(0, see, NULL), 0);
    log_recent_add(1000, LOG_WARN, span_text("first"));
    struct seen seen = seen_after(0);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.last, 1);
    cr_assert_eq(seen.newest.time_us, 1000);
    cr_assert_eq(seen.newest.level, LOG_WARN);
    cr_assert_str_eq(seen.text, "first");
    add(2000, "second");
    add(3000, "third");
    seen = seen_after(0);
    cr_assert_eq(seen.count, 3);
    cr_assert_eq(seen.first, 1);
    cr_assert_str_eq(seen.text, "third");
}

Test(log_recent, a_reader_gets_what_came_since)
{
    for (int i = 0; i < 5; i++) add(0, "line");
    cr_assert_eq(seen_after(3).count, 2);
    cr_assert_eq(seen_after(3).first, 4);
    cr_assert_eq(seen_after(5).count, 0);
    cr_assert_eq(seen_after(99).count, 0);
    cr_assert_eq(log_recent_read(99, see, NULL), 5);
}

Test(log_recent, the_oldest_lines_make_room)
{
    char text[16];
    for (int i = 1; i <= LOG_RECENT_LINES; i++) {
        snprintf(text, sizeof text, "%d", i);
        add((uint64_t)i, text);
    }
    cr_assert_eq(seen_after(0).first, 1);
    cr_assert_eq(seen_after(0).count, LOG_RECENT_LINES);
    add(0, "one more");
    struct seen seen = seen_after(0);
    cr_assert_eq(seen.first, 2);
    cr_assert_eq(seen.count, LOG_RECENT_LINES);
    cr_assert_str_eq(seen.text, "one more");
    cr_assert_eq(seen_after(LOG_RECENT_LINES - 1).newest.time_us, 0);
}

/* Sizes that do not divide the buffer's, so that each text lies elsewhere in it. */
Test(log_recent, long_lines_are_kept_whole_and_within_bounds)
{
    static char text[LOG_RECENT_TEXT_MAX + 1];
    for (int i = 0; i < 1000; i++) {
        size_t size = 1000 + (size_t)i * 7 % 3000;
        memset(text, 'a' + i % 26, size);
        text[size] = '\0';
        add(0, text);
        struct seen seen = seen_after((uint64_t)i);
        cr_assert_eq(seen.count, 1);
        cr_assert_str_eq(seen.text, text);
    }
    struct seen seen = seen_after(0);
    cr_assert_leq(seen.bytes, LOG_RECENT_BYTES);
    cr_assert(seen.bytes > LOG_RECENT_BYTES - LOG_RECENT_TEXT_MAX);
    cr_assert_eq(seen.last, 1000);
}

Test(log_recent, the_buffer_is_filled_to_its_last_byte)
{
    static char text[LOG_RECENT_TEXT_MAX + 1];
    enum { FIT = LOG_RECENT_BYTES / LOG_RECENT_TEXT_MAX };
    memset(text, 'x', LOG_RECENT_TEXT_MAX);
    for (int i = 0; i < FIT; i++) add(0, text);
    cr_assert_eq(seen_after(0).count, FIT);
    add(0, "");
    cr_assert_eq(seen_after(0).count, FIT + 1);
    add(0, "x");
    cr_assert_eq(seen_after(0).count, FIT + 1);
    cr_assert_eq(seen_after(0).first, 2);
}

Test(log_recent, a_text_that_is_too_long_is_cut)
{
    static char text[LOG_RECENT_TEXT_MAX + 100];
    memset(text, 'x', sizeof text - 1);
    add(0, text);
    cr_assert_eq(strlen(seen_after(0).text), LOG_RECENT_TEXT_MAX);
}

Test(log_recent, has_what_was_logged)
{
    uint64_t before_us = clock_unix_us();
    capture_begin();
    log_line(LOG_ERROR, "a %s\nin two lines, \x01", "text");
    log_line(LOG_DEBUG, "nobody wants this");
    const char *written = capture_end();
    struct seen seen = seen_after(0);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.newest.level, LOG_ERROR);
    cr_assert_str_eq(seen.text, "a text\n  in two lines, \\x01");
    cr_assert_not_null(strstr(written, seen.text));
    cr_assert(seen.newest.time_us >= before_us);
    cr_assert_leq(seen.newest.time_us, clock_unix_us());
}

static void *add_many(void *context)
{
    char text[64];
    for (int i = 0; i < 20000; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        log_recent_add((uint64_t)i, LOG_INFO, span_of(text, 1 + (size_t)i % sizeof text));
    }
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

/* A text is of one letter throughout, or it was torn. */
static void judge(void *context, const struct log_recent_line *line)
{
    uint64_t *last = context;
    cr_assert(line->number > *last);
    *last = line->number;
    for (size_t i = 1; i < line->text.size; i++)
        cr_assert_eq(line->text.data[i], line->text.data[0]);
}

Test(log_recent, is_read_while_it_is_written)
{
    atomic_bool over = false;
    pthread_t writer;
    uint64_t last = 0;
    cr_assert_eq(pthread_create(&writer, NULL, add_many, &over), 0);
    while (!atomic_load(&over)) log_recent_read(last, judge, &last);
    pthread_join(writer, NULL);
    log_recent_read(last, judge, &last);
    cr_assert_eq(last, 20000);
}
