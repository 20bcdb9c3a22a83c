/* http_origin.h - reads and compares origins: which site the page came from that asks (RFC 6454). Owns nothing.
 *
 *     https://example.com:8443      scheme, host, port
 *     https://example.com           port 443
 *     null                          is one, too: a page from a file, or in a sandboxed frame */
#ifndef MOONPORT_HTTP_ORIGIN_H
#define MOONPORT_HTTP_ORIGIN_H

#include "base/span.h"

#include <stdbool.h>

struct http_origin {
    struct span scheme; /* "null": empty */
    struct span host;   /* without brackets; empty in "file://" */
    uint16_t port;      /* if none is named, that of the scheme (section 4); 0: it has none */
};

/* False: it is no origin; a path behind it, even "/", or two of them, is none (section 6.1). */
bool http_origin_read(struct span text, struct http_origin *origin);

/* Scheme, host and port are the same, in any case (section 5). "null" is the same as "null". */
bool http_origin_is(const struct http_origin *one, const struct http_origin *other);

#endif
