/* How a worker's Lua begins and ends. */
#include "lua/environment.h"
#include "run/code.h"

#include <stdlib.h>

static void close_runtime(struct runtime *runtime)
{
    if (runtime->owned != NULL) run_cancel_all(runtime);
    lua_timer_stop_all(runtime, &runtime->timers);
    runtime->heap.limit = 0; /* an end may take memory too */
    if (runtime->L != NULL) {
        code_close(runtime);
        heap_close(&runtime->heap);
        lua_group_close(runtime);
    }
    if (runtime->overtime.thread != NULL) overtime_close(&runtime->overtime);
    for (int i = 0; i < runtime->framing_count; i++) free(runtime->framings[i]);
    free(runtime->owned);
    free(runtime);
}

static int lay_out(lua_State *L)
{
    struct runtime *runtime = lua_touserdata(L, 1);
    environment_open(runtime);
    library_open(runtime);
    lua_newtable(L);
    runtime->conns = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_conn_open(runtime);
    lua_timer_open(runtime);
    lua_group_open(runtime);
    lua_server_open(runtime);
    handlers_open(runtime);
    environment_seal(runtime);
    return 0;
}

/* The Lua state with all that scripts find in it, but without a script. */
static bool open_state(struct runtime *runtime, struct error *error)
{
    runtime->L = heap_open(&runtime->heap, runtime->program->memory_max);
    if (runtime->L == NULL) return error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
    compat_set_owner(runtime->L, runtime);
    compat_collector(runtime->L);
    lua_warn_hear(runtime);
    if (!runtime_try(runtime, lay_out, runtime, error)) return false;
    lua_rawgeti(runtime->L, LUA_REGISTRYINDEX, runtime->conns);
    lua_rawgeti(runtime->L, LUA_REGISTRYINDEX, runtime->drive);
    lua_settop(runtime->L, SLOT_TOP);
    return lua_checkstack(runtime->L, LUA_MINSTACK) ||
           error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
}

static bool load_program(struct runtime *runtime, struct error *error)
{
    const struct program *program = runtime->program;
    if (!code_prepare(runtime, program->plan, error)) return false;
    if (!program->only_loads) code_switch(runtime, false, error);
    return true;
}

/* on_start has answered, at last or at once. */
static bool conclude_start(struct run *run, enum run_state state, struct error *error)
{
    struct runtime *runtime = run->runtime;
    run_done(run);
    if (state == RUN_DONE) return runtime->started = true;
    struct error inner = *error;
    return error_set(error, ERROR_INPUT, "on_start failed in worker %u: %.1900s",
                     worker_number(runtime->worker), inner.text);
}

static bool call_on_start(struct runtime *runtime, struct error *error)
{
    if (!runtime->has[ON_START]) return runtime->started = true;
    struct run *run = run_take_loose(runtime, ON_START);
    if (run == NULL) return error_set(error, ERROR_SYSTEM, "no memory for on_start");
    run->tell = &runtime->start_error;
    enum run_state state = run_call(run, 0);
    if (state == RUN_WAITS) {
        worker_start_wait(runtime->worker);
        return true;
    }
    if (conclude_start(run, state, &runtime->start_error)) return true;
    *error = runtime->start_error;
    return false;
}

static struct runtime *make_runtime(const struct program *program, struct worker *worker)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (runtime == NULL) return NULL;
    runtime->stack_base = (uintptr_t)__builtin_frame_address(0);
    runtime->program = program;
    runtime->worker = worker;
    runtime->timeout_ns = program->timeout_ns;
    list_init(&runtime->free_runs);
    list_init(&runtime->loose);
    list_init(&runtime->timers);
    list_init(&runtime->groups);
    list_init(&runtime->environments);
    runtime->owned = calloc(worker_slots(worker), sizeof *runtime->owned);
    if (runtime->owned == NULL) goto failed;
    for (uint32_t i = 0; i < worker_slots(worker); i++) list_init(&runtime->owned[i]);
    if (!overtime_open(&runtime->overtime, worker_number(worker))) goto failed;
    if (program->made != NULL) *program->made = runtime;
    return runtime;

failed:
    free(runtime->owned);
    free(runtime);
    return NULL;
}

void *runtime_start(void *context, struct worker *worker, struct error *error)
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

void runtime_stop(void *state)
{
    struct runtime *runtime = state;
    struct run *run;
    if (runtime->started && runtime->has[ON_STOP] &&
        (run = run_take_loose(runtime, ON_STOP)) != NULL) {
        run_call(run, 0);
        run_done(run);
    }
    close_runtime(runtime);
}

void runtime_started(struct run *run, enum run_state state)
{
    struct runtime *runtime = run->runtime;
    bool fine = conclude_start(run, state, &runtime->start_error);
    worker_start_done(runtime->worker, fine ? NULL : &runtime->start_error);
}
