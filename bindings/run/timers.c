#include "run/timers.h"

#include "run/code.h"
#include "run/run.h"

enum { KEPT_SELF = 1, KEPT_FUNCTION };

/* It will not fire again. It is kept while its function runs, because go_on comes back to it. */
static void let_go(struct timer *timer)
{
    timer->ended = true;
    list_remove(&timer->node);
    if (timer->calling) return;
    luaL_unref(timer->runtime->state.L, LUA_REGISTRYINDEX, timer->kept);
    timer->kept = LUA_NOREF;
}

static void restart(struct timer *timer)
{
    struct worker *worker = timer->runtime->worker;
    uint64_t now_ns = worker_now(worker);
    timer->due_ns += timer->interval_ns;
    if (timer->due_ns < now_ns) timer->due_ns = now_ns; /* missed ones are not made up for */
    worker_timer_start(worker, &timer->timer, timer->due_ns - now_ns);
}

static void go_on(struct timer *timer)
{
    timer->calling = false;
    if (!timer->ended && timer->interval_ns > 0)
        restart(timer);
    else
        let_go(timer);
}

static void finished(struct run *run, enum run_state state)
{
    struct timer *timer = run->context;
    (void)state;
    run_done(run);
    go_on(timer);
}

static void fire(struct wheel_timer *wheel_timer)
{
    struct timer *timer = container_of(wheel_timer, struct timer, timer);
    struct runtime *runtime = timer->runtime;
    struct run *run = run_take(runtime, RUN_TIMER, NULL);
    if (run == NULL) {
        go_on(timer);
        return;
    }
    run->context = timer;
    run->finished = finished;
    timer->calling = true;
    lua_rawgeti(run->L, LUA_REGISTRYINDEX, timer->kept);
    lua_rawgeti(run->L, -1, KEPT_FUNCTION);
    lua_remove(run->L, -2);
    enum run_state state = run_call(run, 0);
    if (state != RUN_WAITS) finished(run, state);
}

void timers_init(struct timer *timer, struct runtime *runtime)
{
    *timer = (struct timer){.runtime = runtime, .kept = LUA_NOREF, .ended = true};
    list_init(&timer->node);
    wheel_timer_init(&timer->timer, fire);
}

/* Is the caller a handler that waited while a reload took place? Then its generation's timers have ended, and a
 * new one must not start. */
static bool is_old(const struct runtime *runtime)
{
    const struct run *run = runtime->current;
    return runtime->loading == NULL && run != NULL && run->generation < code_generation(runtime);
}

/* Both are in one table with one reference. With two references, the first would never be released if there was
 * no memory for the second. */
static void keep(lua_State *L, struct timer *timer, int function)
{
    lua_createtable(L, KEPT_FUNCTION, 0);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, KEPT_SELF);
    lua_pushvalue(L, function);
    lua_rawseti(L, -2, KEPT_FUNCTION);
    timer->kept = luaL_ref(L, LUA_REGISTRYINDEX);
    timer->ended = false;
}

void timers_start(lua_State *L, struct timer *timer, int function, uint64_t delay_ns,
                  uint64_t interval_ns)
{
    struct runtime *runtime = timer->runtime;
    timer->interval_ns = interval_ns;
    if (is_old(runtime)) return;
    keep(L, timer, function);
    if (runtime->loading != NULL) { /* it starts when the code does */
        timer->due_ns = delay_ns;
        list_append(&runtime->loading->timers, &timer->node);
        return;
    }
    timer->due_ns = worker_now(runtime->worker) + delay_ns;
    list_append(&runtime->timers, &timer->node);
    worker_timer_start(runtime->worker, &timer->timer, delay_ns);
}

void timers_stop(struct timer *timer)
{
    worker_timer_stop(timer->runtime->worker, &timer->timer);
    let_go(timer);
}

void timers_start_all(struct runtime *runtime, struct list *timers)
{
    struct list *node;
    while ((node = list_take_first(timers)) != NULL) {
        struct timer *timer = container_of(node, struct timer, node);
        uint64_t delay_ns = timer->due_ns;
        timer->due_ns += worker_now(runtime->worker);
        list_append(&runtime->timers, node);
        worker_timer_start(runtime->worker, &timer->timer, delay_ns);
    }
}

int timers_stop_all(struct list *timers)
{
    int count = 0;
    for (; !list_empty(timers); count++)
        timers_stop(container_of(timers->next, struct timer, node));
    return count;
}
