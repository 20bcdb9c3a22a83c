/* address_system.h - addresses in the form that the system's socket calls take. */
#ifndef MOONPORT_ADDRESS_SYSTEM_H
#define MOONPORT_ADDRESS_SYSTEM_H

#include "base/address.h"

#ifdef _WIN32
#include <winsock2.h>

#include <afunix.h>
#include <ws2tcpip.h>
typedef SOCKET system_socket;
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
typedef int system_socket;
#endif

union address_system {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
};

/* Returns the size in bytes. The address must have a family. */
socklen_t address_to_system(const struct address *address, union address_system *system);

void address_from_system(const union address_system *system, socklen_t size,
                         struct address *address);

/* The address that a system's socket is bound to. False if the handle is not a socket. */
bool address_of_socket(intptr_t handle, struct address *address);

#endif
