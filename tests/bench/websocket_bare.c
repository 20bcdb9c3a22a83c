/* websocket_bare.c - the floor of websocket_floor.h with the engine's own functions for frames: the least that Moonport
 * itself could take. A message is unmasked where it lies and checked to be UTF-8; all that one read has brought leaves in
 * one send. */
#include "base/utf8_check.h"
#include "frame/ws_frame.h"
#include "websocket_floor.h"

static struct buffer output;

/* The size of the frame at the front, whose message is put into the output; 0: it is not complete. */
static size_t take_frame(struct span bytes)
{
    struct ws_header header;
    uint8_t room[WS_HEADER_MAX], state = 0;
    if (ws_header_read(&header, bytes) != WS_HEADER) return 0;
    struct span payload = span_skip(bytes, header.header_size);
    if (payload.size < header.size) return 0;
    payload.size = (size_t)header.size;
    if (!header.fin || header.opcode != WS_TEXT) fail(1, "a frame that is no message of text");
    ws_mask(payload.data, payload.size, header.mask, 0);
    if (!utf8_check(&state, payload) || state != 0) fail(1, "a text is not UTF-8");
    buffer_add(&output, room, ws_header_write(room, WS_TEXT, true, 0, payload.size, NULL));
    buffer_add(&output, payload.data, payload.size);
    return header.header_size + payload.size;
}

static size_t take(struct peer *peer, struct span bytes)
{
    size_t used = 0, size;
    while (used < bytes.size && (size = take_frame(span_skip(bytes, used))) > 0) used += size;
    struct span made = span_of(output.bytes, output.size);
    output.size = 0;
    if (!broadcasts) transmit(peer, made);
    for (uint32_t i = 0; broadcasts && i < peer_count; i++) transmit(peers[i], made);
    return used;
}

int main(int count, char **words)
{
    static const struct codec codec = {.take = take};
    floor_run(count, words, &codec);
}
