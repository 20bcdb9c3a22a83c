#include "reload/settle.h"
#include "scripts/source.h"
#include "watch_try.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

static bool main_is(const char *text)
{
    struct error error;
    struct source *source = source_read(tree.path, &error);
    if (source == NULL) return false;
    struct span is = source_find(source, "main.lua")->text;
    bool same = is.size == strlen(text) && memcmp(is.data, text, is.size) == 0;
    source_drop(source);
    return same;
}

/* As a server does it: reads whenever it is told. Of what comes last it must be told. */
static void changes_to(const char *text)
{
    do changes();
    while (!main_is(text));
}

/* ---- waking ---- */

Test(watch, a_wake_before_the_wait_is_not_lost)
{
    struct error error;
    watch = watch_open(NULL, &error);
    cr_assert_not_null(watch);
    for (int i = 0; i < 3; i++) {
        watch_wake(watch);
        cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_WOKEN);
    }
    watch_close(watch);
}

enum { WAKES = 2000 };
static _Atomic int woken;

/* One at a time, as soon as the one before has been told. */
static void *wake_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < WAKES; i++) {
        watch_wake(watch);
        while (woken == i) continue;
    }
    return NULL;
}

static void is_woken_by_a_thread(void)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, wake_often, NULL), 0);
    for (int i = 0; i < WAKES; i++) {
        cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_WOKEN);
        woken = i + 1;
    }
    pthread_join(thread, NULL);
}

Test(watch, is_woken_by_another_thread)
{
    struct error error;
    watch = watch_open(NULL, &error);
    is_woken_by_a_thread();
    watch_close(watch);
}

Test(watch, is_woken_while_it_watches)
{
    tree_begin(&tree);
    begin_watching();
    is_woken_by_a_thread();
    end_watching();
}

Test(watch, tells_a_wake_before_a_change_and_then_the_change)
{
    tree_begin(&tree);
    begin_watching();
    tree_put(&tree, "main.lua", "-- new\n");
    watch_wake(watch);
    cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_WOKEN);
    changes();
    end_watching();
}

/* A change that comes meanwhile is told of, if not by this wait then by a later one. */
Test(watch, waits_no_longer_than_it_is_told_to)
{
    struct error error;
    watch = watch_open(NULL, &error);
    cr_assert_eq(watch_wait(watch, 0), WATCH_LATE);
    cr_assert_eq(watch_wait(watch, 20), WATCH_LATE);
    watch_wake(watch);
    cr_assert_eq(watch_wait(watch, 0), WATCH_WOKEN);
    watch_close(watch);
    tree_begin(&tree);
    begin_watching();
    cr_assert_eq(watch_wait(watch, 20), WATCH_LATE);
    tree_put(&tree, "main.lua", "-- new\n");
    while (watch_wait(watch, 5) == WATCH_LATE) continue;
    cr_assert(main_is("-- new\n"));
    tree_put(&tree, "main.lua", "-- newer\n");
    while (watch_wait(watch, 0) == WATCH_LATE) continue;
    end_watching();
}

Test(watch, is_closed_while_changes_wait)
{
    tree_begin(&tree);
    begin_watching();
    tree_put(&tree, "main.lua", "-- new\n");
    watch_wake(watch);
    cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_WOKEN);
    tree_put(&tree, "other.lua", "");
    end_watching();
}

Test(watch, of_no_directory_is_an_error_that_names_it)
{
    struct error error = {.kind = ERROR_NONE};
    tree_begin(&tree);
    tree_remove(&tree, "../scripts");
    cr_assert_null(watch_open(tree.path, &error));
    cr_assert_neq(error.kind, ERROR_NONE);
    cr_assert_eq(strncmp(error.text, tree.path, strlen(tree.path)), 0, "%s", error.text);
    tree_end(&tree);
}

/* ---- what people and their editors do ---- */

