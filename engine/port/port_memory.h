/* port_memory.h - a completion port without a system: sockets are pipes in memory. The driver (a test, or
 * offline.c) operates their other ends, the clients, and sets the time. One thread.
 *
 *     struct memory_peer --arrived--> [block] --> PORT_RECEIVED        port_harvest never waits
 *                        <---sent---- port_send --> PORT_SENT
 *
 * It keeps the contract of port.h exactly. Where the contract leaves a choice (how much a receive yields,
 * how much a send takes, what is harvested first), a function in port_memory.c makes it; there, a
 * simulation chooses by its seed. */
#ifndef MOONPORT_PORT_MEMORY_H
#define MOONPORT_PORT_MEMORY_H

#include "port/port.h"

/* Bytes in transit: appended at the end, taken at the beginning. */
struct memory_bytes {
    uint8_t *data;
    size_t begin, end, capacity;
};

/* The client's end of a connection. The port refers to it until the connection is closed. */
struct memory_peer {
    struct port *port;
    struct port_socket *socket;  /* the server's end, while it is attached */
    struct memory_bytes arrived; /* from the client, not received yet */
    struct memory_bytes sent;    /* to the client, not taken by it yet */
    size_t room;                 /* bytes: when so many wait in `sent`, sends wait */
    bool deaf;                   /* the client takes nothing: sends wait */
    bool finished;               /* the client will send no more */
    bool reset;                  /* ... and has gone */
    bool shut;                   /* the server will send no more */
    bool closed;                 /* ... and has closed its end */

    /* Callbacks for the owner, or NULL: the socket was just attached by the server; is about to be closed. */
    void (*attached)(struct memory_peer *peer);
    void (*detaching)(struct memory_peer *peer);
};

/* Opens a port whose clock stands at now_ns. It cannot listen: connections come from memory_peer_handle. */
struct port *port_memory_open(const struct port_options *options, uint64_t now_ns,
                              struct error *error);

/* The time of the next harvest; must not go backwards. */
void port_memory_set_clock(struct port *port, uint64_t now_ns);
uint64_t port_memory_clock(const struct port *port);

/* True if the next harvest will return events. */
bool port_memory_ready(const struct port *port);

/* Makes a client that is about to connect, with unlimited room. `port`: any, until one attaches the socket. */
void memory_peer_open(struct memory_peer *peer, struct port *port);

/* The server's end, to be attached to a port, or closed by close_handle. To be called once. */
intptr_t memory_peer_handle(struct memory_peer *peer);

/* Frees the peer's bytes. The server's end must be closed, or memory_peer_handle never called. */
void memory_peer_close(struct memory_peer *peer);

/* Sends bytes from the client; false if there is no memory. After the client's end, or the server's, the
 * bytes are discarded. */
bool memory_peer_send(struct memory_peer *peer, struct span bytes);
void memory_peer_finish(struct memory_peer *peer); /* no more will be sent */
void memory_peer_reset(struct memory_peer *peer);  /* earlier bytes still arrive, then the error */

/* Bytes that the server has sent and the client has not taken; valid until the next call for the peer or its port. */
struct span memory_peer_received(const struct memory_peer *peer);
void memory_peer_take(struct memory_peer *peer, size_t size);

void memory_peer_set_deaf(struct memory_peer *peer, bool deaf);
void memory_peer_set_room(struct memory_peer *peer, size_t size);

#endif
