/* worker_fanout.h - one packet to many connections of one worker. It is framed once for each framing in use,
 * and what comes of that is shared by reference. */
#ifndef MOONPORT_WORKER_FANOUT_H
#define MOONPORT_WORKER_FANOUT_H

#include "server/worker.h"

/* To those of this worker's connections that are in the group (NULL: to all), but one. The last failure, if
 * nothing was queued. */
enum send_result worker_broadcast_here(struct worker *worker, struct group *group,
                                       struct span packet, uint64_t except, size_t *count);

#endif
