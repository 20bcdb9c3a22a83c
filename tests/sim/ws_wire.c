#include "ws_wire.h"

#include "sim.h"
#include "wire.h"

static void append_number(struct buffer *buffer, uint64_t number, int size)
{
    uint8_t bytes[8];
    for (int i = 0; i < size; i++) bytes[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    wire_append_bytes(buffer, span_of(bytes, (size_t)size));
}

void ws_wire_append_head(struct buffer *buffer, uint8_t first, uint64_t size, const uint8_t *mask)
{
    unsigned masked = mask == NULL ? 0 : 0x80;
    append_number(buffer, first, 1);
    if (size <= 125) {
        append_number(buffer, masked | size, 1);
    } else if (size <= 0xffff) {
        append_number(buffer, masked | 126, 1);
        append_number(buffer, size, 2);
    } else {
        append_number(buffer, masked | 127, 1);
        append_number(buffer, size, 8);
    }
    if (mask != NULL) wire_append_bytes(buffer, span_of(mask, 4));
}

void ws_wire_append(struct buffer *buffer, uint8_t first, struct span payload, const uint8_t *mask)
{
    ws_wire_append_head(buffer, first, payload.size, mask);
    wire_append_bytes(buffer, payload);
    size_t at = buffer->end - payload.size;
    for (size_t i = 0; mask != NULL && i < payload.size; i++) buffer->data[at + i] ^= mask[i % 4];
}

bool ws_wire_read(struct span bytes, struct ws_wire *frame)
{
    if (bytes.size < 2) return false;
    uint64_t size = bytes.data[1];
    size_t head = 2, more = size == 126 ? 2 : size == 127 ? 8 : 0;
    promise(size < 128, "a frame from the server is masked");
    if (bytes.size < head + more) return false;
    if (more > 0) size = 0;
    for (size_t i = 0; i < more; i++) size = size << 8 | bytes.data[head + i];
    promise(more == 0 || size > (more == 2 ? 125 : 0xffff),
            "the length of a frame from the server is longer than it must be");
    head += more;
    if (bytes.size - head < size) return false;
    *frame = (struct ws_wire){.first = bytes.data[0],
                              .payload = span_first(span_skip(bytes, head), (size_t)size),
                              .size = head + (size_t)size};
    return true;
}

/* Section 8.1; RFC 3629 section 4, character by character. */
bool ws_wire_is_utf8(struct span text)
{
    size_t i = 0;
    while (i < text.size) {
        uint8_t byte = text.data[i++];
        size_t more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        uint32_t character = byte < 0x80 ? byte : byte & (0x3fu >> more);
        if ((byte >= 0x80 && byte < 0xc2) || byte > 0xf4 || text.size - i < more) return false;
        for (; more > 0; more--, i++) {
            if ((text.data[i] & 0xc0) != 0x80) return false;
            character = character << 6 | (text.data[i] & 0x3fu);
        }
        if (byte >= 0xe0 && character < (byte < 0xf0 ? 0x800u : 0x10000u)) return false;
        if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) return false;
    }
    return true;
}

bool ws_wire_can_be(struct span packet, enum packet_kind kind)
{
    return kind != PACKET_TEXT || ws_wire_is_utf8(packet);
}

void ws_wire_append_message(struct buffer *buffer, struct span packet, enum packet_kind kind)
{
    bool is_text = kind == PACKET_TEXT || (kind == PACKET_PLAIN && ws_wire_is_utf8(packet));
    ws_wire_append(buffer, WS_FIN | (is_text ? WS_WIRE_TEXT : WS_WIRE_BINARY), packet, NULL);
}
