/* reorder.h - puts received blocks back into the order of their byte stream. Pure. Keeps blocks that
 * arrive early, but does not own them.
 *
 *     arrived:  0  2  3  1          reorder_put:  0 now,  2 and 3 held,  1 now
 *                                   reorder_take: 2, 3
 *
 * In order is the fast path: one compare, nothing stored. */
#ifndef MOONPORT_REORDER_H
#define MOONPORT_REORDER_H

#include "port/block.h"

enum { REORDER_WINDOW_MAX = 16 };

struct reorder {
    uint32_t next;   /* the sequence number that continues the stream */
    uint16_t window; /* how many numbers, from next on, may arrive; a power of two */
    uint16_t held;   /* blocks in `early` */
    struct block *
        *early; /* `window` slots, by sequence number modulo the window; NULL: the window is 1 */
};

/* 1 <= window <= REORDER_WINDOW_MAX, a power of two; with a window of 1 no block may be early. `early` has `window`
 * slots, which this clears. The stream begins with number 0. */
void reorder_init(struct reorder *reorder, uint32_t window, struct block **early);

/* True: the block with this number is next, use it now. False: the block is early, and is now held.
 * A number outside the window, or one already held, is a bug. Numbers wrap at 2^32. */
static inline bool reorder_put(struct reorder *reorder, uint32_t sequence, struct block *block);

/* The held block that is next in order, or NULL. Call it after each put that returned true. */
static inline struct block *reorder_take(struct reorder *reorder);

/* Takes any held block, in no particular order, or NULL: for a connection that ends. */
struct block *reorder_drop(struct reorder *reorder);

void reorder_hold(struct reorder *reorder, uint32_t sequence, struct block *block);
struct block *reorder_release(struct reorder *reorder);

static inline bool reorder_put(struct reorder *reorder, uint32_t sequence, struct block *block)
{
    if (__builtin_expect(sequence == reorder->next, 1)) {
        reorder->next++;
        return true;
    }
    reorder_hold(reorder, sequence, block);
    return false;
}

static inline struct block *reorder_take(struct reorder *reorder)
{
    return reorder->held == 0 ? NULL : reorder_release(reorder);
}

#endif
