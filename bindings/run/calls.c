#include "run/calls.h"

#include "lua/value.h"
#include "run/code.h"
#include "run/failure.h"
#include "server/worker_mail.h"

#include <stdlib.h>

/* ---- on the worker that calls ---- */

static int push_results(lua_State *L, struct request *request)
{
    const struct call *call = (struct call *)request;
    bool any = call->values != NULL;
    return request_push_answer(L, call->code, any ? chunk_bytes(call->values) : span_of(NULL, 0));
}

static bool leave(struct request *request)
{
    struct call *call = (struct call *)request;
    atomic_store_explicit(&call->given_up, true, memory_order_relaxed);
    return false;
}

static void free_call(struct request *request)
{
    struct call *call = (struct call *)request;
    struct budget *budget = call->budget;
    if (call->values != NULL) chunk_drop(call->values);
    free(call);
    budget_give(budget, sizeof *call);
}

static const struct request_kind kind = {.push = push_results, .leave = leave, .free = free_call};

struct call *calls_make(struct run *run, struct span bytes, uint64_t link_id)
{
    struct worker *worker = run->runtime->worker;
    struct budget *budget = &worker->home.streams.budget;
    if (!budget_take(budget, sizeof(struct call))) return NULL;
    struct call *call = calloc(1, sizeof *call);
    struct chunk *values = call == NULL ? NULL : worker_copy_packet(worker, bytes);
    if (values == NULL) {
        free(call);
        budget_give(budget, sizeof *call);
        return NULL;
    }
    request_init(&call->request, &kind, run, &run->runtime->calls);
    call->values = values;
    call->link_id = link_id;
    call->budget = budget;
    return call;
}

/* ---- on the worker that is called ---- */

static void answer(struct call *call, const char *code, struct chunk *values)
{
    if (call->values != NULL) chunk_drop(call->values);
    call->values = values;
    call->code = code;
    request_answer(&call->request);
}

static void refuse(struct worker *worker, struct letter *letter)
{
    (void)worker;
    answer((struct call *)container_of(letter, struct request, letter), "closed", NULL);
}

/* Keeps the text of an error for the caller, if there is memory for it. */
static void hear(struct run *run, const char *text)
{
    struct call *call = run->context;
    if (call->values != NULL) chunk_drop(call->values);
    call->values = worker_copy_packet(run->runtime->worker, span_text(text));
}

struct outcome {
    struct run *run;
    struct chunk *values;
};

static int encode_results(lua_State *L)
{
    struct outcome *outcome = lua_touserdata(L, 1);
    struct run *run = outcome->run;
    struct span bytes;
    int count = lua_gettop(run->L);
    luaL_checkstack(L, count + 1, "too many results");
    lua_xmove(run->L, L, count);
    struct value_list values = {.first = 2, .last = 1 + count, .verb = "return"};
    if (value_encode(L, values, 0, &bytes) != NULL) return lua_error(L);
    outcome->values = worker_copy_packet(run->runtime->worker, bytes);
    return 0;
}

static void finish_done(struct run *run, struct call *call)
{
    struct outcome outcome = {.run = run};
    struct error error;
    bool fine = state_try(&run->runtime->state, encode_results, &outcome, &error);
    if (!fine) {
        hear(run, error.text);
        state_log(&run->runtime->state, LOG_ERROR, run_name(run), error.text);
    }
    struct chunk *values = fine ? outcome.values : call->values;
    if (!fine) call->values = NULL;
    answer(call, !fine ? "error" : values == NULL ? "memory" : NULL, values);
}

/* Answers the call, which then belongs to the worker that made it. */
static void finished(struct run *run, enum run_state state)
{
    struct call *call = run->context;
    struct chunk *text = call->values;
    if (state == RUN_DONE) {
        finish_done(run, call);
    } else {
        call->values = NULL;
        answer(call, state == RUN_FAILED ? "error" : "closed", text);
    }
    run_done(run);
}

struct beginning {
    struct run *run;
    struct span bytes;
    int count; /* of arguments; -1: there is no such function */
};

/* Pushes the function that on_call (at 2) has for the name at 3. If it has none, pushes the function that a test
 * has put in place of the job of that name. */
static void push_function(lua_State *L, const struct runtime *runtime)
{
    lua_pushnil(L);
    if (lua_istable(L, 2)) {
        lua_pop(L, 1);
        lua_pushvalue(L, 3);
        lua_rawget(L, 2);
    }
    if (lua_isfunction(L, -1) || runtime->fakes == LUA_NOREF) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime->fakes);
    lua_pushvalue(L, 3);
    lua_rawget(L, -2);
}

/* Moves the function and its arguments to run->L, with the conn first if the call is for a connection. */
static int prepare(lua_State *L)
{
    struct beginning *beginning = lua_touserdata(L, 1);
    struct run *run = beginning->run;
    struct runtime *runtime = run->runtime;
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime->code->calls);
    int count = value_decode(L, beginning->bytes);
    int top = lua_gettop(L);
    push_function(L, runtime);
    lua_replace(L, 3);
    lua_settop(L, top);
    if (!lua_isfunction(L, 3)) return 0;
    beginning->count = count - 1;
    if (run->link != NULL) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, runtime->conns);
        lua_rawgeti(L, -1, (int)link_slot(run->link) + 1);
        run->conn = lua_topointer(L, -1);
        lua_insert(L, 4);
        lua_pop(L, 1);
        beginning->count++;
    }
    if (!lua_checkstack(run->L, beginning->count + 1)) luaL_error(L, "too many arguments");
    lua_xmove(L, run->L, beginning->count + 1);
    return 0;
}

static void begin_run(struct run *run, struct call *call)
{
    struct runtime *runtime = run->runtime;
    struct beginning beginning = {.run = run, .bytes = chunk_bytes(call->values), .count = -1};
    struct error error;
    run->context = call;
    run->finished = finished;
    run->hear = hear;
    bool fine = state_try(&runtime->state, prepare, &beginning, &error);
    chunk_drop(call->values);
    call->values = NULL;
    if (!fine || beginning.count < 0) {
        if (!fine) hear(run, error.text);
        struct chunk *text = call->values;
        call->values = NULL;
        answer(call, fine ? "unknown" : "error", text);
        run_done(run);
        return;
    }
    enum run_state state = run_call(run, beginning.count);
    if (state != RUN_WAITS) finished(run, state);
}

static uint32_t begin(struct worker *worker, struct letter *letter)
{
    struct call *call = (struct call *)container_of(letter, struct request, letter);
    struct runtime *runtime = worker->home.script_state;
    struct link *link = NULL;
    code_catch_up(runtime, value_stamp(chunk_bytes(call->values)));
    bool gone = atomic_load_explicit(&call->given_up, memory_order_relaxed);
    if (call->link_id != 0) gone = gone || (link = worker_find(worker, call->link_id)) == NULL;
    if (gone) {
        answer(call, "closed", NULL);
        return 1;
    }
    struct run *run = run_take(runtime, RUN_CALL, link);
    if (run == NULL)
        answer(call, "memory", NULL);
    else
        begin_run(run, call);
    return 1 + LINK_LOOK_EVERY; /* a script may run for long */
}

static const struct letter_kind called = {.read = begin, .drop = refuse};

void calls_post(struct call *call, uint32_t target)
{
    struct worker *home = call->request.home;
    call->request.letter.kind = &called;
    worker_post_letter(home->team[target], &call->request.letter);
}
