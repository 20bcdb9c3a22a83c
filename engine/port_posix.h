/* port_posix.h - what the Linux backends share: sockets, addresses, errors, time and waking. */
#ifndef MOONPORT_PORT_POSIX_H
#define MOONPORT_PORT_POSIX_H

#include "port.h"

#include <sys/uio.h>

static_assert(sizeof(struct span) == sizeof(struct iovec) &&
                  offsetof(struct span, data) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct span, size) == offsetof(struct iovec, iov_len),
              "an array of spans is an array of iovecs");

uint64_t posix_now_ns(void);
enum port_error posix_error(int number);

/* The time, before a harvest waits: what passed since the last one was work. */
uint64_t posix_turn_ended(struct port *port);

/* A listening socket. A unix socket's file that nobody listens on any more is replaced. */
intptr_t posix_listen(const struct address *address, int backlog, struct error *error);
bool posix_local_address(intptr_t handle, struct address *address);
bool posix_peer_address(intptr_t handle, struct address *address);
void posix_close_handle(intptr_t handle);

/* Sets up a new socket's fields, and TCP_NODELAY. */
void posix_attach(struct port_socket *socket, intptr_t handle);
void posix_detach(struct port *port, struct port_socket *socket);
void posix_shutdown(struct port *port, struct port_socket *socket);

/* An eventfd for the wake operation; never read: each write is an edge. */
int posix_wake_open(void);
void posix_wake(int wake_fd);

/* The events that both backends make: mail that waits, and streams that ended inside the port. Mail is
 * taken first and has a share of its own, however busy the sockets are. */
int posix_take_mail(struct port *port, struct port_event *events, int count_max);
int posix_take_ended(struct list *ended, struct port_event *events, int count_max);

#endif
