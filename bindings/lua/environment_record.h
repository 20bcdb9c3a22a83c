/* environment_record.h - what an environment consists of, and where that is kept.
 *
 *     closet    a table in the registry: what no script may reach
 *     record    a table in the registry: one generation's, enum record; its functions keep it as well
 *     base      the state's own globals. Modules from outside the scripts' directory run in them, once
 *               for all generations
 */
#ifndef MOONPORT_ENVIRONMENT_RECORD_H
#define MOONPORT_ENVIRONMENT_RECORD_H

#include "lua/state.h"
#include "scripts/source.h"

struct environment {
    struct list node; /* among the state's, the newest last */
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

/* Pushes the box of a source: userdata that holds it. May raise an error. */
void environment_push_box(lua_State *L, struct source *source, uint64_t serial);

/* The box at the top of the stack, which is taken; an error if it is none. */
struct box *environment_box(lua_State *L);

/* Pushes a field of the record. */
void environment_push(lua_State *L, const struct environment *environment, enum record field);

/* Was this file loaded? */
bool environment_has_loaded(lua_State *L, const struct environment *environment,
                            const struct source_file *file);

/* The closet's; a field of a table without metamethods. `put` takes the value from the top of the stack. */
void environment_push_closet(lua_State *L, const struct state *state, enum closet field);
void environment_put_closet(lua_State *L, const struct state *state, enum closet field);
void environment_push_raw(lua_State *L, int table, const char *name);

/* Takes over what modules from outside have added to Lua's libraries: the record is on the top. */
void environment_share_additions(lua_State *L, const struct state *state);

#endif
