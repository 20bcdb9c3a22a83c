/* frame_wire.h - for the tests of the codecs: packets are wrapped onto a wire, and come out of it
 * again however it is cut to pieces.
 *
 * Every input is handed over at the very end of an allocation of its own, so that the address
 * sanitizer sees a codec that reads beyond it. */
#ifndef MOONPORT_TEST_FRAME_WIRE_H
#define MOONPORT_TEST_FRAME_WIRE_H

#include "base/check.h"
#include "frame/frame.h"

#include <criterion/criterion.h>

enum { WIRE_MAX = 65536, WIRE_PACKETS_MAX = 64 };

struct wire {
    const struct frame *frame;
    uint8_t data[WIRE_MAX];
    size_t size;
    struct span packets[WIRE_PACKETS_MAX]; /* what went in; the bytes are the caller's */
    int count;
};

/* The other end of a wire: what a connection does with what arrives. */
struct wire_end {
    const struct wire *wire;
    struct frame_cursor cursor;
    size_t arrived, consumed; /* bytes of the wire */
    int count;                /* packets that came out */
};

static inline struct frame frame_made(const char *text, uint64_t packet_max)
{
    struct frame frame;
    struct error error = {0};
    bool made = frame_parse(&frame, text, packet_max, &error);
    cr_assert(made, "%s: %s", text, error.text);
    return frame;
}

/* Bytes, whatever they are, in an allocation that ends where they do. */
static inline uint8_t *exact_copy(struct span bytes)
{
    uint8_t *copy = malloc(bytes.size);
    check(copy != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(copy, bytes.data, bytes.size);
    return copy;
}

/* Appends the packet as it would be sent. */
static inline enum frame_fault wire_put(struct wire *wire, struct span packet)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = -1;
    enum frame_fault fault = frame_wrap(wire->frame, packet, header, parts, &count);
    if (fault != FRAME_NO_FAULT) return fault;

    cr_assert(count >= 0 && count <= FRAME_PARTS_MAX);
    for (int i = 0; i < count; i++) {
        cr_assert(parts[i].size != 0);
        check(wire->size + parts[i].size <= WIRE_MAX);
        memcpy(wire->data + wire->size, parts[i].data, parts[i].size);
        wire->size += parts[i].size;
    }
    check(wire->count < WIRE_PACKETS_MAX);
    wire->packets[wire->count++] = packet;
    return FRAME_NO_FAULT;
}

static inline bool same_bytes(struct span one, struct span other)
{
    return one.size == other.size && (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

/* So many bytes more have arrived; all packets that they complete must be the next ones put in.
 * While fewer bytes are there than the cursor wants, the codec is not asked. */
static inline void wire_arrive(struct wire_end *end, size_t size, const char *what)
{
    const struct wire *wire = end->wire;
    end->arrived += size;
    check(end->arrived <= wire->size);
    struct span waiting = span_of(wire->data + end->consumed, end->arrived - end->consumed);
    if (waiting.size < end->cursor.wanted) return;

    uint8_t *copy = exact_copy(waiting);
    struct span input = span_of(copy, waiting.size);
    for (;;) {
        struct frame_cut cut = {0};
        enum frame_verdict peeked = frame_peek(wire->frame, end->cursor, input);
        struct span before = span_of(wire->data + end->consumed, input.size);
        cr_assert(same_bytes(input, before), "%s: a peek has changed the bytes", what);
        enum frame_verdict verdict = frame_next(wire->frame, &end->cursor, input, &cut);
        cr_assert_eq(peeked, verdict, "%s: a peek sees another verdict", what);
        cr_assert(verdict != FRAME_ERROR, "%s: fault %d", what, (int)cut.fault);
        if (verdict == FRAME_MORE) break;

        cr_assert(end->count < wire->count, "%s: one packet too many", what);
        cr_assert(same_bytes(cut.packet, wire->packets[end->count]), "%s: packet %d differs", what,
                  end->count);
        cr_assert(cut.consumed <= input.size && cut.packet.size <= cut.consumed);
        cr_assert(cut.packet.data >= input.data);
        cr_assert(cut.packet.data + cut.packet.size <= input.data + cut.consumed);
        end->count++;
        end->consumed += cut.consumed;
        input = span_skip(input, cut.consumed);
        cr_assert_eq(end->cursor.scanned, 0);
        cr_assert_eq(end->cursor.wanted, 0);
    }
    cr_assert(end->cursor.wanted == 0 || end->cursor.wanted > input.size);
    struct span untouched = span_of(wire->data + end->consumed, end->arrived - end->consumed);
    cr_assert(same_bytes(input, untouched), "%s: bytes of an unfinished packet changed", what);
    free(copy);
}

static inline void wire_end_whole(const struct wire_end *end, const char *what)
{
    cr_assert_eq(end->arrived, end->wire->size);
    cr_assert_eq(end->count, end->wire->count, "%s: %d of %d packets", what, end->count,
                 end->wire->count);
    cr_assert_eq(end->consumed, end->wire->size);
}

/* All packets come out: all at once, byte by byte, and in two pieces cut anywhere. */
static inline void wire_cut_everywhere(const struct wire *wire, const char *what)
{
    for (size_t first = 0; first <= wire->size; first++) {
        struct wire_end end = {.wire = wire};
        wire_arrive(&end, first, what);
        wire_arrive(&end, wire->size - first, what);
        wire_end_whole(&end, what);
    }
    struct wire_end end = {.wire = wire};
    while (end.arrived < wire->size) wire_arrive(&end, 1, what);
    wire_end_whole(&end, what);
}

/* What the codec says about these bytes alone. A packet's bytes are only good for its size. */
static inline enum frame_verdict verdict_on(const struct frame *frame, struct span bytes,
                                            struct frame_cut *cut, struct frame_cursor *cursor)
{
    uint8_t *copy = exact_copy(bytes);
    *cut = (struct frame_cut){0};
    *cursor = (struct frame_cursor){0};
    enum frame_verdict peeked = frame_peek(frame, *cursor, span_of(copy, bytes.size));
    enum frame_verdict verdict = frame_next(frame, cursor, span_of(copy, bytes.size), cut);
    cr_assert_eq(peeked, verdict, "a peek sees another verdict");
    free(copy);
    return verdict;
}

/* The wire bytes of one packet are exactly these. */
static inline void wraps_to(const char *framing, struct span packet, struct span bytes)
{
    static struct wire wire;
    struct frame frame = frame_made(framing, 1 << 20);
    wire.frame = &frame;
    wire.size = 0;
    wire.count = 0;
    enum frame_fault fault = wire_put(&wire, packet);
    cr_assert_eq(fault, FRAME_NO_FAULT, "%s: fault %d", framing, (int)fault);
    cr_assert(same_bytes(span_of(wire.data, wire.size), bytes), "%s: other bytes", framing);
    wire_cut_everywhere(&wire, framing);
}

#endif
