/* access.h - who may ask the admin for what. Pure: it sees a request's head, and says which HTTP status it deserves.
 *
 *     Host      an IP address, localhost, or a name that was configured: a web page whose own name leads to this
 *               machine (DNS rebinding) is refused
 *     Origin    if there is one, the server's own: no other page may have a browser act here
 *     token     as "Authorization: Bearer TOKEN", or in the cookie that the page has
 *     actions   POST with a header X-Moonport, which no form of another page can send
 *
 * On a unix socket the mode of its file has decided already who may connect, so no token is asked for. */
#ifndef MOONPORT_ACCESS_H
#define MOONPORT_ACCESS_H

#include "admin/token.h"
#include "frame/http_head.h"

/* What a route asks for. OPEN: nothing, from this machine; elsewhere the token. READ: the token. ACT: as READ, and
 * the proof that no other page has sent it. PAGE: as READ, and a browser may come from a link elsewhere. */
enum access_kind { ACCESS_OPEN, ACCESS_READ, ACCESS_ACT, ACCESS_PAGE };

enum { ACCESS_NAMES_MAX = 256, ACCESS_COOKIE_MAX = 32 };

struct access {
    char token[TOKEN_MAX + 1];
    char names[ACCESS_NAMES_MAX];   /* further names of this machine, separated by commas */
    char cookie[ACCESS_COOKIE_MAX]; /* the name of the page's cookie */
};

/* Where a request came from. */
struct access_peer {
    bool is_unix;     /* over a unix socket */
    bool is_loopback; /* from an address of this machine's loopback */
};

/* 200: granted. Otherwise the status to answer, and *why says it to a person. *by_page: the cookie was presented,
 * so a person at the page asks. */
int access_check(const struct access *access, const struct http_head *head, enum access_kind kind,
                 const struct access_peer *peer, bool *by_page, const char **why);

#endif
