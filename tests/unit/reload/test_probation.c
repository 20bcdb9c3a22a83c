#include "reload/probation.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

/* ---- the judge ---- */

struct judged {
    struct trial_count before, now;
    bool fails;
};

static void judge(const struct judged *judged, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct trial_count *before = &judged[i].before, *now = &judged[i].now;
        cr_assert_eq(probation_fails(before, now), judged[i].fails,
                     "%zu: before %d of %d, now %d of %d on %d", i, (int)before->failed,
                     (int)before->calls, (int)now->failed, (int)now->calls, (int)now->connections);
    }
}

#define JUDGE(...) \
    static const struct judged table[] = {__VA_ARGS__}; \
    judge(table, sizeof table / sizeof *table)

/* calls, failures, connections */
Test(probation, three_failures_are_the_least)
{
    JUDGE({{1000, 0, 0}, {0, 0, 0}, false}, {{1000, 0, 0}, {2, 2, 2}, false},
          {{1000, 0, 0}, {3, 3, 3}, true}, {{0, 0, 0}, {2, 2, 2}, false},
          {{0, 0, 0}, {3, 3, 3}, true}, {{1000, 0, 0}, {1000000, 3, 3}, true});
}

Test(probation, one_peer_is_enough_only_if_a_tenth_of_all_calls_fail)
{
    JUDGE({{1000, 0, 0}, {30, 3, 1}, true}, {{1000, 0, 0}, {31, 3, 1}, false},
          {{1000, 0, 0}, {40, 4, 2}, true}, {{1000, 0, 0}, {41, 4, 2}, false},
          {{1000, 0, 0}, {41, 4, 3}, true}, {{1000, 0, 0}, {100000, 9999, 2}, false},
          {{1000, 0, 0}, {100000, 10000, 2}, true});
}

/* What is counted by several threads may be seen a little late. */
Test(probation, there_are_as_many_calls_as_failures_at_least)
{
    JUDGE({{1000, 0, 0}, {0, 3, 1}, true}, {{1000, 500, 9}, {0, 10, 3}, false});
}

/* 1 in 100 before: of 10000 calls 100 are expected, and up to 200 tolerated. */
Test(probation, as_often_as_before_is_well_and_far_more_often_is_not)
{
    JUDGE({{10000, 100, 9}, {10000, 100, 9}, false}, {{10000, 100, 9}, {10000, 200, 9}, false},
          {{10000, 100, 9}, {10000, 230, 9}, false}, {{10000, 100, 9}, {10000, 231, 9}, true},
          {{10000, 100, 9}, {100, 3, 3}, false}, {{10000, 100, 9}, {100, 6, 3}, false},
          {{10000, 100, 9}, {100, 7, 3}, true}, {{10000, 100, 9}, {10, 3, 3}, true},
          {{100000000, 1, 1}, {1000, 3, 3}, true});
}

/* Where half had failed: three of four fail now, or more. */
Test(probation, where_much_had_failed_what_went_well_is_what_counts)
{
    JUDGE({{1000, 500, 9}, {1000, 500, 9}, false}, {{1000, 500, 9}, {1000, 750, 9}, false},
          {{1000, 500, 9}, {1000, 806, 9}, false}, {{1000, 500, 9}, {1000, 807, 9}, true},
          {{1000, 500, 9}, {1000, 1000, 9}, true}, {{1000, 900, 9}, {10000, 10000, 9}, true},
          {{1000, 1000, 9}, {1000000, 1000000, 9}, false}, {{3, 3, 3}, {1000, 1000, 9}, false},
          {{2, 1, 1}, {1000, 1000, 9}, true}, {{1, 1, 1}, {1000, 1000, 9}, false});
}

Test(probation, large_numbers_are_judged_as_well)
{
    enum { MANY = 1 << 30 };
    JUDGE({{MANY, 0, 0}, {MANY, 3, 3}, true}, {{MANY, MANY / 2, 3}, {MANY, MANY / 2, 3}, false},
          {{MANY, MANY / 2, 3}, {MANY, MANY, 3}, true},
          {{MANY, MANY / 2, 3}, {MANY, MANY / 4 * 3, 3}, false});
}

/* ---- what was before ---- */

static void set(struct trial_count *counts, int kind, uint64_t calls, uint64_t failed)
{
    counts[kind] = (struct trial_count){.calls = calls, .failed = failed, .connections = 1};
}

static void expect_lately(const struct probation_past *past, const struct trial_count *now,
                          uint64_t calls, uint64_t failed)
{
    struct trial_count lately[TRIAL_KINDS];
    probation_past_lately(past, now, lately);
    cr_assert_eq(lately[ON_RECEIVE].calls, calls, "%d", (int)lately[ON_RECEIVE].calls);
    cr_assert_eq(lately[ON_RECEIVE].failed, failed, "%d", (int)lately[ON_RECEIVE].failed);
    cr_assert_eq(lately[RUN_CALL].failed, 0);
}

