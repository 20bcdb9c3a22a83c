/* The completion port over io_uring: one multishot receive per socket into a ring of landing blocks, one multishot
 * accept per listener, one system call per harvest.
 *
 * When the ring is empty the kernel ends a receive with ENOBUFS, and its socket waits. A single stream can empty
 * the ring again and again. So sockets that got nothing are served first, before those that just begin. */
#include "port/port_posix.h"
#include "port/port_uring_landing.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SUBMISSIONS = 1024, COMPLETIONS = 8192 };

/* In the low bits of a completion's user data, next to the pointer to the socket or acceptor. */
enum tag {
    TAG_RECV,
    TAG_ROOM,
    TAG_WATCH,
    TAG_ACCEPT,
    TAG_WAKE,
    TAG_TIMER,
    TAG_NOTHING,
    TAG_MARK,
    TAG_MASK = 7,
};

/* In port_socket.own_flags. */
enum {
    SOCKET_ARMED = 1, /* the kernel has the receive */
    SOCKET_FED = 2,   /* that receive has yielded bytes */
};

/* How far the mark has come. The kernel handles wakeups in order, and a write to an eventfd is a wakeup like any other.
 * So when its completion is there, all earlier input is in the ring too, or its socket waits for a block. */
enum mark { MARK_NONE, MARK_IN_KERNEL, MARK_BEHIND_WAITING, MARK_AGAIN_IN_KERNEL };

struct port_uring {
    struct port port;
    struct io_uring ring;
    int wake_fd, mark_fd;
    enum mark mark;
    struct list mark_node; /* MARK_BEHIND_WAITING: in `stalled` */
    struct landing landing;
    struct list hungry;  /* sockets whose receive found no block, and had yielded nothing */
    struct list stalled; /* others whose receive found no block, and sockets that just begin */
    struct list ended;   /* sockets stopped while they had no receive in the kernel */
    bool unasked;        /* the kernel has more, or was not asked for everything */
    struct posix_timer timer;
};

static struct port_uring *self(struct port *port)
{
    return container_of(port, struct port_uring, port);
}

static void submit(struct port_uring *uring)
{
    while (io_uring_sq_ready(&uring->ring) > 0) {
        int result = io_uring_submit(&uring->ring);
        check(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
    }
}

static struct io_uring_sqe *next_submission(struct port_uring *uring)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&uring->ring);
    if (entry != NULL) return entry;
    submit(uring);
    entry = io_uring_get_sqe(&uring->ring);
    check(entry != NULL);
    return entry;
}

static void tag(struct io_uring_sqe *entry, void *pointer, enum tag tag)
{
    io_uring_sqe_set_data64(entry, (uintptr_t)pointer | tag);
}

