/* port_posix.h - what the Linux backends share: sockets, addresses, errors, time and waking. */
#ifndef MOONPORT_PORT_POSIX_H
#define MOONPORT_PORT_POSIX_H

#include "address_system.h"
#include "port_backend.h"

#include <sys/uio.h>

static_assert(sizeof(struct span) == sizeof(struct iovec) &&
                  offsetof(struct span, data) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct span, size) == offsetof(struct iovec, iov_len),
              "an array of spans is an array of iovecs");

uint64_t posix_now_ns(void);
enum port_error posix_error(int number);

/* A listening socket. A unix socket's file that nobody listens on any more is replaced. */
intptr_t posix_listen(const struct address *address, int backlog, struct error *error);
bool posix_peer_address(const struct port_event *accepted, struct address *address);
void posix_close_handle(intptr_t handle);

/* Sets up a new socket's fields, and TCP_NODELAY. */
void posix_attach(struct port_socket *socket, intptr_t handle);
void posix_detach(struct port *port, struct port_socket *socket);
void posix_shutdown(struct port *port, struct port_socket *socket);

/* An eventfd for the wake operation; never read: each write is an edge. */
int posix_wake_open(void);
void posix_wake(int wake_fd);

#endif
