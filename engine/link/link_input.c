/* The way in: port -> reorder -> frame -> script.
 *
 *     gather [.....packet packet pa]  then  parked [cket packet] [packet pac]
 *
 * Input is used from the front: first what was gathered, then the landing blocks that are parked
 * behind it. In the common case nothing is gathered, one block is parked, all its packets are handed
 * on where they lie, and it goes back to the port at once. A beginning that is left over moves into
 * the gather, and so does everything when a gate is closed: landing blocks are few. What finds no
 * memory to be gathered in is copied to blocks of the pool, which then stand among the parked. */
#include "link/link.h"

static void park(struct link *link, struct block *block)
{
    list_append(&link->parked, &block->node);
    link->home->parked_blocks++;
}

static bool is_spilled(const struct link *link, const struct block *block)
{
    return block->owner == link;
}

/* Gives a parked block, which is in no list any more, back to the port or to the pool. */
static void give_back(struct link *link, struct block *block)
{
    if (is_spilled(link, block)) {
        block_give(block);
        return;
    }
    link->home->parked_blocks--;
    port_recv_done(link->home->port, block);
}

static void unpark(struct link *link)
{
    struct list *node = list_take_first(&link->parked);
    check(node != NULL);
    give_back(link, block_of(node));
}

void link_drop_input(struct link *link)
{
    if (link->pumping) return; /* link_pump does it when it has finished with the bytes */
    while (!list_empty(&link->parked)) unpark(link);
    gather_clear(&link->gather, &link->home->blocks);
    if (!list_empty(&link->starved)) {
        list_remove(&link->starved);
        link->gates &= (uint8_t)~GATE_STARVED;
    }
}

static void reject(struct link *link, struct span input, const struct frame_cut *cut)
{
    char why[FRAME_FAULT_TEXT_MAX], bytes[FRAME_BYTES_TEXT_MAX];
    bool later = link->cut || link->took;
    const char *guess = later ? frame_guess_later(link->frame) : frame_guess(link->frame, input);
    link_log(link, LOG_WARN, "closed: %s; %s", frame_error_text(link->frame, cut, why),
             frame_bytes_text(input, guess, bytes));
    /* What was answered to the packets before the bad one still goes out. */
    link_end(link, cut->fault == FRAME_TOO_BIG ? LINK_OVERSIZE : LINK_FRAMING);
}

void link_end_midway(struct link *link, enum link_reason reason)
{
    char wanted[32] = "", bytes[FRAME_BYTES_TEXT_MAX];
    struct span input = gather_bytes(&link->gather);
    const char *guess = link->cut ? "" : frame_guess(link->frame, input);
    if (link->cursor.wanted > input.size)
        snprintf(wanted, sizeof wanted, " of %zu", link->cursor.wanted);
    if (input.size > 0)
        link_note(link, &link->home->of_unfinished,
                  "closed (%s) with an unfinished packet, %zu%s byte%s so far; %s",
                  link_reason_text(reason), input.size, wanted,
                  input.size == 1 && wanted[0] == '\0' ? "" : "s",
                  frame_bytes_text(input, guess, bytes));
    link_end(link, reason);
}

/* The bytes at the front of the input that lie together. */
static struct span front(const struct link *link)
{
    if (!gather_empty(&link->gather)) return gather_bytes(&link->gather);
    if (!list_empty(&link->parked)) return block_bytes(block_of(link->parked.next));
    return (struct span){NULL, 0};
}

static void use_up(struct link *link, size_t size)
{
    if (!gather_empty(&link->gather)) {
        gather_consume(&link->gather, size);
        link->gathered_ns = link_home_now(link->home);
    } else {
        block_of(link->parked.next)->begin += (uint32_t)size;
    }
}

/* Gives back a landing block whose packets have all been handled. */
static void release_front(struct link *link)
{
    if (!gather_empty(&link->gather) || list_empty(&link->parked)) return;
    struct block *block = block_of(link->parked.next);
    if (block->begin == block->end) unpark(link);
}

/* Moves up to `size` bytes of the first parked block into the gather. */
static bool absorb(struct link *link, size_t size)
{
    struct block *block = block_of(link->parked.next);
    struct span bytes = span_first(block_bytes(block), size);
    size_t wanted = link->cursor.wanted;
    if (gather_empty(&link->gather)) link->gathered_ns = link_home_now(link->home);
    if (!gather_append(&link->gather, &link->home->blocks, bytes, wanted)) return false;
    block->begin += (uint32_t)bytes.size;
    if (block->begin == block->end) unpark(link);
    return true;
}

