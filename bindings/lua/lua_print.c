/* print and io.write in a server. Lua's own use C's streams, which block if nobody reads the pipe, and with them
 * the worker and all its connections. */
#include "lua/lua_print.h"
#include "base/clock.h"
#include "base/output.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>

#define TELL_NS UINT64_C(1000000000)

static _Atomic uint64_t lost_lines; /* not yet reported in the log */

void lua_print_tell_lost(void)
{
    uint64_t lost = atomic_exchange(&lost_lines, 0);
    if (lost > 0)
        log_line(LOG_WARN, "%llu lines that scripts have printed could not be written",
                 (unsigned long long)lost);
}

/* With a reader that is always behind, lines are lost and written in turn: so they are reported once a second
 * only. */
static bool may_tell(void)
{
    static _Atomic uint64_t next_ns;
    uint64_t now_ns = clock_now_ns(), due_ns = atomic_load(&next_ns);
    return now_ns >= due_ns && atomic_compare_exchange_strong(&next_ns, &due_ns, now_ns + TELL_NS);
}

/* Writes the string on the top of the stack. */
static void put(lua_State *L, enum output output)
{
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    uint64_t lost = output_write(output, text, size);
    if (lost > 0)
        atomic_fetch_add(&lost_lines, lost);
    else if (atomic_load_explicit(&lost_lines, memory_order_relaxed) > 0 && may_tell())
        lua_print_tell_lost();
}

/* print(...) */
static int print(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
    put(L, OUTPUT_OUT);
    return 0;
}

/* Writes these arguments in one piece. */
static void write_all(lua_State *L, enum output output, int first, int last)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int i = first; i <= last; i++) {
        size_t size;
        const char *piece = luaL_checklstring(L, i, &size);
        luaL_addlstring(&text, piece, size);
    }
    luaL_pushresult(&text);
    put(L, output);
}

/* Is the value standard output or standard error? In both versions of Lua, a closed file is NULL. */
static bool is_standard(lua_State *L, int index, enum output *output)
{
    FILE *file = *(FILE **)luaL_checkudata(L, index, LUA_FILEHANDLE);
    *output = file == stderr ? OUTPUT_ERROR : OUTPUT_OUT;
    return file != NULL && (file == stdout || file == stderr);
}

/* Calls the function that this one replaces, which is the first upvalue. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* file:write(...) */
static int write_file(lua_State *L)
{
    enum output output;
    if (!is_standard(L, 1, &output)) return call_original(L);
    write_all(L, output, 2, lua_gettop(L));
    lua_settop(L, 1);
    return 1;
}

/* io.write(...): the second upvalue is io.output */
static int write_default(lua_State *L)
{
    enum output output;
    int count = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_call(L, 0, 1);
    if (!is_standard(L, -1, &output)) {
        lua_settop(L, count);
        return call_original(L);
    }
    write_all(L, output, 1, count);
    lua_settop(L, count + 1);
    return 1; /* the file */
}

void lua_print_open(lua_State *L)
{
    lua_pushcfunction(L, print);
    lua_setglobal(L, "print");

    lua_getglobal(L, "io");
    lua_getfield(L, -1, "write");
    lua_getfield(L, -2, "output");
    lua_pushcclosure(L, write_default, 2);
    lua_setfield(L, -2, "write");
    lua_pop(L, 1);

    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_getfield(L, -1, "__index");
    lua_getfield(L, -1, "write");
    lua_pushcclosure(L, write_file, 1);
    lua_setfield(L, -2, "write");
    lua_pop(L, 2);
}
