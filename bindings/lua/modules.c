/* package.searchers of one generation of scripts, and the modules that they find.
 *
 * A module of the source runs in the generation's globals, once for each name that it is required by. A module
 * from outside runs in the base, once for all generations. It is kept in the closet, with its path as the key:
 *
 *     key -> { value, serial of the newest environment that asked for it, is it Lua? }
 *
 * If a generation that has loaded it removes it from package.loaded and requires it again, it is loaded again,
 * unless it is in C. */
#include "lua/modules.h"

#include "lua/compile.h"
#include "system/system.h"

#include <stdlib.h>
#include <string.h>

enum { UPVALUE_RECORD = MODULES_UPVALUE_RECORD, LOADER_FUNCTION, LOADER_KEY };
enum { KEPT_VALUE = 1, KEPT_SERIAL, KEPT_IS_LUA };
enum { TOLD_MAX = 64, TOLD_SHOWN = 3 };

/* ---- what the functions know ---- */

void modules_push_own(lua_State *L, enum record field)
{
    if (lua_istable(L, lua_upvalueindex(UPVALUE_RECORD))) {
        lua_rawgeti(L, lua_upvalueindex(UPVALUE_RECORD), (int)field);
        return;
    }
    const struct environment *shown = state_of(L)->shown;
    if (shown == NULL) luaL_error(L, "no script is loaded");
    environment_push(L, shown, field);
}

static struct box *check_box(lua_State *L, const char *name)
{
    modules_push_own(L, RECORD_BOX);
    struct box *box = environment_box(L);
    if (box->source == NULL) /* a finalizer can still reach it */
        luaL_error(L, "module '%s' cannot be loaded: the script is garbage", name);
    return box;
}

const char *modules_check_name(lua_State *L)
{
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    luaL_argcheck(L, strlen(name) == size, 1, "the name of a module has no NUL in it");
    return name;
}

static void push_closet(lua_State *L, enum closet field)
{
    environment_push_closet(L, state_of(L), field);
}

/* ---- modules from outside ---- */

/* Pushes the entry kept for the loader's key, or nil. */
static void push_kept(lua_State *L)
{
    push_closet(L, CLOSET_OUTSIDE);
    lua_pushvalue(L, lua_upvalueindex(LOADER_KEY));
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* The serial in the entry on the top of the stack. */
static uint64_t serial_of(lua_State *L)
{
    lua_rawgeti(L, -1, KEPT_SERIAL);
    uint64_t serial = (uint64_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return serial;
}

/* Has this generation loaded it before? */
static bool has_got(lua_State *L)
{
    modules_push_own(L, RECORD_GOT);
    lua_pushvalue(L, lua_upvalueindex(LOADER_KEY));
    lua_rawget(L, -2);
    bool got = lua_toboolean(L, -1) != 0;
    lua_pop(L, 2);
    return got;
}

static void note_got(lua_State *L)
{
    modules_push_own(L, RECORD_GOT);
    lua_pushvalue(L, lua_upvalueindex(LOADER_KEY));
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void keep(lua_State *L, int value, uint64_t serial, bool is_lua)
{
    push_closet(L, CLOSET_OUTSIDE);
    lua_pushvalue(L, lua_upvalueindex(LOADER_KEY));
    lua_createtable(L, KEPT_IS_LUA, 0);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, KEPT_VALUE);
    lua_pushnumber(L, (lua_Number)serial);
    lua_rawseti(L, -2, KEPT_SERIAL);
    lua_pushboolean(L, is_lua);
    lua_rawseti(L, -2, KEPT_IS_LUA);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Runs the loader. Leaves on the stack what it returns, or what it has put into package.loaded itself. */
static void run_loader(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(LOADER_FUNCTION));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        modules_push_own(L, RECORD_LOADED);
        lua_pushvalue(L, 1);
        lua_gettable(L, -2);
        lua_remove(L, -2);
    }
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
}

static int load_outside(lua_State *L)
{
    modules_push_own(L, RECORD_BOX);
    uint64_t serial = environment_box(L)->serial;
    bool is_lua = !lua_iscfunction(L, lua_upvalueindex(LOADER_FUNCTION));
    bool anew = is_lua && has_got(L);
    push_kept(L);
    if (lua_istable(L, -1) && serial_of(L) > serial) serial = serial_of(L);
    if (lua_istable(L, -1) && !anew) {
        lua_pushnumber(L, (lua_Number)serial);
        lua_rawseti(L, -2, KEPT_SERIAL);
        note_got(L);
        lua_rawgeti(L, -1, KEPT_VALUE);
        return 1;
    }
    run_loader(L);
    keep(L, 3, serial, is_lua);
    note_got(L);
    if (lua_istable(L, lua_upvalueindex(UPVALUE_RECORD)))
        lua_pushvalue(L, lua_upvalueindex(UPVALUE_RECORD));
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, state_of(L)->shown->record);
    environment_share_additions(L, state_of(L));
    lua_pop(L, 1);
    return 1;
}

