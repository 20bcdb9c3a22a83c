/* Framings in Lua: a function computes the length of each packet from its header. Here it is one of a few in C, and a model
 * says where packets end.
 *
 *     input:  header size, 1 byte | function, 1 byte | packet_max, 4 bytes | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

static uint8_t how;

/* Anything, 0 and what is too large among it. */
static uint64_t measure(struct span header)
{
    uint64_t length = 0;
    for (size_t i = 0; i < header.size; i++) length = length * 3 + header.data[i];
    switch (how & 3) {
    case 0: return header.size + header.data[0];
    case 1: return header.data[header.size - 1];
    case 2: return header.size + (length & 0xfff);
    default: return length * length;
    }
}

/* Where the packets end that a stream begins with. */
static struct cutting model(const struct frame *frame, struct span stream)
{
    struct cutting expected = {.frame = frame, .stream = stream, .verdict = FRAME_MORE};
    uint64_t header_size = frame->scripted.header_size;
    struct span left = stream;
    while (left.size >= header_size) {
        uint64_t length = measure(span_first(left, (size_t)header_size));
        expected.declared = length;
        if (length < header_size || length > frame->packet_max) {
            expected.verdict = FRAME_ERROR;
            expected.fault = length < header_size ? FRAME_TOO_SMALL : FRAME_TOO_BIG;
            break;
        }
        if (left.size < length) break;
        cutting_note(&expected, span_first(left, (size_t)length));
        left = span_skip(left, (size_t)length);
    }
    expected.consumed = stream.size - left.size;
    return expected;
}

/* As link_input.c does it: the function is asked once for each packet. */
static enum frame_verdict next(struct cutting *cutting, struct span input, struct frame_cut *cut,
                               size_t *asked)
{
    const struct frame *frame = cutting->frame;
    uint64_t length = cutting->cursor.wanted;
    if (input.size < length) return FRAME_MORE;
    if (length <= frame->scripted.header_size) {
        if (frame_next(frame, &cutting->cursor, input, cut) == FRAME_MORE) return FRAME_MORE;
        check(cut->consumed == 0);
        check(fuzz_same(cut->packet, span_first(input, frame->scripted.header_size)));
        length = measure(cut->packet);
        ++*asked;
    }
    return frame_cut_measured(frame, &cutting->cursor, input, length, cut);
}

static void arrive(struct cutting *cutting, size_t size, size_t *asked)
{
    cutting->arrived += size;
    struct span all = span_first(cutting->stream, cutting->arrived);
    struct span copy = fuzz_copy(span_skip(all, cutting->consumed)), input = copy;
    while (cutting->verdict != FRAME_ERROR && input.size > 0) {
        struct frame_cut cut = {.fault = FRAME_NO_FAULT};
        cutting->verdict = next(cutting, input, &cut, asked);
        if (cutting->verdict == FRAME_PACKET) cutting->cursor = (struct frame_cursor){0};
        if (cutting->verdict != FRAME_MORE) cutting->declared = cut.declared;
        cutting_check(cutting, input, &cut);
        cutting->fault = cut.fault;
        if (cutting->verdict != FRAME_PACKET) break;
        check(cut.packet.size == cut.consumed);
        cutting_note(cutting, cut.packet);
        cutting->consumed += cut.consumed;
        input = span_skip(input, cut.consumed);
    }
    free(copy.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct frame frame = frame_default(0);
    struct cutting cutting = {.frame = &frame, .verdict = FRAME_MORE};
    size_t asked = 0;
    uint32_t header_size = fuzz_byte(&input) + 1u;
    how = fuzz_byte(&input);
    frame.packet_max = fuzz_number(&input, 4);
    struct pieces pieces = pieces_take(&input);
    frame_set_scripted(&frame, header_size, 1);
    if (!finish(&frame)) {
        check(header_size > frame.packet_max);
        return 0;
    }
    check(frame_is_same(&frame, &frame));
    struct cutting expected = model(&frame, input);
    cutting.stream = input;
    while (cutting.arrived < input.size)
        arrive(&cutting, pieces_next(&pieces, input.size - cutting.arrived), &asked);
    check((cutting.verdict == FRAME_ERROR) == (expected.verdict == FRAME_ERROR));
    check(cutting.fault == expected.fault);
    if (cutting.verdict == FRAME_ERROR) check(cutting.declared == expected.declared);
    check(cutting.consumed == expected.consumed);
    check(cutting.packets_count == expected.packets_count);
    check(cutting.packets_hash == expected.packets_hash);
    check(asked <= cutting.packets_count + 1);

    enum frame_fault fault;
    struct span wire = wrap(&frame, input, &fault);
    check((fault == FRAME_NO_FAULT) == (input.size <= frame.packet_max));
    if (fault == FRAME_NO_FAULT) check(fuzz_same(wire, input));
    free(wire.data);
    return 0;
}
