#include "lua/place.h"

#include <criterion/criterion.h>
#include <string.h>

static char found[PLACE_MAX];

static int find(lua_State *L)
{
    place_find(found, L, lua_tostring(L, lua_upvalueindex(1)));
    return 0;
}

/* Where a chunk of that name calls `find` in its second line, for scripts in the directory. */
static const char *found_in(const char *chunk, const char *directory)
{
    static const char text[] = "local function inner()\n  find() return 1\nend\n"
                               "local function outer() return (inner()) end\nouter()\n";
    lua_State *L = luaL_newstate();
    cr_assert_not_null(L);
    lua_pushstring(L, directory);
    lua_pushcclosure(L, find, 1);
    lua_setglobal(L, "find");
    cr_assert_eq(luaL_loadbuffer(L, text, sizeof text - 1, chunk), 0);
    cr_assert_eq(lua_pcall(L, 0, 0, 0), 0);
    lua_close(L);
    return found;
}

Test(place, a_file_of_the_directory_is_named_from_there)
{
    cr_assert_str_eq(found_in("@scripts/chat/main.lua", "scripts/chat"), "main.lua:2");
    cr_assert_str_eq(found_in("@scripts/chat/a/b.lua", "scripts/chat"), "a/b.lua:2");
}

Test(place, others_have_the_name_that_lua_gives_them)
{
    cr_assert_str_eq(found_in("@scripts/chatter/main.lua", "scripts/chat"),
                     "scripts/chatter/main.lua:2");
    cr_assert_str_eq(found_in("=text", "scripts/chat"), "text:2");
    cr_assert_str_eq(found_in("local x", "scripts/chat"), "[string \"local x\"]:2");
}

Test(place, a_long_name_is_cut_and_the_line_is_not)
{
    char chunk[400];
    memset(chunk, 'x', sizeof chunk - 1);
    memcpy(chunk, "@a/", 3);
    chunk[sizeof chunk - 1] = '\0';
    const char *place = found_in(chunk, "a");
    cr_assert(strlen(place) < PLACE_MAX);
    cr_assert_str_eq(place + strlen(place) - 3, "x:2");
}

Test(place, without_a_function_in_lua_there_is_none)
{
    lua_State *L = luaL_newstate();
    cr_assert_not_null(L);
    lua_pushliteral(L, "a");
    lua_pushcclosure(L, find, 1);
    lua_call(L, 0, 0);
    cr_assert_str_eq(found, "");
    lua_close(L);
}
