#include "random.h"
#include "stream/reorder.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct block *early[REORDER_WINDOW_MAX];
static struct block blocks[REORDER_WINDOW_MAX]; /* by sequence number, modulo their count */

static struct block *numbered(uint32_t sequence)
{
    struct block *block = &blocks[sequence % REORDER_WINDOW_MAX];
    block->sequence = sequence;
    return block;
}

/* Puts the block of this number in and takes what can be taken; false if anything comes that is
 * not the very next one. Sets *released to how many came. */
static bool put_and_take(struct reorder *reorder, uint32_t sequence, uint32_t *released)
{
    uint32_t expected = reorder->next;
    *released = 0;
    if (!reorder_put(reorder, sequence, numbered(sequence))) return sequence != expected;
    if (sequence != expected) return false;
    struct block *block;
    *released = 1;
    while ((block = reorder_take(reorder)) != NULL)
        if (block->sequence != expected + (*released)++) return false;
    return reorder->next == expected + *released;
}

Test(reorder, in_order_is_used_at_once_and_never_held)
{
    struct reorder reorder;
    reorder_init(&reorder, 4, early);
    for (uint32_t sequence = 0; sequence < 100; sequence++) {
        cr_assert(reorder_put(&reorder, sequence, numbered(sequence)));
        cr_assert_null(reorder_take(&reorder));
    }
}

Test(reorder, releases_nothing_until_the_gap_fills)
{
    struct reorder reorder;
    reorder_init(&reorder, 4, early);
    cr_assert(reorder_put(&reorder, 0, numbered(0)));
    cr_assert_not(reorder_put(&reorder, 2, numbered(2)));
    cr_assert_null(reorder_take(&reorder));
    cr_assert_not(reorder_put(&reorder, 4, numbered(4)));
    cr_assert_null(reorder_take(&reorder));
    cr_assert_eq(reorder.held, 2);
    cr_assert(reorder_put(&reorder, 1, numbered(1)));
    cr_assert_eq(reorder_take(&reorder), &blocks[2]);
    cr_assert_null(reorder_take(&reorder), "3 has not come");
    cr_assert(reorder_put(&reorder, 3, numbered(3)));
    cr_assert_eq(reorder_take(&reorder), &blocks[4]);
    cr_assert_null(reorder_take(&reorder));
    cr_assert_eq(reorder.held, 0);
    cr_assert_eq(reorder.next, 5);
}

/* Puts the numbers base + order[0], base + order[1] ... in; after each, what came out must be the
 * longest run from the start of what went in. */
static bool restores(const uint32_t *order, uint32_t window, uint32_t base)
{
    struct reorder reorder;
    uint32_t arrived = 0, out = 0; /* arrived: one bit a number */
    reorder_init(&reorder, window, early);
    reorder.next = base;
    for (uint32_t i = 0; i < window; i++) {
        uint32_t released, run = 0;
        if (!put_and_take(&reorder, base + order[i], &released)) return false;
        arrived |= 1u << order[i];
        out += released;
        while (arrived >> run & 1u) run++;
        if (out != run || reorder.held != i + 1 - out) return false;
    }
    return out == window;
}

/* All permutations of order[0 .. left), the rest staying; Heap's algorithm. Counts them. */
static uint32_t permute(uint32_t *order, uint32_t left, uint32_t window, uint32_t base)
{
    if (left <= 1) {
        bool restored = restores(order, window, base);
        if (!restored) cr_assert(restored, "window %u from %u, first %u", window, base, order[0]);
        return 1;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < left; i++) {
        count += permute(order, left - 1, window, base);
        uint32_t *other = &order[left % 2 == 0 ? i : 0];
        uint32_t swapped = *other;
        *other = order[left - 1];
        order[left - 1] = swapped;
    }
    return count;
}

Test(reorder, restores_every_permutation_of_a_full_window)
{
    static const struct {
        uint32_t window, permutations;
    } cases[] = {{1, 1}, {2, 2}, {4, 24}, {8, 40320}};
    static const uint32_t bases[] = {0, 5, UINT32_MAX - 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < sizeof bases / sizeof *bases; k++) {
            uint32_t order[8] = {0, 1, 2, 3, 4, 5, 6, 7};
            uint32_t window = cases[i].window;
            cr_assert_eq(permute(order, window, window, bases[k]), cases[i].permutations);
        }
    }
}

/* As a port does it: `window` receives are posted, any of them completes, another is posted. */
static void slide(uint32_t window, uint32_t begin, uint64_t seed)
{
    enum { STEPS = 20000 };
    struct reorder reorder;
    uint64_t state = seed;
    uint32_t posted[REORDER_WINDOW_MAX], count = 0, post_next = begin;
    reorder_init(&reorder, window, early);
    reorder.next = begin;
    for (int step = 0; step < STEPS; step++) {
        while (post_next - reorder.next < window) posted[count++] = post_next++;
        uint32_t place = (uint32_t)(random_next(&state) % count);
        uint32_t sequence = posted[place], released;
        posted[place] = posted[--count];
        bool right = put_and_take(&reorder, sequence, &released);
        right = right && reorder.held + count == post_next - reorder.next;
        if (!right)
            cr_assert(right, "seed %llu, window %u, step %d, number %u", (unsigned long long)seed,
                      window, step, sequence);
    }
    cr_assert(reorder.next - begin > STEPS / 2, "seed %llu: it came on", (unsigned long long)seed);
}

Test(reorder, restores_order_while_the_window_slides)
{
    for (uint32_t window = 1; window <= REORDER_WINDOW_MAX; window *= 2) slide(window, 0, 0x51de);
}

Test(reorder, numbers_wrap_at_two_to_the_32)
{
    for (uint32_t window = 1; window <= REORDER_WINDOW_MAX; window *= 2)
        slide(window, UINT32_MAX - 5000, 0x3a77);
}

Test(reorder, drop_returns_every_held_block_once)
{
    for (uint32_t pattern = 0; pattern < 1u << 8; pattern += 2) { /* bit 0 would not be held */
        struct reorder reorder;
        struct block *block;
        uint32_t dropped = 0;
        reorder_init(&reorder, 8, early);
        for (uint32_t i = 1; i < 8; i++)
            if (pattern >> i & 1u) reorder_put(&reorder, i, numbered(i));
        while ((block = reorder_drop(&reorder)) != NULL) {
            uint32_t bit = 1u << block->sequence;
            if (dropped & bit) cr_assert(!(dropped & bit), "%u came twice", block->sequence);
            dropped |= bit;
        }
        cr_assert_eq(dropped, pattern);
        cr_assert_eq(reorder.held, 0);
        cr_assert_null(reorder_take(&reorder));
    }
}

Test(reorder, number_beyond_the_window_is_a_bug, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 4, early);
    reorder_put(&reorder, 4, numbered(4));
}

Test(reorder, number_before_the_window_is_a_bug, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 4, early);
    reorder_put(&reorder, 0, numbered(0));
    reorder_put(&reorder, 0, numbered(0));
}

Test(reorder, number_that_is_held_already_is_a_bug, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 4, early);
    reorder_put(&reorder, 2, numbered(2));
    reorder_put(&reorder, 2, numbered(2));
}

Test(reorder, window_of_one_holds_nothing, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 1, early);
    reorder_put(&reorder, 1, numbered(1));
}

Test(reorder, window_that_is_no_power_of_two_is_a_bug, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 3, early);
}

Test(reorder, window_that_is_too_wide_is_a_bug, .signal = SIGABRT)
{
    struct reorder reorder;
    reorder_init(&reorder, 2 * REORDER_WINDOW_MAX, early);
}
