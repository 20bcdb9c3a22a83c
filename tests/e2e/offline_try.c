#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome offline_run(const char *const *files)
{
    struct outcome outcome = {.directory = directory_make_of(files)};
    const char *words[] = {"test", outcome.directory, NULL};
    outcome.status = program_run(&outcome.out, &outcome.err, words);
    return outcome;
}

void offline_end(struct outcome *outcome)
{
    directory_remove(outcome->directory);
    free(outcome->out);
    free(outcome->err);
}

void offline_pass(const char *script, const char *config, const char *tests)
{
    char closing[64];
    int count = 0;
    for (const char *c = tests; (c = strstr(c, "test(\"")) != NULL; c++) count++;
    struct outcome outcome =
        offline_run(FILES("main.lua", script, "config.lua", config, "a_test.lua", tests));
    snprintf(closing, sizeof closing, "%d passed, 0 failed\n", count);
    cr_assert(count > 0);
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.out, closing), "%s%s", outcome.out, outcome.err);
    cr_assert_str_eq(outcome.err, "");
    offline_end(&outcome);
}

void offline_fail(const char *script, const char *body, const char *first, const char *second)
{
    char tests[2048];
    snprintf(tests, sizeof tests, "test(\"it\", function()\n%s\nend)\n", body);
    struct outcome outcome =
        offline_run(FILES("main.lua", script, "config.lua", LINES, "a_test.lua", tests));
    cr_assert_eq(outcome.status, INPUT, "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.out, "\n  FAIL  it\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "0 passed, 1 failed\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, first), "expected \"%s\" in:\n%s", first, outcome.out);
    cr_assert_not_null(strstr(outcome.out, second), "expected \"%s\" in:\n%s", second, outcome.out);
    offline_end(&outcome);
}
