#include "port_fault_posix.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct fault {
    _Atomic int times;
    intptr_t handle;
    int number;      /* 0: it is shortened */
    size_t size_max; /* bytes */
};

static struct fault faults[FAULT_CALLS];
static bool multishots_stop;
static const void *completes;
static int completes_with;

void fault_fail(enum fault_call call, intptr_t handle, int number, int times)
{
    faults[call].handle = handle;
    faults[call].number = number;
    faults[call].times = times;
}

void fault_shorten(enum fault_call call, intptr_t handle, size_t size_max, int times)
{
    faults[call].size_max = size_max;
    fault_fail(call, handle, 0, times);
}

int fault_left(enum fault_call call)
{
    return faults[call].times;
}

void fault_stop_multishots(void)
{
    multishots_stop = true;
}

void fault_complete(const void *owner, int result)
{
    completes = owner;
    completes_with = result;
}

/* The fault of this call, if it is to have one: then it has happened. */
static const struct fault *fault_of(enum fault_call call, intptr_t handle)
{
    struct fault *fault = &faults[call];
    int left = fault->times;
    if (fault->handle != FAULT_ANY && fault->handle != handle) return NULL;
    while (left > 0)
        if (atomic_compare_exchange_weak(&fault->times, &left, left - 1)) return fault;
    return NULL;
}

/* ---- sockets ---- */

ssize_t __real_recv(int handle, void *data, size_t size, int flags);
ssize_t __real_send(int handle, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int handle, const struct msghdr *message, int flags);
int __real_accept4(int handle, struct sockaddr *address, socklen_t *size, int flags);
int __real_epoll_wait(int handle, struct epoll_event *events, int count_max, int timeout_ms);

ssize_t __wrap_recv(int handle, void *data, size_t size, int flags);
ssize_t __wrap_send(int handle, const void *data, size_t size, int flags);
ssize_t __wrap_sendmsg(int handle, const struct msghdr *message, int flags);
int __wrap_accept4(int handle, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_epoll_wait(int handle, struct epoll_event *events, int count_max, int timeout_ms);

static int failed(const struct fault *fault)
{
    errno = fault->number;
    return -1;
}

ssize_t __wrap_recv(int handle, void *data, size_t size, int flags)
{
    const struct fault *fault = fault_of(FAULT_RECV, handle);
    return fault != NULL ? failed(fault) : __real_recv(handle, data, size, flags);
}

ssize_t __wrap_send(int handle, const void *data, size_t size, int flags)
{
    bool by_peer = (flags & MSG_DONTWAIT) == 0;
    const struct fault *fault = by_peer ? NULL : fault_of(FAULT_SEND, handle);
    if (fault != NULL && fault->number != 0) return failed(fault);
    if (fault != NULL && size > fault->size_max) size = fault->size_max;
    return __real_send(handle, data, size, flags);
}

ssize_t __wrap_sendmsg(int handle, const struct msghdr *message, int flags)
{
    const struct fault *fault = fault_of(FAULT_SEND, handle);
    if (fault == NULL) return __real_sendmsg(handle, message, flags);
    if (fault->number != 0) return failed(fault);
    size_t size = message->msg_iov[0].iov_len;
    return __real_send(handle, message->msg_iov[0].iov_base,
                       size < fault->size_max ? size : fault->size_max, flags);
}

int __wrap_accept4(int handle, struct sockaddr *address, socklen_t *size, int flags)
{
    const struct fault *fault = fault_of(FAULT_ACCEPT, handle);
    return fault != NULL ? failed(fault) : __real_accept4(handle, address, size, flags);
}

int __wrap_epoll_wait(int handle, struct epoll_event *events, int count_max, int timeout_ms)
{
    const struct fault *fault = fault_of(FAULT_WAIT, FAULT_ANY);
    return fault != NULL ? failed(fault) : __real_epoll_wait(handle, events, count_max, timeout_ms);
}

/* ---- io_uring ---- */

int __real_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned count);
int __real_io_uring_submit_and_get_events(struct io_uring *ring);

int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned count);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring);

/* What is about to be submitted. */
static void stop_multishots(struct io_uring *ring)
{
    if (!multishots_stop) return;
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *entry = &ring->sq.sqes[i & *ring->sq.kring_mask];
        if (entry->opcode == IORING_OP_RECV) entry->ioprio &= (uint16_t)~IORING_RECV_MULTISHOT;
        if (entry->opcode == IORING_OP_ACCEPT) entry->ioprio &= (uint16_t)~IORING_ACCEPT_MULTISHOT;
        if (entry->opcode == IORING_OP_POLL_ADD) entry->len &= ~(uint32_t)IORING_POLL_ADD_MULTI;
    }
}

/* What has completed and has not been seen. Tags are in the low three bits of what it is for; an acceptor's
 * result is the descriptor of a connection. */
static void change_results(struct io_uring *ring)
{
    enum { TAGS = 7, TAG_ACCEPT = 2 };
    struct io_uring_cqe *completion;
    unsigned head;
    if (completes == NULL) return;
    io_uring_for_each_cqe(ring, head, completion)
    {
        if ((completion->user_data & ~(uint64_t)TAGS) != (uintptr_t)completes) continue;
        if ((completion->user_data & TAGS) == TAG_ACCEPT) close(completion->res);
        completion->res = completes_with;
        completes = NULL;
        break;
    }
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    const struct fault *fault = fault_of(FAULT_SUBMIT, FAULT_ANY);
    if (fault != NULL) return -fault->number;
    stop_multishots(ring);
    return __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
    const struct fault *fault = fault_of(FAULT_WAIT, FAULT_ANY);
    if (fault != NULL) return -fault->number;
    stop_multishots(ring);
    int result = __real_io_uring_submit_and_wait(ring, count);
    change_results(ring);
    return result;
}

int __wrap_io_uring_submit_and_get_events(struct io_uring *ring)
{
    const struct fault *fault = fault_of(FAULT_WAIT, FAULT_ANY);
    if (fault != NULL) return -fault->number;
    stop_multishots(ring);
    int result = __real_io_uring_submit_and_get_events(ring);
    change_results(ring);
    return result;
}
