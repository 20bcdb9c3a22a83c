/* Handlers and timers run on pooled coroutines, so that any of them may wait. */
#include "runtime.h"

#include <stdlib.h>

static void wake(struct wheel_timer *timer);

static int make_coroutine(lua_State *L)
{
    struct run *run = lua_touserdata(L, 1);
    lua_State *made = lua_newthread(L);
    int anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, run->anchor);
    run->anchor = anchor;
    run->L = made;
    return 0;
}

static struct run *make_run(struct runtime *runtime)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) return NULL;
    run->runtime = runtime;
    run->anchor = LUA_NOREF;
    list_init(&run->node);
    wheel_timer_init(&run->sleep, wake);
    if (runtime_protect(runtime, make_coroutine, run)) return run;
    free(run);
    return NULL;
}

static void give_run(struct run *run)
{
    struct runtime *runtime = run->runtime;
    list_remove(&run->node);
    if (runtime->spare == NULL)
        runtime->spare = run;
    else
        list_append(&runtime->free_runs, &run->node);
}

/* Makes a coroutine that failed, or is given up in the middle of something, fit for another call. */
static bool renew(struct run *run)
{
    if (!COMPAT_REUSES_COROUTINES) return runtime_protect(run->runtime, make_coroutine, run);
    compat_reset(run->L);
    return true;
}

void run_done(struct run *run)
{
    if (lua_status(run->L) == LUA_OK) {
        lua_settop(run->L, 0);
    } else if (!renew(run)) {
        luaL_unref(run->runtime->L, LUA_REGISTRYINDEX, run->anchor);
        list_remove(&run->node);
        free(run);
        return;
    }
    give_run(run);
}

static const char *run_name(const struct run *run)
{
    return run->handler < HANDLERS ? handler_names[run->handler] : "timer";
}

static enum run_state fail(struct run *run)
{
    runtime_failed(run->runtime, run->L, run_name(run), run->link_id);
    return RUN_FAILED;
}

static struct run *take(struct runtime *runtime)
{
    struct run *run = runtime->spare;
    runtime->spare = NULL;
    if (run != NULL) return run;
    struct list *node = list_take_first(&runtime->free_runs);
    return node != NULL ? container_of(node, struct run, node) : make_run(runtime);
}

enum run_state run_call(struct run *run, int arguments)
{
    struct runtime *runtime = run->runtime;
    struct run *previous = runtime->current;
    int results = 0;
    runtime->current = run;
    int status = compat_resume(run->L, runtime->L, arguments, &results);
    runtime->current = previous;
    if (status == LUA_OK) return RUN_DONE;
    if (status != LUA_YIELD) return fail(run);
    if (!run->sleeping) {
        lua_settop(run->L, 0);
        lua_pushliteral(run->L,
                        "yielded outside a coroutine of its own: to wait, use server.sleep");
        return fail(run);
    }
    lua_settop(run->L, 0);
    list_append(run->owner, &run->node);
    return RUN_WAITS;
}

struct run *run_take(struct runtime *runtime, enum handler handler, struct link *link)
{
    struct run *run = take(runtime);
    if (run == NULL) {
        log_line(LOG_ERROR, "a handler was not called: no memory");
        return NULL;
    }
    bool owned = link != NULL && handler != ON_DISCONNECT;
    run->handler = (uint8_t)handler;
    run->link = owned ? link : NULL;
    run->link_id = link == NULL ? 0 : link_id(link);
    run->owner = owned ? &runtime->owned[link_slot(link)] : &runtime->loose;
    run->sleeping = false;
    return run;
}

static void wake(struct wheel_timer *timer)
{
    struct run *run = container_of(timer, struct run, sleep);
    list_remove(&run->node);
    run->sleeping = false;
    enum run_state state = run_call(run, 0);
    if (state != RUN_WAITS) runtime_finished(run, state);
}

int run_sleep(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    uint64_t delay_ns = runtime_check_seconds(L, 1);
    struct run *run = runtime->current;
    if (run == NULL) return luaL_error(L, "server.sleep is for handlers and timers");
    if (run->L != L)
        return luaL_error(L, "server.sleep inside a coroutine of your own: call it from the "
                             "handler, or yield to there");
    if (!lua_isyieldable(L))
        return luaL_error(L,
                          "server.sleep cannot wait here: a C function (table.sort, string.gsub, "
                          "...) or a metamethod is in between");
    run->sleeping = true;
    worker_timer_start(runtime->worker, &run->sleep, delay_ns);
    return lua_yield(L, 0);
}

static void cancel(struct list *waiting)
{
    struct list *node;
    while ((node = list_take_first(waiting)) != NULL) {
        struct run *run = container_of(node, struct run, node);
        worker_timer_stop(run->runtime->worker, &run->sleep);
        run->sleeping = false;
        run_done(run);
    }
}

void run_cancel_owned(struct runtime *runtime, const struct link *link)
{
    cancel(&runtime->owned[link_slot(link)]);
}

static void free_runs(struct list *runs)
{
    struct list *node;
    while ((node = list_take_first(runs)) != NULL) free(container_of(node, struct run, node));
}

void run_cancel_all(struct runtime *runtime)
{
    for (uint32_t i = 0; i < worker_slots(runtime->worker); i++) cancel(&runtime->owned[i]);
    cancel(&runtime->loose);
    if (runtime->spare != NULL) list_append(&runtime->free_runs, &runtime->spare->node);
    runtime->spare = NULL;
    free_runs(&runtime->free_runs);
}
