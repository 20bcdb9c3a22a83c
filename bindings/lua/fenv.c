/* Lua 5.1's functions for the globals of a function, a thread or a module, as LuaJIT has them. They work on the
 * globals of the generation that calls them; the thread's own globals are the base, which all generations share. */
#include "lua/modules.h"

#if LUA_VERSION_NUM < 502

#include <string.h>

static void push_globals(lua_State *L)
{
    modules_push_own(L, RECORD_GLOBALS);
}

/* Replaces the function, thread or userdata on the top of the stack with its globals. C functions, threads and
 * userdata have the generation's. */
static void take_globals_of(lua_State *L)
{
    if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1))
        lua_getfenv(L, -1);
    else
        push_globals(L);
    lua_remove(L, -2);
}

/* Pushes the function at the level that is the first argument. */
static void push_level(lua_State *L, int level)
{
    lua_Debug at;
    luaL_argcheck(L, level >= 0, 1, "level must be non-negative");
    luaL_argcheck(L, lua_getstack(L, level, &at) != 0, 1, "invalid level");
    lua_getinfo(L, "f", &at);
}

/* getfenv([function or level]) */
static int get_fenv(lua_State *L)
{
    if (lua_isfunction(L, 1))
        lua_pushvalue(L, 1);
    else
        push_level(L, (int)luaL_optinteger(L, 1, 1)); /* 0 is this function, which is in C */
    take_globals_of(L);
    return 1;
}

/* Makes the table at `index` the globals of the function on the top of the stack. */
static void set_globals_of(lua_State *L, int index)
{
    if (lua_iscfunction(L, -1))
        luaL_error(L, "'setfenv' cannot change environment of given object");
    lua_pushvalue(L, index);
    lua_setfenv(L, -2);
}

/* setfenv(function or level, table): level 0 would be the thread, on which other generations run as well */
static int set_fenv(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_isfunction(L, 1)) {
        lua_pushvalue(L, 1);
    } else {
        int level = (int)luaL_checkinteger(L, 1);
        luaL_argcheck(L, level != 0, 1, "the globals of a thread stay as they are");
        push_level(L, level);
    }
    set_globals_of(L, 2);
    return 1;
}

/* debug.getfenv(value) */
static int get_any_fenv(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    int type = lua_type(L, 1);
    if (type == LUA_TFUNCTION || type == LUA_TTHREAD || type == LUA_TUSERDATA)
        take_globals_of(L);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- modules ---- */

/* Sets the fields that tell the name of the module at `module`. */
static void name_module(lua_State *L, int module, const char *name)
{
    const char *dot = strrchr(name, '.');
    lua_pushvalue(L, module);
    lua_setfield(L, module, "_M");
    lua_pushstring(L, name);
    lua_setfield(L, module, "_NAME");
    lua_pushlstring(L, name, dot == NULL ? 0 : (size_t)(dot + 1 - name));
    lua_setfield(L, module, "_PACKAGE");
}

/* Pushes package.loaded[name] or the global table of that name; makes the latter if there is neither. */
static void push_named(lua_State *L, const char *name)
{
    modules_push_own(L, RECORD_LOADED);
    lua_getfield(L, -1, name);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        push_globals(L);
        if (luaL_findtable(L, lua_gettop(L), name, 1) != NULL)
            luaL_error(L, "name conflict for module '%s'", name);
        lua_remove(L, -2);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
}

/* module(name, ...): from here on, the module is the globals of the calling code. The functions after the name
 * are called with the module */
static int make_module(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    int options = lua_gettop(L), module = options + 1;
    lua_Debug at;
    push_named(L, name);
    lua_getfield(L, module, "_NAME");
    bool named = !lua_isnil(L, -1);
    lua_settop(L, module);
    if (!named) name_module(L, module, name);
    if (lua_getstack(L, 1, &at) == 0 || lua_getinfo(L, "f", &at) == 0 || lua_iscfunction(L, -1))
        return luaL_error(L, "'module' not called from a Lua function");
    set_globals_of(L, module);
    for (int i = 2; i <= options; i++) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, module);
        lua_call(L, 1, 0);
    }
    return 0;
}

/* package.seeall(module): names that the module does not have are looked up in the globals */
static int see_all(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1) == 0) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, -1);
        lua_setmetatable(L, 1);
    }
    push_globals(L);
    lua_setfield(L, -2, "__index");
    return 0;
}

/* ---- opening ---- */

/* Replaces the field of the table on the top of the stack, if there is one. */
static void replace(lua_State *L, struct state *state, int record, const char *name,
                    lua_CFunction function)
{
    environment_push_raw(L, -1, name);
    bool there = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!there) return;
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, record);
    lua_pushcclosure(L, function, MODULES_UPVALUE_RECORD);
    lua_setfield(L, -2, name);
}

void fenv_open(lua_State *L, struct state *state, int record)
{
    lua_rawgeti(L, record, RECORD_GLOBALS);
    replace(L, state, record, "getfenv", get_fenv);
    replace(L, state, record, "setfenv", set_fenv);
    replace(L, state, record, "module", make_module);
    environment_push_raw(L, -1, "debug");
    if (lua_istable(L, -1)) replace(L, state, record, "getfenv", get_any_fenv);
    lua_pop(L, 2);
    lua_rawgeti(L, record, RECORD_PACKAGE);
    replace(L, state, record, "seeall", see_all);
    lua_pop(L, 1);
}

#else

void fenv_open(lua_State *L, struct state *state, int record)
{
    (void)L;
    (void)state;
    (void)record;
}

#endif
