#include "outbox.h"

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

/* Takes so many blocks that `size` more bytes fit into them; all or none. */
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

static size_t fill(struct block *block, struct span bytes)
{
    size_t room = block->capacity - block->end;
    size_t size = bytes.size < room ? bytes.size : room;
    memcpy(block->data + block->end, bytes.data, size);
    block->end += (uint32_t)size;
    return size;
}

/* Some of it finds no room in the last block. */
static bool append_bytes(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                         int count, size_t total)
{
    struct block *block = tail_of(outbox);
    size_t room = room_in(block, false);
    /* All that it takes is taken before anything is added, so there is nothing to undo. */
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

/* The chunk's holder that it was made or held with is the outbox's from here on, if true. */
static bool append_reference(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk)
{
    struct block *block = tail_of(outbox);
    if (room_in(block, true) < sizeof chunk) {
        block = block_take_or_grow(pool);
        if (block == NULL) return false;
        check(block->capacity >= OUTBOX_BLOCK_MIN);
        block->holds_references = true;
        list_append(&outbox->blocks, &block->node);
    }
    memcpy(block->data + block->end, &chunk, sizeof chunk);
    block->end += (uint32_t)sizeof chunk;
    outbox->pending += chunk->size;
    return true;
}

void outbox_init(struct outbox *outbox)
{
    list_init(&outbox->blocks);
    outbox->pending = 0;
    outbox->chunk_sent = 0;
}

/* The last block has room for all of it. */
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

static bool append_large(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                         int count, size_t total)
{
    struct chunk *chunk = pool->budget == NULL ? NULL : chunk_make(pool->budget, total);
    if (chunk == NULL) return false;
    uint8_t *target = chunk->data;
    for (int i = 0; i < count; i++) {
        memcpy(target, parts[i].data, parts[i].size);
        target += parts[i].size;
    }
    if (append_reference(outbox, pool, chunk)) return true;
    chunk_drop(chunk);
    return false;
}

bool outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                   int count, size_t total)
{
    if (total == 0) return true;
    if (total > OUTBOX_COPY_MAX) return append_large(outbox, pool, parts, count, total);
    struct block *tail = block_of(outbox->blocks.previous);
    if (list_empty(&outbox->blocks) || total > room_in(tail, false))
        return append_bytes(outbox, pool, parts, count, total);
    pack(tail, parts, count, total);
    outbox->pending += total;
    return true;
}

bool outbox_append_chunk(struct outbox *outbox, struct block_pool *pool, struct chunk *chunk)
{
    if (chunk->size <= OUTBOX_CHUNK_COPY_MAX) {
        struct span bytes = span_of(chunk->data, chunk->size);
        return outbox_append(outbox, pool, &bytes, 1, bytes.size);
    }
    if (!append_reference(outbox, pool, chunk)) return false;
    chunk_hold(chunk);
    return true;
}

int outbox_parts(const struct outbox *outbox, struct span *parts, int count_max)
{
    int count = 0;
    size_t sent = outbox->chunk_sent;
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
            parts[count++] = span_skip(span_of(chunk->data, chunk->size), sent);
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

/* The same for the chunk that its first reference is to. */
static size_t send_chunk(struct outbox *outbox, struct block *block, size_t size)
{
    struct chunk *chunk = reference_at(block, block->begin);
    size_t left = chunk->size - outbox->chunk_sent;
    if (size < left) {
        outbox->chunk_sent += size;
        return size;
    }
    outbox->chunk_sent = 0;
    block->begin += (uint32_t)sizeof chunk;
    chunk_drop(chunk);
    return left;
}

void outbox_sent(struct outbox *outbox, size_t size)
{
    check(size <= outbox->pending);
    outbox->pending -= size;
    while (size != 0) {
        struct block *block = block_of(outbox->blocks.next);
        size -= block->holds_references ? send_chunk(outbox, block, size) : send_bytes(block, size);
        if (block->begin != block->end) continue;
        list_remove(&block->node);
        block_give(block);
    }
}

void outbox_clear(struct outbox *outbox)
{
    outbox_sent(outbox, outbox->pending);
    check(list_empty(&outbox->blocks));
}
