/* Here what has been done is told of before the call that did it returns, so a test can see, too,
 * that something is not told. */
#include "script_tree_posix.h"
#include "watch_try.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static void read_main(void)
{
    char path[TREE_PATH_MAX], bytes[8];
    FILE *file = fopen(tree_path(&tree, "main.lua", path), "rb");
    cr_assert_eq(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
}

/* ---- what does not count ---- */

Test(watch_posix, does_not_count_reading_and_attributes)
{
    char path[TREE_PATH_MAX];
    tree_begin(&tree);
    begin_watching();
    read_main();
    cr_assert_eq(chmod(tree_path(&tree, "main.lua", path), 0600), 0);
    cr_assert_eq(utimes(path, NULL), 0);
    does_not_change();
    end_watching();
}

Test(watch_posix, does_not_count_what_is_written_to_other_files_than_scripts)
{
    tree_begin(&tree);
    tree_put_directory(&tree, ".git");
    tree_put(&tree, "server.log", "");
    tree_put(&tree, ".main.lua", "");
    begin_watching();
    tree_put(&tree, "server.log", "a line\n");
    tree_put(&tree, ".main.lua", "half of");
    tree_put(&tree, ".git/hook.lua", "");
    does_not_change();
    end_watching();
}

Test(watch_posix, tells_of_a_burst_once)
{
    tree_begin(&tree);
    begin_watching();
    for (int i = 0; i < 100; i++)
        tree_put(&tree, i % 2 == 0 ? "main.lua" : "rules.lua", "-- new\n");
    changes();
    does_not_change();
    end_watching();
}

Test(watch_posix, does_not_look_any_more_at_what_was_moved_out)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    begin_watching();
    tree_move(&tree, "game", "../game");
    changes();
    tree_put(&tree, "../game/rules.lua", "");
    does_not_change();
    end_watching();
}

/* ---- links ---- */

Test(watch_posix, sees_where_a_link_to_a_directory_leads)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "../first");
    tree_put_directory(&tree, "../second");
    tree_put_link(&tree, "game", "../first");
    tree_put_link(&tree, "game.new", "../second");
    begin_watching();
    tree_put(&tree, "../first/rules.lua", "");
    changes();
    tree_move(&tree, "game.new", "game");
    changes();
    tree_put(&tree, "../first/rules.lua", "-- old\n");
    does_not_change();
    tree_put(&tree, "../second/rules.lua", "-- new\n");
    changes();
    end_watching();
}

Test(watch_posix, sees_what_is_written_to_a_file_that_a_link_leads_to)
{
    tree_begin(&tree);
    tree_put(&tree, "../real.lua", "-- one\n");
    tree_put_link(&tree, "rules.lua", "../real.lua");
    begin_watching();
    tree_put(&tree, "../real.lua", "-- two\n");
    changes();
    for (int i = 0; i < 2; i++) { /* as careful editors save */
        tree_put(&tree, "../real.new", "-- three\n");
        tree_move(&tree, "../real.new", "../real.lua");
        changes();
    }
    tree_put(&tree, "../real.lua", "-- four\n");
    changes();
    tree_put(&tree, "../other.lua", "");
    does_not_change();
    end_watching();
}

Test(watch_posix, sees_that_the_directory_is_a_link_that_leads_elsewhere_now)
{
    struct tree released;
    tree_begin(&tree);
    released = tree;
    tree_put_directory(&tree, "../next");
    tree_put(&tree, "../next/main.lua", "-- new\n");
    tree_put_link(&tree, "../current", "scripts");
    tree_put_link(&tree, "../current.new", "next");
    tree_path(&released, "../current", tree.path);
    begin_watching();
    tree_move(&released, "../current.new", "../current");
    changes();
    tree_put(&released, "main.lua", "-- old\n");
    does_not_change();
    tree_put(&tree, "main.lua", "-- newer\n");
    changes();
    end_watching();
}

Test(watch_posix, sees_what_was_done_to_the_directory_while_it_had_another_name)
{
    struct tree away;
    tree_begin(&tree);
    away = tree;
    snprintf(away.path, sizeof away.path, "%s/away", tree.above);
    begin_watching();
    cr_assert(temporary_move(tree.path, away.path));
    tree_put(&away, "main.lua", "-- new\n");
    changes(); /* although the path leads nowhere now */
    cr_assert(temporary_move(away.path, tree.path));
    changes();
    end_watching();
}

/* ---- files that are being written ---- */

#define READ_AS_IT_IS "open for writing"

