/* pressure.h - what a worker does when its blocks or its memory run out.
 *
 * Blocks below an eighth: receiving pauses for every connection that has something to say, new
 * connections are refused, sending goes on. Blocks back above a quarter: they go on in the order
 * they began to wait. A connection whose packet finds no memory to grow waits in the same line.
 * When the first in line has waited PRESSURE_PATIENCE_MS, a connection is closed: one whose peer does not read what
 * is queued for it, or one that began a packet as long ago and does not end it, or else the first in line.
 *
 * Under load blocks run out and come back many times a second: that is one episode, and two lines in
 * the log, until all has been well for PRESSURE_CALM_MS. */
#ifndef MOONPORT_PRESSURE_H
#define MOONPORT_PRESSURE_H

#include "link/link.h"

enum { PRESSURE_PATIENCE_MS = 5000, PRESSURE_RETRY_MS = 50, PRESSURE_CALM_MS = 1000 };

/* At the end of every turn. */
void pressure_relieve(struct link_home *home);

/* When pressure_relieve should run again although nothing happens; UINT64_MAX: it need not. */
uint64_t pressure_next_ns(const struct link_home *home);

#endif
