/* What many entries take together: the bound, the lists of keys, and all of it at random. */
#include "random.h"
#include "shared_short.h"

/* ---- the bound ---- */

/* Numbered from 0; how many there was room for. */
static int fill(struct shared *shared, uint64_t now_ns, uint64_t ttl_ns)
{
    char key[32];
    for (int i = 0;; i++) {
        snprintf(key, sizeof key, "%d", i);
        enum shared_result result = add(shared, key, integer(i), now_ns, ttl_ns);
        struct shared_figures figures = shared_figures(shared);
        if (figures.memory_used > figures.memory_max)
            cr_assert(false, "%zu of %zu bytes", figures.memory_used, figures.memory_max);
        if (result == SHARED_FULL) return i;
        if (result != SHARED_OK) cr_assert_eq(result, SHARED_OK);
    }
}

Test(shared, nothing_that_lives_makes_room)
{
    for (size_t memory = SHARED_MEMORY_MIN; memory <= MEMORY; memory *= 4) {
        for (uint64_t ttl_ns = 0; ttl_ns <= 100; ttl_ns += 100) {
            char key[32];
            struct shared *shared = open_one(memory);
            int count = fill(shared, 0, ttl_ns);
            cr_assert(count >= 10 && (size_t)count < memory / 32, "%d entries", count);
            cr_assert_eq(set(shared, "more", text("x"), 99, NEVER), SHARED_FULL);
            cr_assert_eq(count_of(shared), (size_t)count);
            for (int i = 0; i < count; i++) {
                snprintf(key, sizeof key, "%d", i);
                if (!holds(shared, span_text(key), integer(i))) cr_assert(false, "%d is lost", i);
            }
            shared_close(shared);
        }
    }
}

Test(shared, a_refused_value_leaves_the_old_one)
{
    char *large = calloc(1, MEMORY);
    struct shared *shared = open_one(MEMORY);
    struct shared_value sum, one = integer(1);
    memset(large, 'x', MEMORY - 1);
    set(shared, "old", text("old"), 0, NEVER);
    fill(shared, 0, NEVER);
    cr_assert_eq(set(shared, "old", text(large), 0, NEVER), SHARED_FULL);
    large[MEMORY / 2] = '\0';
    cr_assert_eq(set(shared, "old", text(large), 0, NEVER), SHARED_FULL);
    cr_assert(holds(shared, span_text("old"), text("old")));
    cr_assert_eq(shared_incr(shared, span_text("new"), &one, &one, 0, NEVER, &sum), SHARED_FULL);
    cr_assert_eq(incr(shared, "1", one, NULL, &sum), SHARED_OK, "no more memory is needed");
    cr_assert_eq(shared_delete(shared, span_text("1"), 0), SHARED_OK);
    cr_assert_eq(set(shared, "2 ", integer(1), 0, NEVER), SHARED_OK, "there is room for as much");
    shared_close(shared);
    free(large);
}

Test(shared, what_has_expired_makes_room_at_once)
{
    char *large = calloc(1, MEMORY / 2 + 1);
    struct shared *shared = open_one(MEMORY);
    memset(large, 'x', MEMORY / 2);
    fill(shared, 0, 100);
    cr_assert_eq(set(shared, "large", text(large), 99, NEVER), SHARED_FULL);
    cr_assert_eq(set(shared, "large", text(large), 100, NEVER), SHARED_OK);
    cr_assert(holds(shared, span_text("large"), text(large)));
    shared_close(shared);
    free(large);
}

Test(shared, all_memory_comes_back)
{
    char key[32];
    struct shared *shared = open_one(MEMORY);
    set(shared, "expires", integer(1), 0, 1); /* the least memory that it keeps has room for one */
    shared_delete(shared, span_text("expires"), 0);
    size_t before = used_by(shared);
    int count = 0;
    for (int round = 0; round < 3; round++) {
        int had = count;
        count = fill(shared, 0, round == 1 ? 1000 : NEVER);
        cr_assert(round != 2 || count >= had);
        for (int i = 0; i < count; i++) {
            snprintf(key, sizeof key, "%d", i);
            cr_assert_eq(shared_delete(shared, span_text(key), 0), SHARED_OK);
        }
        go_on(shared, 0, count);
        cr_assert_eq(used_by(shared), before);
    }
    shared_close(shared);
}

