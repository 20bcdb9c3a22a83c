/* admin.h - the address at which a running server is watched and commanded, by HTTP/1.1 (RFC 9112).
 *
 * A small server of its own beside the main one. Its one thread never waits: what takes time runs on another
 * thread, and is answered when that is done. Who may ask for what: access.h. What can be asked: route.h.
 *
 * Bounds, so that nobody keeps others out: a request has HTTP_HEAD_MAX bytes of head, and PATIENCE_S seconds to
 * come whole; a silent connection is closed after as many; of more than SILENT_MAX connections that wait for nothing,
 * the oldest is closed.
 *
 * Owns its server, and nothing of the main one. */
#ifndef MOONPORT_ADMIN_H
#define MOONPORT_ADMIN_H

#include "admin/route.h"
#include "config.h"

struct admin;

struct admin_setup {
    struct address address;
    enum port_backend backend;
    const struct admin_route
        *routes;       /* end with a NULL method; live until admin_close has returned, */
    void *context;     /* as their context does */
    const char *token; /* "": one is made, and told in the log */
    const char *names; /* further names of this machine, separated by commas */
    void (*each_second)(void *context); /* on the admin's thread; or NULL */
    uint32_t patience_s;                /* instead of PATIENCE_S, for tests; or 0 */
};

/* Listens, writes the token's file, and logs the address. Requests may come before this returns. NULL with an
 * error that says what to set instead. */
struct admin *admin_open(const struct admin_setup *setup, struct error *error);

/* Waits for the commands that run, sends their answers, and ends. Must not be called from a command. */
void admin_close(struct admin *admin);

/* As bound: with port 0, the port that the system chose. */
struct address admin_address(const struct admin *admin);
const char *admin_token(const struct admin *admin);

#endif
