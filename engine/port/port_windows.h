/* port_windows.h - what a port takes of Windows beside completion ports: sockets, errors, time. */
#ifndef MOONPORT_PORT_WINDOWS_H
#define MOONPORT_PORT_WINDOWS_H

#include "base/clock.h"
#include "base/socket_windows.h"
#include "port/port_backend.h"

static inline uint64_t windows_now_ns(void)
{
    return clock_now_ns();
}

/* Of a Winsock or a Win32 error. */
enum port_error windows_error(int number);

/* How an operation has ended. */
enum port_error windows_result(SOCKET handle, OVERLAPPED *overlapped);

/* A listening socket that nobody else can bind beside. */
intptr_t windows_listen(const struct address *address, int backlog, struct error *error);
void windows_close_handle(intptr_t handle);
void windows_shutdown(struct port *port, struct port_socket *socket);

#endif
