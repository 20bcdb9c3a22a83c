/* Length framing, with all its parameters:
 *
 *     input:  size of the length | bits | offset | adjustment, 4 bytes | packet_max, 8 bytes
 *             | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

enum { BIT_BIG = 1, BIT_COUNTS = 2, BIT_ORDER_GIVEN = 4, BIT_COUNTS_GIVEN = 8, BIT_MAX_GIVEN = 16 };

static struct frame take_frame(struct span *input)
{
    static const uint8_t sizes[] = {4, 0, 1, 2, 3, 8, 5};
    struct frame frame = frame_default(0);
    frame.length.size = sizes[fuzz_byte(input) % sizeof sizes];
    uint8_t bits = fuzz_byte(input);
    frame.length.big_endian = (bits & BIT_BIG) != 0;
    frame.length.counts_header = (bits & BIT_COUNTS) != 0;
    if ((bits & BIT_ORDER_GIVEN) != 0) frame.given |= 1u << FRAME_ORDER;
    if ((bits & BIT_COUNTS_GIVEN) != 0) frame.given |= 1u << FRAME_COUNTS_HEADER;
    if ((bits & BIT_MAX_GIVEN) != 0) frame.given |= 1u << FRAME_MAX;
    frame.length.offset = fuzz_byte(input);
    frame.length.adjustment = (int32_t)fuzz_number(input, 4);
    frame.packet_max = frame.max = fuzz_number(input, 8);
    return frame;
}

/* What the first bytes of a stream say, worked out in numbers that have room for it: the packet's
 * bytes on the wire; 0: not all of its header is there; -1: no packet begins like this. */
static __int128 wire_size(const struct frame *frame, struct span stream)
{
    const struct frame_length *length = &frame->length;
    __int128 value = 0, header = length->offset + (__int128)length->size;
    if (stream.size < (size_t)length->offset + length->size) return 0;
    const uint8_t *field = stream.data + length->offset;
    size_t size = length->size, left = stream.size - length->offset;
    for (size_t i = 0; i < length->size; i++) {
        size_t shift = length->big_endian ? size - 1 - i : i;
        value += (__int128)field[i] << 8 * shift;
    }
    for (unsigned i = 0; length->size == 0; i++, header++) {
        if (i == 10) return -1;
        if (i == left) return 0;
        value += (__int128)(field[i] & 0x7f) << 7 * i;
        if (value > UINT64_MAX) return -1;
        if (field[i] >= 0x80) continue;
        header++;
        break;
    }
    __int128 rest = value + length->adjustment;
    if (length->counts_header) rest -= length->offset + length->size;
    bool fits = rest >= 0 && rest + length->offset <= frame->packet_max;
    return fits ? header + rest : -1;
}

static void check_first(const struct frame *frame, struct span stream)
{
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut = {.fault = FRAME_NO_FAULT};
    struct span copy = fuzz_copy(stream);
    __int128 size = wire_size(frame, stream);
    switch (frame_next(frame, &cursor, copy, &cut)) {
    case FRAME_ERROR: check(size == -1); break;
    case FRAME_MORE:
        check(size == 0 || size > stream.size);
        check(size == 0 || cursor.wanted == size);
        break;
    case FRAME_PACKET:
        check(size == cut.consumed);
        check(fuzz_same(span_first(cut.packet, frame->length.offset),
                        span_first(stream, frame->length.offset)));
        break;
    }
    free(copy.data);
}

static void check_wrap(const struct frame *frame, struct span packet, struct pieces pieces)
{
    enum frame_fault fault;
    struct span wire = wrap(frame, packet, &fault);
    int64_t least = frame->length.offset + (frame->length.bias > 0 ? frame->length.bias : 0);
    bool small = packet.size<(uint64_t)least, large = packet.size> frame->packet_max;
    check((fault == FRAME_TOO_BIG) == large);
    check((fault == FRAME_BAD_SIZE) == (small && !large));
    check((fault == FRAME_NO_FAULT) == (!small && !large));
    if (fault == FRAME_NO_FAULT) check_comes_back(frame, wire, pieces, packet);
    free(wire.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct frame frame = take_frame(&input);
    struct pieces pieces = pieces_take(&input);
    if (!finish(&frame)) return 0;
    check_cuts(&frame, input, pieces);
    check_first(&frame, input);
    check_guess(&frame, input);
    check_wrap(&frame, input, pieces);
    check_wrap(&frame, span_first(input, input.size / 2), pieces);
    return 0;
}
