/* The completion port over epoll. Readiness is kept in own_flags, and turned into completions by harvest.
 *
 * Every socket is registered once, edge-triggered, and never again: stopping and starting a stream
 * costs no system call. A send is tried at once and its result kept for the next harvest. */
#include "port/port_posix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOCKET_READABLE = 1, /* an edge came, and no read has found the socket empty since */
    SOCKET_HUNG_UP = 2,  /* the end, an error or urgent data is near: read on after a short read */
    SOCKET_BLOCKED = 4,  /* a send waits for room */
    SOCKET_ENDING = 8,   /* the peer has ended its stream */
    SOCKET_BROKEN = 16,  /* closed in both directions, perhaps by an error */
    SOCKET_LOCAL = 32,   /* a unix socket: a read stops after bytes that carry a descriptor */
};

enum { EVENTS_MAX = 256, TAG_ACCEPTOR = 1 };

struct port_epoll {
    struct port port;
    int epoll_fd, wake_fd;
    struct posix_timer timer;
    struct block_pool landing;
    struct list readable;   /* sockets whose stream is on and that may have bytes */
    struct list ended;      /* sockets whose stream was stopped */
    struct list watched;    /* sockets whose watch is over */
    bool unasked;           /* the system may have more events than it has returned */
    uint32_t attached;      /* sockets */
    uint32_t asks_left;     /* harvests until the system has returned all events before the mark */
    struct list mark;       /* in `readable`, after the sockets that had input when it was set */
    struct list acceptable; /* acceptors that may have a connection */
};

static struct port_epoll *self(struct port *port)
{
    return container_of(port, struct port_epoll, port);
}

static struct port_socket *socket_of(struct list *node)
{
    return container_of(node, struct port_socket, recv_node);
}

static void epoll_send(struct port *port, struct port_socket *socket, const struct span *parts,
                       int count)
{
    if (!posix_send(port, socket, parts, count)) socket->own_flags |= SOCKET_BLOCKED;
}

static void epoll_recv_start(struct port *port, struct port_socket *socket)
{
    socket->receiving = true;
    socket->stopping = false;
    if (socket->own_flags & (SOCKET_READABLE | SOCKET_HUNG_UP))
        list_append(&self(port)->readable, &socket->recv_node);
}

static void epoll_recv_stop(struct port *port, struct port_socket *socket)
{
    port_end_stream(&self(port)->ended, socket, PORT_CANCELLED);
}

static void epoll_recv_done(struct port *port, struct block *block)
{
    (void)port;
    block_give(block);
}

static void note_watched(struct port_epoll *epoll, struct port_socket *socket)
{
    enum port_error error = PORT_OK;
    if (socket->watching == PORT_WATCH_NOTHING || !list_empty(&socket->watch_node)) return;
    if (socket->own_flags & SOCKET_BROKEN) error = posix_break_of(socket);
    bool ends = socket->own_flags & (SOCKET_ENDING | SOCKET_BROKEN);
    if (error != PORT_OK || (ends && socket->watching == PORT_WATCH_END))
        port_end_watch(&epoll->watched, socket, error);
}

static void epoll_watch(struct port *port, struct port_socket *socket)
{
    note_watched(self(port), socket);
}

/* One read. True if it made an event. */
static bool read_socket(struct port_socket *socket, struct block *block, struct port_event *event)
{
    ssize_t size = recv((int)socket->handle, block->data, block->capacity, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (errno == EAGAIN) socket->own_flags &= (uint8_t) ~(SOCKET_READABLE | SOCKET_HUNG_UP);
        return false;
    }
    *event = (struct port_event){.kind = PORT_RECEIVED, .socket = socket};
    if (size <= 0) {
        event->error = size < 0 ? (uint8_t)posix_error(errno) : PORT_OK;
        event->last = true;
        socket->receiving = false;
        return true;
    }
    /* A short read has emptied the socket: what comes next makes a new edge. */
    if ((size_t)size < block->capacity && !(socket->own_flags & SOCKET_LOCAL))
        socket->own_flags &= (uint8_t)~SOCKET_READABLE;
    block->end = (uint32_t)size;
    block->sequence = socket->sequence_next++;
    event->block = block;
    return true;
}

