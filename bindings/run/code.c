#include "run/code.h"

#include "lua/environment.h"
#include "run/load.h"
#include "run/run.h"
#include "run/timers.h"
#include "run/trial.h"

#include <stdlib.h>

static struct code *make_code(const struct plan *plan)
{
    struct code *code = calloc(1, sizeof *code);
    if (code == NULL) return NULL;
    code->source = plan->source;
    code->generation = plan->generation;
    code->on_trial = plan->on_trial;
    code->handlers = code->calls = LUA_NOREF;
    list_init(&code->timers);
    source_hold(code->source);
    return code;
}

/* Is a handler of this generation waiting? */
static bool is_waited_in(const struct runtime *runtime, uint64_t generation)
{
    if (run_any_of(&runtime->loose, generation)) return true;
    for (uint32_t i = 0; i < worker_slots(runtime->worker); i++)
        if (runtime->owned[i].next != NULL && run_any_of(&runtime->owned[i], generation))
            return true;
    return false;
}

/* Drops the environments of code that is gone, once no waiting handler uses them. */
static void drop_environments(struct runtime *runtime)
{
    struct list *node = runtime->state.environments.next;
    while (node != &runtime->state.environments) {
        struct environment *environment = container_of(node, struct environment, node);
        bool used = runtime->code != NULL && runtime->code->environment == environment;
        used = used || (runtime->next != NULL && runtime->next->environment == environment);
        node = node->next;
        if (!used && !is_waited_in(runtime, environment->generation))
            environment_drop(&runtime->state, environment);
    }
}

/* `code` must be neither the running code nor the prepared one. */
static void drop_code(struct runtime *runtime, struct code *code)
{
    if (code == NULL) return;
    timers_stop_all(&code->timers);
    luaL_unref(runtime->state.L, LUA_REGISTRYINDEX, code->handlers);
    luaL_unref(runtime->state.L, LUA_REGISTRYINDEX, code->calls);
    source_drop(code->source);
    free(code);
    drop_environments(runtime);
}

const char code_forgets_text[] =
    "on_start is defined and on_load is not: a reload does not call on_start, and variables that "
    "it has "
    "set are nil in the new code. Set them in on_load too, or keep their values in server.state";

bool code_forgets(const struct code *code)
{
    return code->has[ON_START] && !code->has[ON_LOAD];
}

bool code_prepare(struct runtime *runtime, const struct plan *plan, struct error *error)
{
    code_discard(runtime);
    struct code *code = make_code(plan);
    if (code == NULL) return error_set(error, ERROR_SYSTEM, "no memory to load the script");
    if (!code_load(runtime, code, plan, error)) {
        drop_code(runtime, code);
        return false;
    }
    runtime->next = code;
    if (code_warns(runtime) && !code->has[ON_RECEIVE])
        log_line(LOG_WARN, "%s/main.lua defines no on_receive: packets are discarded%s",
                 plan->source->directory,
                 code->has[ON_MESSAGE] ? "; on_message gets what server.post sends" : "");
    if (code_warns(runtime) && runtime->program->only_loads && code_forgets(code))
        log_line(LOG_WARN, "%s/main.lua: %s", plan->source->directory, code_forgets_text);
    return true;
}

void code_discard(struct runtime *runtime)
{
    struct code *code = runtime->next;
    runtime->next = NULL;
    drop_code(runtime, code);
}

/* ---- the switch ---- */

static void put_in_force(struct runtime *runtime, struct code *code)
{
    runtime->code = code;
    runtime->state.live = code == NULL ? NULL : code->environment;
    runtime->state.told_generation = code_generation(runtime);
    if (code != NULL) trial_begin(runtime, code->generation, code->on_trial);
}

static void put_handlers(struct runtime *runtime, const struct code *code)
{
    lua_State *L = runtime->state.L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, code->handlers);
    for (int i = 0; i < HANDLERS; i++) {
        lua_rawgeti(L, -1, i + 1);
        lua_replace(L, SLOT_HANDLERS + i);
        runtime->has[i] = code->has[i];
    }
    lua_pop(L, 1);
}

/* Calls on_unload or on_load of the running code with the value in SLOT_HANDED, and puts its result there. */
static bool call_at_switch(struct runtime *runtime, enum handler handler, struct error *error)
{
    if (!runtime->has[handler]) return true;
    struct run *run = run_take_loose(runtime, handler);
    if (run == NULL)
        return error_set(error, ERROR_SYSTEM, "no memory for %s", handler_names[handler]);
    run->tell = error;
    lua_pushvalue(runtime->state.L, SLOT_HANDED);
    lua_xmove(runtime->state.L, run->L, 1);
    bool fine = run_call(run, 1) == RUN_DONE;
    if (fine && lua_gettop(run->L) > 0) {
        lua_settop(run->L, 1);
        lua_xmove(run->L, runtime->state.L, 1);
        lua_replace(runtime->state.L, SLOT_HANDED);
    }
    run_done(run);
    return fine;
}

/* Stops the old code's timers, starts those of the new code, and ends coroutines that have waited for too many
 * generations. */
static void switch_timers(struct runtime *runtime, struct code *next)
{
    int stopped = timers_stop_all(&runtime->timers), ended = 0;
    bool starts_some = !list_empty(&next->timers);
    timers_start_all(runtime, &next->timers);
    if (next->generation > GENERATIONS_KEPT)
        ended = run_cancel_older(runtime, next->generation - GENERATIONS_KEPT);
    if (ended > 0)
        log_line(LOG_WARN,
                 "worker %u: ended %d timers or messages whose code has waited since before "
                 "generation %llu",
                 worker_number(runtime->worker), ended,
                 (unsigned long long)next->generation - GENERATIONS_KEPT);
    if (stopped > 0 && !starts_some && !runtime->has[ON_LOAD])
        log_line(LOG_WARN,
                 "worker %u: %d timers were cancelled, and the new code started none: on_start is "
                 "not called after a reload, so start them in main.lua itself or in on_load",
                 worker_number(runtime->worker), stopped);
}

bool code_switch(struct runtime *runtime, bool reload, struct error *error)
{
    struct code *old = runtime->code, *next = runtime->next;
    bool fine = true;
    if (next == NULL) return true;
    if (reload) fine = call_at_switch(runtime, ON_UNLOAD, error);
    put_in_force(runtime, next);
    runtime->next = NULL;
    put_handlers(runtime, next);
    environment_show(&runtime->state, next->generation);
    switch_timers(runtime, next);
    if (reload) fine = call_at_switch(runtime, ON_LOAD, error) && fine;
    lua_pushnil(runtime->state.L);
    lua_replace(runtime->state.L, SLOT_HANDED);
    drop_code(runtime, old);
    return fine;
}

void code_catch_up(struct runtime *runtime, uint64_t generation)
{
    struct error error = {.kind = ERROR_NONE};
    if (runtime->next == NULL || runtime->next->generation > generation) return;
    if (!code_switch(runtime, true, &error)) log_line(LOG_ERROR, "%s", error.text);
}

void code_close(struct runtime *runtime)
{
    struct code *code = runtime->code;
    code_discard(runtime);
    put_in_force(runtime, NULL);
    drop_code(runtime, code);
}