/* Until the end of the test, what the log says goes to a file beside the tree. */
static void log_to_file(void)
{
    char path[TREE_PATH_MAX];
    fflush(stderr);
    int file = open(tree_path(&tree, "../log", path), O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert(file >= 0 && dup2(file, 2) == 2);
    close(file);
}

static int log_count(const char *text)
{
    char held[4096] = "";
    int count = 0;
    cr_assert(pread(2, held, sizeof held - 1, 0) >= 0);
    for (const char *at = held; (at = strstr(at, text)) != NULL; at++) count++;
    return count;
}

static bool log_has(const char *text)
{
    return log_count(text) > 0;
}

Test(watch_posix, waits_for_a_new_file_in_which_nothing_stands_yet)
{
    tree_begin(&tree);
    begin_watching();
    FILE *file = tree_open(&tree, "rules.lua");
    does_not_change();
    fputs("-- half", file);
    fflush(file);
    does_not_change();
    cr_assert_eq(fclose(file), 0);
    changes();
    end_watching();
}

Test(watch_posix, a_change_elsewhere_is_told_of_with_the_file_that_is_being_written)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    begin_watching();
    FILE *file = tree_open(&tree, "main.lua");
    tree_put(&tree, "game/rules.lua", "");
    tree_move(&tree, "game", "play"); /* what is watched is to be seen anew, but not now */
    does_not_change();
    for (int i = 0; i < 8; i++) does_not_change(); /* the look of every second comes in between */
    cr_assert_eq(fclose(file), 0);
    changes();
    tree_put(&tree, "play/rules.lua", "-- new\n");
    changes();
    end_watching();
}

Test(watch_posix, what_is_renamed_linked_or_removed_is_not_waited_for)
{
    char path[TREE_PATH_MAX], link_path[TREE_PATH_MAX];
    tree_begin(&tree);
    tree_put(&tree, "../empty.lua", "");
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "main.lua");
    tree_put(&tree, "main.lua.new", "-- new\n");
    tree_move(&tree, "main.lua.new", "main.lua");
    changes();
    FILE *other = tree_open(&tree, "rules.lua");
    tree_remove(&tree, "rules.lua");
    changes();
    cr_assert_eq(
        link(tree_path(&tree, "../empty.lua", path), tree_path(&tree, "linked.lua", link_path)), 0);
    changes();
    tree_put_link(&tree, "soft.lua", "../empty.lua");
    changes();
    cr_assert_not(log_has(READ_AS_IT_IS));
    fclose(file);
    fclose(other);
    end_watching();
}

Test(watch_posix, does_not_wait_for_ever_for_a_file_to_be_closed_and_says_so)
{
    tree_begin(&tree);
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "main.lua");
    changes();
    cr_assert(log_has("main.lua has been " READ_AS_IT_IS " for 5 s"));
    tree_put(&tree, "rules.lua", ""); /* told of without waiting again */
    changes();
    cr_assert_eq(log_count(READ_AS_IT_IS), 1);
    tree_put(&tree, "main.lua", "-- new\n");
    changes();
    fclose(file);
    changes();
    end_watching();
}

Test(watch_posix, waits_for_a_file_in_a_directory_that_came_while_another_is_waited_for)
{
    tree_begin(&tree);
    begin_watching();
    FILE *file = tree_open(&tree, "main.lua");
    tree_put_directory(&tree, "game");
    does_not_change();
    FILE *other = tree_open(&tree, "game/rules.lua");
    fputs("-- half", other);
    fflush(other);
    cr_assert_eq(fclose(file), 0);
    does_not_change();
    cr_assert_eq(fclose(other), 0);
    changes();
    end_watching();
}

Test(watch_posix, waits_for_a_file_although_a_directory_goes_meanwhile)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    begin_watching();
    FILE *file = tree_open(&tree, "main.lua");
    fputs("-- half", file);
    fflush(file);
    tree_remove(&tree, "game");
    for (int i = 0; i < 8; i++) does_not_change(); /* the look of every second comes in between */
    cr_assert_eq(fclose(file), 0);
    changes();
    end_watching();
}

Test(watch_posix, a_file_that_is_no_script_is_not_waited_for)
{
    tree_begin(&tree);
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "server.log");
    fputs("half a line", file);
    fflush(file);
    tree_put(&tree, "main.lua", "-- new\n");
    changes();
    cr_assert_not(log_has(READ_AS_IT_IS));
    fclose(file);
    end_watching();
}

/* What is told of then is that something was lost. */
Test(watch_posix, a_file_whose_closing_is_lost_is_not_waited_for)
{
    tree_begin(&tree);
    tree_put(&tree, "rules.lua", "");
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "main.lua");
    fputs("-- new\n", file);
    fflush(file);
    for (int i = 0; i < 20000; i++) tree_put(&tree, "rules.lua", "");
    cr_assert_eq(fclose(file), 0);
    changes();
    cr_assert_not(log_has(READ_AS_IT_IS));
    end_watching();
}

Test(watch_posix, a_file_of_a_directory_that_was_replaced_is_not_waited_for)
{
    tree_begin(&tree);
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "rules.lua");
    fputs("-- half", file);
    fflush(file);
    tree_move(&tree, "../scripts", "../old");
    tree_make(&tree);
    tree_put(&tree, "main.lua", "-- new\n");
    changes();
    cr_assert_not(log_has(READ_AS_IT_IS));
    fclose(file);
    end_watching();
}

/* ---- the directory replaced ---- */

static void replace_directory(int number)
{
    char old[32];
    snprintf(old, sizeof old, "../old%d", number);
    tree_move(&tree, "../scripts", old);
    tree_make(&tree);
    tree_put(&tree, "main.lua", "-- new\n");
}

