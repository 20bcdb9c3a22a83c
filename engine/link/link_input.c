/* link_input.c - the way in: stream -> frame -> script.
 *
 * Packets are cut from the front of a stream's input. The beginning of an unfinished packet moves into the gather;
 * so does all input while a gate is closed, because landing blocks are few. */
#include "link/link.h"

static void reject(struct link *link, struct span input, const struct frame_cut *cut)
{
    char why[FRAME_FAULT_TEXT_MAX], bytes[FRAME_BYTES_TEXT_MAX];
    const char *guess =
        link->cut ? frame_guess_later(link->frame) : frame_guess(link->frame, input);
    link_log(link, LOG_WARN, "closed: %s; %s", frame_error_text(link->frame, cut, why),
             frame_bytes_text(input, guess, bytes));
    if (link->session != NULL && cut->fault == FRAME_PROTOCOL)
        link_session_farewell(link, LINK_FRAMING, span_text(cut->why));
    /* Replies to the packets before the bad one are still sent. */
    link_end(link, cut->fault == FRAME_TOO_BIG ? LINK_OVERSIZE : LINK_FRAMING);
}

/* Moves up to `size` bytes of the first parked block into the gather. */
static bool absorb(struct link *link, size_t size)
{
    return stream_absorb(&link->stream, size, link->cursor.wanted);
}

/* How many bytes the gather takes for a packet that lacks `missing` ones: only those, so that later packets can be used
 * without a copy. Of "raw", which has no later packets, as many as it has room for, or a block of them if it has to
 * grow: what was given back is not to come again for each byte that follows it. */
static size_t to_take(const struct link *link, size_t missing)
{
    const struct gather *gather = &link->stream.inbox.gather;
    size_t room = gather->capacity - (gather->end - gather->begin);
    if (link->frame->kind != FRAME_RAW) return missing;
    return missing <= room ? room : SIZE_MAX;
}

/* The packet at the front is not complete: appends more bytes to it, if there are any. */
static bool bring_more(struct link *link)
{
    size_t have = gather_bytes(&link->stream.inbox.gather).size;
    size_t wanted = link->cursor.wanted;
    bool known = wanted > have, filtered = link->stream.inbox.filter != NULL;
    if (!inbox_has_more(&link->stream.inbox)) return false;
    if (gather_empty(&link->stream.inbox.gather)) { /* the block's own bytes were not enough */
        if (absorb(link, SIZE_MAX)) return filtered || inbox_has_more(&link->stream.inbox);
        link_starve(link);
        return false;
    }
    if (absorb(link, known ? to_take(link, wanted - have) : SIZE_MAX)) return true;
    link_starve(link);
    return false;
}

static bool flows(const struct link *link)
{
    return link->stream.state == STREAM_OPEN && link->gates == 0;
}

/* Whether the input could be cut now. An unfinished packet with no more input behind it waits for its
 * peer, and needs no block. */
static bool may_hold_packet(const struct link *link, struct span input)
{
    return input.size > 0 &&
           (input.size >= link->cursor.wanted || inbox_has_more(&link->stream.inbox));
}

static inline bool has_blocks(const struct link_home *home)
{
    return home->streams.blocks.free_count >= home->blocks_low && !link_home_starving(home);
}

/* Once true, the worker is starving until pressure_relieve finds enough free blocks. */
static bool blocks_short(struct link_home *home)
{
    if (has_blocks(home)) return false;
    atomic_store_explicit(&home->starving, true, memory_order_relaxed);
    return true;
}

/* The fast path: nearly all packets are complete in the block they arrived in, and their framing is plain.
 * False: take_any must look for a packet. */
static inline bool has_plain(const struct link *link, struct span *packet)
{
    const struct inbox *inbox = &link->stream.inbox;
    return flows(link) && gather_empty(&inbox->gather) && !list_empty(&inbox->parked) &&
           link->cursor.wanted == 0 && has_blocks(link->home) &&
           frame_next_plain(link->frame, block_bytes(block_of(inbox->parked.next)), packet);
}