Test(watch, sees_a_file_written_in_place)
{
    tree_begin(&tree);
    begin_watching();
    tree_put(&tree, "main.lua", "-- new\n");
    changes();
    end_watching();
}

Test(watch, sees_a_file_put_in_the_place_of_another)
{
    tree_begin(&tree);
    tree_put(&tree, ".main.lua.new", "-- new\n");
    begin_watching();
    tree_move(&tree, ".main.lua.new", "main.lua");
    changes();
    end_watching();
}

Test(watch, sees_a_new_file)
{
    tree_begin(&tree);
    begin_watching();
    tree_put(&tree, "rules.lua", "");
    changes();
    end_watching();
}

Test(watch, sees_a_file_go)
{
    tree_begin(&tree);
    tree_put(&tree, "rules.lua", "");
    begin_watching();
    tree_remove(&tree, "rules.lua");
    changes();
    end_watching();
}

/* Wine watches only those directories below that are made while it watches. */
static void skip_on_wine(void)
{
    if (temporary_is_on_wine()) cr_skip_test("Wine does not tell of it");
}

Test(watch, sees_a_file_written_below)
{
    skip_on_wine();
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    tree_put_directory(&tree, "game/maps");
    tree_put(&tree, "game/maps/moon.lua", "");
    begin_watching();
    tree_put(&tree, "game/maps/moon.lua", "-- new\n");
    changes();
    end_watching();
}

Test(watch, sees_a_directory_go)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    tree_put(&tree, "game/rules.lua", "");
    begin_watching();
    tree_remove(&tree, "game");
    changes();
    end_watching();
}

Test(watch, sees_a_new_directory_and_what_is_made_in_it_at_once_and_later)
{
    tree_begin(&tree);
    begin_watching();
    tree_put_directory(&tree, "game");
    tree_put_directory(&tree, "game/maps");
    tree_put(&tree, "game/maps/moon.lua", "");
    changes();
    tree_put(&tree, "game/maps/moon.lua", "-- new\n");
    changes();
    tree_put(&tree, "game/rules.lua", "");
    changes();
    end_watching();
}

Test(watch, sees_what_happens_in_a_directory_that_was_moved_to_another_name)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    tree_put(&tree, "game/rules.lua", "");
    begin_watching();
    tree_move(&tree, "game", "play");
    changes();
    tree_put(&tree, "play/rules.lua", "-- new\n");
    changes();
    end_watching();
}

Test(watch, sees_as_deep_as_a_source_is_read)
{
    char path[64] = "", file[80];
    skip_on_wine();
    tree_begin(&tree);
    for (int depth = 1; depth <= SOURCE_DEPTH_MAX; depth++) {
        strcat(path, depth == 1 ? "d" : "/d");
        tree_put_directory(&tree, path);
    }
    snprintf(file, sizeof file, "%s/f.lua", path);
    begin_watching();
    tree_put(&tree, file, "");
    changes();
    end_watching();
}

Test(watch, waits_until_a_file_that_is_written_in_parts_is_closed)
{
    tree_begin(&tree);
    begin_watching();
    FILE *file = tree_open(&tree, "main.lua");
    does_not_change();
    fputs("-- one ", file);
    fflush(file);
    does_not_change();
    fputs("-- two\n", file);
    cr_assert_eq(fclose(file), 0);
    changes_to("-- one -- two\n");
    end_watching();
}

/* ---- the directory itself ---- */

Test(watch, sees_the_directory_replaced_by_another_of_its_name)
{
    tree_begin(&tree);
    begin_watching();
    tree_move(&tree, "../scripts", "../old");
    tree_make(&tree);
    tree_put(&tree, "main.lua", "-- new\n");
    changes_to("-- new\n");
    tree_put(&tree, "main.lua", "-- newer\n");
    changes_to("-- newer\n");
    end_watching();
}

