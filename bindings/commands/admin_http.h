/* admin_http.h - one question to a running server's admin address, by HTTP, and its answer. */
#ifndef MOONPORT_ADMIN_HTTP_H
#define MOONPORT_ADMIN_HTTP_H

#include "base/address.h"
#include "system/buffer.h"

enum { ADMIN_TARGET_MAX = 1024 };

struct admin_question {
    struct address address;
    char where[ADDRESS_TEXT_MAX]; /* the same for people */
    const char *method;           /* "GET" "POST" */
    char target[ADMIN_TARGET_MAX];
    bool wants_json; /* else text */
};

struct admin_reply {
    int status;         /* of HTTP */
    struct buffer body; /* the caller frees its data, whatever the result */
};

/* Asks, and waits for the whole answer. Presents the token in MOONPORT_TOKEN, or that which the server has left for
 * this user (token.h). False, with an error of kind SYSTEM: no server was reached, it is none of ours, or the answer
 * did not come whole. */
bool admin_http_ask(const struct admin_question *question, struct admin_reply *reply,
                    struct error *error);

/* What a person can do about a reply with status 401: an error of kind INPUT. */
void admin_http_want_token(const struct admin_question *question, struct error *error);

/* Adds "name=value" to the target's query, percent-encoded (RFC 3986). False: it becomes too long. */
bool admin_http_add(struct admin_question *question, const char *name, const char *value);

#endif
