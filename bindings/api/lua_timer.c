/* server.after and server.every: timers that call Lua, on coroutines like handlers do. */
#include "run/code.h"

#define TIMER_META "moonport.timer"

struct lua_timer {
    struct wheel_timer timer;
    struct runtime *runtime;
    struct list node; /* among the runtime's, while it runs */
    int kept;         /* in the registry, so that nobody has to keep it: { itself, its function } */
    uint64_t interval_ns; /* 0: once */
    uint64_t due_ns;
    bool ended;   /* it does not fire again */
    bool calling; /* its function runs or waits: it is not called again before that ends */
};
enum { KEPT_SELF = 1, KEPT_FUNCTION };

/* It will not fire again. While its function runs it is kept, for that comes back to it. */
static void let_go(struct lua_timer *timer)
{
    timer->ended = true;
    list_remove(&timer->node);
    if (timer->calling) return;
    luaL_unref(timer->runtime->L, LUA_REGISTRYINDEX, timer->kept);
    timer->kept = LUA_NOREF;
}

static void restart(struct lua_timer *timer)
{
    struct worker *worker = timer->runtime->worker;
    uint64_t now_ns = worker_now(worker);
    timer->due_ns += timer->interval_ns;
    if (timer->due_ns < now_ns) timer->due_ns = now_ns; /* missed ones are not made up for */
    worker_timer_start(worker, &timer->timer, timer->due_ns - now_ns);
}

void lua_timer_finished(struct lua_timer *timer)
{
    timer->calling = false;
    if (!timer->ended && timer->interval_ns > 0)
        restart(timer);
    else
        let_go(timer);
}

static void fire(struct wheel_timer *wheel_timer)
{
    struct lua_timer *timer = container_of(wheel_timer, struct lua_timer, timer);
    struct runtime *runtime = timer->runtime;
    struct run *run = run_take(runtime, RUN_TIMER, NULL);
    if (run == NULL) {
        lua_timer_finished(timer);
        return;
    }
    run->timer = timer;
    timer->calling = true;
    lua_rawgeti(run->L, LUA_REGISTRYINDEX, timer->kept);
    lua_rawgeti(run->L, -1, KEPT_FUNCTION);
    lua_remove(run->L, -2);
    enum run_state state = run_call(run, 0);
    if (state != RUN_WAITS) runtime_finished(run, state);
}

/* A handler that has waited over a reload: its generation's timers have ended, and so has this one. */
static bool is_old(const struct runtime *runtime)
{
    const struct run *run = runtime->current;
    return runtime->loading == NULL && run != NULL && run->generation < code_generation(runtime);
}

/* Of the timer on the top of the stack, whose function is at 2. There is one reference only: were there two, the
 * first would stay for good if there is no memory for the second. */
static void keep(lua_State *L, struct lua_timer *timer)
{
    lua_createtable(L, KEPT_FUNCTION, 0);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, KEPT_SELF);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, KEPT_FUNCTION);
    timer->kept = luaL_ref(L, LUA_REGISTRYINDEX);
    timer->ended = false;
}

static int start(lua_State *L, bool repeats)
{
    struct runtime *runtime = runtime_of(L);
    uint64_t delay_ns;
    bool known = runtime_read_seconds(L, 1, &delay_ns);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!known) return runtime_refuse_seconds(L, 1);
    if (repeats && delay_ns < WHEEL_TICK_NS) delay_ns = WHEEL_TICK_NS;
    struct lua_timer *timer = lua_newuserdatauv(L, sizeof *timer, 0);
    *timer = (struct lua_timer){.runtime = runtime,
                                .kept = LUA_NOREF,
                                .ended = true,
                                .interval_ns = repeats ? delay_ns : 0,
                                .due_ns = worker_now(runtime->worker) + delay_ns};
    list_init(&timer->node);
    wheel_timer_init(&timer->timer, fire);
    luaL_getmetatable(L, TIMER_META);
    lua_setmetatable(L, -2);
    if (is_old(runtime)) return 1;
    keep(L, timer);
    if (runtime->loading != NULL) { /* it runs from the moment on when the code does */
        timer->due_ns = delay_ns;
        list_append(&runtime->loading->timers, &timer->node);
        return 1;
    }
    list_append(&runtime->timers, &timer->node);
    worker_timer_start(runtime->worker, &timer->timer, delay_ns);
    return 1;
}

/* server.after(seconds, function) */
int lua_timer_after(lua_State *L)
{
    return start(L, false);
}

/* server.every(seconds, function) */
int lua_timer_every(lua_State *L)
{
    return start(L, true);
}

/* timer:cancel() */
static int timer_cancel(lua_State *L)
{
    struct lua_timer *timer = luaL_checkudata(L, 1, TIMER_META);
    worker_timer_stop(timer->runtime->worker, &timer->timer);
    let_go(timer);
    return 0;
}

void lua_timer_open(struct runtime *runtime)
{
    static const luaL_Reg methods[] = {{"cancel", timer_cancel}, {NULL, NULL}};
    lua_State *L = runtime->L;
    luaL_newmetatable(L, TIMER_META);
    lua_newtable(L);
    runtime_register(runtime, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "timer");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void lua_timer_start_all(struct runtime *runtime, struct list *timers)
{
    struct list *node;
    while ((node = list_take_first(timers)) != NULL) {
        struct lua_timer *timer = container_of(node, struct lua_timer, node);
        uint64_t delay_ns = timer->due_ns;
        timer->due_ns += worker_now(runtime->worker);
        list_append(&runtime->timers, node);
        worker_timer_start(runtime->worker, &timer->timer, delay_ns);
    }
}

int lua_timer_stop_all(struct runtime *runtime, struct list *timers)
{
    int count = 0;
    for (; !list_empty(timers); count++) {
        struct lua_timer *timer = container_of(timers->next, struct lua_timer, node);
        worker_timer_stop(runtime->worker, &timer->timer);
        let_go(timer);
    }
    return count;
}
