/* trials.h - versions of the script that are on probation: what their handlers did, counted a second time, and what must
 * follow from it. Those that fail are gone back from, as reload/generations.c does it: to code without a flaw. */
#ifndef MOONPORT_SIM_TRIALS_H
#define MOONPORT_SIM_TRIALS_H

#include "memory.h"

#include "reload/probation.h"

struct version;
struct world;

enum { TRIAL_WORKERS_MAX = 3 };

struct trials_model {
    struct probation probation;
    struct probation_past past;
    bool alarmed;
    uint64_t must_ns; /* since when it must be gone back from; 0: nothing says so */
    struct {
        const struct version *version; /* that it was when this was counted */
        uint64_t calls, failed;        /* of on_receive */
        uint64_t connections;          /* that failed: a bit each, by the peer's number */
    } workers[TRIAL_WORKERS_MAX];
};

void trials_model_open(struct world *world);
void trials_model_close(struct world *world);

/* Is the next one to be on probation? Then begin says that the workers have switched to it. */
bool trials_draw(struct world *world);
void trials_note_before(struct world *world);
void trials_begin(struct world *world, bool on_trial);

/* A packet is handed to the script of that worker; the result: if it fails, its connection must stay open. */
bool trials_handed(struct world *world, uint32_t worker);

/* A script says that on_receive is about to fail: of this version, on that worker, for that peer. */
void trials_failed(struct world *world, uint64_t version, uint32_t worker, uint32_t peer);

/* At any time, but while a reload goes on: looks at what is on probation. False: that is not due. */
bool trials_look(struct world *world);

#endif
