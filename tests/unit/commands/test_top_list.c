#include "commands/top_list.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct top_list list;

/* From a copy that ends where its memory does. */
static bool take(bool lines, const char *text)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    struct span span = span_of(copy, size);
    bool taken = lines ? top_list_take_lines(&list, span) : top_list_take(&list, span);
    memset(copy, 'X', size);
    free(copy);
    return taken;
}

Test(top_list, cells_are_found_by_the_names_of_columns)
{
    cr_assert(take(false, "id\taddress\tage\n17\t10.0.0.1:5\t3.5\n18\t\t0.1\n"));
    cr_assert_eq(list.rows, 2);
    cr_assert_eq(list.columns, 3);
    cr_assert_str_eq(top_list_cell(&list, 0, "id"), "17");
    cr_assert_str_eq(top_list_cell(&list, 0, "address"), "10.0.0.1:5");
    cr_assert_str_eq(top_list_cell(&list, 1, "address"), "");
    cr_assert_str_eq(top_list_cell(&list, 1, "age"), "0.1");
    cr_assert_str_eq(top_list_cell(&list, 1, "weight"), "");
    top_list_free(&list);
    cr_assert_eq(list.rows, 0);
}

Test(top_list, a_row_may_have_too_few_or_too_many_cells)
{
    cr_assert(take(false, "id\tage\n1\n\n2\t3\t4\t5"));
    cr_assert_eq(list.rows, 2);
    cr_assert_str_eq(top_list_cell(&list, 0, "age"), "");
    cr_assert_str_eq(top_list_cell(&list, 1, "id"), "2");
    cr_assert_str_eq(top_list_cell(&list, 1, "age"), "3");
    top_list_free(&list);
}

Test(top_list, notes_are_no_rows)
{
    cr_assert(take(false, "id\n1\n# worker 2 is busy: its connections are missing\n"
                          "# worker 3 too\n# 900 more: see --limit\n"));
    cr_assert_eq(list.rows, 1);
    cr_assert_eq(list.more, 900);
    cr_assert_str_eq(list.note, "worker 2 is busy: its connections are missing; worker 3 too");
    cr_assert(take(false, "id\n"));
    cr_assert_eq(list.rows, 0);
    cr_assert_eq(list.more, 0);
    cr_assert_str_eq(list.note, "");
    top_list_free(&list);
}

Test(top_list, what_is_no_table_changes_nothing)
{
    char wide[64] = "";
    for (int i = 0; i < TOP_COLUMNS_MAX; i++) strcat(wide, "a\t");
    cr_assert(take(false, "id\n1\n"));
    cr_assert_not(take(false, ""));
    cr_assert_not(take(false, "\nid\n"));
    cr_assert_not(take(false, wide));
    cr_assert_str_eq(top_list_cell(&list, 0, "id"), "1");
    top_list_free(&list);
}

Test(top_list, what_it_keeps_is_clean)
{
    cr_assert(take(false, "id\033\n\033[2J\n# \a\n"));
    cr_assert_str_eq(top_list_cell(&list, 0, "id\\x1b"), "\\x1b[2J");
    cr_assert_str_eq(list.note, "\\x07");
    cr_assert(take(true, "\033c\ta\n\n\377\377\377\377\377\377\377\377\n\n\n"));
    cr_assert_eq(list.rows, 3);
    cr_assert_str_eq(list.cells[0], "\\x1bc  a");
    cr_assert_str_eq(list.cells[1], "");
    cr_assert_str_eq(list.cells[2], "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff");
    top_list_free(&list);
}

Test(top_list, no_lines_are_an_empty_list)
{
    cr_assert(take(true, ""));
    cr_assert_eq(list.rows, 0);
    cr_assert(take(true, "\n\n"));
    cr_assert_eq(list.rows, 0);
    top_list_free(&list);
}