static void arm_receive(struct port_uring *uring, struct port_socket *socket)
{
    struct io_uring_sqe *entry = next_submission(uring);
    io_uring_prep_recv_multishot(entry, (int)socket->handle, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = LANDING_GROUP;
    tag(entry, socket, TAG_RECV);
    socket->own_flags |= SOCKET_ARMED;
    socket->own_flags &= (uint8_t)~SOCKET_FED;
}

static bool any_waits(const struct port_uring *uring)
{
    return !list_empty(&uring->hungry) || !list_empty(&uring->stalled);
}

static void uring_recv_start(struct port *port, struct port_socket *socket)
{
    struct port_uring *uring = self(port);
    socket->receiving = true;
    socket->stopping = false;
    if (any_waits(uring))
        list_append(&uring->stalled, &socket->recv_node);
    else
        arm_receive(uring, socket);
}

static void uring_recv_stop(struct port *port, struct port_socket *socket)
{
    struct port_uring *uring = self(port);
    if (socket->own_flags & SOCKET_ARMED) {
        struct io_uring_sqe *entry = next_submission(uring);
        io_uring_prep_cancel64(entry, (uintptr_t)socket | TAG_RECV, 0);
        tag(entry, NULL, TAG_NOTHING);
    } else {
        port_end_stream(&uring->ended, socket, PORT_CANCELLED); /* it was stalled */
    }
}

static void uring_recv_done(struct port *port, struct block *block)
{
    landing_done(&self(port)->landing, block);
}

static void uring_send(struct port *port, struct port_socket *socket, const struct span *parts,
                       int count)
{
    struct port_uring *uring = self(port);
    if (posix_send(port, socket, parts, count)) return;
    struct io_uring_sqe *entry = next_submission(uring);
    io_uring_prep_poll_add(entry, (int)socket->handle, POLLOUT);
    tag(entry, socket, TAG_ROOM);
}

static void uring_watch(struct port *port, struct port_socket *socket)
{
    struct io_uring_sqe *entry = next_submission(self(port));
    if (socket->watching == PORT_WATCH_END)
        io_uring_prep_poll_add(entry, (int)socket->handle, POLLRDHUP);
    else /* multishot, an event per change: the end of the stream, already known, must not end it */
        io_uring_prep_poll_multishot(entry, (int)socket->handle, 0);
    tag(entry, socket, TAG_WATCH);
    socket->watch_error = PORT_OK;
}

static void end_poll(struct port_uring *uring, struct port_socket *socket)
{
    struct io_uring_sqe *entry = next_submission(uring);
    io_uring_prep_poll_remove(entry, (uintptr_t)socket | TAG_WATCH);
    tag(entry, NULL, TAG_NOTHING);
}

static void uring_cancel(struct port *port, struct port_socket *socket)
{
    struct port_uring *uring = self(port);
    if (socket->receiving && !(socket->own_flags & SOCKET_ARMED)) uring_recv_stop(port, socket);
    struct io_uring_sqe *entry = next_submission(uring);
    io_uring_prep_cancel_fd(entry, (int)socket->handle, IORING_ASYNC_CANCEL_ALL);
    tag(entry, NULL, TAG_NOTHING);
}

static void uring_accept_start(struct port *port, struct port_acceptor *acceptor)
{
    struct io_uring_sqe *entry = next_submission(self(port));
    io_uring_prep_multishot_accept(entry, (int)acceptor->handle, NULL, NULL, SOCK_CLOEXEC);
    tag(entry, acceptor, TAG_ACCEPT);
}

static void uring_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    struct io_uring_sqe *entry = next_submission(self(port));
    io_uring_prep_cancel64(entry, (uintptr_t)acceptor | TAG_ACCEPT, 0);
    tag(entry, NULL, TAG_NOTHING);
}

/* Lets a file end waits: an eventfd that another thread writes to, or the timer. */
static void watch(struct port_uring *uring, int fd, enum tag which)
{
    struct io_uring_sqe *entry = next_submission(uring);
    io_uring_prep_poll_multishot(entry, fd, POLLIN);
    tag(entry, uring, which);
}

/* Turns a completion of a receive into an event; false if it stays inside the port. */
static bool received(struct port_uring *uring, struct port_socket *socket,
                     const struct io_uring_cqe *completion, struct port_event *event)
{
    int size = completion->res;
    bool more = completion->flags & IORING_CQE_F_MORE;
    *event = (struct port_event){.kind = PORT_RECEIVED, .socket = socket};
    if (!more) socket->own_flags &= (uint8_t)~SOCKET_ARMED;
    if (completion->flags & IORING_CQE_F_BUFFER) {
        struct block *block = landing_filled(&uring->landing, completion);
        if (size > 0) {
            block->end = (uint32_t)size;
            block->sequence = socket->sequence_next++;
            event->block = block;
            socket->own_flags |= SOCKET_FED;
        } else {
            landing_done(&uring->landing, block);
        }
    }
    if (more) return true;
    bool full = size == -ENOBUFS;
    if ((size > 0 || full) && !socket->stopping) { /* ended by the kernel: the port continues it */
        bool fed = socket->own_flags & SOCKET_FED;
        if (full)
            list_append(fed ? &uring->stalled : &uring->hungry, &socket->recv_node);
        else
            arm_receive(uring, socket);
        return !full;
    }
    event->last = true;
    event->error = (uint8_t)(size == 0          ? PORT_OK
                             : size > 0 || full ? PORT_CANCELLED
                                                : posix_error(-size));
    socket->receiving = false;
    return true;
}

