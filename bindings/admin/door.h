/* door.h - decides what becomes of a request: it is let in to its route, or answered at once. No socket, no thread. */
#ifndef MOONPORT_DOOR_H
#define MOONPORT_DOOR_H

#include "admin/route.h"

struct door {
    struct access access;
    const struct admin_route *routes; /* end with a NULL method */
};

/* True: the request is granted, and its route is to act. False: `answer` says why not; or it leads a browser that
 * has come with the token to the page, and leaves a cookie. */
bool door_admit(const struct door *door, const struct http_head *head,
                const struct access_peer *peer, struct admin_request *request,
                struct admin_answer *answer);

/* Writes the status line and the header fields of an answer (RFC 9112). `keeps`: the connection stays open. False:
 * no memory. */
bool door_write_head(struct buffer *out, const struct admin_answer *answer, bool keeps);

#endif
