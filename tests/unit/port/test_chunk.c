#include "port/chunk.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

Test(chunk, draws_on_its_budget_until_the_last_holder_drops_it)
{
    struct budget budget = {.limit = 10000};
    struct chunk *chunk = chunk_make(&budget, 5000);
    cr_assert_not_null(chunk);
    cr_assert_eq(chunk->size, 5000);
    memset(chunk->data, 7, chunk->size);
    cr_assert(budget_used(&budget) >= 5000);
    chunk_hold(chunk);
    chunk_hold(chunk);
    chunk_drop(chunk);
    chunk_drop(chunk);
    cr_assert(budget_used(&budget) >= 5000);
    cr_assert_eq(chunk->data[4999], 7);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(chunk, may_be_empty)
{
    struct budget budget = {.limit = 10000};
    struct chunk *chunk = chunk_make(&budget, 0);
    cr_assert_not_null(chunk);
    cr_assert_eq(chunk->size, 0);
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(chunk, is_not_made_beyond_the_budget)
{
    struct budget budget = {.limit = 10000};
    struct chunk *chunk = chunk_make(&budget, 6000);
    cr_assert_null(chunk_make(&budget, 6000));
    cr_assert_null(chunk_make(&budget, SIZE_MAX));
    cr_assert_null(chunk_make(&budget, SIZE_MAX - sizeof(struct chunk)));
    chunk_drop(chunk);
    cr_assert_null(chunk_make(&budget, 10000), "its own head counts too");
    cr_assert_not_null(chunk = chunk_make(&budget, 6000));
    chunk_drop(chunk);
    cr_assert_eq(budget_used(&budget), 0);
}

enum { SHARERS = 4, CHUNKS = 200, TURNS = 50 };

static void *share(void *argument)
{
    struct chunk **chunks = argument;
    uintptr_t sum = 0;
    for (int i = 0; i < CHUNKS; i++) {
        for (int turn = 0; turn < TURNS; turn++) {
            chunk_hold(chunks[i]);
            sum += chunks[i]->data[turn];
            chunk_drop(chunks[i]);
        }
        chunk_drop(chunks[i]);
    }
    return (void *)sum;
}

Test(chunk, is_freed_by_whichever_thread_drops_it_last)
{
    struct budget budget = {.limit = 1000000};
    struct chunk *chunks[CHUNKS];
    pthread_t threads[SHARERS];
    for (int i = 0; i < CHUNKS; i++) {
        chunks[i] = chunk_make(&budget, TURNS);
        memset(chunks[i]->data, 1, TURNS);
        for (int k = 1; k < SHARERS; k++) chunk_hold(chunks[i]);
    }
    for (int k = 0; k < SHARERS; k++)
        cr_assert_eq(pthread_create(&threads[k], NULL, share, chunks), 0);
    for (int k = 0; k < SHARERS; k++) {
        void *sum;
        pthread_join(threads[k], &sum);
        cr_assert_eq((uintptr_t)sum, CHUNKS * TURNS);
    }
    cr_assert_eq(budget_used(&budget), 0);
}

Test(chunk, held_without_a_holder_is_a_bug, .signal = SIGABRT)
{
    struct budget budget = {.limit = 10000};
    struct chunk *chunk = chunk_make(&budget, 10);
    atomic_store(&chunk->holders, 0);
    chunk_hold(chunk);
}
