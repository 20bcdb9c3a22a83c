/* runtime.h - one worker's Lua: its state, its handlers, the coroutines they run on.
 *
 * Everything here belongs to the worker's thread. */
#ifndef MOONPORT_RUNTIME_H
#define MOONPORT_RUNTIME_H

#include "base/error.h"
#include "base/list.h"
#include "base/log_limit.h"
#include "lua/compat.h"
#include "lua/heap.h"
#include "lua/lua_text.h"
#include "lua/overtime.h"
#include "script.h"

#include <stdbool.h>

#define MOONPORT_VERSION "0.1.0"

enum handler {
    ON_START,
    ON_CONNECT,
    ON_RECEIVE,
    ON_DRAIN,
    ON_IDLE,
    ON_DISCONNECT,
    ON_MESSAGE,
    ON_UNLOAD,
    ON_LOAD,
    ON_STOP,
    HANDLERS,
    /* What runs on coroutines too, but is nobody's handler. */
    RUN_TIMER = HANDLERS,
    RUN_MAIN, /* main.lua itself */
    RUN_TEST, /* a function of a test file */
};
extern const char *const handler_names[HANDLERS];

/* Where things stand on the stack of the main state, for the engine's callbacks: they run while no
 * Lua does. C functions that Lua calls use the registry. */
enum {
    SLOT_CONNS = 1, /* table: slot of the link + 1 -> conn; in the registry as runtime->conns */
    SLOT_DRIVE,     /* what calls on_receive; in the registry as runtime->drive */
    SLOT_HANDLERS,  /* and those after it: function or nil, by enum handler */
    SLOT_HANDED = SLOT_HANDLERS + HANDLERS, /* what on_unload hands to on_load */
    SLOT_TOP = SLOT_HANDED,
};

enum run_state { RUN_DONE, RUN_WAITS, RUN_FAILED };

/* A coroutine of the pool, and the call that it runs. */
struct run {
    struct runtime *runtime;
    lua_State *L;
    int anchor;               /* in the registry, keeps L alive */
    uint8_t handler;          /* enum handler */
    uint64_t generation;      /* of the code that it runs */
    struct link *link;        /* whose it is, and with which it ends; NULL: nobody's */
    const void *conn;         /* the table that scripts know that link by */
    struct span packet;       /* of on_receive: the one to be handled next */
    uint64_t link_id;         /* the connection it is about; 0: none */
    struct list *owner;       /* where it stands while it waits */
    bool sleeping;            /* `sleep` runs: it yielded to be resumed */
    bool interrupted;         /* its last call was */
    bool reached;             /* its handler was called */
    struct wheel_timer sleep; /* wakes it up */
    struct lua_timer *timer;  /* of RUN_TIMER: which one */
    struct error *tell;       /* takes a failure, which is logged otherwise */
    struct list node;         /* among the free, or among those that wait for its connection */
};

struct runtime {
    lua_State *L;
    struct worker *worker;
    const struct program *program;
    uintptr_t stack_base; /* of its thread; the stack is below it */
    struct heap heap;
    struct overtime overtime;
    uint64_t timeout_ns;  /* of a handler; 0: none */
    struct code *code;    /* the generation that runs */
    struct code *next;    /* one that is loaded, and may take its place */
    struct code *loading; /* whose main.lua runs now: its timers wait until it is live */
    int base, closet;     /* in the registry; these and all below are environment.c's */
    struct list environments;
    struct environment *shown; /* NULL: none is */
    uint64_t shown_generation; /* its generation */
    uint64_t environments_made;
    bool has[HANDLERS];
    bool started;             /* on_start is over */
    struct error start_error; /* how it failed */
    int conns, drive;         /* in the registry: see SLOT_CONNS, SLOT_DRIVE */
    struct run *current;      /* NULL while no Lua runs on a coroutine */
    struct run *spare;        /* the one that most calls run on */
    struct list free_runs;    /* and others, while that one waits */
    uint32_t free_run_count;
    struct list loose;          /* waiting runs that no connection owns */
    struct list *owned;         /* worker_slots of them: waiting runs of each connection */
    struct list timers;         /* struct lua_timer that run */
    struct list groups;         /* what scripts hold of them: lua_group.c */
    struct frame *framings[64]; /* made by conn:framing; kept for good */
    int framing_count;
    uint64_t full_ns; /* the turn in which Lua's memory was full in spite of a collection */
    struct {
        char text[1024]; /* of the warning that comes in pieces */
        size_t size;
        bool goes_on; /* the next piece is of the same one */
        bool off;     /* the generation that is shown has said "@off" */
    } warning;
};

