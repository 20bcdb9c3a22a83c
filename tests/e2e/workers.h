/* workers.h - a server with a connection on each of its workers. */
#ifndef MOONPORT_E2E_WORKERS_H
#define MOONPORT_E2E_WORKERS_H

#include "harness.h"

/* Client i is served by worker i + 1: the question is one that the script answers with the number of
 * its worker. There are at most nine. */
struct server begin_workers(const char *script, const char *question, int *clients, int count);
void end_workers(struct server *server, const int *clients, int count);

#endif
