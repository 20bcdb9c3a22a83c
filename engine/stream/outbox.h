/* outbox.h - the bytes queued to be sent on one connection. Pure: no socket.
 *
 *     [chunk]  [block: bytes bytes b][block: references -> chunk, chunk][block: bytes] <-- append
 *      first    ^ begin: bytes before it have been sent
 *
 * Small packets are packed together into blocks. Large packets and broadcasts are kept in chunks, and the
 * outbox stores references to them; connections share the chunk of a broadcast. A chunk queued in an empty
 * outbox takes no block, which is the case for most broadcasts. A packet is queued as a whole or not at all.
 *
 * A packet that does not fit into a block, and finds the outbox empty, takes one of the few large blocks of
 * the pool, if one is free, and later packets are packed behind it: the system sends one piece faster
 * than several. Bytes that are left after a send move out of the large block. */
#ifndef MOONPORT_OUTBOX_H
#define MOONPORT_OUTBOX_H

#include "port/block.h"
#include "port/chunk.h"

struct outbox {
    struct chunk *first; /* to be sent before the blocks, or NULL */
    struct list blocks;  /* in sending order; each holds at least one unsent byte or reference */
    size_t pending;      /* unsent bytes in all */
    size_t chunk_sent;   /* bytes already sent of the chunk at the front, if there is one */
    bool lent;           /* from outbox_parts to outbox_sent: bytes must stay where they are */
};

/* Packets up to OUTBOX_COPY_MAX bytes are copied to blocks; larger ones, without a large block, go to a chunk.
 * A reference to a shared chunk costs no memory for its bytes, but a separate part in each send. So behind
 * other bytes, chunks up to OUTBOX_CHUNK_COPY_MAX bytes are copied. */
enum { OUTBOX_COPY_MAX = 16384, OUTBOX_CHUNK_COPY_MAX = 512 };

/* Blocks may hold references instead of bytes, so a block must have room for one. */
enum { OUTBOX_BLOCK_MIN = sizeof(struct chunk *) };

void outbox_init(struct outbox *outbox);

/* Copies the parts, `total` bytes in all. False, and nothing was added, when pool and budget are used
 * up. */
bool outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                   int count, size_t total);

/* Returns contiguous room for `size` bytes at the end of the queue. They count as queued, so they must be filled in at
 * once. NULL, and nothing has changed: no such room, use outbox_append. 1 <= size. */
static inline uint8_t *outbox_room(struct outbox *outbox, struct block_pool *pool, size_t size)
{
    struct block *block;
    if (!list_empty(&outbox->blocks)) {
        block = block_of(outbox->blocks.previous);
        if (block->holds_references || block->capacity - block->end < size) return NULL;
    } else {
        if (outbox->first != NULL || size > pool->block_size) return NULL;
        block = block_take(pool);
        if (block == NULL) return NULL;
        list_append(&outbox->blocks, &block->node);
    }
    uint8_t *room = block->data + block->end;
    block->end += (uint32_t)size;
    outbox->pending += size;
    return room;
}

/* Queues a whole chunk: holds it until it has been sent, or copies it if small. False: no memory, and nothing
 * was added. */
bool outbox_append_chunk(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk);

/* The bytes to send first, as up to count_max parts; returns how many. They stay where they are
 * until outbox_sent or outbox_clear; appending does not move them. */
int outbox_parts(struct outbox *outbox, struct span *parts, int count_max);

/* The first `size` bytes have been sent: gives back the blocks and chunks they filled. */
void outbox_sent(struct outbox *outbox, size_t size);

/* Whether a large block is first in the queue. */
static inline bool outbox_begins_large(const struct outbox *outbox, const struct block_pool *pool)
{
    return !list_empty(&outbox->blocks) && block_of(outbox->blocks.next)->pool == pool->large;
}

/* After a partial send: if the rest is in a large block, moves it to a chunk, and gives the block back for others
 * to use. Without memory for that the bytes stay where they are. */
void outbox_leave_large(struct outbox *outbox, struct block_pool *pool);

void outbox_clear(struct outbox *outbox);

#endif
