/* ws_wire.h - frames of WebSocket, written and read a second time, and straight from RFC 6455: so that a mistake of the
 * codec's both ways is seen. */
#ifndef MOONPORT_SIM_WS_WIRE_H
#define MOONPORT_SIM_WS_WIRE_H

#include "memory.h"

#include "frame/frame.h"
#include "system/buffer.h"

/* First bytes of frames that are whole (section 5.2). */
enum { WS_FIN = 0x80 };
enum {
    WS_WIRE_MORE = 0x00,
    WS_WIRE_TEXT = 0x01,
    WS_WIRE_BINARY = 0x02,
    WS_WIRE_CLOSE = 0x88,
    WS_WIRE_PING = 0x89,
    WS_WIRE_PONG = 0x8a,
};

enum { WS_PING_MAX = 125 };

struct ws_wire {
    uint8_t first;
    struct span payload;
    size_t size; /* bytes of the frame */
};

/* Appends a frame; mask NULL: as a server does. `size`: what the header says, of which the payload may be less. */
void ws_wire_append(struct buffer *buffer, uint8_t first, struct span payload, const uint8_t *mask);
void ws_wire_append_head(struct buffer *buffer, uint8_t first, uint64_t size, const uint8_t *mask);

/* Reads a frame of a server. False: it is not complete. What no server may send is a violation. */
bool ws_wire_read(struct span bytes, struct ws_wire *frame);

/* The message as the server must send it. */
void ws_wire_append_message(struct buffer *buffer, struct span packet, enum packet_kind kind);

/* Whether it could be sent as a packet of that kind. */
bool ws_wire_can_be(struct span packet, enum packet_kind kind);

bool ws_wire_is_utf8(struct span text);

#endif
