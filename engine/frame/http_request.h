/* http_request.h - what a server must know of a request before its body comes: how long that is, whether the peer waits
 * for a word before it sends it, and what the answer has to look like. Pure. */
#ifndef MOONPORT_HTTP_REQUEST_H
#define MOONPORT_HTTP_REQUEST_H

#include "frame/http_head.h"

struct http_request {
    uint64_t length; /* bytes of the body, if it is not chunked */
    bool chunked;
    bool waits;   /* for 100 (RFC 9110 section 10.1.1) */
    bool is_head; /* the answer has no body */
    bool is_old;  /* HTTP/1.0: an answer that does not close has to say so */
    bool keeps;   /* the connection stays for further requests */
};

/* Returns 0; or the status to answer with before the connection closes, and *why says it:
 *
 *     400   two lengths, or none that can be relied on (RFC 9112 section 6.3): Content-Length twice or no number;
 *           Transfer-Encoding beside it, twice, with HTTP/1.0 (6.1), or not ending in "chunked"
 *     413   more than body_max bytes
 *     417   an Expect that is not 100-continue (9110 section 10.1.1); with HTTP/1.0 it is ignored
 *     501   another coding below "chunked" (9112 section 6.1) */
uint16_t http_request_judge(const struct http_head *head, uint64_t body_max,
                            struct http_request *request, const char **why);

#endif
