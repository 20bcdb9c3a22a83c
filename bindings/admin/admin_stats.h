/* admin_stats.h - the figures of a server as text, for people: `moonport stats`. */
#ifndef MOONPORT_ADMIN_STATS_H
#define MOONPORT_ADMIN_STATS_H

#include "jobs/jobs.h"

struct server;

struct admin_stats {
    const struct server *server;
    struct jobs *jobs;
};

/* An admin_command's act; the context is a struct admin_stats. Writes a line for each figure: its name as in
 * server.stats(), and its value; times in seconds. Does not wait. */
bool admin_stats_tell(void *context, char *text, size_t size);

#endif
