#include "jobs/job_state.h"

#include "base/clock.h"
#include "lua/environment.h"
#include "lua/library.h"
#include "lua/lua_warn.h"
#include "lua/value.h"

#include <stdlib.h>
#include <string.h>

static struct job_state *job_of(struct state *state)
{
    return (struct job_state *)state;
}

static bool may_log(struct state *state, enum log_level level, const char *handler,
                    const char *place, const char *line)
{
    const struct job_state *job = job_of(state);
    return job->setup->may_log(job->setup->context, level, handler, place, line, job->generation);
}

/* The text may have a traceback. */
static void log_failure(struct job_state *job, const char *what, const char *text)
{
    char line[4096];
    snprintf(line, sizeof line, "%s: %s", what, text);
    if (may_log(&job->state, LOG_ERROR, what, job->place, line))
        log_line(LOG_ERROR, "%s: %s", what, text);
}

static uint64_t now_of(const struct state *state)
{
    (void)state;
    return clock_now_ns();
}

bool job_state_init(struct job_state *job, uint32_t number,
                    void (*stuck)(struct overtime *overtime))
{
    *job = (struct job_state){.source = NULL};
    job->state.overtime =
        (struct overtime){.who = "job thread", .limit_name = "job_timeout", .stuck = stuck};
    return overtime_open(&job->state.overtime, number);
}

void job_state_end(struct job_state *job)
{
    job_state_close(job);
    overtime_close(&job->state.overtime);
}

/* ---- the Lua state ---- */

struct opening {
    struct job_state *job;
    const struct job_setup *setup;
};

static int lay_out(lua_State *L)
{
    const struct opening *opening = lua_touserdata(L, 1);
    struct job_state *job = opening->job;
    struct state *state = &job->state;
    environment_open(state);
    library_open(state);
    opening->setup->open(state, opening->setup->context);
    environment_seal(state);
    job->environment = environment_make(L, state, job->source, job->generation);
    lua_newtable(L);
    job->modules = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static void forget(struct job_state *job)
{
    if (job->environment != NULL) environment_drop(&job->state, job->environment);
    job->environment = NULL;
    job->state.live = NULL;
    job->state.heap.limit = 0; /* closing may take memory, too */
    if (job->state.L != NULL) heap_close(&job->state.heap);
    job->state.L = NULL;
    source_drop(job->source);
    job->source = NULL;
}

static bool open_state(struct job_state *job, const struct job_setup *setup, struct source *source,
                       uint64_t generation, uint64_t timeout_ns, struct error *error)
{
    job->state.stack_base = (uintptr_t)__builtin_frame_address(0);
    job->state.timeout_ns = timeout_ns;
    job->state.directory = source->directory;
    job->state.sandbox = setup->sandbox;
    job->state.serves = setup->serves;
    job->state.may_log = may_log;
    job->state.now_ns = now_of;
    job->setup = setup;
    job->source = source;
    job->generation = generation;
    source_hold(source);
    struct opening opening = {.job = job, .setup = setup};
    if (state_open(&job->state, setup->memory_max, error)) {
        lua_warn_hear(&job->state);
        if (state_try(&job->state, lay_out, &opening, error)) {
            job->state.live = job->environment;
            job->state.told_generation = generation;
            return true;
        }
    }
    forget(job);
    return false;
}

bool job_state_renew(struct job_state *job, const struct job_setup *setup, struct source *source,
                     uint64_t generation, uint64_t timeout_ns, struct error *error)
{
    job->state.timeout_ns = timeout_ns;
    if (job->source != NULL && job->generation >= generation) return true;
    job_state_close(job);
    return open_state(job, setup, source, generation, timeout_ns, error);
}

/* ---- a job ---- */

static _Thread_local struct job_state *calling; /* that is in a call */

/* No metamethod of a text's is called: that of an interruption comes while no hook would end it. */
static int add_traceback(lua_State *L)
{
    struct lua_text room;
    place_find(calling->place, L, calling->state.directory);
    if (lua_type(L, 1) == LUA_TSTRING)
        lua_pushvalue(L, 1);
    else
        luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, lua_text_plain(L, -1, &room), 1);
    return 1;
}

/* Calls the function with the pointer as light userdata at 1. After an error, its text with a traceback is on the
 * stack. */
