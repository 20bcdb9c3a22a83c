/* rollout.h - one generation on its way into all workers, with its settings: all of them switch to it,
 * or none.
 *
 * One thread drives it, not a worker's. A worker that is busy for too long may come to a step later,
 * when nobody waits any more: the last one to hold it frees it. */
#ifndef MOONPORT_ROLLOUT_H
#define MOONPORT_ROLLOUT_H

#include "reload/options.h"
#include "reload/report.h"
#include "reload/review.h"
#include "run/code.h"
#include "server.h"

struct rollout {
    _Atomic uint32_t holders;
    struct server *server;
    uint32_t workers;
    struct plan plan;       /* its source is held */
    struct review review;   /* to be filled in before it is prepared, as are plan.suspects */
    struct options options; /* and this */
    bool keeps_handlers;    /* and this: code without any handler does not replace code with some */
    char outside[512];     /* what worker 1 keeps of files that no reload loads anew: their names */
    bool forgets;          /* there it has an on_start, and no on_load */
    struct error errors[]; /* of each worker */
};

/* NULL: no memory. */
struct rollout *rollout_open(struct server *server, struct source *source, uint64_t generation);
void rollout_close(struct rollout *rollout);

/* Has every worker load it beside what runs. False, and the report says of which worker and why:
 * nothing has changed. */
bool rollout_prepare(struct rollout *rollout, struct report *report);

/* What has to be known of it, after it was prepared. */
void rollout_tell(const struct rollout *rollout, struct report *report);

/* Has every worker switch to it. False, and the report says so, if on_unload or on_load failed, or a
 * worker is busy and does it later. */
bool rollout_switch(struct rollout *rollout, struct report *report);

#endif
