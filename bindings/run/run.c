#include "run/run.h"

#include "base/clock.h"
#include "lua/environment.h"
#include "run/code.h"
#include "run/failure.h"
#include "run/trial.h"

#include <stdlib.h>
#include <string.h>

enum { FREE_RUNS_MAX = 256 };
#define START_LIMIT_NS UINT64_C(60000000000)

static void wake_late(struct wheel_timer *timer);

/* Gives the code of this generation its own environment. */
static inline void show(struct runtime *runtime, uint64_t generation)
{
    if (generation != runtime->state.shown_generation)
        environment_show(&runtime->state, generation);
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
    wheel_timer_init(&run->wait.deadline, wake_late);
    if (state_protect(&runtime->state, make_coroutine, run)) return run;
    free(run);
    return NULL;
}

/* The run must be in no list. */
static void free_run(struct run *run)
{
    luaL_unref(run->runtime->state.L, LUA_REGISTRYINDEX, run->anchor);
    free(run);
}

/* Keeps some runs for reuse and frees the rest, of which there may be many after many have waited at once. */
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

/* Closes the variables of the coroutine. An error in a __close metamethod replaces the one that the call itself
 * may have ended with; that one has been reported. */
static void close_variables(struct run *run)
{
    struct runtime *runtime = run->runtime;
    lua_State *L = runtime->state.L;
    int status = lua_status(run->L);
    bool failed = status != LUA_OK && status != LUA_YIELD;
    if (failed)
        lua_pushvalue(run->L, -1);
    else
        lua_pushnil(run->L);
    lua_xmove(run->L, L, 1);
    overtime_begin(&runtime->state.overtime, run->L, run_name(run), runtime->state.timeout_ns);
    status = compat_reset(run->L);
    overtime_end(&runtime->state.overtime, run->L);
    if (status != LUA_OK) {
        lua_pushvalue(run->L, -1);
        lua_xmove(run->L, L, 1);
        bool told = failed && lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (!told) failure_tell_of_close(run);
    }
    lua_settop(run->L, 0);
    lua_pop(L, 1);
}

/* Makes a coroutine that failed, or was ended while it waited, ready for another call. This closes its variables,
 * and __close metamethods are script code; so it is not done where no hook could interrupt them: see overtime.h. */
