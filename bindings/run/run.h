/* run.h - one call of a script's function, on a coroutine of the pool.
 *
 *     run_take --> run_call --> DONE or FAILED --> run_done
 *                     |                               ^
 *                     '-> WAITS --run_resume--> ... finished
 *
 * A C function that has to wait calls run_wait; run_resume continues the call when the wait is over. Everything
 * here runs on the worker's thread. */
#ifndef MOONPORT_RUN_H
#define MOONPORT_RUN_H

#include "run/runtime.h"

/* ENDED: it was cancelled while it waited. */
enum run_state { RUN_DONE, RUN_WAITS, RUN_FAILED, RUN_ENDED };

/* What a run waits for: one thing at a time. */
struct wait {
    bool lasts;
    struct wheel_timer deadline;

    /* At the deadline: pushes the results of the waiting function on run->L; returns how many. */
    int (*late)(struct run *run);

    /* The run is cancelled: from now on nothing may resume it. NULL: only the deadline would have. */
    void (*cancel)(struct run *run);
    void *context; /* for late and cancel */
};

struct run {
    struct runtime *runtime;
    lua_State *L;
    int anchor;          /* in the registry, keeps L alive */
    uint8_t kind;        /* see run_names */
    bool interrupted;    /* its last call was interrupted */
    bool reached;        /* its function was called */
    bool has_more;       /* of on_receive: its framing makes more of packets than bytes */
    bool on_trial;       /* its code was, when it began */
    uint64_t generation; /* of the code that it runs */
    uint64_t begun_ns;   /* but of on_receive: when it was last called or went on */
    struct link *link;   /* the connection that it ends with; NULL: none */
    const void *conn;    /* the table that scripts have for that link */
    struct span packet;  /* of on_receive: the next one to be handled */
    uint64_t link_id;    /* the connection it is about; 0: none */
    struct list *owner;  /* the list that it is in while it waits */
    struct wait wait;
    void *context;                                   /* for `finished` */
    struct error *tell;                              /* receives a failure; NULL: it is logged */
    void (*hear)(struct run *run, const char *text); /* gets its text as well; or NULL */
    struct list node;                                /* in the list of free runs, or in `owner` */

    /* A call that had waited is over, one way or another. Must call run_done in the end. NULL: run_done is
     * called. */
    void (*finished)(struct run *run, enum run_state state);
};

static inline const char *run_name(const struct run *run)
{
    return run_names[run->kind];
}

/* Takes a coroutine for a call. `link`: the connection that it is about, or NULL. Returns NULL, after logging it,
 * when there is no memory. */
struct run *run_take(struct runtime *runtime, int kind, struct link *link);

/* The same for a handler that is about no connection; the handler is pushed on run->L. */
struct run *run_take_loose(struct runtime *runtime, enum handler handler);

/* Calls the function that is on run->L with its arguments. DONE: its results are on run->L. FAILED: the failure
 * has been reported. After either, call run_done. WAITS: the call goes on later, and then `finished` is called. */
enum run_state run_call(struct run *run, int arguments);
void run_done(struct run *run);

/* The same for the function that calls on_receive, which says of each packet that it is called for it. */
enum run_state run_call_packets(struct run *run, int arguments);
static inline void run_count_packet(struct runtime *runtime)
{
    meter_packet(&runtime->sample, runtime->meters);
}

/* Shows other threads what was counted, and how much memory Lua holds. Every call does it at its end; it may be called
 * within one. */
static inline void run_publish(struct runtime *runtime)
{
    meter_publish_packets(&runtime->sample, runtime->meters);
    counter_set(&runtime->meters->lua_memory, runtime->state.heap.used);
}

/* In place of run_call: there was no memory for its arguments, as the error on the top of L's stack says, which is
 * logged. */
void run_not_called(const struct run *run, lua_State *L);

/* For a C function of this name that Lua calls: returns the current run if it may wait here. Otherwise raises an
 * error that says why not. */
struct run *run_check_wait(lua_State *L, const char *name);

/* Such a function ends with `return run_wait(...)`. The call waits until run_resume, or until delay_ns have
 * passed; UINT64_MAX: no limit. Inline because lua_yield does not return: the thread sanitizer takes each caller
 * of it for a function that still runs, and copies all of these at each malloc. */
static inline int run_wait(struct run *run, uint64_t delay_ns, int (*late)(struct run *run),
                           void (*cancel)(struct run *run))
{
    run->wait.lasts = true;
    run->wait.late = late;
    run->wait.cancel = cancel;
    if (delay_ns != UINT64_MAX)
        worker_timer_start(run->runtime->worker, &run->wait.deadline, delay_ns);
    return lua_yield(run->L, 0);
}

/* Continues a waiting run: the top `results` values on run->L become the results of the function that waited. */
void run_resume(struct run *run, int results);

/* Ends waiting coroutines: those of a connection; those that no connection owns, of generations below
 * `generation` (returns how many); or all. */
void run_cancel_owned(struct runtime *runtime, const struct link *link);
int run_cancel_older(struct runtime *runtime, uint64_t generation);
void run_cancel_all(struct runtime *runtime);

/* Is any of the runs in this list of this generation? */
bool run_any_of(const struct list *waiting, uint64_t generation);

#endif
