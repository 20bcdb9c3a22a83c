/* port_iocp.h - shared by the files of the completion port over Windows' I/O completion ports. */
#ifndef MOONPORT_PORT_IOCP_H
#define MOONPORT_PORT_IOCP_H

#include "port/port_windows.h"

enum { IOCP_BATCH = 256 };

/* In port_socket.own_flags. */
enum {
    SOCKET_SKIPS = 1,   /* operations that complete at once make no packet in the queue */
    SOCKET_WAITING = 2, /* a receive of no bytes is in flight: it completes when there are some */
    SOCKET_WARM = 4,    /* bytes came lately: receives are posted ahead, into blocks */
    SOCKET_COOLING = 8, /* those receives were canceled, and have not all completed */
    SOCKET_ENDED = 16,  /* the peer has ended the stream */
};

/* A completion key is a socket, or an acceptor with KEY_ACCEPTOR added, or KEY_MARK, or 0: a wake. */
enum { KEY_ACCEPTOR = 1, KEY_MARK = 2 };

struct port_iocp {
    struct port port;
    HANDLE handle;
    struct block_pool landing; /* to receive into */
    uint32_t recv_depth;
    uint64_t shuffle; /* the state of a random sequence; 0: do not shuffle */
    OVERLAPPED_ENTRY batch[IOCP_BATCH];
    ULONG batch_count, batch_next; /* entries from batch_next on are not events yet */
    bool unasked;          /* the last harvest did not ask the system: it had a batch left */
    bool mark_came;        /* in the present batch, which may not be used up yet */
    struct list hungry;    /* sockets that want receives posted */
    struct list stalled;   /* sockets that want the same, and found no block */
    struct list warm;      /* sockets by when bytes last came, longest ago first */
    struct list received;  /* sockets with receives that completed at once */
    struct list ended;     /* sockets whose stream has ended with nothing left in flight */
    struct list watched;   /* sockets whose watch is over */
    struct list acceptors; /* of struct iocp_ahead */
    struct list refused;   /* acceptors that could not be set up */
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

/* For a socket whose receives port_cancel has canceled. */
void iocp_recv_cancelled(struct port_iocp *iocp, struct port_socket *socket);

/* Called before a harvest waits: posts receives for sockets that want them, and takes blocks back from idle ones. */
void iocp_feed(struct port_iocp *iocp, uint64_t now_ns);

/* When iocp_feed must be called again, at the latest. */
uint64_t iocp_feed_next_ns(const struct port_iocp *iocp);

/* Handles a completion of a receive. True if it made an event. */
bool iocp_complete_recv(struct port_iocp *iocp, struct port_socket *socket, OVERLAPPED *overlapped,
                        uint32_t size, struct port_event *event);

/* Takes the events of receives that completed at once. */
int iocp_take_received(struct port_iocp *iocp, struct port_event *events, int count_max);

/* ---- port_iocp_watch.c: the peer's end ---- */

void iocp_watch(struct port *port, struct port_socket *socket);
size_t iocp_unread(const struct port_socket *socket);
void iocp_watch_cancel(struct port_iocp *iocp, struct port_socket *socket);

/* Whether a completion is that of the socket's watch; and its event. */
bool iocp_is_watch(const struct port_socket *socket, const OVERLAPPED *overlapped);
struct port_event iocp_complete_watch(struct port_socket *socket);

/* Takes the events of watches that completed at once, or were never begun. */
int iocp_take_watched(struct port_iocp *iocp, struct port_event *events, int count_max);

/* ---- port_iocp_accept.c: sockets made before a client connects ---- */

void iocp_accept_start(struct port *port, struct port_acceptor *acceptor);
void iocp_accept_stop(struct port *port, struct port_acceptor *acceptor);
void iocp_accept_end(struct port *port, struct port_acceptor *acceptor);
void iocp_accept_ahead(struct port_iocp *iocp);
bool iocp_complete_accept(struct port_acceptor *acceptor, OVERLAPPED *overlapped,
                          struct port_event *event);
int iocp_take_accept_ends(struct port_iocp *iocp, struct port_event *events, int count_max);
bool iocp_accept_has_ended(const struct port_iocp *iocp);
bool iocp_peer_address(const struct port_event *accepted, struct address *address);
void iocp_accept_close(struct port_iocp *iocp);

#endif
