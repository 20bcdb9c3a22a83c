#include "random.h"
#include "shared_short.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 20000, NAMES = 50 };

struct crew {
    struct shared *shared;
    pthread_t threads[THREADS];
};

static int64_t run_crew(struct crew *crew, void *(*work)(void *))
{
    int64_t total = 0;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&crew->threads[i], NULL, work, crew->shared), 0);
    for (int i = 0; i < THREADS; i++) {
        void *won;
        pthread_join(crew->threads[i], &won);
        total += (int64_t)(intptr_t)won;
    }
    return total;
}

static void *count_up(void *argument)
{
    struct shared *shared = argument;
    struct shared_value sum, none = integer(0);
    char key[32];
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(key, sizeof key, "counter %d", i % NAMES);
        if (incr(shared, key, integer(i), &none, &sum) != SHARED_OK) abort();
    }
    return NULL;
}

Test(shared, no_increment_is_lost_between_threads)
{
    struct crew crew = {.shared = open_one(MEMORY)};
    char key[32];
    run_crew(&crew, count_up);
    for (int name = 0; name < NAMES; name++) {
        int64_t total = 0;
        for (int i = name; i < ROUNDS; i += NAMES) total += THREADS * i;
        snprintf(key, sizeof key, "counter %d", name);
        cr_assert(holds(crew.shared, span_text(key), integer(total)), "%s", key);
    }
    shared_close(crew.shared);
}

static void *add_all(void *argument)
{
    intptr_t won = 0;
    char key[32];
    for (int i = 0; i < ROUNDS / 10; i++) {
        snprintf(key, sizeof key, "prize %d", i);
        if (add(argument, key, integer(i), 0, NEVER) == SHARED_OK) won++;
    }
    return (void *)won;
}

Test(shared, of_all_threads_that_add_a_key_one_succeeds)
{
    struct crew crew = {.shared = open_one(MEMORY)};
    cr_assert_eq(run_crew(&crew, add_all), ROUNDS / 10);
    cr_assert_eq(count_of(crew.shared), ROUNDS / 10);
    shared_close(crew.shared);
}

/* A string of one letter only; its size says which. */
static void set_letters(struct shared *shared, const char *key, int size, uint64_t now_ns)
{
    char letters[1001];
    memset(letters, 'a' + size % 26, sizeof letters);
    letters[size] = '\0';
    enum shared_result result = set(shared, key, text(letters), now_ns, size % 3 == 0 ? 5 : NEVER);
    if (result != SHARED_OK && result != SHARED_FULL) abort();
}

static void get_letters(struct shared *shared, const char *key, uint64_t now_ns,
                        struct buffer *buffer)
{
    struct shared_value value;
    enum shared_result result = copy_to(buffer, shared_get, shared, span_text(key), now_ns, &value);
    if (result != SHARED_OK) return;
    for (size_t i = 0; i < value.string.size; i++)
        if (value.string.data[i] != 'a' + value.string.size % 26) abort();
}

static _Atomic uint64_t next_seed = 1; /* another one in each thread */

static void *set_and_get(void *argument)
{
    struct shared *shared = argument;
    struct buffer buffer = {.data = NULL};
    uint64_t state = atomic_fetch_add(&next_seed, 1);
    char key[32];
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(key, sizeof key, "letters %d", (int)(random_next(&state) % NAMES));
        uint64_t now_ns = (uint64_t)i;
        switch (random_next(&state) % 4) {
        case 0: set_letters(shared, key, (int)(random_next(&state) % 1000), now_ns); break;
        case 1: shared_delete(shared, span_text(key), now_ns); break;
        default: get_letters(shared, key, now_ns, &buffer);
        }
    }
    free(buffer.data);
    return NULL;
}

Test(shared, no_thread_sees_half_a_string)
{
    struct crew crew = {.shared = open_one(16384)}; /* it will be full, too */
    run_crew(&crew, set_and_get);
    struct shared_figures figures = shared_figures(crew.shared);
    cr_assert(figures.memory_used <= figures.memory_max);
    shared_close(crew.shared);
}

static void *come_and_go(void *argument)
{
    struct shared *shared = argument;
    char key[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 2 * NAMES; i < ROUNDS / 10; i++) {
            snprintf(key, sizeof key, "%d", i);
            if (set(shared, key, integer(i), 0, NEVER) != SHARED_OK) abort();
        }
        for (int i = 2 * NAMES; i < ROUNDS / 10; i++) {
            snprintf(key, sizeof key, "%d", i);
            shared_delete(shared, span_text(key), 0);
        }
    }
    return NULL;
}

Test(shared, keys_that_stay_are_listed_once_while_others_come_and_go)
{
    static int seen[ROUNDS / 10];
    struct crew crew = {.shared = open_one(MEMORY)};
    char key[32];
    for (int i = 0; i < 2 * NAMES; i++) {
        snprintf(key, sizeof key, "%d", i);
        set(crew.shared, key, integer(i), 0, NEVER);
    }
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&crew.threads[i], NULL, come_and_go, crew.shared), 0);
    for (int round = 0; round < 100; round++) {
        memset(seen, 0, sizeof seen);
        list_keys(crew.shared, 0, SIZE_MAX, seen, ROUNDS / 10);
        for (int i = 0; i < ROUNDS / 10; i++)
            if (i < 2 * NAMES ? seen[i] != 1 : seen[i] > 1)
                cr_assert(false, "%d was listed %d times", i, seen[i]);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(crew.threads[i], NULL);
    cr_assert_eq(count_of(crew.shared), 2 * NAMES);
    shared_close(crew.shared);
}