static bool call(struct job_state *job, lua_CFunction function, void *pointer, bool *interrupted)
{
    struct state *state = &job->state;
    lua_State *L = state->L;
    environment_show(state, job->generation);
    lua_settop(L, 0);
    lua_pushcfunction(L, add_traceback);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, pointer);
    calling = job;
    job->place[0] = '\0';
    overtime_begin(&state->overtime, L, "a job", state->timeout_ns);
    int status = lua_pcall(L, 1, 0, 1);
    *interrupted = overtime_end(&state->overtime, L);
    return status == LUA_OK;
}

struct running {
    struct job_state *job;
    struct job_run *run;
};

/* Pushes what `require` has for the module; an error unless it is a table. */
static void push_module(lua_State *L, const struct job_state *job, const char *name)
{
    environment_push(L, job->environment, RECORD_GLOBALS);
    environment_push_raw(L, -1, "require");
    lua_remove(L, -2);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "%s returned a %s: a module with jobs returns a table of functions", name,
                   luaL_typename(L, -1));
}

/* Calls on_job_start of the module on the top of the stack, if it was not started yet. If that fails, the next job
 * tries again. */
static void start_module(lua_State *L, const struct job_state *job, const char *name)
{
    int module = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->modules);
    lua_getfield(L, -1, name);
    bool started = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!started) {
        lua_getfield(L, module, "on_job_start");
        if (lua_isfunction(L, -1))
            lua_call(L, 0, 0);
        else
            lua_pop(L, 1);
        lua_pushvalue(L, module);
        lua_setfield(L, module + 1, name);
    }
    lua_settop(L, module);
}

static int run_job(lua_State *L)
{
    const struct running *running = lua_touserdata(L, 1);
    struct job_run *run = running->run;
    struct span bytes;
    push_module(L, running->job, run->module);
    lua_getfield(L, -1, run->function);
    if (!lua_isfunction(L, -1)) {
        run->code = "unknown";
        return 0;
    }
    lua_insert(L, -2);
    start_module(L, running->job, run->module);
    lua_pop(L, 1);
    int base = lua_gettop(L);
    lua_call(L, value_decode(L, run->arguments), LUA_MULTRET);
    struct value_list values = {.first = base, .last = lua_gettop(L), .verb = "return"};
    if (value_encode(L, values, 0, &bytes) != NULL) return lua_error(L);
    if (!job_run_keep(run, bytes)) run->code = "memory";
    return 0;
}

void job_state_run(struct job_state *job, struct job_run *run)
{
    struct running running = {.job = job, .run = run};
    lua_State *L = job->state.L;
    bool interrupted;
    if (!call(job, run_job, &running, &interrupted)) {
        struct lua_text room;
        size_t size;
        const char *text = lua_tolstring(L, -1, &size);
        if (text == NULL) text = lua_text_plain(L, -1, &room), size = strlen(text);
        run->code = interrupted ? "timeout" : "error";
        job_run_keep(run, span_of(text, size));
        log_failure(job, "a job", text);
    }
    lua_settop(L, 0);
    if (job->state.heap.refused) heap_collect(&job->state.heap, L);
}

/* ---- the end of a generation ---- */

struct stopping {
    struct job_state *job;
    bool more;
};

/* Takes one started module off the table, and calls its on_job_stop. more = false: none was left. */
static int stop_one(lua_State *L)
{
    struct stopping *stopping = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, stopping->job->modules);
    lua_pushnil(L);
    stopping->more = lua_next(L, 2) != 0;
    if (!stopping->more) return 0;
    lua_pushvalue(L, 3);
    lua_pushnil(L);
    lua_rawset(L, 2);
    lua_getfield(L, 4, "on_job_stop");
    if (lua_isfunction(L, -1)) lua_call(L, 0, 0);
    return 0;
}

void job_state_close(struct job_state *job)
{
    struct stopping stopping = {.job = job, .more = job->source != NULL};
    while (stopping.more) {
        struct lua_text room;
        bool interrupted;
        if (!call(job, stop_one, &stopping, &interrupted))
            log_failure(job, "on_job_stop", lua_text_plain(job->state.L, -1, &room));
        lua_settop(job->state.L, 0);
    }
    if (job->source != NULL) forget(job);
}
