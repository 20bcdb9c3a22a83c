#include "veil_peer.h"
#include "wire.h"

#include <string.h>

struct veil_peer {
    struct cover cover; /* first */
    struct draw draw;
    uint8_t flags, round, rounds;
    struct buffer waiting; /* plain bytes put before it was ready */
    struct buffer record;  /* of the record that is not complete */
};

static struct veil_peer *veil_of(struct cover *cover)
{
    return (struct veil_peer *)cover;
}

static void add(struct buffer *wire, enum veil_type type, struct span payload)
{
    uint8_t record[VEIL_RECORD_MAX];
    wire_append_bytes(wire, span_of(record, veil_record(record, type, payload)));
}

static void hello(struct veil_peer *peer, struct buffer *wire)
{
    uint8_t payload[40] = {++peer->round, peer->rounds, peer->flags};
    add(wire, VEIL_HELLO, span_of(payload, draw_between(&peer->draw, 3, sizeof payload)));
}

static void put(struct cover *cover, struct span plain, struct buffer *wire)
{
    struct veil_peer *peer = veil_of(cover);
    uint8_t record[VEIL_RECORD_MAX];
    if (!cover->open || cover->lifted) {
        wire_append_bytes(cover->lifted ? wire : &peer->waiting, plain);
        return;
    }
    while (plain.size > 0) {
        size_t most = plain.size < VEIL_PAYLOAD_MAX ? plain.size : VEIL_PAYLOAD_MAX;
        struct span part = span_first(plain, draw_between(&peer->draw, (most + 1) / 2, most));
        size_t size = veil_cover(record, part, draw_chance(&peer->draw, 500));
        wire_append_bytes(wire, span_of(record, size));
        plain = span_skip(plain, part.size);
        if (draw_chance(&peer->draw, 50)) add(wire, VEIL_PADDING, span_text("------"));
        if (draw_chance(&peer->draw, 50)) add(wire, VEIL_QUESTION, span_text("?"));
    }
}

static void pass(struct veil_peer *peer, struct buffer *wire)
{
    struct span waiting = buffer_bytes(&peer->waiting);
    peer->cover.open = peer->cover.ready = true;
    put(&peer->cover, waiting, wire);
    buffer_consume(&peer->waiting, waiting.size);
}

static void end(struct cover *cover, struct buffer *wire)
{
    if (cover->open && !cover->lifted) add(wire, VEIL_FAREWELL, (struct span){NULL, 0});
}

/* No record begins so. */
static void tear(struct cover *cover, struct span noise, struct buffer *wire)
{
    (void)cover;
    wire_append_bytes(wire, span_of("\xff", 1));
    wire_append_bytes(wire, span_skip(noise, 1));
}

static void close_peer(struct cover *cover)
{
    struct veil_peer *peer = veil_of(cover);
    free(peer->waiting.data);
    free(peer->record.data);
    free(peer);
}

static bool hear_record(struct veil_peer *peer, uint8_t type, struct span payload,
                        struct buffer *plain, struct buffer *wire)
{
    uint8_t bytes[VEIL_PLAIN_MAX];
    if (peer->cover.farewell) return false;
    switch (type) {
    case VEIL_ANSWER:
        if (peer->cover.open || payload.size == 0 || payload.data[0] != peer->round) return false;
        if (peer->round < peer->rounds)
            hello(peer, wire);
        else
            pass(peer, wire);
        return true;
    case VEIL_PADDING: return true;
    case VEIL_REFUSAL: return peer->cover.refused = true;
    case VEIL_FAREWELL: return peer->cover.farewell = true;
    default: break;
    }
    size_t size = veil_uncover(bytes, type, payload);
    if (size == SIZE_MAX || !peer->cover.open) return false;
    wire_append_bytes(plain, span_of(bytes, size));
    return true;
}

static bool hear(struct cover *cover, struct span bytes, struct buffer *plain, struct buffer *wire)
{
    struct veil_peer *peer = veil_of(cover);
    struct buffer *record = &peer->record;
    wire_append_bytes(cover->lifted ? plain : record, bytes);
    while (buffer_size(record) >= VEIL_HEAD) {
        struct span have = buffer_bytes(record);
        size_t size = have.data[1] + 256u * have.data[2];
        if (size > VEIL_PAYLOAD_MAX) return false;
        if (have.size < VEIL_HEAD + size) return true;
        struct span payload = span_first(span_skip(have, VEIL_HEAD), size);
        if (!hear_record(peer, have.data[0], payload, plain, wire)) return false;
        buffer_consume(record, VEIL_HEAD + size);
    }
    return true;
}

struct cover *veil_peer_open(uint64_t seed, uint8_t flags, struct buffer *wire)
{
    static const struct cover_kind kind = {
        .put = put, .end = end, .hear = hear, .tear = tear, .close = close_peer};
    struct veil_peer *peer = calloc(1, sizeof *peer);
    check(peer != NULL);
    *peer = (struct veil_peer){
        .cover = {.kind = &kind, .lifted = flags & VEIL_LIFT},
        .draw = draw_begin(seed, 0),
        .flags = flags,
    };
    peer->rounds = (uint8_t)draw_between(&peer->draw, 1, VEIL_ROUNDS_MAX);
    hello(peer, wire);
    if (peer->cover.lifted) pass(peer, wire);
    return &peer->cover;
}