/* What all workers run, as it was at the start; whoever starts the server keeps it until the end. */
struct program {
    const struct plan *plan;
    struct shared *shared; /* server.shared */
    size_t memory_max;     /* bytes of one worker's Lua state; 0: no limit */
    uint64_t timeout_ns;   /* of a handler; 0: none */
    bool sandbox;          /* nothing of the system is within reach of scripts */
    struct runtime **made; /* is told of the runtime, of tests; or NULL */
    struct error *witness; /* takes the first failure of a handler, which is logged otherwise */
    bool only_loads;       /* no handler is called, and no timer fires */
    bool serves;           /* what scripts print waits for nobody */
};

/* The engine's callbacks; their context is a struct program. */
extern const struct script lua_script;

/* ---- run.c ---- */

/* Takes a coroutine for a call; NULL, and it has been logged, when there is no memory. */
struct run *run_take(struct runtime *runtime, enum handler handler, struct link *link);

/* The same for a handler that is about no connection, which is on run->L then. */
struct run *run_take_loose(struct runtime *runtime, enum handler handler);

/* Calls the function that is on run->L with its arguments. DONE: its results are on run->L. FAILED:
 * it has been logged. After both, run_done. WAITS: it goes on by itself, and runtime_finished comes
 * later. */
enum run_state run_call(struct run *run, int arguments);
void run_done(struct run *run);

/* "on_receive", "timer", ... */
const char *run_name(const struct run *run);

/* Lua: server.sleep(seconds). */
int run_sleep(lua_State *L);

/* Ends the waiting coroutines of a connection; those that no connection owns, of generations below
 * one: how many; or all. */
void run_cancel_owned(struct runtime *runtime, const struct link *link);
int run_cancel_older(struct runtime *runtime, uint64_t generation);
void run_cancel_all(struct runtime *runtime);

/* Is any of those that wait in this list of this generation? */
bool run_any_of(const struct list *waiting, uint64_t generation);

/* ---- start.c, handlers.c ---- */

/* A worker's Lua, from the context, a struct program. */
void *runtime_start(void *context, struct worker *worker, struct error *error);
void runtime_stop(void *state);

/* Where the frame of what calls on_receive begins, at the end of a traceback. */
extern const char handlers_drive_frame[];
void handlers_open(struct runtime *runtime);

/* What follows when a call is over that had waited; and when it was on_start. */
void runtime_finished(struct run *run, enum run_state state);
void runtime_started(struct run *run, enum run_state state);

/* ---- runtime.c ---- */

/* Logs "what: text", unless it comes too often: see worker_may_log. */
void runtime_log(struct runtime *runtime, enum log_level level, const char *what, const char *text);

/* Calls the function, which finds the argument as light userdata at 1, where an error can do no harm;
 * false, and the error has been logged. The other one leaves it in *error. */
bool runtime_protect(struct runtime *runtime, lua_CFunction function, void *argument);
bool runtime_try(struct runtime *runtime, lua_CFunction function, void *argument,
                 struct error *error);

/* Tells the error object on the top of the coroutine's stack, with its traceback: in run->tell, or
 * in the log. The other one: an error out of its variables with __close, while it was given up. */
void runtime_failed(struct run *run);
void runtime_close_failed(struct run *run);

/* Logs that a handler was not called, for the error on the top of L's stack. */
void runtime_not_called(const struct run *run, lua_State *L);

/* The runtime that a C function was registered with: its first upvalue, and the owner of its state. */
static inline struct runtime *runtime_of(lua_State *L)
{
    return compat_owner(L);
}

/* Adds the functions to the table on the top of the stack, each with the runtime as upvalue. */
void runtime_register(struct runtime *runtime, lua_State *L, const luaL_Reg *functions);

/* nil, code */
int runtime_refuse(lua_State *L, const char *code);

/* Seconds at `index` as nanoseconds. False: it is a number that is none, which runtime_refuse_seconds tells
 * of; another type raises an error. */
