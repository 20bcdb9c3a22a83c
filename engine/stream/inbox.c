#include "stream/inbox.h"

/* Landing blocks belong to the port; spilled ones come from our pool. */
static bool is_spilled(const struct stream_home *home, const struct block *block)
{
    return block->pool == &home->blocks;
}

/* The block must be in no list. */
static void give_back(struct stream_home *home, struct block *block)
{
    if (is_spilled(home, block)) {
        block_give(block);
        return;
    }
    home->parked_blocks--;
    port_recv_done(home->port, block);
}

static void give_first(struct list *blocks, struct stream_home *home)
{
    struct list *node = list_take_first(blocks);
    check(node != NULL);
    give_back(home, block_of(node));
}

static void give_all(struct list *blocks, struct stream_home *home)
{
    while (!list_empty(blocks)) give_first(blocks, home);
}

void inbox_unpark(struct inbox *inbox, struct stream_home *home)
{
    give_first(&inbox->parked, home);
}

/* ---- with a filter ---- */

static void remove_filter(struct inbox *inbox, struct stream_home *home)
{
    struct filter *filter = inbox->filter;
    check(!filter->has_plain && !filter->has_wire && filter->sealed.pending == 0);
    list_move_all(&inbox->parked, &filter->wire);
    inbox->filter = NULL;
    filter->kind->close(filter, &home->budget);
}

static struct filter_step take(struct inbox *inbox, struct stream_home *home, uint8_t *room,
                               size_t size)
{
    struct filter *filter = inbox->filter;
    bool is_offered = !list_empty(&filter->wire) && filter->state != FILTER_ENDED;
    struct block *first = is_offered ? block_of(filter->wire.next) : NULL;
    struct span wire = first != NULL ? block_bytes(first) : (struct span){NULL, 0};
    if (gather_empty(&inbox->gather) && filter->held == 0) inbox->gathered_ns = stream_now(home);
    uint8_t before = filter->state;
    struct filter_step step = filter->kind->take(filter, wire, room, size);
    check(step.used <= wire.size);
    check(step.made <= size);
    check(step.used > 0 || step.made > 0 || filter->state != before);
    if (first != NULL) {
        first->begin += (uint32_t)step.used;
        if (first->begin == first->end) give_first(&filter->wire, home);
    }
    return step;
}

static bool absorb_plain(struct inbox *inbox, struct stream_home *home, size_t wanted)
{
    size_t size;
    if (filter_is_over(inbox->filter)) { /* bytes after the filter's end are ignored */
        give_all(&inbox->filter->wire, home);
        return true;
    }
    uint8_t *room = gather_room(&inbox->gather, &home->blocks, wanted, &size);
    if (room == NULL) return false;
    gather_filled(&inbox->gather, take(inbox, home, room, size).made);
    if (filter_is_over(inbox->filter)) give_all(&inbox->filter->wire, home);
    if (inbox->filter->state == FILTER_GONE) remove_filter(inbox, home);
    return true;
}

void inbox_shake(struct inbox *inbox, struct stream_home *home)
{
    struct filter *filter = inbox->filter;
    while (filter->state == FILTER_OPENING && !list_empty(&filter->wire))
        take(inbox, home, NULL, 0);
    if (filter->state == FILTER_GONE) remove_filter(inbox, home);
}

/* ---- without one ---- */

bool inbox_absorb(struct inbox *inbox, struct stream_home *home, size_t size, size_t wanted)
{
    if (inbox->filter != NULL) return absorb_plain(inbox, home, wanted);
    struct block *block = block_of(inbox->parked.next);
    struct span bytes = span_first(block_bytes(block), size);
    if (gather_empty(&inbox->gather)) inbox->gathered_ns = stream_now(home);
    if (!gather_append(&inbox->gather, &home->blocks, bytes, wanted)) return false;
    block->begin += (uint32_t)bytes.size;
    if (block->begin == block->end) inbox_unpark(inbox, home);
    return true;
}

/* Copies a landing block into blocks of the pool. False if fewer than half of them would then be free. */
static bool spill_one(struct block_pool *pool, struct block *landed, struct list *target)
{
    struct span left = block_bytes(landed);
    size_t count = (left.size + pool->block_size - 1) / pool->block_size;
    if (pool->free_count < pool->total / 2 + count) return false;
    while (left.size > 0) {
        struct block *block = block_take(pool);
        struct span part = span_first(left, pool->block_size);
        memcpy(block->data, part.data, part.size);
        block->end = (uint32_t)part.size;
        list_append(target, &block->node);
        left = span_skip(left, part.size);
    }
    return true;
}

/* Input that waits for memory moves to blocks of the pool while there are enough, because landing blocks
 * are few, and a single stream may have filled them all. */
bool inbox_spill(struct inbox *inbox, struct stream_home *home)
{
    bool fine = true;
    struct list waiting, *blocks = inbox_blocks(inbox), *node;
    list_init(&waiting);
    while (fine && (node = list_take_first(blocks)) != NULL) {
        struct block *block = block_of(node);
        if (is_spilled(home, block)) {
            list_append(&waiting, node);
        } else if (spill_one(&home->blocks, block, &waiting)) {
            give_back(home, block);
        } else {
            list_append(&waiting, node);
            fine = false;
        }
    }
    list_move_all(&waiting, blocks);
    list_move_all(blocks, &waiting);
    return fine;
}

size_t inbox_size(const struct inbox *inbox)
{
    size_t size = gather_bytes(&inbox->gather).size;
    for (struct list *node = inbox->parked.next; node != &inbox->parked; node = node->next)
        size += block_bytes(block_of(node)).size;
    return size;
}

void inbox_drop(struct inbox *inbox, struct stream_home *home)
{
    give_all(inbox_blocks(inbox), home);
    gather_clear(&inbox->gather, &home->blocks);
}

void inbox_check(const struct inbox *inbox)
{
    const struct gather *gather = &inbox->gather;
    check(gather->begin <= gather->end);
    check(gather->end <= gather->capacity);
    check(inbox->filter == NULL || list_empty(&inbox->parked));
    const struct list *blocks = inbox->filter == NULL ? &inbox->parked : &inbox->filter->wire;
    for (struct list *node = blocks->next; node != blocks; node = node->next) {
        const struct block *block = block_of(node);
        check(block->begin < block->end);
        check(block->end <= block->capacity);
    }
}
