#include "commands/top_paint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What was put last, and how often. */
static struct put {
    int count, row, column, columns;
    char text[64];
} last;

static size_t fit(void *context, int columns, const char *text)
{
    (void)context;
    size_t size = strlen(text);
    return size < (size_t)columns ? size : (size_t)columns;
}

static void put(void *context, int row, int column, int columns, enum top_style style,
                const char *text)
{
    (void)context;
    (void)style;
    last = (struct put){last.count + 1, row, column, columns, ""};
    snprintf(last.text, sizeof last.text, "%s", text);
}

static const struct top_canvas canvas = {.rows = 4, .columns = 10, .fit = fit, .put = put};

static void puts_nothing(int row, int column, int columns)
{
    last.count = 0;
    top_put(&canvas, row, column, columns, TOP_PLAIN, "x");
    cr_assert_eq(last.count, 0);
}

Test(top_paint, what_is_outside_is_left_out)
{
    puts_nothing(-1, 0, 1);
    puts_nothing(4, 0, 1);
    puts_nothing(0, -1, 1);
    puts_nothing(0, 10, 1);
    puts_nothing(0, 0, 0);
    top_put(&canvas, 3, 8, 5, TOP_PLAIN, "x");
    cr_assert_eq(last.count, 1);
    cr_assert_eq(last.columns, 2);
}

Test(top_paint, words_are_kept_whole_if_they_are_not_too_long)
{
    cr_assert_eq(top_put_wrapped(&canvas, 0, 4, 0, TOP_PLAIN, ""), 1);
    cr_assert_eq(top_put_wrapped(&canvas, 0, 4, 0, TOP_PLAIN, "abcdefghij"), 1);
    cr_assert_eq(top_put_wrapped(&canvas, 0, 4, 0, TOP_PLAIN, "abcdef ghijk"), 2);
    cr_assert_str_eq(last.text, "ghijk");
    cr_assert_eq(top_put_wrapped(&canvas, 0, 4, 0, TOP_PLAIN, "a bcdefghijkl"), 2);
    cr_assert_str_eq(last.text, "jkl");
}

Test(top_paint, only_the_rows_that_are_wanted_are_drawn)
{
    last.count = 0;
    cr_assert_eq(top_put_wrapped(&canvas, 1, 0, 0, TOP_PLAIN, "abcdefghijklmnopqrstuvwxyz"), 3);
    cr_assert_eq(last.count, 0);
    cr_assert_eq(top_put_wrapped(&canvas, 1, 1, 1, TOP_PLAIN, "abcdefghijklmnopqrstuvwxyz"), 3);
    cr_assert_eq(last.count, 1);
    cr_assert_eq(last.row, 1);
    cr_assert_str_eq(last.text, "klmnopqrst");
}

Test(top_paint, columns_without_room_are_left_out_and_others_are_widened)
{
    static const struct top_column columns[] = {{.title = "A", .width = 2},
                                                {.title = "B", .width = 3, .wide = true},
                                                {.title = "C", .width = 5}};
    struct top_table table = top_table_at(&canvas, 0, 10, columns, 3);
    cr_assert_eq(table.count, 2);
    cr_assert_eq(table.at[1], 3);
    cr_assert_eq(table.width[1], 7);
    table = top_table_at(&canvas, 0, 12, columns, 3);
    cr_assert_eq(table.count, 3);
    cr_assert_eq(table.at[2], 7);
    cr_assert_eq(table.width[1], 3);
    table = top_table_at(&canvas, 0, 1, columns, 3);
    cr_assert_eq(table.count, 0);
}