/* Asks the script once for each packet; the cursor remembers the answer. */
static enum frame_verdict next_measured(struct link *link, struct span input, struct frame_cut *cut)
{
    const struct link_home *home = link->home;
    const struct frame *frame = link->frame;
    uint64_t length = link->cursor.wanted;
    if (length <= frame->scripted.header_size) {
        if (frame_next(frame, &link->cursor, input, cut) == FRAME_MORE) return FRAME_MORE;
        length = home->script->measure(home->script_state, link, frame->scripted.measure,
                                       span_first(input, frame->scripted.header_size));
        if (!flows(link) || link->frame != frame || frame->kind != FRAME_SCRIPTED)
            return FRAME_CONSUMED; /* the script has done something to the link */
    }
    return frame_cut_measured(frame, &link->cursor, input, length, cut);
}

static enum frame_verdict next(struct link *link, struct span input, struct frame_cut *cut)
{
    if (link->session != NULL) return link_session_next(link, input, cut);
    if (input.size == 0) return FRAME_MORE;
    if (input.size < link->cursor.wanted) return FRAME_MORE;
    if (link->frame->kind == FRAME_SCRIPTED) return next_measured(link, input, cut);
    return frame_next(link->frame, &link->cursor, input, cut);
}

static void use(struct link *link, size_t size)
{
    link->cursor = (struct frame_cursor){0};
    link->cut = LINK_CUT_NOW;
    inbox_use(&link->stream.inbox, &link->home->streams, size);
}

/* Until the handler has returned or waits, it may give back what it has not used. */
static void note_unread(struct link *link, struct span packet)
{
    bool is_raw = link->frame->kind == FRAME_RAW;
    link->home->unread_link = is_raw ? link : NULL;
    link->home->unread = packet;
}

bool link_unread(struct link *link, size_t size, size_t wanted)
{
    struct link_home *home = link->home;
    if (home->unread_link != link || size > home->unread.size || wanted <= size) return false;
    if (!stream_is_up(&link->stream) || wanted > link->frame->packet_max) return false;
    home->unread_link = NULL;
    if (size > 0)
        inbox_unuse(&link->stream.inbox, span_skip(home->unread, home->unread.size - size));
    link->cursor.wanted = wanted;
    return true;
}

/* What is neither a packet nor the beginning of one. Whether there may be a packet behind it. */
static bool pass_over(struct link *link, enum frame_verdict verdict, struct span input,
                      const struct frame_cut *cut)
{
    if (verdict == FRAME_ERROR) reject(link, input, cut);
    if (verdict == FRAME_STARVED && stream_is_up(&link->stream)) link_starve(link);
    if (verdict == FRAME_CONSUMED || verdict == FRAME_ENDED) use(link, cut->consumed);
    if (verdict == FRAME_ENDED) link_end(link, LINK_EOF);
    return verdict == FRAME_CONSUMED;
}

__attribute__((noinline)) static bool take_any(struct link *link, struct span *packet, bool called)
{
    struct link_home *home = link->home;
    struct frame_cut cut;
    home->unread_link = NULL; /* the last packet's bytes go now */
    if (called && link->frame->kind == FRAME_SCRIPTED) return false;
    while (flows(link)) {
        inbox_release_front(&link->stream.inbox, &home->streams);
        struct span input = inbox_front(&link->stream.inbox);
        if (blocks_short(home) && may_hold_packet(link, input)) {
            link_starve(link);
            return false;
        }
        if (link->cut == LINK_CUT_NOW && link_home_turn_is_long(home, 1) && input.size > 0) {
            link_yield(link);
            return false;
        }
        enum frame_verdict verdict = next(link, input, &cut);
        if (verdict == FRAME_PACKET) {
            use(link, cut.consumed);
            counter_add(&home->counters.packets_received, 1);
            *packet = cut.packet;
            note_unread(link, cut.packet);
            return true;
        }
        bool goes_on =
            verdict == FRAME_MORE ? bring_more(link) : pass_over(link, verdict, input, &cut);
        if (!goes_on) return false;
    }
    return false;
}

/* Takes the next complete packet; its bytes stay valid until the next call. False when there is none,
 * or none may be taken now. `called`: by the script, which must not be called in turn. */
static inline bool take_packet(struct link *link, struct span *packet, bool called)
{
    struct link_home *home = link->home;
    if (!has_plain(link, packet)) return take_any(link, packet, called);
    if (link->cut == LINK_CUT_NOW && link_home_turn_is_long(home, 1)) {
        link_yield(link);
        return false;
    }
    link->cut = LINK_CUT_NOW;
    block_of(link->stream.inbox.parked.next)->begin += FRAME_PLAIN_HEADER + (uint32_t)packet->size;
    counter_add(&home->counters.packets_received, 1);
    return true;
}

