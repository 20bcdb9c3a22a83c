/* talk_wire.h - the connection of `moonport talk`: its bytes as they are, or in TLS. Owns the socket, and what is sealed and
 * not yet sent. */
#ifndef MOONPORT_TALK_WIRE_H
#define MOONPORT_TALK_WIRE_H

#include "base/address.h"
#include "commands/talk_tls.h"

struct talk_wire {
    intptr_t socket;
    struct talk_tls *tls; /* NULL: bytes are sent as they are */
    struct buffer sealed; /* records to be sent */
    bool has_more;        /* something can be received without waiting for the server */
};

/* Connects, and shakes hands. asking: for TLS, or NULL. False with an error; nothing is held then. */
bool talk_wire_open(struct talk_wire *wire, const struct address *address,
                    const struct talk_tls_asking *asking, struct error *error);

/* Says goodbye, as far as that goes without waiting. */
void talk_wire_close(struct talk_wire *wire);

/* As talk_receive, talk_send and talk_finish (talk_system.h). */
ptrdiff_t talk_wire_receive(struct talk_wire *wire, void *data, size_t size, struct error *error);
ptrdiff_t talk_wire_send(struct talk_wire *wire, struct span bytes);
void talk_wire_finish(struct talk_wire *wire);

/* Sends what is sealed, as far as that goes without waiting. False: the connection was lost. */
bool talk_wire_flush(struct talk_wire *wire);

#endif
