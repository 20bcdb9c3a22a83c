#include "veil_peer.h"
#include "wire.h"

#include <string.h>

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

static void pass(struct veil_peer *peer, struct buffer *wire)
{
    struct span waiting = buffer_bytes(&peer->waiting);
    peer->open = true;
    veil_peer_put(peer, waiting, wire);
    buffer_consume(&peer->waiting, waiting.size);
}

void veil_peer_open(struct veil_peer *peer, uint64_t seed, uint8_t flags, struct buffer *wire)
{
    *peer = (struct veil_peer){.draw = draw_begin(seed, 0), .flags = flags};
    peer->rounds = (uint8_t)draw_between(&peer->draw, 1, VEIL_ROUNDS_MAX);
    peer->lifted = flags & VEIL_LIFT;
    hello(peer, wire);
    if (peer->lifted) pass(peer, wire);
}

void veil_peer_free(struct veil_peer *peer)
{
    free(peer->waiting.data);
    free(peer->record.data);
}

void veil_peer_put(struct veil_peer *peer, struct span plain, struct buffer *wire)
{
    uint8_t record[VEIL_RECORD_MAX];
    if (!peer->open || peer->lifted) {
        wire_append_bytes(peer->lifted ? wire : &peer->waiting, plain);
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

void veil_peer_end(struct veil_peer *peer, struct buffer *wire)
{
    if (peer->open && !peer->lifted) add(wire, VEIL_FAREWELL, (struct span){NULL, 0});
}

static bool hear_record(struct veil_peer *peer, uint8_t type, struct span payload,
                        struct buffer *plain, struct buffer *wire)
{
    uint8_t bytes[VEIL_PLAIN_MAX];
    if (peer->farewell) return false;
    switch (type) {
    case VEIL_ANSWER:
        if (peer->open || payload.size == 0 || payload.data[0] != peer->round) return false;
        if (peer->round < peer->rounds)
            hello(peer, wire);
        else
            pass(peer, wire);
        return true;
    case VEIL_PADDING: return true;
    case VEIL_REFUSAL: return peer->refused = true;
    case VEIL_FAREWELL: return peer->farewell = true;
    default: break;
    }
    size_t size = veil_uncover(bytes, type, payload);
    if (size == SIZE_MAX || !peer->open) return false;
    wire_append_bytes(plain, span_of(bytes, size));
    return true;
}

bool veil_peer_hear(struct veil_peer *peer, struct span bytes, struct buffer *plain,
                    struct buffer *wire)
{
    struct buffer *record = &peer->record;
    wire_append_bytes(peer->lifted ? plain : record, bytes);
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