static void pass_mark(struct port_epoll *epoll)
{
    list_remove(&epoll->mark);
    port_pass_mark(&epoll->port);
}

/* Reads once from each socket that may have bytes, as far as there are blocks to read into. */
static int take_received(struct port_epoll *epoll, struct port_event *events, int count_max)
{
    int count = 0;
    struct list turn;
    struct list *node;
    if (epoll->landing.free_count == 0 && !list_empty(&epoll->mark)) pass_mark(epoll);
    list_init(&turn);
    list_move_all(&turn, &epoll->readable);
    while (count < count_max && epoll->landing.free_count > 0 &&
           (node = list_take_first(&turn)) != NULL) {
        if (node == &epoll->mark) {
            pass_mark(epoll);
            continue;
        }
        struct port_socket *socket = socket_of(node);
        struct block *block = block_take(&epoll->landing);
        struct port_event *event = &events[count];
        bool made = read_socket(socket, block, event);
        if (made) count++;
        if (!made || event->block == NULL) block_give(block);
        if (socket->receiving && socket->own_flags & (SOCKET_READABLE | SOCKET_HUNG_UP))
            list_append(&epoll->readable, &socket->recv_node);
    }
    list_move_all(&turn, &epoll->readable); /* sockets not reached come first next time */
    list_move_all(&epoll->readable, &turn);
    return count;
}

static void epoll_accept_start(struct port *port, struct port_acceptor *acceptor)
{
    struct port_epoll *epoll = self(port);
    struct epoll_event interest = {.events = EPOLLIN | EPOLLET,
                                   .data.u64 = (uintptr_t)acceptor | TAG_ACCEPTOR};
    list_init(&acceptor->node);
    if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, (int)acceptor->handle, &interest) != 0)
        check(errno == EEXIST); /* started before */
    list_append(&epoll->acceptable, &acceptor->node);
}

static void epoll_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    struct port_epoll *epoll = self(port);
    epoll_ctl(epoll->epoll_fd, EPOLL_CTL_DEL, (int)acceptor->handle, NULL);
    list_remove(&acceptor->node);
    list_append(&epoll->acceptable, &acceptor->node);
}

static bool accept_fails_for_now(int number)
{
    return number == EINTR || number == ECONNABORTED || number == EPROTO || number == EPERM;
}

static int take_accepted(struct port_epoll *epoll, struct port_event *events, int count_max)
{
    int count = 0;
    while (count < count_max && !list_empty(&epoll->acceptable)) {
        struct port_acceptor *acceptor =
            container_of(epoll->acceptable.next, struct port_acceptor, node);
        struct port_event event = {.kind = PORT_ACCEPTED, .acceptor = acceptor, .handle = -1};
        if (acceptor->stopping) {
            event.error = PORT_CANCELLED;
        } else {
            event.handle = accept4((int)acceptor->handle, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (event.handle < 0 && errno == EAGAIN) list_remove(&acceptor->node);
            if (event.handle < 0 && errno == EAGAIN) continue;
            if (event.handle < 0 && accept_fails_for_now(errno)) continue;
            if (event.handle < 0) event.error = (uint8_t)posix_error(errno);
        }
        event.last = event.handle < 0;
        if (event.last) list_remove(&acceptor->node);
        acceptor->accepting = !event.last;
        events[count++] = event;
    }
    return count;
}

static void note_socket(struct port_epoll *epoll, struct port_socket *socket, uint32_t events)
{
    const uint32_t reads_on = EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (events & (EPOLLIN | reads_on)) {
        if (events & EPOLLIN) socket->own_flags |= SOCKET_READABLE;
        if (events & reads_on) socket->own_flags |= SOCKET_HUNG_UP;
        if (events & EPOLLRDHUP) socket->own_flags |= SOCKET_ENDING;
        if (events & (EPOLLHUP | EPOLLERR)) socket->own_flags |= SOCKET_BROKEN;
        note_watched(epoll, socket);
        if (socket->receiving && !socket->stopping && list_empty(&socket->recv_node))
            list_append(&epoll->readable, &socket->recv_node);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR) && socket->own_flags & SOCKET_BLOCKED) {
        socket->own_flags &= (uint8_t)~SOCKET_BLOCKED;
        /* There is room now: completes with 0 bytes, so that the owner sends again. */
        port_end_send(&epoll->port, socket, 0, PORT_OK);
    }
}

