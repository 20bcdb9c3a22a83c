/* Lua's `debug`, without access to what protects the server: values inside C functions, the server's own
 * functions on the stack, and the metatables that identify userdata. */
#include "lua/environment.h"
#include "lua/library.h"

/* debug.getupvalue(function, number): of Lua functions only */
static int get_upvalue(lua_State *L)
{
    int number = (int)luaL_checkinteger(L, 2);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (lua_iscfunction(L, 1)) return 0;
    const char *name = lua_getupvalue(L, 1, number);
    if (name == NULL) return 0;
    lua_pushstring(L, name);
    lua_insert(L, -2);
    return 2;
}

static bool is_userdata(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TUSERDATA || type == LUA_TLIGHTUSERDATA;
}

/* debug.setmetatable(value, metatable): not of userdata, because their functions identify them by it, and because
 * all light userdata share one */
static int set_metatable(lua_State *L)
{
    luaL_argcheck(L, !is_userdata(L, 1), 1, "a userdata keeps its metatable");
    luaL_argcheck(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "expected nil or a table");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Replaces the table on the top of the stack with a copy. */
static void copy_table(lua_State *L)
{
    lua_newtable(L);
    state_copy_fields(L, -2, -1);
    lua_remove(L, -2);
}

/* Adds the fields that the table at `index` inherits through its metatable's __index to the table on the top of
 * the stack. */
static void add_inherited(lua_State *L, int index)
{
    if (lua_getmetatable(L, index) == 0) return;
    environment_push_raw(L, -1, "__index");
    lua_pushnil(L);
    while (lua_istable(L, -2) && lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -6);
    }
    if (!lua_istable(L, -1)) lua_pop(L, 1);
    lua_pop(L, 2);
}

/* Is the table on the top of the stack a metatable of the server's own? */
static bool is_guarded(lua_State *L)
{
    environment_push_raw(L, -1, "__newindex");
    bool guarded = lua_iscfunction(L, -1) && lua_tocfunction(L, -1) == state_of(L)->guard;
    lua_pop(L, 1);
    return guarded;
}

/* debug.getmetatable(value): of userdata and conns it is a copy, with copies of the methods */
static int get_metatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_getmetatable(L, 1) == 0) {
        lua_pushnil(L);
        return 1;
    }
    if (!is_userdata(L, 1) && !is_guarded(L)) return 1;
    lua_pushvalue(L, -1);
    int original = lua_gettop(L) - 1;
    copy_table(L);
    lua_pushnil(L); /* only Lua may call a finalizer, once: all generations share server.shared */
    lua_setfield(L, -2, "__gc");
    environment_push_raw(L, -1, "__index");
    if (lua_istable(L, -1)) {
        copy_table(L);
        add_inherited(L, original);
        lua_setfield(L, -2, "__index");
    } else {
        lua_pop(L, 1);
    }
    return 1;
}

/* Is the function on the top of the stack a C function, or the one that calls on_receive? Pops it. */
static bool take_is_ours(lua_State *L)
{
    bool ours = lua_iscfunction(L, -1) != 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state_of(L)->hidden);
    ours = ours || lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return ours;
}

/* debug.getlocal([thread,] level or function, number): not of the server's own functions, inside which a
 * finalizer may run */
static int get_local(lua_State *L)
{
    int place = lua_isthread(L, 1) ? 2 : 1;
    lua_State *of = place == 2 ? lua_tothread(L, 1) : L;
    lua_Debug at;
    int number = (int)luaL_checkinteger(L, place + 1);
    if (lua_isfunction(L, place)) {
        lua_pushvalue(L, place);
        lua_pushstring(L, lua_getlocal(L, NULL, number));
        return 1;
    }
    int level = (int)luaL_checkinteger(L, place);
    luaL_argcheck(L, lua_getstack(of, level, &at) != 0, place, "level out of range");
    if (!lua_checkstack(of, 1)) return luaL_error(L, "stack overflow");
    lua_getinfo(of, "f", &at);
    lua_xmove(of, L, 1);
    const char *name = take_is_ours(L) ? NULL : lua_getlocal(of, &at, number);
    if (name == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_xmove(of, L, 1);
    lua_pushstring(L, name);
    lua_insert(L, -2);
    return 2;
}

/* The index of the argument of debug.getinfo that is a level on this coroutine; 0: there is none. */
static int place_of_level(lua_State *L)
{
    int place = lua_isthread(L, 1) ? 2 : 1;
    bool elsewhere = place == 2 && lua_tothread(L, 1) != L;
    return !elsewhere && lua_isnumber(L, place) && lua_tonumber(L, place) >= 0 ? place : 0;
}

void library_check_info(lua_State *L)
{
    int top = lua_gettop(L), place = lua_isthread(L, 1) ? 2 : 1;
    lua_Debug at;
    if (!lua_isfunction(L, place)) luaL_checknumber(L, place);
    const char *what = luaL_optstring(L, place + 1, "");
    luaL_argcheck(L, *what != '>', place + 1, "invalid option '>'");
    lua_getstack(L, 0, &at);
    luaL_argcheck(L, lua_getinfo(L, what, &at) != 0, place + 1, "invalid option");
    lua_settop(L, top);
}

/* debug.getinfo([thread,] function [, what]). It does not give away C functions on the stack that scripts must
 * not call: those that have been replaced, and those that take a pointer. */
static int get_info(lua_State *L)
{
    struct state *state = state_of(L);
    int level = place_of_level(L), place = lua_isthread(L, 1) ? 2 : 1;
    bool by_level = !lua_isfunction(L, place);
    library_check_info(L);
    if (level > 0) { /* this function is one more level */
        lua_pushnumber(L, lua_tonumber(L, level) + 1);
        lua_replace(L, level);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    if (!by_level || !lua_istable(L, -1)) return 1;
    environment_push_raw(L, -1, "func");
    environment_push_closet(L, state, CLOSET_PUBLIC);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    bool public = lua_toboolean(L, -1) != 0;
    lua_pop(L, 2);
    if (take_is_ours(L) && !public) {
        lua_pushnil(L);
        lua_setfield(L, -2, "func");
    }
    return 1;
}

void library_open_debug(struct state *state)
{
    static const luaL_Reg functions[] = {
        {"getupvalue", get_upvalue},
        {"getlocal", get_local},
        {"setmetatable", set_metatable},
        {"getmetatable", get_metatable},
        {NULL, NULL},
    };
    lua_State *L = state->L;
    lua_getglobal(L, "debug");
    state_register(state, L, functions);
    lua_pushlightuserdata(L, state);
    lua_getfield(L, -2, "getinfo");
    lua_pushcclosure(L, get_info, 2);
    lua_setfield(L, -2, "getinfo");
    lua_pop(L, 1);
}
