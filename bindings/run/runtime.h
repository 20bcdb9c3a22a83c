/* runtime.h - one worker's Lua: its state, its handlers, the coroutines they run on.
 *
 * Everything here belongs to the worker's thread. */
#ifndef MOONPORT_RUNTIME_H
#define MOONPORT_RUNTIME_H

#include "lua/state.h"
#include "run/meter.h"
#include "script.h"
#include "scripts/handler.h"

#include <stdbool.h>

struct tally;  /* trial.h */
struct trials; /* likewise */

#define MOONPORT_VERSION "0.1.0"

/* What the stack of the main state holds for the engine's callbacks, which run while no Lua does. C functions
 * that Lua calls use the registry. */
enum {
    SLOT_CONNS = 1, /* table: slot of the link + 1 -> conn; in the registry as runtime->conns */
    SLOT_DRIVE,     /* the function that calls on_receive; in the registry as state.hidden */
    SLOT_HANDLERS,  /* and after it: function or nil, by enum handler */
    SLOT_HANDED = SLOT_HANDLERS + HANDLERS, /* what on_unload hands to on_load */
    SLOT_TOP = SLOT_HANDED,
};

struct runtime {
    struct state state; /* its first member: state_of(L) is the runtime too */
    struct worker *worker;
    const struct program *program;
    struct meters *meters;      /* the program's, of this worker */
    struct meter_sample sample; /* of calls of on_receive */
    uint64_t slow_ns;           /* see slow_set */
    struct code *code;          /* the running generation */
    struct code *next;          /* loaded, and may take its place */
    struct code *loading;       /* its main.lua runs now: its timers wait until it is live */
    bool has[HANDLERS];
    bool keeps_failed;        /* a connection whose handler fails stays open: setting on_error */
    bool on_trial;            /* the running code is: then it stays open in any case */
    struct tally *tally;      /* of the running code; NULL: nothing is counted */
    bool started;             /* on_start has succeeded */
    struct error start_error; /* why on_start failed */
    bool joined;              /* program->channels counts this worker */
    int fakes; /* in the registry: table, name -> function that a test has put in place of a job */
    uint32_t calls;        /* of server.call that wait for a result */
    int conns;             /* in the registry: see SLOT_CONNS */
    struct run *current;   /* NULL while no Lua runs on a coroutine */
    struct run *spare;     /* the one that most calls use */
    struct list free_runs; /* used while that one is taken */
    uint32_t free_run_count;
    struct list loose;          /* the waiting runs that no connection owns */
    struct list *owned;         /* worker_slots heads: see runtime_owned */
    struct list timers;         /* of struct timer, the running ones */
    struct list groups;         /* groups that scripts hold: lua_group.c */
    struct frame *framings[64]; /* made by conn:framing: lua_framing_kept.c */
    int framing_count;
    uint64_t framings_swept; /* the generation in which those that nobody has were last dropped */
    struct wheel_timer failures_told; /* runs while something is held back in the log */
    uint64_t full_ns; /* the turn in which Lua's memory stayed full after a collection */
};

/* The functions that scripts can call; run/ knows them only through this. */
struct api {
    /* Puts them where scripts find them; before the first script, in a protected call. */
    void (*open)(struct runtime *runtime);
    void (*close)(struct runtime *runtime); /* after its Lua state */

    /* Makes the conn of a link. Returns false, after logging it, when there is no memory. */
    bool (*add_conn)(struct runtime *runtime, struct link *link);
    void (*remove_conn)(struct runtime *runtime, struct link *link);

    /* In on_receive, with the body of an HTTP request on the top: puts the request in its place, with that body. */
    void (*push_request)(lua_State *L, const struct link *link);

    /* The generation of the code that posted a message. push_message pushes its value on the coroutine `to`;
     * false: there is no memory, and the error is left on the main state. */
    uint64_t (*message_generation)(struct span bytes);
    bool (*push_message)(struct runtime *runtime, lua_State *to, struct span bytes);
};

/* What all workers run, as it was at the start. The caller that starts the server keeps it until the end. */
struct program {
    const struct plan *plan;
    const struct api *api;
    struct shared *shared;        /* server.shared */
    struct jobs *jobs;            /* server.job */
    bool awaits_jobs;             /* server.job blocks until the job is done: in tests of scripts */
    struct channels *channels;    /* server.channel and server.signal */
    struct meters *meters;        /* by a worker's index */
    struct script_errors *errors; /* of all workers, and of jobs */
    struct slow *slow;            /* slow calls of all workers */
    size_t memory_max;            /* bytes of one worker's Lua state; 0: no limit */
    uint64_t timeout_ns;          /* of a handler; 0: none */
    uint64_t slow_ns;             /* a call that takes longer is told of; 0: none */
    struct trials *trials;        /* NULL: nothing is counted */
    bool keeps_failed;            /* see struct runtime */
    bool sandbox;                 /* scripts cannot reach the system */
    struct runtime *
        *made; /* in tests, receives each new runtime: all workers are one thread then; or NULL */
    struct error *witness; /* receives the first failure of a handler; later ones are logged */
    bool only_loads;       /* no handler is called, and no timer fires */
    bool serves;           /* printing does not wait for a reader */
};

/* The waiting runs of a connection's slot. List heads that were never used are zero, and take no memory. */
static inline struct list *runtime_owned(struct runtime *runtime, uint32_t slot)
{
    struct list *head = &runtime->owned[slot];
    if (head->next == NULL) list_init(head);
    return head;
}

/* The runtime that a C function was registered with. */
static inline struct runtime *runtime_of(lua_State *L)
{
    return (struct runtime *)state_of(L);
}

#endif
