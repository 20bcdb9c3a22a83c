/* inbox.h - what a stream has received and nobody has used yet, in its order:
 *
 *     gather [.....packet packet pa]  then  parked [cket packet] [packet pac]
 *
 * It is used from the front: first what was gathered, then the blocks that are parked behind it. In the common case
 * nothing is gathered, one block is parked, all its packets are used where they lie, and it goes back to the port at
 * once. Landing blocks are few: what has to wait moves into the gather, and what finds no memory there is spilled to
 * blocks of the pool, which then stand among the parked.
 *
 * With a filter, blocks wait in its `wire` and nothing is parked: inbox_absorb takes plain bytes out of them, and all
 * that is used is gathered. */
#ifndef MOONPORT_INBOX_H
#define MOONPORT_INBOX_H

#include "stream/filter.h"
#include "stream/gather.h"
#include "stream/stream_home.h"

struct inbox {
    struct gather gather;
    struct list
        parked; /* landing blocks, or what was spilled of them; each holds a byte at least */
    uint64_t gathered_ns;  /* since when the gather, or the filter, holds what it holds */
    struct filter *filter; /* or NULL; also of what is sent */
};

static inline void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.gather = {.data = NULL}};
    list_init(&inbox->parked);
}

/* Where blocks wait. */
static inline struct list *inbox_blocks(struct inbox *inbox)
{
    return inbox->filter == NULL ? &inbox->parked : &inbox->filter->wire;
}

/* Adds a landing block behind, which must not be empty. */
static inline void inbox_park(struct inbox *inbox, struct stream_home *home, struct block *block)
{
    list_append(inbox_blocks(inbox), &block->node);
    home->parked_blocks++;
}

/* The bytes at the front that lie together. */
static inline struct span inbox_front(const struct inbox *inbox)
{
    if (!gather_empty(&inbox->gather)) return gather_bytes(&inbox->gather);
    if (!list_empty(&inbox->parked)) return block_bytes(block_of(inbox->parked.next));
    return (struct span){NULL, 0};
}

/* Can inbox_absorb bring more? With a filter it may turn out to be nothing. */
static inline bool inbox_has_more(const struct inbox *inbox)
{
    const struct filter *filter = inbox->filter;
    return !list_empty(&inbox->parked) || (filter != NULL && !filter_is_over(filter) &&
                                           (filter->has_plain || !list_empty(&filter->wire)));
}

/* Is there, or may there be, more behind the front? */
static inline bool inbox_goes_on(const struct inbox *inbox)
{
    const struct list *parked = &inbox->parked;
    bool in_front = list_empty(&inbox->parked) || parked->next != parked->previous;
    return inbox_has_more(inbox) && (!gather_empty(&inbox->gather) || in_front);
}

/* Uses up so many bytes of the front, which stay where they are until inbox_release_front. */
static inline void inbox_use(struct inbox *inbox, const struct stream_home *home, size_t size)
{
    if (!gather_empty(&inbox->gather)) {
        gather_consume(&inbox->gather, size);
        inbox->gathered_ns = stream_now(home);
    } else {
        block_of(inbox->parked.next)->begin += (uint32_t)size;
    }
}

/* Gives the first parked block back, once all of it has been used. */
void inbox_unpark(struct inbox *inbox, struct stream_home *home);
static inline void inbox_release_front(struct inbox *inbox, struct stream_home *home)
{
    if (!gather_empty(&inbox->gather) || list_empty(&inbox->parked)) return;
    const struct block *block = block_of(inbox->parked.next);
    if (block->begin == block->end) inbox_unpark(inbox, home);
}

/* Moves up to `size` bytes of the first parked block into the gather, or what a filter makes of some bytes; `wanted`
 * as for gather_append. False, and nothing has changed: there is no memory. */
bool inbox_absorb(struct inbox *inbox, struct stream_home *home, size_t size, size_t wanted);

/* Moves landing blocks into blocks of the pool, while half of those are free. */
void inbox_spill(struct inbox *inbox, struct stream_home *home);

/* Lets the filter shake hands over what has come; it says how far that is. */
void inbox_shake(struct inbox *inbox, struct stream_home *home);

/* All bytes in it, but for those of a filter. */
size_t inbox_size(const struct inbox *inbox);

/* Gives everything back. */
void inbox_drop(struct inbox *inbox, struct stream_home *home);

/* Is all of this so? A bug if not. */
void inbox_check(const struct inbox *inbox);

#endif
