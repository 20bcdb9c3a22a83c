/* runtime.h - one worker's Lua: its state, its handlers, the coroutines they run on.
 *
 * Everything here belongs to the worker's thread. */
#ifndef MOONPORT_RUNTIME_H
#define MOONPORT_RUNTIME_H

#include "lua/state.h"
#include "script.h"
#include "scripts/handler.h"

#include <stdbool.h>

#define MOONPORT_VERSION "0.1.0"

/* Where things stand on the stack of the main state, for the engine's callbacks: they run while no
 * Lua does. C functions that Lua calls use the registry. */
enum {
    SLOT_CONNS = 1, /* table: slot of the link + 1 -> conn; in the registry as runtime->conns */
    SLOT_DRIVE,     /* what calls on_receive; in the registry as state.hidden */
    SLOT_HANDLERS,  /* and those after it: function or nil, by enum handler */
    SLOT_HANDED = SLOT_HANDLERS + HANDLERS, /* what on_unload hands to on_load */
    SLOT_TOP = SLOT_HANDED,
};

struct runtime {
    struct state state; /* its first member: state_of(L) is the runtime too */
    struct worker *worker;
    const struct program *program;
    struct code *code;    /* the generation that runs */
    struct code *next;    /* one that is loaded, and may take its place */
    struct code *loading; /* whose main.lua runs now: its timers wait until it is live */
    bool has[HANDLERS];
    bool started;             /* on_start is over */
    struct error start_error; /* how it failed */
    bool joined;              /* what program->channels counts */
    int fakes;             /* in the registry: table, name -> function that tests have for a job */
    uint32_t calls;        /* of server.call that are out */
    int conns;             /* in the registry: see SLOT_CONNS */
    struct run *current;   /* NULL while no Lua runs on a coroutine */
    struct run *spare;     /* the one that most calls run on */
    struct list free_runs; /* and others, while that one waits */
    uint32_t free_run_count;
    struct list loose;          /* waiting runs that no connection owns */
    struct list *owned;         /* worker_slots of them: see runtime_owned */
    struct list timers;         /* struct timer that run */
    struct list groups;         /* what scripts hold of them: lua_group.c */
    struct frame *framings[64]; /* made by conn:framing; kept for good */
    int framing_count;
    uint64_t full_ns; /* the turn in which Lua's memory was full in spite of a collection */
};

/* What scripts can call: all that run/ knows of it. */
struct api {
    /* Puts it where scripts find it; before the first script, in a protected call. */
    void (*open)(struct runtime *runtime);
    void (*close)(struct runtime *runtime); /* after its Lua state */

    /* The conn of a link; false, and it has been logged, when there is no memory. */
    bool (*add_conn)(struct runtime *runtime, struct link *link);
    void (*remove_conn)(struct runtime *runtime, struct link *link);

    /* Of the code that posted a message; and pushes its value on the coroutine `to`. False: no memory; the error
     * is left on the main state. */
    uint64_t (*message_generation)(struct span bytes);
    bool (*push_message)(struct runtime *runtime, lua_State *to, struct span bytes);
};

/* What all workers run, as it was at the start; whoever starts the server keeps it until the end. */
struct program {
    const struct plan *plan;
    const struct api *api;
    struct shared *shared;     /* server.shared */
    struct jobs *jobs;         /* server.job */
    bool awaits_jobs;          /* a job is done when server.job waits for it: in tests of scripts */
    struct channels *channels; /* server.channel and server.signal */
    size_t memory_max;         /* bytes of one worker's Lua state; 0: no limit */
    uint64_t timeout_ns;       /* of a handler; 0: none */
    bool sandbox;              /* nothing of the system is within reach of scripts */
    struct runtime *
        *made; /* is told of each runtime, of tests: all workers are one thread then; or NULL */
    struct error *witness; /* takes the first failure of a handler, which is logged otherwise */
    bool only_loads;       /* no handler is called, and no timer fires */
    bool serves;           /* what scripts print waits for nobody */
};

/* The waiting runs of a connection's slot. Heads that were never asked for are zero, and take no memory. */
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
