/* pages.h - memory in whole pages, for large pieces that grow and are given back: resident memory is what is taken,
 * plus a bounded reserve.
 *
 *     area, 64 MiB of addresses: [table][taken |free, warm][free, cold   ][taken      ]
 *
 * A piece is the front of an extent of 2^n pages, from a buddy allocator. So addresses may fragment, but memory does
 * not: a page outside all pieces is either cold (given back to the system) or warm (kept for the next piece, to save
 * clearing a new page), and pages_keep limits the warm ones. Pieces larger than PAGES_PIECE_MAX are mapped one by one,
 * and never kept.
 *
 * Any thread may call; the lock is not held while pages are given back to the system. */
#ifndef MOONPORT_PAGES_H
#define MOONPORT_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#define PAGES_PIECE_MAX ((size_t)32 << 20) /* bytes */
enum { PAGES_SIZE = 4096 };                /* bytes of a page */

/* How many bytes a piece of that size takes; all of them may be used. */
static inline size_t pages_round(size_t size)
{
    return (size + PAGES_SIZE - 1) & ~(size_t)(PAGES_SIZE - 1);
}

/* A piece aligned to its size, or to the next larger power of two (but beyond PAGES_PIECE_MAX to a page).
 * NULL: the system has no more. Its bytes may be anything. size >= 1; it is rounded up. `expected`: how large
 * it may become, or 0; addresses for that, within reason, are set aside so that it need not move. */
void *pages_take(size_t size, size_t expected);

/* Resizes a piece, and moves it if necessary. NULL, and nothing has changed: there is no more memory. Making a piece
 * smaller does not fail or move it, unless it is larger than PAGES_PIECE_MAX. */
void *pages_resize(void *piece, size_t old_size, size_t new_size, size_t expected);

void pages_give(void *piece, size_t size);

/* Sets how many bytes may be kept warm, for all threads together. None by default. */
void pages_keep(size_t size);

struct pages_figures {
    size_t taken, warm; /* bytes; the areas' tables, a hundredth of it at most, are not counted */
    size_t areas;
};
struct pages_figures pages_figures(void);

#endif
