/* tls_openssl.h - shared by the files named tls_*_openssl.c. */
#ifndef MOONPORT_TLS_OPENSSL_H
#define MOONPORT_TLS_OPENSSL_H

#include "stream/tls.h"

#include <openssl/ssl.h>

/* A certificate, its key, the certificates that vouch for it, and what is to be shown of its revocation. */
struct tls_pair {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
    unsigned char *ocsp; /* DER; NULL: none */
    int ocsp_size;
    int64_t ocsp_ends; /* in seconds since 1970: from then on it is not shown */
};

/* The protocols that are spoken inside (RFC 7301). */
struct tls_alpn {
    char *words; /* that the names are in; NULL: there are none */
    const char *names[FRAME_PROTOCOLS_MAX];
    uint32_t count;
};

struct tls_context {
    _Atomic uint32_t holders;
    SSL_CTX *ssl;
    struct tls_pair pairs[TLS_CERTIFICATES_MAX];
    uint32_t count;
    struct tls_alpn alpn;
};

/* ---- tls_certificate_openssl.c ---- */

/* Where the files are, and who opens encrypted ones. */
struct tls_place {
    const char *directory;
    const char *password_file; /* or NULL */
};

/* False with an error: the path is too long. */
bool tls_path(const struct tls_place *place, const char *name, char path[TLS_PATH_MAX],
              struct error *error);

/* NULL with an error that names the file. `path` is where it is. */
BIO *tls_open_file(const struct tls_place *place, const char *name, char path[TLS_PATH_MAX],
                   struct error *error);

/* Reads and checks a pair. False with an error that names the file; nothing is held then. */
bool tls_pair_read(struct tls_pair *pair, const struct tls_place *place, const char *certificate,
                   const char *key, struct error *error);
void tls_pair_free(struct tls_pair *pair);

/* Seconds since 1970. */
int64_t tls_seconds(const ASN1_TIME *time);

/* ---- tls_ocsp_openssl.c ---- */

/* Reads the response (RFC 6960) and gives it to the certificate that it is of. False with an error that names the file: it is
 * of none of them, or says that the certificate is revoked. */
bool tls_ocsp_read(struct tls_context *context, const struct tls_place *place, const char *name,
                   struct error *error);

/* The context's sessions show what was read (RFC 6066 8). */
void tls_ocsp_show(struct tls_context *context);

/* ---- tls_alpn_openssl.c ---- */

/* False: no memory. */
bool tls_alpn_open(struct tls_context *context, const struct tls_settings *settings);
void tls_alpn_close(struct tls_alpn *alpn);

/* After the handshake: what was agreed on, a name of the context's; NULL: nothing. */
const char *tls_alpn_agreed(const struct tls_context *context, const SSL *ssl);

/* ---- tls_tell_openssl.c ---- */

void tls_tell(const SSL *ssl, const char *protocol, filter_note *note, void *context);

/* ---- tls_self_signed_openssl.c ---- */

/* A certificate for localhost and the loopback's addresses, for 30 days, that nobody vouches for. False: no memory. */
bool tls_self_sign(struct tls_pair *pair);

/* ---- tls_words_openssl.c ---- */

/* What went wrong, by the first of OpenSSL's errors on this thread, for the log. Forgets them. Static. */
struct tls_fault {
    const char *why;
    bool spoke_http; /* to a port of TLS; OpenSSL has sent nothing */
    bool no_memory;
};
struct tls_fault tls_fault_take(void);

/* ---- tls_context_openssl.c ---- */

/* The context for a new connection, which holds it. */
struct tls_context *tls_context_take(struct tls_source *source);

/* ---- tls_tickets_openssl.c ---- */

uint64_t tls_tickets_period(void); /* the present one */

/* False: the system gives no random bytes. */
bool tls_tickets_open(struct tls_tickets *tickets);
void tls_tickets_close(struct tls_tickets *tickets);

/* Goes on to the period, unless it is over already. False: it is too far ahead for that, as no clock is ever set. */
bool tls_tickets_advance(struct tls_tickets *tickets, uint64_t period);

/* OpenSSL asks for a key to seal a ticket with, or to open one. The data of the session is its struct tls_source. */
int tls_tickets_ask(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int seals);

/* ---- tls_filter_openssl.c ---- */

struct filter *tls_filter_open(const struct filter_source *source, struct budget *budget);

#endif
