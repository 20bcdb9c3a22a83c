/* server.after and server.every: timers that call Lua, on coroutines like handlers do. */
#include "code.h"

#define TIMER_META "moonport.timer"

struct lua_timer {
    struct wheel_timer timer;
    struct runtime *runtime;
    struct list node;     /* among the runtime's, while it runs */
    int function;         /* in the registry: what it calls; LUA_NOREF when it has ended */
    int self;             /* in the registry: itself, so that nobody has to keep it */
    uint64_t interval_ns; /* 0: once */
    uint64_t due_ns;
    bool calling; /* its function runs or waits: it is not called again before that ends */
};

static void unanchor(struct lua_timer *timer, int *anchor)
{
    luaL_unref(timer->runtime->L, LUA_REGISTRYINDEX, *anchor);
    *anchor = LUA_NOREF;
}

/* It will not fire again. While its function runs it is kept, for that comes back to it. */
static void let_go(struct lua_timer *timer)
{
    if (timer->function != LUA_NOREF) unanchor(timer, &timer->function);
    list_remove(&timer->node);
    if (!timer->calling) unanchor(timer, &timer->self);
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
    if (timer->function != LUA_NOREF && timer->interval_ns > 0)
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
    lua_rawgeti(run->L, LUA_REGISTRYINDEX, timer->function);
    enum run_state state = run_call(run, 0);
    if (state != RUN_WAITS) runtime_finished(run, state);
}

/* A handler that has waited over a reload: its generation's timers have ended, and so has this one. */
static bool is_old(const struct runtime *runtime)
{
    const struct run *run = runtime->current;
    return runtime->loading == NULL && run != NULL && run->generation < code_generation(runtime);
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
                                .function = LUA_NOREF,
                                .self = LUA_NOREF,
                                .interval_ns = repeats ? delay_ns : 0,
                                .due_ns = worker_now(runtime->worker) + delay_ns};
    list_init(&timer->node);
    wheel_timer_init(&timer->timer, fire);
    luaL_getmetatable(L, TIMER_META);
    lua_setmetatable(L, -2);
    if (is_old(runtime)) return 1;
    lua_pushvalue(L, -1);
    timer->self = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 2);
    timer->function = luaL_ref(L, LUA_REGISTRYINDEX);
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
