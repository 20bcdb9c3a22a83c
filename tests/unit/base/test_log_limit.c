#include "base/log_limit.h"

#include "capture.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)

/* What is written of what is held back, at that time. */
static const char *told(struct log_limit *limit, uint64_t now_ns, uint64_t next_ns)
{
    capture_begin();
    uint64_t next = log_limit_tell(limit, now_ns);
    const char *text = capture_end();
    cr_assert_eq(next, next_ns, "%" PRIu64, next);
    return text;
}

static bool allows(struct log_limit *limit, const char *place, const char *text, uint64_t now_ns)
{
    struct span line = span_text(text);
    return log_limit_allows(limit, LOG_WARN, log_place(place), log_shape(line), line, now_ns);
}

/* How many of so many lines are let through. */
static int let(struct log_limit *limit, const char *place, const char *text, uint64_t now_ns,
               int count)
{
    int allowed = 0;
    for (int i = 0; i < count; i++) allowed += allows(limit, place, text, now_ns);
    return allowed;
}

Test(log_limit, a_burst_of_a_kind_is_let_through_and_the_count_of_the_rest_comes_by_itself)
{
    struct log_limit limit = {0};
    cr_assert_eq(let(&limit, "here", "it failed", 5 * SECOND, 30), LOG_BURST);
    cr_assert_not(allows(&limit, "here", "it failed", 6 * SECOND - 1));
    cr_assert_str_eq(told(&limit, 6 * SECOND - 1, 6 * SECOND), "");
    const char *text = told(&limit, 6 * SECOND, UINT64_MAX);
    cr_assert_not_null(strstr(text, "warn  26 more like it within a second: it failed\n"), "%s",
                       text);
    cr_assert_str_eq(told(&limit, 7 * SECOND, UINT64_MAX), "", "told once");
    cr_assert_eq(let(&limit, "here", "it failed", 7 * SECOND, 30), LOG_BURST);
}

Test(log_limit, works_from_the_first_moment_of_the_clock)
{
    struct log_limit limit = {0};
    cr_assert_eq(let(&limit, "here", "it failed", 0, 100), LOG_BURST);
}

Test(log_limit, nothing_of_another_kind_is_held_back)
{
    struct log_limit limit = {0};
    cr_assert_eq(let(&limit, "here", "it failed", 0, 1000), LOG_BURST);
    cr_assert_eq(let(&limit, "there", "it failed", 0, 1), 1);
    cr_assert_eq(let(&limit, "here", "it failed otherwise", 0, 1), 1);
    const char *text = told(&limit, SECOND, UINT64_MAX);
    cr_assert_not_null(strstr(text, "995 more like it"), "%s", text);
    cr_assert_null(strstr(strstr(text, "more") + 1, "more"), "%s", text);
}

Test(log_limit, the_count_comes_before_the_first_line_of_the_next_second)
{
    struct log_limit limit = {0};
    cr_assert_eq(let(&limit, "here", "it failed", 0, 7), LOG_BURST);
    capture_begin();
    bool allowed = allows(&limit, "here", "it failed", SECOND);
    const char *text = capture_end();
    cr_assert(allowed);
    cr_assert_not_null(strstr(text, " 2 more like it"), "%s", text);
}

Test(log_limit, all_that_is_held_back_is_told_at_the_end)
{
    struct log_limit limit = {0};
    let(&limit, "here", "one", 0, 7);
    let(&limit, "there", "other", 0, 8);
    capture_begin();
    log_limit_tell_all(&limit);
    const char *text = capture_end();
    cr_assert_not_null(strstr(text, " 2 more like it within a second: one\n"), "%s", text);
    cr_assert_not_null(strstr(text, " 3 more like it within a second: other\n"), "%s", text);
}

static bool alike(const char *one, const char *other)
{
    return log_shape(span_text(one)) == log_shape(span_text(other));
}

Test(log_limit, texts_are_alike_but_for_numbers_quotes_and_foreign_bytes)
{
    cr_assert(alike("packet 17 is bad", "packet 4711 is bad"));
    cr_assert(alike("no user 'ann'", "no user 'bob the 2nd'"));
    cr_assert(alike("no user \"ann\"", "no user \"\""));
    cr_assert(alike("bytes \x01\x02 came", "bytes \xc3\xa4 came"));
    cr_assert(alike("first\nsecond", "first\nanother"), "only the first line counts");
    cr_assert_not(alike("no user", "no host"));
    cr_assert_not(alike("main.lua:12: bad", "main.lua:13: bad"), "a line of a file is a place");
    cr_assert_not(alike("isn't it", "isn't all"), "an apostrophe begins no quote");
    cr_assert_not(alike("12", ""));
}

Test(log_limit, who_chooses_the_text_cannot_make_kinds_without_end)
{
    struct log_limit limit = {0};
    int allowed = 0;
    for (int i = 0; i < 2000; i++) {
        char text[8] = {(char)('a' + i / 400 % 26), (char)('a' + i / 20 % 20),
                        (char)('a' + i % 20)};
        allowed += allows(&limit, "here", text, 0);
    }
    cr_assert_leq(allowed, LOG_SHAPES_MAX + LOG_BURST);
    cr_assert_eq(let(&limit, "there", "it failed", 0, 1), 1);
}

Test(log_limit, places_without_end_take_no_memory_and_are_bounded)
{
    struct log_limit limit = {0};
    int allowed = 0;
    char place[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(place, sizeof place, "place %d", i);
        allowed += let(&limit, place, "it failed", 0, 10);
    }
    cr_assert_eq(allowed, (LOG_KINDS + 1) * LOG_BURST);
    /* Their second is over: all is forgotten, and counted. */
    capture_begin();
    cr_assert_eq(let(&limit, "new", "it failed", SECOND, 10), LOG_BURST);
    log_limit_tell_all(&limit);
    const char *text = capture_end();
    unsigned long long held_back = 0;
    for (const char *at = text; (at = strstr(at, "warn  ")) != NULL; at++)
        held_back += strtoull(at + 6, NULL, 10);
    cr_assert_eq(held_back, 10010u - (LOG_KINDS + 2) * LOG_BURST);
}

Test(log_limit, a_long_line_is_told_by_its_beginning)
{
    struct log_limit limit = {0};
    char text[400], expected[LOG_SAMPLE_MAX + 32];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    let(&limit, "here", text, 0, LOG_BURST + 1);
    snprintf(expected, sizeof expected, "a second: %.*s...\n", LOG_SAMPLE_MAX - 4, text);
    const char *line = told(&limit, SECOND, UINT64_MAX);
    cr_assert_not_null(strstr(line, expected), "%s", line);
}

Test(log_limit, what_is_told_seldom_is_told_once_a_minute_and_counts_the_rest)
{
    const uint64_t minute = LOG_SELDOM_S * UINT64_C(1000000000);
    struct log_seldom seldom = {0};
    uint64_t held_back = 99;
    cr_assert(log_seldom_allows(&seldom, 0, &held_back));
    cr_assert_eq(held_back, 0);
    for (int i = 0; i < 300; i++) cr_assert_not(log_seldom_allows(&seldom, minute - 1, &held_back));
    cr_assert(log_seldom_allows(&seldom, minute, &held_back));
    cr_assert_eq(held_back, 300);
    cr_assert_not(log_seldom_allows(&seldom, 2 * minute - 1, &held_back));
}
