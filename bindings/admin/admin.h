/* admin.h - accepts commands for a running server: `moonport reload` and the like.
 *
 * A small server of its own beside the main one. Its one thread never waits: a command that takes time runs on
 * another thread, and is answered when that is done. A connection sends one line, which is its only command:
 *
 *     "reload\n"               ->  "ok\n", lines for the person, the end
 *     "rollback\n"             ->  "error\n", lines for the person, the end
 *     "POST / HTTP/1.1\r\n"... ->  "error\n", the end: nothing after a first line is ever a command,
 *                                  since any web page can make a browser send to this machine
 *
 * Owns its server, and nothing of the main one. */
#ifndef MOONPORT_ADMIN_H
#define MOONPORT_ADMIN_H

#include "config.h"

struct admin;

struct admin_command {
    const char *name; /* the line, less than ADMIN_LINE_MAX bytes */

    /* Runs the command. False: it failed. `text` gets lines for the person, at most size bytes with the NUL; it
     * is empty at first. */
    bool (*act)(void *context, char *text, size_t size);
    void *context;

    /* It does not wait, and is answered at once, whatever else is going on. Other commands may take seconds, and
     * run one after another. */
    bool is_quick;
};

enum { ADMIN_LINE_MAX = 64, ADMIN_TEXT_MAX = 64 << 10 };

/* Listens, and logs the address. A command may run before this returns. The commands, which end with a NULL name,
 * and their contexts must live until admin_close has returned. NULL with an error that says what to set instead. */
struct admin *admin_open(const struct address *address, enum port_backend backend,
                         const struct admin_command *commands, struct error *error);

/* Waits for the running command, sends its answer, and ends. Must not be called from a command. */
void admin_close(struct admin *admin);

/* As bound: with port 0, the port that the system chose. */
struct address admin_address(const struct admin *admin);

#endif
