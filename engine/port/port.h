/* port.h - the one door to the operating system: a completion port. You submit, later you harvest,
 * then you act.
 *
 *     port_recv_start ---+                                +---> PORT_RECEIVED  bytes, numbered
 *     port_send ---------+--->  the kernel, any order  ---+---> PORT_SENT      how many went out
 *     port_watch --------+                                +---> PORT_ENDED     the peer's end
 *     port_accept_start -+                                +---> PORT_ACCEPTED  a new socket
 *     port_post, port_order (any thread) -----------------+---> PORT_POSTED    a message
 *
 * The contract, the same for every backend:
 *  1. Every submission completes exactly once (a stream: exactly one event with `last`), never
 *     from inside the submitting call, and in any order.
 *  2. From submission to harvest the port owns the operation, and the bytes it sends or fills.
 *  3. Receiving is a stream. From start to stop the port fills blocks of its own choosing and
 *     yields them stamped with the sequence number of their place in the byte stream; the numbers
 *     go on over a stop and a new start, and at most recv_depth of them are on their way. An empty
 *     block only keeps the numbers whole: a receive that was posted and got nothing. A yielded
 *     block is the harvester's until port_recv_done. A stream for which no block is free waits
 *     inside the port, and goes on by itself. An error is told with `last`, after all bytes.
 *  4. Cancellation is per socket: everything in flight on it completes, some of it with
 *     PORT_CANCELLED, some of it in spite of that with success.
 *  5. A socket may be closed when nothing is in flight on it (port_idle).
 *  6. Time is the port's: monotonic nanoseconds, read before a harvest asks the system (asked_ns) and
 *     after it (now_ns). What had come by a time is soon heard (port_heard), however it is flooded: it
 *     serves its sockets in turn, but for streams that find no block.
 *  7. Errors are this file's own.
 *  8. Watching tells of the peer's end without receiving: of the end of its stream as soon as the
 *     system knows, whatever waits to be received before it, and of a connection that breaks.
 *
 * A port belongs to the thread that opened it; only port_post and port_order may be called by others. */
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
    PORT_TIMED_OUT,      /* the network gave the peer up */
    PORT_NO_DESCRIPTORS, /* no more sockets may be opened */
    PORT_NO_MEMORY,      /* the system's, not ours */
    PORT_FAILED,         /* anything else */
};

enum port_event_kind { PORT_RECEIVED, PORT_SENT, PORT_ENDED, PORT_ACCEPTED, PORT_POSTED };

/* What a watch is for. */
enum port_watch { PORT_WATCH_NOTHING, PORT_WATCH_END, PORT_WATCH_BREAK };

/* One connected socket, as the port sees it. Embedded in a link. */
struct port_socket {
    intptr_t handle;        /* the system's; -1: none */
    uint32_t sequence_next; /* the number that the next bytes to arrive will carry */
    uint8_t receiving;      /* the stream is on: an event with `last` is still to come */
    uint8_t stopping;       /* ... and was told to end */
    uint8_t sending;        /* a send is in flight */
    uint8_t watching;       /* enum port_watch: PORT_ENDED is still to come */
    uint8_t own_flags;      /* the backend's own, as is all below */
    uint8_t recv_error, send_error, watch_error; /* enum port_error */
    size_t send_size;                            /* bytes */
    struct list recv_node, watch_node;
    struct list send_node; /* in port->sent, when its send has a result already */
    struct port_socket_own own;
};

/* One listening socket, as the port sees it. */
struct port_acceptor {
    intptr_t handle;
    uint8_t accepting; /* an event with `last` is still to come */
    uint8_t stopping;
    struct list node; /* the backend's own, both */
    void *ahead;      /* sockets made before a client connects */
};

struct port_event {
    uint8_t kind;  /* enum port_event_kind */
    uint8_t error; /* enum port_error */
    bool last;     /* RECEIVED, ACCEPTED: the stream has ended; start it again if you want more.
                      RECEIVED with PORT_OK: the peer has ended it, there is no more */
    union {
        struct port_socket *socket;     /* RECEIVED, SENT, ENDED */
        struct port_acceptor *acceptor; /* ACCEPTED */
        struct mail *mail;              /* POSTED */
    };
    union {
        struct block *block; /* RECEIVED: its bytes; it may be empty, or NULL */
        size_t size;         /* SENT: bytes that went out; may be fewer than asked, even 0: go on */
        intptr_t handle;     /* ACCEPTED: the new socket, or -1 */
    };
};

struct port_options {
    uint32_t landing_blocks; /* 0: this port receives nothing */
    uint32_t landing_size;   /* bytes each */
    uint32_t recv_depth;     /* where receives are posted ahead: at most so many at once per socket,
                                a power of two */
};

struct port {
    const struct port_operations *operations;
    uint64_t now_ns;         /* the time of the last harvest */
    uint64_t asked_ns;       /* ... and when it began to ask the system */
    uint64_t heard_ns;       /* see port_heard */
    uint64_t mark_ns;        /* what had come by then is on its way to be heard; 0: no mark */
    uint64_t busy_ns;        /* spent between harvests, in all */
    uint32_t landing_blocks; /* it receives into so many */
    struct mailbox orders, mailbox; /* what is in the first overtakes what is in the other */
    struct list sent;               /* sockets whose send has a result already */
};

