/* compat.h - the few calls of Lua 5.4 that LuaJIT does not have, or has under another name. */
#ifndef MOONPORT_COMPAT_H
#define MOONPORT_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if LUA_VERSION_NUM >= 504

/* Bytes of a thread's stack. Lua ends a recursion through C functions at 200 levels (LUAI_MAXCCALLS). Measured
 * with 5.4.4 on x86-64, string.gsub with a function that calls it again takes most: 424 KiB. The rest is for
 * sanitizers, and for modules in C. */
#define COMPAT_STACK_SIZE ((size_t)8 << 20)
/* Closing a coroutine starts that count again, so it is refused where more than this is already taken. */
#define COMPAT_STACK_NESTED ((size_t)4 << 20)
/* Errors in finalizers are warnings. */
#define COMPAT_WARNS 1
/* A coroutine that failed, or was ended while it waited, can be used again. */
#define COMPAT_REUSES_COROUTINES 1
/* A hook belongs to one coroutine, not to the whole state. */
#define COMPAT_HOOK_PER_COROUTINE 1
/* Lua copes with an allocation that is refused: it collects all garbage, and then raises an error. */
#define COMPAT_TAKES_REFUSAL 1
/* An object whose finalizer sets its metatable again is finalized again. */
#define COMPAT_FINALIZES_AGAIN 1
/* string.rep with an empty text loops as often as it is told to. */
#define COMPAT_REPEATS_NOTHING 1
#define COMPAT_SEARCHER_LINE "" /* before the text that a searcher returns */
#define COMPAT_OR_COMPILED ""   /* other code that no hook reaches */
#define COMPAT_LUA_NAME LUA_RELEASE

#define COMPAT_SEARCHERS "searchers" /* in `package` */

/* Sets the collector's mode and parameters, which a script may have changed. */
static inline void compat_collector(lua_State *L)
{
    lua_gc(L, LUA_GCGEN, 20, 100);
}

static inline int compat_resume(lua_State *L, lua_State *from, int arguments, int *results)
{
    return lua_resume(L, from, arguments, results);
}

/* Closes its variables. If the result is not LUA_OK, an error is left on it: that of a __close metamethod, or the
 * one that ended it. */
static inline int compat_reset(lua_State *L)
{
    return lua_resetthread(L);
}

/* Makes the table at `index` the globals of the chunk on the top of the stack. */
static inline void compat_set_environment(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    if (lua_setupvalue(L, -2, 1) == NULL) lua_pop(L, 1); /* bytecode that uses no globals */
}

/* Calls the function with the pointer. If the result is not LUA_OK, an error is left on the stack. */
static inline int compat_protected(lua_State *L, lua_CFunction function, void *pointer)
{
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, pointer);
    return lua_pcall(L, 1, 0, 0);
}

/* Pushes the results of os.execute for the status that system() returned. */
static inline int compat_executed(lua_State *L, int status)
{
    return luaL_execresult(L, status);
}

/* A C function can call a function that waits. */
#define COMPAT_CALLS_WAITING 1
/* A state accepts any allocator, which then knows all of its blocks. */
#define COMPAT_TAKES_ALLOCATOR 1

static inline lua_State *compat_newstate(lua_Alloc allocate, void *state)
{
    return lua_newstate(allocate, state);
}

/* The owner of a state: a word beside each of its threads, copied when they are made. */
static inline void compat_set_owner(lua_State *L, void *owner)
{
    *(void **)lua_getextraspace(L) = owner;
}

