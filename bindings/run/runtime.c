#include "run/runtime.h"

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

bool runtime_read_seconds(lua_State *L, int index, uint64_t *nanoseconds)
{
    lua_Number seconds = luaL_checknumber(L, index);
    if (!(seconds >= 0 && seconds <= 1e9)) return false; /* NaN, too */
    *nanoseconds = (uint64_t)(seconds * 1e9);
    return true;
}

int runtime_refuse_number(lua_State *L, lua_Number number, const char *expected)
{
    runtime_refuse(L, "badnumber");
    if (number != number) /* C may write "-nan" */
        lua_pushfstring(L, "expected %s, got nan", expected);
    else
        lua_pushfstring(L, "expected %s, got %f", expected, number);
    return 3;
}

int runtime_refuse_seconds(lua_State *L, int index)
{
    return runtime_refuse_number(L, lua_tonumber(L, index), "seconds from 0 to 1e9");
}

bool runtime_try(struct runtime *runtime, lua_CFunction function, void *argument,
                 struct error *error)
{
    overtime_begin(&runtime->overtime, runtime->L, "a metamethod", runtime->timeout_ns);
    int status = compat_protected(runtime->L, function, argument);
    overtime_end(&runtime->overtime, runtime->L);
    if (status == LUA_OK) return true;
    struct lua_text room;
    error_set(error, ERROR_INPUT, "%s", lua_text_of_error(runtime->L, &room));
    lua_pop(runtime->L, 1);
    return false;
}

bool runtime_protect(struct runtime *runtime, lua_CFunction function, void *argument)
{
    struct error error;
    if (runtime_try(runtime, function, argument, &error)) return true;
    runtime_log(runtime, LOG_ERROR, "a call", error.text);
    return false;
}

/* ---- failures ---- */

void runtime_log(struct runtime *runtime, enum log_level level, const char *what, const char *text)
{
    char line[256];
    snprintf(line, sizeof line, "%s: %s", what, text);
    if (worker_may_log(runtime->worker, level, log_place(what), span_text(line)))
        log_line(level, "%s: %s", what, text);
}

struct failure {
    struct run *run;
    const char *before;
    bool plainly; /* without the error's own __tostring, which has failed */
    bool closing; /* of its variables with __close: there is no traceback */
    bool logged;  /* it is for the log, */
    bool judged;  /* and may be written there */
};

/* Where the run has failed: the line of Lua that it is at. */
static uint64_t place_of(const struct run *run)
{
    char place[LUA_IDSIZE + 64];
    lua_Debug at = {.currentline = -1};
    for (int level = 0; at.currentline < 0 && lua_getstack(run->L, level, &at) != 0; level++)
        lua_getinfo(run->L, "Sl", &at);
    bool known = at.currentline >= 0;
    snprintf(place, sizeof place, "%s %s:%d", run_name(run), known ? at.short_src : "",
             known ? at.currentline : 0);
    return log_place(place);
}

/* Is it to be told? Of many of one kind a few are; the others cost no traceback. */
static bool may_tell(struct failure *failure, const char *text)
{
    struct run *run = failure->run;
    char line[256];
    if (!failure->logged || failure->judged) return true;
    snprintf(line, sizeof line, "%s: %s", run_name(run), text);
    return failure->judged =
               worker_may_log(run->runtime->worker, LOG_ERROR, place_of(run), span_text(line));
}

static void put_failure(const struct failure *failure, const char *text)
{
    struct error *witness = failure->run->runtime->program->witness;
    if (failure->run->tell != NULL)
        error_set(failure->run->tell, ERROR_INPUT, "%s", text);
    else if (failure->logged)
        log_line(LOG_ERROR, "%s: %s", failure->before, text);
    else
        error_set(witness, ERROR_INPUT, "%s: %s", failure->before, text);
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

/* The text on the top of the stack with \x00 for each NUL. */
static const char *push_plain(lua_State *L)
{
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    if (strlen(text) == size) return text;
    char *room = lua_newuserdatauv(L, 4 * size + 1, 0);
    return log_plain(span_of(text, size), room, 4 * size + 1);
}

static int tell_failure(lua_State *L)
{
    struct failure *failure = lua_touserdata(L, 1);
    lua_State *failed = failure->run->L;
    const char *text = "(an error that cannot be told)";
    if (!failure->plainly) {
        lua_pushvalue(failed, -1);
        lua_xmove(failed, L, 1);
        luaL_tolstring(L, -1, NULL);
        if (!lua_isstring(L, -2) && luaL_getmetafield(L, -2, "__tostring") == 0)
            lua_pushfstring(L, "(an error that is no text: %s)", lua_tostring(L, -1));
        else
            lua_settop(L, 3); /* without the metafield */
        text = push_plain(L);
    }
    if (!may_tell(failure, text)) return 0;
    if (!failure->closing) {
        push_traceback(L, failure->run, text);
        text = lua_tostring(L, -1);
    }
    put_failure(failure, text);
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
    if (!told && !runtime_try(runtime, tell_failure, failure, &plain) &&
        may_tell(failure, plain.text))
        put_failure(failure, plain.text);
    runtime->heap.limit = limit;
}

void runtime_not_called(const struct run *run, lua_State *L)
{
    struct lua_text room;
    char what[64];
    snprintf(what, sizeof what, "%s was not called", run_name(run));
    runtime_log(run->runtime, LOG_ERROR, what, lua_text_of_error(L, &room));
}

static void tell_of(struct run *run, bool closing)
{
    const struct error *witness = run->runtime->program->witness;
    struct failure failure = {.run = run, .closing = closing};
    char before[128];
    failure.logged = run->tell == NULL && (witness == NULL || witness->kind != ERROR_NONE);
    int size = snprintf(before, sizeof before, "%s (", run_name(run));
    if (run->link_id != 0)
        size += snprintf(before + size, sizeof before - (size_t)size, "connection %llu, ",
                         (unsigned long long)run->link_id);
    snprintf(before + size, sizeof before - (size_t)size, "generation %llu)%s",
             (unsigned long long)run->generation, closing ? ", in __close" : "");
    failure.before = before;
    tell(&failure);
}

void runtime_failed(struct run *run)
{
    if (run->reached)
        tell_of(run, false);
    else
        runtime_not_called(run, run->L);
}

void runtime_close_failed(struct run *run)
{
    run->tell = NULL; /* that has been told how the call itself has ended */
    tell_of(run, true);
}
