/* compare_and_set: what equals what, and that of many threads one succeeds. */
#include "shared_short.h"

#include <pthread.h>

static const struct shared_value yes = {.type = SHARED_BOOLEAN, .boolean = true};
static const struct shared_value no = {.type = SHARED_BOOLEAN, .boolean = false};

Test(shared_swap, sets_if_the_old_value_is_there)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value one = integer(1), two = integer(2), a = text("a"), b = text("b");
    cr_assert_eq(swap(shared, "key", &one, &two), SHARED_CHANGED, "nothing is there");
    cr_assert_not(has(shared, "key", 0));
    cr_assert_eq(swap(shared, "key", NULL, &one), SHARED_OK);
    cr_assert_eq(swap(shared, "key", NULL, &two), SHARED_CHANGED);
    cr_assert_eq(swap(shared, "key", &two, &one), SHARED_CHANGED);
    cr_assert(holds(shared, span_text("key"), one));
    cr_assert_eq(swap(shared, "key", &one, &a), SHARED_OK);
    cr_assert_eq(swap(shared, "key", &b, &two), SHARED_CHANGED);
    cr_assert(holds(shared, span_text("key"), a));
    cr_assert_eq(swap(shared, "key", &a, &b), SHARED_OK);
    cr_assert_eq(swap(shared, "key", &b, &b), SHARED_OK, "the same once more");
    cr_assert(holds(shared, span_text("key"), b));
    cr_assert_eq(count_of(shared), 1);
    shared_close(shared);
}

Test(shared_swap, deletes_if_there_is_no_new_value)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value a = text("a"), b = text("b"), one = integer(1);
    set(shared, "key", a, 0, NEVER);
    cr_assert_eq(swap(shared, "key", &b, NULL), SHARED_CHANGED);
    cr_assert_eq(swap(shared, "key", NULL, NULL), SHARED_CHANGED);
    cr_assert(has(shared, "key", 0));
    cr_assert_eq(swap(shared, "key", &a, NULL), SHARED_OK);
    cr_assert_eq(count_of(shared), 0);
    cr_assert_eq(swap(shared, "key", NULL, NULL), SHARED_OK, "nothing was to be there");
    set(shared, "key", one, 0, 10);
    cr_assert_eq(swap(shared, "key", &one, NULL), SHARED_OK);
    cr_assert_eq(count_of(shared), 0);
    shared_close(shared);
}

/* As == in Lua. */
Test(shared_swap, compares_types_and_values)
{
    static const uint8_t zero[] = {'a', 0, 'b'};
    const struct shared_value values[] = {
        yes,
        no,
        integer(0),
        integer(1),
        text(""),
        text("1"),
        text("true"),
        text("a"),
        text("ab"),
        {.type = SHARED_STRING, .string = span_of(zero, 3)},
        {.type = SHARED_STRING, .string = span_of(zero, 2)},
        number(0.5),
        number(__builtin_inf()),
        integer(INT64_MAX),
        integer(INT64_MIN),
        integer(9007199254740993),
    };
    enum { VALUES = sizeof values / sizeof *values };
    struct shared *shared = open_one(MEMORY);
    for (int i = 0; i < VALUES; i++)
        for (int j = 0; j < VALUES; j++) {
            set(shared, "key", values[i], 0, NEVER);
            cr_assert_eq(swap(shared, "key", &values[j], &yes), i == j ? SHARED_OK : SHARED_CHANGED,
                         "%d and %d", i, j);
        }
    shared_close(shared);
}

static bool equal(struct shared_value a, struct shared_value b)
{
    struct shared *shared = open_one(MEMORY);
    set(shared, "key", a, 0, NEVER);
    enum shared_result result = swap(shared, "key", &b, &yes);
    cr_assert(result == SHARED_OK || result == SHARED_CHANGED);
    set(shared, "key", b, 0, NEVER);
    cr_assert_eq(swap(shared, "key", &a, &yes), result, "the other way round");
    shared_close(shared);
    return result == SHARED_OK;
}

Test(shared_swap, an_integer_may_equal_a_float)
{
    cr_assert(equal(integer(1), number(1)));
    cr_assert(equal(integer(0), number(-0.0)));
    cr_assert(equal(number(0), number(-0.0)));
    cr_assert(equal(integer(INT64_MIN), number(-0x1p63)));
    cr_assert(equal(integer(INT64_C(1) << 53), number(0x1p53)));
    cr_assert_not(equal(integer(1), number(1.5)));
    cr_assert_not(equal(integer((INT64_C(1) << 53) + 1), number(0x1p53)));
    cr_assert_not(equal(integer(INT64_MAX), number(0x1p63)));
    cr_assert_not(equal(integer(INT64_MIN), number(__builtin_inf())));
    cr_assert_not(equal(integer(0), number(__builtin_nan(""))));
    cr_assert_not(equal(number(__builtin_nan("")), number(__builtin_nan(""))));
}