/* Moves the mark to its next stage: it was set, or has arrived at the end of the last stage. */
static void move_mark(struct port_uring *uring)
{
    switch (uring->mark) {
    case MARK_IN_KERNEL:
        if (any_waits(uring)) {
            list_append(&uring->stalled, &uring->mark_node);
            uring->mark = MARK_BEHIND_WAITING;
            break;
        } /* fallthrough */
    case MARK_AGAIN_IN_KERNEL:
        uring->mark = MARK_NONE;
        port_pass_mark(&uring->port);
        break;
    case MARK_NONE:
    case MARK_BEHIND_WAITING:
        uring->mark = uring->mark == MARK_NONE ? MARK_IN_KERNEL : MARK_AGAIN_IN_KERNEL;
        posix_wake(uring->mark_fd);
        break;
    }
}

/* Turns a completion of a watch into an event; false if the watch continues. */
static bool watched(struct port_uring *uring, struct port_socket *socket,
                    const struct io_uring_cqe *completion, struct port_event *event)
{
    int result = completion->res;
    bool more = completion->flags & IORING_CQE_F_MORE, known = socket->watch_error != PORT_OK;
    if (!known && result >= 0 && result & (POLLERR | POLLHUP))
        socket->watch_error = (uint8_t)posix_break_of(socket);
    if (!known && result < 0) socket->watch_error = (uint8_t)posix_error(-result);
    if (more) {
        if (!known && socket->watch_error != PORT_OK) end_poll(uring, socket);
        return false;
    }
    if (socket->watch_error == PORT_OK && socket->watching == PORT_WATCH_BREAK) {
        uring_watch(&uring->port, socket); /* the kernel ended it by itself */
        return false;
    }
    *event = port_watch_ended(socket, socket->watch_error);
    return true;
}

static bool accepted(struct port_acceptor *acceptor, const struct io_uring_cqe *completion,
                     struct port_event *event)
{
    int handle = completion->res;
    bool more = completion->flags & IORING_CQE_F_MORE;
    acceptor->accepting = more;
    *event = (struct port_event){
        .kind = PORT_ACCEPTED,
        .acceptor = acceptor,
        .handle = handle >= 0 ? handle : -1,
        .error = (uint8_t)(handle >= 0 ? PORT_OK : posix_error(-handle)),
        .last = !more,
    };
    return true;
}

static bool complete(struct port_uring *uring, const struct io_uring_cqe *completion,
                     struct port_event *event)
{
    uintptr_t data = (uintptr_t)completion->user_data;
    void *pointer = (void *)(data & ~(uintptr_t)TAG_MASK);
    int result = completion->res;
    switch ((enum tag)(data & TAG_MASK)) {
    case TAG_RECV: return received(uring, pointer, completion, event);
    case TAG_WATCH: return watched(uring, pointer, completion, event);
    case TAG_ACCEPT: return accepted(pointer, completion, event);
    case TAG_ROOM: /* the next send will succeed, or report the error */
        *event = port_sent(pointer, 0, result >= 0 ? PORT_OK : posix_error(-result));
        return true;
    case TAG_WAKE:
        if (!(completion->flags & IORING_CQE_F_MORE)) watch(uring, uring->wake_fd, TAG_WAKE);
        return false;
    case TAG_TIMER:
        if (!(completion->flags & IORING_CQE_F_MORE)) watch(uring, uring->timer.fd, TAG_TIMER);
        return false;
    case TAG_MARK:
        if (!(completion->flags & IORING_CQE_F_MORE)) watch(uring, uring->mark_fd, TAG_MARK);
        move_mark(uring);
        return false;
    default: return false;
    }
}

static bool at_hand(const struct port_uring *uring)
{
    /* A receive that finds no block ends, even if there are no bytes for it, so all of them are to be armed again. */
    bool can_restart = any_waits(uring) && landing_has_free(&uring->landing);
    return can_restart || !list_empty(&uring->ended) || !list_empty(&uring->port.sent) ||
           io_uring_cq_ready(&uring->ring) > 0;
}

