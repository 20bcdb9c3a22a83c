#include "base/figure.h"

#include <criterion/criterion.h>

static size_t two(const void *field)
{
    (void)field;
    return 2;
}

static uint64_t value(const void *field, size_t index, struct span *word)
{
    *word = span_text(index == 0 ? "one" : "other");
    return ((const uint64_t *)field)[index];
}

static const struct figure_labels labels = {"word", two, value};
static const struct figure count = {"count", .field = sizeof(uint64_t)};
static const struct figure by_word = {"by_word", .field = 2 * sizeof(uint64_t), .labels = &labels};
static const struct figure times = {"times", .kind = FIGURE_TIMES,
                                    .field = sizeof(struct histogram_sum)};

Test(figure, values_are_where_their_row_says)
{
    const uint64_t snapshot[] = {1, 2, 3, 4};
    struct histogram_sum both[2];
    struct span word;
    cr_assert_eq(figure_of(snapshot, &count), 2);
    cr_assert_eq(figure_count(snapshot, &by_word), 2);
    cr_assert_eq(figure_labelled(snapshot, &by_word, 0, &word), 3);
    cr_assert_eq(memcmp(word.data, "one", word.size), 0);
    cr_assert_eq(figure_labelled(snapshot, &by_word, 1, &word), 4);
    cr_assert_eq(memcmp(word.data, "other", word.size), 0);
    cr_assert_eq(figure_times(both, &times), &both[1]);
}

static void expect_quantile(const struct histogram_sum *sum, int index, const char *wanted,
                            uint64_t least_ns, uint64_t most_ns)
{
    const char *name;
    uint64_t time_ns = figure_quantile(sum, index, &name);
    cr_assert_str_eq(name, wanted);
    cr_assert(time_ns >= least_ns && time_ns <= most_ns, "%s: %llu", name,
              (unsigned long long)time_ns);
}

Test(figure, of_times_the_median_the_slowest_percent_and_the_slowest_are_shown)
{
    static struct histogram histogram;
    struct histogram_sum sum = {.count = 0};
    for (uint64_t i = 1; i <= 1000; i++) histogram_add(&histogram, i * 1000000);
    histogram_add(&histogram, UINT64_C(400000000000)); /* beyond the classes */
    histogram_read(&histogram, &sum);
    expect_quantile(&sum, 0, "p50", 500000000, 625000000);
    expect_quantile(&sum, 1, "p99", 990000000, 1250000000);
    expect_quantile(&sum, 2, "max", UINT64_C(400000000000), UINT64_C(400000000000));
}
