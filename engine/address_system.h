/* address_system.h - addresses in the form that the system's socket calls take. */
#ifndef MOONPORT_ADDRESS_SYSTEM_H
#define MOONPORT_ADDRESS_SYSTEM_H

#include "address.h"

#ifdef _WIN32
#include <winsock2.h>

#include <afunix.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

union address_system {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
};

/* Returns the bytes of it that count. The address has a family. */
socklen_t address_to_system(const struct address *address, union address_system *system);

void address_from_system(const union address_system *system, socklen_t size,
                         struct address *address);

#endif