/* Replaces the function and the key on the top of the stack with a loader. */
static void wrap_loader(lua_State *L)
{
    lua_pushlightuserdata(L, state_of(L));
    lua_insert(L, -3);
    if (lua_istable(L, lua_upvalueindex(UPVALUE_RECORD)))
        lua_pushvalue(L, lua_upvalueindex(UPVALUE_RECORD));
    else
        lua_pushnil(L);
    lua_insert(L, -3);
    lua_pushcclosure(L, load_outside, 4);
}

/* ---- searchers ---- */

static int search_preload(lua_State *L)
{
    const char *name = modules_check_name(L);
    lua_settop(L, 1);
    modules_push_own(L, RECORD_PRELOAD);
    lua_getfield(L, 2, name);
    if (lua_isnil(L, 3)) {
        lua_pushfstring(L, "no field package.preload['%s']", name);
        return 1;
    }
    push_closet(L, CLOSET_PACKAGE);
    lua_getfield(L, -1, "preload");
    lua_getfield(L, -1, name);
    bool ours = lua_rawequal(L, -1, 3) != 0; /* LuaJIT's ffi, which must not be opened twice */
    lua_settop(L, 3);
    if (ours) {
        lua_pushfstring(L, ":preload:%s", name);
        wrap_loader(L);
    }
    lua_pushliteral(L, ":preload:");
    return 2;
}

/* Pushes the compiled file of the source, and its path. */
static int push_module(lua_State *L, const struct box *box, const struct source_file *file)
{
    modules_push_own(L, RECORD_GLOBALS);
    if (environment_compile(L, box->source, file, -1) != LUA_OK) return lua_error(L);
    lua_remove(L, -2);
    box->loaded[file - box->source->files] = true;
    lua_pushfstring(L, "%s/%s", box->source->directory, file->name);
    return 2;
}

/* "game.rules" is game/rules.lua, or game/rules/init.lua. */
static int search_source(lua_State *L)
{
    const char *name = modules_check_name(L);
    const struct box *box = check_box(L, name);
    const char *path = luaL_gsub(L, name, ".", "/");
    const struct source_file *file = source_find(box->source, lua_pushfstring(L, "%s.lua", path));
    if (file == NULL) file = source_find(box->source, lua_pushfstring(L, "%s/init.lua", path));
    if (file != NULL) return push_module(L, box, file);
    lua_pushfstring(L, "no file '%s/%s.lua'", box->source->directory, path);
    return 1;
}

static bool is_separator(char c)
{
    return c != '\0' && strchr(system_separators, c) != NULL;
}

/* The rest of a path after the directory; NULL: it is not in there. */
static const char *behind(const char *directory, const char *path)
{
    size_t size = strlen(directory);
    while (size > 0 && is_separator(directory[size - 1])) size--;
    if (strncmp(path, directory, size) != 0 || !is_separator(path[size])) return NULL;
    path += size;
    while (is_separator(*path)) path++;
    return path;
}

/* The name that a file at this path has in the source, by the path as written or by its full path; "" if the file
 * is outside. */
static void name_inside(const char *directory, const char *path, char *name, size_t size)
{
    char full[SYSTEM_PATH_MAX], full_directory[SYSTEM_PATH_MAX];
    const char *found = behind(directory, path);
    if (found != NULL && strstr(found, "..") != NULL) found = NULL;
    if (found == NULL && system_full_path(directory, full_directory) &&
        system_full_path(path, full))
        found = behind(full_directory, full);
    snprintf(name, size, "%s", found == NULL ? "" : found);
    for (char *c = name; *c != '\0'; c++)
        if (is_separator(*c)) *c = '/';
}

static bool is_readable(const char *path)
{
    FILE *stream = fopen(path, "r");
    if (stream != NULL) fclose(stream);
    return stream != NULL;
}

static int push_outside(lua_State *L, const char *name, const char *path)
{
    if (luaL_loadfile(L, path) != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                          lua_tostring(L, -1));
    lua_pushstring(L, path);
    wrap_loader(L);
    lua_pushstring(L, path);
    return 2;
}

