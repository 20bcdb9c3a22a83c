#include "base/piece.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { FROM = 3000, LIMIT = 100000 };

static void expect(const struct budget *budget, size_t used, size_t small)
{
    cr_assert_eq(budget_used(budget), used, "%zu are used", budget_used(budget));
    cr_assert_eq(budget_small(budget), small, "%zu are small", budget_small(budget));
    cr_assert(PIECE_ENDS_SEEN || pages_figures().taken == used - small);
}

Test(piece, a_small_one_is_paid_for_as_it_is_and_a_large_one_in_pages)
{
    struct budget budget = {.limit = LIMIT};
    void *small = piece_take(&budget, FROM - 1, 0, FROM),
         *large = piece_take(&budget, FROM, 0, FROM);
    memset(small, 1, FROM - 1);
    memset(large, 2, FROM);
    expect(&budget, FROM - 1 + PAGES_SIZE, FROM - 1);
    piece_give(&budget, small, FROM - 1, FROM);
    expect(&budget, PAGES_SIZE, 0);
    piece_give(&budget, large, FROM, FROM);
    expect(&budget, 0, 0);
}

Test(piece, grows_from_one_kind_into_the_other_with_its_bytes)
{
    static const size_t sizes[] = {1, 100, FROM - 1, FROM, PAGES_SIZE + 1, 40000};
    struct budget budget = {.limit = LIMIT};
    uint8_t *piece = piece_take(&budget, 1, 0, FROM);
    piece[0] = 7;
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
        piece = piece_grow(&budget, piece, sizes[i - 1], sizes[i], 0, FROM);
        cr_assert_not_null(piece);
        for (size_t k = 0; k < sizes[i - 1]; k++) cr_assert_eq(piece[k], 7);
        memset(piece, 7, sizes[i]);
        size_t paid = piece_round(sizes[i], FROM);
        expect(&budget, paid, sizes[i] < FROM ? paid : 0);
    }
    piece_give(&budget, piece, 40000, FROM);
    expect(&budget, 0, 0);
}

Test(piece, is_refused_when_its_last_page_is_beyond_the_budget)
{
    struct budget budget = {.limit = 3 * PAGES_SIZE - 1};
    cr_assert_null(piece_take(&budget, 2 * PAGES_SIZE + 1, 0, FROM));
    cr_assert_null(piece_take(&budget, SIZE_MAX, 0, FROM));
    uint8_t *piece = piece_take(&budget, 2 * PAGES_SIZE, 0, FROM);
    memset(piece, 3, 2 * PAGES_SIZE);
    cr_assert_null(piece_grow(&budget, piece, 2 * PAGES_SIZE, 2 * PAGES_SIZE + 1, 0, FROM));
    cr_assert_null(piece_grow(&budget, piece, 2 * PAGES_SIZE, SIZE_MAX, 0, FROM));
    cr_assert_eq(piece[2 * PAGES_SIZE - 1], 3);
    expect(&budget, 2 * PAGES_SIZE, 0);
    piece_give(&budget, piece, 2 * PAGES_SIZE, FROM);
    expect(&budget, 0, 0);
}

Test(piece, that_the_system_refuses_costs_nothing)
{
    if (PIECE_ENDS_SEEN)
        cr_skip_test("NOT TESTED: the address sanitizer refuses nothing, it aborts");
    struct budget budget = {.limit = SIZE_MAX};
    cr_assert_null(piece_take(&budget, SIZE_MAX / 4, 0, FROM));
    expect(&budget, 0, 0);
    void *piece = piece_take(&budget, PAGES_SIZE, 0, FROM);
    cr_assert_null(piece_grow(&budget, piece, PAGES_SIZE, SIZE_MAX / 4, 0, FROM));
    expect(&budget, PAGES_SIZE, 0);
    piece_give(&budget, piece, PAGES_SIZE, FROM);
}

/* What malloc keeps of them is resident, and pages would be in addition. */
Test(piece, small_ones_that_were_given_back_are_trimmed_before_whole_pages_take_their_place)
{
    enum { MIB = 1 << 20, SIZE = MIB / 8, COUNT = 8 * 64 };
    static void *pieces[COUNT];
    struct budget budget = {.limit = 64 * MIB};
    for (int i = 0; i < COUNT; i++)
        cr_assert_not_null(pieces[i] = piece_take(&budget, SIZE, 0, SIZE + 1));
    for (int i = 0; i < COUNT; i++) piece_give(&budget, pieces[i], SIZE, SIZE + 1);
    cr_assert_eq(budget.trim.peak, 64 * MIB);
    void *first = piece_take(&budget, 4 * MIB, 0, SIZE + 1);
    cr_assert_eq(budget.trim.peak, 64 * MIB, "a little may be resident in addition");
    void *second = piece_take(&budget, MIB, 0, SIZE + 1);
    cr_assert_eq(budget.trim.peak, 0);
    piece_give(&budget, first, 4 * MIB, SIZE + 1);
    piece_give(&budget, second, MIB, SIZE + 1);
}
