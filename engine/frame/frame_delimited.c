/* frame_delimited.c - packets that end in one of several delimiters, as in Netty's DelimiterBasedFrameDecoder.
 *
 * The delimiter that begins first ends the packet; of several that begin at the same place, the longest. It does not
 * matter how the stream is cut into reads: where a longer delimiter has begun and the input ends, more is awaited. */
#include "frame/frame.h"

#include "base/check.h"

static bool may_begin(const struct frame_delimited *delimited, uint8_t byte)
{
    return (delimited->firsts[byte / 8] & 1u << byte % 8) != 0;
}

/* The next place at or behind `from` where a delimiter may begin; input.size: there is none. */
static size_t next_place(const struct frame_delimited *delimited, struct span input, size_t from)
{
    if (from == input.size) return from;
    if (delimited->one_first) {
        const uint8_t *place =
            memchr(input.data + from, delimited->choices[0][0], input.size - from);
        return place == NULL ? input.size : (size_t)(place - input.data);
    }
    while (from < input.size && !may_begin(delimited, input.data[from])) from++;
    return from;
}

/* The size of the longest delimiter that these bytes begin with; 0: none. unfinished: they are the beginning of
 * another one, which is longer. */
static size_t match(const struct frame_delimited *delimited, struct span bytes, bool *unfinished)
{
    size_t longest = 0;
    *unfinished = false;
    for (unsigned i = 0; i < delimited->count; i++) {
        size_t size = delimited->sizes[i];
        bool whole = size <= bytes.size;
        if (memcmp(bytes.data, delimited->choices[i], whole ? size : bytes.size) != 0) continue;
        if (!whole)
            *unfinished = true;
        else if (size > longest)
            longest = size;
    }
    return longest;
}

static enum frame_verdict delimited_next(const struct frame *frame, struct frame_cursor *cursor,
                                         struct span input, struct frame_cut *cut)
{
    check(cursor->scanned <= input.size);
    const struct frame_delimited *delimited = &frame->delimited;
    size_t place = next_place(delimited, input, cursor->scanned), size = 0;
    bool unfinished = false;
    while (place < input.size) {
        size = match(delimited, span_skip(input, place), &unfinished);
        if (size != 0 || unfinished) break;
        place = next_place(delimited, input, place + 1);
    }

    /* Without a delimiter, this is the smallest packet that is still possible. */
    bool whole = size != 0 && !unfinished;
    size_t kept = delimited->keep ? (whole ? size : delimited->size_min) : 0;
    if (place + kept > frame->packet_max) {
        cut->fault = FRAME_TOO_BIG;
        cut->declared = 0;
        return FRAME_ERROR;
    }
    if (!whole) {
        cursor->scanned = place;
        return FRAME_MORE;
    }
    cut->packet = span_first(input, place + kept);
    cut->consumed = place + size;
    cursor->scanned = 0;
    return FRAME_PACKET;
}

static bool has_end(const struct frame_delimited *delimited, struct span packet)
{
    for (unsigned i = 0; i < delimited->count; i++) {
        size_t size = delimited->sizes[i];
        if (packet.size >= size &&
            memcmp(packet.data + packet.size - size, delimited->choices[i], size) == 0)
            return true;
    }
    return false;
}

static enum frame_fault delimited_wrap(const struct frame *frame, struct span packet,
                                       uint8_t *header, struct span *parts, int *count)
{
    const struct frame_delimited *delimited = &frame->delimited;
    size_t size = delimited->sizes[0];
    bool whole = delimited->keep && has_end(delimited, packet);
    size_t counted = delimited->keep && !whole ? size : 0; /* it is part of the packet */
    if (packet.size > frame->packet_max || counted > frame->packet_max - packet.size)
        return FRAME_TOO_BIG;

    int parts_count = 0;
    if (packet.size != 0) parts[parts_count++] = packet;
    if (!whole) {
        memcpy(header, delimited->choices[0], size);
        parts[parts_count++] = span_of(header, size);
    }
    *count = parts_count;
    return FRAME_NO_FAULT;
}

static bool delimited_finish(struct frame *frame, struct error *error)
{
    struct frame_delimited *delimited = &frame->delimited;
    if (delimited->count == 0 || delimited->count > FRAME_CHOICES_MAX)
        return error_set(
            error, ERROR_INPUT,
            "delimiter framing needs 1 to %d delimiters: "
            "{ \"delimiter\", \"\\r\\n\", \"\\n\" }, or as text delimiter,by=\\r\\n|\\n",
            FRAME_CHOICES_MAX);
    delimited->one_first = true;
    delimited->size_min = FRAME_DELIMITER_MAX;
    memset(delimited->firsts, 0, sizeof delimited->firsts);
    for (unsigned i = 0; i < delimited->count; i++) {
        uint8_t size = delimited->sizes[i], first = delimited->choices[i][0];
        if (size == 0 || size > FRAME_DELIMITER_MAX)
            return error_set(error, ERROR_INPUT,
                             "delimiter framing: a delimiter has 1 to %d bytes, not %u",
                             FRAME_DELIMITER_MAX, size);
        if (delimited->keep && size > frame->packet_max)
            return error_set(error, ERROR_INPUT,
                             "delimiter framing: a delimiter, which stays on the packet "
                             "(strip = false), is larger than a packet may be");
        if (size < delimited->size_min) delimited->size_min = size;
        if (first != delimited->choices[0][0]) delimited->one_first = false;
        delimited->firsts[first / 8] |= (uint8_t)(1u << first % 8);
    }
    return true;
}

const struct frame_codec frame_delimited_codec = {.name = "delimiter",
                                                  .next = delimited_next,
                                                  .wrap = delimited_wrap,
                                                  .finish = delimited_finish};
