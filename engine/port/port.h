/* port.h - the only interface to the system's I/O: a completion port. Operations are submitted, and their
 * completions harvested later.
 *
 *     port_recv_start ---+                                +---> PORT_RECEIVED  bytes, numbered
 *     port_send ---------+--->  the kernel, any order  ---+---> PORT_SENT      how many went out
 *     port_watch --------+                                +---> PORT_ENDED     the peer's end
 *     port_accept_start -+                                +---> PORT_ACCEPTED  a new socket
 *     port_post, port_order (any thread) -----------------+---> PORT_POSTED    a message
 *
 * The contract, the same for every backend:
 *  1. Every submission completes exactly once (a stream: with exactly one event that has `last`), never
 *     inside the submitting call. Completions come in any order.
 *  2. From submission to harvest the port owns the operation, and the bytes it sends or fills.
 *  3. Receiving is a stream. From start to stop the port fills landing blocks of its own choice, and
 *     yields them with sequence numbers that give their order in the byte stream. The numbers continue
 *     after a stop and a new start; at most recv_depth of them are in flight. An empty block is a posted
 *     receive that got nothing; it only keeps the numbers complete. A yielded block belongs to the
 *     harvester until port_recv_done. If no block is free, the stream waits inside the port, and
 *     continues by itself. An error is reported with `last`, after all bytes.
 *  4. Cancellation is per socket: everything in flight on it completes, with PORT_CANCELLED or, if it was
 *     too late to cancel, with its usual result.
 *  5. A socket may be closed when nothing is in flight on it (port_idle).
 *  6. The port provides the time: monotonic nanoseconds, read before a harvest asks the system (asked_ns)
 *     and after it (now_ns). However busy its sockets are, the port serves them in turn, so input that has
 *     come by some time is harvested soon (port_heard), except in streams that wait for a block.
 *  7. Errors are this file's own, the same on every system.
 *  8. A watch reports the peer's end without receiving: the end of its stream as soon as the system knows,
 *     even while bytes before it are still unread, and a broken connection.
 *
 * A port belongs to the thread that opened it; only port_post, port_order and port_clock may be called by
 * others. */
#ifndef MOONPORT_PORT_H
#define MOONPORT_PORT_H

#include "base/address.h"
#include "base/error.h"
#include "base/mailbox.h"
#include "port/block.h"
#include "port/port_socket.h"

enum port_error {
    PORT_OK,
    PORT_CANCELLED,      /* by port_cancel or port_recv_stop */
    PORT_RESET,          /* the peer reset the connection, or is gone */
    PORT_TIMED_OUT,      /* the system gave up on the peer */
    PORT_NO_DESCRIPTORS, /* no more sockets may be opened */
    PORT_NO_MEMORY,      /* of the system, not ours */
    PORT_FAILED,         /* anything else */
};

enum port_event_kind { PORT_RECEIVED, PORT_SENT, PORT_ENDED, PORT_ACCEPTED, PORT_POSTED };

/* What a watch is for. */
enum port_watch { PORT_WATCH_NOTHING, PORT_WATCH_END, PORT_WATCH_BREAK };

/* One connected socket, as the port sees it. Embedded in a link. */
struct port_socket {
    intptr_t handle;        /* the system's; -1: none */
    uint32_t sequence_next; /* the next sequence number to assign */
    uint8_t receiving;      /* the stream is on: an event with `last` is still to come */
    uint8_t stopping;       /* ... and port_recv_stop was called */
    uint8_t sending;        /* a send is in flight */
    uint8_t watching;       /* enum port_watch: PORT_ENDED is still to come */
    uint8_t own_flags;      /* for the backend's use, as are all fields below */
    uint8_t recv_error, send_error, watch_error; /* enum port_error */
    size_t send_size;                            /* bytes */
    struct list recv_node, watch_node;
    struct list send_node; /* in port->sent, when its send has completed */
    struct port_socket_own own;
};

