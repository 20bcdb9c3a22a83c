/* port_posix.h - shared by the Linux backends: sockets, addresses, errors, time and waking. */
#ifndef MOONPORT_PORT_POSIX_H
#define MOONPORT_PORT_POSIX_H

#include "base/address_system.h"
#include "base/clock.h"
#include "port/port_backend.h"

#include <sys/uio.h>

static_assert(sizeof(struct span) == sizeof(struct iovec) &&
                  offsetof(struct span, data) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct span, size) == offsetof(struct iovec, iov_len),
              "an array of spans is an array of iovecs");

static inline uint64_t posix_now_ns(void)
{
    return clock_now_ns();
}

enum port_error posix_error(int number);

/* Opens a listening socket. Replaces the file of a unix socket if no process listens on it any more. */
intptr_t posix_listen(const struct address *address, int backlog, struct error *error);
bool posix_peer_address(const struct port_event *accepted, struct address *address);
void posix_close_handle(intptr_t handle);

/* Sets up a new socket's fields, and TCP_NODELAY. False: it is a unix socket, which has no TCP_NODELAY. */
bool posix_attach(struct port_socket *socket, intptr_t handle);
void posix_detach(struct port *port, struct port_socket *socket);
void posix_shutdown(struct port *port, struct port_socket *socket);

/* Why a connection that has hung up is broken. PORT_OK: it is not broken; a peer on a unix socket has closed, and its
 * bytes may still be received. */
enum port_error posix_break_of(const struct port_socket *socket);

/* Bytes that have arrived and were not received yet. */
size_t posix_unread(const struct port_socket *socket);

/* Bytes that were sent and that the peer has not acknowledged. */
size_t posix_unsent(const struct port_socket *socket);

/* Tries to send at once. False: the socket has no room now. */
bool posix_send(struct port *port, struct port_socket *socket, const struct span *parts, int count);

/* Waits use one standing timer instead of a timeout per wait: most waits end long before their deadline, and
 * starting and stopping a timer for each would be a large part of their cost. */
struct posix_timer {
    int fd;         /* readable at `at_ns`; never read: each setting is a new edge */
    uint64_t at_ns; /* when it expires; UINT64_MAX: never */
};
bool posix_timer_open(struct posix_timer *timer);

/* Makes sure that the timer expires at the deadline or earlier; after an early one, the next wait sets it again. */
void posix_timer_cover(struct posix_timer *timer, uint64_t now_ns, uint64_t deadline_ns);

/* An eventfd for the wake operation; never read: each write is an edge. */
int posix_wake_open(void);
void posix_wake(int wake_fd);

#endif
