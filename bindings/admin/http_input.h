/* http_input.h - the bytes of one HTTP/1.1 connection that are not answered yet, and the whole requests in them.
 * Pure: no socket. A body is read, and thrown away: no request of the admin needs one. */
#ifndef MOONPORT_HTTP_INPUT_H
#define MOONPORT_HTTP_INPUT_H

#include "frame/http_head.h"

enum {
    HTTP_BODY_MAX = 1024,
    HTTP_BEHIND_MAX = 4096, /* bytes that may follow a request that is being answered */
    HTTP_INPUT_MAX = HTTP_HEAD_MAX + HTTP_BODY_MAX + HTTP_BEHIND_MAX,
};

struct http_input {
    size_t size;
    size_t scanned; /* bytes that http_head_read has seen */
    uint8_t bytes[HTTP_INPUT_MAX];
};

/* Adds received bytes. False: there is no room, and none is added. */
bool http_input_add(struct http_input *input, struct span bytes);

/* Looks for the next request. 0: it is not complete. 200: the head is filled in; its spans are valid until
 * http_input_take. Otherwise the status to answer before the connection is closed, and *why says it. */
int http_input_next(struct http_input *input, struct http_head *head, const char **why);

/* Takes the request off, with its body. */
void http_input_take(struct http_input *input, const struct http_head *head);

#endif
