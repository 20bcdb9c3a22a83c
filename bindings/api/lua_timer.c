/* server.after and server.every */
#include "api/lua_api.h"
#include "run/timers.h"

#define TIMER_META "moonport.timer"

static int start(lua_State *L, bool repeats)
{
    uint64_t delay_ns;
    bool known = state_read_seconds(L, 1, &delay_ns);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!known) return state_refuse_seconds(L, 1);
    if (repeats && delay_ns < WHEEL_TICK_NS) delay_ns = WHEEL_TICK_NS;
    struct timer *timer = lua_newuserdatauv(L, sizeof *timer, 0);
    timers_init(timer, runtime_of(L));
    luaL_getmetatable(L, TIMER_META);
    lua_setmetatable(L, -2);
    timers_start(L, timer, 2, delay_ns, repeats ? delay_ns : 0);
    return 1;
}

/* server.after(seconds, function) */
static int after(lua_State *L)
{
    return start(L, false);
}

/* server.every(seconds, function) */
static int every(lua_State *L)
{
    return start(L, true);
}

/* timer:cancel() */
static int timer_cancel(lua_State *L)
{
    timers_stop(luaL_checkudata(L, 1, TIMER_META));
    return 0;
}

void lua_timer_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"after", after}, {"every", every}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"cancel", timer_cancel}, {NULL, NULL}};
    lua_State *L = runtime->state.L;
    state_register(&runtime->state, L, functions);
    luaL_newmetatable(L, TIMER_META);
    lua_newtable(L);
    state_register(&runtime->state, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "timer");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
