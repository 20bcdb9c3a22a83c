/* utf8.h - characters of UTF-8 (RFC 3629, section 4). */
#ifndef MOONPORT_UTF8_H
#define MOONPORT_UTF8_H

#include "base/span.h"

/* How many bytes the character at the front of the text has; 0: there is no valid one. The text must not be empty. */
size_t utf8_size(struct span text);

#endif
