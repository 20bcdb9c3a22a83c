#include "base/address_system.h"

#include <stddef.h>
#include <string.h>

socklen_t address_to_system(const struct address *address, union address_system *system)
{
    memset(system, 0, sizeof *system);
    switch (address->family) {
    case ADDRESS_IPV4:
        system->ipv4.sin_family = AF_INET;
        system->ipv4.sin_port = htons(address->port);
        memcpy(&system->ipv4.sin_addr, address->ip, 4);
        return sizeof system->ipv4;
    case ADDRESS_IPV6:
        system->ipv6.sin6_family = AF_INET6;
        system->ipv6.sin6_port = htons(address->port);
        memcpy(&system->ipv6.sin6_addr, address->ip, 16);
        return sizeof system->ipv6;
    default:
        system->local.sun_family = AF_UNIX;
        memcpy(system->local.sun_path, address->path, sizeof system->local.sun_path);
        system->local.sun_path[sizeof system->local.sun_path - 1] = '\0';
        return sizeof system->local;
    }
}

void address_from_system(const union address_system *system, socklen_t size,
                         struct address *address)
{
    memset(address, 0, sizeof *address);
    switch (system->any.sa_family) {
    case AF_INET:
        address->family = ADDRESS_IPV4;
        address->port = ntohs(system->ipv4.sin_port);
        memcpy(address->ip, &system->ipv4.sin_addr, 4);
        break;
    case AF_INET6:
        address->family = ADDRESS_IPV6;
        address->port = ntohs(system->ipv6.sin6_port);
        memcpy(address->ip, &system->ipv6.sin6_addr, 16);
        break;
    default:
        address->family = ADDRESS_UNIX;
        if ((size_t)size > offsetof(struct sockaddr_un, sun_path))
            memcpy(address->path, system->local.sun_path, sizeof address->path - 1);
    }
}

bool address_of_socket(intptr_t handle, struct address *address)
{
    union address_system system;
    socklen_t size = sizeof system;
    memset(&system, 0, sizeof system);
    if (getsockname((system_socket)handle, &system.any, &size) != 0) return false;
    address_from_system(&system, size, address);
    return true;
}
