/* load, loadfile and dofile: the code that they load has the globals of the generation that calls them. */
#include "lua/modules.h"

enum { CHUNK_GLOBALS = 2, CHUNK_ORIGINAL };

/* load(chunk [, name [, mode [, environment]]]): text only, unless the mode allows more. Arguments are checked
 * here and below, because an error from Lua's own function would name neither the function nor the place of the
 * call. */
static int load(lua_State *L)
{
    luaL_optstring(L, 3, NULL);
    luaL_optstring(L, 2, NULL);
    if (!lua_isstring(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
    int arguments = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(CHUNK_ORIGINAL));
    lua_insert(L, 1);
    lua_settop(L, arguments < 4 ? 4 : arguments + 1);
    if (lua_isnil(L, 4)) {
        lua_pushliteral(L, "t");
        lua_replace(L, 4);
    }
    if (arguments < 4) lua_pushvalue(L, lua_upvalueindex(CHUNK_GLOBALS));
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* loadfile([name [, mode [, environment]]]) */
static int load_file(lua_State *L)
{
    luaL_optstring(L, 1, NULL);
    luaL_optstring(L, 2, NULL);
    if (lua_gettop(L) < 3) {
        lua_settop(L, 2);
        lua_pushvalue(L, lua_upvalueindex(CHUNK_GLOBALS));
    }
    lua_pushvalue(L, lua_upvalueindex(CHUNK_ORIGINAL));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int did(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

/* dofile([name]): the file may wait, as with Lua's */
static int do_file(lua_State *L)
{
    const char *name = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (luaL_loadfile(L, name) != LUA_OK) return lua_error(L);
    compat_set_environment(L, lua_upvalueindex(CHUNK_GLOBALS));
    lua_callk(L, 0, LUA_MULTRET, 0, did);
    return did(L, LUA_OK, 0);
}

/* Replaces the function in the globals, if there is one. */
static void replace(lua_State *L, struct state *state, int globals, const char *name,
                    lua_CFunction function)
{
    environment_push_raw(L, globals, name);
    if (!lua_isnil(L, -1)) {
        lua_pushlightuserdata(L, state);
        lua_pushvalue(L, globals);
        lua_pushvalue(L, -3);
        lua_pushcclosure(L, function, 3);
        lua_setfield(L, globals, name);
    }
    lua_pop(L, 1);
}

void chunks_open(lua_State *L, struct state *state, int globals)
{
    replace(L, state, globals, "load", load);
    replace(L, state, globals, "loadfile", load_file);
    replace(L, state, globals, "dofile", do_file);
    environment_push_raw(L, globals, "loadstring"); /* in LuaJIT, load for strings only */
    if (!lua_isnil(L, -1)) {
        environment_push_raw(L, globals, "load");
        lua_setfield(L, globals, "loadstring");
    }
    lua_pop(L, 1);
}
