/* port_uring_landing.h - the landing blocks of a port over io_uring, and which of them the kernel has.
 *
 *     [spare] --landing_offer--> [in the kernel's ring] --landing_filled--> [with the harvester]
 *        ^--------------------------landing_done-------------------------------------'
 *
 * The kernel may fill all of its blocks before any of them is handled. Of large blocks it gets only a few, so
 * that their bytes are still in the processor's cache when they are handled. */
#ifndef MOONPORT_PORT_URING_LANDING_H
#define MOONPORT_PORT_URING_LANDING_H

#include "port/block.h"

#include <liburing.h>

enum { LANDING_GROUP = 0 }; /* the id of the buffer group */

struct landing {
    struct block_pool blocks;
    struct io_uring_buf_ring *ring;
    uint32_t free;     /* blocks in the ring: not filled yet */
    uint32_t wanted;   /* how many blocks should be in the ring */
    struct list spare; /* all other blocks that are free, the last used first */
};

/* Makes `count` blocks, 0 or a power of two, and offers them to the kernel. 0, or a negative errno. */
int landing_open(struct landing *landing, struct io_uring *uring, uint32_t count, uint32_t size);

/* All blocks must be spare, or in the ring, which the kernel no longer uses. */
void landing_close(struct landing *landing);

/* Whether the kernel has free blocks, or can be given some. */
static inline bool landing_has_free(const struct landing *landing)
{
    return landing->free > 0 || !list_empty(&landing->spare);
}

/* Gives spare blocks to the kernel, up to `wanted`. To be called before the kernel receives. */
void landing_offer(struct landing *landing);

/* The block of a completion that has IORING_CQE_F_BUFFER. */
struct block *landing_filled(struct landing *landing, const struct io_uring_cqe *completion);

/* The block's bytes, up to block->end, are used up. */
void landing_done(struct landing *landing, struct block *block);

#endif