static bool at_hand(const struct port_epoll *epoll)
{
    bool can_read = !list_empty(&epoll->readable) && epoll->landing.free_count > 0;
    return can_read || !list_empty(&epoll->ended) || !list_empty(&epoll->watched) ||
           !list_empty(&epoll->port.sent) || !list_empty(&epoll->acceptable);
}

/* The system returns each ready socket once, the one that has waited longest first. */
static void note_asked(struct port_epoll *epoll)
{
    epoll->asks_left = epoll->unasked ? epoll->asks_left - 1 : 0;
    if (epoll->asks_left == 0) list_append(&epoll->readable, &epoll->mark);
}

static void epoll_mark(struct port *port)
{
    struct port_epoll *epoll = self(port);
    epoll->asks_left = epoll->attached / EVENTS_MAX + 2;
    if (!epoll->unasked) note_asked(epoll);
}

static void wait_kernel(struct port_epoll *epoll, uint64_t deadline_ns)
{
    struct epoll_event ready[EVENTS_MAX];
    uint64_t now_ns = port_turn_ended(&epoll->port);
    bool mail = port_mail_waiting(&epoll->port);
    bool waits = !at_hand(epoll) && !mail && deadline_ns > now_ns;
    if (waits) posix_timer_cover(&epoll->timer, now_ns, deadline_ns);
    int count = epoll_wait(epoll->epoll_fd, ready, EVENTS_MAX, waits ? -1 : 0);
    check(count >= 0 || errno == EINTR);
    epoll->unasked = count < 0 || count == EVENTS_MAX;
    for (int i = 0; i < count; i++) {
        uintptr_t data = (uintptr_t)ready[i].data.u64;
        if (data == 0) continue; /* woken for mail, which is taken with the rest, or by the timer */
        if (data & TAG_ACCEPTOR) {
            struct port_acceptor *acceptor = (struct port_acceptor *)(data - TAG_ACCEPTOR);
            if (acceptor->accepting && list_empty(&acceptor->node))
                list_append(&epoll->acceptable, &acceptor->node);
        } else {
            note_socket(epoll, (struct port_socket *)data, ready[i].events);
        }
    }
    if (epoll->asks_left > 0 && count >= 0) note_asked(epoll);
}

static int epoll_harvest(struct port *port, struct port_event *events, int count_max,
                         uint64_t deadline_ns)
{
    struct port_epoll *epoll = self(port);
    wait_kernel(epoll, deadline_ns);
    port->now_ns = posix_now_ns();
    int count = port_take_mail(port, events, count_max);
    /* Half of the rest: sockets that always have a completed send must not keep others from being read. */
    count += port_take_sent(port, events + count, (count_max - count + 1) / 2);
    count += port_take_ended(&epoll->ended, events + count, count_max - count);
    if (!list_empty(&epoll->watched))
        count += port_take_watched(&epoll->watched, events + count, count_max - count);
    count += take_accepted(epoll, events + count, count_max - count);
    return count + take_received(epoll, events + count, count_max - count);
}

