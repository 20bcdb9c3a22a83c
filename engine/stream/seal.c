#include "stream/seal.h"

/* Takes a large block if the queue is empty and one is free: its bytes are sent as one piece, and it is usually free
 * again at once. */
static struct block *take_block(const struct outbox *sealed, struct stream_home *home)
{
    struct block_pool *large = sealed->pending > 0 ? NULL : home->blocks.large;
    struct block *block = large == NULL ? NULL : block_take(large);
    return block != NULL ? block : block_take_or_grow(&home->blocks);
}

/* A block with room: the last of the queue, or a new one that is in no list yet; NULL: no memory. */
static struct block *block_with_room(struct outbox *sealed, struct stream_home *home)
{
    if (!list_empty(&sealed->blocks)) {
        struct block *last = block_of(sealed->blocks.previous);
        if (!last->holds_references && last->end < last->capacity) return last;
    }
    return take_block(sealed, home);
}

static void keep(struct outbox *sealed, struct block *block, size_t made)
{
    bool is_new = block->end == 0;
    block->end += (uint32_t)made;
    sealed->pending += made;
    if (is_new && made > 0) list_append(&sealed->blocks, &block->node);
    if (is_new && made == 0) block_give(block);
}

/* The first contiguous bytes of the queue; none during the handshake. */
static struct span next_plain(const struct filter *filter, struct outbox *queue)
{
    struct span plain = {NULL, 0};
    if (filter->state != FILTER_OPENING) outbox_parts(queue, &plain, 1);
    return plain;
}

static bool give(struct filter *filter, struct outbox *queue, struct stream_home *home,
                 struct span plain)
{
    struct block *block = block_with_room(&filter->sealed, home);
    if (block == NULL) return false;
    struct filter_step step =
        filter->kind->give(filter, plain, block->data + block->end, block->capacity - block->end);
    check(step.used <= plain.size);
    check(step.made <= block->capacity - block->end);
    check(step.used + step.made > 0);
    keep(&filter->sealed, block, step.made);
    outbox_sent(queue, step.used);
    if (filter->state == FILTER_BROKEN && filter->sealed.pending == 0) {
        home->queued -= step.used; /* nothing will be sent of them */
        return true;
    }
    queue->pending += step.used; /* until they are sent */
    filter->sealed_plain += step.used;
    return true;
}

bool seal(struct filter *filter, struct outbox *queue, struct stream_home *home, bool ends)
{
    while (filter->sealed.pending < SEAL_MAX) {
        struct span plain = next_plain(filter, queue);
        if (plain.size == 0 && !filter->has_wire && ends && !filter->ended) {
            filter->ended = true;
            filter->kind->end(filter);
        }
        if (plain.size == 0 && !filter->has_wire) return true;
        if (!give(filter, queue, home, plain)) return filter->sealed.pending > 0;
    }
    return true;
}

size_t seal_sent(struct filter *filter, struct outbox *queue, struct block_pool *pool, size_t size)
{
    size_t plain = filter->sealed_plain;
    outbox_sent(&filter->sealed, size);
    if (filter->sealed.pending > 0) {
        outbox_leave_large(&filter->sealed, pool);
        return 0;
    }
    queue->pending -= plain;
    filter->sealed_plain = 0;
    return plain;
}

void seal_close(struct filter *filter, struct outbox *queue, struct budget *budget)
{
    outbox_clear(&filter->sealed);
    queue->pending -= filter->sealed_plain;
    filter->kind->close(filter, budget);
}
