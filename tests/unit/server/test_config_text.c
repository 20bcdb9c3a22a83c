#include "server/config_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(config_text, the_same_text_has_one_place)
{
    char text[] = "one";
    const char *one = config_text_keep(text), *two = config_text_keep("two");
    memset(text, 'x', 3);
    cr_assert_str_eq(one, "one");
    cr_assert_str_eq(two, "two");
    cr_assert(config_text_keep("one") == one);
    cr_assert(config_text_keep("two") == two);
    cr_assert(config_text_keep("") != one);
}

Test(config_text, there_are_at_most_so_many)
{
    char text[16];
    for (int i = 0; i < CONFIG_TEXTS_MAX; i++) {
        snprintf(text, sizeof text, "%d", i);
        cr_assert_str_eq(config_text_keep(text), text);
    }
    cr_assert_null(config_text_keep("one more"));
    cr_assert_str_eq(config_text_keep("0"), "0");
}
