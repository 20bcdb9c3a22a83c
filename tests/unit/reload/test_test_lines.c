#include "reload/test_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* However the output is cut into pieces, the same is kept of it. */
static void expect(const char *output, const char *kept, const char *sum, const char *last)
{
    static struct test_lines lines;
    size_t size = strlen(output);
    for (size_t piece = 1; piece <= size; piece = piece < 5 ? piece + 1 : piece * 3) {
        lines = (struct test_lines){.used = 0};
        for (size_t at = 0; at < size; at += piece)
            test_lines_take(&lines, span_of(output + at, at + piece < size ? piece : size - at));
        test_lines_end(&lines);
        cr_assert_str_eq(lines.kept, kept, "in pieces of %zu: %s", piece, lines.kept);
        cr_assert_eq(lines.used, strlen(lines.kept));
        cr_assert_str_eq(lines.sum, sum);
        cr_assert_str_eq(lines.last, last);
    }
}

Test(test_lines, of_tests_that_pass_nothing_is_kept)
{
    expect("till_test.lua\n"
           "  ok    prices add up\n"
           "printed by a script\n"
           "        and this\n"
           "  ok    for each customer\n"
           "2 passed, 0 failed\n",
           "", "2 passed, 0 failed", "2 passed, 0 failed");
}

Test(test_lines, a_failure_is_kept_with_its_file_and_what_it_says)
{
    expect("a_test.lua\n"
           "  FAIL  first\n"
           "        main.lua:5: no luck\n"
           "        stack traceback:\n"
           "        \tmain.lua:5: in main chunk\n"
           "\n"
           "  ok    second\n"
           "        of a script\n"
           "game/b_test.lua\n"
           "  ok    third\n"
           "  FAIL  fourth\r\n"
           "        no luck either\r\n"
           "2 passed, 2 failed\n"
           "        behind it\n",
           "a_test.lua: first\n"
           "  main.lua:5: no luck\n"
           "  stack traceback:\n"
           "  \tmain.lua:5: in main chunk\n"
           "game/b_test.lua: fourth\n"
           "  no luck either\n",
           "2 passed, 2 failed", "        behind it");
}

Test(test_lines, what_the_program_says_of_itself_is_kept)
{
    expect("moonport: a.lua:1: unexpected symbol\nb.lua:2: another one\n",
           "a.lua:1: unexpected symbol\n  b.lua:2: another one\n", "", "b.lua:2: another one");
}

Test(test_lines, a_last_line_without_an_end_counts_and_a_nul_ends_nothing)
{
    static struct test_lines lines;
    expect("  FAIL  x\n        why", "x\n  why\n", "", "        why");
    expect("1 passed, 1 failed", "", "1 passed, 1 failed", "1 passed, 1 failed");
    expect("1 passed, 1 failed, and more\n1 passed\n", "", "", "1 passed");
    test_lines_take(&lines, span_of("  FAIL  a\0b\n", 12));
    cr_assert_str_eq(lines.kept, "ab\n");
}

/* Whatever room the first line leaves to the others. */
Test(test_lines, what_has_no_room_is_left_out_and_said_so)
{
    static struct test_lines lines;
    for (int width = 1; width < 40; width++) {
        char text[64];
        lines = (struct test_lines){.used = 0};
        for (int i = 0; i < 1000; i++) {
            int size = snprintf(text, sizeof text, "  FAIL  test %0*d\n", i == 0 ? width : 1, i);
            test_lines_take(&lines, span_of(text, (size_t)size));
            cr_assert_lt(lines.used, sizeof lines.kept);
            cr_assert_eq(lines.used, strlen(lines.kept));
        }
        test_lines_take(&lines, span_text("0 passed, 1000 failed\n"));
        cr_assert_str_eq(lines.kept + 5 + width, strstr(lines.kept, "\ntest 1\ntest 2\n"));
        cr_assert_str_eq(lines.kept + lines.used - 4, "...\n");
        cr_assert_neq(lines.kept[lines.used - 5], '.');
        cr_assert_str_eq(lines.sum, "0 passed, 1000 failed");
    }
}

Test(test_lines, a_long_line_is_cut)
{
    static struct test_lines lines;
    char text[3 * TEST_LINE_MAX];
    memset(text, 'x', sizeof text);
    test_lines_take(&lines, span_of("  FAIL  ", 8));
    test_lines_take(&lines, span_of(text, sizeof text));
    test_lines_take(&lines, span_of("\n        why\n", 13));
    cr_assert_eq(lines.used, TEST_LINE_MAX - 1 - 8 + 1 + strlen("  why\n"));
    cr_assert_str_eq(lines.kept + TEST_LINE_MAX - 1 - 8, "\n  why\n");
}
