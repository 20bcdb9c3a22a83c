/* address.h - the address of a listener or a peer: IPv4, IPv6 or a unix socket's path; to and from text. */
#ifndef MOONPORT_ADDRESS_H
#define MOONPORT_ADDRESS_H

#include "base/error.h"

#include <stdint.h>

enum address_family { ADDRESS_NONE, ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_UNIX };

struct address {
    uint8_t family; /* enum address_family */
    uint16_t port;  /* host order */
    uint16_t
        mode; /* for listening on a unix socket: mode of its file, who may connect; 0: from umask */
    union {
        uint8_t ip[16]; /* network order; 4 bytes of it for IPv4 */
        char path[108]; /* empty for a unix peer that has no name */
    };
};

enum { ADDRESS_TEXT_MAX = 128 };

/* The same in less memory, for each connection. */
struct address_packed {
    uint8_t family;
    uint16_t port;
    union {
        uint8_t ip[16];
        char *path; /* NULL: it has no name, or there was no memory for it */
    };
};
void address_pack(const struct address *address, struct address_packed *packed);
void address_unpack(const struct address_packed *packed, struct address *address);
void address_free(struct address_packed *packed);

/* "127.0.0.1:7000" "[::1]:7000" "localhost:7000" "*:7000" ":7000" "7000" "unix:/run/x.sock".
 * Without a host: every IPv4 address. Names other than localhost are not resolved. */
bool address_parse(const char *text, struct address *address, struct error *error);

/* Formats an address in the same forms; `text` has room for ADDRESS_TEXT_MAX. Returns text. */
const char *address_format(const struct address *address, char *text);

/* Only the host: "127.0.0.1", "::1", or the path of a unix socket. Returns text. */
const char *address_format_host(const struct address *address, char *text);

bool address_is_same(const struct address *one, const struct address *other);

/* 127.0.0.0/8 or ::1: of this machine, for itself alone. */
bool address_is_loopback(const struct address *address);

#endif
