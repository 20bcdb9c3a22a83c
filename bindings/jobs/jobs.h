/* jobs.h - work that blocks, beside the workers: a bounded pool of threads, each with a Lua state of its own, and the
 * queue of what they are to do. Knows no worker.
 *
 *     jobs_post --> queue --> a thread runs it --> done
 *         '--> jobs_abandon: it runs all the same, and nobody hears of it
 *
 * Threads are made when there is work for them. One that does not return is given up when its job has been
 * interrupted in vain: another takes its place, as often as there are threads. A thread that gets a job of newer scripts
 * begins with those anew; one of older scripts runs on the newer ones. Any thread may call all of it. */
#ifndef MOONPORT_JOBS_H
#define MOONPORT_JOBS_H

#include "jobs/job_state.h"

struct jobs;

struct jobs_limits {
    uint32_t threads, queue; /* jobs that wait, at most */
    uint64_t timeout_ns;     /* of one job, from its begin; 0: none */
};

enum job_phase { JOB_QUEUED, JOB_RUNS, JOB_DONE };

/* Whoever posts it sets the first part; it is the pool's until it is done, or after jobs_abandon. */
struct job {
    struct job_run *run;   /* malloc'ed: jobs_run_make; the pool's until the job is done */
    struct source *source; /* held */
    uint64_t generation;
    /* `run` has the answer, and is the caller's; perhaps under the pool's mutex. */
    void (*done)(struct job *job);
    void (*free)(struct job *job); /* of one that was abandoned */

    enum job_phase phase; /* under the pool's mutex, as all below */
    bool abandoned;
    struct list node;
};

enum { JOBS_BYTES_MAX = 64 << 20 }; /* of arguments and answers that were not freed yet */

/* For a job; NULL: no memory, or JOBS_BYTES_MAX are held. */
struct job_run *jobs_run_make(struct jobs *jobs, struct span module, struct span function,
                              struct span arguments);

/* No thread at all, with `steps`: the jobs run in jobs_step. NULL: no memory. */
struct jobs *jobs_open(const struct job_setup *setup, const struct jobs_limits *limits, bool steps);

void jobs_limit(struct jobs *jobs, const struct jobs_limits *limits);

/* NULL, or why it was not taken: "busy" (the queue is full, or no thread is left), "memory", "closed" (it ends). */
const char *jobs_post(struct jobs *jobs, struct job *job);

/* Nobody waits for it any more. Does nothing to one that is done. */
void jobs_abandon(struct jobs *jobs, struct job *job);

/* Waits until no thread is in a job's done(): that of a job which was abandoned before is called no more. */
void jobs_await_calls(struct jobs *jobs);

/* Runs the first of the queue here; false: there is none. */
bool jobs_step(struct jobs *jobs);

/* Waits until the job is done, and done() was called. It must not be abandoned. */
void jobs_await(struct jobs *jobs, const struct job *job);

struct jobs_figures {
    uint32_t threads, busy, queued, lost;
    uint64_t done, failed; /* of all time */
    uint64_t time_ns;      /* that those took */
};
struct jobs_figures jobs_figures(struct jobs *jobs);

/* The end: no job begins any more, what runs is interrupted, and waited for a moment. What is queued, which must be
 * abandoned, is dropped: *dropped, if that is not NULL. False: a thread does not return. */
bool jobs_end(struct jobs *jobs, uint32_t *dropped);

/* The same, and frees all; false: all has to stay. NULL is fine. */
bool jobs_close(struct jobs *jobs);

#endif
