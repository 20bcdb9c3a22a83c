#include "lua/library.h"

#include "lua/lua_print.h"
#include "lua/lua_warn.h"
#include "system/system.h"

#include <limits.h>
#include <string.h>

/* Calls the function that this one replaces, which is its upvalue, with the same arguments. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int no_exit(lua_State *L)
{
    return luaL_error(L, "os.exit would end the server with all its connections: to end a "
                         "connection, use conn:close; to end the server, send it TERM");
}

/* os.execute([command]): while the command runs, ^C stops the server as at any other time. */
static int execute(lua_State *L)
{
    const char *command = luaL_optstring(L, 1, NULL);
    int status;
    if (command == NULL || !system_execute(command, &status)) return call_original(L);
    return compat_executed(L, status);
}

struct removed {
    const char *library; /* NULL: a global */
    const char *name;    /* NULL: all of it */
};

/* Functions that could corrupt the server's memory, or remove the hook that ends handlers; and a console that
 * would wait for input. */
static const struct removed harmful[] = {
    {"debug", "sethook"},  {"debug", "getregistry"},  {"debug", "setupvalue"},
    {"debug", "setlocal"}, {"debug", "setuservalue"}, {"debug", "setfenv"},
    {"debug", "debug"},
};

/* string.buffer is LuaJIT's: it exposes pointers into memory. */
static const struct removed unsafe[] = {
    {NULL, "io"},
    {NULL, "debug"},
    {NULL, "dofile"},
    {NULL, "loadfile"},
    {NULL, "ffi"},
    {NULL, "jit"},
    {NULL, "newproxy"},
    {"os", "execute"},
    {"os", "remove"},
    {"os", "rename"},
    {"os", "tmpname"},
    {"os", "getenv"},
    {"os", "setlocale"},
    {"string", "dump"},
    {"package", "loadlib"},
    {"package", "searchpath"},
    {NULL, "string.buffer"},
};

static void set_nil(lua_State *L, const char *name)
{
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

/* Removes the searchers that look outside the script's directory, for Lua and for C. */
static void close_paths(lua_State *L)
{
    static const char *const fields[] = {"searchers", "loaders"}; /* the latter in LuaJIT */
    lua_getglobal(L, "package");
    for (int i = 0; i < 2; i++) {
        lua_getfield(L, -1, fields[i]);
        for (int j = (int)(lua_istable(L, -1) ? lua_rawlen(L, -1) : 0); j > 1; j--) {
            lua_pushnil(L); /* the first one searches package.preload */
            lua_rawseti(L, -2, j);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Removes the module `family`, and all whose names begin with it and a dot, from package.loaded or
 * package.preload. */
static void forget_family(lua_State *L, const char *where, const char *family)
{
    size_t size = strlen(family);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, where);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        lua_pop(L, 1);
        if (strncmp(name, family, size) != 0 || (name[size] != '.' && name[size] != '\0')) continue;
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, -4);
    }
    lua_pop(L, 2);
}

/* load, and LuaJIT's loadstring, for text only: bytecode could reach anything. */
static int load_text(lua_State *L)
{
    if (lua_gettop(L) < 3) lua_settop(L, 3);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    return call_original(L);
}

static void close_load(lua_State *L)
{
    static const char *const names[] = {"load", "loadstring"};
    for (int i = 0; i < 2; i++) {
        lua_getglobal(L, names[i]);
        if (lua_isfunction(L, -1)) {
            lua_pushcclosure(L, load_text, 1);
            lua_setglobal(L, names[i]);
        } else {
            lua_pop(L, 1);
        }
    }
}

static void remove_all(lua_State *L, const struct removed *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct removed *removed = &all[i];
        if (removed->library == NULL) {
            lua_pushglobaltable(L);
            forget_family(L, "loaded", removed->name);
            forget_family(L, "preload", removed->name);
        } else {
            lua_getglobal(L, removed->library);
        }
        set_nil(L, removed->name);
        lua_pop(L, 1);
    }
}

static void close_system(lua_State *L)
{
    close_load(L);
    remove_all(L, unsafe, sizeof unsafe / sizeof *unsafe);
    close_paths(L);
}

/* string.rep(text, count [, between]): with nothing to repeat, returns at once instead of looping `count` times. */
static int rep(lua_State *L)
{
    size_t size, between = 0;
    luaL_checklstring(L, 1, &size);
    lua_Integer count = luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3)) luaL_checklstring(L, 3, &between);
    if (size == 0 && between == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (count > 0 && size + between > (size_t)INT_MAX / (size_t)count) /* with its place */
        return luaL_error(L, "resulting string too large");
    return call_original(L);
}

/* Replaces a function of the library; the old one becomes the upvalue. */
static void bound(lua_State *L, const char *library, const char *name, lua_CFunction function)
{
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* A loader for package.preload: returns the module, which is its upvalue. */
static int give(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

/* LuaJIT opens its ffi by itself, and puts it into package.loaded, when code contains a number like 1LL. It must
 * not do so later, inside the sandbox, nor open it twice, which would number the types differently. So it is
 * opened at the start. LuaJIT uses the module's tables until the state is closed: they are kept, in a sandbox
 * too. */
static void open_ffi(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_getfield(L, -1, "ffi");
    if (lua_isfunction(L, -1)) {
        lua_pushliteral(L, "ffi");
        lua_call(L, 1, 1);
        lua_pushvalue(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushcclosure(L, give, 1);
        lua_setfield(L, -2, "ffi");
        lua_getfield(L, -2, "loaded");
        set_nil(L, "ffi");
        lua_pop(L, 1);
    } else {
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

/* Searches C modules in the scripts' directory before all others. `require` finds those in Lua by itself. */
static void find_modules_in(lua_State *L, const char *directory)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "cpath");
    lua_pushfstring(L, "%s/%s;%s", directory, system_module, lua_tostring(L, -1));
    lua_setfield(L, -3, "cpath");
    lua_pop(L, 2);
}

void library_open(struct state *state)
{
    lua_State *L = state->L;
    luaL_openlibs(L);
    open_ffi(L);
    lua_getglobal(L, "os");
    lua_pushcfunction(L, no_exit);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
    coroutines_open(state);
    lua_warn_open(state);
    if (COMPAT_REPEATS_NOTHING) bound(L, "string", "rep", rep);
    library_open_debug(state);
    library_open_levels(state);
    bound(L, "os", "execute", execute);
    remove_all(L, harmful, sizeof harmful / sizeof *harmful);
    find_modules_in(L, state->directory);
    if (state->serves) lua_print_open(L);
    if (state->sandbox) close_system(L);
}
