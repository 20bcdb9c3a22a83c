/* What one generation of scripts sees: globals of its own, modules of its own. */
#include "code.h"

#include <stdlib.h>
#include <string.h>

#define BOX_META "moonport.source"

/* Keeps the source for as long as a function of its code may ask for a module. */
struct box {
    struct source *source;
    bool *loaded; /* by number of the file: it has been run, or runs */
};

static int release_box(lua_State *L)
{
    struct box *box = lua_touserdata(L, 1);
    if (box->source != NULL) source_drop(box->source);
    free(box->loaded);
    *box = (struct box){.source = NULL};
    return 0;
}

static void push_box(lua_State *L, struct source *source)
{
    struct box *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (struct box){.source = NULL};
    luaL_newmetatable(L, BOX_META);
    lua_pushcfunction(L, release_box); /* each time: the first may have found no memory for it */
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    box->loaded = calloc(source->count, sizeof *box->loaded);
    if (box->loaded == NULL) luaL_error(L, "not enough memory");
    source_hold(source);
    box->source = source;
}

static bool *loaded_flag(const struct box *box, const struct source_file *file)
{
    return &box->loaded[file - box->source->files];
}

bool environment_has_loaded(lua_State *L, int index, const struct source_file *file)
{
    return *loaded_flag(lua_touserdata(L, index), file);
}

int environment_compile(lua_State *L, const struct source *source, const struct source_file *file,
                        int environment)
{
    struct span code = source_code(file);
    environment = lua_absindex(L, environment);
    lua_pushfstring(L, "@%s/%s", source->directory, file->name);
    int status = luaL_loadbufferx(L, (const char *)code.data, code.size, lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    if (status == LUA_OK) compat_set_environment(L, environment);
    return status;
}

/* ---- require ---- */

enum { REQUIRE_BOX = 1, REQUIRE_LOADED, REQUIRE_ENVIRONMENT, REQUIRE_OUTSIDE };

/* "game.rules" is game/rules.lua, or game/rules/init.lua. */
static const struct source_file *find_module(lua_State *L, const struct source *source,
                                             const char *name)
{
    const char *path = luaL_gsub(L, name, ".", "/");
    const struct source_file *file = source_find(source, lua_pushfstring(L, "%s.lua", path));
    if (file == NULL) file = source_find(source, lua_pushfstring(L, "%s/init.lua", path));
    return file;
}

static int load_module(lua_State *L, struct box *box, const struct source_file *file,
                       const char *name)
{
    bool *loaded = loaded_flag(box, file);
    if (environment_compile(L, box->source, file, lua_upvalueindex(REQUIRE_ENVIRONMENT)) != LUA_OK)
        return lua_error(L);
    if (*loaded)
        return luaL_error(
            L, "module '%s' is being loaded already: it requires itself, or it failed", name);
    *loaded = true;
    lua_pushvalue(L, 1);
    lua_pushfstring(L, "%s/%s", box->source->directory, file->name);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_settable(L, lua_upvalueindex(REQUIRE_LOADED));
    return 1;
}

/* As Lua has it; that there is no such module is said of the place that asked for it, not of this, and
 * where it would have been among the scripts. */
static int require_outside(lua_State *L, const struct source *source, const char *name)
{
    lua_pushvalue(L, lua_upvalueindex(REQUIRE_OUTSIDE));
    lua_insert(L, 1);
    if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK) return lua_gettop(L);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    const char *places = strchr(text, '\n');
    if (strncmp(text, "module '", strlen("module '")) == 0 && places != NULL) {
        luaL_where(L, 1);
        lua_pushfstring(L, "module '%s' not found:\n\tno file '%s/%s.lua'%s", name,
                        source->directory, luaL_gsub(L, name, ".", "/"), places);
        lua_remove(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* require(name): a module of the source, once in a generation; any other as Lua has it */
static int require(lua_State *L)
{
    struct box *box = lua_touserdata(L, lua_upvalueindex(REQUIRE_BOX));
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_gettable(L, lua_upvalueindex(REQUIRE_LOADED));
    if (!lua_isnil(L, -1)) return 1;
    if (box->source == NULL) /* a finalizer still sees it */
        return luaL_error(L, "module '%s' cannot be loaded: the script is garbage", name);
    const struct source_file *file = find_module(L, box->source, name);
    if (file != NULL) return load_module(L, box, file, name);
    lua_settop(L, 1);
    return require_outside(L, box->source, name);
}

/* ---- load ---- */

enum { LOAD_OF_LUA = 1, LOAD_ENVIRONMENT };

/* load(chunk [, name [, mode [, environment]]]): text, unless the mode asks for more; globals are the
 * script's */
static int load(lua_State *L)
{
    int arguments = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(LOAD_OF_LUA));
    lua_insert(L, 1);
    lua_settop(L, arguments < 4 ? 4 : arguments + 1);
    if (lua_isnil(L, 4)) {
        lua_pushliteral(L, "t");
        lua_replace(L, 4);
    }
    if (arguments < 4) lua_pushvalue(L, lua_upvalueindex(LOAD_ENVIRONMENT));
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* ---- the globals ---- */

static void copy_globals(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

/* What modules from outside define later is found behind the copy. */
static void show_globals_behind(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void environment_push(lua_State *L, struct source *source)
{
    push_box(L, source);
    lua_createtable(L, 0, 48);
    copy_globals(L);
    show_globals_behind(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");

    lua_pushvalue(L, -2); /* the box */
    lua_newtable(L);
    lua_pushvalue(L, -3); /* the environment */
    lua_getglobal(L, "require");
    lua_pushcclosure(L, require, 4);
    lua_setfield(L, -2, "require");

    lua_getglobal(L, "load");
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, load, 2);
    lua_getfield(L, -2, "loadstring"); /* LuaJIT's name for a part of it */
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, -2);
        lua_setfield(L, -4, "loadstring");
    }
    lua_pop(L, 1);
    lua_setfield(L, -2, "load");
}
