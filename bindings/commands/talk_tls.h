/* talk_tls.h - the client's side of TLS 1.2 and 1.3 (RFC 5246, 8446), by OpenSSL. It knows no socket: bytes that come are
 * passed to it, and bytes to be sent are taken from it.
 *
 *     talk_tls_open      reads the files
 *     talk_tls_take      what has come from the server; then
 *     talk_tls_shake     goes on with the handshake, or
 *     talk_tls_read      gives what was in it
 *     talk_tls_write     something to be sent
 *     talk_tls_give      after each of these: what is to be sent now
 */
#ifndef MOONPORT_TALK_TLS_H
#define MOONPORT_TALK_TLS_H

#include "base/error.h"
#include "system/buffer.h"

#include <stddef.h>

struct talk_tls;

struct talk_tls_asking {
    const char *
        name; /* whom the certificate must be for: an IP, or a host, which the server is told (RFC 6066 3) */
    const char *ca; /* PEM: whom to trust in place of those whom the system trusts; NULL: them */
    const char *certificate; /* PEM: our own, with those that vouch for it; NULL: none */
    const char *key;         /* PEM: its key; NULL: it is in the same file */
    bool is_insecure;        /* the server's certificate is not checked */
};

/* The texts of `asking` must live as long. NULL with an error: a file cannot be used, or the program was built without
 * OpenSSL. */
struct talk_tls *talk_tls_open(const struct talk_tls_asking *asking, struct error *error);
void talk_tls_close(struct talk_tls *tls);

/* False: there is no memory. */
bool talk_tls_take(struct talk_tls *tls, struct span wire);
bool talk_tls_give(struct talk_tls *tls, struct buffer *out);

/* FAILED: with an error in plain words, which the others below then have as well. */
enum talk_tls_verdict { TALK_TLS_MORE, TALK_TLS_OPEN, TALK_TLS_FAILED };
enum talk_tls_verdict talk_tls_shake(struct talk_tls *tls, struct error *error);

/* How many bytes; 0: more must come first; TALK_ENDED (talk_system.h): the server has said that this was all
 * (close_notify); TALK_LOST with an error. */
ptrdiff_t talk_tls_read(struct talk_tls *tls, void *data, size_t size, struct error *error);

/* All of it, or TALK_LOST: reading tells why. */
ptrdiff_t talk_tls_write(struct talk_tls *tls, struct span plain);

/* The stream of bytes has ended: TALK_ENDED, or TALK_LOST with an error if the server has not said so. */
ptrdiff_t talk_tls_cut(struct talk_tls *tls, struct error *error);

/* Says that this was all. Reading goes on. */
void talk_tls_finish(struct talk_tls *tls);

/* "TLS 1.3, TLS_AES_256_GCM_SHA384", after the handshake. */
enum { TALK_TLS_TEXT_MAX = 160 };
const char *talk_tls_text(const struct talk_tls *tls, char text[TALK_TLS_TEXT_MAX]);

#endif
