/* `require` for one generation of scripts, as in the manual of Lua 5.4. */
#include "lua/modules.h"

#include <string.h>

enum { LEVELS_MAX = 1000 };

static int require(lua_State *L);

/* Pushes the local in this place of the call of `require` that `at` describes, or nil. */
static void push_local(lua_State *L, const lua_Debug *at, int place)
{
    if (lua_getlocal(L, at, place) == NULL) lua_pushnil(L);
}

/* Does this call run the loader at 3, with the data at 4? A file is compiled anew at each search, so the same
 * path means the same loader. In package.preload all loaders have the same data, so there only the function
 * counts. */
static bool runs_loader(lua_State *L, const lua_Debug *at)
{
    push_local(L, at, 3);
    push_local(L, at, 4);
    bool same = lua_rawequal(L, -2, 3) != 0;
    bool is_path = lua_type(L, 4) == LUA_TSTRING && strcmp(lua_tostring(L, 4), ":preload:") != 0;
    same = same || (lua_isfunction(L, -2) && is_path && lua_rawequal(L, -1, 4) != 0);
    lua_pop(L, 2);
    return same;
}

/* Is a call of `require` for the name at 1 with the same loader under way on this coroutine? (Looking for it on
 * the stack leaves nothing to clear when a module raises an error.) */
static bool is_being_loaded(lua_State *L)
{
    lua_Debug at;
    for (int level = 1; level < LEVELS_MAX && lua_getstack(L, level, &at) != 0; level++) {
        lua_getinfo(L, "f", &at);
        bool same = lua_tocfunction(L, -1) == require;
        lua_pop(L, 1);
        if (!same) continue;
        push_local(L, &at, 1);
        same = lua_rawequal(L, -1, 1) != 0;
        lua_pop(L, 1);
        if (same && runs_loader(L, &at)) return true;
    }
    return false;
}

/* Pushes the loader and its data. */
static void find_loader(lua_State *L, const char *name)
{
    modules_push_own(L, RECORD_PACKAGE);
    lua_getfield(L, -1, COMPAT_SEARCHERS);
    lua_remove(L, -2);
    int searchers = lua_gettop(L), missed = searchers + 1;
    if (!lua_istable(L, searchers)) luaL_error(L, "'package." COMPAT_SEARCHERS "' must be a table");
    lua_pushliteral(L, "");
    for (int i = 1;; i++) {
        lua_rawgeti(L, searchers, i);
        if (lua_isnil(L, -1)) break;
        lua_pushvalue(L, 1);
        lua_call(L, 1, 2);
        if (lua_isfunction(L, -2)) {
            lua_remove(L, missed);
            lua_remove(L, searchers);
            return;
        }
        if (lua_isstring(L, -2)) {
            lua_pushfstring(L, "%s\n\t%s", lua_tostring(L, missed), lua_tostring(L, -2));
            lua_replace(L, missed);
        }
        lua_settop(L, missed);
    }
    luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, missed));
}

/* require(name): the module, and the data from its searcher if it was loaded now */
static int require(lua_State *L)
{
    const char *name = modules_check_name(L);
    lua_settop(L, 1); /* is_being_loaded expects the name at 1 */
    modules_push_own(L, RECORD_LOADED);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_pushvalue(L, 1);
    lua_gettable(L, 2);
    if (lua_toboolean(L, 3)) return 1;
    lua_settop(L, 2);
    find_loader(L, name); /* 3: the loader, 4: its data */
    if (is_being_loaded(L))
        return luaL_error(L,
                          "module '%s' is being loaded already: it requires itself, or is required "
                          "by a module that it requires. Set package.loaded[...] before that",
                          name);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 4);
    lua_call(L, 2, 1);
    if (!lua_isnil(L, 5)) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 5);
        lua_settable(L, 2);
    }
    lua_settop(L, 4);
    lua_pushvalue(L, 1);
    lua_gettable(L, 2);
    if (lua_isnil(L, 5)) {
        lua_pushboolean(L, 1);
        lua_replace(L, 5);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 5);
        lua_settable(L, 2);
    }
    lua_pushvalue(L, 4);
    return 2;
}

/* ---- opening ---- */

/* Replaces the searchers that look outside: its result is a line of the error. */
static int tell_of_sandbox(lua_State *L)
{
    lua_pushliteral(L, COMPAT_SEARCHER_LINE
                    "the sandbox (sandbox = true) loads no modules in C, and nothing from outside "
                    "the script's directory");
    return 1;
}

/* Pushes the function with the record at `record`; 0: it has none, and uses that of the generation that is shown. */
static void push_function(lua_State *L, struct state *state, lua_CFunction function, int record)
{
    lua_pushlightuserdata(L, state);
    if (record != 0) lua_pushvalue(L, record);
    lua_pushcclosure(L, function, record != 0 ? 2 : 1);
}

void modules_open(lua_State *L, struct state *state, int record)
{
    int count = state->sandbox ? MODULES_IN_SANDBOX : MODULES_SEARCHERS;
    lua_rawgeti(L, record, RECORD_GLOBALS);
    push_function(L, state, require, record);
    lua_setfield(L, -2, "require");
    lua_rawgeti(L, record, RECORD_PACKAGE);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        push_function(L, state, modules_searchers[i], record);
        lua_rawseti(L, -2, i + 1);
    }
    if (state->sandbox) {
        lua_pushcfunction(L, tell_of_sandbox);
        lua_rawseti(L, -2, count + 1);
    }
    lua_setfield(L, -2, COMPAT_SEARCHERS);
    lua_pop(L, 2);
}

void modules_open_base(lua_State *L, struct state *state)
{
    push_function(L, state, require, 0);
    lua_setglobal(L, "require");
}