/* One listening socket, as the port sees it. */
struct port_acceptor {
    intptr_t handle;
    uint8_t accepting; /* an event with `last` is still to come */
    uint8_t stopping;
    struct list node; /* this and `ahead` are for the backend's use */
    void *ahead;      /* sockets made before a client connects */
};

struct port_event {
    uint8_t kind;  /* enum port_event_kind */
    uint8_t error; /* enum port_error */
    bool last;     /* RECEIVED, ACCEPTED: the stream has ended, and may be started again.
                      RECEIVED with PORT_OK: the peer has ended it, no more will come */
    union {
        struct port_socket *socket;     /* RECEIVED, SENT, ENDED */
        struct port_acceptor *acceptor; /* ACCEPTED */
        struct mail *mail;              /* POSTED */
    };
    union {
        struct block *block; /* RECEIVED: its bytes; it may be empty, or NULL */
        size_t size;         /* SENT: bytes sent; if fewer than submitted, even 0: send the rest */
        intptr_t handle;     /* ACCEPTED: the new socket, or -1 */
    };
};

struct port_options {
    uint32_t landing_blocks; /* 0: this port receives nothing */
    uint32_t landing_size;   /* bytes each */
    uint32_t recv_depth;     /* receives posted at once per socket, at most, on backends that post
                                them ahead; a power of two */
};

struct port {
    const struct port_operations *operations;
    uint64_t now_ns;         /* the time of the last harvest */
    uint64_t asked_ns;       /* ... and when it began to ask the system */
    uint64_t heard_ns;       /* see port_heard */
    uint64_t mark_ns;        /* becomes heard_ns when a harvest reaches the mark; 0: no mark */
    uint64_t busy_ns;        /* total time between harvests */
    uint32_t landing_blocks; /* blocks that it receives into */
    struct mailbox orders, mailbox; /* orders overtake other mail */
    struct list sent;               /* sockets whose send has completed */
};

struct port_operations {
    const char *name; /* "uring" "epoll" "iocp" "memory" */
    bool in_order;    /* the blocks of a stream are yielded in the order of their numbers */
    void (*close)(struct port *port);
    int (*harvest)(struct port *port, struct port_event *events, int count_max,
                   uint64_t deadline_ns);
    bool (*behind)(const struct port *port);
    void (*mark)(struct port *port);
    void (*wake)(struct port *port);
    bool (*attach)(struct port *port, struct port_socket *socket, intptr_t handle);
    void (*recv_start)(struct port *port, struct port_socket *socket);
    void (*recv_stop)(struct port *port, struct port_socket *socket);
    void (*recv_done)(struct port *port, struct block *block);
    void (*send)(struct port *port, struct port_socket *socket, const struct span *parts,
                 int count);
    void (*watch)(struct port *port, struct port_socket *socket);
    size_t (*unread)(const struct port_socket *socket);
    size_t (*unsent)(
        const struct port_socket *socket); /* NULL: not known, or room for each byte is reported */
    void (*shutdown)(struct port *port, struct port_socket *socket);
    void (*cancel)(struct port *port, struct port_socket *socket);
    void (*detach)(struct port *port, struct port_socket *socket);
    intptr_t (*listen)(const struct address *address, int backlog, struct error *error);
    void (*accept_start)(struct port *port, struct port_acceptor *acceptor);
    void (*accept_stop)(struct port *port, struct port_acceptor *acceptor);
    /* Before the socket of an acceptor is closed. NULL: the port has no data for acceptors. */
    void (*accept_end)(struct port *port, struct port_acceptor *acceptor);
    bool (*local_address)(intptr_t handle, struct address *address);
    /* The peer of an ACCEPTED event with a handle; only until the next harvest. */
    bool (*peer_address)(const struct port_event *accepted, struct address *address);
    void (*close_handle)(intptr_t handle);
    uint64_t (*clock)(void); /* NULL: time passes only from harvest to harvest */
};

