#include "admin/decimal.h"

#include <criterion/criterion.h>

static void expect(uint64_t value, int places, const char *written)
{
    char text[DECIMAL_MAX];
    cr_assert_str_eq(decimal(value, places, text), written);
}

Test(decimal, has_as_many_digits_as_it_needs)
{
    expect(0, 9, "0");
    expect(0, 0, "0");
    expect(7, 0, "7");
    expect(70, 0, "70");
    expect(1500000000, 9, "1.5");
    expect(2000000000, 9, "2");
    expect(1, 9, "0.000000001");
    expect(1000000001, 9, "1.000000001");
    expect(10000000000, 9, "10");
    expect(1050000, 6, "1.05");
    expect(UINT64_MAX, 0, "18446744073709551615");
    expect(UINT64_MAX, 9, "18446744073.709551615");
    expect(UINT64_MAX, 18, "18.446744073709551615");
}
