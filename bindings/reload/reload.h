/* reload.h - brings changed scripts and settings into a running server.
 *
 *     read and review once -> every worker loads it beside what runs -> all switch, or none
 *
 * A thread of its own waits for changes of the directory, and for HUP; any other thread may reload as well. One
 * at a time. */
#ifndef MOONPORT_RELOAD_H
#define MOONPORT_RELOAD_H

#include "reload/command_line.h"
#include "run/code.h"
#include "server.h"

struct reloader;

/* For a server that runs `source` as generation 1, with these settings. NULL and an error if there
 * is no memory; a directory that cannot be watched is only logged. */
struct reloader *reloader_open(struct server *server, const struct command_line *line,
                               const struct options *options, struct source *source,
                               struct error *error);
void reloader_close(struct reloader *reloader);

/* Loads the directory anew, whether it has changed or not; or goes back to what ran before. True,
 * and `text` says what runs now; false, and it says why nothing has changed. Lines, at most size
 * bytes. Any thread but a worker's; the context is the reloader. */
bool reloader_reload(void *context, char *text, size_t size);
bool reloader_rollback(void *context, char *text, size_t size);

/* The settings in force: some change with a reload. Any thread, at once. */
struct options reloader_options(struct reloader *reloader);

/* Has the reloader's own thread load it anew, at once. From any thread, and on POSIX from a signal's
 * handler. */
void reloader_wake(struct reloader *reloader);

#endif
