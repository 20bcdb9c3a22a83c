/* xpcall, coroutine.resume, wrap, close and status. They work as in Lua, and also tell overtime.c which coroutine
 * runs, because a hook belongs to one coroutine. (In LuaJIT it belongs to the state; there, resume and wrap only
 * check how much of the thread's stack is left.) */
#include "lua/library.h"

/* A coroutine that is resumed takes some of the thread's stack, which Lua does not count. */
static bool has_stack(lua_State *L)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (intptr_t)(state_of(L)->stack_base - here) < (intptr_t)COMPAT_STACK_NESTED;
}

/* Replaces a function of the table on the top of the stack; the old one becomes the second upvalue. */
static void wrap_function(struct state *state, const char *name, lua_CFunction function)
{
    lua_State *L = state->L;
    lua_pushlightuserdata(L, state);
    lua_getfield(L, -2, name);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

#if COMPAT_HOOK_PER_COROUTINE

/* Handlers run beside the main state, not on its stack, so to Lua the main state looks like a coroutine that can
 * be resumed or closed. A script can get hold of it where the server calls a metamethod. */
static bool is_main(lua_State *L, const lua_State *of)
{
    return of == state_of(L)->L;
}

/* It runs, or the running code was called from it. */
static bool is_active(lua_State *L, lua_State *of)
{
    lua_Debug at;
    return of == L || is_main(L, of) || (lua_status(of) == LUA_OK && lua_getstack(of, 0, &at) != 0);
}

/* Resumes the coroutine with the `arguments` values on the top of L. Returns how many results are on L, or -1
 * with an error there. */
static int enter(struct state *state, lua_State *L, lua_State *to, int arguments)
{
    int results = 0;
    if (is_main(L, to)) {
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
        return -1;
    }
    if (!lua_checkstack(to, arguments)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    lua_xmove(L, to, arguments);
    overtime_enter(&state->overtime, to);
    int status = compat_resume(to, L, arguments, &results);
    overtime_leave(&state->overtime, to, L);
    if (status != LUA_OK && status != LUA_YIELD) {
        if (overtime_is_raised(&state->overtime)) compat_mark_interrupted(to);
        lua_xmove(to, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(to, results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(to, L, results);
    return results;
}

static int resume(lua_State *L)
{
    lua_State *to = lua_tothread(L, 1);
    luaL_argexpected(L, to != NULL, 1, "coroutine");
    int results = enter(state_of(L), L, to, lua_gettop(L) - 1);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

/* Closes its variables; their __close metamethods run on the coroutine itself. Returns a status of Lua's and
 * raises no error. */
static int reset(struct state *state, lua_State *L, lua_State *to)
{
    overtime_enter(&state->overtime, to);
    int status = lua_resetthread(to);
    overtime_leave(&state->overtime, to, L);
    return status;
}

static int call_wrapped(lua_State *L)
{
    lua_State *to = lua_tothread(L, lua_upvalueindex(2));
    int results = enter(state_of(L), L, to, lua_gettop(L));
    if (results >= 0) return results;
    int status = lua_status(to);
    struct state *state = state_of(L);
    bool failed = status != LUA_OK && status != LUA_YIELD;
    if (failed && has_stack(L) && !overtime_is_raised(&state->overtime) &&
        !compat_was_interrupted(to)) { /* its variables must be closed */
        lua_pop(L, 1);
        reset(state, L, to);
        lua_xmove(to, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushlightuserdata(L, state_of(L));
    lua_State *made = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, made, 1);
    lua_pushcclosure(L, call_wrapped, 2);
    return 1;
}

static int refuse_close(lua_State *L, const char *why)
{
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
}

/* coroutine.close(co). It does not call Lua's own, which may raise an error between overtime_enter and
 * overtime_leave. */
static int close(lua_State *L)
{
    lua_State *to = lua_tothread(L, 1);
    luaL_argexpected(L, to != NULL, 1, "coroutine");
    if (is_active(L, to))
        return luaL_error(L, "cannot close a %s coroutine", to == L ? "running" : "normal");
    if (compat_was_interrupted(to))
        return refuse_close(L, "its variables cannot be closed: it was interrupted");
    if (!has_stack(L)) return refuse_close(L, "C stack overflow");
    bool fine = reset(state_of(L), L, to) == LUA_OK;
    lua_pushboolean(L, fine);
    if (fine) return 1;
    lua_xmove(to, L, 1);
    return 2;
}

static int tell_status(lua_State *L)
{
    lua_State *of = lua_tothread(L, 1);
    luaL_argexpected(L, of != NULL, 1, "coroutine");
    if (of != L && is_main(L, of)) {
        lua_pushliteral(L, "normal");
        return 1;
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* ---- xpcall ---- */

/* The error of an interruption is not given to the message handler: no hook could interrupt that if it looped,
 * nor code that it calls if it is a C function. */
static int handle_message(lua_State *L)
{
    lua_settop(L, 1);
    if (overtime_is_raised(&state_of(L)->overtime)) return 1;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int called(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return lua_gettop(L);
}

static int call_protected(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushlightuserdata(L, state_of(L));
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 2);
    lua_replace(L, 2);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, called);
    return called(L, LUA_OK, 0);
}

static lua_CFunction function_at(lua_State *of, int level)
{
    lua_Debug at;
    if (lua_getstack(of, level, &at) == 0 || !lua_checkstack(of, 1)) return NULL;
    lua_getinfo(of, "f", &at);
    lua_CFunction function = lua_tocfunction(of, -1);
    lua_pop(of, 1);
    return function;
}

/* Hides handle_message, and Lua's xpcall, which call_protected calls. */
bool coroutines_hide(lua_State *of, int level)
{
    lua_CFunction function = function_at(of, level);
    if (function == NULL) return false;
    return function == handle_message || function_at(of, level + 1) == call_protected;
}

void coroutines_open(struct state *state)
{
    static const luaL_Reg functions[] = {
        {"resume", resume}, {"wrap", wrap}, {"close", close}, {NULL, NULL}};
    lua_State *L = state->L;
    lua_getglobal(L, "coroutine");
    state_register(state, L, functions);
    wrap_function(state, "status", tell_status);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    wrap_function(state, "xpcall", call_protected);
    lua_pop(L, 1);
}

#else

/* Calls the function that is the second upvalue. */
static int pass_on(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int resume(lua_State *L)
{
    luaL_argcheck(L, lua_isthread(L, 1), 1, "coroutine expected");
    if (has_stack(L)) return pass_on(L);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "C stack overflow");
    return 2;
}

static int call_wrapped(lua_State *L)
{
    return has_stack(L) ? pass_on(L) : luaL_error(L, "C stack overflow");
}

static int wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushcclosure(L, call_wrapped, 2);
    return 1;
}

void coroutines_open(struct state *state)
{
    lua_getglobal(state->L, "coroutine");
    wrap_function(state, "resume", resume);
    wrap_function(state, "wrap", wrap);
    lua_pop(state->L, 1);
}

#endif
