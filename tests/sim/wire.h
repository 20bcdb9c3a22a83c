/* wire.h - how packets look on the wire, written a second time, and straight from the documentation
 * of the settings: so that a mistake of the codecs' both ways is seen. */
#ifndef MOONPORT_SIM_WIRE_H
#define MOONPORT_SIM_WIRE_H

#include "memory.h"

#include "frame/frame.h"
#include "system/buffer.h"

/* Appends the packet as it goes over the wire. */
void wire_append(struct buffer *buffer, const struct frame *frame, struct span packet);

void wire_append_bytes(struct buffer *buffer, struct span bytes);

#endif
