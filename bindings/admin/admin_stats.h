/* admin_stats.h - the figures of a server as text, for people: `moonport stats`. */
#ifndef MOONPORT_ADMIN_STATS_H
#define MOONPORT_ADMIN_STATS_H

#include "jobs/jobs.h"

struct server;

struct admin_stats {
    const struct server *server;
    struct jobs *jobs;
};

/* An admin_command's act; the context is a struct admin_stats. A line for each figure: its name as server.stats() has it,
 * and its value; times in seconds. Waits for nobody. */
bool admin_stats_tell(void *context, char *text, size_t size);

#endif
