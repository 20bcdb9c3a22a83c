/* outbox_desk.h - an outbox at work: whatever goes in, what is offered must be the stream, byte for byte. */
#ifndef MOONPORT_OUTBOX_DESK_H
#define MOONPORT_OUTBOX_DESK_H

#include "stream/outbox.h"

#include <criterion/criterion.h>

enum { PARTS_MAX = 8 };

/* An outbox with its pool and budget. Bytes are known by their place in the stream: what is sent
 * must be the stream from 0 on. */
struct desk {
    struct budget budget;
    struct block_pool pool, large;
    struct outbox outbox;
    size_t appended, sent;
};

static inline void desk_open(struct desk *desk, uint32_t blocks, uint32_t block_size, size_t limit)
{
    *desk = (struct desk){.budget = {.limit = limit}};
    cr_assert(block_pool_open(&desk->pool, blocks, block_size, &desk->budget));
    outbox_init(&desk->outbox);
}

/* Has the pool large blocks, too. */
static inline void desk_add_large(struct desk *desk, uint32_t blocks, uint32_t block_size)
{
    cr_assert(block_pool_open(&desk->large, blocks, block_size, NULL));
    desk->pool.large = &desk->large;
}

/* The outbox is empty, so all is home. */
static inline void desk_close(struct desk *desk)
{
    cr_assert_null(desk->outbox.first);
    cr_assert(list_empty(&desk->outbox.blocks));
    cr_assert_eq(desk->outbox.pending, 0);
    cr_assert_eq(desk->outbox.chunk_sent, 0);
    cr_assert_eq(desk->pool.free_count, desk->pool.total);
    cr_assert_eq(desk->pool.grown_count, 0);
    cr_assert_eq(budget_used(&desk->budget), 0);
    if (desk->pool.large != NULL) block_pool_close(&desk->large);
    block_pool_close(&desk->pool);
}

static inline uint8_t byte_at(size_t place)
{
    return (uint8_t)(place * 131 + (place >> 8) * 7);
}

static inline void fill(uint8_t *bytes, size_t place, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = byte_at(place + i);
}

/* The next bytes of the stream, as up to `parts` parts. */
static inline bool append(struct desk *desk, size_t size, int parts)
{
    static uint8_t bytes[1 << 20];
    check(size <= sizeof bytes);
    check(parts >= 1 && parts <= PARTS_MAX);
    fill(bytes, desk->appended, size);
    struct span spans[PARTS_MAX];
    struct span left = span_of(bytes, size);
    for (int i = 0; i < parts; i++) {
        spans[i] = i == parts - 1 ? left : span_first(left, left.size / 3);
        left = span_skip(left, spans[i].size);
    }
    if (!outbox_append(&desk->outbox, &desk->pool, spans, parts, size)) return false;
    desk->appended += size;
    return true;
}

static inline struct chunk *next_chunk(struct desk *desk, struct budget *budget, size_t size)
{
    struct chunk *chunk = chunk_make(budget, size);
    cr_assert_not_null(chunk);
    fill(chunk->data, desk->appended, size);
    return chunk;
}

static inline bool append_chunk(struct desk *desk, struct chunk *chunk)
{
    if (!outbox_append_chunk(&desk->outbox, &desk->pool, chunk)) return false;
    desk->appended += chunk->size;
    return true;
}

/* The parts are the stream from what was sent on; returns their bytes. */
static inline size_t offered(struct desk *desk, int count_max)
{
    struct span parts[64];
    check(count_max <= 64);
    int count = outbox_parts(&desk->outbox, parts, count_max);
    cr_assert(count <= count_max);
    size_t place = desk->sent;
    for (int i = 0; i < count; i++) {
        cr_assert(parts[i].size != 0);
        for (size_t j = 0; j < parts[i].size; j++)
            cr_assert(parts[i].data[j] == byte_at(place + j), "byte %zu differs", place + j);
        place += parts[i].size;
    }
    return place - desk->sent;
}

static inline void send_some(struct desk *desk, size_t size)
{
    outbox_sent(&desk->outbox, size);
    desk->sent += size;
    cr_assert_eq(desk->outbox.pending, desk->appended - desk->sent);
}

static inline void send_all(struct desk *desk)
{
    while (desk->outbox.pending != 0) send_some(desk, offered(desk, 64));
}

#endif
