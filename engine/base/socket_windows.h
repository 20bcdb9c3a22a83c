/* socket_windows.h - Windows sockets, also for code that uses them without a port. */
#ifndef MOONPORT_SOCKET_WINDOWS_H
#define MOONPORT_SOCKET_WINDOWS_H

#include "base/address_system.h"

#define WINDOWS_NO_UNIX \
    "unix sockets are for Linux; on Windows use an address such as 127.0.0.1:7000"

/* The text of a Winsock error, worded as on other systems. The system's own texts end in line breaks, and
 * may be in any language. */
const char *windows_error_text(int number);

/* A socket for overlapped operations that no child process inherits; INVALID_SOCKET if there is none. */
SOCKET windows_socket(int family);

#endif
