/* frame_netstring.c - netstrings (D. J. Bernstein, "Netstrings", 1997-02-01):
 *
 *     12:hello world!,          the length in decimal digits, a colon, the packet, a comma
 *
 * Strict, as its section 2 asks: no leading zeros, nothing else between the digits and the colon, always the comma. */
#include "frame/frame_limit.h"

#include <stdio.h>

enum {
    LENGTH_MAX = 999999999
}; /* bytes; section 3 refuses more, too. Digits, a colon and a comma are in a header */

static enum frame_verdict refuse(struct frame_cut *cut, enum frame_fault fault, uint64_t declared)
{
    cut->fault = fault;
    cut->declared = declared;
    return FRAME_ERROR;
}

static enum frame_verdict more(struct frame_cursor *cursor, size_t wanted)
{
    cursor->wanted = wanted;
    return FRAME_MORE;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static enum frame_verdict netstring_next(const struct frame *frame, struct frame_cursor *cursor,
                                         struct span input, struct frame_cut *cut)
{
    uint64_t length = 0;
    size_t header = 0; /* digits, and then the colon as well */
    for (;; header++) {
        if (header == input.size) return more(cursor, input.size + 1);
        uint8_t byte = input.data[header];
        if (byte == ':' && header != 0) break;
        /* A digit behind a zero is refused as itself: no other digit is. */
        bool leading_zero = header == 1 && input.data[0] == '0';
        if (!is_digit(byte) || leading_zero) return refuse(cut, FRAME_BAD_LENGTH, byte);
        length = 10 * length + (uint64_t)(byte - '0');
        if (length > frame->packet_max) return refuse(cut, FRAME_TOO_BIG, length);
    }
    header++;

    size_t size = (size_t)length;
    if (input.size - header < size + 1) return more(cursor, header + size + 1);
    uint8_t end = input.data[header + size];
    if (end != ',') return refuse(cut, FRAME_BAD_END, end);
    cut->packet = span_of(input.data + header, size);
    cut->consumed = header + size + 1;
    cursor->wanted = 0;
    return FRAME_PACKET;
}

static enum frame_fault netstring_wrap(const struct frame *frame, struct span packet,
                                       uint8_t *header, struct span *parts, int *count)
{
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%zu:", packet.size), parts_count = 0;
    memcpy(header, digits, (size_t)size);
    header[FRAME_HEADER_MAX - 1] = ',';
    parts[parts_count++] = span_of(header, (size_t)size);
    if (packet.size != 0) parts[parts_count++] = packet;
    parts[parts_count++] = span_of(header + FRAME_HEADER_MAX - 1, 1);
    *count = parts_count;
    return FRAME_NO_FAULT;
}

static bool netstring_finish(struct frame *frame, struct error *error)
{
    return frame_limit(frame, LENGTH_MAX, error);
}

const struct frame_codec frame_netstring_codec = {.name = "netstring",
                                                  .next = netstring_next,
                                                  .wrap = netstring_wrap,
                                                  .finish = netstring_finish};
