/* environment.h - what one generation of scripts sees: globals, libraries and modules of its own.
 *
 * Lua's libraries are copied for each generation from what they were before any script ran; `package`,
 * `require` and `load` are made for it. What a Lua state has only once (the metatables of strings and
 * other values, what C finds in the registry, the collector's mode) is put in place when a call of
 * another generation begins: that generation is the one that is shown.
 *
 *     closet    a table in the registry: what no script may reach
 *     record    a table in the registry: one generation's, enum record; its functions keep it as well
 *     base      the state's own globals. Modules from outside the scripts' directory run in them, once
 *               for all generations
 */
#ifndef MOONPORT_ENVIRONMENT_H
#define MOONPORT_ENVIRONMENT_H

#include "run/runtime.h"
#include "scripts/source.h"

struct environment {
    struct list node; /* among the runtime's, the newest last */
    uint64_t generation;
    uint64_t serial; /* counts those that were refused, too */
    int record;      /* in the registry */
};

enum closet {
    CLOSET_GLOBALS = 1, /* table: the globals with their libraries, as they were at first */
    CLOSET_PACKAGE,     /* Lua's own `package`, which the next two look into */
    CLOSET_SEARCH_C,
    CLOSET_SEARCH_ROOT,
    CLOSET_STRINGS, /* table: the metatable of strings, as it was */
    CLOSET_FILES,   /* table: that of files, and */
    CLOSET_FILE_METHODS,
    CLOSET_INPUT, /* of io.read, as it was */
    CLOSET_OUTPUT,
    CLOSET_STATE,   /* server.state, which all generations share */
    CLOSET_OUTSIDE, /* table: modules from outside; see modules.c */
    CLOSET_PUBLIC,  /* table: functions in C that scripts are given at first, each -> true */
};

enum record {
    RECORD_BOX = 1, /* userdata: holds the source, see environment_box */
    RECORD_GLOBALS,
    RECORD_PACKAGE,
    RECORD_SERVER,
    RECORD_STATE,      /* { what main.lua has assigned to server.state }, until its code runs */
    RECORD_GOT,        /* table: modules from outside that it has got, by their key -> true */
    RECORD_COLLECTS,   /* whether the collector runs; this and all below while another is shown */
    RECORD_IS_QUIET,   /* it has said warn "@off" */
    RECORD_METATABLES, /* and behind it: of nil, booleans, ... */
    RECORD_FIELDS = RECORD_METATABLES + 7, /* of the registry, the same */
    RECORD_LOADED = RECORD_FIELDS,         /* package.loaded as it was made */
    RECORD_PRELOAD,
    RECORD_INPUT,
    RECORD_OUTPUT,
    RECORD_END,
};

/* Keeps the source for as long as a function of its code may ask for a module. */
struct box {
    struct source *source; /* NULL: a finalizer still sees it */
    uint64_t serial;
    bool *loaded; /* by number of the file: it has been run, or runs */
};

/* The first makes the closet, before there are libraries; the second takes down what they are once all
 * is there. May raise an error. */
void environment_open(struct runtime *runtime);
void environment_seal(struct runtime *runtime);

/* Makes one for scripts of this source; it is in the runtime's list. May raise an error. */
struct environment *environment_make(lua_State *L, struct runtime *runtime, struct source *source,
                                     uint64_t generation);
void environment_drop(struct runtime *runtime, struct environment *environment);

/* Pushes a field of the record. */
void environment_push(lua_State *L, const struct environment *environment, enum record field);

/* Was this file loaded? */
bool environment_has_loaded(lua_State *L, const struct environment *environment,
                            const struct source_file *file);

/* The box at the top of the stack, which is taken; an error if it is none. */
struct box *environment_box(lua_State *L);

/* The closet's; a field of a table without metamethods. `put` takes the value from the top of the stack. */
void environment_push_closet(lua_State *L, const struct runtime *runtime, enum closet field);
void environment_put_closet(lua_State *L, const struct runtime *runtime, enum closet field);
void environment_push_raw(lua_State *L, int table, const char *name);

/* Takes over what modules from outside have added to Lua's libraries: the record is on the top. */
void environment_share_additions(lua_State *L, const struct runtime *runtime);

/* ---- environment_show.c ---- */

/* A call of this generation is about to begin: makes it the one that is shown. */
void environment_show(struct runtime *runtime, uint64_t generation);

/* ---- compile.c ---- */

/* Compiles a file of the source; the function, with the globals at `environment`, or an error message is
 * pushed. Returns a status of Lua's. */
int environment_compile(lua_State *L, const struct source *source, const struct source_file *file,
                        int environment);

/* ---- chunks.c ---- */

/* Gives the globals their own load, loadfile and dofile, where there are Lua's. */
void chunks_open(lua_State *L, struct runtime *runtime, int globals);

/* ---- fenv.c ---- */

/* Gives the globals and `package` of the record at `record` their own getfenv, setfenv, module and seeall, where
 * there are Lua's. */
void fenv_open(lua_State *L, struct runtime *runtime, int record);

/* ---- require.c ---- */

/* Adds `require` and package.searchers to the globals and the package of the record at `record`; and
 * `require` to the base. */
void modules_open(lua_State *L, struct runtime *runtime, int record);
void modules_open_base(lua_State *L, struct runtime *runtime);

/* ---- modules.c ---- */

enum { MODULES_SEARCHERS = 5, MODULES_IN_SANDBOX = 3, MODULES_UPVALUE_RECORD = 2 };
extern const lua_CFunction modules_searchers[MODULES_SEARCHERS];

/* For functions with a record: pushes a field of it; without one, of the generation that is shown, for code
 * from outside. The record itself is never on the stack while Lua runs, for debug.getlocal would find it. */
void modules_push_own(lua_State *L, enum record field);

/* The first argument, the name of a module, in which no byte is lost in C. */
const char *modules_check_name(lua_State *L);

/* Names the files from outside, for a log line, that the code in force or what is loaded beside it uses:
 * they are as they were. "": there are none. */
void modules_tell_outside(struct runtime *runtime, char *text, size_t size);

#endif