static bool renew(struct run *run)
{
    struct runtime *runtime = run->runtime;
    bool has_hooks =
        (!run->interrupted || lua_status(run->L) == LUA_YIELD) && !compat_was_interrupted(run->L);
    if (COMPAT_REUSES_COROUTINES && has_hooks) {
        show(runtime, run->generation);
        close_variables(run);
        if (runtime->current != NULL) show(runtime, runtime->current->generation);
        bool resumed = lua_status(run->L) != LUA_OK; /* by the error's __tostring */
        if (!resumed) return true;
    }
    return state_protect(&runtime->state, make_coroutine, run);
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

static void count_not_called(struct runtime *runtime, int kind)
{
    if (kind == ON_RECEIVE) meter_packet_missed(&runtime->sample);
    meter_not_called(runtime->meters, (uint32_t)kind);
}

static enum run_state fail(struct run *run)
{
    if (run->reached)
        meter_failed(run->runtime->meters, run->kind, run->interrupted);
    else
        count_not_called(run->runtime, run->kind);
    trial_failed(run);
    failure_tell(run);
    return RUN_FAILED;
}

/* Collects garbage, because a call that ran out of memory must not fail the next one. In a full heap that takes a
 * while, so there it is done once a turn. */
static bool make_room(struct runtime *runtime)
{
    uint64_t now_ns = worker_now(runtime->worker);
    if (runtime->full_ns == now_ns) return false;
    heap_collect(&runtime->state.heap, runtime->state.L);
    if (heap_is_full(&runtime->state.heap)) runtime->full_ns = now_ns;
    return true;
}

static struct run *take(struct runtime *runtime)
{
    bool refused = runtime->state.heap.refused && runtime->current == NULL;
    if (refused && !make_room(runtime)) return NULL;
    struct run *run = runtime->spare;
    runtime->spare = NULL;
    if (run != NULL) return run;
    struct list *node = list_take_first(&runtime->free_runs);
    if (node == NULL) return make_run(runtime);
    runtime->free_run_count--;
    return container_of(node, struct run, node);
}

/* Before the first connection, code may take longer. `moonport check` does not allow that, because a reload would
 * not either. */
static uint64_t limit_of(const struct run *run)
{
    const struct runtime *runtime = run->runtime;
    bool patient = !runtime->started && !runtime->program->only_loads;
    if (!patient || runtime->state.timeout_ns > START_LIMIT_NS || runtime->state.timeout_ns == 0)
        return runtime->state.timeout_ns;
    return START_LIMIT_NS;
}

/* Leaves the error on the coroutine, or the error that there is no memory for it. Values below it are not
 * touched: some may have to be closed. */
static void refuse_yield(struct run *run)
{
    lua_State *L = run->runtime->state.L;
    const char *text = run->interrupted
                           ? run->runtime->state.overtime.text
                           : "yielded outside a coroutine of its own: to wait, use server.sleep";
    if (!run->interrupted) lua_settop(run->L, 0);
    if (!compat_push_bytes(L, run->L, text, strlen(text))) lua_xmove(L, run->L, 1);
}

static enum run_state call(struct run *run, int arguments)
{
    struct runtime *runtime = run->runtime;
    struct run *previous = runtime->current;
    int results = 0;
    /* A script that got hold of the coroutine may have resumed it: then the function to call is gone. */
    if (lua_status(run->L) == LUA_OK && lua_gettop(run->L) <= arguments) {
        const char *early = "its coroutine was resumed before its time";
        if (!compat_push_bytes(runtime->state.L, run->L, early, strlen(early)))
            lua_xmove(runtime->state.L, run->L, 1);
        return fail(run);
    }
    runtime->current = run;
    show(runtime, run->generation);
    overtime_begin(&runtime->state.overtime, run->L, run_name(run), limit_of(run));
    runtime->state.overtime.first = run->L;
    int status = compat_resume(run->L, runtime->state.L, arguments, &results);
    run->interrupted = overtime_end(&runtime->state.overtime, run->L);
    runtime->state.overtime.first = NULL;
    runtime->current = previous;
    if (previous != NULL) show(runtime, previous->generation);
    if (status == LUA_OK) return RUN_DONE;
    if (status != LUA_YIELD) return fail(run);
    if (!run->wait.lasts) {
        refuse_yield(run);
        return fail(run);
    }
    lua_settop(run->L, 0);
    list_append(run->owner, &run->node);
    return RUN_WAITS;
}

enum run_state run_call(struct run *run, int arguments)
{
    struct runtime *runtime = run->runtime;
    uint32_t kind = run->kind;
    bool fresh = lua_status(run->L) == LUA_OK;
    uint64_t begun_ns = run->begun_ns = clock_now_ns();
    enum run_state state = call(run, arguments);
    meter_call_end(runtime->meters, kind, fresh, begun_ns);
    run_publish(runtime);
    return state;
}

enum run_state run_call_packets(struct run *run, int arguments)
{
    struct runtime *runtime = run->runtime;
    enum run_state state = call(run, arguments);
    meter_packets_end(&runtime->sample, runtime->meters);
    run_publish(runtime);
    return state;
}

struct run *run_take(struct runtime *runtime, int kind, struct link *link)
{
    struct run *run = take(runtime);
    if (run == NULL) {
        count_not_called(runtime, kind);
        trial_missed(runtime, kind, link);
        state_log(&runtime->state, LOG_ERROR, "a handler was not called", "no memory");
        return NULL;
    }
    trial_called(runtime->tally, kind);
    bool owned = link != NULL && kind != ON_DISCONNECT;
    run->kind = (uint8_t)kind;
    run->generation = code_generation(runtime);
    run->tell = NULL;
    run->hear = NULL;
    run->link = owned ? link : NULL;
    run->conn = NULL;
    run->link_id = link == NULL ? 0 : link_id(link);
    run->owner = owned ? runtime_owned(runtime, link_slot(link)) : &runtime->loose;
    run->wait.lasts = false;
    run->interrupted = false;
    run->reached = true;
    run->on_trial = runtime->on_trial;
    run->finished = NULL;
    return run;
}

void run_not_called(const struct run *run, lua_State *L)
{
    count_not_called(run->runtime, run->kind);
    failure_not_called(run, L);
}

struct run *run_take_loose(struct runtime *runtime, enum handler handler)
{
    struct run *run = run_take(runtime, handler, NULL);
    if (run == NULL) return NULL;
    lua_pushvalue(runtime->state.L, SLOT_HANDLERS + (int)handler);
    lua_xmove(runtime->state.L, run->L, 1);
    return run;
}

/* ---- waiting ---- */

static void finish(struct run *run, enum run_state state)
{
    if (run->finished != NULL)
        run->finished(run, state);
    else
        run_done(run);
}

static void stop_waiting(struct run *run)
{
    worker_timer_stop(run->runtime->worker, &run->wait.deadline);
    list_remove(&run->node);
    run->wait.lasts = false;
}

void run_resume(struct run *run, int results)
{
    check(run->wait.lasts);
    stop_waiting(run);
    enum run_state state =
        run->kind == ON_RECEIVE ? run_call_packets(run, results) : run_call(run, results);
    if (state != RUN_WAITS) finish(run, state);
}

static void wake_late(struct wheel_timer *timer)
{
    struct run *run = container_of(timer, struct run, wait.deadline);
    run_resume(run, run->wait.late(run));
}

static bool may_wait(const struct run *run)
{
    switch (run->kind) {
    case RUN_MAIN:
    case RUN_LENGTH:
    case ON_UNLOAD:
    case ON_LOAD:
    case ON_STOP: return false;
    default: return true;
    }
}

struct run *run_check_wait(lua_State *L, const char *name)
{
    struct run *run = runtime_of(L)->current;
    if (run == NULL)
        luaL_error(L, "%s is for handlers and timers", name);
    else if (run->L != L)
        luaL_error(L,
                   "%s inside a coroutine of your own: call it from the handler, or yield to there",
                   name);
    else if (!may_wait(run))
        luaL_error(L, "%s cannot wait in %s", name, run_name(run));
    else if (!lua_isyieldable(L))
        luaL_error(
            L,
            "%s cannot wait here: a C function (table.sort, string.gsub, ...) or a metamethod is "
            "in between",
            name);
    return run;
}

static void end(struct run *run)
{
    stop_waiting(run);
    if (run->wait.cancel != NULL) run->wait.cancel(run);
    finish(run, RUN_ENDED);
}

static void cancel(struct list *waiting)
{
    struct list *node;
    while ((node = list_take_first(waiting)) != NULL) end(container_of(node, struct run, node));
}

void run_cancel_owned(struct runtime *runtime, const struct link *link)
{
    cancel(runtime_owned(runtime, link_slot(link)));
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
    while ((node = list_take_first(&older)) != NULL) end(container_of(node, struct run, node));
    return count;
}

static void free_runs(struct list *runs)
{
    struct list *node;
    while ((node = list_take_first(runs)) != NULL) free(container_of(node, struct run, node));
}

void run_cancel_all(struct runtime *runtime)
{
    for (uint32_t i = 0; i < worker_slots(runtime->worker); i++)
        if (runtime->owned[i].next != NULL) cancel(&runtime->owned[i]);
    cancel(&runtime->loose);
    if (runtime->spare != NULL) list_append(&runtime->free_runs, &runtime->spare->node);
    runtime->spare = NULL;
    free_runs(&runtime->free_runs);
}
