#include "runtime.h"

#include "server.h"
#include "settings.h"

#include <stdlib.h>

const char *const handler_names[HANDLERS] = {
    [ON_START] = "on_start",           [ON_CONNECT] = "on_connect", [ON_RECEIVE] = "on_receive",
    [ON_DRAIN] = "on_drain",           [ON_IDLE] = "on_idle",       [ON_STOP] = "on_stop",
    [ON_DISCONNECT] = "on_disconnect",
};

/* ---- helpers of the C functions ---- */

void runtime_register(struct runtime *runtime, lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name != NULL; functions++) {
        lua_pushlightuserdata(L, runtime);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

int runtime_refuse(lua_State *L, const char *code)
{
    lua_pushnil(L);
    lua_pushstring(L, code);
    return 2;
}

uint64_t runtime_check_seconds(lua_State *L, int index)
{
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, index, "expected seconds, not negative");
    return (uint64_t)(seconds * 1e9);
}

void runtime_failed(struct runtime *runtime, lua_State *L, const char *what, uint64_t link_id)
{
    uint64_t held_back;
    char about[64] = "", more[64] = "";
    if (!log_allowed(&runtime->failures, worker_now(runtime->worker), &held_back)) return;
    if (link_id != 0)
        snprintf(about, sizeof about, " (connection %llu)", (unsigned long long)link_id);
    if (held_back > 0)
        snprintf(more, sizeof more, " (%llu like it not shown)", (unsigned long long)held_back);
    luaL_traceback(runtime->L, L, luaL_tolstring(L, -1, NULL), 0);
    log_line(LOG_ERROR, "%s%s%s: %s", what, about, more, lua_tostring(runtime->L, -1));
    lua_pop(runtime->L, 1);
}

/* ---- loading ---- */

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* Calls what is on the top of the main stack; its results, or the error, come back there. It runs on
 * a thread of its own, as all Lua does: the slots are only in reach while the main state is idle. */
static bool call_plainly(lua_State *L, int arguments, int results)
{
    lua_State *thread = lua_newthread(L);
    int base = lua_gettop(L) - arguments - 1;
    lua_insert(L, base);
    lua_xmove(L, thread, arguments + 1);
    lua_pushcfunction(thread, traceback);
    lua_insert(thread, 1);
    int status = lua_pcall(thread, arguments, results, 1);
    lua_xmove(thread, L, status == LUA_OK ? results : 1);
    lua_remove(L, base);
    return status == LUA_OK;
}

/* Modules beside main.lua are found before all others. */
static void set_module_path(lua_State *L, const char *directory)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", directory, directory, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_getfield(L, -2, "cpath");
    lua_pushfstring(L, "%s/?.so;%s", directory, lua_tostring(L, -1));
    lua_setfield(L, -4, "cpath");
    lua_pop(L, 3);
}

static bool load_main(struct runtime *runtime, struct error *error)
{
    const struct program *program = runtime->program;
    lua_State *L = runtime->L;
    lua_pushfstring(L, "@%s/main.lua", program->directory);
    if (luaL_loadbuffer(L, program->main_text, program->main_size, lua_tostring(L, -1)) != LUA_OK)
        return error_set(error, ERROR_INPUT, "%s", lua_tostring(L, -1));
    compat_set_environment(L, SLOT_ENV);
    if (!call_plainly(L, 0, 1)) return error_set(error, ERROR_INPUT, "%s", lua_tostring(L, -1));
    if (lua_isnil(L, -1)) { /* handlers are its globals */
        lua_pop(L, 1);
        lua_pushvalue(L, SLOT_ENV);
    }
    lua_remove(L, -2);
    if (!lua_istable(L, -1))
        return error_set(error, ERROR_INPUT,
                         "%s/main.lua returned a %s: it may return a table of handlers, or nothing",
                         program->directory, luaL_typename(L, -1));
    return true;
}

/* A function that is called like a handler but is none was probably meant to be one. */
static void warn_of_misspelt(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        bool known = !lua_isfunction(L, -1) || strncmp(name, "on_", 3) != 0;
        for (int i = 0; i < HANDLERS; i++) known = known || strcmp(name, handler_names[i]) == 0;
        const char *meant = known ? NULL : settings_nearest(name, handler_names, HANDLERS);
        if (meant != NULL)
            log_line(LOG_WARN, "main.lua has a function %s, which nothing calls: did you mean %s?",
                     name, meant);
        lua_pop(L, 1);
    }
}