/* The kernel makes only a few completions per call, and leaves the rest to the next one. */
static bool kernel_has_more(const struct port_uring *uring)
{
    const unsigned more = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return IO_URING_READ_ONCE(*uring->ring.sq.kflags) & more;
}

/* Submits the queued entries, and waits unless there are events already. */
static void enter(struct port_uring *uring, uint64_t deadline_ns)
{
    bool mail = port_mail_waiting(&uring->port), ready = at_hand(uring);
    uint64_t now_ns = port_turn_ended(&uring->port);
    bool waits = !ready && !mail && deadline_ns > now_ns;
    if (waits) posix_timer_cover(&uring->timer, now_ns, deadline_ns);
    int result = waits ? io_uring_submit_and_wait(&uring->ring, 1)
                       : io_uring_submit_and_get_events(&uring->ring);
    check(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
    uring->unasked = result < 0 || kernel_has_more(uring);
}

static void restart_waiting(struct port_uring *uring)
{
    for (uint32_t i = uring->landing.free; i > 0 && any_waits(uring); i--) {
        struct list *first = list_empty(&uring->hungry) ? &uring->stalled : &uring->hungry;
        struct list *node = list_take_first(first);
        if (node == &uring->mark_node)
            move_mark(uring);
        else
            arm_receive(uring, container_of(node, struct port_socket, recv_node));
    }
    /* There is no block for the waiting sockets, so the mark does not wait for them. */
    if (uring->landing.free == 0 && !list_empty(&uring->mark_node)) {
        list_remove(&uring->mark_node);
        move_mark(uring);
    }
}

static int uring_harvest(struct port *port, struct port_event *events, int count_max,
                         uint64_t deadline_ns)
{
    struct port_uring *uring = self(port);
    struct io_uring_cqe *completion;
    unsigned head, seen = 0;
    landing_offer(&uring->landing);
    restart_waiting(uring);
    enter(uring, deadline_ns);
    port->now_ns = posix_now_ns();
    int count = port_take_mail(port, events, count_max);
    count += port_take_sent(port, events + count, (count_max - count + 1) / 2);
    count += port_take_ended(&uring->ended, events + count, count_max - count);
    io_uring_for_each_cqe(&uring->ring, head, completion)
    {
        if (count == count_max) break;
        if (complete(uring, completion, &events[count])) count++;
        seen++;
    }
    io_uring_cq_advance(&uring->ring, seen);
    if (io_uring_sq_ready(&uring->ring) > 0) uring->unasked = true; /* receives to be continued */
    return count;
}

static bool uring_behind(const struct port *port)
{
    const struct port_uring *uring = self((struct port *)port);
    return uring->unasked || at_hand(uring);
}

static void uring_mark(struct port *port)
{
    move_mark(self(port));
}

static bool uring_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    (void)port;
    posix_attach(socket, handle);
    return true;
}

static void uring_wake(struct port *port)
{
    posix_wake(self(port)->wake_fd);
}

static void close_ring(struct port_uring *uring)
{
    io_uring_queue_exit(&uring->ring);
    landing_close(&uring->landing);
}

static void uring_close(struct port *port)
{
    struct port_uring *uring = self(port);
    close_ring(uring);
    close(uring->timer.fd);
    close(uring->mark_fd);
    close(uring->wake_fd);
    free(uring);
}

static const struct port_operations uring_operations = {
    .name = "uring",
    .in_order = true,
    .close = uring_close,
    .harvest = uring_harvest,
    .behind = uring_behind,
    .mark = uring_mark,
    .wake = uring_wake,
    .attach = uring_attach,
    .recv_start = uring_recv_start,
    .recv_stop = uring_recv_stop,
    .recv_done = uring_recv_done,
    .send = uring_send,
    .watch = uring_watch,
    .unread = posix_unread,
    .unsent = posix_unsent,
    .shutdown = posix_shutdown,
    .cancel = uring_cancel,
    .detach = posix_detach,
    .listen = posix_listen,
    .accept_start = uring_accept_start,
    .accept_stop = uring_accept_stop,
    .local_address = address_of_socket,
    .peer_address = posix_peer_address,
    .close_handle = posix_close_handle,
    .clock = posix_now_ns,
};

