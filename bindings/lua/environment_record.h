/* environment_record.h - what an environment consists of, and where that is kept.
 *
 *     closet    a table in the registry: what scripts must not reach
 *     record    a table in the registry, one for each generation: enum record; functions of the generation
 *               refer to it as well
 *     base      the state's own globals. Modules from outside the scripts' directory run in them, once
 *               for all generations */
#ifndef MOONPORT_ENVIRONMENT_RECORD_H
#define MOONPORT_ENVIRONMENT_RECORD_H

#include "lua/state.h"
#include "scripts/source.h"

struct environment {
    struct list node; /* in the state's list, the newest last */
    uint64_t generation;
    uint64_t serial; /* counts refused generations, too */
    int record;      /* in the registry */
};

enum closet {
    CLOSET_GLOBALS = 1, /* table: the globals with their libraries, as they were at first */
    CLOSET_PACKAGE,     /* Lua's own `package`, used by the next two */
    CLOSET_SEARCH_C,
    CLOSET_SEARCH_ROOT,
    CLOSET_STRINGS, /* table: fields of the metatable of strings, as they were */
    CLOSET_FILES,   /* table: the same of files, and of their methods */
    CLOSET_FILE_METHODS,
    CLOSET_INPUT, /* the file that io.read reads, as it was */
    CLOSET_OUTPUT,
    CLOSET_STATE,   /* server.state, which all generations share */
    CLOSET_OUTSIDE, /* table: modules from outside; see modules.c */
    CLOSET_PUBLIC,  /* table: C functions that scripts have from the start -> true */
};

enum record {
    RECORD_BOX = 1, /* userdata: holds the source, see environment_box */
    RECORD_GLOBALS,
    RECORD_PACKAGE,
    RECORD_SERVER,
    RECORD_STATE,    /* { what main.lua assigned to server.state }, until its code runs */
    RECORD_GOT,      /* table: key of a module from outside that it has loaded -> true */
    RECORD_COLLECTS, /* does the collector run? This and all below: as left when another was shown */
    RECORD_IS_QUIET,                       /* it has said warn "@off" */
    RECORD_METATABLES,                     /* and after it: of nil, booleans, ... */
    RECORD_FIELDS = RECORD_METATABLES + 7, /* and after it: fields of the registry */
    RECORD_LOADED = RECORD_FIELDS,         /* package.loaded as it was made */
    RECORD_PRELOAD,
    RECORD_INPUT,
    RECORD_OUTPUT,
    RECORD_END,
};

/* Keeps the source for as long as functions of its code exist, which may ask for a module. */
struct box {
    struct source *source; /* NULL: a finalizer still sees it */
    uint64_t serial;
    bool *loaded; /* by number of the file: it has been run, or is running */
};

/* Pushes a new box that holds the source. May raise an error. */
void environment_push_box(lua_State *L, struct source *source, uint64_t serial);

/* Pops the box from the top of the stack and returns it; an error if it is none. */
struct box *environment_box(lua_State *L);

/* Pushes a field of the record. */
void environment_push(lua_State *L, const struct environment *environment, enum record field);

/* Was this file loaded? */
bool environment_has_loaded(lua_State *L, const struct environment *environment,
                            const struct source_file *file);

/* Pushes a field of the closet, or of a table without metamethods. `put` pops the value from the top of the
 * stack. */
void environment_push_closet(lua_State *L, const struct state *state, enum closet field);
void environment_put_closet(lua_State *L, const struct state *state, enum closet field);
void environment_push_raw(lua_State *L, int table, const char *name);

/* Adds what modules from outside have added to Lua's libraries to those of the record on the top of the stack. */
void environment_share_additions(lua_State *L, const struct state *state);

#endif