Test(probation, what_was_before_are_the_last_one_or_two_minutes)
{
    struct probation_past past;
    struct trial_count now[TRIAL_KINDS] = {{0}};
    uint64_t begun_ns = 5 * SECOND;
    probation_past_begin(&past, begun_ns);
    set(now, ON_RECEIVE, 10, 1);
    expect_lately(&past, now, 10, 1);
    cr_assert_eq(probation_past_note(&past, now, begun_ns + 59 * SECOND), begun_ns + 60 * SECOND);
    set(now, ON_RECEIVE, 100, 10);
    cr_assert_eq(probation_past_note(&past, now, begun_ns + 61 * SECOND), begun_ns + 121 * SECOND);
    set(now, ON_RECEIVE, 150, 11);
    expect_lately(&past, now, 150, 11); /* all there was */
    probation_past_note(&past, now, begun_ns + 120 * SECOND);
    expect_lately(&past, now, 150, 11);
    probation_past_note(&past, now, begun_ns + 121 * SECOND);
    set(now, ON_RECEIVE, 250, 11);
    expect_lately(&past, now, 150, 1); /* since the second minute began */
    probation_past_note(&past, now, begun_ns + 1000 * SECOND);
    expect_lately(&past, now, 100, 0);
    set(now, ON_RECEIVE, 20, 0); /* a worker has ended */
    expect_lately(&past, now, 0, 0);
    probation_past_begin(&past, begun_ns);
    expect_lately(&past, now, 20, 0);
}

/* ---- one that is on probation ---- */

static struct probation begin(uint64_t now_ns, uint64_t duration_ns)
{
    struct probation probation = {.generation = 0};
    probation_end(&probation);
    cr_assert_eq(probation.look_ns, UINT64_MAX);
    probation_begin(&probation, 7, now_ns, duration_ns);
    cr_assert_eq(probation.generation, 7);
    return probation;
}

Test(probation, what_does_not_fail_is_looked_at_once_more_and_has_passed)
{
    struct trial_count now[TRIAL_KINDS] = {{0}};
    struct probation probation = begin(100 * SECOND, 10 * SECOND);
    set(now, ON_RECEIVE, 1000, 0);
    cr_assert_eq(probation.look_ns, 110 * SECOND);
    cr_assert_eq(probation_look(&probation, now, 105 * SECOND), PROBATION_GOES_ON);
    cr_assert_eq(probation.look_ns, 110 * SECOND);
    cr_assert_eq(probation_look(&probation, now, 110 * SECOND - 1), PROBATION_GOES_ON);
    cr_assert_eq(probation_look(&probation, now, 110 * SECOND), PROBATION_PASSED);
    probation_end(&probation);
    cr_assert_eq(probation.generation, 0);
    cr_assert_eq(probation.look_ns, UINT64_MAX);
}

Test(probation, once_something_fails_it_is_looked_at_again_and_again)
{
    struct trial_count now[TRIAL_KINDS] = {{0}};
    struct probation probation = begin(100 * SECOND, 10 * SECOND);
    set(now, RUN_TIMER, 2, 2);
    cr_assert_eq(probation_look(&probation, now, 101 * SECOND), PROBATION_GOES_ON);
    cr_assert_eq(probation.look_ns, 101 * SECOND + PROBATION_LOOK_NS);
    cr_assert_eq(probation_look(&probation, now, 110 * SECOND - MILLISECOND), PROBATION_GOES_ON);
    cr_assert_eq(probation.look_ns, 110 * SECOND);
    set(now, RUN_TIMER, 3, 3);
    cr_assert_eq(probation_look(&probation, now, 110 * SECOND), PROBATION_FAILED);
    cr_assert_eq(probation.kind, RUN_TIMER);
}

/* Each kind is held against the same kind. */
Test(probation, what_has_failed_most_is_told)
{
    struct trial_count now[TRIAL_KINDS] = {{0}};
    struct probation probation = begin(100 * SECOND, 10 * SECOND);
    set(probation.before, ON_RECEIVE, 1000, 1000);
    set(now, ON_RECEIVE, 1000, 1000);
    set(now, ON_MESSAGE, 4, 4);
    set(now, RUN_TIMER, 5, 5);
    set(now, RUN_CALL, 3, 3);
    cr_assert_eq(probation_look(&probation, now, 101 * SECOND), PROBATION_FAILED);
    cr_assert_eq(probation.kind, RUN_TIMER);
}

Test(probation, what_cannot_be_gone_back_from_is_tried_again_ever_less_often)
{
    static const uint64_t pauses[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct trial_count now[TRIAL_KINDS] = {{0}};
    struct probation probation = begin(100 * SECOND, 10 * SECOND);
    uint64_t now_ns = 101 * SECOND;
    set(now, ON_RECEIVE, 3, 3);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        cr_assert_eq(probation_look(&probation, now, now_ns), PROBATION_FAILED);
        probation_retry(&probation, now_ns);
        set(now, ON_RECEIVE, 1000000, 3); /* nothing fails any more: that does not help */
        cr_assert_eq(probation_look(&probation, now, now_ns + 1), PROBATION_GOES_ON);
        now_ns += pauses[i] * SECOND;
        cr_assert_eq(probation.look_ns, now_ns);
        cr_assert_eq(probation_look(&probation, now, now_ns - 1), PROBATION_GOES_ON);
    }
    probation_begin(&probation, 9, now_ns, SECOND);
    cr_assert_eq(probation_look(&probation, (struct trial_count[TRIAL_KINDS]){{0}}, now_ns),
                 PROBATION_GOES_ON);
    cr_assert_eq(probation.look_ns, now_ns + SECOND);
}