/* Makes the ring and its buffers; a negative errno if the kernel refuses. */
static int open_ring(struct port_uring *uring, unsigned entries, uint32_t blocks, uint32_t size)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        .cq_entries = entries * (COMPLETIONS / SUBMISSIONS),
    };
    int result = io_uring_queue_init_params(entries, &uring->ring, &parameters);
    if (result < 0) return result;
    io_uring_register_ring_fd(&uring->ring); /* saves a lookup per call, where supported */
    result = landing_open(&uring->landing, &uring->ring, blocks, size);
    if (result < 0) io_uring_queue_exit(&uring->ring);
    return result;
}

static const char *refusal(int number)
{
    switch (number) {
    case EPERM:
    case EACCES: return "io_uring is forbidden here (by kernel.io_uring_disabled or a container)";
    case ENOSYS: return "this kernel has no io_uring";
    case EINVAL: return "this kernel's io_uring is too old (6.1 is needed)";
    case ENOMEM: return "not enough memory, or the memlock limit is too low";
    default: return strerror(number);
    }
}

struct port *port_uring_open(const struct port_options *options, struct error *error)
{
    struct port_uring *uring = calloc(1, sizeof *uring);
    if (uring == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot open an io_uring port: out of memory");
        return NULL;
    }
    int result = open_ring(uring, SUBMISSIONS, options->landing_blocks, options->landing_size);
    if (result < 0) goto no_ring;
    uring->wake_fd = posix_wake_open();
    if (uring->wake_fd < 0) goto no_wake;
    uring->mark_fd = posix_wake_open();
    if (uring->mark_fd < 0) goto no_mark;
    if (!posix_timer_open(&uring->timer)) goto no_timer;
    port_init(&uring->port, &uring_operations, posix_now_ns(), options->landing_blocks);
    list_init(&uring->hungry);
    list_init(&uring->stalled);
    list_init(&uring->ended);
    list_init(&uring->mark_node);
    watch(uring, uring->wake_fd, TAG_WAKE);
    watch(uring, uring->mark_fd, TAG_MARK);
    watch(uring, uring->timer.fd, TAG_TIMER);
    return &uring->port;

no_timer:
    result = -errno;
    close(uring->mark_fd);
    close(uring->wake_fd);
    goto no_wake_fd;
no_mark:
    result = -errno;
    close(uring->wake_fd);
    goto no_wake_fd;
no_wake:
    result = -errno;
no_wake_fd:
    close_ring(uring);
no_ring:
    free(uring);
    error_set(error, ERROR_SYSTEM, "cannot open an io_uring port: %s", refusal(-result));
    return NULL;
}

/* Tests the kernel: receives one byte with all features that the port relies on. */
static bool receives_multishot(struct port_uring *uring)
{
    int pair[2];
    bool works = false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
    struct port_socket socket = {.handle = pair[0]};
    struct io_uring_cqe *completion;
    struct __kernel_timespec second = {.tv_sec = 1};
    arm_receive(uring, &socket);
    if (write(pair[1], "x", 1) == 1 &&
        io_uring_submit_and_wait_timeout(&uring->ring, &completion, 1, &second, NULL) >= 0)
        works = completion->res == 1 && completion->flags & IORING_CQE_F_BUFFER &&
                completion->flags & IORING_CQE_F_MORE;
    close(pair[0]);
    close(pair[1]);
    return works;
}

bool port_uring_probe(char *why, size_t why_size)
{
    struct port_uring *uring = calloc(1, sizeof *uring);
    if (uring == NULL) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    int result = open_ring(uring, 8, 8, 4096);
    bool works = result >= 0 && receives_multishot(uring);
    if (works)
        snprintf(why, why_size, "the kernel allows all that is needed");
    else
        snprintf(why, why_size, "%s",
                 result < 0 ? refusal(-result) : "this kernel lacks multishot receive (6.0)");
    if (result >= 0) close_ring(uring);
    free(uring);
    return works;
}
