/* pressure.h - what a worker does when its blocks or its memory run out.
 *
 * When less than an eighth of the blocks is free, receiving pauses for every connection that has input,
 * and new connections are refused; sending goes on. When a quarter is free again, connections resume in the
 * order in which they began to wait. A connection that finds no memory for a large packet waits in the same
 * line. When the first in line has waited for PRESSURE_PATIENCE_MS, one connection is closed: one whose peer
 * does not read its queue; or one that began a packet that long ago and has not finished it; or else the
 * first in line.
 *
 * Under load, blocks may run out and come back many times a second. This counts as one episode, and logs two
 * lines, until there has been no shortage for PRESSURE_CALM_MS. */
#ifndef MOONPORT_PRESSURE_H
#define MOONPORT_PRESSURE_H

#include "link/link.h"

enum { PRESSURE_PATIENCE_MS = 5000, PRESSURE_RETRY_MS = 50, PRESSURE_CALM_MS = 1000 };

/* To be called at the end of every turn. */
void pressure_relieve(struct link_home *home);

/* When pressure_relieve should run again if no event comes first; UINT64_MAX: it need not. */
uint64_t pressure_next_ns(const struct link_home *home);

#endif
