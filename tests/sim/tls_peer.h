/* tls_peer.h - the client's end of TLS: OpenSSL's client in memory. It checks what the server must keep to: which
 * certificate it shows, that it resumes sessions, that it refuses nobody who has done nothing. */
#ifndef MOONPORT_SIM_TLS_PEER_H
#define MOONPORT_SIM_TLS_PEER_H

#include "cover.h"
#include "tls_run.h"

struct link;

struct cover *tls_peer_open(struct tls_run *run, uint64_t seed, bool healthy, struct buffer *wire);

/* The server has let it in: what it knows of it is so. */
void tls_peer_let_in(const struct cover *cover, const struct link *link);

#endif
