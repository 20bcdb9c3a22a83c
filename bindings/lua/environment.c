#include "lua/environment.h"

#include "lua/modules.h"

#include <stdlib.h>
#include <string.h>

/* ---- copies ---- */

/* Replaces the table on the top of the stack with a copy, in which all tables that it leads to are copies too.
 * `seen`: table -> its copy. */
static void copy_deeply(lua_State *L, int seen)
{
    luaL_checkstack(L, 8, "too many tables within each other");
    lua_pushvalue(L, -1);
    lua_rawget(L, seen);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, seen);
        lua_pushnil(L);
        while (lua_next(L, -3) != 0) {
            if (lua_istable(L, -1)) copy_deeply(L, seen);
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
        }
    }
    lua_remove(L, -2);
}

/* ---- before the first script ---- */

void environment_open(struct state *state)
{
    lua_State *L = state->L;
    lua_pushglobaltable(L);
    state->base = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    state->closet = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    environment_put_closet(L, state, CLOSET_OUTSIDE);
}

/* Notes the C functions in the table on the top of the stack, and in the tables in it down to `depth`. */
static void note_public(lua_State *L, int public, int depth)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_iscfunction(L, -1)) {
            lua_pushvalue(L, -1);
            lua_pushboolean(L, 1);
            lua_rawset(L, public);
        } else if (lua_istable(L, -1) && depth > 1) {
            note_public(L, public, depth - 1);
        }
        lua_pop(L, 1);
    }
}

/* Keeps what the state has only once and scripts may change, as it is now. */
static void keep_singles(lua_State *L, const struct state *state)
{
    lua_newtable(L);
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1) != 0) {
        state_copy_fields(L, -1, -3);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    environment_put_closet(L, state, CLOSET_STRINGS);
    luaL_getmetatable(L, LUA_FILEHANDLE);
    if (lua_istable(L, -1)) {
        lua_newtable(L);
        state_copy_fields(L, -2, -1);
        environment_push_raw(L, -1, "__index");
        if (lua_istable(L, -1)) {
            lua_newtable(L);
            state_copy_fields(L, -2, -1);
            environment_put_closet(L, state, CLOSET_FILE_METHODS);
        }
        lua_pop(L, 1);
        environment_put_closet(L, state, CLOSET_FILES);
    }
    lua_pop(L, 1);
    environment_push_raw(L, LUA_REGISTRYINDEX, "_IO_input");
    environment_put_closet(L, state, CLOSET_INPUT);
    environment_push_raw(L, LUA_REGISTRYINDEX, "_IO_output");
    environment_put_closet(L, state, CLOSET_OUTPUT);
}

void environment_seal(struct state *state)
{
    lua_State *L = state->L;
    lua_newtable(L);
    lua_pushglobaltable(L);
    copy_deeply(L, lua_gettop(L) - 1);
    environment_put_closet(L, state, CLOSET_GLOBALS);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushglobaltable(L);
    int public = lua_gettop(L) - 1;
    note_public(L, public, 2);
    static const char *const replaced[] = {"require", "load",    "loadstring", "loadfile",
                                           "dofile",  "getfenv", "setfenv",    "module"};
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        environment_push_raw(L, -1, replaced[i]);
        lua_pushnil(L);
        if (!lua_isnil(L, -2)) lua_rawset(L, -4);
        lua_settop(L, public + 1);
    }
    lua_pop(L, 1);
    environment_put_closet(L, state, CLOSET_PUBLIC);
    keep_singles(L, state);
    lua_getglobal(L, "server");
    environment_push_raw(L, -1, "state");
    environment_put_closet(L, state, CLOSET_STATE);
    lua_pop(L, 1);
    lua_getglobal(L, "package");
    environment_push_raw(L, -1, COMPAT_SEARCHERS);
    lua_rawgeti(L, -1, 3);
    environment_put_closet(L, state, CLOSET_SEARCH_C);
    lua_rawgeti(L, -1, 4);
    environment_put_closet(L, state, CLOSET_SEARCH_ROOT);
    lua_pop(L, 1);
    environment_put_closet(L, state, CLOSET_PACKAGE);
    modules_open_base(L, state);
}

/* ---- one generation's ---- */

/* Finds a global that modules from outside have defined. Not one that was there from the beginning: if that is
 * missing, the script has removed it. */
