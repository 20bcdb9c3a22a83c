/* job_state.h - the Lua state of one thread that runs jobs: one generation of the scripts, whose modules are loaded
 * when they are first asked for and keep what they have. Knows no worker. All of it is on its thread. */
#ifndef MOONPORT_JOB_STATE_H
#define MOONPORT_JOB_STATE_H

#include "base/log_limit.h"
#include "lua/state.h"
#include "scripts/source.h"

/* Arguments and answers, of all threads. */
struct job_bytes {
    _Atomic size_t used;
    size_t limit;
};

/* False: it would be too many. */
bool job_bytes_take(struct job_bytes *bytes, size_t size);
void job_bytes_give(struct job_bytes *bytes, size_t size);

/* What all of them have in common. */
struct job_setup {
    size_t memory_max; /* bytes of one's Lua state; 0: no limit */
    bool sandbox, serves;
    void (*open)(struct state *state,
                 void *context); /* makes the global `server`; may raise an error */
    void *context;
};

struct job_state {
    struct state state;    /* its first member: state_of(L) is this */
    struct source *source; /* held; NULL: it is not open */
    uint64_t generation;
    struct environment *environment;
    int modules; /* in the registry: table, name -> module of which on_job_start has run */
    struct log_limit limit;
};

/* What is asked of it, and what became of that. Its bytes are counted while it lives. */
struct job_run {
    struct job_bytes *bytes;
    size_t held;
    const char *module, *function;
    struct span arguments; /* of value_encode */
    const char
        *code;       /* how it has failed: "error" "timeout" "unknown" "memory"; NULL: it has not */
    uint8_t *answer; /* malloc'ed: values as bytes, or the text of an error; NULL: none */
    size_t answer_size;
};

/* Makes what does not depend on a generation: what watches its calls. False: no memory. `stuck` is called on
 * another thread when a call does not end although it was interrupted. */
bool job_state_init(struct job_state *job, uint32_t number,
                    void (*stuck)(struct overtime *overtime));

/* The Lua state for a generation, unless it has that or a later one; for another, on_job_stop is called first. False, with an
 * error: it is closed. */
bool job_state_renew(struct job_state *job, const struct job_setup *setup, struct source *source,
                     uint64_t generation, uint64_t timeout_ns, struct error *error);

void job_state_run(struct job_state *job, struct job_run *run);

/* Copies the bytes to its answer; false: there is no memory, or they are too many, and it has none. */
bool job_run_keep(struct job_run *run, struct span bytes);

/* Calls on_job_stop of each module; after it, renew or the end. */
void job_state_close(struct job_state *job);
void job_state_end(struct job_state *job);

#endif
