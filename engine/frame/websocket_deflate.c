#include "frame/websocket_deflate.h"

#include "base/piece.h"

enum {
    COMPRESSED_MIN = 100,  /* bytes of a packet: less than that takes more time than it saves */
    ROOM_KEPT = 64 * 1024, /* bytes of the buffer that stay between two packets */
    PAGED_FROM = 8192,
};

/* ---- what the sessions of a worker share ---- */

struct shared_deflater {
    struct shared_deflater *next;
    struct deflater *deflater;
    uint8_t level, bits;
};

struct deflate_shared {
    struct deflate_shared **place; /* of the owner's pointer to it */
    struct budget *budget;
    uint32_t users;
    struct shared_deflater *deflaters; /* one for each level and window in use */
    struct inflater *inflater;         /* or NULL: nobody needs one yet */
    uint8_t *room;                     /* for what was compressed; or NULL */
    size_t room_size;
};

static struct deflate_shared *hold_shared(struct session *session)
{
    if (session->shared == NULL) return NULL;
    struct deflate_shared *shared = *session->shared;
    if (shared == NULL) {
        shared = piece_take(session->budget, sizeof *shared, 0, PAGED_FROM);
        if (shared == NULL) return NULL;
        *shared = (struct deflate_shared){.place = session->shared, .budget = session->budget};
        *session->shared = shared;
    }
    shared->users++;
    return shared;
}

static void drop_room(struct deflate_shared *shared)
{
    if (shared->room != NULL)
        piece_give(shared->budget, shared->room, shared->room_size, PAGED_FROM);
    shared->room = NULL;
    shared->room_size = 0;
}

static void drop_shared(struct deflate_shared *shared)
{
    struct budget *budget = shared->budget;
    check(shared->users > 0);
    if (--shared->users > 0) return;
    while (shared->deflaters != NULL) {
        struct shared_deflater *first = shared->deflaters;
        shared->deflaters = first->next;
        deflater_close(first->deflater);
        piece_give(budget, first, sizeof *first, PAGED_FROM);
    }
    if (shared->inflater != NULL) inflater_close(shared->inflater);
    drop_room(shared);
    *shared->place = NULL;
    piece_give(budget, shared, sizeof *shared, PAGED_FROM);
}

static struct deflater *find_deflater(struct deflate_shared *shared, uint8_t level, uint8_t bits)
{
    struct shared_deflater *found = shared->deflaters;
    while (found != NULL && (found->level != level || found->bits != bits)) found = found->next;
    if (found != NULL) return found->deflater;
    found = piece_take(shared->budget, sizeof *found, 0, PAGED_FROM);
    if (found == NULL) return NULL;
    *found = (struct shared_deflater){.next = shared->deflaters, .level = level, .bits = bits};
    found->deflater = deflater_open(shared->budget, level, bits);
    if (found->deflater == NULL) {
        piece_give(shared->budget, found, sizeof *found, PAGED_FROM);
        return NULL;
    }
    shared->deflaters = found;
    return found->deflater;
}

static bool has_inflater(struct deflate_shared *shared)
{
    if (shared->inflater == NULL)
        shared->inflater = inflater_open(shared->budget, DEFLATE_BITS_MAX);
    return shared->inflater != NULL;
}

/* At least so many bytes, or NULL. */
static uint8_t *take_room(struct deflate_shared *shared, size_t size)
{
    if (size <= shared->room_size) return shared->room;
    drop_room(shared);
    shared->room = piece_take(shared->budget, size, 0, PAGED_FROM);
    if (shared->room != NULL) shared->room_size = size;
    return shared->room;
}

/* ---- the beginning, and the end ---- */

static bool open_coders(struct websocket_deflate *deflate, uint8_t level)
{
    const struct deflate_terms *terms = &deflate->terms;
    struct deflate_shared *shared = deflate->shared;
    deflate->deflater = terms->server_takeover
                            ? deflater_open(shared->budget, level, terms->server_bits)
                            : find_deflater(shared, level, terms->server_bits);
    if (deflate->deflater == NULL) return false;
    if (!terms->client_takeover) return has_inflater(shared);
    deflate->inflater = inflater_open(shared->budget, terms->client_bits);
    return deflate->inflater != NULL;
}

void websocket_drop_deflate(struct websocket_session *own)
{
    struct websocket_deflate *deflate = own->deflate;
    if (deflate == NULL) return;
    if (deflate->terms.server_takeover && deflate->deflater != NULL)
        deflater_close(deflate->deflater);
    if (deflate->inflater != NULL) inflater_close(deflate->inflater);
    if (deflate->shared != NULL) drop_shared(deflate->shared);
    piece_give(own->session.budget, deflate, sizeof *deflate, PAGED_FROM);
    own->deflate = NULL;
}

static bool open_deflate(struct websocket_session *own, const struct deflate_terms *terms,
                         uint8_t level)
{
    struct websocket_deflate *deflate =
        piece_take(own->session.budget, sizeof *deflate, 0, PAGED_FROM);
    if (deflate == NULL) return false;
    *deflate = (struct websocket_deflate){.terms = *terms};
    own->deflate = deflate;
    deflate->shared = hold_shared(&own->session);
    if (deflate->shared != NULL && open_coders(deflate, level)) return true;
    websocket_drop_deflate(own);
    return false;
}

