/* http_session.h - the codec "http": its packets are the bodies of requests (RFC 9110, 9112), one at a time. */
#ifndef MOONPORT_HTTP_SESSION_H
#define MOONPORT_HTTP_SESSION_H

#include "frame/http_chunks.h"
#include "frame/http_request.h"
#include "frame/session.h"

enum http_state {
    HTTP_AT_HEAD,   /* the next request begins here, once the last one was answered */
    HTTP_AT_BODY,   /* of a length that is known */
    HTTP_AT_CHUNKS, /* of one that is not */
};

struct http_session {
    struct session session;
    uint8_t state;
    size_t scanned; /* bytes of the head that were read before it was complete */

    /* The request whose head was read last; until it was answered. */
    struct http_request request;
    char *head; /* NULL: there is none */
    size_t head_size;

    /* A body in chunks, as far as it has come. */
    struct http_chunks chunks;
    uint8_t *body;
    size_t size, capacity;
};

extern const struct session_codec http_session_codec;

#endif
