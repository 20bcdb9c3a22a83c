/* runtime.h - one worker's Lua: its state, its handlers, the coroutines they run on.
 *
 * Everything here belongs to the worker's thread. */
#ifndef MOONPORT_RUNTIME_H
#define MOONPORT_RUNTIME_H

#include "compat.h"
#include "error.h"
#include "list.h"
#include "log.h"
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
    ON_STOP,
    HANDLERS,
};
extern const char *const handler_names[HANDLERS];

/* Where things stand on the stack of the main state, for the engine's callbacks: they run while no
 * Lua does. C functions that Lua calls use the registry. */
enum {
    SLOT_CONNS = 1, /* table: slot of the link + 1 -> conn; in the registry as runtime->conns */
    SLOT_ENV,       /* the globals of main.lua */
    SLOT_HANDLERS,  /* and those after it: function or nil, by enum handler */
    SLOT_TOP = SLOT_HANDLERS + HANDLERS - 1,
};

enum run_state { RUN_DONE, RUN_WAITS, RUN_FAILED };

/* A coroutine of the pool, and the call that it runs. */
struct run {
    struct runtime *runtime;
    lua_State *L;
    int anchor;               /* in the registry, keeps L alive */
    uint8_t handler;          /* enum handler, or HANDLERS: a timer */
    struct link *link;        /* whose it is, and with which it ends; NULL: nobody's */
    uint64_t link_id;         /* the connection it is about; 0: none */
    struct list *owner;       /* where it stands while it waits */
    bool sleeping;            /* `sleep` runs: it yielded to be resumed */
    struct wheel_timer sleep; /* wakes it up */
    struct lua_timer *timer;  /* of HANDLERS: which one */
    struct list node;         /* among the free, or among those that wait for its connection */
};

struct runtime {
    lua_State *L;
    struct worker *worker;
    const struct program *program;
    bool has[HANDLERS];
    int conns;                  /* in the registry: see SLOT_CONNS */
    struct run *current;        /* NULL while no Lua runs on a coroutine */
    struct run *spare;          /* the one that most calls run on */
    struct list free_runs;      /* and others, while that one waits */
    struct list loose;          /* waiting runs that no connection owns */
    struct list *owned;         /* worker_slots of them: waiting runs of each connection */
    struct list timers;         /* struct lua_timer that run */
    struct frame *framings[64]; /* made by conn:framing; kept for good */
    int framing_count;
    struct log_limit failures;
};

/* What all workers load: read once, by whoever starts the server. */
struct program {
    const char *directory; /* as it was typed */
    char *main_text;       /* main.lua */
    size_t main_size;      /* bytes */
};

/* The engine's callbacks; their context is a struct program. */
extern const struct script lua_script;

/* ---- run.c ---- */

/* Takes a coroutine for a call; NULL, and it has been logged, when there is no memory. */
struct run *run_take(struct runtime *runtime, enum handler handler, struct link *link);

/* Calls the function that is on run->L with its arguments. DONE: its results are on run->L. FAILED:
 * it has been logged. After both, run_done. WAITS: it goes on by itself, and runtime_finished comes
 * later. */
enum run_state run_call(struct run *run, int arguments);
void run_done(struct run *run);

/* Lua: server.sleep(seconds). */
int run_sleep(lua_State *L);

/* Ends the waiting coroutines of a connection, or all. */
void run_cancel_owned(struct runtime *runtime, const struct link *link);
void run_cancel_all(struct runtime *runtime);

/* ---- runtime.c ---- */

/* What follows when a call is over that had waited. */
void runtime_finished(struct run *run, enum run_state state);

/* The error on the top of the stack, which a script may have made anything. */
const char *runtime_error_text(lua_State *L);

/* Calls the function, which finds the argument as light userdata at 1, where an error can do no harm;
 * false, and the error has been logged. */
bool runtime_protect(struct runtime *runtime, lua_CFunction function, void *argument);

/* Logs the error object on the top of the coroutine's stack with its traceback. */
void runtime_failed(struct runtime *runtime, lua_State *L, const char *what, uint64_t link_id);

/* The runtime that a C function was registered with: its first upvalue. */
static inline struct runtime *runtime_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Adds the functions to the table on the top of the stack, each with the runtime as upvalue. */
void runtime_register(struct runtime *runtime, lua_State *L, const luaL_Reg *functions);

/* nil, code */
int runtime_refuse(lua_State *L, const char *code);

/* Seconds at `index` as nanoseconds; raises an error when they are not. */
uint64_t runtime_check_seconds(lua_State *L, int index);

/* ---- load.c ---- */

/* Loads main.lua into a fresh state, finds its handlers and calls on_start. */
bool load_script(struct runtime *runtime, struct error *error);

/* Calls what is on the top of the main stack, at start and at stop: its results, or the error with
 * its traceback, come back there. */
bool load_call(lua_State *L, int arguments, int results);

/* ---- lua_conn.c ---- */

void lua_conn_open(struct runtime *runtime); /* metatable, send, broadcast */

/* Makes the conn of a link; false, and it has been logged, when there is no memory. */
bool lua_conn_add(struct runtime *runtime, struct link *link);
void lua_conn_remove(struct runtime *runtime, struct link *link);

/* ---- lua_framing.c, for config_lua.c too ---- */

/* A framing as scripts and config.lua write it, the value at `index`: "line", "length,size=2", or
 * { "length", size = 2, order = "big" }. The frame must be frame_default at first. */
bool lua_framing_read(lua_State *L, int index, struct frame *frame, struct error *error);

/* A plain value at `index` as the text that config_set and frame_set take; false if it is none. */
bool lua_setting_text(lua_State *L, int index, char *text, size_t size);

/* ---- lua_server.c, lua_timer.c ---- */

void lua_server_open(struct runtime *runtime); /* the table `server` */
int lua_timer_after(lua_State *L);
int lua_timer_every(lua_State *L);
void lua_timer_open(struct runtime *runtime);
void lua_timer_finished(struct lua_timer *timer);
void lua_timer_stop_all(struct runtime *runtime);

#endif
