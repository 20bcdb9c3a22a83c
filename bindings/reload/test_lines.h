/* test_lines.h - reads what `moonport test` prints, and keeps what a person has to know if it fails: bounded, however much
 * that is. Pure. */
#ifndef MOONPORT_TEST_LINES_H
#define MOONPORT_TEST_LINES_H

#include "base/span.h"

#include <stdbool.h>

enum { TEST_LINES_MAX = 2048, TEST_LINE_MAX = 512 };

struct test_lines {
    char kept[TEST_LINES_MAX]; /* lines: of the tests that fail, and of the program's own errors */
    size_t used;
    char sum[64];   /* "3 passed, 1 failed"; or "" */
    char last[256]; /* the last line that says something */
    char file[256]; /* the one that is being tested */
    bool cut;       /* there was no room for more */
    bool fails;     /* the lines that come are about a failure */
    size_t line_size;
    char line[TEST_LINE_MAX]; /* what has come of it so far; what has no room is left out */
};

/* Zeroed at first. The second, when all has come: takes a last line without an end. */
void test_lines_take(struct test_lines *lines, struct span bytes);
void test_lines_end(struct test_lines *lines);

#endif
