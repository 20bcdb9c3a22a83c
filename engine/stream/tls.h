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

/* Keys of session tickets (RFC 5077, 8446 4.6.1): the newest seals, the one before still opens. */
enum { TLS_TICKET_KEY = 80 };
struct tls_tickets {
    uint8_t keys[2][TLS_TICKET_KEY];
    uint64_t since_s; /* when the newest came to be, by a clock that never goes back */
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

#endif
