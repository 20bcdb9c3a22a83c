/* port_iocp.h - what the files of the completion port over I/O completion ports share. */
#ifndef MOONPORT_PORT_IOCP_H
#define MOONPORT_PORT_IOCP_H

#include "port/port_windows.h"

enum { IOCP_BATCH = 256 };

/* In port_socket.own_flags. */
enum {
    SOCKET_SKIPS = 1,   /* what completes at once makes no packet in the queue */
    SOCKET_WAITING = 2, /* a receive of no bytes is in flight: it completes when there are some */
    SOCKET_WARM = 4,    /* bytes came lately: receives are posted ahead, into blocks */
    SOCKET_COOLING = 8, /* those were cancelled, and come home */
    SOCKET_ENDED = 16,  /* the peer has ended the stream */
};

/* A completion key is a socket, or an acceptor with this in its low bit, or 0: a wake. */
enum { KEY_ACCEPTOR = 1, KEY_MARK = 2 };

struct port_iocp {
    struct port port;
    HANDLE handle;
    struct block_pool landing; /* to receive into */
    uint32_t recv_depth;
    uint64_t shuffle; /* the state of a random sequence; 0: do not shuffle */
    OVERLAPPED_ENTRY batch[IOCP_BATCH];
    ULONG batch_count, batch_next; /* those not turned into events yet */
    bool unasked;          /* the system, by the last harvest: the batch was not taken yet */
    bool mark_came;        /* in a batch that was not taken yet */
    struct list hungry;    /* sockets that want receives posted */
    struct list stalled;   /* and found no block */
    struct list warm;      /* sockets by when bytes last came, the longest ago first */
    struct list received;  /* sockets with receives that completed at once */
    struct list ended;     /* sockets whose stream nothing in the system will end */
    struct list watched;   /* sockets whose watch is over */
    struct list acceptors; /* of struct iocp_ahead */
    struct list refused;   /* acceptors for which there was no memory */
};

static inline struct port_iocp *iocp_of(struct port *port)
{
    return container_of(port, struct port_iocp, port);
}

/* ---- port_iocp_recv.c: receive streams ---- */

void iocp_recv_init(struct port_socket *socket);
void iocp_recv_start(struct port *port, struct port_socket *socket);
void iocp_recv_stop(struct port *port, struct port_socket *socket);
void iocp_recv_done(struct port *port, struct block *block);

/* The receives of a socket that port_cancel has cancelled. */
void iocp_recv_cancelled(struct port_iocp *iocp, struct port_socket *socket);

/* Before a harvest waits: posts what sockets want, takes back what idle ones hold. */
void iocp_feed(struct port_iocp *iocp, uint64_t now_ns);

/* The time at which iocp_feed is to be called again, at the latest. */
uint64_t iocp_feed_next_ns(const struct port_iocp *iocp);

/* A completion of a receive. True if it made an event. */
bool iocp_complete_recv(struct port_iocp *iocp, struct port_socket *socket, OVERLAPPED *overlapped,
                        uint32_t size, struct port_event *event);

/* What completed at once. */
int iocp_take_received(struct port_iocp *iocp, struct port_event *events, int count_max);

/* ---- port_iocp_watch.c: the peer's end ---- */

void iocp_watch(struct port *port, struct port_socket *socket);
size_t iocp_unread(const struct port_socket *socket);
void iocp_watch_cancel(struct port_iocp *iocp, struct port_socket *socket);

/* A completion of a watch? Its event. */
bool iocp_is_watch(const struct port_socket *socket, const OVERLAPPED *overlapped);
struct port_event iocp_complete_watch(struct port_socket *socket);

/* What completed at once, or was never begun. */
int iocp_take_watched(struct port_iocp *iocp, struct port_event *events, int count_max);

/* ---- port_iocp_accept.c: sockets made before a client connects ---- */

void iocp_accept_start(struct port *port, struct port_acceptor *acceptor);
void iocp_accept_stop(struct port *port, struct port_acceptor *acceptor);
void iocp_accept_ahead(struct port_iocp *iocp);
bool iocp_complete_accept(struct port_acceptor *acceptor, OVERLAPPED *overlapped,
                          struct port_event *event);
int iocp_take_accept_ends(struct port_iocp *iocp, struct port_event *events, int count_max);
bool iocp_accept_has_ended(const struct port_iocp *iocp);
bool iocp_peer_address(const struct port_event *accepted, struct address *address);
void iocp_accept_close(struct port_iocp *iocp);

#endif
