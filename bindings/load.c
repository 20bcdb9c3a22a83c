/* Brings main.lua into a worker: its environment, its handlers, on_start. */
#include "runtime.h"

#include "settings.h"
#include "system.h"

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

bool load_call(lua_State *L, int arguments, int results)
{
    int base = lua_gettop(L) - arguments;
    lua_pushcfunction(L, traceback);
    lua_insert(L, base);
    int status = lua_pcall(L, arguments, results, base);
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
    lua_pushfstring(L, "%s/%s;%s", directory, system_module, lua_tostring(L, -1));
    lua_setfield(L, -4, "cpath");
    lua_pop(L, 3);
}

/* As luaL_loadfile: without a byte order mark, and without a first line that is for the shell. The
 * end of that line stays, so that lines keep their numbers. */
static struct span code_of(const struct program *program)
{
    struct span text = span_of(program->main_text, program->main_size);
    if (text.size >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) text = span_skip(text, 3);
    if (text.size == 0 || text.data[0] != '#') return text;
    const uint8_t *end = memchr(text.data, '\n', text.size);
    return end == NULL ? span_skip(text, text.size) : span_skip(text, (size_t)(end - text.data));
}

static bool load_main(struct runtime *runtime, struct error *error)
{
    const struct program *program = runtime->program;
    struct span code = code_of(program);
    lua_State *L = runtime->L;
    lua_pushfstring(L, "@%s/main.lua", program->directory);
    if (luaL_loadbuffer(L, (const char *)code.data, code.size, lua_tostring(L, -1)) != LUA_OK)
        return error_set(error, ERROR_INPUT, "%s", runtime_error_text(L));
    compat_set_environment(L, SLOT_ENV);
    if (!load_call(L, 0, 1)) return error_set(error, ERROR_INPUT, "%s", runtime_error_text(L));
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

static int index_table(lua_State *L)
{
    lua_gettable(L, 1);
    return 1;
}

/* Pushes a field of the table on the top of the stack: nil, too, if looking for it is an error, as
 * scripts that forbid undefined globals have it. */
static void push_field(lua_State *L, const char *name)
{
    lua_pushcfunction(L, index_table);
    lua_pushvalue(L, -2);
    lua_pushstring(L, name);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK) return;
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* Takes the handlers out of the table on the top of the stack, which it pops. */
static bool resolve_handlers(struct runtime *runtime, struct error *error)
{
    lua_State *L = runtime->L;
    for (int i = 0; i < HANDLERS; i++) {
        push_field(L, handler_names[i]);
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

static void lay_out_stack(struct runtime *runtime)
{
    lua_State *L = runtime->L;
    lua_newtable(L); /* SLOT_CONNS */
    lua_pushvalue(L, -1);
    runtime->conns = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L); /* SLOT_ENV */
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, SLOT_ENV);
    lua_settop(L, SLOT_TOP);
    luaL_checkstack(L, LUA_MINSTACK, "no memory");
}

bool load_script(struct runtime *runtime, struct error *error)
{
    lua_State *L = runtime->L;
    luaL_openlibs(L);
    compat_collector(L);
    lay_out_stack(runtime);
    lua_conn_open(runtime);
    lua_timer_open(runtime);
    lua_server_open(runtime);
    set_module_path(L, runtime->program->directory);
    if (!load_main(runtime, error) || !resolve_handlers(runtime, error)) return false;
    if (!runtime->has[ON_START]) return true;
    lua_pushvalue(L, SLOT_HANDLERS + ON_START);
    if (load_call(L, 0, 0)) return true;
    return error_set(error, ERROR_INPUT, "on_start failed in worker %u: %s",
                     worker_index(runtime->worker), runtime_error_text(L));
}