Test(watch_posix, a_change_and_a_move_at_once_are_told_of_once)
{
    tree_begin(&tree);
    begin_watching();
    tree_put(&tree, "main.lua", "-- newer\n");
    replace_directory(0);
    changes();
    does_not_change();
    end_watching();
}

static int count_of_descriptors(void)
{
    int count = 0;
    for (int file = 0; file < 1024; file++) count += fcntl(file, F_GETFD) >= 0;
    return count;
}

Test(watch_posix, lets_go_of_what_it_has_watched_before)
{
    tree_begin(&tree);
    begin_watching();
    int count = count_of_descriptors();
    for (int i = 0; i < 3; i++) {
        replace_directory(i);
        changes();
    }
    cr_assert_eq(count_of_descriptors(), count);
    watch_close(watch);
    cr_assert_eq(count_of_descriptors(), count - 2);
    tree_end(&tree);
}

/* Systems of files that have no leases do not tell who has a file open. */
static void need_leases(void)
{
    char path[TREE_PATH_MAX];
    int file = open(tree_path(&tree, "main.lua", path), O_RDONLY);
    bool can = fcntl(file, F_SETLEASE, F_RDLCK) == 0;
    close(file);
    if (can) return;
    tree_end(&tree);
    cr_skip_test("this directory has no leases");
}

Test(watch_posix, waits_for_a_file_that_was_open_before_it_was_watched)
{
    tree_begin(&tree);
    need_leases();
    tree_put_directory(&tree, "game");
    FILE *file = tree_open(&tree, "game/rules.lua");
    begin_watching();
    cr_assert(watch_saw_writing(watch));
    does_not_change();
    cr_assert_eq(fclose(file), 0);
    changes();
    cr_assert_not(watch_saw_writing(watch));
    end_watching();
}

Test(watch_posix, waits_for_an_open_file_in_a_directory_that_arrives)
{
    tree_begin(&tree);
    need_leases();
    tree_put_directory(&tree, "../game");
    FILE *file = tree_open(&tree, "../game/rules.lua");
    begin_watching();
    tree_move(&tree, "../game", "game");
    does_not_change();
    cr_assert_eq(fclose(file), 0);
    changes();
    end_watching();
}

Test(watch_posix, does_not_wait_for_a_file_that_is_open_and_was_not_written_to_since)
{
    tree_begin(&tree);
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "notes.lua");
    changes(); /* after it was waited for */
    tree_put(&tree, "main.lua.new", "-- new\n");
    tree_move(&tree, "main.lua.new", "main.lua");
    changes();
    cr_assert_not(log_has("main.lua has been"));
    cr_assert_not(watch_saw_writing(watch));
    does_not_change();
    fclose(file);
    end_watching();
}

/* ---- what was read since it was told of ---- */

Test(watch_posix, says_that_a_file_was_written_to_since_it_told_of_a_change)
{
    tree_begin(&tree);
    begin_watching();
    cr_assert_not(watch_saw_writing(watch));
    tree_put(&tree, "main.lua", "-- one\n");
    cr_assert(watch_saw_writing(watch));
    changes();
    cr_assert_not(watch_saw_writing(watch));
    tree_put(&tree, "main.lua.new", "-- two\n");
    tree_move(&tree, "main.lua.new", "main.lua");
    cr_assert_not(watch_saw_writing(watch)); /* whoever read it has all of the one or the other */
    changes();
    FILE *file = tree_open(&tree, "main.lua");
    fputs("-- half", file);
    fflush(file);
    cr_assert(watch_saw_writing(watch));
    cr_assert(watch_saw_writing(watch)); /* still */
    fclose(file);
    changes();
    cr_assert_not(watch_saw_writing(watch));
    end_watching();
}

Test(watch_posix, takes_a_file_as_it_is_that_was_waited_for_as_long_as_it_may_be)
{
    tree_begin(&tree);
    begin_watching();
    log_to_file();
    FILE *file = tree_open(&tree, "main.lua");
    changes();
    fputs("-- more\n", file);
    fflush(file);
    cr_assert_not(watch_saw_writing(watch));
    fclose(file);
    changes();
    end_watching();
}

/* ---- limits ---- */

/* More than the system keeps at first: it says that there were more, but not which. */
Test(watch_posix, sees_everything_again_after_more_events_than_are_kept)
{
    tree_begin(&tree);
    tree_put(&tree, "rules.lua", "");
    begin_watching();
    for (int i = 0; i < 10000; i++) {
        tree_put(&tree, "main.lua", "");
        tree_put(&tree, "rules.lua", "");
    }
    tree_put_directory(&tree, "game");
    changes();
    tree_put(&tree, "game/rules.lua", "");
    changes();
    end_watching();
}

Test(watch_posix, says_which_limit_to_raise)
{
    struct error error = {.kind = ERROR_NONE};
    struct rlimit limit;
    tree_begin(&tree);
    int lowest = dup(0); /* and one more for the wake */
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)lowest + 1;
    close(lowest);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    watch = watch_open(tree.path, &error);
    limit.rlim_cur = before;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_null(watch);
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "ulimit -n"), "%s", error.text);
    tree_end(&tree);
}
