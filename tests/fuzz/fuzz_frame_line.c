/* Line framing:
 *
 *     input:  bytes of the delimiter, 9 of them: keep | the delimiter | packet_max, 2 bytes
 *             | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

static struct frame take_frame(struct span *input)
{
    struct error error;
    struct frame frame = frame_default(0);
    check(frame_set_kind(&frame, "line", &error));
    uint8_t byte = fuzz_byte(input), size = byte % (FRAME_DELIMITER_MAX + 1);
    struct span delimiter = fuzz_bytes(input, size);
    if (delimiter.size != 0) memcpy(frame.line.delimiter, delimiter.data, delimiter.size);
    frame.line.delimiter_size = (uint8_t)delimiter.size;
    frame.line.keep = byte > FRAME_DELIMITER_MAX;
    frame.packet_max = fuzz_number(input, 2);
    return frame;
}

static struct span delimiter_of(const struct frame *frame)
{
    const struct frame_line *line = &frame->line;
    return line->delimiter_size == 0 ? span_text("\n")
                                     : span_of(line->delimiter, line->delimiter_size);
}

/* Where the first delimiter begins, by trying each place; the stream's size if there is none. */
static size_t find(struct span stream, struct span delimiter)
{
    for (size_t i = 0; i + delimiter.size <= stream.size; i++)
        if (memcmp(stream.data + i, delimiter.data, delimiter.size) == 0) return i;
    return stream.size;
}

/* The first packet of a stream is what stands in front of its first delimiter. It is too large as soon
 * as the smallest that can still come of these bytes is. */
static void check_first(const struct frame *frame, struct span stream)
{
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut = {.fault = FRAME_NO_FAULT};
    struct span delimiter = delimiter_of(frame), copy = fuzz_copy(stream);
    size_t end = find(stream, delimiter), text = end;
    bool whole = end < stream.size;
    if (!whole) text = stream.size < delimiter.size ? 0 : stream.size - (delimiter.size - 1);
    size_t size = frame->line.keep ? text + delimiter.size : text;
    if (!frame->line.keep && frame->line.delimiter_size == 0 && text > 0)
        size -= stream.data[text - 1] == '\r';
    enum frame_verdict verdict = frame_next(frame, &cursor, copy, &cut);
    check((verdict == FRAME_ERROR) == (size > frame->packet_max));
    check((verdict == FRAME_PACKET) == (whole && size <= frame->packet_max));
    if (verdict == FRAME_ERROR) check(cut.fault == FRAME_TOO_BIG);
    if (verdict == FRAME_PACKET) {
        check(cut.consumed == end + delimiter.size);
        check(fuzz_same(cut.packet, span_first(stream, size)));
    }
    free(copy.data);
}

static void check_wrap(const struct frame *frame, struct span packet, struct pieces pieces)
{
    enum frame_fault fault;
    struct span delimiter = delimiter_of(frame), wire = wrap(frame, packet, &fault);
    if (packet.size > frame->packet_max) check(fault == FRAME_TOO_BIG);
    if (!frame->line.keep) check((fault == FRAME_TOO_BIG) == (packet.size > frame->packet_max));
    if (fault != FRAME_NO_FAULT) return;

    /* What has a delimiter inside is several packets; and of "\r\n" both are the end. */
    size_t end = find(wire, delimiter);
    check(end < wire.size);
    bool returns = frame->line.delimiter_size == 0 && !frame->line.keep && packet.size != 0 &&
                   packet.data[packet.size - 1] == '\r';
    struct span expected = frame->line.keep ? wire : packet;
    if (end + delimiter.size == wire.size && !returns)
        check_comes_back(frame, wire, pieces, expected);
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
    check_wrap(&frame, span_first(input, find(input, delimiter_of(&frame))), pieces);
    return 0;
}
