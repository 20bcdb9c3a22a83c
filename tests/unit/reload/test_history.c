#include "reload/history.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct history history;

static struct history_entry made(enum history_by by, uint64_t generation)
{
    struct history_entry entry;
    history_begin(&entry, by);
    entry.generation = generation;
    snprintf(entry.text, sizeof entry.text, "text %d\n", (int)generation);
    return entry;
}

static void runs(enum history_by by, uint64_t generation, enum history_outcome before)
{
    struct history_entry entry = made(by, generation);
    history_runs(&history, &entry, before);
}

static void refused(enum history_by by)
{
    struct history_entry entry = made(by, 0);
    history_refused(&history, &entry);
}

/* "3 save runs, 2 start replaced, ..." */
struct seen {
    char text[4096];
    int most;
};

static bool see(void *context, const struct history_entry *entry)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%s%d %s %s", used > 0 ? ", " : "",
             (int)entry->generation, history_by_text(entry->by),
             history_outcome_text(entry->outcome));
    return --seen->most > 0;
}

static void expect(int most, const char *text)
{
    struct seen seen = {.most = most};
    history_visit(&history, see, &seen);
    cr_assert_str_eq(seen.text, text);
}

Test(history, the_newest_comes_first_and_each_says_how_it_ended)
{
    history_open(&history);
    expect(100, "");
    runs(HISTORY_START, 1, HISTORY_REPLACED);
    expect(100, "1 start runs");
    refused(HISTORY_SAVE);
    runs(HISTORY_SIGNAL, 2, HISTORY_REPLACED);
    runs(HISTORY_PROBATION, 3, HISTORY_ROLLED_BACK);
    refused(HISTORY_COMMAND);
    runs(HISTORY_PAGE, 4, HISTORY_REPLACED);
    expect(100, "4 page runs, 0 command refused, 3 probation replaced, 2 signal rolled back, "
                "0 save refused, 1 start replaced");
    expect(2, "4 page runs, 0 command refused");
    history_close(&history);
}

Test(history, keeps_the_last_ones_and_the_one_that_runs)
{
    struct seen seen = {.most = 1000};
    history_open(&history);
    runs(HISTORY_START, 1, HISTORY_REPLACED);
    runs(HISTORY_SAVE, 2, HISTORY_REPLACED);
    for (int i = 0; i < 5 * HISTORY_MAX; i++) {
        refused(HISTORY_SAVE);
        seen = (struct seen){.most = 1000};
        history_visit(&history, see, &seen);
        cr_assert_not_null(strstr(seen.text, "2 save runs"), "%d: %s", i, seen.text);
    }
    cr_assert_null(strstr(seen.text, "1 start"), "%s", seen.text);
    int count = 1;
    for (const char *at = seen.text; (at = strchr(at, ',')) != NULL; at++) count++;
    cr_assert_eq(count, HISTORY_MAX);
    for (uint64_t i = 3; i < 3 + 5 * HISTORY_MAX; i++) runs(HISTORY_SAVE, i, HISTORY_REPLACED);
    expect(2, "162 save runs, 161 save replaced");
    history_close(&history);
}

/* ---- what is told of one later ---- */

static bool take_text(void *context, const struct history_entry *entry)
{
    snprintf(context, HISTORY_TEXT_MAX, "%s", entry->text);
    return entry->outcome != HISTORY_RUNS;
}

static void expect_text(const char *text)
{
    char seen[HISTORY_TEXT_MAX] = "";
    history_visit(&history, take_text, seen);
    cr_assert_str_eq(seen, text);
}

Test(history, more_is_told_of_the_one_that_runs)
{
    history_open(&history);
    history_tell(&history, "of nobody\n");
    runs(HISTORY_START, 1, HISTORY_REPLACED);
    refused(HISTORY_SAVE);
    history_tell(&history, "more\n");
    expect_text("text 1\nmore\n");
    history_close(&history);
}

Test(history, what_has_no_room_is_cut_between_two_characters)
{
    char text[HISTORY_TEXT_MAX + 100], before[] = "text 1\n";
    history_open(&history);
    runs(HISTORY_START, 1, HISTORY_REPLACED);
    memset(text, 'x', sizeof text);
    size_t room = HISTORY_TEXT_MAX - 1 - strlen(before);
    memcpy(text + room - 1, "\xe2\x82\xac", 3); /* one byte of it would fit */
    text[sizeof text - 1] = '\0';
    history_tell(&history, text);
    char expected[HISTORY_TEXT_MAX];
    snprintf(expected, sizeof expected, "%s%.*s", before, (int)room - 1, text);
    expect_text(expected);
    history_tell(&history, "x");
    history_tell(&history, "too much");
    snprintf(expected, sizeof expected, "%s%.*sx", before, (int)room - 1, text);
    expect_text(expected);
    history_close(&history);
}

Test(history, times_are_those_of_the_wall_clock)
{
    struct history_entry first, second;
    history_begin(&first, HISTORY_SAVE);
    history_begin(&second, HISTORY_SAVE);
    cr_assert_gt(first.time, 1577836800.0); /* 2020 */
    cr_assert_geq(second.time, first.time - 5);
}

/* ---- threads ---- */

static void *change(void *argument)
{
    for (uint64_t i = 2; i < 5000; i++) {
        runs(HISTORY_SAVE, i, i % 2 == 0 ? HISTORY_REPLACED : HISTORY_ROLLED_BACK);
        if (i % 3 == 0) refused(HISTORY_COMMAND);
    }
    return argument;
}

/* What it reads is whole, and no older one follows a newer. */
struct order {
    uint64_t last;
    int count;
};

static bool in_order(void *context, const struct history_entry *entry)
{
    struct order *order = context;
    char text[32];
    snprintf(text, sizeof text, "text %d\n", (int)entry->generation);
    cr_assert_str_eq(entry->text, text);
    order->count++;
    if (entry->generation == 0) return true;
    cr_assert_lt(entry->generation, order->last);
    order->last = entry->generation;
    return true;
}

Test(history, is_read_while_it_changes)
{
    pthread_t thread;
    struct order order = {.count = 0};
    history_open(&history);
    runs(HISTORY_START, 1, HISTORY_REPLACED);
    cr_assert_eq(pthread_create(&thread, NULL, change, NULL), 0);
    do {
        order = (struct order){.last = UINT64_MAX};
        history_visit(&history, in_order, &order);
    } while (order.count < HISTORY_MAX / 2);
    pthread_join(thread, NULL);
    history_close(&history);
}
