#include "frame/frame.h"

#include "base/check.h"

static struct span delimiter_of(const struct frame_line *line)
{
    return line->delimiter_size == 0 ? span_of("\n", 1)
                                     : span_of(line->delimiter, line->delimiter_size);
}

/* The first delimiter that begins at or after `from`; NULL if there is none. */
static const uint8_t *delimiter_find(struct span input, size_t from, struct span delimiter)
{
    while (input.size - from >= delimiter.size) {
        size_t places = input.size - from - (delimiter.size - 1);
        const uint8_t *place = memchr(input.data + from, delimiter.data[0], places);
        if (place == NULL) return NULL;
        if (memcmp(place + 1, delimiter.data + 1, delimiter.size - 1) == 0) return place;
        from = (size_t)(place - input.data) + 1;
    }
    return NULL;
}

/* The size of the packet whose delimiter begins after `text` bytes of input. */
static size_t line_size(const struct frame_line *line, const uint8_t *input, size_t text)
{
    if (line->keep) return text + delimiter_of(line).size;
    bool carriage_return = line->delimiter_size == 0 && text > 0 && input[text - 1] == '\r';
    return carriage_return ? text - 1 : text;
}

static enum frame_verdict line_next(const struct frame *frame, struct frame_cursor *cursor,
                                    struct span input, struct frame_cut *cut)
{
    check(cursor->scanned <= input.size);
    struct span delimiter = delimiter_of(&frame->line);
    const uint8_t *end = delimiter_find(input, cursor->scanned, delimiter);
    size_t text;
    if (end != NULL) {
        text = (size_t)(end - input.data);
    } else {
        /* The last bytes may be the beginning of a delimiter, and must be scanned again. */
        text = input.size < delimiter.size ? 0 : input.size - (delimiter.size - 1);
    }

    /* Without a delimiter, this is the smallest packet that is still possible. */
    size_t size = line_size(&frame->line, input.data, text);
    if (size > frame->packet_max) {
        cut->fault = FRAME_TOO_BIG;
        cut->declared = 0;
        return FRAME_ERROR;
    }
    if (end == NULL) {
        cursor->scanned = text;
        return FRAME_MORE;
    }
    cut->packet = span_first(input, size);
    cut->consumed = text + delimiter.size;
    cursor->scanned = 0;
    return FRAME_PACKET;
}

static bool ends_with(struct span bytes, struct span tail)
{
    return bytes.size >= tail.size &&
           memcmp(bytes.data + bytes.size - tail.size, tail.data, tail.size) == 0;
}

static enum frame_fault line_wrap(const struct frame *frame, struct span packet, uint8_t *header,
                                  struct span *parts, int *count)
{
    struct span delimiter = delimiter_of(&frame->line);
    bool whole = frame->line.keep && ends_with(packet, delimiter);
    size_t counted = frame->line.keep && !whole ? delimiter.size : 0; /* it is part of the packet */
    if (packet.size > frame->packet_max || counted > frame->packet_max - packet.size)
        return FRAME_TOO_BIG;

    int parts_count = 0;
    if (packet.size != 0) parts[parts_count++] = packet;
    if (!whole) {
        memcpy(header, delimiter.data, delimiter.size);
        parts[parts_count++] = span_of(header, delimiter.size);
    }
    *count = parts_count;
    return FRAME_NO_FAULT;
}

static bool line_finish(struct frame *frame, struct error *error)
{
    struct frame_line *line = &frame->line;
    if (line->delimiter_size > FRAME_DELIMITER_MAX)
        return error_set(error, ERROR_INPUT, "line framing: a delimiter has at most %d bytes",
                         FRAME_DELIMITER_MAX);
    if (frame_given(frame, FRAME_DELIMITER) && line->delimiter_size == 0)
        return error_set(error, ERROR_INPUT, "line framing: the delimiter is empty");
    if (line->keep && delimiter_of(line).size > frame->packet_max)
        return error_set(error, ERROR_INPUT,
                         "line framing: the delimiter, which stays on the packet (strip = false), "
                         "is larger than a packet may be");
    return true;
}

const struct frame_codec frame_line_codec = {
    .name = "line", .next = line_next, .wrap = line_wrap, .finish = line_finish};
