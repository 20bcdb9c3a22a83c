/* piece.h - memory that a budget pays for. Small pieces come from the C library; those of `paged_from` bytes
 * and more in whole pages, which are paid for to the last byte: so what a budget counts is what is resident,
 * however pieces of all sizes come and go. */
#ifndef MOONPORT_PIECE_H
#define MOONPORT_PIECE_H

#include "base/budget.h"
#include "base/pages.h"

/* The address sanitizer sees the end of what malloc gives, and nothing of pages: with it, all is malloc's. */
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
 * `paged_from` is the same all its life. */
void *piece_take(struct budget *budget, size_t size, size_t expected, size_t paged_from);

/* Makes it larger, perhaps in another place. NULL, and nothing has changed: as above. */
void *piece_grow(struct budget *budget, void *piece, size_t old_size, size_t new_size,
                 size_t expected, size_t paged_from);

/* From any thread. */
void piece_give(struct budget *budget, void *piece, size_t size, size_t paged_from);

#endif
