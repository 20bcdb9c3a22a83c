/* getinfo, getlocal, setlocal and traceback of Lua's `debug`. They skip the server's own functions that stand
 * between those of a script, so that levels and lines are those of plain Lua. */
#include "lua/library.h"

#include <stdlib.h>
#include <string.h>

#if COMPAT_HOOK_PER_COROUTINE

#define LINE "\n\t"
#define SKIPPED LINE "...\t(skipping "
#define TAIL_CALLS LINE "(...tail calls...)"

static lua_State *coroutine_of(lua_State *L, int *first)
{
    *first = lua_isthread(L, 1) ? 2 : 1;
    return *first == 2 ? lua_tothread(L, 1) : L;
}

/* The level without skipping, for Lua's own functions. */
static int real_level(lua_State *of, int level)
{
    lua_Debug at;
    int real = 0;
    if (level < 0) return level;
    for (; lua_getstack(of, real, &at) != 0; real++)
        if (!coroutines_hide(of, real) && level-- == 0) return real;
    return real + level; /* there is none */
}

/* Calls the library's function, with a level that counts this function too. */
static int by_level(lua_State *L)
{
    int place;
    lua_State *of = coroutine_of(L, &place);
    if (lua_isnumber(L, place)) {
        int level = real_level(of, (int)luaL_checkinteger(L, place));
        lua_pushinteger(L, of == L && level >= 0 ? level + 1 : level);
        lua_replace(L, place);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int info(lua_State *L)
{
    library_check_info(L);
    return by_level(L);
}

/* getlocal and setlocal */
static int local(lua_State *L)
{
    int place;
    lua_Debug at;
    lua_State *of = coroutine_of(L, &place);
    if (!lua_isfunction(L, place)) {
        int level = (int)luaL_checkinteger(L, place);
        bool there = lua_getstack(of, real_level(of, level), &at) != 0;
        luaL_argcheck(L, there, place, "level out of range");
    }
    return by_level(L);
}

/* Pushes the text without the lines of hidden functions. The lines begin at `start`; the first is of this level. */
static void take_out_hidden(lua_State *L, lua_State *of, const char *text, size_t start, int level)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addlstring(&buffer, text, start);
    for (const char *line = text + start, *next; *line != '\0'; line = next) {
        next = strstr(line + strlen(LINE), LINE);
        if (next == NULL) next = line + strlen(line);
        bool frame = true;
        if (strncmp(line, SKIPPED, strlen(SKIPPED)) == 0) {
            level += (int)strtol(line + strlen(SKIPPED), NULL, 10);
            frame = false;
        } else if (strncmp(line, TAIL_CALLS, strlen(TAIL_CALLS)) == 0) {
            frame = false;
        }
        if (!frame || !coroutines_hide(of, level))
            luaL_addlstring(&buffer, line, (size_t)(next - line));
        level += frame;
    }
    luaL_pushresult(&buffer);
}

/* debug.traceback([thread,] [message [, level]]) */
static int traceback(lua_State *L)
{
    int place;
    lua_State *of = coroutine_of(L, &place);
    const char *message = lua_tostring(L, place);
    if (message == NULL && !lua_isnoneornil(L, place)) {
        lua_settop(L, place);
        return 1;
    }
    int level = real_level(of, (int)luaL_optinteger(L, place + 1, of == L ? 1 : 0));
    luaL_traceback(L, of, message, level);
    const char *text = lua_tostring(L, -1);
    size_t start = message == NULL ? 0 : strlen(message);
    const char *lines = strstr(text + start, LINE);
    if (lines == NULL) return 1;
    take_out_hidden(L, of, text, (size_t)(lines - text), level);
    return 1;
}

void library_open_levels(struct state *state)
{
    static const struct {
        const char *name;
        lua_CFunction function;
    } functions[] = {
        {"getinfo", info},
        {"getlocal", local},
        {"setlocal", local},
        {"traceback", traceback},
    };
    lua_State *L = state->L;
    lua_getglobal(L, "debug");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushlightuserdata(L, state);
        lua_getfield(L, -2, functions[i].name);
        lua_pushcclosure(L, functions[i].function, 2);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_pop(L, 1);
}

#else

void library_open_levels(struct state *state)
{
    (void)state;
}

#endif