enum port_backend { PORT_AUTO, PORT_URING, PORT_EPOLL, PORT_IOCP };

/* Chooses a backend: for PORT_AUTO the best that works on this system. `why` gets a short reason, for
 * people to read. False if the wanted backend does not work on this system. */
bool port_choose(enum port_backend wanted, enum port_backend *chosen, char *why, size_t why_size);

const char *port_backend_name(enum port_backend backend);

/* The options for a worker's port on this platform. Its connections share a few large landing blocks, or
 * more where each active connection has some posted for itself. Blocks that are never used take no
 * memory. */
struct port_options port_worker_options(uint32_t recv_depth);

/* Opens a port for the calling thread; NULL and an error if the system refuses. */
struct port *port_open(enum port_backend backend, const struct port_options *options,
                       struct error *error);

/* Nothing may be in flight. Unread mail must have been taken. */
static inline void port_close(struct port *port)
{
    port->operations->close(port);
}

/* Takes up to count_max completions, waiting until there is one or the time is deadline_ns
 * (0: do not wait; UINT64_MAX: forever). Returns how many; 0 when the deadline came first. */
static inline int port_harvest(struct port *port, struct port_event *events, int count_max,
                               uint64_t deadline_ns)
{
    return port->operations->harvest(port, events, count_max, deadline_ns);
}

/* Whether the last harvest has left anything, other than mail, that had come by then. The blocks of its events
 * should be given back before this is called. */
static inline bool port_behind(const struct port *port)
{
    return port->operations->behind(port);
}

/* Returns a time. All input that had come by then has been harvested, or at least the first of it from each stream;
 * except in streams that wait for a block. To be called like port_behind. A port that is behind sets a mark; when a
 * later harvest reaches it, the time of the mark becomes the one returned. */
uint64_t port_heard(struct port *port);

/* Takes up to count_max sends that have completed since the last harvest, as far as this is known without
 * asking the system. The others come with the next harvest. */
int port_take_sent(struct port *port, struct port_event *events, int count_max);

/* The same for one socket; false if it has no such send. */
bool port_take_sent_of(struct port_socket *socket, struct port_event *event);

/* The present time, for statistics and for measuring: monotonic nanoseconds. Any thread. */
static inline uint64_t port_clock(const struct port *port)
{
    return port->operations->clock == NULL ? port->now_ns : port->operations->clock();
}

/* The time of the last harvest, which everything in a turn uses. */
static inline uint64_t port_now(const struct port *port)
{
    return port->now_ns;
}

/* Any thread. The mail arrives as PORT_POSTED; mail from one thread arrives in the order it was posted. */
static inline void port_post(struct port *port, struct mail *mail)
{
    if (mailbox_post(&port->mailbox, mail)) port->operations->wake(port);
}

/* The same, but the mail arrives before all other mail that has not been harvested yet, except earlier orders: urgent
 * mail does not wait behind mail that takes long. */
static inline void port_order(struct port *port, struct mail *mail)
{
    if (mailbox_post(&port->orders, mail)) port->operations->wake(port);
}

/* Attaches a connected socket to this port. False if the system has no room for it. */
static inline bool port_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    return port->operations->attach(port, socket, handle);
}

static inline void port_recv_start(struct port *port, struct port_socket *socket)
{
    check(!socket->receiving);
    port->operations->recv_start(port, socket);
    check(socket->receiving);
}

/* Asks the stream to end; what arrived before that may still be yielded. */
static inline void port_recv_stop(struct port *port, struct port_socket *socket)
{
    if (!socket->receiving || socket->stopping) return;
    socket->stopping = true;
    port->operations->recv_stop(port, socket);
}

static inline void port_recv_done(struct port *port, struct block *block)
{
    port->operations->recv_done(port, block);
}

enum { PORT_PARTS_MAX = 64 };

