#include "base/trim.h"

#include <criterion/criterion.h>

enum { MIB = 1 << 20 };

/* Where the heap gives memory back by itself it has never just been done. */
static void need_trims(void)
{
#ifdef _WIN32
    cr_skip_test("NOT TESTED: the heap of Windows is not asked to give memory back");
#endif
}

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

Test(trim, just_done_leaves_it_due)
{
    struct trim trim = {.peak = 10 * MIB};
    need_trims();
    do { /* a second that has just begun ends within this round at most once in a while */
        pages_trim_heap();
        trim.peak = 10 * MIB;
        trim_note(&trim, MIB);
    } while (trim.peak == MIB);
    cr_assert(trim_is_due(&trim, MIB));
}

Test(trim, left_to_others_counts_from_there_and_is_owed)
{
    struct trim trim;
    need_trims();
    do {
        pages_trim_heap();
        trim.peak = 10 * MIB;
        trim_leave(&trim, MIB);
        cr_assert_eq(trim.peak, MIB);
    } while (!atomic_load(&trim_is_owed));
    while (atomic_load(&trim_is_owed)) trim_owed();
}

Test(trim, done_counts_from_there)
{
    struct trim trim = {.peak = 10 * MIB};
    while (trim.peak > MIB) trim_note(&trim, MIB); /* once a second */
    cr_assert_not(trim_is_due(&trim, 0), "a little may stay");
}
