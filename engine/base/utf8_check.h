/* utf8_check.h - checks UTF-8 that arrives in pieces (RFC 3629 sections 3 and 4): no surrogates, nothing longer than it
 * has to be, nothing above U+10FFFF. Owns nothing: what it knows between two pieces is one byte, the caller's.
 *
 *     uint8_t state = 0;
 *     utf8_check(&state, "\xe2\x82")    true, and state is not 0: a character has begun
 *     utf8_check(&state, "\xac")        true, and state is 0: the text may end here
 *     utf8_check(&state, "\x80")        false: no character begins with this byte */
#ifndef MOONPORT_UTF8_CHECK_H
#define MOONPORT_UTF8_CHECK_H

#include "base/span.h"

#include <stdbool.h>

/* Checks the next bytes of a text. The state must be 0 before the first piece, and is 0 again when a piece ends with a
 * whole character; other values have a meaning only here. False: the piece has a byte that no bytes behind it can make
 * UTF-8. That is final: every piece that follows returns false, an empty one too. */
bool utf8_check(uint8_t *state, struct span bytes);

#endif