/* One send in flight per socket. The array may be freed when this returns; the bytes must stay until the completion.
 * 1 <= count <= PORT_PARTS_MAX. */
static inline void port_send(struct port *port, struct port_socket *socket,
                             const struct span *parts, int count)
{
    check(!socket->sending);
    check(count >= 1 && count <= PORT_PARTS_MAX);
    socket->sending = true;
    port->operations->send(port, socket, parts, count);
}

/* One watch per socket, whether its stream is on or off. With BREAK, only a broken connection is reported: the end of
 * the peer's stream is known already. */
static inline void port_watch(struct port *port, struct port_socket *socket, enum port_watch what)
{
    check(socket->watching == PORT_WATCH_NOTHING);
    check(what != PORT_WATCH_NOTHING);
    socket->watching = (uint8_t)what;
    port->operations->watch(port, socket);
}

/* Bytes that the system holds unreceived; while the stream is off. After the peer's end the number no longer grows. */
static inline size_t port_unread(const struct port *port, const struct port_socket *socket)
{
    check(!socket->receiving);
    return port->operations->unread(socket);
}

/* Sent bytes that the system still holds, whether a send is in flight or not: the system reports room only after many
 * of them have gone. 0 where the number is not known, or every bit of room is reported. */
static inline size_t port_unsent(const struct port *port, const struct port_socket *socket)
{
    return port->operations->unsent == NULL ? 0 : port->operations->unsent(socket);
}

/* Tells the peer that no more will be sent. No send may be in flight. */
static inline void port_shutdown(struct port *port, struct port_socket *socket)
{
    check(!socket->sending);
    port->operations->shutdown(port, socket);
}

/* Whether a send is in flight without a known result: it waits for the peer to read. */
static inline bool port_send_waits(const struct port_socket *socket)
{
    return socket->sending && list_empty(&socket->send_node);
}

static inline void port_cancel(struct port *port, struct port_socket *socket)
{
    if (socket->receiving) socket->stopping = true;
    port->operations->cancel(port, socket);
}

static inline bool port_idle(const struct port_socket *socket)
{
    return !socket->receiving && !socket->sending && !socket->watching;
}

/* Whether the stream is on, and the port has input to read, or no block to read into: then silence does not mean that
 * the peer has sent nothing. */
static inline bool port_unheard(const struct port_socket *socket)
{
    return socket->receiving && !socket->stopping && !list_empty(&socket->recv_node);
}

/* Closes the socket. */
static inline void port_detach(struct port *port, struct port_socket *socket)
{
    check(port_idle(socket));
    port->operations->detach(port, socket);
    socket->handle = -1;
}

static inline void port_accept_start(struct port *port, struct port_acceptor *acceptor)
{
    check(!acceptor->accepting);
    acceptor->accepting = true;
    acceptor->stopping = false;
    port->operations->accept_start(port, acceptor);
}

static inline void port_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    if (!acceptor->accepting || acceptor->stopping) return;
    acceptor->stopping = true;
    port->operations->accept_stop(port, acceptor);
}

/* Closes the listening socket; it must not be accepting. The acceptor may be used again with another socket. */
static inline void port_accept_close(struct port *port, struct port_acceptor *acceptor)
{
    check(!acceptor->accepting);
    if (port->operations->accept_end != NULL) port->operations->accept_end(port, acceptor);
    port->operations->close_handle(acceptor->handle);
    acceptor->handle = -1;
}

/* "eof", "reset by peer", ... for a log line. */
const char *port_error_text(enum port_error error);

/* The backends that this platform has; port_choose and port_open know which. */
struct port *port_uring_open(const struct port_options *options, struct error *error);
struct port *port_epoll_open(const struct port_options *options, struct error *error);
struct port *port_iocp_open(const struct port_options *options, struct error *error);
bool port_uring_probe(char *why, size_t why_size);

#endif