static inline void *compat_owner(lua_State *L)
{
    return (void *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}

/* An error raised by a hook has ended this coroutine: from now on no hook runs in it, whatever is done to it. The
 * mark is the lowest bit of the owner's address. */
static inline void compat_mark_interrupted(lua_State *L)
{
    *(uintptr_t *)lua_getextraspace(L) |= 1;
}

static inline bool compat_was_interrupted(lua_State *L)
{
    return (*(uintptr_t *)lua_getextraspace(L) & 1) != 0;
}

#else

#include <luajit.h>

/* LuaJIT does not count levels of C functions: a recursion through them ends when the stack of its coroutine is
 * full, at 65,500 slots. Measured on x86-64, string.gsub takes most until then: 6,581 levels and 57 MiB (its
 * buffer is 8 KiB). Each coroutine inside another one starts again: where more than COMPAT_STACK_NESTED is
 * already taken, none is resumed (coroutines.c). Pages that are never touched take no memory. */
#define COMPAT_STACK_NESTED ((size_t)16 << 20)
#define COMPAT_STACK_SIZE ((size_t)80 << 20)
#define COMPAT_WARNS 0
#define COMPAT_REUSES_COROUTINES 0
#define COMPAT_HOOK_PER_COROUTINE 0
#define COMPAT_TAKES_REFUSAL 0 /* compiled code crashes */
#define COMPAT_FINALIZES_AGAIN 0
#define COMPAT_REPEATS_NOTHING 0
#define COMPAT_SEARCHER_LINE "\n\t"
#define COMPAT_OR_COMPILED ", or in a loop that LuaJIT has compiled"
#define COMPAT_LUA_NAME LUAJIT_VERSION

static inline void compat_set_owner(lua_State *L, void *owner)
{
    (void)L;
    (void)owner; /* each function has it as its first upvalue */
}

static inline void *compat_owner(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static inline bool compat_was_interrupted(lua_State *L)
{
    (void)L;
    return false;
}

#define COMPAT_SEARCHERS "loaders"

static inline void compat_collector(lua_State *L)
{
    lua_gc(L, LUA_GCSETPAUSE, 200);
    lua_gc(L, LUA_GCSETSTEPMUL, 200);
}

static inline int compat_resume(lua_State *L, lua_State *from, int arguments, int *results)
{
    (void)from;
    int status = lua_resume(L, arguments);
    *results = lua_gettop(L);
    return status;
}

static inline int compat_reset(lua_State *L)
{
    lua_settop(L, 0);
    return LUA_OK;
}

static inline void compat_set_environment(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_setfenv(L, -2);
}

static inline int compat_protected(lua_State *L, lua_CFunction function, void *pointer)
{
    return lua_cpcall(L, function, pointer);
}

#define COMPAT_TAKES_ALLOCATOR 0 /* its own is fast, and part of the state */

static inline lua_State *compat_newstate(lua_Alloc allocate, void *state)
{
    (void)allocate;
    (void)state;
    return luaL_newstate();
}

static inline int compat_executed(lua_State *L, int status)
{
    lua_pushinteger(L, status);
    return 1;
}

#define COMPAT_CALLS_WAITING 0
typedef ptrdiff_t lua_KContext;
#define lua_callk(L, arguments, results, context, after) \
    ((void)(after), lua_call(L, arguments, results))

static inline void *compat_newuserdata(lua_State *L, size_t size)
{
    return lua_newuserdata(L, size);
}
#define lua_newuserdatauv(L, size, values) compat_newuserdata(L, size)
#define lua_isinteger(L, index) ((void)(L), (void)(index), false) /* all its numbers are floats */
#define lua_pushglobaltable(L) lua_pushvalue(L, LUA_GLOBALSINDEX)
#define lua_absindex(L, index) \
    ((index) > 0 || (index) <= LUA_REGISTRYINDEX ? (index) : lua_gettop(L) + (index) + 1)
#define lua_rawlen(L, index) lua_objlen(L, index)

/* As in Lua 5.4, this does not use the global tostring, which a script may have replaced. */
static inline const char *luaL_tolstring(lua_State *L, int index, size_t *size)
{
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
    } else if (lua_isstring(L, index)) {
        lua_pushvalue(L, index);
    } else if (lua_isboolean(L, index)) {
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    } else if (lua_isnil(L, index)) {
        lua_pushliteral(L, "nil");
    } else {
        lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index));
    }
    return lua_tolstring(L, -1, size);
}

#endif

struct compat_bytes {
    lua_State *to;
    const void *data;
    size_t size;
};

static inline int compat_push(lua_State *L)
{
    const struct compat_bytes *bytes = (const struct compat_bytes *)lua_touserdata(L, 1);
    lua_pushlstring(L, (const char *)bytes->data, bytes->size);
    lua_xmove(L, bytes->to, 1);
    return 0;
}

/* Pushes a string on the coroutine `to`. False: there is no memory for it, and the error is on L. */
static inline bool compat_push_bytes(lua_State *L, lua_State *to, const void *data, size_t size)
{
    struct compat_bytes bytes = {.to = to, .data = data, .size = size};
    return compat_protected(L, compat_push, &bytes) == LUA_OK;
}

#endif
