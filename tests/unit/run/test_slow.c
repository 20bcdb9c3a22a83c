#include "run/slow.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000000)
#define BEGIN (5 * SECOND)

static struct slow *slow;
static uint64_t held_back;

static bool may_log(const char *handler, const char *place, uint64_t now_ns)
{
    return slow_may_log(slow, handler, place, now_ns, &held_back);
}

Test(slow, of_a_kind_one_a_second_is_logged_with_the_count_of_those_between)
{
    slow = slow_open();
    cr_assert_not_null(slow);
    cr_assert(may_log("timer", "main.lua:1", BEGIN));
    cr_assert_eq(held_back, 0);
    for (int i = 0; i < 3; i++) cr_assert_not(may_log("timer", "main.lua:1", BEGIN + SECOND - 1));
    cr_assert(may_log("timer", "main.lua:1", BEGIN + SECOND));
    cr_assert_eq(held_back, 3);
    cr_assert_not(may_log("timer", "main.lua:1", BEGIN + SECOND));
    cr_assert(may_log("timer", "main.lua:1", BEGIN + 9 * SECOND));
    cr_assert_eq(held_back, 1);
    slow_close(slow);
}

Test(slow, another_place_or_handler_is_another_kind)
{
    slow = slow_open();
    cr_assert(may_log("timer", "main.lua:1", BEGIN));
    cr_assert(may_log("timer", "main.lua:2", BEGIN));
    cr_assert(may_log("on_drain", "main.lua:1", BEGIN));
    cr_assert(may_log("on_drain", "", BEGIN));
    cr_assert_not(may_log("timer", "main.lua:1", BEGIN));
    slow_close(slow);
}

static int let(int first, int count, uint64_t now_ns)
{
    int allowed = 0;
    for (int i = first; i < first + count; i++) {
        char place[32];
        snprintf(place, sizeof place, "main.lua:%d", i);
        allowed += may_log("timer", place, now_ns);
    }
    return allowed;
}

Test(slow, kinds_without_end_are_bounded_and_make_room)
{
    slow = slow_open();
    cr_assert_eq(let(0, 1000, BEGIN), SLOW_KINDS + 1);
    cr_assert_eq(let(0, 1000, BEGIN), 0);
    cr_assert_eq(let(2000, SLOW_KINDS, BEGIN + SECOND), SLOW_KINDS);
    cr_assert_eq(held_back, 0);
    cr_assert_eq(let(3000, 1, BEGIN + SECOND), 1);
    cr_assert_eq(held_back, 2000 - SLOW_KINDS - 1 - SLOW_KINDS);
    slow_close(slow);
}