/* Tries one file of package.path. Returns how many values were pushed; 0: it is not there. */
static int try_path(lua_State *L, const struct box *box, const char *name, const char *path)
{
    char inside[SYSTEM_PATH_MAX];
    name_inside(box->source->directory, path, inside, sizeof inside);
    const struct source_file *file = source_find(box->source, inside);
    if (file != NULL) return push_module(L, box, file);
    const char *last = strrchr(inside, '/');
    if (source_has_name(last == NULL ? inside : last + 1)) return 0; /* added after the reading */
    if (state_of(L)->sandbox || !is_readable(path)) return 0;
    return push_outside(L, name, path);
}

static int search_path(lua_State *L)
{
    const char *name = modules_check_name(L);
    const struct box *box = check_box(L, name);
    lua_settop(L, 1);
    modules_push_own(L, RECORD_PACKAGE);
    lua_getfield(L, 2, "path");
    const char *templates = lua_tostring(L, 3);
    if (templates == NULL) return luaL_error(L, "'package.path' must be a string");
    const char *path_name = luaL_gsub(L, name, ".", LUA_DIRSEP);
    lua_pushliteral(L, ""); /* 5: where it was not found */
    while (*templates != '\0') {
        size_t size = strcspn(templates, ";");
        lua_settop(L, 5);
        lua_pushlstring(L, templates, size);
        const char *path = luaL_gsub(L, lua_tostring(L, -1), "?", path_name);
        int pushed = size == 0 ? 0 : try_path(L, box, name, path);
        if (pushed > 0) return pushed;
        if (size > 0) {
            lua_pushfstring(L, "%s%sno file '%s'", lua_tostring(L, 5),
                            *lua_tostring(L, 5) == '\0' ? "" : "\n\t", path);
            lua_replace(L, 5);
        }
        templates += size + (templates[size] == ';');
    }
    lua_settop(L, 5);
    return 1;
}

/* Calls Lua's own searcher, which reads package.cpath from Lua's own `package`. */
static int search_in_c(lua_State *L, enum closet searcher)
{
    const char *name = modules_check_name(L);
    lua_settop(L, 1);
    modules_push_own(L, RECORD_PACKAGE);
    lua_getfield(L, 2, "cpath");
    push_closet(L, CLOSET_PACKAGE);
    lua_pushvalue(L, 3);
    lua_setfield(L, 4, "cpath");
    lua_settop(L, 1);
    push_closet(L, searcher);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 2);
    if (!lua_isfunction(L, 2)) {
        lua_settop(L, 2);
        size_t size;
        const char *text = lua_tolstring(L, 2, &size);
        while (text != NULL && (*text == '\n' || *text == '\t'))
            text++; /* LuaJIT's text begins with these */
        if (text != NULL) lua_pushstring(L, text);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_pushfstring(L, ":c:%s:%s", name, lua_isstring(L, 3) ? lua_tostring(L, 3) : "");
    wrap_loader(L);
    lua_pushvalue(L, 3);
    return 2;
}

static int search_c(lua_State *L)
{
    return search_in_c(L, CLOSET_SEARCH_C);
}

static int search_root(lua_State *L)
{
    return search_in_c(L, CLOSET_SEARCH_ROOT);
}

const lua_CFunction modules_searchers[MODULES_SEARCHERS] = {
    search_preload, search_source, search_path, search_c, search_root,
};

/* ---- the list of those from outside ---- */

struct telling {
    struct state *state;
    char *text;
    size_t size;
};

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int tell_outside(lua_State *L)
{
    const struct telling *telling = lua_touserdata(L, 1);
    const struct environment *live = telling->state->live;
    const char *paths[TOLD_MAX];
    size_t count = 0, used = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, telling->state->closet);
    lua_rawgeti(L, -1, CLOSET_OUTSIDE);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_rawgeti(L, -1, KEPT_IS_LUA);
        bool is_lua = lua_toboolean(L, -1) != 0;
        lua_pop(L, 1);
        bool used_now = live != NULL && serial_of(L) >= live->serial;
        lua_pop(L, 1);
        if (is_lua && used_now && count < TOLD_MAX) paths[count++] = lua_tostring(L, -1);
    }
    if (count > 0) qsort(paths, count, sizeof *paths, compare_texts);
    for (size_t i = 0; i < count && used < telling->size; i++) {
        if (i == TOLD_SHOWN) {
            snprintf(telling->text + used, telling->size - used, " and %zu more", count - i);
            break;
        }
        used += (size_t)snprintf(telling->text + used, telling->size - used, "%s%s",
                                 i == 0 ? "" : ", ", paths[i]);
    }
    return 0;
}

void modules_tell_outside(struct state *state, char *text, size_t size)
{
    struct telling telling = {.state = state, .text = text, .size = size};
    text[0] = '\0';
    state_protect(state, tell_outside, &telling);
}
