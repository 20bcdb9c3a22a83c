/* peer.h - the other end of a connection, for tests of what talks to the network: plain sockets on
 * 127.0.0.1, on every platform. Handles are the system's; a failure fails the test. */
#ifndef MOONPORT_PEER_H
#define MOONPORT_PEER_H

#include "base/address.h"

#include <stddef.h>

/* A connection to 127.0.0.1, blocking, and without delay. */
intptr_t peer_connect(uint16_t port);

/* The same; -1 if nobody listens there. */
intptr_t peer_try_to_connect(uint16_t port);

/* Two ends of one connection. */
void peer_pair(intptr_t ends[2]);

/* The same in two steps: from 127.0.0.HOST, at a port that peer_address tells. */
intptr_t peer_bind(uint8_t host);
void peer_connect_bound(intptr_t peer, uint16_t port);

/* Its own end of the connection. */
struct address peer_address(intptr_t peer);

/* All of it. */
void peer_send(intptr_t peer, const void *data, size_t size);

/* False: the other end has gone. */
bool peer_try_to_send(intptr_t peer, const void *data, size_t size);

/* What there is, up to so many bytes: 0 at the end, -1 if nothing is there and it does not block. */
ptrdiff_t peer_receive(intptr_t peer, void *data, size_t size);

/* So many bytes. */
void peer_receive_all(intptr_t peer, void *data, size_t size);

/* Tells the other end that no more will come. */
void peer_finish(intptr_t peer);

/* Closes it so that the other end sees a reset. */
void peer_reset(intptr_t peer);

/* Each platform's own: */
bool peer_end_overtakes(void);  /* the end is seen although bytes before it were not received */
bool peer_holds_its_port(void); /* nobody may listen on a port that has connections */
void peer_start(void);          /* before the first socket */
void peer_set_blocking(intptr_t peer, bool blocking);
void peer_close(intptr_t peer);

#endif
