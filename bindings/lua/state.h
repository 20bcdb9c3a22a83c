/* state.h - one Lua state with its limits of memory and time, its libraries and its sandbox. It does not depend
 * on a worker: handlers, `moonport check`, tests and jobs use the same. All of it belongs to one thread. */
#ifndef MOONPORT_STATE_H
#define MOONPORT_STATE_H

#include "base/check.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/list.h"
#include "lua/compat.h"
#include "lua/heap.h"
#include "lua/lua_text.h"
#include "lua/overtime.h"

struct profile;

struct state {
    lua_State *L;
    uintptr_t stack_base; /* of its thread; the stack grows down from here */
    struct heap heap;
    struct overtime overtime;
    counter *collections;  /* of garbage: collections.h */
    uint64_t timeout_ns;   /* of a call; 0: none */
    const char *directory; /* C modules are searched here first */
    bool sandbox;          /* scripts cannot reach the system */
    bool serves;           /* printing does not wait for a reader */

    /* May this line be written to the log? It is about something that failed in `handler`, a text that stays for good,
     * at `place` ("main.lua:12"; "": unknown). NULL: all may. */
    bool (*may_log)(struct state *state, enum log_level level, const char *handler,
                    const char *place, const char *line);

    uint64_t (*now_ns)(const struct state *state); /* monotonic; a worker's: of its turn */

    /* hidden: in the registry, a function of the server's own, in Lua or in C, that calls scripts. guard: the
     * __newindex of metatables of which scripts get only copies. `debug` gives neither away. */
    int hidden;
    lua_CFunction guard;

    struct profile *profile; /* that runs; NULL: none, which is the rule */

    int base, closet; /* in the registry; these and all below are environment.h's */
    struct list environments;
    const struct environment *live; /* of the running code; NULL: there is none */
    uint64_t
        told_generation; /* server.generation: that of the running code; while main.lua runs, its own */
    struct environment *shown; /* the environment that is in place; NULL: none */
    uint64_t shown_generation; /* its generation */
    uint64_t environments_made;
    struct {
        char text[1024]; /* of a warning that comes in pieces */
        size_t size;
        bool goes_on; /* more pieces of it follow */
        bool off;     /* the generation that is shown has warned "@off" */
    } warning;
};

/* Makes the Lua state, without libraries, limited to memory_max bytes (0: no limit). The caller sets the other
 * members beforehand. */
bool state_open(struct state *state, size_t memory_max, struct error *error);

/* The state that a C function was registered with: its first upvalue, and the owner of its Lua state. */
static inline struct state *state_of(lua_State *L)
{
    return compat_owner(L);
}

/* Adds the functions to the table on the top of the stack, each with the state as upvalue. */
void state_register(struct state *state, lua_State *L, const luaL_Reg *functions);

/* Call the function with the argument as light userdata at 1, and catch its errors. On an error, state_protect
 * logs it and returns false; state_try leaves it in *error. */
bool state_protect(struct state *state, lua_CFunction function, void *argument);
bool state_try(struct state *state, lua_CFunction function, void *argument, struct error *error);

/* Logs "what: text" if may_log lets it through; `what` stays for good. */
void state_log(struct state *state, enum log_level level, const char *what, const char *text);

/* Copies the fields of the table at `from` to the one at `to`, by raw access. */
void state_copy_fields(lua_State *L, int from, int to);

/* ---- what C functions answer ---- */

/* nil, code */
int state_refuse(lua_State *L, const char *code);

/* Reads seconds at `index` as nanoseconds. False: the number is out of range, and state_refuse_seconds says so;
 * another type raises an error. */
bool state_read_seconds(lua_State *L, int index, uint64_t *nanoseconds);

/* nil, "badnumber", what is wrong with it */
int state_refuse_number(lua_State *L, lua_Number number, const char *expected);
int state_refuse_seconds(lua_State *L, int index);

#endif
