/* frame_protocols.h - which framing a peer has, by the name of the protocol that it has agreed on before it sends any packet
 * (in TLS by ALPN, RFC 7301). */
#ifndef MOONPORT_FRAME_PROTOCOLS_H
#define MOONPORT_FRAME_PROTOCOLS_H

#include "frame/frame.h"

enum { FRAME_PROTOCOLS_MAX = 8, FRAME_PROTOCOL_NAME_MAX = 255 /* bytes: RFC 7301 3.1 */ };

struct frame_protocol {
    char name[FRAME_PROTOCOL_NAME_MAX + 1];
    struct frame frame;
};

/* In the order of their names. */
struct frame_protocols {
    uint32_t count;
    struct frame_protocol list[FRAME_PROTOCOLS_MAX];
};

/* False with the reason: the name is empty, too long, or there, or there are too many. */
bool frame_protocols_add(struct frame_protocols *protocols, const char *name,
                         const struct frame *frame, struct error *reason);

/* NULL: the protocol has no framing of its own. */
const struct frame *frame_protocols_find(const struct frame_protocols *protocols, const char *name);

bool frame_protocols_are_same(const struct frame_protocols *one,
                              const struct frame_protocols *other);

#endif