/* Takes the handlers out of the table on the top of the stack, which it pops. */
static bool resolve_handlers(struct runtime *runtime, struct error *error)
{
    lua_State *L = runtime->L;
    for (int i = 0; i < HANDLERS; i++) {
        lua_getfield(L, -1, handler_names[i]);
        if (!lua_isnil(L, -1) && !lua_isfunction(L, -1))
            return error_set(error, ERROR_INPUT, "%s/main.lua: %s is a %s, it has to be a function",
                             runtime->program->directory, handler_names[i], luaL_typename(L, -1));
        runtime->has[i] = lua_isfunction(L, -1);
        lua_replace(L, SLOT_HANDLERS + i);
    }
    if (worker_index(runtime->worker) == 0) {
        warn_of_misspelt(L);
        if (!runtime->has[ON_RECEIVE])
            log_line(LOG_WARN, "%s/main.lua has no on_receive: packets will be thrown away",
                     runtime->program->directory);
    }
    lua_pop(L, 1);
    return true;
}

static void lay_out_stack(lua_State *L)
{
    lua_newtable(L); /* SLOT_CONNS */
    lua_newtable(L); /* SLOT_CONN_META */
    lua_newtable(L); /* SLOT_ENV */
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, SLOT_ENV);
    lua_newtable(L); /* SLOT_ANCHORS */
    lua_settop(L, SLOT_TOP);
    luaL_checkstack(L, LUA_MINSTACK, "no memory");
}

static void close_runtime(struct runtime *runtime)
{
    if (runtime->owned != NULL) run_cancel_all(runtime);
    lua_timer_stop_all(runtime);
    if (runtime->L != NULL) lua_close(runtime->L);
    for (int i = 0; i < runtime->framing_count; i++) free(runtime->framings[i]);
    free(runtime->owned);
    free(runtime);
}

static bool start_script(struct runtime *runtime, struct error *error)
{
    lua_State *L = runtime->L;
    luaL_openlibs(L);
    compat_collector(L);
    lay_out_stack(L);
    lua_conn_open(runtime);
    lua_timer_open(runtime);
    lua_server_open(runtime);
    set_module_path(L, runtime->program->directory);
    if (!load_main(runtime, error) || !resolve_handlers(runtime, error)) return false;
    if (!runtime->has[ON_START]) return true;
    lua_pushvalue(L, SLOT_HANDLERS + ON_START);
    if (call_plainly(L, 0, 0)) return true;
    return error_set(error, ERROR_INPUT, "on_start failed in worker %u: %s",
                     worker_index(runtime->worker), lua_tostring(L, -1));
}

static void *worker_start(void *context, struct worker *worker, struct error *error)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (runtime == NULL) goto no_memory;
    runtime->program = context;
    runtime->worker = worker;
    list_init(&runtime->free_runs);
    list_init(&runtime->loose);
    list_init(&runtime->timers);
    runtime->owned = calloc(worker_slots(worker), sizeof *runtime->owned);
    if (runtime->owned == NULL) goto no_memory;
    for (uint32_t i = 0; i < worker_slots(worker); i++) list_init(&runtime->owned[i]);
    runtime->L = luaL_newstate();
    if (runtime->L == NULL) goto no_memory;
    if (start_script(runtime, error)) return runtime;
    close_runtime(runtime);
    return NULL;

no_memory:
    if (runtime != NULL) close_runtime(runtime);
    error_set(error, ERROR_SYSTEM, "no memory for the Lua state of a worker");
    return NULL;
}

static void worker_stop(void *state)
{
    struct runtime *runtime = state;
    lua_State *L = runtime->L;
    if (runtime->has[ON_STOP]) {
        lua_pushvalue(L, SLOT_HANDLERS + ON_STOP);
        if (!call_plainly(L, 0, 0)) {
            log_line(LOG_ERROR, "on_stop: %s", lua_tostring(L, -1));
            lua_pop(L, 1);
        }
    }
    close_runtime(runtime);
}

/* ---- handlers ---- */

