/* state.h - one Lua state with its limits of memory and time, its libraries and its sandbox. It knows no
 * worker: handlers, `moonport check` and tests use the same. All of it belongs to one thread. */
#ifndef MOONPORT_STATE_H
#define MOONPORT_STATE_H

#include "base/check.h"
#include "base/error.h"
#include "base/list.h"
#include "lua/compat.h"
#include "lua/heap.h"
#include "lua/lua_text.h"
#include "lua/overtime.h"

struct state {
    lua_State *L;
    uintptr_t stack_base; /* of its thread; the stack is below it */
    struct heap heap;
    struct overtime overtime;
    uint64_t timeout_ns;   /* of a call; 0: none */
    const char *directory; /* where modules in C are found first */
    bool sandbox;          /* nothing of the system is within reach of scripts */
    bool serves;           /* what scripts print waits for nobody */

    /* May this line be written to the log? NULL: all may. */
    bool (*may_log)(struct state *state, enum log_level level, uint64_t place, struct span text);

    uint64_t (*now_ns)(const struct state *state); /* monotonic; of a worker: of its turn */

    /* In the registry: a function of the server's own, in Lua or in C, that calls scripts; and the
     * __newindex of metatables of which scripts get only copies. `debug` gives neither away. */
    int hidden;
    lua_CFunction guard;

    int base, closet; /* in the registry; these and all below are environment.h's */
    struct list environments;
    const struct environment *live; /* of the code in force; NULL: of none */
    uint64_t
        told_generation; /* server.generation: of that code; for main.lua while it runs, its own */
    struct environment *shown; /* NULL: none is */
    uint64_t shown_generation; /* its generation */
    uint64_t environments_made;
    struct {
        char text[1024]; /* of the warning that comes in pieces */
        size_t size;
        bool goes_on; /* the next piece is of the same one */
        bool off;     /* the generation that is shown has said "@off" */
    } warning;
};

/* Makes the Lua state, without libraries, with so many bytes of memory (0: no limit). Its other members are the
 * caller's to set before. */
bool state_open(struct state *state, size_t memory_max, struct error *error);

/* The state that a C function was registered with: its first upvalue, and the owner of its Lua state. */
static inline struct state *state_of(lua_State *L)
{
    return compat_owner(L);
}

/* Adds the functions to the table on the top of the stack, each with the state as upvalue. */
void state_register(struct state *state, lua_State *L, const luaL_Reg *functions);

/* Calls the function, which finds the argument as light userdata at 1, where an error can do no harm;
 * false, and the error has been logged. The other one leaves it in *error. */
bool state_protect(struct state *state, lua_CFunction function, void *argument);
bool state_try(struct state *state, lua_CFunction function, void *argument, struct error *error);

/* Logs "what: text", if it may. */
void state_log(struct state *state, enum log_level level, const char *what, const char *text);

/* Copies the fields of the table at `from` to the one at `to`, past their metatables. */
void state_copy_fields(lua_State *L, int from, int to);

/* ---- what C functions answer ---- */

/* nil, code */
int state_refuse(lua_State *L, const char *code);

/* Seconds at `index` as nanoseconds. False: it is a number that is none, which state_refuse_seconds tells
 * of; another type raises an error. */
bool state_read_seconds(lua_State *L, int index, uint64_t *nanoseconds);

/* nil, "badnumber", what is wrong with it */
int state_refuse_number(lua_State *L, lua_Number number, const char *expected);
int state_refuse_seconds(lua_State *L, int index);

#endif
