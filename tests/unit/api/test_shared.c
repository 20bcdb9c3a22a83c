#include "shared_short.h"

#include <signal.h>

/* ---- one entry ---- */

Test(shared, gives_back_what_was_set)
{
    static const uint8_t bytes[] = {0, 'a', 0, 0xff, 0};
    char key[SHARED_KEY_MAX];
    memset(key, 'k', sizeof key);
    const struct shared_value values[] = {
        {.type = SHARED_BOOLEAN, .boolean = true},
        {.type = SHARED_BOOLEAN, .boolean = false},
        integer(0),
        integer(INT64_MIN),
        integer(INT64_MAX),
        number(0.5),
        number(-0.0),
        number(1e308),
        number(__builtin_nan("")),
        text(""),
        text("some text"),
        {.type = SHARED_STRING, .string = span_of(bytes, sizeof bytes)},
    };
    struct shared *shared = open_one(MEMORY);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t size = 1; size <= sizeof key; size = size < 20 ? size + 1 : 2 * size - 4) {
            struct span name = span_of(key, size);
            cr_assert_eq(shared_set(shared, name, &values[i], 0, NEVER), SHARED_OK);
            cr_assert(holds(shared, name, values[i]), "value %zu, a key of %zu", i, size);
        }
    }
    shared_close(shared);
}

Test(shared, a_string_is_as_long_as_memory_allows)
{
    size_t size = MEMORY - 8192;
    uint8_t *bytes = malloc(size);
    struct shared *shared = open_one(MEMORY);
    struct shared_value value = {.type = SHARED_STRING, .string = span_of(bytes, size)};
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * i >> 3);
    cr_assert_eq(set(shared, "long", value, 0, NEVER), SHARED_OK);
    cr_assert(holds(shared, span_text("long"), value));
    cr_assert_eq(set(shared, "long", value, 0, NEVER), SHARED_OK, "one takes the other's place");
    cr_assert_eq(set(shared, "another", value, 0, NEVER), SHARED_FULL);
    value.string.size = SIZE_MAX - 1;
    cr_assert_eq(set(shared, "longer", value, 0, NEVER), SHARED_FULL);
    shared_close(shared);
    free(bytes);
}

Test(shared, a_missing_key_is_missing)
{
    struct shared *shared = open_one(MEMORY);
    cr_assert_not(has(shared, "key", 0));
    cr_assert_eq(shared_delete(shared, span_text("key"), 0), SHARED_MISSING);
    set(shared, "key", integer(1), 0, NEVER);
    cr_assert_not(has(shared, "ke", 0));
    cr_assert_not(has(shared, "key2", 0));
    cr_assert_eq(shared_delete(shared, span_text("key"), 0), SHARED_OK);
    cr_assert_eq(shared_delete(shared, span_text("key"), 0), SHARED_MISSING);
    cr_assert_not(has(shared, "key", 0));
    shared_close(shared);
}

Test(shared, keeps_copies)
{
    char key[] = "key", value[] = "value";
    struct shared *shared = open_one(MEMORY);
    set(shared, key, text(value), 0, NEVER);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    cr_assert(holds(shared, span_text("key"), text("value")));
    shared_close(shared);
}

Test(shared, adds_only_what_is_not_there)
{
    struct shared *shared = open_one(MEMORY);
    cr_assert_eq(add(shared, "key", integer(1), 100, 50), SHARED_OK);
    cr_assert_eq(add(shared, "key", integer(2), 149, 50), SHARED_EXISTS);
    cr_assert(holds(shared, span_text("key"), integer(1)));
    cr_assert_eq(add(shared, "key", integer(3), 150, NEVER), SHARED_OK, "the first has expired");
    cr_assert(holds(shared, span_text("key"), integer(3)));
    cr_assert_eq(count_of(shared), 1);
    shared_close(shared);
}

Test(shared, each_result_has_its_word)
{
    cr_assert_str_eq(shared_result_text(SHARED_FULL), "full");
    cr_assert_str_eq(shared_result_text(SHARED_EXISTS), "exists");
    cr_assert_str_eq(shared_result_text(SHARED_MISSING), "missing");
    cr_assert_str_eq(shared_result_text(SHARED_CHANGED), "changed");
    cr_assert_str_eq(shared_result_text(SHARED_IS_LIST), "list");
    cr_assert_str_eq(shared_result_text(SHARED_NOT_LIST), "notlist");
    cr_assert_str_eq(shared_result_text(SHARED_NOT_NUMBER), "notnumber");
    cr_assert_str_eq(shared_result_text(SHARED_OVERFLOW), "overflow");
    cr_assert_str_eq(shared_result_text(SHARED_NO_MEMORY), "memory");
    cr_assert_str_eq(shared_result_text(SHARED_NO_ROOM), "room");
}

Test(shared, a_key_without_a_byte_is_a_bug, .signal = SIGABRT)
{
    set(open_one(MEMORY), "", integer(1), 0, NEVER);
}

/* ---- numbers ---- */

