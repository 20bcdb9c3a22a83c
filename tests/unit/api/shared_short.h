/* shared_short.h - short names for what the tests of the dictionary do all the time. Where no time is
 * given it is 0. */
#ifndef MOONPORT_TEST_SHARED_SHORT_H
#define MOONPORT_TEST_SHARED_SHORT_H

#include "api/shared.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MEMORY = 1 << 20 };
#define NEVER UINT64_C(0)

static inline struct shared_value integer(int64_t number)
{
    return (struct shared_value){.type = SHARED_INTEGER, .integer = number};
}

static inline struct shared_value number(double value)
{
    return (struct shared_value){.type = SHARED_FLOAT, .number = value};
}

static inline struct shared_value text(const char *string)
{
    return (struct shared_value){.type = SHARED_STRING, .string = span_text(string)};
}

static inline enum shared_result set(struct shared *shared, const char *key,
                                     struct shared_value value, uint64_t now_ns, uint64_t ttl_ns)
{
    return shared_set(shared, span_text(key), &value, now_ns, ttl_ns);
}

static inline enum shared_result add(struct shared *shared, const char *key,
                                     struct shared_value value, uint64_t now_ns, uint64_t ttl_ns)
{
    return shared_add(shared, span_text(key), &value, now_ns, ttl_ns);
}

static inline struct shared *open_one(size_t memory)
{
    struct shared *shared = shared_open(memory);
    cr_assert_not_null(shared);
    return shared;
}

typedef enum shared_result copy_value(struct shared *shared, struct span key, uint64_t now_ns,
                                      struct shared_value *value, struct span room);

/* With as much room as it takes, which is the buffer's. */
static inline enum shared_result copy_to(struct buffer *buffer, copy_value *copy,
                                         struct shared *shared, struct span key, uint64_t now_ns,
                                         struct shared_value *value)
{
    for (;;) {
        struct span room = span_of(buffer->data, buffer->capacity);
        enum shared_result result = copy(shared, key, now_ns, value, room);
        if (result != SHARED_NO_ROOM) return result;
        if (!buffer_reserve(buffer, value->string.size)) abort();
    }
}

static inline bool has(struct shared *shared, const char *key, uint64_t now_ns)
{
    struct shared_value value;
    struct buffer buffer = {.data = NULL};
    enum shared_result result =
        copy_to(&buffer, shared_get, shared, span_text(key), now_ns, &value);
    cr_assert(result == SHARED_OK || result == SHARED_MISSING);
    free(buffer.data);
    return result == SHARED_OK;
}

static inline bool same_value(const struct shared_value *a, const struct shared_value *b)
{
    if (a->type != b->type) return false;
    switch (a->type) {
    case SHARED_BOOLEAN: return a->boolean == b->boolean;
    case SHARED_INTEGER: return a->integer == b->integer;
    case SHARED_FLOAT: return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case SHARED_STRING: break;
    }
    return a->string.size == b->string.size &&
           (a->string.size == 0 || memcmp(a->string.data, b->string.data, a->string.size) == 0);
}

static inline bool holds(struct shared *shared, struct span key, struct shared_value expected)
{
    struct shared_value value;
    struct buffer buffer = {.data = NULL};
    enum shared_result result = copy_to(&buffer, shared_get, shared, key, 0, &value);
    bool same = result == SHARED_OK && same_value(&value, &expected);
    free(buffer.data);
    return same;
}

static inline enum shared_result incr(struct shared *shared, const char *key,
                                      struct shared_value by, const struct shared_value *init,
                                      struct shared_value *sum)
{
    return shared_incr(shared, span_text(key), &by, init, 0, NEVER, sum);
}

/* The new value, or NULL, lives for ever. */
static inline enum shared_result swap(struct shared *shared, const char *key,
                                      const struct shared_value *old,
                                      const struct shared_value *value)
{
    return shared_compare_and_set(shared, span_text(key), old, value, 0, NEVER);
}

static inline enum shared_result push(struct shared *shared, const char *key,
                                      struct shared_value value, size_t *length)
{
    return shared_push(shared, span_text(key), &value, 0, length);
}

/* Whether what is popped is this. */
static inline bool pops(struct shared *shared, const char *key, struct shared_value expected)
{
    struct shared_value value;
    struct buffer buffer = {.data = NULL};
    enum shared_result result = copy_to(&buffer, shared_pop, shared, span_text(key), 0, &value);
    bool same = result == SHARED_OK && same_value(&value, &expected);
    free(buffer.data);
    return same;
}

static inline enum shared_result pop(struct shared *shared, const char *key)
{
    struct shared_value value;
    struct buffer buffer = {.data = NULL};
    enum shared_result result = copy_to(&buffer, shared_pop, shared, span_text(key), 0, &value);
    free(buffer.data);
    return result;
}

static inline size_t length_of(struct shared *shared, const char *key)
{
    size_t length;
    cr_assert_eq(shared_length(shared, span_text(key), 0, &length), SHARED_OK);
    return length;
}

/* UINT64_MAX: it is missing. */
static inline uint64_t ttl_of(struct shared *shared, const char *key, uint64_t now_ns)
{
    uint64_t ttl_ns;
    return shared_ttl(shared, span_text(key), now_ns, &ttl_ns) == SHARED_OK ? ttl_ns : UINT64_MAX;
}

static inline enum shared_result expire(struct shared *shared, const char *key, uint64_t now_ns,
                                        uint64_t ttl_ns)
{
    return shared_expire(shared, span_text(key), now_ns, ttl_ns);
}

static inline size_t count_of(struct shared *shared)
{
    return shared_figures(shared).count;
}

static inline size_t used_by(struct shared *shared)
{
    return shared_figures(shared).memory_used;
}

/* Operations that change nothing but what they tidy up. */
static inline void go_on(struct shared *shared, uint64_t now_ns, int operations)
{
    for (int i = 0; i < operations; i++)
        cr_assert_not(has(shared, "nothing has this name", now_ns));
}

/* Counts how often each number is among the keys; returns how many keys there are. */
static inline size_t list_keys(struct shared *shared, uint64_t now_ns, size_t most, int *seen,
                               int numbers)
{
    struct buffer buffer = {.data = NULL};
    size_t count;
    cr_assert_eq(shared_keys(shared, span_text(""), now_ns, most, &buffer, &count), SHARED_OK);
    for (size_t i = 0; i < count; i++) {
        char name[SHARED_KEY_MAX + 1];
        struct span key = shared_take_key(&buffer);
        memcpy(name, key.data, key.size);
        name[key.size] = '\0';
        int key_number = atoi(name);
        cr_assert(key_number >= 0 && key_number < numbers, "%s", name);
        seen[key_number]++;
    }
    cr_assert_eq(buffer_size(&buffer), 0);
    free(buffer.data);
    return count;
}

#endif
