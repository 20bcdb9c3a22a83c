#include "run/failure.h"

#include "base/log_limit.h"
#include "lua/lua_text.h"

#include <string.h>

/* How the function that calls on_receive (handlers.c) looks at the end of a traceback. */
#if COMPAT_CALLS_WAITING
static const char drive_frame[] = "\n\t[C]: in ?";
#else
static const char drive_frame[] = "\n\tmoonport:";
#endif

struct failure {
    struct run *run;
    const char *before;
    bool plainly; /* without the error's own __tostring, which has failed */
    bool closing; /* a __close metamethod raised it: there is no traceback */
    bool logged;  /* it goes to the log, */
    bool judged;  /* and log_limit.h lets it through */
};

/* Where the run failed, for log_limit.h: the line of Lua that it was at. */
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

/* Should it be reported? Of many failures of one kind a few are; the others should not cost a traceback. */
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
    if (failure->run->hear != NULL) failure->run->hear(failure->run, text);
    if (failure->run->tell != NULL)
        error_set(failure->run->tell, ERROR_INPUT, "%s", text);
    else if (failure->logged)
        log_line(LOG_ERROR, "%s: %s", failure->before, text);
    else
        error_set(witness, ERROR_INPUT, "%s: %s", failure->before, text);
}

/* Leaves out the last frame if it is the function that calls on_receive, and the whole traceback if no frame is
 * left. */
static void push_traceback(lua_State *L, const struct run *run, const char *text)
{
    static const char title[] = "\nstack traceback:";
    luaL_traceback(L, run->L, text, 0);
    const char *whole = lua_tostring(L, -1), *last = strrchr(whole, '\n');
    bool ours = run->kind == ON_RECEIVE && last != NULL &&
                strncmp(last, drive_frame, strlen(drive_frame)) == 0;
    size_t size = ours ? (size_t)(last - whole) : strlen(whole), empty = sizeof title - 1;
    if (size >= empty && strncmp(whole + size - empty, title, empty) == 0) size -= empty;
    lua_pushlstring(L, whole, size);
}

/* Returns the text on the top of the stack, with \x00 for each NUL. */
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
    if (!may_tell(failure, text)) {
        if (failure->run->hear != NULL) failure->run->hear(failure->run, text);
        return 0;
    }
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
    size_t limit = runtime->state.heap.limit;
    if (limit > 0)
        runtime->state.heap.limit += HEAP_RESERVE; /* the failure may have been a lack of memory */
    bool told = state_try(&runtime->state, tell_failure, failure, &plain);
    failure->plainly = true;
    if (!told && !state_try(&runtime->state, tell_failure, failure, &plain) &&
        may_tell(failure, plain.text))
        put_failure(failure, plain.text);
    runtime->state.heap.limit = limit;
}

void failure_not_called(const struct run *run, lua_State *L)
{
    struct lua_text room;
    char what[64];
    snprintf(what, sizeof what, "%s was not called", run_name(run));
    state_log(&run->runtime->state, LOG_ERROR, what, lua_text_of_error(L, &room));
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

void failure_tell(struct run *run)
{
    if (run->reached)
        tell_of(run, false);
    else
        failure_not_called(run, run->L);
}

void failure_tell_of_close(struct run *run)
{
    run->hear = NULL;
    run->tell = NULL; /* they already know how the call itself ended */
    tell_of(run, true);
}