static bool epoll_behind(const struct port *port)
{
    const struct port_epoll *epoll = self((struct port *)port);
    return epoll->unasked || at_hand(epoll);
}

static bool epoll_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    struct epoll_event interest = {.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                   .data.u64 = (uintptr_t)socket};
    if (!posix_attach(socket, handle)) socket->own_flags = SOCKET_LOCAL;
    if (epoll_ctl(self(port)->epoll_fd, EPOLL_CTL_ADD, (int)handle, &interest) != 0) return false;
    self(port)->attached++;
    return true;
}

static void epoll_cancel(struct port *port, struct port_socket *socket)
{
    if (socket->receiving) epoll_recv_stop(port, socket);
    if (socket->watching) port_end_watch(&self(port)->watched, socket, PORT_CANCELLED);
    if (socket->own_flags & SOCKET_BLOCKED) {
        socket->own_flags &= (uint8_t)~SOCKET_BLOCKED;
        port_end_send(port, socket, 0, PORT_CANCELLED);
    }
}

static void epoll_detach(struct port *port, struct port_socket *socket)
{
    self(port)->attached--;
    posix_detach(port, socket);
}

static void epoll_wake(struct port *port)
{
    posix_wake(self(port)->wake_fd);
}

static void epoll_close(struct port *port)
{
    struct port_epoll *epoll = self(port);
    block_pool_close(&epoll->landing);
    close(epoll->timer.fd);
    close(epoll->wake_fd);
    close(epoll->epoll_fd);
    free(epoll);
}

static const struct port_operations epoll_operations = {
    .name = "epoll",
    .in_order = true,
    .close = epoll_close,
    .harvest = epoll_harvest,
    .behind = epoll_behind,
    .mark = epoll_mark,
    .wake = epoll_wake,
    .attach = epoll_attach,
    .recv_start = epoll_recv_start,
    .recv_stop = epoll_recv_stop,
    .recv_done = epoll_recv_done,
    .send = epoll_send,
    .watch = epoll_watch,
    .unread = posix_unread,
    .unsent = posix_unsent,
    .shutdown = posix_shutdown,
    .cancel = epoll_cancel,
    .detach = epoll_detach,
    .listen = posix_listen,
    .accept_start = epoll_accept_start,
    .accept_stop = epoll_accept_stop,
    .local_address = address_of_socket,
    .peer_address = posix_peer_address,
    .close_handle = posix_close_handle,
    .clock = posix_now_ns,
};

struct port *port_epoll_open(const struct port_options *options, struct error *error)
{
    struct port_epoll *epoll = calloc(1, sizeof *epoll);
    if (epoll == NULL) goto no_memory;
    port_init(&epoll->port, &epoll_operations, posix_now_ns(), options->landing_blocks);
    list_init(&epoll->readable);
    list_init(&epoll->mark);
    list_init(&epoll->ended);
    list_init(&epoll->watched);
    list_init(&epoll->acceptable);
    if (!block_pool_open(&epoll->landing, options->landing_blocks, options->landing_size, NULL))
        goto no_pool;
    epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->epoll_fd < 0) goto no_epoll;
    epoll->wake_fd = posix_wake_open();
    if (epoll->wake_fd < 0) goto no_wake;
    if (!posix_timer_open(&epoll->timer)) goto no_timer;
    struct epoll_event interest = {.events = EPOLLIN | EPOLLET, .data.u64 = 0};
    if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, epoll->wake_fd, &interest) == 0 &&
        epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, epoll->timer.fd, &interest) == 0)
        return &epoll->port;

    close(epoll->timer.fd);
no_timer:
    close(epoll->wake_fd);
no_wake:
    close(epoll->epoll_fd);
no_epoll:
    block_pool_close(&epoll->landing);
no_pool:
    free(epoll);
no_memory:
    error_set(error, ERROR_SYSTEM, "cannot open an epoll port: %s", strerror(errno));
    return NULL;
}
