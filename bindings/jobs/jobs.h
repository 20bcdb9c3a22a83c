/* jobs.h - runs blocking work outside the workers: a queue of jobs, and a bounded pool of threads, each with a Lua
 * state of its own. Does not depend on workers.
 *
 *     jobs_post --> queue --> a thread runs it --> done()
 *         '--> jobs_abandon: it still runs, but done() is not called
 *
 * Threads are made when there is work for them. A thread whose job does not end although it was interrupted is
 * given up as lost, and another one takes its place; lost and other threads are never more than twice `threads`. A
 * job of a newer generation makes its thread load the newer scripts first; a job of an older generation runs on the
 * newer scripts. Any thread may call these functions, but jobs_step only one. */
#ifndef MOONPORT_JOBS_H
#define MOONPORT_JOBS_H

#include "jobs/job_state.h"

struct jobs;

struct jobs_limits {
    uint32_t threads, queue; /* `queue`: the most jobs that may wait */
    uint64_t timeout_ns;     /* of one job, from when it starts; 0: none */
};

enum job_phase { JOB_QUEUED, JOB_RUNS, JOB_DONE };

/* The caller sets the first part. From jobs_post on the job belongs to the pool: until done() is called, or, once
 * it is abandoned, for good. */
struct job {
    struct job_run *run;   /* malloc'ed: jobs_run_make; the pool's until the job is done */
    struct source *source; /* held */
    uint64_t generation;
    /* `run` has the answer, and is the caller's; perhaps under the pool's mutex. */
    void (*done)(struct job *job);
    void (*free)(struct job *job); /* of one that was abandoned */

    enum job_phase phase; /* guarded by the pool's mutex, as all below */
    bool abandoned;
    struct list node;
};

enum { JOBS_BYTES_MAX = 64 << 20 }; /* of arguments and answers that were not freed yet */

/* For a job; NULL: no memory, or JOBS_BYTES_MAX are held. */
struct job_run *jobs_run_make(struct jobs *jobs, struct span module, struct span function,
                              struct span arguments);

/* With `steps` there are no threads: jobs run in jobs_step. NULL: no memory. */
struct jobs *jobs_open(const struct job_setup *setup, const struct jobs_limits *limits, bool steps);

void jobs_limit(struct jobs *jobs, const struct jobs_limits *limits);

/* Returns NULL, or why the job was refused: "busy" (the queue is full, or there is no thread), "closed" (the pool
 * is ending). */
const char *jobs_post(struct jobs *jobs, struct job *job);

/* The caller no longer waits for the job. Does nothing if it is done. */
void jobs_abandon(struct jobs *jobs, struct job *job);

/* Waits until no thread is inside a done(). After that, done() is not called for jobs that were abandoned before. */
void jobs_await_calls(struct jobs *jobs);

/* Runs the first queued job on this thread. False: there is none. */
bool jobs_step(struct jobs *jobs);

/* Waits until the job is done and done() has returned. The job must not be abandoned. */
void jobs_await(struct jobs *jobs, const struct job *job);

struct jobs_figures {
    uint32_t threads, busy, queued, lost;
    uint64_t done, failed; /* since the pool was opened */
    uint64_t time_ns;      /* run time of jobs, without those that were given up */
};
struct jobs_figures jobs_figures(struct jobs *jobs);

/* Ends the pool: no job starts any more, and running ones are interrupted. Waits a moment for their threads. Queued
 * jobs, which must be abandoned, are dropped, and counted in *dropped (may be NULL). False: a thread has not ended. */
bool jobs_end(struct jobs *jobs, uint32_t *dropped);

/* Does the same, and frees the pool. False: a thread has not ended, and nothing is freed. NULL is fine. */
bool jobs_close(struct jobs *jobs);

#endif