struct port_operations {
    const char *name; /* "uring" "epoll" "iocp" "memory" */
    bool in_order;    /* the blocks of a stream come in the order of their numbers */
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
        const struct port_socket *socket); /* NULL: it does not say, or tells of each byte */
    void (*shutdown)(struct port *port, struct port_socket *socket);
    void (*cancel)(struct port *port, struct port_socket *socket);
    void (*detach)(struct port *port, struct port_socket *socket);
    intptr_t (*listen)(const struct address *address, int backlog, struct error *error);
    void (*accept_start)(struct port *port, struct port_acceptor *acceptor);
    void (*accept_stop)(struct port *port, struct port_acceptor *acceptor);
    bool (*local_address)(intptr_t handle, struct address *address);
    /* Whom an event with a handle brought; until the next harvest. */
    bool (*peer_address)(const struct port_event *accepted, struct address *address);
    void (*close_handle)(intptr_t handle);
    uint64_t (*clock)(void); /* NULL: no time passes but from harvest to harvest */
};

enum port_backend { PORT_AUTO, PORT_URING, PORT_EPOLL, PORT_IOCP };

/* The backend to use: for PORT_AUTO the best that works here. `why` tells a person, in a few
 * words, what was found. False if the one that was asked for does not work here. */
bool port_choose(enum port_backend wanted, enum port_backend *chosen, char *why, size_t why_size);

const char *port_backend_name(enum port_backend backend);

/* What a worker's port receives into on this platform, for all of its connections: a few large
 * blocks, or more of them where each connection that talks has some of its own. Those never used
 * take no memory. */
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
 * (0: do not wait; UINT64_MAX: for ever). Returns how many; 0 when the time came first. */
static inline int port_harvest(struct port *port, struct port_event *events, int count_max,
                               uint64_t deadline_ns)
{
    return port->operations->harvest(port, events, count_max, deadline_ns);
}

/* Has the last harvest left something that had come by then, other than mail? The blocks of its events
 * should have been given back before that is asked. */
static inline bool port_behind(const struct port *port)
{
    return port->operations->behind(port);
}

/* By this time all that has come was brought, or from each stream at least its beginning; but for streams
 * that find no block. Asked like port_behind: a port that is behind makes a mark, which some later harvest
 * comes to, and tells that time from then on. */
uint64_t port_heard(struct port *port);

/* Takes up to count_max sends that have completed since the last harvest, as far as that is known
 * without asking the system. What is not taken comes with the next harvest. */
int port_take_sent(struct port *port, struct port_event *events, int count_max);

/* The same for one socket; false if it has no such send. */
bool port_take_sent_of(struct port_socket *socket, struct port_event *event);

/* The time now, for figures: monotonic nanoseconds. Any thread. */
static inline uint64_t port_clock(const struct port *port)
{
    return port->operations->clock == NULL ? port->now_ns : port->operations->clock();
}

/* The time of the last harvest: what everything that happens in a turn goes by. */
static inline uint64_t port_now(const struct port *port)
{
    return port->now_ns;
}

/* Any thread. The mail arrives as PORT_POSTED, in the order of the posts of one thread. */
static inline void port_post(struct port *port, struct mail *mail)
{
    if (mailbox_post(&port->mailbox, mail)) port->operations->wake(port);
}

/* The same, but it arrives before all that was posted and not harvested yet, orders excepted: what is
 * to be done now does not wait behind mail that takes long. */
static inline void port_order(struct port *port, struct mail *mail)
{
    if (mailbox_post(&port->orders, mail)) port->operations->wake(port);
}

/* Makes a connected socket this port's. False if the system has no more room for it. */
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

/* One send in flight per socket. The array may go when this returns, the bytes may not.
 * 1 <= count <= PORT_PARTS_MAX. */
static inline void port_send(struct port *port, struct port_socket *socket,
                             const struct span *parts, int count)
{
    check(!socket->sending);
    check(count >= 1 && count <= PORT_PARTS_MAX);
    socket->sending = true;
    port->operations->send(port, socket, parts, count);
}

/* One watch per socket, be its stream on or off. BREAK: the end of the peer's stream is known, only a
 * connection that breaks is told of. */
static inline void port_watch(struct port *port, struct port_socket *socket, enum port_watch what)
{
    check(socket->watching == PORT_WATCH_NOTHING);
    check(what != PORT_WATCH_NOTHING);
    socket->watching = (uint8_t)what;
    port->operations->watch(port, socket);
}

/* Bytes that have come and were not received, while the stream is off; once the peer has ended it, none will
 * be added. */
static inline size_t port_unread(const struct port *port, const struct port_socket *socket)
{
    check(!socket->receiving);
    return port->operations->unread(socket);
}

/* Bytes that the system holds for the peer, be a send in flight or not. It tells of room only when much of them
 * has gone. 0 where that is not known, or not so. */
static inline size_t port_unsent(const struct port *port, const struct port_socket *socket)
{
    return port->operations->unsent == NULL ? 0 : port->operations->unsent(socket);
}

/* Tells the peer that no more will be sent. Nothing may be in flight to it. */
static inline void port_shutdown(struct port *port, struct port_socket *socket)
{
    check(!socket->sending);
    port->operations->shutdown(port, socket);
}

/* A send is in flight of which nothing is known yet: the peer has been offered something that it has not
 * taken. */
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

/* It is on, and the port knows of something to receive, or has no block to find out: its silence means
 * nothing. */
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

/* "eof", "reset by peer", ... for a log line. */
const char *port_error_text(enum port_error error);

/* The backends that this platform has; port_choose and port_open know which. */
struct port *port_uring_open(const struct port_options *options, struct error *error);
struct port *port_epoll_open(const struct port_options *options, struct error *error);
struct port *port_iocp_open(const struct port_options *options, struct error *error);
bool port_uring_probe(char *why, size_t why_size);

#endif
