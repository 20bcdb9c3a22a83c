/* run.h - one call of a script's function, on a coroutine of the pool.
 *
 *     run_take --> run_call --> DONE or FAILED --> run_done
 *                     |                               ^
 *                     '-> WAITS --run_resume--> ... finished
 *
 * A function that waits says so with run_wait; whatever it waits for ends that with run_resume, and the call
 * goes on. All of it is on the worker's thread. */
#ifndef MOONPORT_RUN_H
#define MOONPORT_RUN_H

#include "run/runtime.h"

/* What runs on coroutines too, but is nobody's handler; behind those of enum handler. */
enum {
    RUN_TIMER = HANDLERS,
    RUN_CALL, /* of on_call, for server.call */
    RUN_MAIN, /* main.lua itself */
    RUN_TEST, /* a function of a test file */
};

/* ENDED: it waited, and was given up. */
enum run_state { RUN_DONE, RUN_WAITS, RUN_FAILED, RUN_ENDED };

/* What a run waits for: one thing at a time. */
struct wait {
    bool lasts;
    struct wheel_timer deadline;

    /* At the deadline: pushes what the call returns on run->L; how many. */
    int (*late)(struct run *run);

    /* It is given up: nothing must resume it any more. NULL: only the deadline would. */
    void (*cancel)(struct run *run);
    void *context; /* of both */
};

struct run {
    struct runtime *runtime;
    lua_State *L;
    int anchor;          /* in the registry, keeps L alive */
    uint8_t kind;        /* enum handler, or one of those behind it */
    bool interrupted;    /* its last call was */
    bool reached;        /* its function was called */
    uint64_t generation; /* of the code that it runs */
    struct link *link;   /* whose it is, and with which it ends; NULL: nobody's */
    const void *conn;    /* the table that scripts know that link by */
    struct span packet;  /* of on_receive: the one to be handled next */
    uint64_t link_id;    /* the connection it is about; 0: none */
    struct list *owner;  /* where it stands while it waits */
    struct wait wait;
    void *context;      /* of `finished` */
    struct error *tell; /* takes a failure, which is logged otherwise */
    void (*hear)(struct run *run, const char *text); /* gets the text of one, too; or NULL */
    struct list node; /* among the free, or among those that wait for its connection */

    /* A call that had waited is over, one way or another. It does what follows, and run_done. NULL: there
     * is nothing but that to do. */
    void (*finished)(struct run *run, enum run_state state);
};

/* Takes a coroutine for a call; NULL, and it has been logged, when there is no memory. `link`: which it is
 * about, or NULL. */
struct run *run_take(struct runtime *runtime, int kind, struct link *link);

/* The same for a handler that is about no connection, which is on run->L then. */
struct run *run_take_loose(struct runtime *runtime, enum handler handler);

/* Calls the function that is on run->L with its arguments. DONE: its results are on run->L. FAILED:
 * it has been logged. After both, run_done. WAITS: it goes on by itself, and `finished` comes later. */
enum run_state run_call(struct run *run, int arguments);
void run_done(struct run *run);

/* In a C function of this name that Lua calls: the run that may wait now. Otherwise raises an error that says
 * why it cannot. */
struct run *run_check_wait(lua_State *L, const char *name);

/* The last thing that such a function does: `return run_wait(...)`. The call waits until run_resume, or until the
 * time is over; UINT64_MAX: for as long as that takes. Inline, for lua_yield does not return: the thread sanitizer
 * takes each function that it is called from for one that still runs, and copies all of them at each malloc. */
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

/* What it waited for is there: so many values on run->L are what the call returns. */
void run_resume(struct run *run, int results);

/* Ends the waiting coroutines of a connection; those that no connection owns, of generations below
 * one: how many; or all. */
void run_cancel_owned(struct runtime *runtime, const struct link *link);
int run_cancel_older(struct runtime *runtime, uint64_t generation);
void run_cancel_all(struct runtime *runtime);

/* Is any of those that wait in this list of this generation? */
bool run_any_of(const struct list *waiting, uint64_t generation);

#endif
