/* How long an entry still lives, and how that is changed. */
#include "api/shared_table.h"
#include "shared_short.h"

Test(shared_life, says_how_long_an_entry_still_lives)
{
    struct shared *shared = open_one(MEMORY);
    set(shared, "short", integer(1), 1000, 500);
    set(shared, "ever", integer(1), 1000, NEVER);
    cr_assert_eq(ttl_of(shared, "short", 1000), 500);
    cr_assert_eq(ttl_of(shared, "short", 1499), 1);
    cr_assert_eq(ttl_of(shared, "short", 1500), UINT64_MAX);
    cr_assert_eq(ttl_of(shared, "ever", 1500), NEVER);
    cr_assert_eq(ttl_of(shared, "missing", 0), UINT64_MAX);
    shared_close(shared);
}

Test(shared_life, is_counted_from_then_on)
{
    struct shared *shared = open_one(MEMORY);
    set(shared, "key", integer(1), 0, NEVER);
    cr_assert_eq(expire(shared, "key", 100, 50), SHARED_OK);
    cr_assert_eq(ttl_of(shared, "key", 120), 30);
    cr_assert_eq(expire(shared, "key", 120, 1000), SHARED_OK, "later");
    cr_assert(has(shared, "key", 1119));
    cr_assert_eq(expire(shared, "key", 1119, 5), SHARED_OK, "sooner");
    cr_assert_eq(ttl_of(shared, "key", 1119), 5);
    cr_assert_eq(expire(shared, "key", 1120, NEVER), SHARED_OK, "for good");
    cr_assert_eq(ttl_of(shared, "key", UINT64_MAX - 1), NEVER);
    cr_assert(holds(shared, span_text("key"), integer(1)));
    cr_assert_eq(expire(shared, "key", 2000, UINT64_MAX), SHARED_OK, "beyond the end of time");
    cr_assert_eq(ttl_of(shared, "key", 2000), NEVER);
    cr_assert_eq(expire(shared, "key", 2000, 10), SHARED_OK);
    cr_assert_eq(expire(shared, "key", 2010, 10), SHARED_MISSING, "too late");
    cr_assert_eq(expire(shared, "missing", 0, 10), SHARED_MISSING);
    shared_close(shared);
}

/* Each has its own time now, whatever it began with. */
Test(shared_life, of_many_entries_each_goes_in_its_time)
{
    enum { ENTRIES = 2000 };
    char key[32];
    struct shared *shared = open_one(MEMORY);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof key, "%d", i);
        set(shared, key, integer(i), 0, i % 3 == 0 ? NEVER : (uint64_t)(i % 5 + 1));
        cr_assert_eq(expire(shared, key, 0, (uint64_t)(i * 7 % ENTRIES + 1000)), SHARED_OK);
    }
    for (uint64_t now_ns = 999; now_ns < 1000 + ENTRIES; now_ns += 100) {
        go_on(shared, now_ns, ENTRIES / 4);
        cr_assert_eq(count_of(shared), ENTRIES - (now_ns - 999), "at %d", (int)now_ns);
    }
    shared_close(shared);
}

/* What has expired makes room for what expires. */
Test(shared_life, that_needs_memory_gets_what_has_expired)
{
    char key[32];
    struct shared *shared = open_one(SHARED_MEMORY_MIN);
    int count = 0;
    for (enum shared_result result = SHARED_OK; result == SHARED_OK; count++) {
        snprintf(key, sizeof key, "%d", count);
        result = set(shared, key, integer(1), 0, NEVER);
    }
    cr_assert_eq(expire(shared, "1", 0, 10), SHARED_FULL);
    cr_assert_eq(ttl_of(shared, "1", 0), NEVER, "it lives as before");
    shared_close(shared);
    shared = open_one(16384);
    for (int i = 0; i < SHARED_PART_FIRST; i++) {
        snprintf(key, sizeof key, "short %d", i);
        cr_assert_eq(set(shared, key, integer(1), 0, 10), SHARED_OK);
    }
    cr_assert_eq(set(shared, "key", integer(1), 0, NEVER), SHARED_OK);
    do snprintf(key, sizeof key, "%d", count++);
    while (set(shared, key, integer(1), 0, NEVER) == SHARED_OK);
    cr_assert_eq(expire(shared, "key", 9, 100), SHARED_FULL);
    cr_assert_eq(expire(shared, "key", 10, 100), SHARED_OK);
    cr_assert_eq(ttl_of(shared, "key", 10), 100);
    shared_close(shared);
}

