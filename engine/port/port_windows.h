/* port_windows.h - the parts of Windows that a port uses besides completion ports: sockets, errors, time. */
#ifndef MOONPORT_PORT_WINDOWS_H
#define MOONPORT_PORT_WINDOWS_H

#include "base/clock.h"
#include "base/socket_windows.h"
#include "port/port_backend.h"

static inline uint64_t windows_now_ns(void)
{
    return clock_now_ns();
}

/* The port's error for a Winsock or Win32 error number. */
enum port_error windows_error(int number);

/* The result of a completed operation. */
enum port_error windows_result(SOCKET handle, OVERLAPPED *overlapped);

/* Opens a listening socket whose address no other program can bind. */
intptr_t windows_listen(const struct address *address, int backlog, struct error *error);
void windows_close_handle(intptr_t handle);
void windows_shutdown(struct port *port, struct port_socket *socket);

#endif
