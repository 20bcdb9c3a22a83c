#include "wire.h"

#include "ws_wire.h"

#include <stdio.h>

void wire_append_bytes(struct buffer *buffer, struct span bytes)
{
    check(buffer_reserve(buffer, bytes.size));
    if (bytes.size > 0) memcpy(buffer->data + buffer->end, bytes.data, bytes.size);
    buffer->end += bytes.size;
}

static void append_byte(struct buffer *buffer, uint64_t byte)
{
    uint8_t one = (uint8_t)byte;
    wire_append_bytes(buffer, span_of(&one, 1));
}

static void append_varint(struct buffer *buffer, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) append_byte(buffer, value | 0x80);
    append_byte(buffer, value);
}

static void append_length(struct buffer *buffer, const struct frame_length *length,
                          struct span packet)
{
    struct span before = span_first(packet, length->offset);
    struct span rest = span_skip(packet, length->offset);
    int64_t value = (int64_t)rest.size - length->adjustment;
    if (length->counts_header) value += length->offset + length->size;
    wire_append_bytes(buffer, before);
    if (length->size == 0) append_varint(buffer, (uint64_t)value);
    for (int i = 0; i < length->size; i++) {
        int place = length->big_endian ? length->size - 1 - i : i;
        append_byte(buffer, (uint64_t)value >> 8 * place);
    }
    wire_append_bytes(buffer, rest);
}

static void append_line(struct buffer *buffer, const struct frame_line *line, struct span packet)
{
    struct span delimiter = line->delimiter_size == 0
                                ? span_text("\n")
                                : span_of(line->delimiter, line->delimiter_size);
    bool has_it =
        packet.size >= delimiter.size &&
        memcmp(packet.data + packet.size - delimiter.size, delimiter.data, delimiter.size) == 0;
    wire_append_bytes(buffer, packet);
    if (!line->keep || !has_it) wire_append_bytes(buffer, delimiter);
}

struct span wire_ending(const struct frame *frame, struct span packet)
{
    const struct frame_delimited *delimited = &frame->delimited;
    size_t choice = packet.size % delimited->count;
    return span_of(delimited->choices[choice], delimited->sizes[choice]);
}

/* The server's packets end in the first delimiter, unless they have one already. */
static void append_delimited(struct buffer *buffer, const struct frame_delimited *delimited,
                             struct span packet)
{
    bool has_one = false;
    for (int i = 0; i < delimited->count; i++) {
        size_t size = delimited->sizes[i];
        has_one |= packet.size >= size &&
                   memcmp(packet.data + packet.size - size, delimited->choices[i], size) == 0;
    }
    wire_append_bytes(buffer, packet);
    if (!delimited->keep || !has_one)
        wire_append_bytes(buffer, span_of(delimited->choices[0], delimited->sizes[0]));
}

static void append_netstring(struct buffer *buffer, struct span packet)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu:", (unsigned long long)packet.size);
    wire_append_bytes(buffer, span_text(digits));
    wire_append_bytes(buffer, packet);
    append_byte(buffer, ',');
}

static void append_mqtt(struct buffer *buffer, struct span packet)
{
    wire_append_bytes(buffer, span_first(packet, 1));
    append_varint(buffer, packet.size - 1);
    wire_append_bytes(buffer, span_skip(packet, 1));
}

static void append_hpsocket(struct buffer *buffer, uint16_t flag, struct span packet)
{
    uint64_t header = flag * UINT64_C(4194304) + packet.size;
    for (int i = 0; i < 4; i++) append_byte(buffer, header >> 8 * i);
    wire_append_bytes(buffer, packet);
}

void wire_append_sent(struct buffer *buffer, const struct frame *frame, struct span packet)
{
    if (frame->kind != FRAME_DELIMITED) {
        wire_append(buffer, frame, packet, PACKET_PLAIN);
        return;
    }
    wire_append_bytes(buffer, packet);
    wire_append_bytes(buffer, wire_ending(frame, packet));
}

void wire_append(struct buffer *buffer, const struct frame *frame, struct span packet,
                 enum packet_kind kind)
{
    switch (frame->kind) {
    case FRAME_LENGTH: append_length(buffer, &frame->length, packet); return;
    case FRAME_LINE: append_line(buffer, &frame->line, packet); return;
    case FRAME_DELIMITED: append_delimited(buffer, &frame->delimited, packet); return;
    case FRAME_NETSTRING: append_netstring(buffer, packet); return;
    case FRAME_MQTT: append_mqtt(buffer, packet); return;
    case FRAME_HPSOCKET: append_hpsocket(buffer, frame->flag, packet); return;
    case FRAME_WEBSOCKET: ws_wire_append_message(buffer, packet, kind); return;
    case FRAME_FIXED:
    case FRAME_SCRIPTED:
    case FRAME_RAW: wire_append_bytes(buffer, packet); return;
    case FRAME_HTTP: check(false); /* clients here do not speak it */
    }
}
