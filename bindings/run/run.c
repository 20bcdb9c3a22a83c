/* Handlers and timers run on pooled coroutines, so that any of them may wait. */
#include "lua/environment.h"
#include "run/code.h"

#include <stdlib.h>
#include <string.h>

enum { FREE_RUNS_MAX = 256 };
#define START_LIMIT_NS UINT64_C(60000000000)

static void wake(struct wheel_timer *timer);

/* Its code sees what is its own. */
static inline void show(struct runtime *runtime, uint64_t generation)
{
    if (generation != runtime->shown_generation) environment_show(runtime, generation);
}

static int make_coroutine(lua_State *L)
{
    struct run *run = lua_touserdata(L, 1);
    lua_State *made = lua_newthread(L);
    if (COMPAT_HOOK_PER_COROUTINE) lua_sethook(made, NULL, 0, 0); /* it has inherited L's, if any */
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

/* It must stand in no list. */
static void free_run(struct run *run)
{
    luaL_unref(run->runtime->L, LUA_REGISTRYINDEX, run->anchor);
    free(run);
}

/* Some are kept for the next time; after many have waited at once, the others are not. */
static void give_run(struct run *run)
{
    struct runtime *runtime = run->runtime;
    list_remove(&run->node);
    if (runtime->spare == NULL) {
        runtime->spare = run;
    } else if (runtime->free_run_count < FREE_RUNS_MAX) {
        list_append(&runtime->free_runs, &run->node);
        runtime->free_run_count++;
    } else {
        free_run(run);
    }
}

const char *run_name(const struct run *run)
{
    switch (run->handler) {
    case RUN_TIMER: return "timer";
    case RUN_MAIN: return "main.lua";
    case RUN_TEST: return "test";
    default: return handler_names[run->handler];
    }
}

/* An error in there takes the place of the one that the call itself may have ended with, and that has been
 * told. */
static void close_variables(struct run *run)
{
    struct runtime *runtime = run->runtime;
    lua_State *L = runtime->L;
    int status = lua_status(run->L);
    bool failed = status != LUA_OK && status != LUA_YIELD;
    if (failed)
        lua_pushvalue(run->L, -1);
    else
        lua_pushnil(run->L);
    lua_xmove(run->L, L, 1);
    overtime_begin(&runtime->overtime, run->L, run_name(run), runtime->timeout_ns);
    status = compat_reset(run->L);
    overtime_end(&runtime->overtime, run->L);
    if (status != LUA_OK) {
        lua_pushvalue(run->L, -1);
        lua_xmove(run->L, L, 1);
        bool told = failed && lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (!told) runtime_close_failed(run);
    }
    lua_settop(run->L, 0);
    lua_pop(L, 1);
}

/* Makes a coroutine that failed, or is given up in the middle of something, fit for another call. Its
 * variables with __close are closed, which runs code of the script's; but not where no hook would end
 * that: see overtime.h. */
static bool renew(struct run *run)
{
    struct runtime *runtime = run->runtime;
    bool has_hooks =
        (!run->interrupted || lua_status(run->L) == LUA_YIELD) && !compat_was_interrupted(run->L);
    if (COMPAT_REUSES_COROUTINES && has_hooks) {
        show(runtime, run->generation);
        close_variables(run);
        if (runtime->current != NULL) show(runtime, runtime->current->generation);
        bool resumed = lua_status(run->L) != LUA_OK; /* by the text of an error */
        if (!resumed) return true;
    }
    return runtime_protect(runtime, make_coroutine, run);
}

void run_done(struct run *run)
{
    if (lua_status(run->L) == LUA_OK) {
        lua_settop(run->L, 0);
    } else if (!renew(run)) {
        list_remove(&run->node);
        free_run(run);
        return;
    }
    give_run(run);
}

static enum run_state fail(struct run *run)
{
    runtime_failed(run);
    return RUN_FAILED;
}

/* So that one call's want of memory is not the next one's. But a collection of what is full takes its
 * time, and is for all calls of a turn then. */
static bool make_room(struct runtime *runtime)
{
    uint64_t now_ns = worker_now(runtime->worker);
    if (runtime->full_ns == now_ns) return false;
    heap_collect(&runtime->heap, runtime->L);
    if (heap_is_full(&runtime->heap)) runtime->full_ns = now_ns;
    return true;
}

static struct run *take(struct runtime *runtime)
{
    bool refused = runtime->heap.refused && runtime->current == NULL;
    if (refused && !make_room(runtime)) return NULL;
    struct run *run = runtime->spare;
    runtime->spare = NULL;
    if (run != NULL) return run;
    struct list *node = list_take_first(&runtime->free_runs);
    if (node == NULL) return make_run(runtime);
    runtime->free_run_count--;
    return container_of(node, struct run, node);
}

/* What happens before the first connection may take its time; `moonport check` tells what a reload
 * would not wait for. */
static uint64_t limit_of(const struct run *run)
{
    const struct runtime *runtime = run->runtime;
    bool patient = !runtime->started && !runtime->program->only_loads;
    if (!patient || runtime->timeout_ns > START_LIMIT_NS || runtime->timeout_ns == 0)
        return runtime->timeout_ns;
    return START_LIMIT_NS;
}

/* Leaves the error on the coroutine, or that there is no memory even for it. What stands below it is
 * not touched: it may have to be closed. */
static void refuse_yield(struct run *run)
{
    lua_State *L = run->runtime->L;
    const char *text = run->interrupted
                           ? run->runtime->overtime.text
                           : "yielded outside a coroutine of its own: to wait, use server.sleep";
    if (!run->interrupted) lua_settop(run->L, 0);
    if (!compat_push_bytes(L, run->L, text, strlen(text))) lua_xmove(L, run->L, 1);
}

enum run_state run_call(struct run *run, int arguments)
{
    struct runtime *runtime = run->runtime;
    struct run *previous = runtime->current;
    int results = 0;
    /* A script that got hold of the coroutine may have resumed it: then the call is gone. */
    if (lua_status(run->L) == LUA_OK && lua_gettop(run->L) <= arguments) {
        const char *early = "its coroutine was resumed before its time";
        if (!compat_push_bytes(runtime->L, run->L, early, strlen(early)))
            lua_xmove(runtime->L, run->L, 1);
        return fail(run);
    }
    runtime->current = run;
    show(runtime, run->generation);
    overtime_begin(&runtime->overtime, run->L, run_name(run), limit_of(run));
    runtime->overtime.first = run->L;
    int status = compat_resume(run->L, runtime->L, arguments, &results);
    run->interrupted = overtime_end(&runtime->overtime, run->L);
    runtime->overtime.first = NULL;
    runtime->current = previous;
    if (previous != NULL) show(runtime, previous->generation);
    if (status == LUA_OK) return RUN_DONE;
    if (status != LUA_YIELD) return fail(run);
    if (!run->sleeping) {
        refuse_yield(run);
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
        runtime_log(runtime, LOG_ERROR, "a handler was not called", "no memory");
        return NULL;
    }
    bool owned = link != NULL && handler != ON_DISCONNECT;
    run->handler = (uint8_t)handler;
    run->generation = code_generation(runtime);
    run->tell = NULL;
    run->link = owned ? link : NULL;
    run->conn = NULL;
    run->link_id = link == NULL ? 0 : link_id(link);
    run->owner = owned ? &runtime->owned[link_slot(link)] : &runtime->loose;
    run->sleeping = false;
    run->interrupted = false;
    run->reached = true;
    return run;
}

struct run *run_take_loose(struct runtime *runtime, enum handler handler)
{
    struct run *run = run_take(runtime, handler, NULL);
    if (run == NULL) return NULL;
    lua_pushvalue(runtime->L, SLOT_HANDLERS + (int)handler);
    lua_xmove(runtime->L, run->L, 1);
    return run;
}

static void wake(struct wheel_timer *timer)
{
    struct run *run = container_of(timer, struct run, sleep);
    list_remove(&run->node);
    run->sleeping = false;
    lua_pushboolean(run->L, 1); /* the answer of `sleep` */
    enum run_state state = run_call(run, 1);
    if (state != RUN_WAITS) runtime_finished(run, state);
}

static bool may_wait(const struct run *run)
{
    switch (run->handler) {
    case RUN_MAIN:
    case ON_UNLOAD:
    case ON_LOAD:
    case ON_STOP: return false;
    default: return true;
    }
}

int run_sleep(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    uint64_t delay_ns;
    bool known = runtime_read_seconds(L, 1, &delay_ns);
    struct run *run = runtime->current;
    if (run == NULL) return luaL_error(L, "server.sleep is for handlers and timers");
    if (run->L != L)
        return luaL_error(L, "server.sleep inside a coroutine of your own: call it from the "
                             "handler, or yield to there");
    if (!may_wait(run)) return luaL_error(L, "server.sleep cannot wait in %s", run_name(run));
    if (!lua_isyieldable(L))
        return luaL_error(L,
                          "server.sleep cannot wait here: a C function (table.sort, string.gsub, "
                          "...) or a metamethod is in between");
    if (!known) return runtime_refuse_seconds(L, 1);
    run->sleeping = true;
    worker_timer_start(runtime->worker, &run->sleep, delay_ns);
    return lua_yield(L, 0);
}

static void end(struct run *run)
{
    worker_timer_stop(run->runtime->worker, &run->sleep);
    run->sleeping = false;
    run_done(run);
}

static void cancel(struct list *waiting)
{
    struct list *node;
    while ((node = list_take_first(waiting)) != NULL) end(container_of(node, struct run, node));
}

void run_cancel_owned(struct runtime *runtime, const struct link *link)
{
    cancel(&runtime->owned[link_slot(link)]);
}

bool run_any_of(const struct list *waiting, uint64_t generation)
{
    for (const struct list *node = waiting->next; node != waiting; node = node->next)
        if (container_of((struct list *)node, struct run, node)->generation == generation)
            return true;
    return false;
}

int run_cancel_older(struct runtime *runtime, uint64_t generation)
{
    struct list older, *node;
    int count = 0;
    list_init(&older);
    for (node = runtime->loose.next; node != &runtime->loose;) {
        struct run *run = container_of(node, struct run, node);
        node = node->next;
        if (run->generation >= generation) continue;
        list_remove(&run->node);
        list_append(&older, &run->node);
        count++;
    }
    while ((node = list_take_first(&older)) != NULL) {
        struct run *run = container_of(node, struct run, node);
        struct lua_timer *timer = run->handler == RUN_TIMER ? run->timer : NULL;
        end(run);
        if (timer != NULL) lua_timer_finished(timer);
    }
    return count;
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
