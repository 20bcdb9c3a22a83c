#include "base/piece.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool in_pages(size_t size, size_t paged_from)
{
    return !PIECE_ENDS_SEEN && size >= paged_from;
}

static void *obtain(size_t size, size_t expected, size_t paged_from)
{
    return in_pages(size, paged_from) ? pages_take(size, expected) : malloc(size);
}

static void release(void *piece, size_t size, size_t paged_from)
{
    if (in_pages(size, paged_from))
        pages_give(piece, size);
    else
        free(piece);
}

static void *move(void *piece, size_t old_size, size_t new_size, size_t expected, size_t paged_from)
{
    bool was = in_pages(old_size, paged_from), is = in_pages(new_size, paged_from);
    if (was && is) return pages_resize(piece, old_size, new_size, expected);
    if (!was && !is) return realloc(piece, new_size);
    void *moved = obtain(new_size, expected, paged_from);
    if (moved == NULL) return NULL;
    memcpy(moved, piece, old_size < new_size ? old_size : new_size);
    release(piece, old_size, paged_from);
    return moved;
}

static size_t paged_part(size_t size, size_t paged_from)
{
    return size < paged_from ? 0 : pages_round(size);
}

/* Memory of freed small pieces stays resident until it is trimmed. It is trimmed before it and the whole pages together
 * exceed the budget by more than 1/LEFT_PART. */
enum { LEFT_PART = 32 };

static void trim_in_time(struct budget *budget)
{
    size_t small = budget_small(budget), paged = budget_used(budget) - small;
    size_t more = budget->limit / LEFT_PART > TRIM_LEAST ? budget->limit / LEFT_PART : TRIM_LEAST;
    if (budget->trim.peak < small + more || budget->trim.peak + paged <= budget->limit + more)
        return;
    pages_trim_now();
    budget->trim.peak = small;
}

/* Takes from the budget for a piece that grows from `before` to `after` bytes. */
static bool pay(struct budget *budget, size_t before, size_t after, size_t paged_from)
{
    if (after > SIZE_MAX / 2) return false; /* rounding could overflow */
    size_t paged_before = paged_part(before, paged_from);
    size_t paged_after = paged_part(after, paged_from);
    size_t more = piece_round(after, paged_from) - piece_round(before, paged_from);
    budget_note_paged(budget, paged_before, paged_after);
    bool paid = budget_take(budget, more);
    if (!paid) budget_note_paged(budget, paged_after, paged_before);
    if (paid && paged_after > paged_before) trim_in_time(budget);
    return paid;
}

static void refund(struct budget *budget, size_t before, size_t after, size_t paged_from)
{
    budget_give(budget, piece_round(after, paged_from) - piece_round(before, paged_from));
    budget_note_paged(budget, paged_part(after, paged_from), paged_part(before, paged_from));
}

void *piece_take(struct budget *budget, size_t size, size_t expected, size_t paged_from)
{
    if (!pay(budget, 0, size, paged_from)) return NULL;
    void *piece = obtain(size, expected, paged_from);
    if (piece == NULL) refund(budget, 0, size, paged_from);
    return piece;
}

void *piece_grow(struct budget *budget, void *piece, size_t old_size, size_t new_size,
                 size_t expected, size_t paged_from)
{
    check(new_size >= old_size);
    if (!pay(budget, old_size, new_size, paged_from)) return NULL;
    void *moved = move(piece, old_size, new_size, expected, paged_from);
    if (moved == NULL) refund(budget, old_size, new_size, paged_from);
    return moved;
}

void piece_give(struct budget *budget, void *piece, size_t size, size_t paged_from)
{
    release(piece, size, paged_from);
    refund(budget, 0, size, paged_from);
}