bool runtime_read_seconds(lua_State *L, int index, uint64_t *nanoseconds);

/* nil, "badnumber", what is wrong with it */
int runtime_refuse_number(lua_State *L, lua_Number number, const char *expected);
int runtime_refuse_seconds(lua_State *L, int index);

/* ---- library.c, library_debug.c, library_levels.c, coroutines.c ---- */

/* Lua's own libraries, but for what a script must not have. */
void library_open(struct runtime *runtime);
void library_open_debug(struct runtime *runtime);
void library_check_info(lua_State *L); /* arguments of debug.getinfo */
void library_open_levels(struct runtime *runtime);
void coroutines_open(struct runtime *runtime);

#if COMPAT_HOOK_PER_COROUTINE
/* Does a function stand at this level of the coroutine that Lua's xpcall would not have put there? */
bool coroutines_hide(lua_State *of, int level);
#endif

/* ---- lua_print.c ---- */

/* print, and what the library io writes to standard output and error, so that no worker waits for
 * whoever reads it. What nobody takes is lost, as of the log. */
void lua_print_open(lua_State *L);

/* Logs how many lines were lost since it was logged last; at the end. Any thread. */
void lua_print_tell_lost(void);

/* ---- lua_warn.c ---- */

/* Warnings of Lua's go to the log; and so do those of the global `warn`. */
void lua_warn_hear(struct runtime *runtime);
void lua_warn_open(struct runtime *runtime);

/* ---- lua_conn.c ---- */

void lua_conn_open(struct runtime *runtime); /* metatable, send, broadcast */

/* Makes the conn of a link; false, and it has been logged, when there is no memory. */
bool lua_conn_add(struct runtime *runtime, struct link *link);
void lua_conn_remove(struct runtime *runtime, struct link *link);

/* Is the table on the top of the stack the metatable of a conn? */
bool lua_conn_is_metatable(lua_State *L);

/* For functions that take a conn: its link, NULL when it has ended, an error when it is no conn; the
 * one in { except = conn }, which may be missing; true, or nil and why it was not sent. */
struct link *lua_conn_check(lua_State *L, int index);
const struct link *lua_conn_check_except(lua_State *L, int index);
int lua_conn_answer(lua_State *L, enum send_result result);

/* ---- lua_framing.c, for config_lua.c too ---- */

enum framing_fault {
    FRAMING_FINE,
    FRAMING_UNKNOWN, /* it is of a wrong type, or names what there is not */
    FRAMING_BAD,     /* a value is one that it cannot have */
};

/* A framing as scripts and config.lua write it, the value at `index`: "line", "length,size=2", or
 * { "length", size = 2, order = "big" }. The frame must be frame_default at first. */
enum framing_fault lua_framing_read(lua_State *L, int index, struct frame *frame,
                                    struct error *error);

/* A plain value at `index` as the text that config_set and frame_set take; false if it is none. `name` is
 * what the error calls it. */
bool lua_setting_text(lua_State *L, int index, const char *name, char *text, size_t size,
                      struct error *error);

/* ---- lua_server.c, lua_group.c, lua_timer.c ---- */

void lua_server_open(struct runtime *runtime); /* the table `server` */
int lua_group_get(lua_State *L);
void lua_group_open(struct runtime *runtime);
void lua_group_close(struct runtime *runtime); /* after its Lua state */
int lua_timer_after(lua_State *L);
int lua_timer_every(lua_State *L);
void lua_timer_open(struct runtime *runtime);
void lua_timer_finished(struct lua_timer *timer);

/* Starts those that main.lua made while it was loaded; stops all that run: how many. */
void lua_timer_start_all(struct runtime *runtime, struct list *timers);
int lua_timer_stop_all(struct runtime *runtime, struct list *timers);

/* ---- lua_shared.c, lua_message.c: each adds to the table `server`, on the top of the stack ---- */

void lua_shared_open(struct runtime *runtime);
void lua_message_open(struct runtime *runtime);

/* Of the code that posted it. */
uint64_t lua_message_generation(struct span bytes);

/* Pushes the value that another worker has posted on the coroutine `to`. False: no memory; the error
 * is left on runtime->L. */
bool lua_message_push(struct runtime *runtime, lua_State *to, struct span bytes);

#endif