/* The packet at the front is not complete: more bytes are brought to it, if there are any. */
static bool bring_more(struct link *link)
{
    size_t have = gather_bytes(&link->gather).size;
    size_t wanted = link->cursor.wanted;
    bool known = wanted > have;
    if (list_empty(&link->parked)) return false;
    if (gather_empty(&link->gather)) { /* the block's own bytes were not enough */
        if (absorb(link, SIZE_MAX)) return !list_empty(&link->parked);
        link_starve(link);
        return false;
    }
    /* Just what completes this packet, so that those behind it are used where they lie. */
    if (absorb(link, known ? wanted - have : SIZE_MAX)) return true;
    link_starve(link);
    return false;
}

static bool flows(const struct link *link)
{
    return link->state == LINK_STATE_OPEN && link->gates == 0;
}

/* Or more has come behind it. A beginning that waits for its peer needs nothing of ours. */
static bool may_hold_packet(const struct link *link, struct span input)
{
    return input.size > 0 && (input.size >= link->cursor.wanted || !list_empty(&link->parked));
}

static bool blocks_short(struct link_home *home)
{
    if (home->blocks.free_count >= home->blocks_low) return link_home_starving(home);
    atomic_store_explicit(&home->starving, true, memory_order_relaxed);
    return true;
}

/* The next complete packet, which is used up with this: its bytes stay where they are until the next
 * call. False when there is none, or none may be taken now. */
static inline bool take_packet(struct link *link, struct span *packet)
{
    struct link_home *home = link->home;
    struct frame_cut cut;
    while (flows(link)) {
        release_front(link);
        struct span input = front(link);
        if (blocks_short(home) && may_hold_packet(link, input)) {
            link_starve(link);
            return false;
        }
        if (link->took && link_home_late(home, 1) && input.size > 0) {
            link_yield(link);
            return false;
        }
        enum frame_verdict verdict = FRAME_MORE;
        if (input.size > 0 && input.size >= link->cursor.wanted)
            verdict = frame_next(link->frame, &link->cursor, input, &cut);
        if (verdict == FRAME_PACKET) {
            link->cursor = (struct frame_cursor){0};
            link->took = true;
            use_up(link, cut.consumed);
            counter_add(&home->counters.packets_received, 1);
            *packet = cut.packet;
            return true;
        }
        if (verdict == FRAME_ERROR) reject(link, input, &cut);
        if (verdict == FRAME_ERROR || !bring_more(link)) return false;
    }
    return false;
}

bool link_has_packet(const struct link *link)
{
    const struct list *parked = &link->parked;
    struct span input = front(link);
    if (!list_empty(parked) && (!gather_empty(&link->gather) || parked->next != parked->previous))
        return true; /* perhaps: it goes on behind the front */
    return input.size > 0 && frame_peek(link->frame, link->cursor, input) != FRAME_MORE;
}

bool link_next(struct link *link, struct span *packet)
{
    return link->pumping && take_packet(link, packet);
}

/* Landing blocks are few and every connection's: what cannot be used now moves out of them. */
static void make_room(struct link *link)
{
    if (link->gates & GATE_STARVED) return; /* which is when there is no other place */
    while (!list_empty(&link->parked))
        if (!absorb(link, SIZE_MAX)) {
            link_starve(link);
            return;
        }
}

/* Copies a landing block into blocks of the pool. False if half of them would not be free any more. */
static bool spill_one(struct link *link, struct block *landed, struct list *target)
{
    struct block_pool *pool = &link->home->blocks;
    struct span left = block_bytes(landed);
    size_t count = (left.size + pool->block_size - 1) / pool->block_size;
    if (pool->free_count < pool->total / 2 + count) return false;
    while (left.size > 0) {
        struct block *block = block_take(pool);
        struct span part = span_first(left, pool->block_size);
        memcpy(block->data, part.data, part.size);
        block->end = (uint32_t)part.size;
        block->owner = link;
        list_append(target, &block->node);
        left = span_skip(left, part.size);
    }
    return true;
}

/* What has to wait for memory waits in blocks while there are enough: landing blocks are few, and
 * one stream that is being stopped may have filled them all. */
