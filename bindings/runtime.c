#include "runtime.h"

#include "server.h"

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

const char *runtime_error_text(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    return text == NULL ? "(an error that has no text)" : text;
}

bool runtime_protect(struct runtime *runtime, lua_CFunction function, void *argument)
{
    if (compat_protected(runtime->L, function, argument) == LUA_OK) return true;
    log_line(LOG_ERROR, "%s", runtime_error_text(runtime->L));
    lua_pop(runtime->L, 1);
    return false;
}

struct failure {
    lua_State *L;
    const char *what;
    char about[64], more[LOG_MORE_MAX];
    bool plainly; /* without the error's own __tostring, which has failed */
};

static int tell_failure(lua_State *L)
{
    const struct failure *failure = lua_touserdata(L, 1);
    const char *text = "(an error that cannot be told)";
    if (!failure->plainly) {
        lua_pushvalue(failure->L, -1);
        lua_xmove(failure->L, L, 1);
        text = luaL_tolstring(L, -1, NULL);
    }
    luaL_traceback(L, failure->L, text, 0);
    log_line(LOG_ERROR, "%s%s%s: %s", failure->what, failure->about, failure->more,
             lua_tostring(L, -1));
    return 0;
}

void runtime_failed(struct runtime *runtime, lua_State *L, const char *what, uint64_t link_id)
{
    struct failure failure = {.L = L, .what = what};
    uint64_t held_back;
    if (!log_allowed(&runtime->failures, worker_now(runtime->worker), &held_back)) return;
    log_more(held_back, failure.more);
    if (link_id != 0)
        snprintf(failure.about, sizeof failure.about, " (connection %llu)",
                 (unsigned long long)link_id);
    if (compat_protected(runtime->L, tell_failure, &failure) == LUA_OK) return;
    lua_pop(runtime->L, 1);
    failure.plainly = true;
    runtime_protect(runtime, tell_failure, &failure);
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
    if (load_script(runtime, error)) return runtime;
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
        if (!load_call(L, 0, 0)) {
            log_line(LOG_ERROR, "on_stop: %s", runtime_error_text(L));
            lua_pop(L, 1);
        }
    }
    close_runtime(runtime);
}

/* ---- handlers ---- */

/* A coroutine with the handler and its conn on it, ready for run_call; NULL if there is none. */
static struct run *prepare(struct runtime *runtime, enum handler handler, struct link *link)
{
    struct run *run = run_take(runtime, handler, link);
    if (run == NULL) return NULL;
    lua_pushvalue(runtime->L, SLOT_HANDLERS + (int)handler);
    lua_rawgeti(runtime->L, SLOT_CONNS, (int)link_slot(link) + 1);
    lua_xmove(runtime->L, run->L, 2);
    return run;
}

/* The answer of on_connect and on_idle: the first result, or nil. A failure ends the connection. */
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
    } else {
        link_close(run->link, NULL);
    }
    run_done(run);
    return verdict;
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct runtime *runtime = state;
    if (!lua_conn_add(runtime, link)) return SCRIPT_NO;
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

/* Adds a string to the arguments; false, and the connection ends, if that fails. */
static bool push_argument(struct run *run, struct link *link, struct span bytes)
{
    lua_State *L = run->runtime->L;
    if (compat_push_bytes(L, run->L, bytes.data, bytes.size)) return true;
    log_line(LOG_ERROR, "%s was not called: %s", handler_names[run->handler],
             runtime_error_text(L));
    lua_pop(L, 1);
    run_done(run);
    link_close(link, NULL);
    return false;
}

static void received(void *state, struct link *link, struct span packet)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_RECEIVE]) return;
    struct run *run = prepare(runtime, ON_RECEIVE, link);
    if (run != NULL && push_argument(run, link, packet)) conclude(run, run_call(run, 2), link);
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
    lua_pushnumber(run->L, seconds);
    return answer(run, run_call(run, 2));
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    struct runtime *runtime = state;
    run_cancel_owned(runtime, link);
    if (!runtime->has[ON_DISCONNECT]) return;
    struct run *run = prepare(runtime, ON_DISCONNECT, link);
    if (run == NULL || !push_argument(run, link, span_text(reason))) return;
    if (run_call(run, 2) != RUN_WAITS) run_done(run);
}

static void released(void *state, struct link *link)
{
    struct runtime *runtime = state;
    run_cancel_owned(runtime, link);
    lua_conn_remove(runtime, link);
}

/* Does a handler wait whose packets wait, too? An on_idle that waits stops nobody. */
static bool has_waiting(const struct runtime *runtime, const struct link *link)
{
    const struct list *head = &runtime->owned[link_slot(link)];
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct run *run = container_of((struct list *)node, struct run, node);
        if (run->handler == ON_RECEIVE || run->handler == ON_DRAIN) return true;
    }
    return false;
}

void runtime_finished(struct run *run, enum run_state state)
{
    struct runtime *runtime = run->runtime;
    struct lua_timer *timer = run->timer;
    struct link *link = run->link; /* it is there: had it gone, the run would have been ended */
    switch ((enum handler)run->handler) {
    case ON_CONNECT: link_decide(link, answer(run, state)); break;
    case ON_IDLE: link_decide_idle(link, answer(run, state)); break;
    case ON_RECEIVE:
    case ON_DRAIN:
        run_done(run);
        if (state == RUN_FAILED) link_close(link, NULL);
        if (!has_waiting(runtime, link)) link_release(link);
        break;
    case HANDLERS:
        run_done(run);
        lua_timer_finished(timer);
        break;
    default: run_done(run);
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
