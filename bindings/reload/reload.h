/* reload.h - brings changed scripts and settings into a running server.
 *
 *     read and review once -> every worker loads it beside what runs -> all switch, or none
 *
 * A thread waits for changes in the directory, and for HUP; any other thread may reload as well. Reloads run one
 * at a time. */
#ifndef MOONPORT_RELOAD_H
#define MOONPORT_RELOAD_H

#include "reload/command_line.h"
#include "reload/history.h"
#include "run/code.h"
#include "server.h"

struct reloader;

/* For a server that runs `source` as generation 1, with these settings. NULL with an error if there is no memory.
 * If the directory cannot be watched, this is only logged. */
struct reloader *reloader_open(struct server *server, const struct command_line *line,
                               const struct options *options, struct source *source,
                               struct error *error);
void reloader_close(struct reloader *reloader);

/* The first loads the directory again, whether it has changed or not; the second goes back to the previous
 * scripts. True: `text` says what runs now. False: it says why nothing has changed. `text` gets lines, at most
 * size bytes. From any thread but a worker's. */
bool reloader_reload(struct reloader *reloader, enum history_by by, char *text, size_t size);
bool reloader_rollback(struct reloader *reloader, enum history_by by, char *text, size_t size);

/* The settings in force; a reload may change some. From any thread; does not wait. */
struct options reloader_options(struct reloader *reloader);

/* The generations and the attempts that were refused, the newest first: see history_visit. From any thread; does not
 * wait. */
void reloader_history(struct reloader *reloader,
                      bool (*visit)(void *context, const struct history_entry *entry),
                      void *context);

/* Makes the reloader's own thread load the directory again, without waiting for that. From any thread, and on
 * POSIX from a signal handler. */
void reloader_wake(struct reloader *reloader);

#endif
