/* admin.h - where a running server is told to do something: `moonport reload` and its kin.
 *
 * A small server of its own beside the main one, with one thread. One line is a command, and the
 * only one of its connection:
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

    /* Does it, on the admin's own thread; may take seconds: whoever else asks waits for as long.
     * False: it failed. Writes what to tell the person to `text`, lines, at most size bytes with the
     * NUL; it is empty at first. */
    bool (*act)(void *context, char *text, size_t size);
};

enum { ADMIN_LINE_MAX = 64, ADMIN_TEXT_MAX = 64 << 10 };

/* Listens, and says so in the log. A command may be run before this returns. The commands, which end
 * with a NULL name, and the context must live until admin_close has returned. NULL with an error that
 * says what to set instead. */
struct admin *admin_open(const struct address *address, enum port_backend backend,
                         const struct admin_command *commands, void *context, struct error *error);

/* Waits for the command that runs, sends its answer, ends. Not from a command. */
void admin_close(struct admin *admin);

/* As bound: with port 0, the port that the system chose. */
struct address admin_address(const struct admin *admin);

#endif
