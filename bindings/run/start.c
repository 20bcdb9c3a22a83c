#include "run/start.h"

#include "lua/collections.h"
#include "lua/environment.h"
#include "lua/library.h"
#include "lua/lua_warn.h"
#include "lua/profile.h"
#include "run/code.h"
#include "run/failure.h"
#include "run/handlers.h"
#include "run/run.h"
#include "run/slow.h"
#include "run/timers.h"
#include "run/trial.h"

#include <stdlib.h>

static void close_runtime(struct runtime *runtime)
{
    profile_end(&runtime->state);
    if (runtime->owned != NULL) run_cancel_all(runtime);
    timers_stop_all(&runtime->timers);
    runtime->state.heap.limit = 0; /* closing may take memory too */
    if (runtime->state.L != NULL) {
        code_close(runtime);
        heap_close(&runtime->state.heap);
        runtime->program->api->close(runtime);
    }
    failure_close(runtime);
    if (runtime->state.overtime.thread != NULL) overtime_close(&runtime->state.overtime);
    for (int i = 0; i < runtime->framing_count; i++) free(runtime->framings[i]);
    free(runtime->owned);
    free(runtime);
}

static int lay_out(lua_State *L)
{
    struct runtime *runtime = lua_touserdata(L, 1);
    environment_open(&runtime->state);
    library_open(&runtime->state);
    lua_newtable(L);
    runtime->conns = luaL_ref(L, LUA_REGISTRYINDEX);
    runtime->program->api->open(runtime);
    handlers_open(runtime);
    environment_seal(&runtime->state);
    collections_open(&runtime->state);
    return 0;
}

/* Makes the Lua state with everything that scripts find in it, but without a script. */
static bool open_state(struct runtime *runtime, struct error *error)
{
    if (!state_open(&runtime->state, runtime->program->memory_max, error)) return false;
    lua_warn_hear(&runtime->state);
    if (!state_try(&runtime->state, lay_out, runtime, error)) return false;
    lua_rawgeti(runtime->state.L, LUA_REGISTRYINDEX, runtime->conns);
    lua_rawgeti(runtime->state.L, LUA_REGISTRYINDEX, runtime->state.hidden);
    lua_settop(runtime->state.L, SLOT_TOP);
    return lua_checkstack(runtime->state.L, LUA_MINSTACK) ||
           error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
}

static bool load_program(struct runtime *runtime, struct error *error)
{
    const struct program *program = runtime->program;
    if (!code_prepare(runtime, program->plan, error)) return false;
    if (!program->only_loads) code_switch(runtime, false, error);
    return true;
}

static bool note_started(struct runtime *runtime)
{
    runtime->started = true;
    slow_begin(runtime);
    return true;
}

/* on_start is over, at once or after it waited. */
static bool conclude_start(struct run *run, enum run_state state, struct error *error)
{
    struct runtime *runtime = run->runtime;
    run_done(run);
    if (state == RUN_DONE) return note_started(runtime);
    struct error inner = *error;
    return error_set(error, ERROR_INPUT, "on_start failed in worker %u: %.1900s",
                     worker_number(runtime->worker), inner.text);
}

/* on_start had waited. */
static void finish_start(struct run *run, enum run_state state)
{
    struct runtime *runtime = run->runtime;
    if (state == RUN_ENDED) {
        run_done(run);
        return;
    }
    bool fine = conclude_start(run, state, &runtime->start_error);
    worker_start_done(runtime->worker, fine ? NULL : &runtime->start_error);
}

static bool call_on_start(struct runtime *runtime, struct error *error)
{
    if (!runtime->has[ON_START]) return note_started(runtime);
    struct run *run = run_take_loose(runtime, ON_START);
    if (run == NULL) return error_set(error, ERROR_SYSTEM, "no memory for on_start");
    run->tell = &runtime->start_error;
    run->finished = finish_start;
    enum run_state state = run_call(run, 0);
    if (state == RUN_WAITS) {
        worker_start_wait(runtime->worker);
        return true;
    }
    if (conclude_start(run, state, &runtime->start_error)) return true;
    *error = runtime->start_error;
    return false;
}

static uint64_t now_of(const struct state *state)
{
    return worker_now(((const struct runtime *)state)->worker);
}

static struct runtime *make_runtime(const struct program *program, struct worker *worker)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (runtime == NULL) return NULL;
    runtime->state = (struct state){
        .stack_base = (uintptr_t)__builtin_frame_address(0),
        .timeout_ns = program->timeout_ns,
        .directory = program->plan->source->directory,
        .sandbox = program->sandbox,
        .serves = program->serves,
        .may_log = failure_may_log,
        .now_ns = now_of,
        .overtime = {.who = "worker",
                     .limit_name = "handler_timeout",
                     .slow = slow_heard,
                     .sample = profile_sample,
                     .directory = program->plan->source->directory},
    };
    runtime->slow_ns = program->slow_ns;
    runtime->program = program;
    runtime->worker = worker;
    runtime->meters = &program->meters[worker_index(worker)];
    runtime->state.collections = &runtime->meters->lua_collections;
    meter_sample_init(&runtime->sample);
    runtime->keeps_failed = program->keeps_failed;
    trial_open(runtime);
    runtime->fakes = LUA_NOREF;
    list_init(&runtime->free_runs);
    list_init(&runtime->loose);
    list_init(&runtime->timers);
    list_init(&runtime->groups);
    failure_open(runtime);
    runtime->owned = calloc(worker_slots(worker), sizeof *runtime->owned);
    if (runtime->owned == NULL) goto failed;
    if (!overtime_open(&runtime->state.overtime, worker_number(worker))) goto failed;
    if (program->made != NULL) *program->made = runtime;
    return runtime;

failed:
    free(runtime->owned);
    free(runtime);
    return NULL;
}

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct runtime *runtime = make_runtime(context, worker);
    if (runtime == NULL) {
        error_set(error, ERROR_SYSTEM, "no memory for the Lua state of a worker");
        return NULL;
    }
    if (open_state(runtime, error) && load_program(runtime, error) && call_on_start(runtime, error))
        return runtime;
    close_runtime(runtime);
    return NULL;
}

static void stop(void *state)
{
    struct runtime *runtime = state;
    struct run *run;
    slow_end(runtime);
    if (runtime->started && runtime->has[ON_STOP] &&
        (run = run_take_loose(runtime, ON_STOP)) != NULL) {
        run_call(run, 0);
        run_done(run);
    }
    close_runtime(runtime);
}

const struct script lua_script = {
    .stack_size = COMPAT_STACK_SIZE,
    .worker_start = start,
    .worker_stop = stop,
    .connected = handlers_connected,
    .received = handlers_received,
    .measure = handlers_measure,
    .drained = handlers_drained,
    .idle = handlers_idle,
    .disconnected = handlers_disconnected,
    .released = handlers_released,
    .message = handlers_message,
};