static void spill(struct link *link)
{
    struct list waiting, *node;
    list_init(&waiting);
    while ((node = list_take_first(&link->parked)) != NULL) {
        struct block *block = block_of(node);
        if (is_spilled(link, block)) {
            list_append(&waiting, node);
        } else if (spill_one(link, block, &waiting)) {
            give_back(link, block);
        } else {
            list_append(&waiting, node);
            break;
        }
    }
    list_move_all(&waiting, &link->parked);
    list_move_all(&link->parked, &waiting);
    link->cursor.scanned = 0; /* the first piece may be shorter than what was looked through */
}

/* Bytes of an ended stream that the system still has. SIZE_MAX: some are on their way from the port. */
static size_t still_to_come(const struct link *link)
{
    const struct port_socket *socket = &link->socket;
    if (link->ended) return 0;
    if (socket->receiving || link->reorder.next != socket->sequence_next) return SIZE_MAX;
    return port_unread(link->home->port, socket);
}

/* The packet at the front, which finds no block or no memory, will never be complete. */
static bool starves_in_vain(const struct link *link, size_t to_come)
{
    size_t wanted = link->cursor.wanted, have = gather_bytes(&link->gather).size;
    struct list *node = link->parked.next;
    if (link->gates != GATE_STARVED) return false;
    for (; node != &link->parked; node = node->next) have += block_bytes(block_of(node)).size;
    return wanted > have && wanted - have > to_come;
}

/* The peer's end is known. */
static void pump_to_end(struct link *link)
{
    size_t to_come = still_to_come(link);
    link->ended = to_come == 0;
    if ((link->ended && flows(link)) || starves_in_vain(link, to_come))
        link_end_midway(link, LINK_EOF); /* what was begun will never be complete */
    else
        link_await_end(link);
}

void link_pump(struct link *link)
{
    struct link_home *home = link->home;
    struct span packet;
    if (link->pumping || link->state == LINK_STATE_FREE) return;
    link->pumping = true;
    link->took = false;
    while (take_packet(link, &packet)) home->script->received(home->script_state, link, packet);
    release_front(link);
    link->cut |= link->took;
    link->pumping = false;
    if (link->state != LINK_STATE_OPEN) {
        link_drop_input(link);
    } else {
        if (gather_empty(&link->gather)) gather_clear(&link->gather, &home->blocks);
        make_room(link);
        if (link->gates & GATE_STARVED) spill(link);
        if (link->ended || link->ending) pump_to_end(link);
    }
    link_update_receiving(link);
}

/* The next block in the order of the stream. */
static void take_in(struct link *link, struct block *block)
{
    if (block->end == 0 || link->state != LINK_STATE_OPEN) {
        port_recv_done(link->home->port, block);
        return;
    }
    counter_add(&link->home->counters.bytes_received, block->end);
    link->received_ns = link_home_now(link->home);
    park(link, block);
}

static enum link_reason reason_of(uint8_t error)
{
    return error == PORT_TIMED_OUT   ? LINK_TIMEOUT
           : error == PORT_NO_MEMORY ? LINK_MEMORY
                                     : LINK_RESET;
}

void link_await_end(struct link *link)
{
    const struct link_home *home = link->home;
    if (link->ending_ns == 0) link->ending_ns = link_home_now(home);
    bool over = link->ended && link->gates & GATES_BOUNDED && !link_has_packet(link);
    if (over && home->limits.end_at_once)
        link_end_midway(link, LINK_EOF);
    else
        link_update_deadline(link);
}

void link_peer_ended(struct link *link, const struct port_event *event)
{
    if (link_counts_home(link)) return;
    if (event->error != PORT_OK && event->error != PORT_CANCELLED) {
        link_fail(link, reason_of(event->error));
        return;
    }
    if (event->error == PORT_OK) {
        link->ending = true;
        link_pump(link);
    }
    link_update_receiving(link);
}

void link_received(struct link *link, const struct port_event *event)
{
    struct block *block = event->block;
    bool end_of_stream = event->last && event->error == PORT_OK;
    if (block != NULL && reorder_put(&link->reorder, block->sequence, block)) {
        do {
            take_in(link, block);
            block = reorder_take(&link->reorder);
        } while (block != NULL);
    }
    if (end_of_stream) link->ended = true;
    if (link_counts_home(link)) return;
    if (event->error != PORT_OK && event->error != PORT_CANCELLED) {
        link_fail(link, reason_of(event->error));
        return;
    }
    link_pump(link);
    if (link->ended && link->shut) link_fail(link, link->reason); /* the peer has closed, too */
    if (outbox_begins_large(&link->outbox, &link->home->blocks)) link_flush_large(link);
}
