/* Framing by one of several delimiters:
 *
 *     input:  how many delimiters, 8 more: keep | their sizes, a byte each | the delimiters
 *             | packet_max, 2 bytes | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

static struct frame take_frame(struct span *input)
{
    struct error error;
    struct frame frame = frame_default(0);
    check(frame_set_kind(&frame, "delimiter", &error));
    uint8_t byte = fuzz_byte(input), count = byte % (FRAME_CHOICES_MAX + 1);
    uint8_t sizes[FRAME_CHOICES_MAX];
    for (uint8_t i = 0; i < count; i++) sizes[i] = fuzz_byte(input) % (FRAME_DELIMITER_MAX + 2);
    for (uint8_t i = 0; i < count; i++) {
        struct span delimiter = fuzz_bytes(input, sizes[i]);
        bool fits = delimiter.size != 0 && delimiter.size <= FRAME_DELIMITER_MAX;
        check(frame_add_delimiter(&frame, delimiter, &error) == fits);
    }
    frame.delimited.keep = byte > FRAME_CHOICES_MAX;
    frame.packet_max = fuzz_number(input, 2);
    return frame;
}

/* The size of the longest delimiter at the front, by trying each; *open: a longer one may still come of it. */
static size_t longest_at(const struct frame_delimited *delimited, struct span bytes, bool *open)
{
    size_t longest = 0;
    *open = false;
    for (unsigned i = 0; i < delimited->count; i++) {
        struct span delimiter = span_of(delimited->choices[i], delimited->sizes[i]);
        if (!fuzz_same(span_first(bytes, delimiter.size), span_first(delimiter, bytes.size)))
            continue;
        if (delimiter.size > bytes.size) *open = true;
        if (delimiter.size <= bytes.size && delimiter.size > longest) longest = delimiter.size;
    }
    return longest;
}

/* Where the packet at the front ends; *size: of its delimiter, 0: there is none, or it is not known which. */
static size_t find(const struct frame_delimited *delimited, struct span stream, size_t *size)
{
    size_t at = 0;
    bool open = false;
    for (*size = 0; at < stream.size; at++) {
        *size = longest_at(delimited, span_skip(stream, at), &open);
        if (*size != 0 || open) break;
    }
    if (open) *size = 0;
    return at;
}

static void check_first(const struct frame *frame, struct span stream)
{
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut = {.fault = FRAME_NO_FAULT};
    struct span copy = fuzz_copy(stream);
    size_t size, text = find(&frame->delimited, stream, &size), least = FRAME_DELIMITER_MAX;
    for (unsigned i = 0; i < frame->delimited.count; i++)
        if (frame->delimited.sizes[i] < least) least = frame->delimited.sizes[i];
    size_t whole = frame->delimited.keep ? text + (size != 0 ? size : least) : text;
    enum frame_verdict verdict = frame_next(frame, &cursor, copy, &cut);
    check((verdict == FRAME_ERROR) == (whole > frame->packet_max));
    check((verdict == FRAME_PACKET) == (size != 0 && whole <= frame->packet_max));
    if (verdict == FRAME_ERROR) check(cut.fault == FRAME_TOO_BIG);
    if (verdict == FRAME_PACKET) {
        check(cut.consumed == text + size);
        check(fuzz_same(cut.packet, span_first(stream, whole)));
    }
    free(copy.data);
}

static void check_wrap(const struct frame *frame, struct span packet, struct pieces pieces)
{
    enum frame_fault fault;
    struct span wire = wrap(frame, packet, &fault);
    if (packet.size > frame->packet_max) check(fault == FRAME_TOO_BIG);
    if (!frame->delimited.keep)
        check((fault == FRAME_TOO_BIG) == (packet.size > frame->packet_max));
    if (fault != FRAME_NO_FAULT) return;

    /* What has a delimiter inside is several packets; and what may become a longer one waits. */
    size_t size, text = find(&frame->delimited, wire, &size);
    struct span expected = frame->delimited.keep ? wire : packet;
    bool ends = frame->delimited.keep || text == packet.size;
    if (size != 0 && text + size == wire.size && ends)
        check_comes_back(frame, wire, pieces, expected);
    free(wire.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct frame frame = take_frame(&input);
    struct pieces pieces = pieces_take(&input);
    if (!finish(&frame)) return 0;
    size_t ignored;
    check_cuts(&frame, input, pieces);
    check_first(&frame, input);
    check_guess(&frame, input);
    check_wrap(&frame, input, pieces);
    check_wrap(&frame, span_first(input, find(&frame.delimited, input, &ignored)), pieces);
    return 0;
}
