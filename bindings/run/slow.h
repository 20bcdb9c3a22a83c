/* slow.h - tells of calls that kept their worker for longer than slow_handler: how long, and where they were. Of one
 * kind, a handler at a place, at most one line a second is logged; the next says how many there were in between. Kinds
 * are those of all workers. */
#ifndef MOONPORT_SLOW_H
#define MOONPORT_SLOW_H

#include "run/runtime.h"

enum { SLOW_KINDS = 32 };

struct slow; /* any thread */

struct slow *slow_open(void); /* NULL: no memory */
void slow_close(struct slow *slow);

/* Whether one of that kind may be logged at now_ns (monotonic). If so, *held_back is how many were not since the last. If
 * more than SLOW_KINDS come within a second, the rest is one kind. */
bool slow_may_log(struct slow *slow, const char *handler, const char *place, uint64_t now_ns,
                  uint64_t *held_back);

/* ---- a worker's thread ---- */

/* Calls that run for longer are told of; 0: none. Only of one that serves, from its start to its end: else nobody waits. */
void slow_set(struct runtime *runtime, uint64_t slow_ns);
void slow_begin(struct runtime *runtime);
void slow_end(struct runtime *runtime);

/* As struct overtime has it. */
void slow_heard(struct overtime *overtime, bool interrupted);

#endif
