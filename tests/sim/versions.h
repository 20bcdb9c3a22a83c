/* versions.h - the generations of the simulated script, good ones and broken ones, and their reloads. */
#ifndef MOONPORT_SIM_VERSIONS_H
#define MOONPORT_SIM_VERSIONS_H

#include "memory.h"

#include "draw.h"
#include "reload/review.h"
#include "run/code.h"

struct world;
struct version; /* one of them: a source, which is main.lua and a version.lua of its own */

struct versions {
    struct version *all;
    const struct source *scripts; /* what they have in common */
    uint64_t generation;          /* the last number given to a rollout */
    uint64_t running;             /* the version that surely runs everywhere */
    bool reloading;
};

/* The first version, to start a server with. */
struct plan *versions_first(struct world *world);

/* Loads another one into the running server, which goes on meanwhile. What must hold is checked. */
void versions_reload(struct world *world);

/* What is on probation has failed: as code without a flaw follows it, which is none of it. False: it could not be loaded.
 * The other: it has passed. */
bool versions_go_back(struct world *world);
void versions_pass(struct world *world);

/* Of the version that this source is. */
enum version_trial { TRIAL_NONE, TRIAL_GOES_ON, TRIAL_PASSED };
const struct version *version_of(const struct source *source);
uint64_t version_number(const struct version *version);
enum version_trial version_trial(const struct version *version);

/* Has it been loaded by all workers? */
bool versions_may_run(const struct world *world, uint64_t number);

/* Nobody may hold any of them any more. */
void versions_close(struct world *world);

#endif
