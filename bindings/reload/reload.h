/* reload.h - brings changed scripts and settings into a running server.
 *
 *     read and review once -> its tests -> every worker loads it beside what runs -> all switch, or none -> probation
 *
 * A thread waits for changes in the directory, for HUP, and for handlers of new scripts that fail; any other thread may
 * reload as well. Reloads run one at a time. */
#ifndef MOONPORT_RELOAD_H
#define MOONPORT_RELOAD_H

#include "reload/history.h"
#include "reload/probation.h"
#include "reload/project.h"
#include "server.h"

struct reloader;

/* For a server that runs the project as generation 1. NULL with an error if there is no memory. If the directory cannot
 * be watched, this is only logged. */
struct reloader *reloader_open(struct server *server, const struct project *project,
                               struct error *error);
void reloader_close(struct reloader *reloader);

/* The server is about to stop: tests that run before a reload are ended, and from now on nothing is gone back from by
 * itself, however its handlers fail. To be called before server_drain. Any thread; does not wait. */
void reloader_rest(struct reloader *reloader);

/* The first loads the directory again, whether it has changed or not; the second goes back to the previous
 * scripts, and ends the tests of a reload that is under way. True: `text` says what runs now. False: it says why
 * nothing has changed. `text` gets lines, at most size bytes. From any thread but a worker's. */
bool reloader_reload(struct reloader *reloader, enum history_by by, char *text, size_t size);
bool reloader_rollback(struct reloader *reloader, enum history_by by, char *text, size_t size);

/* The settings in force; a reload may change some. From any thread; does not wait. */
struct options reloader_options(struct reloader *reloader);

/* How the probation of what runs goes, or went. From any thread; does not wait. */
void reloader_probation(struct reloader *reloader, struct probation_state *state);

/* The generations and the attempts that were refused, the newest first: see history_visit. From any thread; does not
 * wait. */
void reloader_history(struct reloader *reloader,
                      bool (*visit)(void *context, const struct history_entry *entry),
                      void *context);

/* How many generations and refused attempts there ever were. From any thread; does not wait. */
uint64_t reloader_attempts(struct reloader *reloader);

/* Makes the reloader's own thread load the directory again, without waiting for that. From any thread, and on
 * POSIX from a signal handler. */
void reloader_wake(struct reloader *reloader);

#endif
