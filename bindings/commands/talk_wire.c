#include "commands/talk_wire.h"

#include "commands/talk_system.h"

#include <stdlib.h>

enum {
    PIECE = 16384,        /* bytes received, or sealed, at once */
    SEALED_MAX = 65536,   /* bytes; above this, nothing more is sealed */
    HANDSHAKE_MS = 10000, /* how long to wait for each part of the server's */
};

/* ---- what is sealed ---- */

static void forget_sealed(struct talk_wire *wire)
{
    buffer_consume(&wire->sealed, buffer_size(&wire->sealed));
}

bool talk_wire_flush(struct talk_wire *wire)
{
    while (buffer_size(&wire->sealed) != 0) {
        ptrdiff_t sent = talk_send(wire->socket, buffer_bytes(&wire->sealed));
        if (sent == TALK_LOST) {
            forget_sealed(wire);
            return false;
        }
        if (sent == 0) return true;
        buffer_consume(&wire->sealed, (size_t)sent);
    }
    return true;
}

/* Sends what TLS has to say. False: the connection was lost, or there is no memory. */
static bool give(struct talk_wire *wire)
{
    return talk_tls_give(wire->tls, &wire->sealed) && talk_wire_flush(wire);
}

/* ---- both ways ---- */

static ptrdiff_t lose_memory(struct error *error)
{
    error_set(error, ERROR_SYSTEM, "the system has no more memory");
    return TALK_LOST;
}

/* Takes in what has come. 0: nothing; TALK_ENDED and TALK_LOST as usual. */
static ptrdiff_t take(struct talk_wire *wire, struct error *error)
{
    uint8_t bytes[PIECE];
    ptrdiff_t got = talk_receive(wire->socket, bytes, sizeof bytes, error);
    if (got > 0 && !talk_tls_take(wire->tls, span_of(bytes, (size_t)got)))
        return lose_memory(error);
    return got == TALK_ENDED ? talk_tls_cut(wire->tls, error) : got;
}

ptrdiff_t talk_wire_receive(struct talk_wire *wire, void *data, size_t size, struct error *error)
{
    if (wire->tls == NULL) return talk_receive(wire->socket, data, size, error);
    ptrdiff_t got = wire->has_more ? 1 : take(wire, error);
    if (got <= 0) return got;
    got = talk_tls_read(wire->tls, data, size, error);
    wire->has_more = got > 0;
    give(wire); /* if that fails, so will receiving */
    return got;
}

ptrdiff_t talk_wire_send(struct talk_wire *wire, struct span bytes)
{
    if (wire->tls == NULL) return talk_send(wire->socket, bytes);
    if (!talk_wire_flush(wire)) return TALK_LOST;
    if (buffer_size(&wire->sealed) > SEALED_MAX) return 0;
    ptrdiff_t taken = talk_tls_write(wire->tls, span_first(bytes, PIECE));
    return taken != TALK_LOST && give(wire) ? taken : TALK_LOST;
}

/* ---- the ends ---- */

void talk_wire_finish(struct talk_wire *wire)
{
    if (wire->tls == NULL) {
        talk_finish(wire->socket);
    } else { /* its close_notify is all that TLS wants */
        talk_tls_finish(wire->tls);
        give(wire);
    }
}

/* When it has failed, its alert is sent by closing. */
static bool shake(struct talk_wire *wire, struct error *error)
{
    for (;;) {
        enum talk_tls_verdict verdict = talk_tls_shake(wire->tls, error);
        if (verdict == TALK_TLS_FAILED) return false;
        give(wire);
        wire->has_more = verdict == TALK_TLS_OPEN; /* first bytes may have come with its end */
        if (wire->has_more) return true;
        unsigned wanted = TALK_RECEIVED;
        if (buffer_size(&wire->sealed) != 0) wanted |= TALK_SENDABLE;
        unsigned come = talk_wait(wire->socket, wanted, HANDSHAKE_MS);
        if (come == 0)
            return error_set(error, ERROR_SYSTEM,
                             "no answer to the handshake came within %d seconds: does the server "
                             "speak TLS?",
                             HANDSHAKE_MS / 1000);
        if ((come & TALK_RECEIVED) == 0 || take(wire, error) >= 0) continue;
        talk_tls_cut(wire->tls, error); /* ended or reset, it is the same to whoever reads it */
        return false;
    }
}

bool talk_wire_open(struct talk_wire *wire, const struct address *address,
                    const struct talk_tls_asking *asking, struct error *error)
{
    struct error why;
    char text[ADDRESS_TEXT_MAX];
    *wire = (struct talk_wire){.socket = -1};
    if (asking != NULL && (wire->tls = talk_tls_open(asking, error)) == NULL) return false;
    wire->socket = talk_connect(address, &why);
    if (wire->socket < 0)
        error_set(error, ERROR_SYSTEM, "cannot connect to %s: %.1800s",
                  address_format(address, text), why.text);
    else if (wire->tls == NULL || shake(wire, error))
        return true;
    talk_wire_close(wire);
    return false;
}

void talk_wire_close(struct talk_wire *wire)
{
    if (wire->tls != NULL && wire->socket >= 0) {
        talk_tls_finish(wire->tls);
        give(wire);
    }
    if (wire->socket >= 0) talk_disconnect(wire->socket);
    if (wire->tls != NULL) talk_tls_close(wire->tls);
    free(wire->sealed.data);
}