bool websocket_agree(struct websocket_session *own, const struct frame *frame,
                     const struct http_head *head, char answer[DEFLATE_ANSWER_MAX])
{
    const struct websocket_settings *settings = &frame->websocket;
    const struct deflate_policy policy = {
        .takeover = settings->compress == WEBSOCKET_TAKEOVER,
        .bits = settings->compress_window,
    };
    struct deflate_terms terms;
    if (settings->compress == WEBSOCKET_PLAIN) return false;
    if (!deflate_offer_choose(head, &policy, &terms, answer)) return false;
    return own->deflate != NULL || open_deflate(own, &terms, settings->compress_level);
}

/* ---- the way in: section 7.2.2 ---- */

/* Of a message in fragments; it counts as held, for it is there as long as the rest is not. */
static bool open_own_inflater(struct websocket_session *own)
{
    struct websocket_deflate *deflate = own->deflate;
    deflate->inflater = inflater_open(own->session.budget, DEFLATE_BITS_MAX);
    if (deflate->inflater == NULL) return false;
    own->session.held += inflater_size(deflate->inflater);
    return true;
}

static void end_message(struct websocket_session *own)
{
    struct websocket_deflate *deflate = own->deflate;
    if (deflate->terms.client_takeover) {
        inflater_reset(deflate->inflater, true);
    } else if (deflate->inflater != NULL) {
        own->session.held -= inflater_size(deflate->inflater);
        inflater_close(deflate->inflater);
        deflate->inflater = NULL;
    }
}

static struct inflater *choose_inflater(struct websocket_session *own, bool is_whole)
{
    struct websocket_deflate *deflate = own->deflate;
    if (deflate->inflater == NULL && !is_whole && !open_own_inflater(own)) return NULL;
    if (deflate->inflater != NULL) return deflate->inflater;
    inflater_reset(deflate->shared->inflater, false);
    return deflate->shared->inflater;
}

/* The inflater that others use begins again with the message; one of its own goes on where it was. */
static enum frame_verdict starve(struct websocket_session *own)
{
    struct websocket_deflate *deflate = own->deflate;
    if (deflate->inflater == NULL) {
        deflate->used = 0;
        own->utf8 = 0;
        websocket_drop_message(own);
    }
    return FRAME_STARVED;
}

/* What of the payload and of the tail was not used yet. */
static struct span rest_of(const struct deflate_frame *frame, size_t used)
{
    if (used < frame->payload.size) return span_skip(frame->payload, used);
    return frame->is_last ? span_skip(inflater_tail(), used - frame->payload.size)
                          : (struct span){NULL, 0};
}

enum frame_verdict websocket_inflate(struct websocket_session *own,
                                     const struct deflate_frame *frame, struct frame_cut *cut)
{
    struct websocket_deflate *deflate = own->deflate;
    struct inflater *inflater = choose_inflater(own, own->opcode == 0 && frame->is_last);
    if (inflater == NULL) return starve(own);
    for (bool done = false; !done;) {
        struct span input = rest_of(frame, deflate->used);
        if (!websocket_reserve(own, input.size + 1, frame->most + 1)) return starve(own);
        struct span room = span_of(own->message + own->size, own->capacity - own->size);
        struct span fresh = room;
        size_t offered = input.size;
        if (!inflater_run(inflater, &input, &room))
            return websocket_fail(cut, WS_NOT_VALID, "a message is not compressed right");
        fresh.size -= room.size;
        own->size += fresh.size;
        deflate->used += offered - input.size;
        if (own->size > frame->most) return websocket_too_big(cut, own->size);
        if (frame->is_text && !utf8_check(&own->utf8, fresh))
            return websocket_fail(cut, WS_NOT_VALID, "a text is not UTF-8");
        done = room.size > 0 && rest_of(frame, deflate->used).size == 0;
    }
    deflate->used = 0;
    if (frame->is_last) end_message(own);
    return FRAME_CONSUMED;
}

bool websocket_inflates(const struct websocket_session *own)
{
    return own->deflate != NULL && own->deflate->used > 0;
}

/* ---- the way out: section 7.2.1 ---- */

struct span websocket_compress(struct websocket_session *own, struct span packet)
{
    struct websocket_deflate *deflate = own->deflate;
    deflate->has_compressed = false;
    if (packet.size < COMPRESSED_MIN) return (struct span){NULL, 0};
    uint8_t *room = take_room(deflate->shared, packet.size);
    if (room == NULL) return (struct span){NULL, 0};
    if (!deflate->terms.server_takeover) deflater_reset(deflate->deflater);
    size_t size = deflater_run(deflate->deflater, packet, span_of(room, packet.size));
    deflate->has_compressed = size > 0;
    return span_of(room, size);
}

void websocket_sent(struct websocket_session *own, bool sent)
{
    struct websocket_deflate *deflate = own->deflate;
    if (deflate->shared->room_size > ROOM_KEPT) drop_room(deflate->shared);
    if (!sent && deflate->has_compressed && deflate->terms.server_takeover)
        deflater_reset(deflate->deflater);
    deflate->has_compressed = false;
}
