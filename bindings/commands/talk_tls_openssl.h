/* talk_tls_openssl.h - shared by the files named talk_tls_*openssl.c. */
#ifndef MOONPORT_TALK_TLS_OPENSSL_H
#define MOONPORT_TALK_TLS_OPENSSL_H

#include "commands/talk_tls.h"

#include <openssl/ssl.h>

struct talk_tls {
    struct talk_tls_asking asking;
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;     /* memory; the session owns them */
    int refused_depth; /* of the certificate that was refused; 0: the server's own */
    X509 *refused;     /* it, with a hold; NULL: none */
    bool has_failed;
    struct error failure;
};

/* ---- talk_tls_why_openssl.c ---- */

/* What has gone wrong, by OpenSSL's errors on this thread, which are forgotten, and by the certificate that was refused.
 * Always TALK_LOST's error. */
void talk_tls_explain(const struct talk_tls *tls, struct error *error);

#endif
