/* Lists: first in, first out, once each, and every item counts. */
#include "shared_short.h"

#include <pthread.h>

Test(shared_list, gives_back_what_was_pushed_first)
{
    static const uint8_t bytes[] = {0, 'a', 0};
    const struct shared_value values[] = {
        integer(1),
        number(0.5),
        text(""),
        text("text"),
        {.type = SHARED_BOOLEAN, .boolean = false},
        {.type = SHARED_STRING, .string = span_of(bytes, sizeof bytes)},
    };
    enum { VALUES = sizeof values / sizeof *values };
    struct shared *shared = open_one(MEMORY);
    for (int round = 0; round < 3; round++) {
        size_t length;
        cr_assert_eq(length_of(shared, "list"), 0);
        for (size_t i = 0; i < VALUES; i++) {
            cr_assert_eq(push(shared, "list", values[i], &length), SHARED_OK);
            cr_assert_eq(length, i + 1);
        }
        for (size_t i = 0; i < VALUES; i++) {
            cr_assert_eq(length_of(shared, "list"), VALUES - i);
            cr_assert(pops(shared, "list", values[i]), "value %d", (int)i);
        }
        cr_assert_eq(pop(shared, "list"), SHARED_MISSING);
        cr_assert_eq(count_of(shared), 0, "a list with nothing in it is gone");
    }
    shared_close(shared);
}

Test(shared_list, grows_at_one_end_while_it_shrinks_at_the_other)
{
    struct shared *shared = open_one(MEMORY);
    size_t length;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(push(shared, "list", integer(2 * i), &length), SHARED_OK);
        cr_assert_eq(push(shared, "list", integer(2 * i + 1), &length), SHARED_OK);
        cr_assert_eq(length, (size_t)i + 2);
        cr_assert(pops(shared, "list", integer(i)));
    }
    for (int i = 1000; i < 2000; i++) cr_assert(pops(shared, "list", integer(i)));
    cr_assert_not(has(shared, "list", 0));
    shared_close(shared);
}

Test(shared_list, is_no_value_and_a_value_no_list)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value value, one = integer(1);
    size_t length;
    push(shared, "list", one, &length);
    cr_assert_eq(shared_get(shared, span_text("list"), 0, &value, span_of(NULL, 0)),
                 SHARED_IS_LIST);
    cr_assert_eq(incr(shared, "list", one, &one, &value), SHARED_NOT_NUMBER);
    cr_assert_eq(add(shared, "list", one, 0, NEVER), SHARED_EXISTS);
    cr_assert_eq(swap(shared, "list", &one, &one), SHARED_CHANGED);
    cr_assert_eq(swap(shared, "list", NULL, &one), SHARED_CHANGED);
    cr_assert_eq(length_of(shared, "list"), 1);
    set(shared, "text", text("1"), 0, NEVER);
    cr_assert_eq(push(shared, "text", one, &length), SHARED_NOT_LIST);
    cr_assert_eq(pop(shared, "text"), SHARED_NOT_LIST);
    cr_assert_eq(shared_length(shared, span_text("text"), 0, &length), SHARED_NOT_LIST);
    cr_assert(holds(shared, span_text("text"), text("1")));
    shared_close(shared);
}

Test(shared_list, what_there_is_no_room_for_stays)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value value;
    uint8_t bytes[5];
    size_t length;
    push(shared, "list", text("12345"), &length);
    set(shared, "text", text("12345"), 0, NEVER);
    for (int i = 0; i < 2; i++) {
        struct span key = span_text(i == 0 ? "text" : "list");
        copy_value *copy = i == 0 ? shared_get : shared_pop;
        cr_assert_eq(copy(shared, key, 0, &value, span_of(bytes, 4)), SHARED_NO_ROOM);
        cr_assert_eq(value.string.size, 5);
        cr_assert_eq(copy(shared, key, 0, &value, span_of(bytes, 5)), SHARED_OK);
        cr_assert(value.string.data == bytes && memcmp(bytes, "12345", 5) == 0);
    }
    cr_assert_eq(length_of(shared, "list"), 0);
    shared_close(shared);
}

