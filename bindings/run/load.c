#include "run/load.h"

#include "base/settings.h"
#include "lua/compile.h"
#include "lua/environment.h"
#include "run/run.h"
#include "scripts/findings.h"

#include <string.h>

/* A generation that is being loaded. What is to be kept of it is in the registry meanwhile. */
struct loading {
    struct runtime *runtime;
    struct code *code;
    const struct plan *plan;
    lua_State *answer;        /* main.lua's result is on its top */
    int main, kept, calls;    /* in the registry */
    struct findings found;    /* the suspects that are mistakes */
    struct findings warnings; /* those that are only strange */
};

static int keep(lua_State *L, int *reference)
{
    return *reference = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void forget(lua_State *L, int *reference)
{
    luaL_unref(L, LUA_REGISTRYINDEX, *reference);
    *reference = LUA_NOREF;
}

static int compile(lua_State *L)
{
    struct loading *loading = lua_touserdata(L, 1);
    struct source *source = loading->plan->source;
    overtime_rename(&loading->runtime->state.overtime, "main.lua");
    struct code *code = loading->code;
    code->environment = environment_make(L, &loading->runtime->state, source, code->generation);
    environment_push(L, code->environment, RECORD_GLOBALS);
    if (environment_compile(L, source, source_find(source, "main.lua"), -1) != LUA_OK)
        return lua_error(L);
    keep(L, &loading->main);
    return 0;
}

/* ---- what main.lua has defined ---- */

static int index_table(lua_State *L)
{
    lua_gettable(L, 1);
    return 1;
}

/* Pushes a field of the table at 2. If looking it up raises an error, as in scripts that forbid undefined
 * globals, pushes nil; but if it took too long, raises that error again. */
static void push_field(lua_State *L, struct loading *loading, const char *name)
{
    lua_pushcfunction(L, index_table);
    lua_pushvalue(L, 2);
    lua_pushstring(L, name);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK) return;
    if (overtime_is_raised(&loading->runtime->state.overtime)) lua_error(L);
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* The file of the source that defines the function on the top of the stack, and the line; NULL: it is not in the
 * source. Pops the function. */
static const struct source_file *place_of(lua_State *L, const struct source *source, int *line)
{
    lua_Debug at;
    size_t size = strlen(source->directory);
    lua_getinfo(L, ">S", &at);
    *line = at.linedefined;
    bool inside = at.source[0] == '@' && strncmp(at.source + 1, source->directory, size) == 0;
    return inside && at.source[size + 1] == '/' ? source_find(source, at.source + size + 2) : NULL;
}

/* Looks at a function in the table at 2 whose name begins with on_: if the name is close to that of a handler
 * which is missing, it was meant to be that handler. For globals, review.c does this. */
static void judge_field(lua_State *L, struct loading *loading, const char *name)
{
    const char *elsewhere = findings_elsewhere(name);
    const char *meant = elsewhere == NULL ? settings_nearest(name, handler_names, HANDLERS) : NULL;
    int line;
    for (int i = 0; i < HANDLERS; i++)
        if (meant == handler_names[i] && loading->code->has[i]) meant = NULL;
    if (meant == NULL && elsewhere == NULL) return;
    lua_pushvalue(L, -1);
    const struct source_file *file = place_of(L, loading->plan->source, &line);
    if (file == NULL) return;
    if (meant != NULL)
        findings_misspelt(&loading->found, file, (uint32_t)line, name, meant);
    else
        findings_uncalled(&loading->warnings, file, (uint32_t)line, name, elsewhere);
}

static void find_misspelt(lua_State *L, struct loading *loading)
{
    lua_pushnil(L);
    while (lua_next(L, 2) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (lua_isfunction(L, -1) && strncmp(name, "on_", 3) == 0) judge_field(L, loading, name);
        lua_pop(L, 1);
    }
}

/* Goes through the suspects in the files that were loaded, and adds those that the globals do not clear to the
 * findings. */
static void find_unknown(lua_State *L, struct loading *loading)
{
    const struct findings *suspects = loading->plan->suspects;
    const struct environment *environment = loading->code->environment;
    environment_push(L, environment, RECORD_GLOBALS);
    lua_replace(L, 2);
    for (size_t i = 0; i < suspects->count; i++) {
        const struct finding *suspect = &suspects->finding[i];
        bool loaded = environment_has_loaded(L, environment, suspect->file) ||
                      strcmp(suspect->file->name, "main.lua") == 0;
        if (!loaded) continue;
        push_field(L, loading, suspect->name);
        if (suspect->warns && lua_isfunction(L, -1))
            findings_add(&loading->warnings, suspect);
        else if (!suspect->warns && (suspect->name[0] == '\0' || lua_isnil(L, -1)))
            findings_add(&loading->found, suspect);
        lua_pop(L, 1);
    }
}

/* Takes the handlers out of the table that main.lua returned, or else out of its globals. */
static int resolve(lua_State *L)
{
    struct loading *loading = lua_touserdata(L, 1);
    struct code *code = loading->code;
    const char *directory = loading->plan->source->directory;
    lua_pushvalue(loading->answer, -1);
    lua_xmove(loading->answer, L, 1);
    bool globals = lua_isnil(L, 2);
    if (globals) {
        environment_push(L, code->environment, RECORD_GLOBALS);
        lua_replace(L, 2);
    }
    if (!lua_istable(L, 2))
        return luaL_error(
            L, "%s/main.lua returned a %s: it may return a table of handlers, or nothing",
            directory, luaL_typename(L, 2));
    lua_createtable(L, HANDLERS, 0);
    for (int i = 0; i < HANDLERS; i++) {
        push_field(L, loading, handler_names[i]);
        if (!lua_isnil(L, -1) && !lua_isfunction(L, -1))
            return luaL_error(L, "%s/main.lua: %s is a %s, it has to be a function", directory,
                              handler_names[i], luaL_typename(L, -1));
        code->has[i] = lua_isfunction(L, -1);
        lua_rawseti(L, 3, i + 1);
    }
    push_field(L, loading, "on_call");
    if (!lua_isnil(L, -1) && !lua_istable(L, -1))
        return luaL_error(
            L, "%s/main.lua: on_call is a %s, it has to be a table of functions for server.call",
            directory, luaL_typename(L, -1));
    if (!lua_isnil(L, -1)) keep(L, &loading->calls);
    lua_settop(L, 3);
    if (!globals) find_misspelt(L, loading);
    lua_pushvalue(L, 3);
    keep(L, &loading->kept);
    find_unknown(L, loading);
    return 0;
}

/* ---- all of it ---- */

static bool run_main(struct loading *loading, struct error *error)
{
    struct runtime *runtime = loading->runtime;
    struct run *run = run_take(runtime, RUN_MAIN, NULL);
    if (run == NULL) return error_set(error, ERROR_SYSTEM, "no memory to load the script");
    run->tell = error;
    run->generation = loading->plan->generation;
    lua_rawgeti(run->L, LUA_REGISTRYINDEX, loading->main);
    runtime->loading = loading->code;
    runtime->state.told_generation = loading->code->generation;
    bool fine = run_call(run, 0) == RUN_DONE;
    runtime->loading = NULL;
    runtime->state.told_generation = code_generation(runtime);
    if (fine) {
        lua_settop(run->L, 1);
        loading->answer = run->L;
        fine = state_try(&runtime->state, resolve, loading, error) &&
               findings_tell(&loading->found, loading->plan->source, error);
        if (fine && code_warns(runtime)) findings_warn(&loading->warnings, loading->plan->source);
    }
    run_done(run);
    return fine;
}

bool code_load(struct runtime *runtime, struct code *code, const struct plan *plan,
               struct error *error)
{
    lua_State *L = runtime->state.L;
    struct loading loading = {
        .runtime = runtime,
        .code = code,
        .plan = plan,
        .main = LUA_NOREF,
        .kept = LUA_NOREF,
        .calls = LUA_NOREF,
    };
    bool fine = state_try(&runtime->state, compile, &loading, error) && run_main(&loading, error);
    forget(L, &loading.main);
    findings_free(&loading.found);
    findings_free(&loading.warnings);
    code->handlers = loading.kept;
    code->calls = loading.calls;
    return fine;
}
