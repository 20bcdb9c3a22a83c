/* port_memory.h - a completion port without a system: sockets are pipes in memory, and their other
 * ends, the clients, are in the hand of whoever drives it. One thread, and no time but the driver's.
 *
 *     struct memory_peer --arrived--> [block] --> PORT_RECEIVED        port_harvest never waits
 *                        <---sent---- port_send --> PORT_SENT
 *
 * It keeps the contract of port.h to the letter. Where that leaves a choice (how much a receive
 * brings, how much a send takes, what is harvested first), port_memory.c has a function that makes
 * it; a simulation makes it by a seed there. */
#ifndef MOONPORT_PORT_MEMORY_H
#define MOONPORT_PORT_MEMORY_H

#include "port/port.h"

/* Bytes on their way: appended at the end, taken at the beginning. */
struct memory_bytes {
    uint8_t *data;
    size_t begin, end, capacity;
};

/* The client's end of a connection. Its owner's; the port refers to it until it is closed. */
struct memory_peer {
    struct port *port;
    struct port_socket *socket;  /* the server's end, while it is attached */
    struct memory_bytes arrived; /* from the client, not received yet */
    struct memory_bytes sent;    /* to the client, not taken by it yet */
    size_t room;                 /* bytes: with so many not taken, sends wait */
    bool deaf;                   /* it takes nothing: sends wait */
    bool finished;               /* the client will send no more */
    bool reset;                  /* ... and has gone */
    bool shut;                   /* the server will send no more */
    bool closed;                 /* ... and has closed its end */

    /* For its owner, may be NULL: the socket has just become the server's, is about to be closed. */
    void (*attached)(struct memory_peer *peer);
    void (*detaching)(struct memory_peer *peer);
};

/* Its clock stands at now_ns. It cannot listen: connections come from memory_peer_handle. */
struct port *port_memory_open(const struct port_options *options, uint64_t now_ns,
                              struct error *error);

/* The time of the next harvest; never back. */
void port_memory_set_clock(struct port *port, uint64_t now_ns);
uint64_t port_memory_clock(const struct port *port);

/* True if the next harvest brings something. */
bool port_memory_ready(const struct port *port);

/* A client that is about to connect, without bounds. The port is any until one attaches it. */
void memory_peer_open(struct memory_peer *peer, struct port *port);

/* The server's end, to be attached, or closed by close_handle; once. */
intptr_t memory_peer_handle(struct memory_peer *peer);

/* Frees its bytes. The server's end must be closed, or never have been asked for. */
void memory_peer_close(struct memory_peer *peer);

/* What the client sends; false if there is no memory for it. After its end, or the server's, it goes
 * nowhere. */
bool memory_peer_send(struct memory_peer *peer, struct span bytes);
void memory_peer_finish(struct memory_peer *peer); /* no more will be sent */
void memory_peer_reset(struct memory_peer *peer);  /* what was sent still arrives, then the error */

/* What the server sent and the client has not taken; good until anything else is done here. */
struct span memory_peer_received(const struct memory_peer *peer);
void memory_peer_take(struct memory_peer *peer, size_t size);

void memory_peer_set_deaf(struct memory_peer *peer, bool deaf);
void memory_peer_set_room(struct memory_peer *peer, size_t size);

#endif
