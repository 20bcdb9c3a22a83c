#include "base/pages.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

enum { KIB = 1 << 10, MIB = 1 << 20 };

static void fill(uint8_t *piece, size_t size, uint8_t value)
{
    memset(piece, value, size);
}

/* The first byte of each page, and the last one of all. */
static bool holds(const uint8_t *piece, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i += PAGES_SIZE)
        if (piece[i] != value) return false;
    return piece[size - 1] == value;
}

static void expect(size_t taken, size_t warm)
{
    struct pages_figures figures = pages_figures();
    cr_assert_eq(figures.taken, taken, "taken %zu", figures.taken);
    cr_assert_eq(figures.warm, warm, "warm %zu", figures.warm);
}

Test(pages, a_piece_takes_whole_pages_and_is_aligned_to_its_size)
{
    uint8_t *small = pages_take(1, 0), *large = pages_take(64 * KIB + 1, 0);
    cr_assert_eq((uintptr_t)small % PAGES_SIZE, 0);
    cr_assert_eq((uintptr_t)large % (128 * KIB), 0);
    expect(PAGES_SIZE + 68 * KIB, 0);
    fill(small, PAGES_SIZE, 1);
    fill(large, 68 * KIB, 2);
    cr_assert(holds(small, PAGES_SIZE, 1));
    pages_give(small, 1);
    pages_give(large, 64 * KIB + 1);
    expect(0, 0);
}

Test(pages, what_is_given_back_is_kept_up_to_a_bound_and_taken_again)
{
    pages_keep(MIB);
    uint8_t *first = pages_take(MIB, 0), *second = pages_take(MIB, 0);
    fill(first, MIB, 1);
    fill(second, MIB, 2);
    pages_give(first, MIB);
    expect(MIB, MIB);
    pages_give(second, MIB);
    cr_assert(pages_figures().warm <= MIB);
    uint8_t *again = pages_take(MIB, 0);
    expect(MIB, 0);
    pages_give(again, MIB);
    pages_keep(0);
    expect(0, 0);
}

/* What the system has got back, it gives as zeros. */
Test(pages, beyond_the_bound_memory_goes_back_to_the_system)
{
    pages_keep(MIB);
    uint8_t *piece = pages_take(MIB, 0);
    fill(piece, MIB, 7);
    pages_give(piece, MIB);
    cr_assert_eq(pages_take(MIB, 0), piece);
    cr_assert(holds(piece, MIB, 7), "kept");
    pages_keep(0);
    pages_give(piece, MIB);
    cr_assert_eq(pages_take(MIB, 0), piece);
    cr_assert(holds(piece, MIB, 0), "not kept");
    pages_give(piece, MIB);
}

Test(pages, a_piece_grows_where_it_is_while_there_is_room_behind_it)
{
    pages_keep(8 * MIB);
    uint8_t *piece = pages_take(4 * KIB, 0);
    fill(piece, 4 * KIB, 5);
    for (size_t size = 4 * KIB; size < 512 * KIB; size *= 2) {
        cr_assert_eq(pages_resize(piece, size, 2 * size, 0), piece);
        cr_assert(holds(piece, size, 5));
        fill(piece, 2 * size, 5);
        expect(2 * size, 0);
    }
    /* What was left warm is used in the same way: nothing is added. */
    pages_give(piece, 512 * KIB);
    cr_assert_eq(pages_take(4 * KIB, 0), piece);
    expect(4 * KIB, 512 * KIB - 4 * KIB);
    cr_assert_eq(pages_resize(piece, 4 * KIB, 512 * KIB, 0), piece);
    expect(512 * KIB, 0);
    pages_give(piece, 512 * KIB);
    expect(0, 512 * KIB);
}

/* Addresses are set aside for what it is said to become, up to eight times of what it has. */
Test(pages, a_large_piece_grows_to_what_was_expected_without_being_moved)
{
    uint8_t *piece = pages_take(128 * KIB, MIB), *other = pages_take(128 * KIB, SIZE_MAX);
    cr_assert_eq((uintptr_t)piece % MIB, 0);
    expect(256 * KIB, 0);
    fill(piece, 128 * KIB, 1);
    cr_assert_eq(pages_resize(piece, 128 * KIB, MIB, MIB), piece);
    cr_assert_eq(pages_resize(other, 128 * KIB, MIB, 0), other);
    expect(2 * MIB, 0);
    cr_assert(holds(piece, 128 * KIB, 1));
    pages_give(piece, MIB);
    pages_give(other, MIB);
    expect(0, 0);
}

Test(pages, a_piece_without_room_behind_it_moves_with_its_bytes)
{
    uint8_t *piece = pages_take(64 * KIB, 0), *other = pages_take(64 * KIB, 0);
    cr_assert_eq(other, piece + 64 * KIB);
    fill(piece, 64 * KIB, 3);
    fill(other, 64 * KIB, 4);
    uint8_t *moved = pages_resize(piece, 64 * KIB, 65 * KIB, 0);
    cr_assert_neq(moved, piece);
    cr_assert(holds(moved, 64 * KIB, 3));
    cr_assert(holds(other, 64 * KIB, 4));
    expect(132 * KIB, 0);
    pages_give(moved, 65 * KIB);
    pages_give(other, 64 * KIB);
}

Test(pages, a_piece_that_shrinks_stays_and_gives_the_rest_back)
{
    uint8_t *piece = pages_take(MIB, 0);
    fill(piece, MIB, 9);
    cr_assert_eq(pages_resize(piece, MIB, 68 * KIB, 0), piece);
    expect(68 * KIB, 0);
    cr_assert(holds(piece, 68 * KIB, 9));
    cr_assert_eq(pages_resize(piece, 68 * KIB, 128 * KIB, 0), piece);
    cr_assert_eq(piece[68 * KIB], 0, "the tail went back, too");
    pages_give(piece, 128 * KIB);
    expect(0, 0);
}

