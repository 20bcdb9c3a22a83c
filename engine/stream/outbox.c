#include "stream/outbox.h"

/* A block that holds references has them in data[begin .. end), packed like bytes. They are
 * copied in and out because they need not be aligned. */

static struct block *tail_of(const struct outbox *outbox)
{
    return list_empty(&outbox->blocks) ? NULL : block_of(outbox->blocks.previous);
}

static size_t room_in(const struct block *block, bool for_references)
{
    if (block == NULL || (block->holds_references != 0) != for_references) return 0;
    return block->capacity - block->end;
}

static struct chunk *reference_at(const struct block *block, uint32_t place)
{
    struct chunk *chunk;
    memcpy(&chunk, block->data + place, sizeof chunk);
    return chunk;
}

static void give_all(struct list *blocks)
{
    struct list *node;
    while ((node = list_take_first(blocks)) != NULL) block_give(block_of(node));
}

/* Takes enough blocks for `size` more bytes; all or none. */
static bool take_for(struct list *blocks, struct block_pool *pool, size_t size)
{
    while (size != 0) {
        struct block *block = block_take_or_grow(pool);
        if (block == NULL) {
            give_all(blocks);
            return false;
        }
        list_append(blocks, &block->node);
        size -= size < block->capacity ? size : block->capacity;
    }
    return true;
}

static inline struct block *add_block(struct outbox *outbox, struct block_pool *pool)
{
    struct block *block = block_take_or_grow(pool);
    if (block != NULL) list_append(&outbox->blocks, &block->node);
    return block;
}

static size_t fill(struct block *block, struct span bytes)
{
    size_t room = block->capacity - block->end;
    size_t size = bytes.size < room ? bytes.size : room;
    memcpy(block->data + block->end, bytes.data, size);
    block->end += (uint32_t)size;
    return size;
}

/* For bytes that do not all fit into the last block. */
static bool append_bytes(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                         int count, size_t total)
{
    struct block *block = tail_of(outbox);
    size_t room = room_in(block, false);
    /* All blocks are taken before any byte is added, so there is nothing to undo. */
    struct list blocks;
    list_init(&blocks);
    if (!take_for(&blocks, pool, total - room)) return false;
    check(!list_empty(&blocks));
    if (room == 0) block = block_of(blocks.next);
    list_move_all(&outbox->blocks, &blocks);
    for (int i = 0; i < count; i++) {
        struct span left = parts[i];
        while (left.size != 0) {
            if (block->end == block->capacity) block = block_of(block->node.next);
            left = span_skip(left, fill(block, left));
        }
    }
    outbox->pending += total;
    return true;
}

/* True: the outbox takes over the caller's reference to the chunk. */
static bool append_reference(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk)
{
    if (outbox->pending == 0) {
        outbox->first = chunk;
        outbox->pending = chunk->size;
        return true;
    }
    struct block *block = tail_of(outbox);
    if (room_in(block, true) < sizeof chunk) {
        block = add_block(outbox, pool);
        if (block == NULL) return false;
        check(block->capacity >= OUTBOX_BLOCK_MIN);
        block->holds_references = true;
    }
    memcpy(block->data + block->end, &chunk, sizeof chunk);
    block->end += (uint32_t)sizeof chunk;
    outbox->pending += chunk->size;
    return true;
}

void outbox_init(struct outbox *outbox)
{
    list_init(&outbox->blocks);
    outbox->first = NULL;
    outbox->pending = 0;
    outbox->chunk_sent = 0;
    outbox->lent = false;
}

/* The block has room for all parts. */
static inline void pack(struct block *block, const struct span *parts, int count, size_t total)
{
    uint8_t *target = block->data + block->end;
    for (int i = 0; i < count; i++) {
        struct span part = parts[i];
        if (part.size == 4) /* most headers: one store, no call */
            memcpy(target, part.data, 4);
        else
            memcpy(target, part.data, part.size);
        target += part.size;
    }
    block->end += (uint32_t)total;
}

/* Copies a small chunk that is queued alone into an empty block, before the `total` bytes that are about to
 * be packed there: so there is one part to send instead of two. */
static void copy_first(struct outbox *outbox, struct block *block, size_t total)
{
    struct chunk *chunk = outbox->first;
    struct span bytes = chunk_bytes(chunk);
    bool moves = !outbox->lent && outbox->chunk_sent == 0;
    if (!moves || bytes.size > OUTBOX_CHUNK_COPY_MAX || bytes.size + total > block->capacity)
        return;
    pack(block, &bytes, 1, bytes.size);
    outbox->first = NULL;
    chunk_drop(chunk);
}

/* A new chunk with a copy of the parts; NULL: no memory. */
static struct chunk *chunk_of(const struct block_pool *pool, const struct span *parts, int count,
                              size_t total)
{
    struct chunk *chunk = pool->budget == NULL ? NULL : chunk_make(pool->budget, total);
    if (chunk == NULL) return NULL;
    uint8_t *target = chunk->data;
    for (int i = 0; i < count; i++) {
        memcpy(target, parts[i].data, parts[i].size);
        target += parts[i].size;
    }
    return chunk;
}

static bool append_chunk_of(struct outbox *outbox, struct block_pool *pool,
                            const struct span *parts, int count, size_t total)
{
    struct chunk *chunk = chunk_of(pool, parts, count, total);
    if (chunk == NULL) return false;
    if (append_reference(outbox, pool, chunk)) return true;
    chunk_drop(chunk);
    return false;
}

