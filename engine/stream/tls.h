/* tls.h - TLS 1.2 and 1.3 (RFC 5246, 8446) as a filter of streams, by OpenSSL over memory.
 *
 * A context is made of certificates and keys, and never changes. A source opens filters with its context, which can be
 * replaced while it serves: connections keep the one with which they began. */
#ifndef MOONPORT_TLS_H
#define MOONPORT_TLS_H

#include "stream/filter.h"
#include "stream/tls_settings.h"

#include <pthread.h>
#include <stdatomic.h>

struct tls_context;

/* Reads the files, and checks them: they are readable, a key fits its certificate, a chain is in order, nothing has expired
 * or is yet to begin. Relative paths are below the directory. NULL with an error that names the file. Whoever makes it
 * holds it. */
struct tls_context *tls_context_make(const struct tls_settings *settings, const char *directory,
                                     struct error *error);
void tls_context_drop(struct tls_context *context);

enum { TLS_FINGERPRINT_MAX = 3 * 32 };

/* Of the first certificate: when it ends, in seconds since 1970, and its SHA-256 in hexadecimal digits. Of all of them,
 * the soonest end. */
int64_t tls_context_ends(const struct tls_context *context);
void tls_context_fingerprint(const struct tls_context *context, char text[TLS_FINGERPRINT_MAX]);

/* Keys of session tickets (RFC 5077, 8446 4.6.1): one for each period of six hours, counted from 1970. Each follows from a
 * secret, which becomes that of the next period, so every program that has the secret and the time has the same keys: other machines,
 * and the program that replaces this one. There is no way back from a secret to the one before it. */
enum { TLS_TICKET_SECRET = 32, TLS_TICKET_KEY = 80, TLS_TICKET_PERIOD_S = 6 * 60 * 60 };
struct tls_tickets {
    uint64_t period; /* the present one: its key seals, the one before still opens */
    uint8_t secret[TLS_TICKET_SECRET]; /* of the period before */
    uint8_t keys[2][TLS_TICKET_KEY];   /* of the present period, and of the one before */
};

struct tls_source {
    struct filter_source filters; /* first */
    pthread_mutex_t mutex;        /* guards the rest */
    struct tls_context *context;
    struct tls_tickets tickets;
};

/* Takes over the hold on the context. False: the system gives no random bytes. */
bool tls_source_open(struct tls_source *source, struct tls_context *context);
void tls_source_put(struct tls_source *source, struct tls_context *context);
void tls_source_close(struct tls_source *source);

/* Has the tickets' secret in the file: takes the one that is there, or puts the one of a newer period there that has come of
 * it, or a new one if there is no file, or no longer; only its owner can read such a file. False with an error that names the file. The source keeps its
 * secret then. Any thread, one at a time. */
bool tls_source_keep_tickets(struct tls_source *source, const char *path, struct error *error);

#endif