static void change_many(struct shared *shared, bool there)
{
    char key[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%d", i);
        if (there)
            set(shared, key, integer(i), 0, NEVER);
        else
            shared_delete(shared, span_text(key), 0);
    }
    go_on(shared, 0, 3000);
}

/* It grows and shrinks as if nobody had asked. */
Test(shared, a_list_of_the_keys_changes_nothing)
{
    static int seen[3000];
    struct shared *asked = open_one(MEMORY), *other = open_one(MEMORY);
    for (int round = 0; round < 4; round++) {
        list_keys(asked, 0, SIZE_MAX, seen, 3000);
        change_many(asked, round % 2 == 0);
        change_many(other, round % 2 == 0);
        cr_assert_eq(used_by(asked), used_by(other), "round %d", round);
    }
    shared_close(asked);
    shared_close(other);
}

/* ---- all of them ---- */

Test(shared, lists_each_key_that_lives_once)
{
    enum { ENTRIES = 3000 };
    static int seen[ENTRIES];
    char key[SHARED_KEY_MAX + 1];
    struct shared *shared = open_one(MEMORY);
    cr_assert_eq(list_keys(shared, 0, SIZE_MAX, seen, ENTRIES), 0);
    for (int i = 0; i < ENTRIES; i++) { /* keys of 5 to 84 bytes */
        snprintf(key, sizeof key, "%d%*s", i, 4 + i % 77, "x");
        cr_assert_eq(set(shared, key, integer(i), 0, i % 3 == 0 ? 10 : NEVER), SHARED_OK);
    }
    cr_assert_eq(list_keys(shared, 0, SIZE_MAX, seen, ENTRIES), ENTRIES);
    for (int i = 0; i < ENTRIES; i++) cr_assert_eq(seen[i], 1, "%d", i);
    for (size_t most = 1; most < ENTRIES; most += ENTRIES / 50 + 1)
        cr_assert_eq(list_keys(shared, 0, most, seen, ENTRIES), most);
    memset(seen, 0, sizeof seen);
    cr_assert_eq(list_keys(shared, 10, SIZE_MAX, seen, ENTRIES), ENTRIES - ENTRIES / 3);
    for (int i = 0; i < ENTRIES; i++) cr_assert_eq(seen[i], i % 3 != 0, "%d", i);
    shared_close(shared);
}

Test(shared, long_keys_are_listed_too)
{
    enum { ENTRIES = 500 };
    static int seen[ENTRIES];
    char key[SHARED_KEY_MAX + 1];
    struct shared *shared = open_one(MEMORY);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof key, "%3d%253s", i, "x");
        cr_assert_eq(set(shared, key, integer(i), 0, NEVER), SHARED_OK);
    }
    cr_assert_eq(list_keys(shared, 0, SIZE_MAX, seen, ENTRIES), ENTRIES);
    for (int i = 0; i < ENTRIES; i++) cr_assert_eq(seen[i], 1, "%d", i);
    shared_close(shared);
}

static size_t count_with(struct shared *shared, const char *prefix, uint64_t now_ns, size_t most)
{
    struct buffer buffer = {.data = NULL};
    size_t count, size = strlen(prefix);
    cr_assert_eq(shared_keys(shared, span_text(prefix), now_ns, most, &buffer, &count), SHARED_OK);
    for (size_t i = 0; i < count; i++) {
        struct span key = shared_take_key(&buffer);
        cr_assert(key.size >= size && memcmp(key.data, prefix, size) == 0);
    }
    free(buffer.data);
    return count;
}

