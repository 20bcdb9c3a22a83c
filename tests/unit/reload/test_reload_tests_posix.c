/* With programs in the place of `moonport test`. */
#include "reload/reload_tests.h"
#include "script_tree.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

static struct tree tree;
static char program[TREE_PATH_MAX];
static struct options options;
static int looks;

static bool goes_on(void *context)
{
    int *left = context;
    looks++;
    return left == NULL || --*left > 0;
}

static void begin(const char *script)
{
    options_init(&options);
    options.config.blocks = options.config.block_size = 1000;
    tree_begin(&tree);
    tree_put(&tree, "program", script);
    cr_assert_eq(chmod(tree_path(&tree, "program", program), 0700), 0);
}

static bool run(struct command_line *line, uint64_t patience_ns, int *left, char *text, size_t size)
{
    const struct reload_tests tests = {
        .program = program, .patience_ns = patience_ns, .goes_on = goes_on, .context = left};
    struct report report = {.text = text, .size = size};
    text[0] = '\0';
    return reload_tests_run(&tests, line, &options, &report);
}

#define LONG UINT64_C(60000000000)

static void expect(const char *script, bool fine, const char *said)
{
    char text[4096];
    struct command_line line = {.directory = tree.path};
    begin(script);
    cr_assert_eq(run(&line, LONG, NULL, text, sizeof text), fine);
    cr_assert_str_eq(text, said);
    tree_end(&tree);
}

Test(reload_tests, what_passes_is_summed_up)
{
    expect("#!/bin/sh\necho a_test.lua\necho '  ok    x'\necho 1 passed, 0 failed\n", true,
           "tests: 1 passed, 0 failed\n");
}

Test(reload_tests, what_fails_is_told)
{
    expect("#!/bin/sh\necho a_test.lua\necho '  FAIL  x'\necho '        why'\n"
           "echo 0 passed, 1 failed\nexit 1\n",
           false, "the tests fail: 0 passed, 1 failed\na_test.lua: x\n  why\n");
    expect("#!/bin/sh\necho moonport: no luck >&2\nexit 1\n", false, "the tests fail\nno luck\n");
}

Test(reload_tests, how_it_ended_counts_whatever_it_said)
{
    expect("#!/bin/sh\necho 1 passed, 0 failed\nkill -SEGV $$\n", false,
           "the tests fail: 1 passed, 0 failed\n"
           "they have ended with status 139; the last that they said: 1 passed, 0 failed\n");
    expect("#!/bin/sh\nexit 3\n", false,
           "the tests fail\nthey have ended with status 3; the last that they said: nothing\n");
}

Test(reload_tests, a_program_that_cannot_be_started_is_told)
{
    expect("#!/nothing/like/that\n", false,
           "moonport cannot be started: No such file or directory\n");
}

Test(reload_tests, it_is_called_with_the_directory_and_all_flags)
{
    char text[4096], said[4096];
    begin("#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done\nexit 1\n");
    struct command_line line = {
        .directory = tree.path,
        .flags = {{.name = "framing", .value = "line,delimiter=\" '"},
                  {.name = "idle_timeout", .value = ""},
                  {.name = "listen", .value = "127.0.0.1:1"}},
        .count = 3,
    };
    cr_assert_not(run(&line, LONG, NULL, text, sizeof text));
    snprintf(said, sizeof said, "<test><%.60s",
             tree.path); /* the last line is kept as far as there is room */
    cr_assert_not_null(strstr(text, said), "%s", text);
    cr_assert_not_null(
        strstr(text, "><--framing=line,delimiter=\" '><--idle_timeout=><--listen=127.0.0.1:1>\n"),
        "%s", text);
    tree_end(&tree);
}

Test(reload_tests, what_hangs_is_ended)
{
    char text[4096];
    struct command_line line = {.directory = tree.path};
    begin("#!/bin/sh\necho a_test.lua\nsleep 1000\n");
    looks = 0;
    cr_assert_not(run(&line, 300000000, NULL, text, sizeof text));
    cr_assert_eq(strncmp(text, "the tests have not ended within 0 s", 35), 0, "%s", text);
    cr_assert_geq(looks, 2);
    tree_end(&tree);
}

Test(reload_tests, what_talks_without_end_is_ended)
{
    char text[4096];
    struct command_line line = {.directory = tree.path};
    begin("#!/bin/sh\nwhile :; do echo '  FAIL  on and on'; done\n");
    cr_assert_not(run(&line, 300000000, NULL, text, sizeof text));
    cr_assert_str_eq(text,
                     "the tests have not ended within 0 s, and said last:   FAIL  on and on\n");
    tree_end(&tree);
}

Test(reload_tests, they_can_be_called_off)
{
    char text[4096];
    int left = 3;
    struct command_line line = {.directory = tree.path};
    begin("#!/bin/sh\nsleep 1000\n");
    looks = 0;
    cr_assert_not(run(&line, LONG, &left, text, sizeof text));
    cr_assert_str_eq(text, "the tests were called off\n");
    cr_assert_eq(looks, 3);
    tree_end(&tree);
}

/* ---- are there any ---- */

Test(reload_tests, there_are_some_if_a_file_is_named_like_one)
{
    struct source_file none[] = {{.name = "main.lua"}, {.name = "test.lua"}, {.name = "a_test.lu"}};
    struct source_file some[] = {{.name = "main.lua"}, {.name = "deep/down/a_test.lua"}};
    const struct source without = {.files = none, .count = 3}, with = {.files = some, .count = 2};
    cr_assert_not(reload_tests_any(&without));
    cr_assert(reload_tests_any(&with));
}
