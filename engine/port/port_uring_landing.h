/* port_uring_landing.h - the landing blocks of a port over io_uring, and which of them the kernel has.
 *
 *     [spare] --landing_offer--> [in the kernel's ring] --landing_filled--> [with the harvester]
 *        ^--------------------------landing_done-------------------------------------'
 *
 * The kernel fills all that it has before any of it is handled. Of large pieces it gets a few only, so
 * that their bytes are in the processor's cache still when they are handled. */
#ifndef MOONPORT_PORT_URING_LANDING_H
#define MOONPORT_PORT_URING_LANDING_H

#include "port/block.h"

#include <liburing.h>

enum { LANDING_GROUP = 0 }; /* what a receive calls these buffers */

struct landing {
    struct block_pool blocks;
    struct io_uring_buf_ring *ring;
    uint32_t free;     /* blocks in the ring: not filled yet */
    uint32_t wanted;   /* so many are to be there */
    struct list spare; /* blocks that are nowhere else, used last first */
};

/* All of them are offered then. 0, or a negative errno; a `count` of 0 is fine, else it is a power of 2. */
int landing_open(struct landing *landing, struct io_uring *uring, uint32_t count, uint32_t size);

/* All are home, or in the kernel's ring, which has ended. */
void landing_close(struct landing *landing);

/* There are blocks that the kernel has, or can be given. */
static inline bool landing_has_free(const struct landing *landing)
{
    return landing->free > 0 || !list_empty(&landing->spare);
}

/* Before the kernel receives. */
void landing_offer(struct landing *landing);

/* The block of a completion that has IORING_CQE_F_BUFFER. */
struct block *landing_filled(struct landing *landing, const struct io_uring_cqe *completion);

/* Its bytes, which block->end tells of, are used up. */
void landing_done(struct landing *landing, struct block *block);

#endif