Test(shared, integers_stay_integers_and_floats_floats)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum;
    set(shared, "n", integer(40), 0, NEVER);
    cr_assert_eq(incr(shared, "n", integer(2), NULL, &sum), SHARED_OK);
    cr_assert(sum.type == SHARED_INTEGER && sum.integer == 42);
    cr_assert_eq(incr(shared, "n", integer(-50), NULL, &sum), SHARED_OK);
    cr_assert(sum.type == SHARED_INTEGER && sum.integer == -8);
    cr_assert_eq(incr(shared, "n", number(0.5), NULL, &sum), SHARED_OK);
    cr_assert(sum.type == SHARED_FLOAT && sum.number == -7.5);
    cr_assert_eq(incr(shared, "n", integer(8), NULL, &sum), SHARED_OK);
    cr_assert(sum.type == SHARED_FLOAT && sum.number == 0.5);
    cr_assert(holds(shared, span_text("n"), number(0.5)));
    shared_close(shared);
}

Test(shared, a_sum_that_is_no_integer_changes_nothing)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, most = integer(INT64_MAX);
    set(shared, "n", integer(INT64_MAX - 1), 0, NEVER);
    cr_assert_eq(incr(shared, "n", integer(2), NULL, &sum), SHARED_OVERFLOW);
    cr_assert(holds(shared, span_text("n"), integer(INT64_MAX - 1)));
    cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_OK);
    cr_assert_eq(sum.integer, INT64_MAX);
    cr_assert_eq(incr(shared, "new", integer(1), &most, &sum), SHARED_OVERFLOW);
    cr_assert_not(has(shared, "new", 0));
    shared_close(shared);
}

Test(shared, only_numbers_are_added_to)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, init = integer(10), yes = {.type = SHARED_BOOLEAN, .boolean = true};
    set(shared, "text", text("five"), 0, NEVER);
    set(shared, "boolean", yes, 0, NEVER);
    cr_assert_eq(incr(shared, "text", integer(1), &init, &sum), SHARED_NOT_NUMBER);
    cr_assert_eq(incr(shared, "boolean", integer(1), &init, &sum), SHARED_NOT_NUMBER);
    cr_assert(holds(shared, span_text("text"), text("five")));
    cr_assert_eq(incr(shared, "n", integer(1), NULL, &sum), SHARED_MISSING);
    cr_assert_not(has(shared, "n", 0));
    cr_assert_eq(incr(shared, "n", integer(1), &init, &sum), SHARED_OK);
    cr_assert_eq(sum.integer, 11);
    cr_assert_eq(incr(shared, "n", integer(1), &init, &sum), SHARED_OK);
    cr_assert_eq(sum.integer, 12);
    shared_close(shared);
}

/* ---- time ---- */

Test(shared, an_entry_is_gone_when_its_time_has_come)
{
    struct shared *shared = open_one(MEMORY);
    set(shared, "key", text("value"), 1000, 500);
    cr_assert(has(shared, "key", 1000));
    cr_assert(has(shared, "key", 1499));
    cr_assert_not(has(shared, "key", 1500));
    set(shared, "key", text("value"), 2000, UINT64_MAX);
    cr_assert(has(shared, "key", UINT64_MAX - 1), "for good");
    shared_close(shared);
}

Test(shared, what_has_expired_is_neither_deleted_nor_added_to)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, one = integer(1);
    for (int i = 0; i < 2; i++) {
        set(shared, "key", integer(5), 0, 10);
        enum shared_result result =
            i == 0 ? shared_delete(shared, span_text("key"), 10)
                   : shared_incr(shared, span_text("key"), &one, NULL, 10, NEVER, &sum);
        cr_assert_eq(result, SHARED_MISSING);
    }
    shared_close(shared);
}

Test(shared, set_says_anew_how_long_it_lives_and_incr_does_not)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, one = integer(1);
    set(shared, "key", integer(1), 0, 100);
    set(shared, "key", integer(1), 50, 100);
    cr_assert(has(shared, "key", 149));
    shared_incr(shared, span_text("key"), &one, &one, 60, 1000, &sum);
    cr_assert(has(shared, "key", 149));
    cr_assert_not(has(shared, "key", 150));
    shared_incr(shared, span_text("key"), &one, &one, 150, 1000, &sum);
    cr_assert(has(shared, "key", 1149), "begun with a time of its own");
    cr_assert_not(has(shared, "key", 1150));
    set(shared, "key", integer(1), 0, 100);
    set(shared, "key", integer(1), 0, NEVER);
    cr_assert(has(shared, "key", UINT64_MAX - 1));
    shared_close(shared);
}

Test(shared, memory_of_what_has_expired_comes_back_by_itself)
{
    enum { ENTRIES = 3000 };
    char key[32];
    struct shared *shared = open_one(MEMORY);
    size_t before = used_by(shared);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof key, "key %d", i);
        cr_assert_eq(set(shared, key, text("value"), 0, (uint64_t)(i % 7 + 1) * 10), SHARED_OK);
    }
    size_t full = used_by(shared);
    go_on(shared, 9, 100);
    cr_assert_eq(count_of(shared), ENTRIES);
    go_on(shared, 10, ENTRIES);
    cr_assert_eq(count_of(shared), ENTRIES - (ENTRIES + 6) / 7, "only those that live 10");
    go_on(shared, 70, ENTRIES);
    cr_assert_eq(count_of(shared), 0);
    cr_assert(used_by(shared) < before + (full - before) / 50, "%zu", used_by(shared));
    shared_close(shared);
}