static int find_behind(lua_State *L)
{
    lua_settop(L, 2);
    environment_push_closet(L, state_of(L), CLOSET_GLOBALS);
    lua_pushvalue(L, 2);
    lua_rawget(L, 3);
    if (!lua_isnil(L, -1)) return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state_of(L)->base);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static void show_globals_behind(lua_State *L, struct state *state, int globals)
{
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, find_behind, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, globals);
}

/* Makes the metatable of strings, whose methods are those of the generation's own library. */
static void set_metatables(lua_State *L, const struct state *state, int record, int globals)
{
    lua_newtable(L);
    environment_push_closet(L, state, CLOSET_STRINGS);
    state_copy_fields(L, -1, -2);
    lua_pop(L, 1);
    environment_push_raw(L, globals, "string");
    lua_setfield(L, -2, "__index");
    lua_rawseti(L, record, RECORD_METATABLES + 3);
}

static void move_field(lua_State *L, int record, int table, const char *name, enum record field)
{
    environment_push_raw(L, table, name);
    lua_rawseti(L, record, (int)field);
}

/* Pushes the record. */
static void push_record(lua_State *L, struct state *state, struct source *source, uint64_t serial)
{
    luaL_checkstack(L, 24, NULL);
    lua_createtable(L, RECORD_END, 0);
    int record = lua_gettop(L);
    environment_push_box(L, source, serial);
    lua_rawseti(L, record, RECORD_BOX);
    lua_newtable(L);
    environment_push_closet(L, state, CLOSET_GLOBALS);
    copy_deeply(L, record + 1);
    int globals = lua_gettop(L);
    lua_pushvalue(L, globals);
    lua_rawseti(L, record, RECORD_GLOBALS);
    environment_push_raw(L, globals, "package");
    int package = lua_gettop(L);
    lua_pushvalue(L, package);
    lua_rawseti(L, record, RECORD_PACKAGE);
    move_field(L, record, package, "loaded", RECORD_LOADED);
    move_field(L, record, package, "preload", RECORD_PRELOAD);
    move_field(L, record, globals, "server", RECORD_SERVER);
    environment_push_closet(L, state, CLOSET_INPUT);
    lua_rawseti(L, record, RECORD_INPUT);
    environment_push_closet(L, state, CLOSET_OUTPUT);
    lua_rawseti(L, record, RECORD_OUTPUT);
    lua_newtable(L);
    lua_rawseti(L, record, RECORD_GOT);
    lua_pushboolean(L, 1);
    lua_rawseti(L, record, RECORD_COLLECTS);
    set_metatables(L, state, record, globals);
    show_globals_behind(L, state, globals);
    chunks_open(L, state, globals);
    modules_open(L, state, record);
    fenv_open(L, state, record);
    lua_settop(L, record);
    environment_share_additions(L, state);
}

/* Restores what all generations share before a new one is loaded: fields that were changed or removed are as they
 * were, added ones stay. */
static void restore_files(lua_State *L, const struct state *state)
{
    luaL_getmetatable(L, LUA_FILEHANDLE);
    environment_push_closet(L, state, CLOSET_FILES);
    environment_push_closet(L, state, CLOSET_FILE_METHODS);
    if (lua_istable(L, -3) && lua_istable(L, -2)) {
        state_copy_fields(L, -2, -3);
        environment_push_raw(L, -3, "__index");
        if (lua_istable(L, -1) && lua_istable(L, -2)) state_copy_fields(L, -2, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 3);
}

struct environment *environment_make(lua_State *L, struct state *state, struct source *source,
                                     uint64_t generation)
{
    restore_files(L, state);
    compat_collector(L);
    push_record(L, state, source, ++state->environments_made);
    int record = luaL_ref(L, LUA_REGISTRYINDEX);
    struct environment *environment = calloc(1, sizeof *environment);
    if (environment == NULL) {
        luaL_unref(L, LUA_REGISTRYINDEX, record);
        luaL_error(L, "not enough memory");
        return NULL; /* not reached */
    }
    environment->generation = generation;
    environment->serial = state->environments_made;
    environment->record = record;
    list_append(&state->environments, &environment->node);
    return environment;
}

void environment_drop(struct state *state, struct environment *environment)
{
    if (state->shown == environment) {
        state->shown = NULL;
        state->shown_generation = 0;
    }
    luaL_unref(state->L, LUA_REGISTRYINDEX, environment->record);
    list_remove(&environment->node);
    free(environment);
}
