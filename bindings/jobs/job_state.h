/* job_state.h - the Lua state of a thread that runs jobs. It runs one generation of the scripts; modules are loaded
 * when a job first needs them, and keep their variables. Does not depend on a worker. Everything but struct
 * job_bytes belongs to that thread. */
#ifndef MOONPORT_JOB_STATE_H
#define MOONPORT_JOB_STATE_H

#include "jobs/job_run.h"
#include "lua/place.h"
#include "lua/state.h"
#include "scripts/source.h"

/* What all of them have in common. */
struct job_setup {
    size_t memory_max; /* bytes of one thread's Lua state; 0: no limit */
    bool sandbox, serves;
    void (*open)(struct state *state,
                 void *context); /* makes the global `server`; may raise an error */

    /* Whether what failed in a state of that generation may be logged: as struct state has it. Any thread. */
    bool (*may_log)(void *context, enum log_level level, const char *handler, const char *place,
                    const char *line, uint64_t generation);
    void *context;
};

struct job_state {
    struct state state;    /* its first member: state_of(L) is this */
    struct source *source; /* held; NULL: no Lua state is open */
    uint64_t generation;
    struct environment *environment;
    int modules; /* in the registry: table, name -> module that was started */
    const struct job_setup *setup;
    char place[PLACE_MAX]; /* where the last call has failed; "": unknown */
};

/* Makes what does not depend on a generation: what watches its calls. False: no memory. `stuck` is called on
 * another thread when a call does not end although it was interrupted. */
bool job_state_init(struct job_state *job, uint32_t number,
                    void (*stuck)(struct overtime *overtime));

/* Opens a Lua state for this generation. Keeps an open one of this generation or a later one, and closes an earlier
 * one first. False, with an error: no state is open. */
bool job_state_renew(struct job_state *job, const struct job_setup *setup, struct source *source,
                     uint64_t generation, uint64_t timeout_ns, struct error *error);

void job_state_run(struct job_state *job, struct job_run *run);

/* Calls on_job_stop of each module; after it, renew or the end. */
void job_state_close(struct job_state *job);
void job_state_end(struct job_state *job);

#endif
