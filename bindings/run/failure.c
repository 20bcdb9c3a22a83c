#include "run/failure.h"

#include "base/clock.h"
#include "lua/lua_text.h"
#include "lua/place.h"
#include "run/script_errors.h"
#include "run/trial.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* How the function that calls on_receive (handlers.c) looks at the end of a traceback. */
#if COMPAT_CALLS_WAITING
static const char drive_frame[] = "\n\t[C]: in ?";
#else
static const char drive_frame[] = "\n\tmoonport:";
#endif

struct failure {
    struct run *run;
    const char *before;
    bool plainly;    /* without the error's own __tostring, which has failed */
    bool closing;    /* a __close metamethod raised it: there is no traceback */
    bool logged;     /* it goes to the log, */
    bool judged;     /* and is not held back */
    uint64_t ticket; /* script_errors.h's, for its traceback */
};

/* ---- the book ---- */

/* The second of the worker's first failure that was held back is over, or that of another one. */
static void tell_held_back(struct wheel_timer *timer)
{
    struct runtime *runtime = container_of(timer, struct runtime, failures_told);
    uint64_t now_ns = worker_now(runtime->worker);
    uint64_t next_ns = script_errors_tell(runtime->program->errors, now_ns);
    if (next_ns == UINT64_MAX) return;
    worker_timer_start(runtime->worker, timer, next_ns > now_ns ? next_ns - now_ns : 0);
}

void failure_open(struct runtime *runtime)
{
    wheel_timer_init(&runtime->failures_told, tell_held_back);
}

void failure_close(struct runtime *runtime)
{
    worker_timer_stop(runtime->worker, &runtime->failures_told);
    script_errors_tell_all(runtime->program->errors);
}

/* Counts it; should it be logged? */
static bool note(struct runtime *runtime, struct script_failure *failure, uint64_t *ticket)
{
    struct script_errors *book = runtime->program->errors;
    failure->worker = worker_number(runtime->worker);
    if (script_errors_note(book, failure, worker_now(runtime->worker), ticket)) return true;
    if (!wheel_timer_runs(&runtime->failures_told))
        worker_timer_start(runtime->worker, &runtime->failures_told, SECOND_NS);
    return false;
}

static bool note_run(const struct run *run, const char *place, const char *line, uint64_t *ticket)
{
    struct script_failure failure = {.level = LOG_ERROR,
                                     .handler = run_name(run),
                                     .place = place,
                                     .line = line,
                                     .generation = run->generation,
                                     .connection = run->link_id};
    return note(run->runtime, &failure, ticket);
}

bool failure_may_log(struct state *state, enum log_level level, const char *handler,
                     const char *place, const char *line)
{
    struct runtime *runtime = (struct runtime *)state;
    const struct run *run = runtime->current;
    uint64_t ticket;
    struct script_failure failure = {.level = level,
                                     .handler = handler,
                                     .place = place,
                                     .line = line,
                                     .generation =
                                         run != NULL ? run->generation : state->told_generation,
                                     .connection = run != NULL ? run->link_id : 0};
    bool fine = note(runtime, &failure, &ticket);
    script_errors_trace(runtime->program->errors, ticket, line);
    return fine;
}

bool failure_of_job_may_log(void *context, enum log_level level, const char *handler,
                            const char *place, const char *line, uint64_t generation)
{
    const struct program *program = context;
    uint64_t ticket;
    const struct script_failure failure = {
        .level = level, .handler = handler, .place = place, .line = line, .generation = generation};
    bool fine = script_errors_note(program->errors, &failure, clock_now_ns(), &ticket);
    script_errors_trace(program->errors, ticket, line);
    return fine;
}

/* ---- a run that has failed ---- */

/* Should it be reported? Of many failures of one kind a few are; the others should not cost a traceback. */
static bool may_tell(struct failure *failure, const char *text)
{
    const struct run *run = failure->run;
    char place[PLACE_MAX], line[SCRIPT_ERROR_TEXT_MAX + PLACE_MAX];
    if (!failure->logged || failure->judged) return true;
    place_find(place, run->L, run->runtime->state.directory);
    snprintf(line, sizeof line, "%s: %s", run_name(run), text);
    return failure->judged = note_run(run, place, line, &failure->ticket);
}

static void put_failure(const struct failure *failure, const char *text)
{
    const struct program *program = failure->run->runtime->program;
    struct error *witness = program->witness;
    script_errors_trace(program->errors, failure->ticket, text);
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
    if (!failure->closing) trial_tell(failure->run, text);
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
    char line[SCRIPT_ERROR_TEXT_MAX];
    const char *text = lua_text_of_error(L, &room);
    uint64_t ticket;
    snprintf(line, sizeof line, "%s was not called: %s", run_name(run), text);
    if (note_run(run, "", line, &ticket))
        log_line(LOG_ERROR, "%s was not called: %s", run_name(run), text);
    script_errors_trace(run->runtime->program->errors, ticket, line);
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
