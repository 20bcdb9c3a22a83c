/* inbox.h - the bytes that a stream has received and that have not been used yet, in order:
 *
 *     gather [.....packet packet pa]  then  parked [cket packet] [packet pac]
 *
 * Bytes are used from the front: first the gather, then the parked blocks. In the common case the gather is empty, one
 * block is parked, all its packets are used in place, and the block goes back to the port at once. Landing blocks are
 * few, so bytes that must wait move into the gather. If there is no memory for that, they are copied (spilled) to
 * blocks of the pool, which take the place of the landing blocks in `parked`.
 *
 * With a filter, blocks wait in its `wire` and nothing is parked: inbox_absorb turns them into plain bytes, and all
 * bytes are used from the gather. */
#ifndef MOONPORT_INBOX_H
#define MOONPORT_INBOX_H

#include "stream/filter.h"
#include "stream/gather.h"
#include "stream/stream_home.h"

struct inbox {
    struct gather gather;
    struct list
        parked; /* landing blocks, or blocks spilled from them; each holds at least a byte */
    uint64_t gathered_ns;  /* since when the gather, or the filter, has held its first byte */
    struct filter *filter; /* or NULL; also filters the output */
};

static inline void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.gather = {.data = NULL}};
    list_init(&inbox->parked);
}

/* The list in which received blocks wait. */
static inline struct list *inbox_blocks(struct inbox *inbox)
{
    return inbox->filter == NULL ? &inbox->parked : &inbox->filter->wire;
}

/* Appends a landing block, which must not be empty. */
static inline void inbox_park(struct inbox *inbox, struct stream_home *home, struct block *block)
{
    list_append(inbox_blocks(inbox), &block->node);
    home->parked_blocks++;
}

/* The contiguous bytes at the front. */
static inline struct span inbox_front(const struct inbox *inbox)
{
    if (!gather_empty(&inbox->gather)) return gather_bytes(&inbox->gather);
    if (!list_empty(&inbox->parked)) return block_bytes(block_of(inbox->parked.next));
    return (struct span){NULL, 0};
}

/* Whether inbox_absorb can bring more bytes. With a filter it may turn out to bring none. */
static inline bool inbox_has_more(const struct inbox *inbox)
{
    const struct filter *filter = inbox->filter;
    return !list_empty(&inbox->parked) || (filter != NULL && !filter_is_over(filter) &&
                                           (filter->has_plain || !list_empty(&filter->wire)));
}

/* Whether there are, or with a filter may be, more bytes behind the front. */
static inline bool inbox_goes_on(const struct inbox *inbox)
{
    const struct list *parked = &inbox->parked;
    bool in_front = list_empty(&inbox->parked) || parked->next != parked->previous;
    return inbox_has_more(inbox) && (!gather_empty(&inbox->gather) || in_front);
}

/* Marks bytes at the front as used; they stay where they are until inbox_release_front. */
static inline void inbox_use(struct inbox *inbox, const struct stream_home *home, size_t size)
{
    if (!gather_empty(&inbox->gather)) {
        gather_consume(&inbox->gather, size);
        inbox->gathered_ns = stream_now(home);
    } else {
        block_of(inbox->parked.next)->begin += (uint32_t)size;
    }
}

/* Takes back inbox_use of these bytes, the last of those it was called for; nothing has come or gone since. */
static inline void inbox_unuse(struct inbox *inbox, struct span bytes)
{
    struct gather *gather = &inbox->gather;
    if (gather->data != NULL && bytes.data + bytes.size == gather->data + gather->begin)
        gather->begin -= bytes.size;
    else
        block_of(inbox->parked.next)->begin -= (uint32_t)bytes.size;
}

/* Gives the first parked block back; inbox_release_front does so only if all of it has been used. */
void inbox_unpark(struct inbox *inbox, struct stream_home *home);
static inline void inbox_release_front(struct inbox *inbox, struct stream_home *home)
{
    if (!gather_empty(&inbox->gather) || list_empty(&inbox->parked)) return;
    const struct block *block = block_of(inbox->parked.next);
    if (block->begin == block->end) inbox_unpark(inbox, home);
}

/* Moves up to `size` bytes of the first parked block into the gather; with a filter, adds the plain bytes of its next
 * step. `wanted`: as for gather_append. False, and nothing has changed: there is no memory. */
bool inbox_absorb(struct inbox *inbox, struct stream_home *home, size_t size, size_t wanted);

/* Moves landing blocks into blocks of the pool, while half of those are free. False: some are left. */
bool inbox_spill(struct inbox *inbox, struct stream_home *home);

/* Passes received bytes to the filter's handshake; the outcome is in filter->state. */
void inbox_shake(struct inbox *inbox, struct stream_home *home);

/* The number of bytes in the inbox, without those inside a filter. */
size_t inbox_size(const struct inbox *inbox);

/* Gives everything back. */
void inbox_drop(struct inbox *inbox, struct stream_home *home);

/* Asserts the invariants above. */
void inbox_check(const struct inbox *inbox);

#endif
