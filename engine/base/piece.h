/* piece.h - memory that counts towards a budget. Small pieces come from the C library; pieces of `paged_from` bytes and
 * more come in whole pages, all of which count. So a budget counts what is resident, however pieces of all sizes come
 * and go. */
#ifndef MOONPORT_PIECE_H
#define MOONPORT_PIECE_H

#include "base/budget.h"
#include "base/pages.h"

/* AddressSanitizer checks the bounds of malloc's memory, but not of our pages: with it, all pieces come from malloc. */
#if defined __SANITIZE_ADDRESS__
#define PIECE_ENDS_SEEN true
#elif defined __has_feature
#define PIECE_ENDS_SEEN __has_feature(address_sanitizer)
#else
#define PIECE_ENDS_SEEN false
#endif

/* How many bytes a piece of that size takes. */
static inline size_t piece_round(size_t size, size_t paged_from)
{
    return size < paged_from ? size : pages_round(size);
}

/* NULL: neither the budget nor the system has as much. `expected`: how large it may become, or 0 (pages.h).
 * `paged_from` must be the same for all calls about a piece. */
void *piece_take(struct budget *budget, size_t size, size_t expected, size_t paged_from);

/* Enlarges a piece, and may move it. NULL, and nothing has changed: as above. */
void *piece_grow(struct budget *budget, void *piece, size_t old_size, size_t new_size,
                 size_t expected, size_t paged_from);

/* From any thread. */
void piece_give(struct budget *budget, void *piece, size_t size, size_t paged_from);

#endif
