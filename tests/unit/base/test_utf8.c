#include "base/utf8.h"

#include <criterion/criterion.h>

static size_t size_of(const char *text)
{
    return utf8_size(span_text(text));
}

Test(utf8, a_character_has_one_to_four_bytes)
{
    cr_assert_eq(size_of("a"), 1);
    cr_assert_eq(utf8_size(span_of("\0", 1)), 1);
    cr_assert_eq(size_of("\xc2\x80z"), 2);
    cr_assert_eq(size_of("\xdf\xbfz"), 2);
    cr_assert_eq(size_of("\xe0\xa0\x80z"), 3);
    cr_assert_eq(size_of("\xed\x9f\xbfz"), 3);
    cr_assert_eq(size_of("\xef\xbf\xbfz"), 3);
    cr_assert_eq(size_of("\xf0\x90\x80\x80z"), 4);
    cr_assert_eq(size_of("\xf4\x8f\xbf\xbfz"), 4);
}

Test(utf8, what_is_cut_off_or_longer_than_it_has_to_be_is_none)
{
    static const char *const wrong[] = {
        "\x80",         "\xbf",          "\xc0\x80",         "\xc1\xbf",
        "\xc2",         "\xc2z",         "\xe0\x9f\xbf",     "\xe1\x80",
        "\xe1\x80z",    "\xe1z\x80",     "\xed\xa0\x80",     "\xf0\x8f\xbf\xbf",
        "\xf1\x80\x80", "\xf1\x80\x80z", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(size_of(wrong[i]), 0, "number %zu", i);
}
