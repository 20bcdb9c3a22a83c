/* outbox.h - what waits to be sent on one connection. Pure: no socket.
 *
 *     [chunk]  [block: bytes bytes b][block: references -> chunk, chunk][block: bytes] <-- append
 *      first    ^ begin: bytes before it have been sent
 *
 * Small packets are packed together into blocks; large ones, and broadcasts, are referred to in a
 * chunk that others may share. A chunk that finds nothing queued takes no block: most broadcasts are
 * sent from one place to everybody. All appends of one packet happen, or none.
 *
 * A packet that does not fit into a block, and finds nothing queued, takes one of the few large blocks of
 * the pool, if one is free, and what follows is packed behind it: the system sends one piece faster
 * than several. What one send leaves over moves out of it. */
#ifndef MOONPORT_OUTBOX_H
#define MOONPORT_OUTBOX_H

#include "port/block.h"
#include "port/chunk.h"

struct outbox {
    struct chunk *first; /* to be sent before the blocks, or NULL */
    struct list blocks;  /* in the order to be sent; each holds at least one byte unsent */
    size_t pending;      /* bytes in all of them */
    size_t chunk_sent;   /* if the first unsent byte is a chunk's: bytes of it sent already */
    bool lent; /* bytes were offered, and not yet told to be sent: they stay where they are */
};

/* Packets up to this are copied; beyond it, without a large block, they are referred to. A chunk that
 * others share costs no memory to refer to, but a part of its own to send: of several, small ones are
 * copied. */
enum { OUTBOX_COPY_MAX = 16384, OUTBOX_CHUNK_COPY_MAX = 512 };

/* A block holds references as well as bytes, so its size must be at least that of one. */
enum { OUTBOX_BLOCK_MIN = sizeof(struct chunk *) };

void outbox_init(struct outbox *outbox);

/* Copies the parts in, which have `total` bytes. False, and nothing was added, when pool and budget
 * are used up. */
bool outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                   int count, size_t total);

/* Room behind all that is queued, in one block, for `size` bytes that count as queued from now on: they must be
 * filled in at once. NULL, and nothing has changed: they take the other way. 1 <= size. */
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

/* Refers to a whole chunk, which is held until it has been sent. False: as above. */
bool outbox_append_chunk(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk);

/* The bytes to send first, as up to count_max parts; returns how many. They stay where they are
 * until outbox_sent or outbox_clear; appending does not move them. */
int outbox_parts(struct outbox *outbox, struct span *parts, int count_max);

/* The first `size` bytes are gone: gives back the blocks and chunks they filled. */
void outbox_sent(struct outbox *outbox, size_t size);

/* Is a large block what is to be sent first? */
static inline bool outbox_begins_large(const struct outbox *outbox, const struct block_pool *pool)
{
    return !list_empty(&outbox->blocks) && block_of(outbox->blocks.next)->pool == pool->large;
}

/* After a send that has left bytes over: a large block that holds them goes home, for others need it,
 * and they wait in a chunk of their own. Without memory for that they stay where they are. */
void outbox_leave_large(struct outbox *outbox, struct block_pool *pool);

void outbox_clear(struct outbox *outbox);

#endif
