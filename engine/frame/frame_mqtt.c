/* frame_mqtt.c - control packets of MQTT (3.1.1 section 2.2, 5.0 section 2.1):
 *
 *     [type and flags: 1 byte][remaining length: 1 to 4 bytes][the rest]      packet = 1 byte + the rest
 *
 * The remaining length is a varint: 7 bits in each byte, the lowest first (3.1.1 section 2.2.3, 5.0 section 1.5.5).
 * What a packet means is the script's. Only 5.0 forbids a length with more bytes than it needs, so it is taken. */
#include "frame/frame_limit.h"

enum { REST_MAX = 268435455, LENGTH_SIZE_MAX = 4 }; /* bytes; section 2.2.3, table 2.4 */

/* Returns the bytes used; 0: the length is not complete; -1: it has more bytes than there may be. */
static int length_load(struct span input, uint64_t *length)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < LENGTH_SIZE_MAX; i++) {
        if (i == input.size) return 0;
        uint8_t byte = input.data[i];
        bits |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *length = bits;
            return (int)i + 1;
        }
    }
    return -1;
}

static uint8_t length_store(uint8_t *field, size_t length)
{
    uint8_t size = 0;
    for (; length >= 0x80; length >>= 7) field[size++] = (uint8_t)(length | 0x80);
    field[size++] = (uint8_t)length;
    return size;
}

/* Moves no bytes: the first one is not joined with the rest yet. */
static enum frame_verdict find(const struct frame *frame, struct frame_cursor *cursor,
                               struct span input, struct frame_cut *cut)
{
    uint64_t length = 0;
    int size = input.size < 2 ? 0 : length_load(span_skip(input, 1), &length);
    if (size == 0) {
        cursor->wanted = input.size < 2 ? 2 : input.size + 1;
        return FRAME_MORE;
    }
    if (size < 0 || length > frame->packet_max - 1) {
        cut->fault = size < 0 ? FRAME_BAD_LENGTH : FRAME_TOO_BIG;
        cut->declared = length;
        return FRAME_ERROR;
    }
    size_t header = 1 + (size_t)size, rest = (size_t)length;
    if (input.size - header < rest) {
        cursor->wanted = header + rest;
        return FRAME_MORE;
    }
    cut->packet = span_of(input.data + header, rest);
    cut->consumed = header + rest;
    cursor->wanted = 0;
    return FRAME_PACKET;
}

static enum frame_verdict mqtt_next(const struct frame *frame, struct frame_cursor *cursor,
                                    struct span input, struct frame_cut *cut)
{
    enum frame_verdict verdict = find(frame, cursor, input, cut);
    if (verdict == FRAME_PACKET) {
        cut->packet = span_of(cut->packet.data - 1, cut->packet.size + 1);
        cut->packet.data[0] = input.data[0];
    }
    return verdict;
}

enum frame_verdict frame_mqtt_peek(const struct frame *frame, struct span input)
{
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut;
    return find(frame, &cursor, input, &cut);
}

static enum frame_fault mqtt_wrap(const struct frame *frame, struct span packet, uint8_t *header,
                                  struct span *parts, int *count)
{
    if (packet.size == 0) return FRAME_BAD_SIZE;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    header[0] = packet.data[0];
    struct span rest = span_skip(packet, 1);
    parts[0] = span_of(header, 1 + (size_t)length_store(header + 1, rest.size));
    parts[1] = rest;
    *count = rest.size != 0 ? 2 : 1;
    return FRAME_NO_FAULT;
}

static bool mqtt_finish(struct frame *frame, struct error *error)
{
    return frame_limit(frame, 1 + REST_MAX, error);
}

const struct frame_codec frame_mqtt_codec = {
    .name = "mqtt", .next = mqtt_next, .wrap = mqtt_wrap, .finish = mqtt_finish};
