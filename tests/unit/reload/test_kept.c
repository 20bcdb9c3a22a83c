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
    struct kept kept = {{NULL}};
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
    struct kept kept = {{NULL}};
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
    struct kept kept = {{NULL}};
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