Test(shared_list, is_replaced_and_deleted_as_a_value_is)
{
    struct shared *shared = open_one(MEMORY);
    size_t length;
    for (int i = 0; i < 10; i++) push(shared, "list", integer(i), &length);
    cr_assert_eq(set(shared, "list", integer(5), 0, NEVER), SHARED_OK);
    cr_assert(holds(shared, span_text("list"), integer(5)));
    cr_assert_eq(shared_delete(shared, span_text("list"), 0), SHARED_OK);
    push(shared, "list", integer(7), &length);
    cr_assert_eq(length, 1);
    cr_assert_eq(shared_delete(shared, span_text("list"), 0), SHARED_OK);
    cr_assert_eq(length_of(shared, "list"), 0);
    shared_close(shared);
}

Test(shared_list, expires_as_a_whole)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value one = integer(1);
    size_t length;
    push(shared, "list", one, &length);
    cr_assert_eq(ttl_of(shared, "list", 0), NEVER);
    cr_assert_eq(expire(shared, "list", 0, 100), SHARED_OK);
    cr_assert_eq(shared_push(shared, span_text("list"), &one, 99, &length), SHARED_OK);
    cr_assert_eq(length, 2);
    cr_assert_eq(ttl_of(shared, "list", 99), 1, "no push makes it live longer");
    cr_assert_eq(shared_push(shared, span_text("list"), &one, 100, &length), SHARED_OK);
    cr_assert_eq(length, 1, "another list");
    cr_assert_eq(ttl_of(shared, "list", 100), NEVER);
    cr_assert_eq(expire(shared, "list", 100, 100), SHARED_OK);
    struct shared_value value;
    cr_assert_eq(shared_pop(shared, span_text("list"), 200, &value, span_of(NULL, 0)),
                 SHARED_MISSING);
    cr_assert_eq(shared_length(shared, span_text("list"), 200, &length), SHARED_OK);
    cr_assert_eq(length, 0);
    shared_close(shared);
}

/* ---- the bound ---- */

/* How many items there was room for. */
static size_t fill(struct shared *shared, const char *key, struct shared_value value)
{
    size_t length = 0;
    for (;;) {
        size_t now;
        enum shared_result result = push(shared, key, value, &now);
        struct shared_figures figures = shared_figures(shared);
        cr_assert_leq(figures.memory_used, figures.memory_max);
        if (result == SHARED_FULL) return length;
        if (result != SHARED_OK) cr_assert_eq(result, SHARED_OK);
        length = now;
    }
}

Test(shared_list, every_item_counts)
{
    struct shared *shared = open_one(MEMORY);
    char kilobyte[1001];
    memset(kilobyte, 'x', 1000);
    kilobyte[1000] = '\0';
    size_t before = used_by(shared), count = fill(shared, "list", text(kilobyte));
    cr_assert(count > MEMORY / 1100 && count < MEMORY / 1000, "%zu", count);
    cr_assert_eq(length_of(shared, "list"), count);
    cr_assert_eq(push(shared, "another", integer(1), &(size_t){0}), SHARED_OK);
    cr_assert_eq(push(shared, "another", text(kilobyte), &(size_t){0}), SHARED_FULL);
    cr_assert_eq(push(shared, "third", text(kilobyte), &(size_t){0}), SHARED_FULL);
    cr_assert_eq(count_of(shared), 2, "no list that is empty");
    cr_assert(pops(shared, "list", text(kilobyte)));
    cr_assert_eq(push(shared, "another", text(kilobyte), &(size_t){0}), SHARED_OK);
    for (size_t i = 1; i < count; i++) cr_assert(pops(shared, "list", text(kilobyte)));
    cr_assert(pops(shared, "another", integer(1)));
    cr_assert(pops(shared, "another", text(kilobyte)));
    cr_assert_eq(used_by(shared), before);
    shared_close(shared);
}

Test(shared_list, an_item_larger_than_all_memory_is_refused)
{
    struct shared *shared = open_one(MEMORY);
    struct shared_value value = {.type = SHARED_STRING, .string = span_of("", SIZE_MAX - 1)};
    cr_assert_eq(push(shared, "list", value, &(size_t){0}), SHARED_FULL);
    cr_assert_eq(count_of(shared), 0);
    shared_close(shared);
}

