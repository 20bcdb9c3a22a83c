/* What ends calls that do not return, and sees which are slow. */
#include "lua/overtime.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>
#include <time.h>

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

static int stuck_calls;

static void count_stuck(struct overtime *overtime)
{
    (void)overtime;
    stuck_calls++;
}

Test(overtime, what_rests_is_not_taken_for_a_call_that_does_not_end)
{
    struct overtime overtime = {.who = "test", .limit_name = "a limit", .stuck = count_stuck};
    lua_State *L = luaL_newstate();
    cr_assert_not_null(L);
    cr_assert(overtime_open(&overtime, 1));
    cr_assert(overtime_bind(&overtime, L));
    overtime_begin(&overtime, L, "a call", 1);
    overtime_end(&overtime, L);
    for (uint64_t ends_ns = clock_after_ns(UINT64_C(2500000000)); clock_now_ns() < ends_ns;)
        sched_yield();
    overtime_close(&overtime);
    cr_assert_eq(stuck_calls, 0);
    lua_close(L);
}

/* ---- slow calls ---- */

#define MILLISECOND UINT64_C(1000000)

static int heard, heard_interrupted;
static char heard_place[OVERTIME_PLACE_MAX];
static uint64_t heard_not_before_ns;

static void hear(struct overtime *overtime, bool interrupted)
{
    heard++;
    heard_interrupted += interrupted;
    heard_not_before_ns = atomic_load(&overtime->not_before_ns);
    memcpy(heard_place, overtime->place, sizeof heard_place);
}

static const char work_text[] = "if jit then jit.off() end\n"
                                "function work(ends)\n"
                                "  while os.clock() < ends do os.time() end\n"
                                "end\n";

static lua_State *open_slow(struct overtime *overtime, uint64_t slow_ns)
{
    *overtime = (struct overtime){
        .who = "test", .limit_name = "a limit", .slow = hear, .directory = "scripts"};
    lua_State *L = luaL_newstate();
    cr_assert_not_null(L);
    luaL_openlibs(L);
    cr_assert_eq(luaL_loadbuffer(L, work_text, sizeof work_text - 1, "@scripts/main.lua"), 0);
    cr_assert_eq(lua_pcall(L, 0, 0, 0), 0);
    cr_assert(overtime_open(overtime, 1));
    cr_assert(overtime_bind(overtime, L));
    atomic_store(&overtime->slow_ns, slow_ns);
    return L;
}

static void close_slow(struct overtime *overtime, lua_State *L)
{
    overtime_close(overtime);
    lua_close(L);
}

/* Part of a call: takes so long, of the processor's time. */
static bool work(lua_State *L, uint64_t duration_ns)
{
    lua_getglobal(L, "work");
    lua_pushnumber(L, (lua_Number)clock() / CLOCKS_PER_SEC + (lua_Number)duration_ns / 1e9);
    bool fine = lua_pcall(L, 1, 0, 0) == 0;
    lua_settop(L, 0);
    return fine;
}

/* Part of a call: until the watching thread has seen that it may be slow, and the hook where it is. */
static bool work_until_seen(const struct overtime *overtime, lua_State *L)
{
    for (int i = 0; i < 1000; i++) {
        if (!work(L, 20 * MILLISECOND)) return false;
        uint8_t raised = atomic_load(&overtime->raised);
        if ((raised & (OVERTIME_MARKED | OVERTIME_ASKED)) == OVERTIME_MARKED) return true;
    }
    return false;
}

Test(overtime, of_a_slow_call_its_thread_is_told_with_its_place)
{
    struct overtime overtime;
    lua_State *L = open_slow(&overtime, 20 * MILLISECOND);
    overtime_begin(&overtime, L, "a call", 0);
    uint64_t begun_ns = clock_now_ns();
    cr_assert(work_until_seen(&overtime, L));
    cr_assert_eq(heard, 0, "it has not ended");
    cr_assert_not(overtime_is_raised(&overtime));
    cr_assert_not(overtime_end(&overtime, L));
    cr_assert_eq(heard, 1);
    cr_assert_eq(heard_interrupted, 0);
    cr_assert_str_eq(heard_place, "main.lua:3");
    cr_assert(heard_not_before_ns <= clock_now_ns() && heard_not_before_ns > 0);
    cr_assert_leq(heard_not_before_ns, begun_ns, "it had begun by then");
    cr_assert(lua_gethook(L) == NULL);
    close_slow(&overtime, L);
}

Test(overtime, of_calls_one_after_the_other_each_is_told_of_itself)
{
    struct overtime overtime;
    lua_State *L = open_slow(&overtime, 20 * MILLISECOND);
    uint64_t begun_ns = clock_now_ns(), before_ns = 0;
    overtime_begin(&overtime, L, "a call", 0);
    for (int i = 1; i <= 3; i++) {
        cr_assert(work_until_seen(&overtime, L));
        cr_assert_eq(heard, i - 1);
        overtime_again(&overtime, L);
        cr_assert_eq(heard, i);
        cr_assert(heard_not_before_ns >= before_ns, "the call before was looked at");
        before_ns = begun_ns;
        begun_ns = clock_now_ns();
    }
    overtime_end(&overtime, L);
    close_slow(&overtime, L);
}

Test(overtime, no_call_is_slow_before_its_time_or_without_one)
{
    struct overtime overtime;
    lua_State *L = open_slow(&overtime, 1000000 * MILLISECOND);
    for (int i = 0; i < 2; i++) {
        overtime_begin(&overtime, L, "a call", 0);
        cr_assert(work(L, 100 * MILLISECOND));
        overtime_end(&overtime, L);
        atomic_store(&overtime.slow_ns, 0);
    }
    cr_assert_eq(heard, 0);
    close_slow(&overtime, L);
}

Test(overtime, a_slow_call_that_is_interrupted_is_told_of_as_that)
{
    struct overtime overtime;
    lua_State *L = open_slow(&overtime, 20 * MILLISECOND);
    overtime_begin(&overtime, L, "a call", 200 * MILLISECOND);
    cr_assert_not(work(L, 100000 * MILLISECOND));
    cr_assert(overtime_end(&overtime, L));
    cr_assert_eq(heard, 1);
    cr_assert_eq(heard_interrupted, 1);
    close_slow(&overtime, L);
}

/* It is in a C function all the time. */
Test(overtime, a_slow_call_that_no_hook_reaches_is_told_of_without_a_place)
{
    struct overtime overtime;
    lua_State *L = open_slow(&overtime, 20 * MILLISECOND);
    overtime_begin(&overtime, L, "a call", 0);
    cr_assert(work_until_seen(&overtime, L));
    overtime_again(&overtime, L);
    cr_assert(heard_place[0] != '\0');
    while ((atomic_load(&overtime.raised) & OVERTIME_MARKED) == 0) time(NULL);
    overtime_end(&overtime, L);
    cr_assert_eq(heard, 2);
    cr_assert_str_eq(heard_place, "");
    close_slow(&overtime, L);
}
