/* operate.h - for tests that command a running server. */
#ifndef MOONPORT_E2E_OPERATE_H
#define MOONPORT_E2E_OPERATE_H

#include "harness_process.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN "0123456789abcdef-test"

/* Runs the command, which must succeed; what it prints, to be freed. */
static inline char *told(const char *address, const char *const *words)
{
    const char *all[16] = {words[0], "--admin", address};
    char *out, *err;
    for (int i = 1; words[i] != NULL; i++) all[i + 2] = words[i];
    int status = program_run(&out, &err, all);
    cr_assert_eq(status, 0, "%s: status %d, and it said: %s%s", words[0], status, out, err);
    cr_assert_str_eq(err, "");
    free(err);
    return out;
}

static inline void expect_told(const char *address, const char *const *words, const char *text)
{
    char *out = told(address, words);
    cr_assert_not_null(strstr(out, text), "%s: \"%s\" should be in: %s", words[0], text, out);
    free(out);
}

#endif