/* ---- numbers kept as text ---- */

static bool sums_up(const char *string, struct shared_value expected)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum;
    set(shared, "n", text(string), 0, NEVER);
    bool same = incr(shared, "n", integer(1), NULL, &sum) == SHARED_OK &&
                same_value(&sum, &expected) && holds(shared, span_text("n"), expected) &&
                count_of(shared) == 1;
    shared_close(shared);
    return same;
}

Test(shared_life, a_number_kept_as_text_becomes_one)
{
    cr_assert(sums_up("41", integer(42)));
    cr_assert(sums_up("+5", integer(6)));
    cr_assert(sums_up("-5", integer(-4)));
    cr_assert(sums_up("007", integer(8)));
    cr_assert(sums_up("1.5", number(2.5)));
    cr_assert(sums_up("5.", number(6)));
    cr_assert(sums_up(".5", number(1.5)));
    cr_assert(sums_up("-.5", number(0.5)));
    cr_assert(sums_up("1e2", number(101)));
    cr_assert(sums_up("1E+2", number(101)));
    cr_assert(sums_up("10e-1", number(2)));
    cr_assert(sums_up("0.1e1", number(2)));
    cr_assert(sums_up("-9223372036854775808", integer(INT64_MIN + 1)));
    cr_assert(sums_up("9223372036854775808", number(0x1p63)), "too large for an integer");
    cr_assert(
        sums_up("0000000000000000000000000000000000000000000000000000000000000001", integer(2)),
        "64 bytes");
}

Test(shared_life, a_text_that_is_no_number_stays_as_it_is)
{
    static const char *const texts[] = {
        "",
        " 5",
        "5 ",
        "5\n",
        "-",
        "+",
        "--5",
        ".",
        "e5",
        "1e",
        "1e+",
        "1e5.",
        "0x10",
        "1,5",
        "1.2.3",
        "nan",
        "inf",
        "infinity",
        "5 6",
        "1e5e5",
        "-.",
        "five",
        "00000000000000000000000000000000000000000000000000000000000000001" /* 65 bytes */};
    struct shared_value sum, zero = {.type = SHARED_STRING, .string = span_of("5\0", 2)};
    struct shared *shared = open_one(MEMORY);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        set(shared, "n", text(texts[i]), 0, NEVER);
        cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_NOT_NUMBER, "%s", texts[i]);
        cr_assert(holds(shared, span_text("n"), text(texts[i])));
    }
    set(shared, "n", zero, 0, NEVER);
    cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_NOT_NUMBER);
    set(shared, "n", text("9223372036854775807"), 0, NEVER);
    cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_OVERFLOW);
    cr_assert(holds(shared, span_text("n"), text("9223372036854775807")));
    shared_close(shared);
}

Test(shared_life, a_text_that_becomes_a_number_lives_as_long_as_before)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, one = integer(1);
    set(shared, "n", text("1"), 0, 100);
    cr_assert_eq(shared_incr(shared, span_text("n"), &one, NULL, 50, NEVER, &sum), SHARED_OK);
    cr_assert_eq(ttl_of(shared, "n", 50), 50);
    set(shared, "m", text("1"), 0, NEVER);
    cr_assert_eq(shared_incr(shared, span_text("m"), &one, &one, 50, 10, &sum), SHARED_OK);
    cr_assert_eq(ttl_of(shared, "m", 50), NEVER);
    shared_close(shared);
}

Test(shared_life, a_text_becomes_a_number_without_more_memory)
{
    char key[32];
    struct shared *shared = open_one(SHARED_MEMORY_MIN);
    struct shared_value sum;
    set(shared, "n", text("1"), 0, 10);
    int count = 0;
    do snprintf(key, sizeof key, "%d", count++);
    while (set(shared, key, integer(1), 0, NEVER) == SHARED_OK);
    size_t before = used_by(shared);
    cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_OK);
    cr_assert_leq(used_by(shared), before);
    cr_assert_eq(count_of(shared), (size_t)count);
    shared_close(shared);
}