static bool pack_all(struct outbox *outbox, struct block *block, const struct span *parts,
                     int count, size_t total)
{
    if (block == NULL) return false;
    pack(block, parts, count, total);
    outbox->pending += total;
    return true;
}

/* For a packet that does not fit into one block: a large block keeps it in one piece. */
static bool append_whole(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                         int count, size_t total)
{
    struct block_pool *large = pool->large;
    if (large == NULL || outbox->pending > 0 || total > large->block_size) return false;
    struct block *block = block_take(large);
    if (block != NULL) list_append(&outbox->blocks, &block->node);
    return pack_all(outbox, block, parts, count, total);
}

bool outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                   int count, size_t total)
{
    if (total == 0) return true;
    bool empty = list_empty(&outbox->blocks);
    struct block *block = block_of(outbox->blocks.previous);
    if (empty || total > room_in(block, false)) {
        if (total > pool->block_size && append_whole(outbox, pool, parts, count, total))
            return true;
        if (total > OUTBOX_COPY_MAX) return append_chunk_of(outbox, pool, parts, count, total);
        if (!empty || total > pool->block_size)
            return append_bytes(outbox, pool, parts, count, total);
        block = add_block(outbox, pool);
        if (block != NULL && outbox->first != NULL) copy_first(outbox, block, total);
    }
    return pack_all(outbox, block, parts, count, total);
}

bool outbox_append_chunk(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk)
{
    if (chunk->size == 0) return true;
    if (chunk->size <= OUTBOX_CHUNK_COPY_MAX && outbox->pending > 0) {
        struct span bytes = chunk_bytes(chunk);
        return outbox_append(outbox, pool, &bytes, 1, bytes.size);
    }
    if (!append_reference(outbox, pool, chunk)) return false;
    chunk_hold(chunk);
    return true;
}

int outbox_parts(struct outbox *outbox, struct span *parts, int count_max)
{
    int count = 0;
    outbox->lent = true;
    size_t sent = outbox->chunk_sent;
    if (outbox->first != NULL && count_max > 0) {
        parts[count++] = span_skip(chunk_bytes(outbox->first), sent);
        sent = 0;
    }
    const struct list *node = outbox->blocks.next;
    for (; node != &outbox->blocks && count < count_max; node = node->next) {
        const struct block *block = block_of((struct list *)node);
        if (!block->holds_references) {
            parts[count++] = block_bytes(block);
            continue;
        }
        uint32_t place = block->begin;
        for (; place < block->end && count < count_max; place += (uint32_t)sizeof(struct chunk *)) {
            struct chunk *chunk = reference_at(block, place);
            parts[count++] = span_skip(chunk_bytes(chunk), sent);
            sent = 0;
        }
    }
    return count;
}

/* Takes up to `size` bytes off the front of the first block; returns how many. */
static size_t send_bytes(struct block *block, size_t size)
{
    uint32_t held = block->end - block->begin;
    if (size > held) size = held;
    block->begin += (uint32_t)size;
    return size;
}

/* The same for a chunk. When its last byte is sent, drops the chunk, and sets chunk_sent to 0. */
static size_t send_chunk(struct outbox *outbox, struct chunk *chunk, size_t size)
{
    size_t left = chunk->size - outbox->chunk_sent;
    if (size < left) {
        outbox->chunk_sent += size;
        return size;
    }
    outbox->chunk_sent = 0;
    chunk_drop(chunk);
    return left;
}

static size_t send_first(struct outbox *outbox, size_t size)
{
    size_t sent = send_chunk(outbox, outbox->first, size);
    if (outbox->chunk_sent == 0) outbox->first = NULL;
    return sent;
}

/* The same for the first reference of the first block. */
static size_t send_reference(struct outbox *outbox, struct block *block, size_t size)
{
    size_t sent = send_chunk(outbox, reference_at(block, block->begin), size);
    if (outbox->chunk_sent == 0) block->begin += (uint32_t)sizeof(struct chunk *);
    return sent;
}

void outbox_sent(struct outbox *outbox, size_t size)
{
    check(size <= outbox->pending);
    outbox->pending -= size;
    outbox->lent = false;
    if (size != 0 && outbox->first != NULL) size -= send_first(outbox, size);
    while (size != 0) {
        struct block *block = block_of(outbox->blocks.next);
        size -=
            block->holds_references ? send_reference(outbox, block, size) : send_bytes(block, size);
        if (block->begin != block->end) continue;
        list_remove(&block->node);
        block_give(block);
    }
}

void outbox_leave_large(struct outbox *outbox, struct block_pool *pool)
{
    if (outbox->lent || !outbox_begins_large(outbox, pool)) return;
    struct block *block = block_of(outbox->blocks.next);
    struct span left = block_bytes(block);
    struct chunk *chunk = chunk_of(pool, &left, 1, left.size);
    if (chunk == NULL) return;
    check(outbox->first == NULL);
    outbox->first = chunk;
    list_remove(&block->node);
    block_give(block);
}

void outbox_clear(struct outbox *outbox)
{
    outbox_sent(outbox, outbox->pending);
    check(outbox->first == NULL && list_empty(&outbox->blocks));
}