Test(shared, lists_the_keys_that_begin_with_a_prefix)
{
    char key[32], longer[SHARED_KEY_MAX + 2];
    struct shared *shared = open_one(MEMORY);
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, i % 3 == 0 ? "room:%d" : "roof:%d", i);
        set(shared, key, integer(i), 0, i % 2 == 0 ? 10 : NEVER);
    }
    set(shared, "room", integer(0), 0, NEVER);
    set(shared, "a room:", integer(0), 0, NEVER);
    cr_assert_eq(count_with(shared, "room:", 0, SIZE_MAX), 1000);
    cr_assert_eq(count_with(shared, "room:", 0, 70), 70);
    cr_assert_eq(count_with(shared, "room:1001", 0, SIZE_MAX), 0);
    cr_assert_eq(count_with(shared, "roof:1001", 0, SIZE_MAX), 1, "a key begins with itself");
    cr_assert_eq(count_with(shared, "roo", 0, SIZE_MAX), 3001);
    cr_assert_eq(count_with(shared, "", 0, SIZE_MAX), 3002);
    memset(longer, 'r', sizeof longer);
    longer[SHARED_KEY_MAX + 1] = '\0';
    cr_assert_eq(count_with(shared, longer, 0, SIZE_MAX), 0);
    cr_assert_eq(count_with(shared, "room:", 10, SIZE_MAX), 500);
    shared_close(shared);
}

/* ---- against a model ---- */

enum { MODEL_KEYS = 700, MODEL_STEPS = 200000 };
struct model {
    bool there;
    int64_t value;
    uint64_t end_ns; /* UINT64_MAX: never */
};

/* The same happens to the dictionary and to the model. */
static void step(struct shared *shared, struct model *model, uint64_t now_ns, uint64_t *state,
                 uint64_t seed)
{
    char key[32];
    uint64_t ttl_ns = random_next(state) % 2 == 0 ? 0 : random_next(state) % 4000 + 1;
    uint64_t end_ns = ttl_ns == 0 ? UINT64_MAX : now_ns + ttl_ns;
    int64_t value = (int64_t)(random_next(state) % 1000);
    size_t which = random_next(state) % MODEL_KEYS;
    struct model *entry = &model[which];
    struct shared_value given = integer(value), sum;
    snprintf(key, sizeof key, "model %zu", which);
    if (entry->end_ns <= now_ns) entry->there = false;
    enum shared_result result, expected = SHARED_OK;
    bool same = true;
    switch (random_next(state) % 5) {
    case 0:
        result = set(shared, key, given, now_ns, ttl_ns);
        *entry = (struct model){true, value, end_ns};
        break;
    case 1:
        result = add(shared, key, given, now_ns, ttl_ns);
        if (entry->there)
            expected = SHARED_EXISTS;
        else
            *entry = (struct model){true, value, end_ns};
        break;
    case 2:
        result = shared_incr(shared, span_text(key), &given, &given, now_ns, ttl_ns, &sum);
        if (entry->there)
            entry->value += value;
        else
            *entry = (struct model){true, 2 * value, end_ns};
        same = sum.integer == entry->value;
        break;
    case 3:
        result = shared_delete(shared, span_text(key), now_ns);
        if (!entry->there) expected = SHARED_MISSING;
        entry->there = false;
        break;
    default:
        result = shared_get(shared, span_text(key), now_ns, &sum, span_of(NULL, 0));
        if (!entry->there) expected = SHARED_MISSING;
        if (entry->there) same = sum.integer == entry->value;
    }
    if (result == expected && same) return;
    cr_assert(false, "seed %llu: %s instead of %s", (unsigned long long)seed,
              shared_result_text(result), shared_result_text(expected));
}

Test(shared, does_as_a_simple_model_does)
{
    static struct model model[MODEL_KEYS];
    static int seen[1];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct shared *shared = open_one(MEMORY);
        uint64_t state = seed, now_ns = 1;
        memset(model, 0, sizeof model);
        for (int i = 0; i < MODEL_STEPS; i++) {
            now_ns += random_next(&state) % 4;
            step(shared, model, now_ns, &state, seed);
        }
        size_t count = 0;
        for (int i = 0; i < MODEL_KEYS; i++) count += model[i].there && model[i].end_ns > now_ns;
        cr_assert_eq(list_keys(shared, now_ns, SIZE_MAX, seen, 1), count, "seed %llu",
                     (unsigned long long)seed);
        shared_close(shared);
    }
}
