#include "runtime.h"

#include <string.h>

const char *const handler_names[HANDLERS] = {
    [ON_START] = "on_start",
    [ON_CONNECT] = "on_connect",
    [ON_RECEIVE] = "on_receive",
    [ON_DRAIN] = "on_drain",
    [ON_IDLE] = "on_idle",
    [ON_STOP] = "on_stop",
    [ON_DISCONNECT] = "on_disconnect",
    [ON_MESSAGE] = "on_message",
    [ON_UNLOAD] = "on_unload",
    [ON_LOAD] = "on_load",
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

bool runtime_try(struct runtime *runtime, lua_CFunction function, void *argument,
                 struct error *error)
{
    overtime_begin(&runtime->overtime, runtime->L, "a metamethod", runtime->timeout_ns);
    int status = compat_protected(runtime->L, function, argument);
    overtime_end(&runtime->overtime, runtime->L);
    if (status == LUA_OK) return true;
    error_set(error, ERROR_INPUT, "%s", runtime_error_text(runtime->L));
    lua_pop(runtime->L, 1);
    return false;
}

bool runtime_protect(struct runtime *runtime, lua_CFunction function, void *argument)
{
    struct error error;
    if (runtime_try(runtime, function, argument, &error)) return true;
    log_line(LOG_ERROR, "%s", error.text);
    return false;
}

/* ---- failures ---- */

struct failure {
    struct run *run;
    const char *before, *behind;
    bool plainly; /* without the error's own __tostring, which has failed */
};

static void put_failure(const struct failure *failure, const char *text)
{
    struct error *witness = failure->run->runtime->program->witness;
    if (failure->run->tell != NULL)
        error_set(failure->run->tell, ERROR_INPUT, "%s", text);
    else if (witness != NULL && witness->kind == ERROR_NONE)
        error_set(witness, ERROR_INPUT, "%s: %s", failure->before, text);
    else
        log_line(LOG_ERROR, "%s%s: %s", failure->before, failure->behind, text);
}

/* Without the frame of what called on_receive, at its end; without all of it when there is no other. */
static void push_traceback(lua_State *L, const struct run *run, const char *text)
{
    static const char title[] = "\nstack traceback:";
    luaL_traceback(L, run->L, text, 0);
    const char *whole = lua_tostring(L, -1), *last = strrchr(whole, '\n');
    bool ours = run->handler == ON_RECEIVE && last != NULL &&
                strncmp(last, handlers_drive_frame, strlen(handlers_drive_frame)) == 0;
    size_t size = ours ? (size_t)(last - whole) : strlen(whole), empty = sizeof title - 1;
    if (size >= empty && strncmp(whole + size - empty, title, empty) == 0) size -= empty;
    lua_pushlstring(L, whole, size);
}

static int tell_failure(lua_State *L)
{
    const struct failure *failure = lua_touserdata(L, 1);
    lua_State *failed = failure->run->L;
    const char *text = "(an error that cannot be told)";
    if (!failure->plainly) {
        lua_pushvalue(failed, -1);
        lua_xmove(failed, L, 1);
        text = luaL_tolstring(L, -1, NULL);
        if (!lua_isstring(L, -2) && luaL_getmetafield(L, -2, "__tostring") == 0)
            text = lua_pushfstring(L, "(an error that is no text: %s)", text);
    }
    push_traceback(L, failure->run, text);
    put_failure(failure, lua_tostring(L, -1));
    return 0;
}

static void tell(struct failure *failure)
{
    struct runtime *runtime = failure->run->runtime;
    struct error plain;
    size_t limit = runtime->heap.limit;
    if (limit > 0) runtime->heap.limit += HEAP_RESERVE; /* perhaps it was memory that failed */
    bool told = runtime_try(runtime, tell_failure, failure, &plain);
    failure->plainly = true;
    if (!told && !runtime_try(runtime, tell_failure, failure, &plain))
        put_failure(failure, plain.text);
    runtime->heap.limit = limit;
}

void runtime_not_called(const struct run *run, lua_State *L)
{
    log_line(LOG_ERROR, "%s was not called: %s", run_name(run), runtime_error_text(L));
}

void runtime_failed(struct run *run)
{
    struct runtime *runtime = run->runtime;
    if (!run->reached) {
        runtime_not_called(run, run->L);
        return;
    }
    struct failure failure = {.run = run};
    char before[96], more[LOG_MORE_MAX] = "";
    uint64_t held_back;
    const struct error *witness = runtime->program->witness;
    bool logged = run->tell == NULL && (witness == NULL || witness->kind != ERROR_NONE);
    if (logged && !log_allowed(&runtime->failures, worker_now(runtime->worker), &held_back)) return;
    if (logged) log_more(held_back, more);
    int size = snprintf(before, sizeof before, "%s (", run_name(run));
    if (run->link_id != 0)
        size += snprintf(before + size, sizeof before - (size_t)size, "connection %llu, ",
                         (unsigned long long)run->link_id);
    snprintf(before + size, sizeof before - (size_t)size, "generation %llu)",
             (unsigned long long)run->generation);
    failure.before = before;
    failure.behind = more;
    tell(&failure);
}
