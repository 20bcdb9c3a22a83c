/* rollout.h - brings one generation and its settings into all workers: all of them switch to it, or none.
 *
 * One thread that is not a worker's runs it. A worker that is busy for too long may reach a step when the rollout
 * is no longer waited for, so the last holder frees it. */
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
    struct review review;   /* this and plan.suspects are set before rollout_prepare */
    struct options options; /* set by then, too */
    bool keeps_handlers;    /* set by then, too: refuses code that has no handler any more */
    char outside[512];      /* from worker 1: names of files that no reload loads again */
    bool forgets;           /* from worker 1: on_start is defined, on_load is not */
    struct error errors[];  /* of each worker */
};

/* NULL: no memory. */
struct rollout *rollout_open(struct server *server, struct source *source, uint64_t generation);
void rollout_close(struct rollout *rollout);

/* Makes every worker load it beside the running code. False: the report says in which worker this failed and why,
 * and nothing has changed. */
bool rollout_prepare(struct rollout *rollout, struct report *report);

/* Adds warnings about it to the report, after it was prepared. */
void rollout_tell(const struct rollout *rollout, struct report *report);

/* Makes every worker switch to it. False: the report says that on_unload or on_load failed, or that a worker is
 * busy and will switch later. */
bool rollout_switch(struct rollout *rollout, struct report *report);

#endif
