#include "commands/top_view.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct top_view view = {.where = "127.0.0.1:7001", .rows_shown = 4};
static struct admin_question question;

static enum top_wish press(int key)
{
    question.target[0] = '\0';
    return top_view_key(&view, key, &question);
}

static void type(const char *keys)
{
    while (*keys != '\0') cr_assert_eq(press(*keys++), TOP_WISH_NONE);
}

static void asks(const char *target)
{
    struct admin_question asked = {.target = ""};
    cr_assert(top_view_ask_connections(&view, &asked) || top_view_ask_lines(&view, &asked));
    cr_assert_str_eq(asked.target, target);
}

/* Those with ids from `first` on; more: beyond them. */
static void connect(int first, int count, int more)
{
    char text[4096];
    int used = snprintf(text, sizeof text, "id\taddress\n");
    for (int i = 0; i < count; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%d\ta\n", first + i);
    if (more > 0) snprintf(text + used, sizeof text - (size_t)used, "# %d more\n", more);
    cr_assert(top_view_take_rows(&view, span_text(text)));
}

static const char *selected(void)
{
    return top_list_cell(&view.connections, view.selected, "id");
}

Test(top_keys, the_sort_column_moves_and_turns_around)
{
    asks("/connections?sort=id&order=asc&limit=100");
    cr_assert_eq(press('>'), TOP_WISH_ASK);
    asks("/connections?sort=address&order=asc&limit=100");
    press('>');
    press('>');
    asks("/connections?sort=idle&order=desc&limit=100"); /* the longest are of interest */
    cr_assert_str_eq(view.message, "sorted by idle, the largest first");
    cr_assert_eq(press('r'), TOP_WISH_ASK);
    asks("/connections?sort=idle&order=asc&limit=100");
    for (int i = 0; i < 3; i++) press('<');
    asks("/connections?sort=id&order=asc&limit=100");
    press('<');
    cr_assert_str_eq(top_view_sort(&view), "listener");
    press('>');
    cr_assert_str_eq(top_view_sort(&view), "id");
}

Test(top_keys, a_filter_is_typed)
{
    press('/');
    type("1x.0q");
    press(TOP_KEY_DELETE);
    press(TOP_KEY_UP);
    press(7);
    type(" &");
    asks("/connections?sort=id&order=asc&limit=100");
    cr_assert_eq(press(TOP_KEY_ENTER), TOP_WISH_ASK);
    asks("/connections?sort=id&order=asc&limit=100&filter=1x.0%20%26");
    press('/');
    cr_assert_str_eq(view.typed, "1x.0 &"); /* to be changed */
    press('U' - '@');
    cr_assert_str_eq(view.typed, "");
    press(TOP_KEY_DELETE);
    cr_assert_eq(press(TOP_KEY_ESCAPE), TOP_WISH_NONE);
    cr_assert_str_eq(view.filter, "1x.0 &");
    cr_assert_eq(press(TOP_KEY_ESCAPE), TOP_WISH_ASK); /* once more: all of them */
    asks("/connections?sort=id&order=asc&limit=100");
}

Test(top_keys, a_filter_has_an_end)
{
    press('/');
    for (int i = 0; i < 200; i++) press('a');
    cr_assert_eq(strlen(view.typed), TOP_FILTER_MAX - 1);
}

Test(top_keys, the_selection_moves_within_what_there_is)
{
    connect(1, 10, 0);
    press(TOP_KEY_UP);
    cr_assert_str_eq(selected(), "1");
    press(TOP_KEY_DOWN);
    cr_assert_str_eq(selected(), "2");
    press(TOP_KEY_PAGE_DOWN);
    cr_assert_str_eq(selected(), "5");
    press(TOP_KEY_END);
    cr_assert_str_eq(selected(), "10");
    press(TOP_KEY_DOWN);
    cr_assert_str_eq(selected(), "10");
    press(TOP_KEY_PAGE_UP);
    cr_assert_str_eq(selected(), "7");
    press(TOP_KEY_HOME);
    cr_assert_str_eq(selected(), "1");
}

Test(top_keys, the_selection_stays_with_its_connection)
{
    connect(1, 10, 0);
    press(TOP_KEY_DOWN);
    press(TOP_KEY_DOWN);
    connect(2, 10, 0);
    cr_assert_str_eq(selected(), "3");
    cr_assert_eq(view.selected, 1);
    connect(20, 1, 0); /* it has gone */
    cr_assert_str_eq(selected(), "20");
    connect(30, 0, 0);
    cr_assert_eq(view.selected, 0);
}

Test(top_keys, the_first_row_is_whatever_comes_there)
{
    connect(5, 5, 0);
    connect(1, 10, 0);
    cr_assert_str_eq(selected(), "1");
    press(TOP_KEY_DOWN);
    press(TOP_KEY_HOME);
    connect(0, 10, 0);
    cr_assert_str_eq(selected(), "0");
}

Test(top_keys, more_is_asked_for_when_the_end_is_near)
{
    connect(1, 100, 900);
    cr_assert_eq(press(TOP_KEY_DOWN), TOP_WISH_NONE);
    for (int i = 1; i < 95; i++) cr_assert_eq(press(TOP_KEY_DOWN), TOP_WISH_NONE);
    cr_assert_eq(press(TOP_KEY_DOWN), TOP_WISH_ASK);
    asks("/connections?sort=id&order=asc&limit=108");
    cr_assert_eq(press(TOP_KEY_END), TOP_WISH_ASK);
    asks("/connections?sort=id&order=asc&limit=1000");
    connect(1, 120, 900);
    cr_assert_str_eq(selected(), "120");
    connect(1, 130, 900);
    cr_assert_str_eq(selected(), "120");
    connect(1, 10, 0);
    cr_assert_eq(press(TOP_KEY_END), TOP_WISH_NONE); /* there is no more */
    view.selected = 5000;
    asks("/connections?sort=id&order=asc&limit=1000");
}

Test(top_keys, a_connection_is_closed_after_a_question)
{
    connect(40, 3, 0);
    press(TOP_KEY_DOWN);
    cr_assert_eq(press('k'), TOP_WISH_NONE);
    connect(10, 30, 0); /* others are in its row by now */
    cr_assert_eq(press('y'), TOP_WISH_ACT);
    cr_assert_str_eq(question.target, "/connections/41/close");
    cr_assert_eq(press('y'), TOP_WISH_NONE);
}

Test(top_keys, any_other_key_is_a_no)
{
    connect(40, 3, 0);
    for (const char *keys = "nq k\n"; *keys != '\0'; keys++) {
        press('k');
        cr_assert_eq(press(*keys), TOP_WISH_NONE);
        cr_assert_eq(view.prompt, TOP_NO_PROMPT);
        cr_assert_str_eq(view.message, "nothing was done");
    }
    press('B');
    cr_assert_eq(press(TOP_KEY_ESCAPE), TOP_WISH_NONE);
}

Test(top_keys, what_is_not_shown_is_not_closed)
{
    connect(40, 3, 0);
    view.rows_shown = 0;
    press('k');
    cr_assert_eq(view.prompt, TOP_NO_PROMPT);
    cr_assert_eq(press('y'), TOP_WISH_NONE);
    view.rows_shown = 4;
    view.mode = TOP_LOG;
    press('k');
    cr_assert_eq(view.prompt, TOP_NO_PROMPT);
    view.mode = TOP_OVERVIEW;
    connect(1, 0, 0);
    press('k');
    cr_assert_eq(view.prompt, TOP_NO_PROMPT);
    cr_assert(top_view_take_rows(&view, span_text("id\n../stop?\n")));
    press('k');
    cr_assert_eq(view.prompt, TOP_NO_PROMPT, "that is no id");
}

Test(top_keys, it_reloads_and_rolls_back)
{
    cr_assert_eq(press('R'), TOP_WISH_ACT);
    cr_assert_str_eq(question.target, "/reload");
    cr_assert_eq(press('B'), TOP_WISH_NONE);
    cr_assert_eq(press('Y'), TOP_WISH_ACT);
    cr_assert_str_eq(question.target, "/rollback");
}

Test(top_keys, letters_lead_to_modes_and_back)
{
    cr_assert_eq(press('l'), TOP_WISH_ASK);
    asks("/log");
    press('e');
    asks("/errors");
    press('e');
    cr_assert_eq(view.mode, TOP_OVERVIEW);
    press('c');
    asks("/connections?sort=id&order=asc&limit=100");
    press('w');
    struct admin_question none;
    cr_assert_not(top_view_ask_connections(&view, &none));
    cr_assert_not(top_view_ask_lines(&view, &none));
    press('h');
    cr_assert(view.lines.rows > 10);
    press(TOP_KEY_ESCAPE);
    cr_assert_eq(view.mode, TOP_OVERVIEW);
    cr_assert_eq(press('q'), TOP_WISH_QUIT);
    cr_assert_eq(press('L' - '@'), TOP_WISH_PAINT);
    top_list_free(&view.lines);
}

Test(top_keys, lines_scroll_up_to_their_end)
{
    press('l');
    view.lines_shown = 10;
    view.lines_total = 25;
    press(TOP_KEY_END);
    cr_assert_eq(view.line, 15);
    cr_assert_not(view.stays);
    press(TOP_KEY_UP);
    cr_assert_eq(view.line, 14);
    cr_assert(view.stays);
    press(TOP_KEY_PAGE_DOWN);
    cr_assert_eq(view.line, 15);
    view.lines_total = 3;
    press(TOP_KEY_DOWN);
    cr_assert_eq(view.line, 0);
}

Test(top_keys, a_result_of_one_line_is_a_message)
{
    top_view_tell(&view, true, span_text("generation 2 runs\n"));
    cr_assert_str_eq(view.message, "generation 2 runs");
    cr_assert_not(view.is_bad);
    top_view_tell(&view, false, span_text("\033[31mno"));
    cr_assert_str_eq(view.message, "\\x1b[31mno");
    cr_assert(view.is_bad);
    press(TOP_KEY_DOWN);
    cr_assert_str_eq(view.message, "");
}

Test(top_keys, a_result_of_several_lines_is_shown_in_all)
{
    top_view_tell(&view, false,
                  span_text("main.lua:3: it fails\nstack traceback:\n\tmain.lua:3\n"));
    cr_assert_eq(view.mode, TOP_ANSWER);
    cr_assert_eq(view.lines.rows, 3);
    cr_assert_str_eq(view.message, "");
    press(TOP_KEY_ESCAPE);
    cr_assert_eq(view.mode, TOP_OVERVIEW);
    top_list_free(&view.lines);
}
