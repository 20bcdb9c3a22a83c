/* compat.h - the few calls of Lua 5.4 that LuaJIT does not have, or has under another name. */
#ifndef MOONPORT_COMPAT_H
#define MOONPORT_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM >= 504

/* A coroutine that failed, or that is given up, can be used again. */
#define COMPAT_REUSES_COROUTINES 1
#define COMPAT_LUA_NAME LUA_RELEASE

static inline void compat_collector(lua_State *L)
{
    lua_gc(L, LUA_GCGEN, 0, 0);
}

static inline int compat_resume(lua_State *L, lua_State *from, int arguments, int *results)
{
    return lua_resume(L, from, arguments, results);
}

static inline void compat_reset(lua_State *L)
{
    lua_resetthread(L);
    lua_settop(L, 0);
}

/* Gives the chunk on the top of the stack the table at `index` for its globals. */
static inline void compat_set_environment(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_setupvalue(L, -2, 1);
}

#else

#include <luajit.h>

#define COMPAT_REUSES_COROUTINES 0
#define COMPAT_LUA_NAME LUAJIT_VERSION

static inline void compat_collector(lua_State *L)
{
    (void)L; /* LuaJIT has only the incremental one */
}

static inline int compat_resume(lua_State *L, lua_State *from, int arguments, int *results)
{
    (void)from;
    int status = lua_resume(L, arguments);
    *results = lua_gettop(L);
    return status;
}

static inline void compat_reset(lua_State *L)
{
    lua_settop(L, 0);
}

static inline void compat_set_environment(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_setfenv(L, -2);
}

static inline void *compat_newuserdata(lua_State *L, size_t size)
{
    return lua_newuserdata(L, size);
}
#define lua_newuserdatauv(L, size, values) compat_newuserdata(L, size)
#define lua_pushglobaltable(L) lua_pushvalue(L, LUA_GLOBALSINDEX)
#define lua_absindex(L, index) ((index) > 0 ? (index) : lua_gettop(L) + (index) + 1)
#define lua_rawlen(L, index) lua_objlen(L, index)

/* As luaL_tolstring: the string is pushed. */
static inline const char *luaL_tolstring(lua_State *L, int index, size_t *size)
{
    index = lua_absindex(L, index);
    lua_getglobal(L, "tostring");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    return lua_tolstring(L, -1, size);
}

#endif
#endif