bool link_has_packet(const struct link *link)
{
    struct span input = inbox_front(&link->stream.inbox);
    if (inbox_goes_on(&link->stream.inbox)) return true; /* perhaps */
    if (link->session != NULL)
        return input.size > 0 && link->session->codec->peek(link->session, link->frame, input);
    return input.size > 0 && input.size >= link->cursor.wanted &&
           frame_peek(link->frame, link->cursor, input) != FRAME_MORE;
}

bool link_next(struct link *link, struct span *packet)
{
    return link->stream.reading && take_packet(link, packet, true);
}

/* All connections share a few landing blocks: input that cannot be used now moves out of them. */
static void make_room(struct link *link)
{
    if (link->gates & GATE_STARVED) return; /* there is no room to move it to */
    while (!list_empty(inbox_blocks(&link->stream.inbox)))
        if (!absorb(link, SIZE_MAX)) {
            link_starve(link);
            return;
        }
}

/* Input for which there is no memory waits in blocks. */
static void spill(struct link *link)
{
    inbox_spill(&link->stream.inbox, &link->home->streams);
    link->cursor.scanned = 0; /* the first piece may be shorter than what was scanned */
}

/* The packet at the front waits for a block or memory, but too few bytes are to come to ever complete it. With a
 * filter this cannot be known. */
static bool starves_in_vain(const struct link *link, size_t to_come)
{
    size_t wanted = link->cursor.wanted, have = inbox_size(&link->stream.inbox);
    if (link->gates != GATE_STARVED || link->stream.inbox.filter != NULL) return false;
    return wanted > have && wanted - have > to_come;
}

/* The peer has ended its stream; some of its bytes may still be in the socket. */
static void pump_to_end(struct link *link)
{
    size_t to_come = stream_still_to_come(&link->stream);
    link->stream.ended = to_come == 0;
    if ((link->stream.ended && flows(link)) || starves_in_vain(link, to_come))
        link_end_midway(link,
                        link_stream_end(link)); /* an unfinished packet will never be complete */
    else
        link_await_end(link);
}

void link_note_filter(struct link *link)
{
    const char *why = stream_broken(&link->stream);
    if (why != NULL) {
        link_log(link, LOG_WARN, "closed: %s", why);
        if (link->stream.inbox.filter->starved)
            link_fail(link, LINK_MEMORY);
        else
            link_end(link, LINK_FRAMING);
    } else if (stream_filter_is_over(&link->stream)) {
        link->stream.ended = true;
    }
}

static void use_input(struct link *link)
{
    struct link_home *home = link->home;
    struct span packet;
    link->stream.reading = true;
    while (take_packet(link, &packet, false))
        home->script->received(home->script_state, link, packet);
    if (link->session != NULL) link->session->codec->rest(link->session);
    home->unread_link = NULL;
    inbox_release_front(&link->stream.inbox, &home->streams);
    if (link->cut == LINK_CUT_NOW) link->cut = LINK_CUT_BEFORE;
    link->stream.reading = false;
}

void link_pump(struct link *link)
{
    struct link_home *home = link->home;
    if (link->stream.reading || link->stream.state < STREAM_OPEN) return;
    use_input(link);
    if (link->stream.state == STREAM_OPEN) {
        if (gather_empty(&link->stream.inbox.gather))
            gather_clear(&link->stream.inbox.gather, &home->streams.blocks);
        make_room(link);
        if (link->gates & GATE_STARVED) spill(link);
        if (link->stream.inbox.filter != NULL) link_note_filter(link);
    }
    if (link->stream.state != STREAM_OPEN)
        link_drop_input(link);
    else if (link->stream.ended || link->stream.ending)
        pump_to_end(link);
    link_update_receiving(link);
}

void link_await_end(struct link *link)
{
    const struct link_home *home = link->home;
    if (link->ending_ns == 0) link->ending_ns = link_home_now(home);
    bool over = link->stream.ended && link->gates & GATES_BOUNDED && !link_has_packet(link);
    if (over && home->limits.end_at_once)
        link_end_midway(link, link_stream_end(link));
    else
        link_update_timer(link);
}
