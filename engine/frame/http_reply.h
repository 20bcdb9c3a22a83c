/* http_reply.h - reads the head of an HTTP/1.1 response: its status line and its fields, up to the empty line, as
 * strictly as http_head.h reads a request. Owns nothing; what it finds lies in the input.
 *
 *     HTTP/1.1 403 Forbidden             status 403, reason
 *     Content-Length: 12                 head.fields[0]
 *                                        head.size: bytes up to here; the body follows
 *
 *   status line   version, three digits, a reason, which may be empty; the space in front of that must be there, but many
 *                 servers leave it out, so it need not (RFC 9112 section 4). A status is 100 to 599 (9110 section 15). */
#ifndef MOONPORT_HTTP_REPLY_H
#define MOONPORT_HTTP_REPLY_H

#include "frame/http_head.h"

struct http_reply {
    struct http_head head; /* fields, size and why are as there; `method` has the version */
    uint16_t status;
    struct span reason; /* may be empty */
};

/* As http_head_read; but the same after TOO_LONG as after BAD, for nobody is to be answered. */
enum http_verdict http_reply_read(struct http_reply *reply, struct span input);

#endif
