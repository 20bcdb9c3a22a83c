/* admin.h - where a running server is told to do something: `moonport reload` and its kin.
 *
 * A small server of its own beside the main one, with one thread, which waits for nobody: a command that takes time
 * has another thread, and is answered when that has an answer. One line is a command, and the only one of its
 * connection:
 *
 *     "reload\n"               ->  "ok\n", lines for the person, the end
 *     "rollback\n"             ->  "error\n", lines for the person, the end
 *     "POST / HTTP/1.1\r\n"... ->  "error\n", the end: nothing behind a first line is ever a command,
 *                                  since any web page can have a browser send to this machine
 *
 * Owns its server, and nothing of the main one's. */
#ifndef MOONPORT_ADMIN_H
#define MOONPORT_ADMIN_H

#include "config.h"

struct admin;

struct admin_command {
    const char *name; /* what the line says, less than ADMIN_LINE_MAX bytes */

    /* Does it. False: it failed. Writes what to tell the person to `text`, lines, at most size bytes with the
     * NUL; it is empty at first. */
    bool (*act)(void *context, char *text, size_t size);
    void *context;

    /* It waits for nobody, and is answered at once, whatever else is going on. Otherwise it may take seconds, and
     * commands like it wait for as long. */
    bool is_quick;
};

enum { ADMIN_LINE_MAX = 64, ADMIN_TEXT_MAX = 64 << 10 };

/* Listens, and says so in the log. A command may be run before this returns. The commands, which end
 * with a NULL name, and their contexts must live until admin_close has returned. NULL with an error that
 * says what to set instead. */
struct admin *admin_open(const struct address *address, enum port_backend backend,
                         const struct admin_command *commands, struct error *error);

/* Waits for the command that runs, sends its answer, ends. Not from a command. */
void admin_close(struct admin *admin);

/* As bound: with port 0, the port that the system chose. */
struct address admin_address(const struct admin *admin);

#endif
