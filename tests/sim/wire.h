/* wire.h - how packets look on the wire, written a second time, and straight from the documentation
 * of the settings: so that a mistake of the codecs' both ways is seen. */
#ifndef MOONPORT_SIM_WIRE_H
#define MOONPORT_SIM_WIRE_H

#include "memory.h"

#include "frame/frame.h"
#include "system/buffer.h"

/* Appends the packet as the server sends it; of which kind, only WebSocket tells. */
void wire_append(struct buffer *buffer, const struct frame *frame, struct span packet,
                 enum packet_kind kind);

/* ... and as clients do, who use all delimiters that they may. Not for WebSocket: ws_peer.c. */
void wire_append_sent(struct buffer *buffer, const struct frame *frame, struct span packet);

/* Of FRAME_DELIMITED: the delimiter that a client puts behind this packet. */
struct span wire_ending(const struct frame *frame, struct span packet);

void wire_append_bytes(struct buffer *buffer, struct span bytes);

#endif
