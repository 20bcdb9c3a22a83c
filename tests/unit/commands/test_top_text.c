#include "commands/top_text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef const char *write_number(double value, char *room);

static void is(write_number *write, double value, const char *expected)
{
    char room[TOP_NUMBER_MAX];
    cr_assert_str_eq(write(value, room), expected);
}

Test(top_text, counts_have_letters_when_they_are_long)
{
    is(top_count, 0, "0");
    is(top_count, 12345, "12345");
    is(top_count, 99999, "99999");
    is(top_count, 100000, "100k");
    is(top_count, 1234567, "1.2M");
    is(top_count, 99960000, "100M");
    is(top_count, 999990000, "1.0G");
    is(top_count, NAN, "-");
}

Test(top_text, rates_have_a_fraction_when_they_are_small)
{
    is(top_rate, 0, "0.0");
    is(top_rate, 0.44, "0.4");
    is(top_rate, 9.94, "9.9");
    is(top_rate, 9.96, "10");
    is(top_rate, 9999, "9999");
    is(top_rate, 10500, "10.5k");
    is(top_rate, NAN, "-");
}

Test(top_text, bytes_are_of_1024)
{
    is(top_bytes, 0, "0");
    is(top_bytes, 1023, "1023");
    is(top_bytes, 1024, "1.0K");
    is(top_bytes, 1536, "1.5K");
    is(top_bytes, 512.0 * 1024 * 1024, "512M");
    is(top_bytes, 1e30, "867361737988E");
    is(top_bytes, -1, "-");
}

Test(top_text, times_have_the_unit_that_suits)
{
    is(top_time, 0, "0us");
    is(top_time, 0.00000149, "1us");
    is(top_time, 0.000999, "999us");
    is(top_time, 0.00123, "1.2ms");
    is(top_time, 0.0123, "12ms");
    is(top_time, 0.99999, "1.0s");
    is(top_time, 1.25, "1.2s");
    is(top_time, 75, "75s");
    is(top_time, NAN, "-");
}

Test(top_text, ages_have_two_parts)
{
    is(top_age, 0.9, "0s");
    is(top_age, 59.9, "59s");
    is(top_age, 60, "1m00s");
    is(top_age, 3599, "59m59s");
    is(top_age, 3720, "1h02m");
    is(top_age, 86400, "1d00h");
    is(top_age, 3 * 86400 + 4 * 3600 + 59, "3d04h");
    is(top_age, NAN, "-");
    is(top_age, 1e300, "-");
}

static void cleans(const char *bytes, const char *expected)
{
    char room[64];
    size_t size = strlen(bytes);
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    cr_assert_eq(top_clean(span_of(copy, size), room, sizeof room), strlen(expected));
    cr_assert_str_eq(room, expected);
    free(copy);
}

Test(top_text, clean_text_commands_no_terminal)
{
    cleans("", "");
    cleans("plain, gr\xc3\xbc\xc3\x9f"
           "e",
           "plain, gr\xc3\xbc\xc3\x9f"
           "e");
    cleans("a\tb", "a  b");
    cleans("C:\\dir\\x1b", "C:\\dir\\x1b"); /* as it comes */
    cleans("\033[31mred\a", "\\x1b[31mred\\x07");
    cleans("one\ntwo\r", "one\\ntwo\\r");
    cleans("\xc2\x9b"
           "1m",
           "\\xc2\\x9b"
           "1m"); /* one character that begins a command */
    cleans("\xe2\x80\xae"
           "x",
           "\\xe2\\x80\\xae"
           "x"); /* turns what follows around */
    cleans("\xff\xc3", "\\xff\\xc3");
}

Test(top_text, clean_text_is_cut_to_fit)
{
    char room[8];
    for (size_t size = 0; size < 30; size++) {
        const char bytes[] = "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc";
        size_t used = top_clean(span_of(bytes, size < 16 ? size : 16), room, sizeof room);
        cr_assert(used < sizeof room);
        cr_assert_eq(room[used], '\0');
    }
    cr_assert_eq(top_clean(span_text("abcdefghij"), room, sizeof room), 4);
    cr_assert_str_eq(room, "abcd");
    cr_assert_eq(top_clean(span_text("\t\t\t\t"), room, sizeof room), 4);
}
