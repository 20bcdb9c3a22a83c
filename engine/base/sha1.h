/* sha1.h - SHA-1 (FIPS 180-4 sections 5.1.1 and 6.1; RFC 3174). For the handshake of WebSocket alone (RFC 6455 section
 * 1.3), where it only shows that the server has understood the request. It is no protection: two inputs with the same
 * digest can be made, so use it for nothing else. */
#ifndef MOONPORT_SHA1_H
#define MOONPORT_SHA1_H

#include "base/span.h"

enum { SHA1_SIZE = 20 }; /* bytes of a digest */

void sha1(struct span bytes, uint8_t digest[SHA1_SIZE]);

#endif