Test(pages, the_largest_are_mapped_one_by_one)
{
    size_t size = PAGES_PIECE_MAX + 1;
    pages_keep(SIZE_MAX);
    uint8_t *piece = pages_take(size, 0);
    fill(piece, MIB, 6);
    piece[size - 1] = 8;
    expect(PAGES_PIECE_MAX + PAGES_SIZE, 0);
    piece = pages_resize(piece, size, 2 * size, 0);
    cr_assert(holds(piece, MIB, 6));
    cr_assert_eq(piece[size - 1], 8);
    piece = pages_resize(piece, 2 * size, MIB, 0);
    cr_assert(holds(piece, MIB, 6));
    piece = pages_resize(piece, MIB, size, 0);
    cr_assert(holds(piece, MIB, 6));
    pages_give(piece, size);
    cr_assert_eq(pages_figures().taken, 0);
}

Test(pages, more_than_there_is_is_refused)
{
    cr_assert_null(pages_take(SIZE_MAX, 0));
    cr_assert_null(pages_take(SIZE_MAX / 4, 0));
    uint8_t *piece = pages_take(64 * KIB, 0);
    fill(piece, 64 * KIB, 1);
    cr_assert_null(pages_resize(piece, 64 * KIB, SIZE_MAX, 0));
    cr_assert(holds(piece, 64 * KIB, 1));
    pages_give(piece, 64 * KIB);
    piece = pages_take(PAGES_PIECE_MAX + 1, 0);
    piece[0] = 9;
    cr_assert_null(pages_resize(piece, PAGES_PIECE_MAX + 1, SIZE_MAX, 0));
    cr_assert_null(pages_resize(piece, PAGES_PIECE_MAX + 1, SIZE_MAX / 4, 0));
    cr_assert_null(pages_resize(piece, PAGES_PIECE_MAX + 1, (size_t)1 << 47, 0),
                   "no address is as high");
    cr_assert_eq(piece[0], 9);
    pages_give(piece, PAGES_PIECE_MAX + 1);
}

Test(pages, areas_that_are_empty_are_given_back_but_for_one)
{
    enum { PIECES = 12 };
    void *pieces[PIECES];
    for (int i = 0; i < PIECES; i++) pieces[i] = pages_take(16 * MIB, 0);
    cr_assert(pages_figures().areas >= PIECES / 4);
    for (int i = 0; i < PIECES; i++) pages_give(pieces[i], 16 * MIB);
    cr_assert_eq(pages_figures().areas, 1);
}

Test(pages, given_twice_is_a_bug, .signal = SIGABRT)
{
    void *piece = pages_take(1, 0), *other = pages_take(1, 0);
    (void)other;
    pages_give(piece, 1);
    pages_give(piece, 1);
}

Test(pages, given_with_another_size_is_a_bug, .signal = SIGABRT)
{
    pages_give(pages_take(5000, 0), 4000);
}

/* ---- at random, by several threads ---- */

enum { HELD = 60, STEPS = 20000, THREADS = 3, SIZE_ORDERS = 20 };

struct player {
    uint64_t seed;
    pthread_t thread;
    const char *wrong;
};

struct held {
    uint8_t *piece;
    size_t size;
    uint8_t value;
};

static size_t draw_size(uint64_t *state)
{
    return 1 + random_next(state) % ((size_t)1 << (random_next(state) % SIZE_ORDERS));
}

static const char *step(struct held *held, uint64_t *state)
{
    if (held->piece == NULL) {
        held->size = draw_size(state);
        held->value = (uint8_t)random_next(state);
        held->piece = pages_take(held->size, 0);
        if (held->piece == NULL) return "no memory";
        fill(held->piece, held->size, held->value);
        return NULL;
    }
    if (!holds(held->piece, held->size, held->value)) return "bytes were lost";
    if (random_next(state) % 2 == 0) {
        pages_give(held->piece, held->size);
        held->piece = NULL;
        return NULL;
    }
    size_t size = draw_size(state);
    uint8_t *piece = pages_resize(held->piece, held->size, size, 0);
    if (piece == NULL) return "no memory";
    if (!holds(piece, size < held->size ? size : held->size, held->value))
        return "bytes were lost on the way";
    fill(piece, size, held->value);
    *held = (struct held){piece, size, held->value};
    return NULL;
}

static void *play(void *context)
{
    struct player *player = context;
    struct held held[HELD] = {0};
    uint64_t state = player->seed;
    for (int i = 0; i < STEPS && player->wrong == NULL; i++) {
        player->wrong = step(&held[random_next(&state) % HELD], &state);
        if (i % 1000 == 0) pages_keep(random_next(&state) % (4 * MIB));
    }
    for (int i = 0; i < HELD; i++)
        if (held[i].piece != NULL) pages_give(held[i].piece, held[i].size);
    return NULL;
}

Test(pages, pieces_of_many_threads_keep_their_bytes_and_all_comes_home)
{
    struct player players[THREADS] = {{.seed = 11}, {.seed = 22}, {.seed = 33}};
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(players[i].thread, NULL);
    for (int i = 0; i < THREADS; i++)
        cr_assert_null(players[i].wrong, "seed %" PRIu64 ": %s", players[i].seed, players[i].wrong);
    cr_assert_eq(pages_figures().taken, 0);
    pages_keep(0);
    expect(0, 0);
    cr_assert_eq(pages_figures().areas, 1);
}
