#include "reload/kept.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Sources without files differ by their hashes. */
static struct source *made(uint64_t hash)
{
    struct source *source = calloc(1, sizeof *source);
    cr_assert_not_null(source);
    atomic_init(&source->holders, 1);
    source->hash = hash;
    return source;
}

/* Keeps one that nobody else holds. */
static void put(struct kept *kept, uint64_t hash)
{
    struct source *source = made(hash);
    kept_put(kept, source);
    source_drop(source);
}

static void expect(const struct kept *kept, uint64_t newest, uint64_t former)
{
    cr_assert_eq(kept_newest(kept)->hash, newest);
    if (former == 0)
        cr_assert_null(kept_former(kept));
    else
        cr_assert_eq(kept_former(kept)->hash, former);
}

Test(kept, three_are_and_each_is_a_step_back)
{
    struct kept kept = {.proven = NULL};
    put(&kept, 1);
    expect(&kept, 1, 0);
    put(&kept, 2);
    put(&kept, 3);
    put(&kept, 4);
    expect(&kept, 4, 3);
    kept_step_back(&kept);
    expect(&kept, 3, 2);
    kept_step_back(&kept);
    expect(&kept, 2, 0);
    put(&kept, 5);
    expect(&kept, 5, 2);
    kept_close(&kept);
}

Test(kept, the_same_once_more_is_no_step)
{
    struct kept kept = {.proven = NULL};
    put(&kept, 1);
    put(&kept, 2);
    put(&kept, 2);
    expect(&kept, 2, 1);
    put(&kept, 1); /* but not the newest */
    expect(&kept, 1, 2);
    kept_close(&kept);
}

Test(kept, each_is_held_while_it_is_there)
{
    struct source *sources[4];
    struct kept kept = {.proven = NULL};
    for (int i = 0; i < 4; i++) {
        sources[i] = made((uint64_t)i + 1);
        kept_put(&kept, sources[i]);
        kept_put(&kept, sources[i]);
        cr_assert_eq(atomic_load(&sources[i]->holders), 2);
    }
    cr_assert_eq(atomic_load(&sources[0]->holders), 1);
    kept_step_back(&kept);
    cr_assert_eq(atomic_load(&sources[3]->holders), 1);
    kept_close(&kept);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(atomic_load(&sources[i]->holders), 1);
        source_drop(sources[i]);
    }
}

/* ---- what has passed its probation ---- */

Test(kept, what_is_proven_is_gone_back_to_however_many_came_since)
{
    for (uint64_t since = 0; since < 6; since++) {
        struct kept kept = {.proven = NULL};
        put(&kept, 1);
        put(&kept, 2);
        kept_prove(&kept);
        for (uint64_t i = 0; i < since; i++) put(&kept, 3 + i);
        cr_assert_eq(kept_is_proven(&kept, kept_newest(&kept)), since == 0);
        kept_return(&kept);
        expect(&kept, 2, since < KEPT_MAX - 1 ? 1 : 0);
        cr_assert(kept_is_proven(&kept, kept_newest(&kept)));
        kept_close(&kept);
    }
}

Test(kept, the_last_one_proven_counts_and_is_held)
{
    struct source *first = made(1), *second = made(2), *same = made(2);
    struct kept kept = {.proven = NULL};
    kept_put(&kept, first);
    cr_assert_not(kept_is_proven(&kept, first));
    kept_prove(&kept);
    cr_assert(kept_is_proven(&kept, first));
    cr_assert_eq(atomic_load(&first->holders), 3);
    kept_put(&kept, second);
    cr_assert_not(kept_is_proven(&kept, second));
    kept_prove(&kept);
    kept_prove(&kept);
    cr_assert(kept_is_proven(&kept, same)); /* what counts is what it says */
    cr_assert_eq(atomic_load(&first->holders), 2);
    cr_assert_eq(atomic_load(&second->holders), 3);
    kept_close(&kept);
    cr_assert_eq(atomic_load(&first->holders), 1);
    cr_assert_eq(atomic_load(&second->holders), 1);
    source_drop(first);
    source_drop(second);
    source_drop(same);
}
