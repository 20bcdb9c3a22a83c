#include "trim.h"

#include <criterion/criterion.h>

enum { MIB = 1 << 20 };

Test(trim, is_due_when_use_has_fallen_by_much)
{
    struct trim trim = {0};
    cr_assert_not(trim_is_due(&trim, 0));
    cr_assert_not(trim_is_due(&trim, 10 * MIB));
    cr_assert_not(trim_is_due(&trim, 7 * MIB));
    cr_assert_not(trim_is_due(&trim, 6 * MIB + 1), "just not by 4 MiB");
    cr_assert(trim_is_due(&trim, 6 * MIB));
    cr_assert(trim_is_due(&trim, 5 * MIB), "as long as it was not done");
    cr_assert_not(trim_is_due(&trim, 11 * MIB));
    cr_assert_not(trim_is_due(&trim, 7 * MIB + 1));
    cr_assert(trim_is_due(&trim, 7 * MIB));
}

Test(trim, is_not_due_as_long_as_three_quarters_are_in_use)
{
    struct trim trim = {0};
    cr_assert_not(trim_is_due(&trim, 100 * MIB));
    cr_assert_not(trim_is_due(&trim, 75 * MIB + 1));
    cr_assert_not(trim_is_due(&trim, 100 * MIB));
    cr_assert(trim_is_due(&trim, 75 * MIB));
}

Test(trim, done_counts_from_there)
{
    struct trim trim = {.peak = 10 * MIB};
    while (trim.peak > MIB) trim_note(&trim, MIB); /* once a second */
    cr_assert_not(trim_is_due(&trim, 0), "a little may stay");
}
