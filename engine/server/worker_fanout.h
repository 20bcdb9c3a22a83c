/* worker_fanout.h - sends one packet to many connections of one worker. The packet is framed once for each framing in
 * use, and connections with the same framing share the result by reference. */
#ifndef MOONPORT_WORKER_FANOUT_H
#define MOONPORT_WORKER_FANOUT_H

#include "server/worker.h"

/* Sends to this worker's connections in the group (NULL: to all), except the one with id `except`. Returns the last
 * failure if the packet was queued nowhere. */
enum send_result worker_broadcast_here(struct worker *worker, struct group *group,
                                       struct span packet, enum packet_kind kind, uint64_t except,
                                       size_t *count);

#endif
