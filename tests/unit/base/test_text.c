#include "base/text.h"

#include <criterion/criterion.h>
#include <string.h>

Test(text, is_put_together_piece_by_piece)
{
    char place[32];
    struct text text = text_in(place, sizeof place);
    cr_assert_str_eq(text.bytes, "");
    text_add(&text, "%s", "one");
    text_add(&text, ", %d", 2);
    cr_assert_str_eq(text.bytes, "one, 2");
    cr_assert_eq(text.used, 6);
    cr_assert_not(text.cut);
}

Test(text, writes_nothing_behind_its_place_however_much_is_added)
{
    for (size_t size = 1; size < 40; size++) {
        char place[64];
        memset(place, '#', sizeof place);
        struct text text = text_in(place, size);
        for (int i = 0; i < 100; i++) text_add(&text, "%s%d", i > 0 ? ", " : "", i);
        cr_assert(text.cut);
        cr_assert_eq(text.used, size - 1);
        cr_assert_eq(strlen(place), size - 1);
        cr_assert_eq(strncmp(place, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", size - 1), 0);
        for (size_t i = size; i < sizeof place; i++) cr_assert_eq(place[i], '#');
    }
}

Test(text, what_fits_exactly_is_whole)
{
    char place[5];
    struct text text = text_in(place, sizeof place);
    text_add(&text, "%s", "four");
    cr_assert_not(text.cut);
    text_add(&text, "%s", "");
    cr_assert_not(text.cut);
    text_add(&text, "%s", "x");
    cr_assert(text.cut);
    cr_assert_str_eq(place, "four");
}
