#include "commands/test_file.h"

#include "commands/lua_test.h"
#include "lua/compile.h"
#include "lua/environment.h"
#include "server/worker.h"

#include <stdlib.h>

/* The test's environment: its own globals, and behind them the script's. */
struct loading {
    struct testing *testing;
    const struct project *project;
    const struct source_file *file;
    int chunk, thread; /* in the registry */
};

static int load_file(lua_State *L)
{
    struct loading *loading = lua_touserdata(L, 1);
    struct runtime *runtime = loading->testing->runtime;
    lua_newtable(L);
    lua_newtable(L);
    environment_push(L, runtime->code->environment, RECORD_GLOBALS);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_newtable(L);
    runtime->fakes = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_test_push(loading->testing, L);
    lua_setfield(L, -2, "test");
    if (environment_compile(L, loading->project->source, loading->file, -1) != LUA_OK)
        return lua_error(L);
    loading->chunk = luaL_ref(L, LUA_REGISTRYINDEX);
    loading->testing->L = lua_newthread(L);
    loading->thread = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int push_traceback(lua_State *L)
{
    struct testing *testing = lua_touserdata(L, 1);
    lua_pushvalue(testing->L, -1);
    lua_xmove(testing->L, L, 1);
    struct lua_text room;
    luaL_tolstring(L, -1, NULL);
    luaL_traceback(L, testing->L, lua_text_plain(L, -1, &room), 0);
    return lua_error(L); /* caught by state_try */
}

/* Runs the function on the coroutine, and does what it asks for. */
static bool run(struct testing *testing, struct error *error)
{
    struct runtime *runtime = testing->runtime;
    for (int arguments = 0;;) {
        int results;
        overtime_begin(&runtime->state.overtime, testing->L, "a test", runtime->state.timeout_ns);
        int status = compat_resume(testing->L, runtime->state.L, arguments, &results);
        bool interrupted = overtime_end(&runtime->state.overtime, testing->L);
        if (status == LUA_OK) return true;
        if (interrupted && status == LUA_YIELD) /* the hook did: the error must be raised */
            lua_pushstring(testing->L, runtime->state.overtime.text);
        if (interrupted || status != LUA_YIELD)
            return state_try(&runtime->state, push_traceback, testing, error);
        if (testing->act == ACT_NONE) {
            error_set(error, ERROR_INPUT, "the test yielded: nobody resumes it");
            lua_test_place(testing, error);
            return false;
        }
        arguments = lua_test_act(testing, error);
        if (arguments < 0) return false;
    }
}

/* Runs the file, which defines the tests, and then the wanted one. */
static bool run_file(struct testing *testing, const struct project *project,
                     const struct source_file *file, struct error *error)
{
    struct loading loading = {.testing = testing, .project = project, .file = file};
    if (!state_try(&testing->runtime->state, load_file, &loading, error)) return false;
    lua_rawgeti(testing->L, LUA_REGISTRYINDEX, loading.chunk);
    if (!run(testing, error)) return false;
    if (testing->wanted < 0 || testing->wanted >= testing->count) return true;
    lua_settop(testing->L, 0);
    lua_rawgeti(testing->L, LUA_REGISTRYINDEX, testing->function);
    testing->in_test = true;
    return run(testing, error);
}

static struct offline *open_server(struct testing *testing, struct project *project,
                                   struct error *error)
{
    project->program.made = &testing->made;
    project->program.awaits_jobs = true;
    project->program.witness = &testing->witness;
    if (!project_renew_shared(project, error)) return NULL; /* for each test */
    struct offline *offline =
        offline_open_team(&project->options.config, testing->workers, &project->script, error);
    if (offline != NULL) testing->runtime = offline_worker(offline)->home.script_state;
    return offline;
}

/* Reports a handler's failure: it fails the test, or may be the reason why the test failed. */
static bool tell_witness(const struct testing *testing, bool fine, struct error *error)
{
    const struct error inner = *error;
    if (testing->witness.kind == ERROR_NONE) return fine;
    if (fine)
        *error = testing->witness;
    else
        error_set(error, inner.kind, "%.1000s\nbefore that, %.1000s", inner.text,
                  testing->witness.text);
    return false;
}

bool test_file_run(struct project *project, const struct source_file *file, int index,
                   struct test_file *what, struct error *error)
{
    struct testing *testing = calloc(1, sizeof *testing);
    if (testing == NULL) return error_set(error, ERROR_SYSTEM, "no memory for a test");
    testing->wanted = index;
    testing->workers = what->workers;
    testing->offline = open_server(testing, project, error);
    bool fine = testing->offline != NULL;
    if (fine) {
        fine = run_file(testing, project, file, error);
        for (int i = 0; i < testing->client_count; i++) test_client_close(&testing->clients[i]);
        offline_close(testing->offline);
    }
    fine = tell_witness(testing, fine, error);
    what->count = testing->count;
    what->workers = testing->workers;
    snprintf(what->name, sizeof what->name, "%s", testing->name);
    free(testing);
    return fine;
}
