/* tls_openssl.h - shared by the files named tls_*_openssl.c. */
#ifndef MOONPORT_TLS_OPENSSL_H
#define MOONPORT_TLS_OPENSSL_H

#include "stream/tls.h"

#include <openssl/ssl.h>

/* A certificate, its key, and the certificates that vouch for it. */
struct tls_pair {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
};

struct tls_context {
    _Atomic uint32_t holders;
    SSL_CTX *ssl;
    struct tls_pair pairs[TLS_CERTIFICATES_MAX];
    uint32_t count;
};

/* ---- tls_certificate_openssl.c ---- */

/* Where the files are, and who opens encrypted ones. */
struct tls_place {
    const char *directory;
    const char *password_file; /* or NULL */
};

enum { TLS_PATH_MAX = 4096 };

/* False with an error: the path is too long. */
bool tls_path(const struct tls_place *place, const char *name, char path[TLS_PATH_MAX],
              struct error *error);

/* Reads and checks a pair. False with an error that names the file; nothing is held then. */
bool tls_pair_read(struct tls_pair *pair, const struct tls_place *place, const char *certificate,
                   const char *key, struct error *error);
void tls_pair_free(struct tls_pair *pair);

/* ---- tls_self_signed_openssl.c ---- */

/* A certificate for localhost and the loopback's addresses, for 30 days, that nobody vouches for. False: no memory. */
bool tls_self_sign(struct tls_pair *pair);

/* ---- tls_words_openssl.c ---- */

/* What went wrong, by the first of OpenSSL's errors on this thread, for the log. Forgets them. Static. */
struct tls_fault {
    const char *why;
    bool spoke_http; /* to a port of TLS; OpenSSL has sent nothing */
};
struct tls_fault tls_fault_take(void);

/* ---- tls_context_openssl.c ---- */

/* The context for a new connection, which holds it. */
struct tls_context *tls_context_take(struct tls_source *source);

/* ---- tls_tickets_openssl.c ---- */

/* False: the system gives no random bytes. */
bool tls_tickets_open(struct tls_tickets *tickets);
void tls_tickets_close(struct tls_tickets *tickets);

/* OpenSSL asks for a key to seal a ticket with, or to open one. The data of the session is its struct tls_source. */
int tls_tickets_ask(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int seals);

/* ---- tls_filter_openssl.c ---- */

struct filter *tls_filter_open(const struct filter_source *source, struct budget *budget);

#endif
