/* server.job: runs blocking work on another thread. Also makes the global `server` of those threads. */
#include "api/lua_api.h"
#include "base/clock.h"
#include "jobs/jobs.h"
#include "lua/value.h"
#include "run/calls.h"
#include "run/code.h"
#include "run/request.h"
#include "server/worker.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255 };

/* A job that a script asked for: the run waits for the request, the pool runs the job. */
struct asked {
    struct request request;
    struct job job;
    struct jobs *jobs;
};

static struct asked *asked_of(struct request *request)
{
    return (struct asked *)request;
}

static int push_answer(lua_State *L, struct request *request)
{
    const struct job_run *run = asked_of(request)->job.run;
    if (run == NULL) return state_refuse(L, "memory");
    return request_push_answer(L, run->code, span_of(run->answer, run->answer_size));
}

static bool leave(struct request *request)
{
    struct asked *asked = asked_of(request);
    jobs_abandon(asked->jobs, &asked->job);
    return false; /* this wait has no deadline */
}

static void free_asked(struct request *request)
{
    struct asked *asked = asked_of(request);
    job_run_free(asked->job.run);
    free(asked);
}

static const struct request_kind kind = {.push = push_answer, .leave = leave, .free = free_asked};

static void done(struct job *job)
{
    request_answer(&container_of(job, struct asked, job)->request);
}

static void free_abandoned(struct job *job)
{
    free(container_of(job, struct asked, job));
}

static struct asked *make(struct run *run, struct job_run *what)
{
    struct runtime *runtime = run->runtime;
    struct asked *asked = what == NULL ? NULL : calloc(1, sizeof *asked);
    if (asked == NULL) {
        job_run_free(what);
        return NULL;
    }
    request_init(&asked->request, &kind, run, NULL);
    asked->jobs = runtime->program->jobs;
    asked->job = (struct job){.run = what,
                              .source = runtime->code->source,
                              .generation = code_generation(runtime),
                              .done = done,
                              .free = free_abandoned};
    return asked;
}

static struct span check_name(lua_State *L, int index)
{
    size_t size;
    const char *name = luaL_checklstring(L, index, &size);
    luaL_argcheck(L, size <= NAME_MAX_BYTES && strlen(name) == size, index,
                  "expected a name of at most 255 bytes");
    return span_of(name, size);
}

/* ---- in tests of scripts ---- */

struct question {
    struct runtime *runtime;
    const char *name;
    bool yes;
};

static int look_for_fake(lua_State *L)
{
    struct question *question = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, question->runtime->fakes);
    lua_getfield(L, -1, question->name);
    question->yes = lua_isfunction(L, -1);
    return 0;
}

/* True: a test has put a function in the job's place, and the first worker runs it. Its name for server.call is
 * pushed. */
static bool push_fake(lua_State *L, const struct runtime *runtime)
{
    if (runtime->program->made == NULL) return false; /* no test */
    struct question question = {.runtime = runtime->worker->team[0]->home.script_state};
    if (question.runtime == NULL || question.runtime->fakes == LUA_NOREF) return false;
    question.name = lua_pushfstring(L, "%s.%s", lua_tostring(L, 1), lua_tostring(L, 2));
    lua_State *first = question.runtime->state.L;
    if (compat_protected(first, look_for_fake, &question) != LUA_OK) lua_pop(first, 1);
    return question.yes;
}

static int call_fake(lua_State *L, struct run *run, struct span bytes)
{
    struct call *call = calls_make(run, bytes, 0);
    if (call == NULL) return state_refuse(L, "memory");
    calls_post(call, 0);
    return request_wait(&call->request, UINT64_MAX);
}

/* ---- server.job ---- */

static int post_job(lua_State *L, struct asked *asked)
{
    if (asked == NULL) return state_refuse(L, "memory");
    const struct program *program = runtime_of(L)->program;
    const char *why = jobs_post(asked->jobs, &asked->job);
    if (why != NULL) {
        request_drop(&asked->request);
        return state_refuse(L, why);
    }
    if (program->awaits_jobs) jobs_await(asked->jobs, &asked->job);
    return request_wait(&asked->request, UINT64_MAX);
}

/* server.job(module, function, ...): what the function returns there */
static int server_job(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    struct run *run = run_check_wait(L, "server.job");
    int top = lua_gettop(L);
    struct span module = check_name(L, 1), function = check_name(L, 2), bytes;
    bool fake = push_fake(L, runtime);
    if (fake)
        lua_insert(L, 3); /* the name goes with the arguments */
    else
        lua_settop(L, top);
    struct value_list values = {.first = 3, .last = lua_gettop(L), .verb = "pass"};
    const char *code = value_encode(L, values, code_generation(runtime), &bytes);
    if (code != NULL) return value_refuse(L, code);
    if (fake) return call_fake(L, run, bytes);
    return post_job(L, make(run, jobs_run_make(runtime->program->jobs, module, function, bytes)));
}

void lua_job_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"job", server_job}, {NULL, NULL}};
    state_register(&runtime->state, runtime->state.L, functions);
}

/* All jobs of this worker are done or abandoned. But a thread of the pool may be about to wake this worker's port. */
void lua_job_close(struct runtime *runtime)
{
    if (runtime->program->jobs != NULL) jobs_await_calls(runtime->program->jobs);
}

/* ---- in a job ---- */

/* server.sleep(seconds): blocks only this thread */
static int sleep_here(lua_State *L)
{
    uint64_t delay_ns;
    if (!state_read_seconds(L, 1, &delay_ns)) return state_refuse_seconds(L, 1);
    for (uint64_t end_ns = clock_after_ns(delay_ns), now_ns; (now_ns = clock_now_ns()) < end_ns;) {
        const uint64_t slice_ns = UINT64_C(100000000);
        uint64_t left_ns = end_ns - now_ns < slice_ns ? end_ns - now_ns : slice_ns;
        struct timespec time = {.tv_sec = 0, .tv_nsec = (long)left_ns};
        nanosleep(&time, NULL);
        if (overtime_is_raised(&state_of(L)->overtime)) /* compiled code calls no hook */
            return luaL_error(L, "server.sleep: interrupted, the job has run for too long");
    }
    lua_pushboolean(L, 1);
    return 1;
}

void lua_job_open_server(struct state *state, void *program)
{
    static const luaL_Reg functions[] = {{"sleep", sleep_here}, {NULL, NULL}};
    const struct program *what = program;
    lua_State *L = state->L;
    lua_newtable(L);
    state_register(state, L, functions);
    lua_server_open_everywhere(state);
    lua_shared_open(state, what->shared);
    lua_setglobal(L, "server");
}
