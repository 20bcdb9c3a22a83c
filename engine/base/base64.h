/* base64.h - bytes as text, and back (RFC 4648 section 4). Owns nothing. */
#ifndef MOONPORT_BASE64_H
#define MOONPORT_BASE64_H

#include "base/span.h"

#include <stdbool.h>

/* How many characters so many bytes are, padding included. */
#define BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4)

/* Writes BASE64_SIZE(bytes.size) characters and a NUL; returns their number, without the NUL. */
size_t base64_encode(struct span bytes, char *text);

/* False: the text is not exactly `size` bytes, padded as they must be and without any other character, a line end
 * included (sections 3.1 to 3.3); then `bytes` may hold anything. The bits of the last character that mean nothing may
 * be what they like: section 3.5 lets a decoder refuse those that are not zero, but some clients of WebSocket send such
 * keys. */
bool base64_decode(struct span text, uint8_t *bytes, size_t size);

#endif