/* It leaves at once; its memory comes back a few items with each operation, or when it is needed. */
Test(shared_list, memory_of_a_long_list_comes_back)
{
    struct shared *shared = open_one(MEMORY);
    set(shared, "expires", integer(1), 0, 1); /* the least memory that it keeps has room for one */
    shared_delete(shared, span_text("expires"), 0);
    size_t empty = used_by(shared);
    for (int round = 0; round < 3; round++) {
        size_t count = fill(shared, "list", integer(1)), full = used_by(shared);
        cr_assert(count > 10000, "%zu", count);
        if (round == 0) shared_delete(shared, span_text("list"), 0);
        if (round == 1) set(shared, "list", integer(1), 0, NEVER);
        if (round == 2) expire(shared, "list", 0, 10);
        go_on(shared, 10, 1);
        cr_assert(used_by(shared) > full - (full - empty) / 100, "a few items are freed");
        go_on(shared, 10, (int)count);
        shared_delete(shared, span_text("list"), 10);
        cr_assert_eq(used_by(shared), empty, "round %d", round);
    }
    char *large = calloc(1, MEMORY);
    memset(large, 'x', MEMORY - 65536);
    fill(shared, "list", integer(1));
    cr_assert_eq(set(shared, "large", text(large), 0, NEVER), SHARED_FULL);
    shared_delete(shared, span_text("list"), 0);
    cr_assert_eq(set(shared, "large", text(large), 0, NEVER), SHARED_OK);
    shared_close(shared);
    free(large);
}

Test(shared_list, memory_of_several_lists_comes_back)
{
    struct shared *shared = open_one(MEMORY);
    size_t before = used_by(shared), length;
    for (int i = 0; i < 3000; i++) push(shared, i % 3 == 0 ? "a" : "b", integer(i), &length);
    shared_delete(shared, span_text("a"), 0);
    shared_delete(shared, span_text("b"), 0);
    go_on(shared, 0, 3000);
    cr_assert_eq(used_by(shared), before);
    shared_close(shared);
}

Test(shared_list, what_is_left_at_the_end_is_freed)
{
    struct shared *shared = open_one(MEMORY);
    size_t length;
    for (int i = 0; i < 1000; i++) {
        push(shared, "gone", integer(i), &length);
        push(shared, "there", integer(i), &length);
    }
    shared_delete(shared, span_text("gone"), 0);
    shared_close(shared);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 10000 };

struct crew {
    struct shared *shared;
    int number;
    int seen[THREADS][ROUNDS]; /* how often it has popped what which thread has pushed */
};

/* Sizes differ, so that there is too little room in the buffer now and then. */
static void pop_one(struct crew *crew, struct buffer *buffer, int last[THREADS])
{
    struct shared_value value;
    enum shared_result result =
        copy_to(buffer, shared_pop, crew->shared, span_text("list"), 0, &value);
    if (result == SHARED_MISSING) return;
    if (result != SHARED_OK || value.string.size < 8) abort();
    char digits[16] = "";
    memcpy(digits, value.string.data, 8); /* no NUL stands behind them */
    int from = digits[0] - '0', round = atoi(digits + 1);
    if (round <= last[from]) abort(); /* in the order in which that thread pushed them */
    last[from] = round;
    crew->seen[from][round]++;
    free(buffer->data);
    *buffer = (struct buffer){.data = NULL};
}

static void *push_and_pop(void *argument)
{
    struct crew *crew = argument;
    struct buffer buffer = {.data = NULL};
    char item[128];
    int last[THREADS] = {-1, -1, -1, -1};
    for (int i = 0; i < ROUNDS; i++) {
        size_t length;
        snprintf(item, sizeof item, "%d%d%*s", crew->number, i, 8 + i % 100, "");
        if (push(crew->shared, "list", text(item), &length) != SHARED_OK) abort();
        if (length < 1) abort();
        pop_one(crew, &buffer, last);
    }
    for (int i = 0; i < ROUNDS; i++) pop_one(crew, &buffer, last);
    free(buffer.data);
    return NULL;
}

Test(shared_list, each_item_is_popped_once_by_one_of_the_threads)
{
    static struct crew crews[THREADS];
    pthread_t threads[THREADS];
    struct shared *shared = open_one(16 * MEMORY);
    for (int i = 0; i < THREADS; i++) {
        crews[i].shared = shared;
        crews[i].number = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, push_and_pop, &crews[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    cr_assert_eq(length_of(shared, "list"), 0);
    cr_assert_eq(count_of(shared), 0);
    for (int from = 0; from < THREADS; from++)
        for (int i = 0; i < ROUNDS; i++) {
            int times = 0;
            for (int by = 0; by < THREADS; by++) times += crews[by].seen[from][i];
            if (times != 1) cr_assert_eq(times, 1, "%d of %d", i, from);
        }
    shared_close(shared);
}
