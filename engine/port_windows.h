/* port_windows.h - Windows' sockets, beside completion ports: addresses, errors, time. */
#ifndef MOONPORT_PORT_WINDOWS_H
#define MOONPORT_PORT_WINDOWS_H

#include "address_system.h"
#include "port_backend.h"

uint64_t windows_now_ns(void);

/* Of a Winsock or a Win32 error. */
enum port_error windows_error(int number);

/* In the words used everywhere else: the system's own end in line breaks and speak any language. */
const char *windows_error_text(int number);

#define WINDOWS_NO_UNIX \
    "unix sockets are for Linux; on Windows use an address such as 127.0.0.1:7000"

/* A socket for overlapped operations that no child process inherits; INVALID_SOCKET if there is none. */
SOCKET windows_socket(int family);

/* A listening socket that nobody else can bind beside. */
intptr_t windows_listen(const struct address *address, int backlog, struct error *error);
void windows_close_handle(intptr_t handle);
void windows_shutdown(struct port *port, struct port_socket *socket);

#endif
