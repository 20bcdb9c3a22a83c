/* offline_try.h - runs `moonport test` on files that a test gives. */
#ifndef MOONPORT_OFFLINE_TRY_H
#define MOONPORT_OFFLINE_TRY_H

#include "harness.h"

#define LINES "return { framing = 'line' }\n"

struct outcome {
    char *directory, *out, *err;
    int status;
};

/* A directory with these files, and the tests in it. offline_end frees all of it. */
struct outcome offline_run(const char *const *files);
void offline_end(struct outcome *outcome);

/* All the tests in a_test.lua, test("... each, pass, and nothing else is said. */
void offline_pass(const char *script, const char *config, const char *tests);

/* The only test, whose body begins in line 2 of a_test.lua, fails, and it is told with both parts.
 * The framing is "line". */
void offline_fail(const char *script, const char *body, const char *first, const char *second);

#endif
