#include "admin/amount.h"

#include <criterion/criterion.h>

Test(amount, bytes_have_three_digits_and_a_unit)
{
    char text[AMOUNT_MAX];
    cr_assert_str_eq(amount_bytes(0, text), "0 B");
    cr_assert_str_eq(amount_bytes(1023, text), "1023 B");
    cr_assert_str_eq(amount_bytes(1024, text), "1.00 KiB");
    cr_assert_str_eq(amount_bytes(10240 + 512, text), "10.5 KiB");
    cr_assert_str_eq(amount_bytes(102400 + 512, text), "100 KiB");
    cr_assert_str_eq(amount_bytes((UINT64_C(1) << 30) + (UINT64_C(1) << 28), text), "1.25 GiB");
    cr_assert_str_eq(amount_bytes(UINT64_MAX, text), "16777215 TiB");
}

Test(amount, counts_go_by_thousands)
{
    char text[AMOUNT_MAX];
    cr_assert_str_eq(amount_count(999, text), "999");
    cr_assert_str_eq(amount_count(1000, text), "1.00 k");
    cr_assert_str_eq(amount_count(1050, text), "1.05 k");
    cr_assert_str_eq(amount_count(38549999, text), "38.5 M");
    cr_assert_str_eq(amount_count(UINT64_C(5000000000), text), "5.00 G");
}

Test(amount, shares_and_seconds_are_rounded)
{
    char text[AMOUNT_MAX];
    cr_assert_str_eq(amount_share(0, 0, text), "0.0%");
    cr_assert_str_eq(amount_share(1, 3, text), "33.3%");
    cr_assert_str_eq(amount_share(2, 3, text), "66.7%");
    cr_assert_str_eq(amount_share(3, 3, text), "100.0%");
    cr_assert_str_eq(amount_seconds(1499499999, text), "1.499 s");
    cr_assert_str_eq(amount_seconds(1499500000, text), "1.500 s");
    cr_assert_str_eq(amount_seconds(60005000000, text), "60.005 s");
}
