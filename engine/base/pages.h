/* pages.h - memory in whole pages, for pieces that are large, grow and are given back: what is resident is
 * what is taken, and a bounded rest.
 *
 *     area, 64 MiB of addresses: [table][taken |free, warm][free, cold   ][taken      ]
 *
 * A piece is the front of an extent of 2^n pages, cut and joined as buddies are. So addresses may fragment,
 * but memory does not: a page that is not in a piece is cold (the system has it) or warm (it is kept for the
 * next piece, which then need not wait until the system has cleared it), and of warm ones no more are kept
 * than pages_keep allows. Pieces beyond PAGES_PIECE_MAX are mapped one by one, and never kept.
 *
 * Any thread may call; the lock is not held while the system is asked to take pages back. */
#ifndef MOONPORT_PAGES_H
#define MOONPORT_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#define PAGES_PIECE_MAX ((size_t)32 << 20) /* bytes */
enum { PAGES_SIZE = 4096 };                /* bytes of a page */

/* How many bytes a piece of that size takes, and may be used of it. */
static inline size_t pages_round(size_t size)
{
    return (size + PAGES_SIZE - 1) & ~(size_t)(PAGES_SIZE - 1);
}

/* A piece aligned to its size, or to the next larger power of two (but beyond PAGES_PIECE_MAX to a page).
 * NULL: the system has no more. Its bytes may be anything. size >= 1; it is rounded up. `expected`: how large
 * it may become, or 0; addresses for that, within reason, are set aside so that it need not move. */
void *pages_take(size_t size, size_t expected);

/* Has it another size, if need be in another place. NULL, and nothing has changed: there is no more memory.
 * Making it smaller does not fail, nor move it, unless it is larger than PAGES_PIECE_MAX. */
void *pages_resize(void *piece, size_t old_size, size_t new_size, size_t expected);

void pages_give(void *piece, size_t size);

/* How many bytes may be kept warm from now on, by all threads together. At first none. */
void pages_keep(size_t size);

struct pages_figures {
    size_t taken, warm; /* bytes; the areas' tables, a hundredth of it at most, are not counted */
    size_t areas;
};
struct pages_figures pages_figures(void);

#endif
