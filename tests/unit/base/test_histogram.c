#include "base/histogram.h"
#include "random.h"

#include <criterion/criterion.h>

static struct histogram histogram;

static struct histogram_sum sum_of(void)
{
    struct histogram_sum sum = {.count = 0};
    histogram_read(&histogram, &sum);
    return sum;
}

Test(histogram, every_duration_is_in_the_class_that_ends_above_it)
{
    uint64_t random = 7;
    for (int i = 0; i < 100000; i++) {
        uint64_t duration_ns = random_next(&random) >> (27 + random_next(&random) % 37);
        struct histogram_sum sum = {.count = 1, .largest_ns = UINT64_MAX};
        sum.classes[histogram_class(duration_ns)] = 1;
        uint64_t end_ns = histogram_quantile(&sum, 1);
        uint64_t least_ns = duration_ns / 4 > 1024 ? duration_ns / 4 : 1024;
        cr_assert(end_ns > duration_ns, "%llu", (unsigned long long)duration_ns);
        cr_assert(end_ns - duration_ns <= least_ns, "%llu", (unsigned long long)duration_ns);
    }
}

Test(histogram, what_is_longer_than_the_last_class_is_in_it)
{
    const uint64_t end_ns = UINT64_C(1) << 37;
    cr_assert_eq(histogram_class(UINT64_MAX), HISTOGRAM_CLASSES - 1);
    cr_assert_eq(histogram_class(end_ns), HISTOGRAM_CLASSES - 1);
    cr_assert_eq(histogram_class(end_ns - 1), HISTOGRAM_CLASSES - 1);
    histogram_add(&histogram, UINT64_MAX / 2);
    struct histogram_sum sum = sum_of();
    cr_assert_eq(sum.largest_ns, UINT64_MAX / 2);
    cr_assert_eq(sum.classes[HISTOGRAM_CLASSES - 1], 1);
}

Test(histogram, quantiles_count_from_the_shortest)
{
    for (int i = 100; i >= 1; i--) histogram_add(&histogram, (uint64_t)i * 1000000);
    struct histogram_sum sum = sum_of();
    cr_assert_eq(sum.count, 100);
    cr_assert_eq(sum.total_ns, UINT64_C(5050) * 1000000);
    uint64_t half = histogram_quantile(&sum, 0.5), most = histogram_quantile(&sum, 0.99);
    cr_assert(half >= 50000000 && half <= 62500000, "%llu", (unsigned long long)half);
    cr_assert(most >= 99000000 && most <= 100000000, "%llu", (unsigned long long)most);
    cr_assert_eq(histogram_quantile(&sum, 1), 100000000);
}

Test(histogram, one_duration_is_each_quantile)
{
    histogram_add(&histogram, 3000);
    struct histogram_sum sum = sum_of();
    cr_assert_eq(histogram_quantile(&sum, 0), 3000);
    cr_assert_eq(histogram_quantile(&sum, 0.5), 3000);
}

Test(histogram, of_none_every_quantile_is_nothing)
{
    struct histogram_sum sum = sum_of();
    cr_assert_eq(histogram_quantile(&sum, 0.5), 0);
    cr_assert_eq(sum.count, 0);
}

Test(histogram, several_are_added_up)
{
    histogram_add(&histogram, 5000);
    struct histogram_sum sum = sum_of();
    histogram_add(&histogram, 9000);
    histogram_read(&histogram, &sum);
    cr_assert_eq(sum.count, 3);
    cr_assert_eq(sum.total_ns, 19000);
    cr_assert_eq(sum.largest_ns, 9000);
    cr_assert_eq(sum.classes[histogram_class(5000)], 2);
    cr_assert_eq(sum.classes[histogram_class(9000)], 1);
}

Test(histogram, one_that_stands_for_others_counts_as_many)
{
    histogram_add(&histogram, 5000);
    histogram_add_many(&histogram, 9000, 3);
    struct histogram_sum sum = sum_of();
    cr_assert_eq(sum.count, 4);
    cr_assert_eq(sum.total_ns, 32000);
    cr_assert_eq(sum.largest_ns, 9000);
    cr_assert_eq(sum.classes[histogram_class(9000)], 3);
}
