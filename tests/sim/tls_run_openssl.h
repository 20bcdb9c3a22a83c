/* tls_run_openssl.h - shared by the files named tls_*_openssl.c. */
#ifndef MOONPORT_SIM_TLS_RUN_OPENSSL_H
#define MOONPORT_SIM_TLS_RUN_OPENSSL_H

#include "tls_run.h"

#include <openssl/ssl.h>

/* Of all clients. */
extern SSL_CTX *tls_clients;

/* Is it one of the certificates that were shown since `first`? Was there one among them that is shown to TLS 1.3 only? */
bool tls_run_has_shown(const struct tls_run *run, uint32_t first, X509 *leaf);
bool tls_run_was_strict(const struct tls_run *run, uint32_t first);

/* A client keeps a session; wants one of that version: the newest one, or NULL. */
void tls_run_keep(struct tls_run *run, SSL_SESSION *session);
SSL_SESSION *tls_run_session(const struct tls_run *run, int version);

/* OpenSSL gives a client a session to keep. */
int tls_peer_keep_session(SSL *client, SSL_SESSION *session);

#endif
