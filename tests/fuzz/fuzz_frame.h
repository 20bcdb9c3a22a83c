/* fuzz_frame.h - for the targets of the codecs. A stream is cut in one piece by frame_next, then in
 * pieces as a connection would get it; both must tell the same. And what frame_wrap makes of a packet
 * must come out again.
 *
 *     input:  the target's settings | pieces of the stream | the stream
 */
#ifndef MOONPORT_FUZZ_FRAME_H
#define MOONPORT_FUZZ_FRAME_H

#include "frame/frame.h"
#include "fuzz_pieces.h"

/* What has come of a stream so far. */
struct cutting {
    const struct frame *frame;
    struct span stream;
    struct frame_cursor cursor;
    size_t arrived, consumed; /* bytes of the stream */
    enum frame_verdict verdict;
    enum frame_fault fault;
    uint64_t declared;
    size_t packets_count, packets_size;
    uint64_t packets_hash; /* of where they end, and of their bytes */
    struct span expected;  /* bytes that the packets have, one after the other; or data is NULL */
};

static inline void cutting_note(struct cutting *cutting, struct span packet)
{
    uint64_t hash = cutting->packets_hash ^ packet.size; /* FNV-1a */
    for (size_t i = 0; i < packet.size; i++)
        hash = (hash ^ packet.data[i]) * UINT64_C(1099511628211);
    cutting->packets_hash = hash * UINT64_C(1099511628211);
    if (cutting->expected.data != NULL) {
        check(packet.size <= cutting->expected.size - cutting->packets_size);
        struct span place = span_skip(cutting->expected, cutting->packets_size);
        check(fuzz_same(packet, span_first(place, packet.size)));
    }
    cutting->packets_count++;
    cutting->packets_size += packet.size;
}

/* What holds of one answer to this input. */
static inline void cutting_check(const struct cutting *cutting, struct span input,
                                 const struct frame_cut *cut)
{
    switch (cutting->verdict) {
    case FRAME_PACKET:
        check(cut->consumed > 0);
        check(cut->consumed <= input.size);
        check(cut->packet.size <= cutting->frame->packet_max);
        check(cut->packet.size <= cut->consumed);
        check(cut->packet.data >= input.data);
        check(cut->packet.data + cut->packet.size <= input.data + cut->consumed);
        check(cutting->cursor.scanned == 0);
        check(cutting->cursor.wanted == 0);
        break;
    case FRAME_MORE:
        check(cutting->cursor.scanned <= input.size);
        check(cutting->cursor.wanted == 0 || cutting->cursor.wanted > input.size);
        break;
    case FRAME_ERROR:
        check(cut->fault != FRAME_NO_FAULT);
        check(frame_fault_text(cut->fault)[0] != '\0');
        break;
    }
}

/* So many bytes more have arrived. While there are fewer than the cursor wants, the codec is not
 * asked. */
static inline void cutting_arrive(struct cutting *cutting, size_t size)
{
    cutting->arrived += size;
    check(cutting->arrived <= cutting->stream.size);
    struct span waiting =
        span_skip(span_first(cutting->stream, cutting->arrived), cutting->consumed);
    if (cutting->verdict == FRAME_ERROR || waiting.size < cutting->cursor.wanted) return;

    struct span copy = fuzz_copy(waiting), input = copy;
    for (;;) {
        struct frame_cut cut = {.fault = FRAME_NO_FAULT};
        cutting->verdict = frame_next(cutting->frame, &cutting->cursor, input, &cut);
        cutting_check(cutting, input, &cut);
        cutting->fault = cut.fault;
        cutting->declared = cut.declared;
        if (cutting->verdict != FRAME_PACKET) break;
        cutting_note(cutting, cut.packet);
        cutting->consumed += cut.consumed;
        input = span_skip(input, cut.consumed);
    }
    check(fuzz_same(input, span_skip(span_first(cutting->stream, cutting->arrived),
                                     cutting->consumed))); /* what is not used has not changed */
    free(copy.data);
}

static inline struct cutting cut_whole(const struct frame *frame, struct span stream)
{
    struct cutting cutting = {.frame = frame, .stream = stream};
    cutting_arrive(&cutting, stream.size);
    return cutting;
}

static inline struct cutting cut_in_pieces(const struct frame *frame, struct span stream,
                                           struct pieces pieces, struct span expected)
{
    struct cutting cutting = {.frame = frame, .stream = stream, .expected = expected};
    while (cutting.arrived < stream.size)
        cutting_arrive(&cutting, pieces_next(&pieces, stream.size - cutting.arrived));
    return cutting;
}

/* However it is cut, it is the same. Raw framing gives what has arrived, in whatever pieces. */
static inline void check_cuts(const struct frame *frame, struct span stream, struct pieces pieces)
{
    struct cutting whole = cut_whole(frame, stream);
    struct cutting split = cut_in_pieces(frame, stream, pieces, span_of(NULL, 0));
    check(whole.verdict == split.verdict);
    check(whole.fault == split.fault);
    check(whole.declared == split.declared);
    check(whole.consumed == split.consumed);
    check(whole.packets_size == split.packets_size);
    if (frame->kind == FRAME_RAW) return;
    check(whole.packets_count == split.packets_count);
    check(whole.packets_hash == split.packets_hash);
}

/* The packet as it would be sent, in an allocation of its own; NULL and the fault if it cannot be. */
static inline struct span wrap(const struct frame *frame, struct span packet,
                               enum frame_fault *fault)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = -1;
    size_t size = 0;
    *fault = frame_wrap(frame, packet, header, parts, &count);
    if (*fault != FRAME_NO_FAULT) return span_of(NULL, 0);

    uint8_t *wire = malloc(packet.size + FRAME_HEADER_MAX);
    check(wire != NULL);
    check(count >= 0);
    check(count <= FRAME_PARTS_MAX);
    for (int i = 0; i < count; i++) {
        check(parts[i].size != 0);
        check(parts[i].size <= packet.size + FRAME_HEADER_MAX - size);
        memcpy(wire + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    return span_of(wire, size);
}

/* One packet that was wrapped comes out of its wire, alone, and nothing is left. */
static inline void check_comes_back(const struct frame *frame, struct span wire,
                                    struct pieces pieces, struct span packet)
{
    struct cutting cutting = cut_in_pieces(frame, wire, pieces, packet);
    check(cutting.verdict == FRAME_MORE);
    check(cutting.consumed == wire.size);
    check(cutting.packets_size == packet.size);
    if (frame->kind != FRAME_RAW) check(cutting.packets_count == 1);
}

/* A guess is some text, and reads nothing beyond. */
static inline void check_guess(const struct frame *frame, struct span stream)
{
    struct span copy = fuzz_copy(span_first(stream, 64));
    check(frame_guess(frame, copy) != NULL);
    free(copy.data);
}

/* Makes the frame usable, or says why it cannot be. */
static inline bool finish(struct frame *frame)
{
    struct error error = {.kind = ERROR_NONE};
    uint64_t packet_max = frame->packet_max;
    if (!frame_finish(frame, &error)) {
        check(error.kind == ERROR_INPUT);
        check(error.text[0] != '\0');
        return false;
    }
    check(frame->packet_max <= packet_max);
    return true;
}

#endif