Test(shared_swap, long_strings_are_compared_to_the_last_byte)
{
    enum { SIZE = 100000 };
    char *a = calloc(1, SIZE + 1), *b = calloc(1, SIZE + 1);
    struct shared *shared = open_one(MEMORY);
    memset(a, 'x', SIZE);
    memset(b, 'x', SIZE);
    b[SIZE - 1] = 'y';
    struct shared_value old = text(a), other = text(b);
    set(shared, "key", old, 0, NEVER);
    cr_assert_eq(swap(shared, "key", &other, &yes), SHARED_CHANGED);
    cr_assert_eq(swap(shared, "key", &old, &other), SHARED_OK);
    cr_assert(holds(shared, span_text("key"), other));
    shared_close(shared);
    free(a);
    free(b);
}

Test(shared_swap, says_anew_how_long_it_lives)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value one = integer(1), two = integer(2);
    set(shared, "key", one, 0, 100);
    cr_assert_eq(shared_compare_and_set(shared, span_text("key"), &one, &two, 50, 100), SHARED_OK);
    cr_assert_eq(ttl_of(shared, "key", 50), 100);
    cr_assert_eq(shared_compare_and_set(shared, span_text("key"), &two, &one, 60, NEVER),
                 SHARED_OK);
    cr_assert_eq(ttl_of(shared, "key", 60), NEVER, "as set has it");
    set(shared, "key", one, 0, 10);
    cr_assert_eq(shared_compare_and_set(shared, span_text("key"), &one, &two, 10, NEVER),
                 SHARED_CHANGED, "it has expired");
    cr_assert_eq(shared_compare_and_set(shared, span_text("key"), NULL, &two, 10, NEVER),
                 SHARED_OK);
    shared_close(shared);
}

Test(shared_swap, what_does_not_fit_leaves_the_old_value)
{
    char *large = calloc(1, MEMORY + 1);
    struct shared *shared = open_one(MEMORY);
    struct shared_value old = text("old"), value;
    memset(large, 'x', MEMORY);
    set(shared, "key", old, 0, NEVER);
    value = text(large);
    cr_assert_eq(swap(shared, "key", &old, &value), SHARED_FULL);
    large[MEMORY / 2] = '\0';
    set(shared, "filler", text(large), 0, 100);
    value = text(large);
    cr_assert_eq(swap(shared, "key", &old, &value), SHARED_FULL);
    cr_assert(holds(shared, span_text("key"), old));
    cr_assert_eq(shared_compare_and_set(shared, span_text("key"), &old, &value, 100, NEVER),
                 SHARED_OK, "what has expired makes room");
    cr_assert_eq(swap(shared, "key", &value, &old), SHARED_OK);
    shared_close(shared);
    free(large);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 3000, PAD = 300 };

/* A counter in a string that is long enough to be compared outside of the lock. */
static void *count_in_text(void *argument)
{
    struct shared *shared = argument;
    struct buffer buffer = {.data = NULL};
    char next[PAD + 1];
    for (int done = 0; done < ROUNDS;) {
        struct shared_value old, new;
        enum shared_result result = copy_to(&buffer, shared_get, shared, span_text("n"), 0, &old);
        if (result != SHARED_OK) abort();
        char digits[10] = "";
        memcpy(digits, old.string.data + PAD - 9, 9); /* no NUL stands behind them */
        snprintf(next, sizeof next, "%0*d", PAD, atoi(digits) + 1);
        new = text(next);
        result = swap(shared, "n", &old, &new);
        if (result != SHARED_OK && result != SHARED_CHANGED) abort();
        if (result == SHARED_OK) done++;
    }
    free(buffer.data);
    return NULL;
}

Test(shared_swap, no_change_is_lost_between_threads)
{
    pthread_t threads[THREADS];
    char last[PAD + 1];
    struct shared *shared = open_one(MEMORY);
    snprintf(last, sizeof last, "%0*d", PAD, 0);
    set(shared, "n", text(last), 0, NEVER);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_in_text, shared), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    snprintf(last, sizeof last, "%0*d", PAD, THREADS * ROUNDS);
    cr_assert(holds(shared, span_text("n"), text(last)));
    shared_close(shared);
}

/* Of all who want to go from one number to the next, one does. */
static void *go_up(void *argument)
{
    intptr_t won = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct shared_value old = integer(i), new = integer(i + 1);
        while (swap(argument, "step", &old, &new) == SHARED_OK) won++;
        while (!has(argument, "step", 0)) continue;
    }
    return (void *)won;
}

Test(shared_swap, of_all_threads_that_expect_a_value_one_succeeds)
{
    pthread_t threads[THREADS];
    intptr_t total = 0;
    struct shared *shared = open_one(MEMORY);
    set(shared, "step", integer(0), 0, NEVER);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, go_up, shared), 0);
    for (int i = 0; i < THREADS; i++) {
        void *won;
        pthread_join(threads[i], &won);
        total += (intptr_t)won;
    }
    cr_assert_eq(total, ROUNDS);
    cr_assert(holds(shared, span_text("step"), integer(ROUNDS)));
    shared_close(shared);
}