/* Puts the handler and its conn on the stack, ready for run_call; NULL if it cannot be called. */
static struct run *prepare(struct runtime *runtime, enum handler handler, struct link *link)
{
    struct run *run = run_take(runtime, handler, link);
    if (run == NULL) return NULL;
    lua_pushvalue(runtime->L, SLOT_HANDLERS + (int)handler);
    lua_conn_push(runtime, link);
    return run;
}

/* The answer of on_connect and on_idle: the first result, or nil. */
static enum script_verdict answer(struct run *run, enum run_state state)
{
    if (state == RUN_WAITS) return SCRIPT_WAIT;
    enum script_verdict verdict = SCRIPT_NO;
    if (state == RUN_DONE) {
        bool has = lua_gettop(run->L) > 0 && !lua_isnil(run->L, 1);
        if (run->handler == ON_CONNECT)
            verdict = has && !lua_toboolean(run->L, 1) ? SCRIPT_NO : SCRIPT_YES;
        else
            verdict = has && lua_toboolean(run->L, 1) ? SCRIPT_YES : SCRIPT_NO;
    }
    run_done(run);
    return verdict;
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct runtime *runtime = state;
    lua_conn_add(runtime, link);
    if (!runtime->has[ON_CONNECT]) return SCRIPT_YES;
    struct run *run = prepare(runtime, ON_CONNECT, link);
    return run == NULL ? SCRIPT_NO : answer(run, run_call(run, 1));
}

/* After on_receive and on_drain. */
static void conclude(struct run *run, enum run_state state, struct link *link)
{
    if (state == RUN_WAITS) {
        link_hold(link);
        return;
    }
    run_done(run);
    if (state == RUN_FAILED) link_close(link, NULL);
}

static void received(void *state, struct link *link, struct span packet)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_RECEIVE]) return;
    struct run *run = prepare(runtime, ON_RECEIVE, link);
    if (run == NULL) return;
    lua_pushlstring(runtime->L, (const char *)packet.data, packet.size);
    conclude(run, run_call(run, 2), link);
}

static void drained(void *state, struct link *link)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_DRAIN]) return;
    struct run *run = prepare(runtime, ON_DRAIN, link);
    if (run != NULL) conclude(run, run_call(run, 1), link);
}

static enum script_verdict idle(void *state, struct link *link, double seconds)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_IDLE]) return SCRIPT_NO;
    struct run *run = prepare(runtime, ON_IDLE, link);
    if (run == NULL) return SCRIPT_NO;
    lua_pushnumber(runtime->L, seconds);
    return answer(run, run_call(run, 2));
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    struct runtime *runtime = state;
    run_cancel_owned(runtime, link);
    if (!runtime->has[ON_DISCONNECT]) return;
    struct run *run = prepare(runtime, ON_DISCONNECT, link);
    if (run == NULL) return;
    lua_pushstring(runtime->L, reason);
    if (run_call(run, 2) != RUN_WAITS) run_done(run);
}

static void released(void *state, struct link *link)
{
    struct runtime *runtime = state;
    run_cancel_owned(runtime, link);
    lua_conn_remove(runtime, link);
}

void runtime_finished(struct run *run, enum run_state state)
{
    struct runtime *runtime = run->runtime;
    struct lua_timer *timer = run->timer;
    enum handler handler = run->handler;
    struct link *link = run->link_id == 0 ? NULL : worker_find(runtime->worker, run->link_id);
    enum script_verdict verdict = SCRIPT_NO;
    if (handler == ON_CONNECT || handler == ON_IDLE)
        verdict = answer(run, state);
    else
        run_done(run);
    if (handler == HANDLERS) lua_timer_finished(timer);
    if (link == NULL) return;
    if (handler == ON_CONNECT) link_decide(link, verdict);
    if (handler == ON_IDLE && verdict == SCRIPT_NO) link_close_idle(link);
    if (handler == ON_RECEIVE || handler == ON_DRAIN) {
        if (state == RUN_FAILED) link_close(link, NULL);
        if (list_empty(&runtime->owned[link_slot(link)])) link_release(link);
    }
}

const struct script lua_script = {
    .worker_start = worker_start,
    .worker_stop = worker_stop,
    .connected = connected,
    .received = received,
    .drained = drained,
    .idle = idle,
    .disconnected = disconnected,
    .released = released,
};
