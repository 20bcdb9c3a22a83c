/* stop.h - ends a server when that is asked for, and in the time that was promised, whatever its scripts
 * do. */
#ifndef MOONPORT_STOP_H
#define MOONPORT_STOP_H

#include "jobs/jobs.h"
#include "reload/reload.h"

/* Waits until a stop is asked for, and drains the server and the jobs. When this returns all of its workers have ended,
 * and what is left to close (the reloader, the server) has a time, too, until stop_is_over. Workers that do
 * not return from a script, and what does not close, end with the process, whose exit status says so. */
void stop_when_asked(struct server *server, struct reloader *reloader, struct jobs *jobs);
void stop_is_over(void);

#endif
