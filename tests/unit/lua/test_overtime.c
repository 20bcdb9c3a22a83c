/* What ends calls that do not return, where a thread has several of them. */
#include "lua/overtime.h"

#include <criterion/criterion.h>

static int run_forever(lua_State *L)
{
    return luaL_dostring(L, "if jit then jit.off() end while true do os.time() end") == LUA_OK
               ? 0
               : lua_error(L);
}

Test(overtime, one_that_has_had_no_call_is_left_alone)
{
    struct overtime runs = {.who = "test", .limit_name = "a limit"}, rests = runs;
    lua_State *L = luaL_newstate();
    cr_assert_not_null(L);
    luaL_openlibs(L);
    cr_assert(overtime_open(&runs, 1));
    cr_assert(overtime_open(&rests, 2));
    cr_assert(overtime_bind(&runs, L));
    overtime_begin(&runs, L, "a call", 1);
    cr_assert_neq(compat_protected(L, run_forever, NULL), LUA_OK);
    cr_assert(overtime_end(&runs, L));
    cr_assert_not(overtime_is_raised(&rests));
    overtime_close(&rests);
    overtime_close(&runs);
    lua_close(L);
}