/* Windows may keep the name of a deleted directory until the watch hears of it. */
static void *make_again(void *argument)
{
    (void)argument;
    while (!temporary_subdirectory(tree.path)) usleep(1000);
    tree_put(&tree, "main.lua", "-- new\n");
    return NULL;
}

Test(watch, sees_the_directory_deleted_and_made_again)
{
    pthread_t thread;
    skip_on_wine(); /* there it stays for as long as it is watched */
    tree_begin(&tree);
    begin_watching();
    tree_remove(&tree, "../scripts");
    cr_assert_eq(pthread_create(&thread, NULL, make_again, NULL), 0);
    changes_to("-- new\n");
    pthread_join(thread, NULL);
    tree_put(&tree, "main.lua", "-- newer\n");
    changes_to("-- newer\n");
    end_watching();
}

/* ---- when a burst is over ---- */

Test(settle, waits_until_nothing_has_happened_for_a_while)
{
    struct settle settle = {.changed = false};
    cr_assert_not(settle_over(&settle, 1000, false));
    cr_assert_eq(settle_wait_ms(&settle, 1000, 1700), 700);
    settle_note(&settle, 1000);
    cr_assert_eq(settle_wait_ms(&settle, 1010, 1700), SETTLE_QUIET_MS - 10);
    cr_assert_not(settle_over(&settle, 1000 + SETTLE_QUIET_MS - 1, false));
    settle_note(&settle, 1040);
    cr_assert_not(settle_over(&settle, 1000 + SETTLE_QUIET_MS, false));
    cr_assert(settle_over(&settle, 1040 + SETTLE_QUIET_MS, false));
    cr_assert_not(settle_over(&settle, 9999, false), "it was told twice");
}

Test(settle, does_not_wait_for_the_end_of_changes_that_never_end)
{
    struct settle settle = {.changed = false};
    uint64_t now_ms = 5000;
    for (settle_note(&settle, now_ms); !settle_over(&settle, now_ms, false); now_ms++)
        settle_note(&settle, now_ms);
    cr_assert_eq(now_ms, 5000 + SETTLE_LATEST_MS);
}

Test(settle, waits_for_a_file_to_be_closed)
{
    struct settle settle = {.changed = false};
    settle_note(&settle, 1000);
    for (uint64_t now_ms = 1000; now_ms < 3000; now_ms++)
        cr_assert_not(settle_over(&settle, now_ms, true));
    cr_assert(settle_wait_ms(&settle, 3000, 9000) <= SETTLE_QUIET_MS, "it would not see the end");
    settle_note(&settle, 3000); /* it is closed */
    cr_assert(settle_over(&settle, 3000 + SETTLE_QUIET_MS, false));
}

Test(settle, waits_for_a_file_no_longer_than_it_may_since_the_last_change)
{
    struct settle settle = {.changed = false};
    settle_note(&settle, 1000);
    cr_assert_not(settle_over(&settle, 1000 + SETTLE_OPEN_MS - 1, true));
    settle_note(&settle, 4000);
    cr_assert_not(settle_over(&settle, 4000 + SETTLE_OPEN_MS - 1, true));
    cr_assert(settle_over(&settle, 4000 + SETTLE_OPEN_MS, true));
    cr_assert_not(settle_over(&settle, 99999, true), "it was told twice");
}

Test(settle, does_not_wait_for_the_end_of_writing_that_never_ends)
{
    struct settle settle = {.changed = false};
    uint64_t now_ms = 5000;
    for (settle_note(&settle, now_ms); !settle_over(&settle, now_ms, true); now_ms += 10)
        settle_note(&settle, now_ms);
    cr_assert_eq(now_ms, 5000 + SETTLE_OPEN_LATEST_MS);
}

Test(settle, waits_for_something_else_that_comes_earlier)
{
    struct settle settle = {.changed = false};
    settle_note(&settle, 100);
    cr_assert_eq(settle_wait_ms(&settle, 110, 120), 10);
    cr_assert_eq(settle_wait_ms(&settle, 130, 120), 0);
}
