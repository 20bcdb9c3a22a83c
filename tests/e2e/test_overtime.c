/* Handlers that do not return: each is interrupted wherever it loops, and nobody else is harmed. */
#include "overtime.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With `ways`, a table of functions: a packet that names one calls it, others come back. */
#define CALLS_WAYS \
    "function on_receive(conn, packet)\n" \
    "  if ways[packet] then ways[packet](conn) end\n" \
    "  conn:send(packet)\n" \
    "end\n"

/* Loops that call nothing. */
static void need_interpreted_loops(void)
{
    need_lua_5_4("LuaJIT compiles such loops, and none of those is interrupted");
    if (patience() == THREAD_SANITIZED)
        cr_skip_test("NOT TESTED: the thread sanitizer delivers no signal to a loop that calls "
                     "nothing");
}

/* Each way is interrupted and ends its connection alone. */
static void interrupt_all(const char *script, const char *const *ways, int count)
{
    struct server server = begin_hasty(script);
    int bystander = client_connect(&server);
    for (int i = 0; i < count; i++) {
        int client = client_connect(&server);
        client_put_text(client, ways[i]);
        client_put_text(bystander, ways[count]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF, "%s", ways[i]);
        client_expect(bystander, ways[count]);
        server_expect_log_count(&server, INTERRUPTED, i + 1);
        close(client);
    }
    close(bystander);
    server_end(&server);
}

#define INTERRUPT_ALL(script, ...) \
    interrupt_all(script, (const char *const[]){__VA_ARGS__, "others are served"}, \
                  (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

/* ---- where it may loop ---- */

Test(overtime, a_loop_is_interrupted_with_its_place_and_a_traceback)
{
    struct server server = begin_hasty("local function turn()\n"
                                       "  while true do " ROUND "end\n"
                                       "end\n"
                                       "local function mill()\n"
                                       "  local never = turn()\n"
                                       "  return never\n"
                                       "end\n"
                                       "function on_receive(conn)\n"
                                       "  mill()\n"
                                       "  conn:send('no')\n"
                                       "end\n");
    for (int i = 0; i < 5; i++) {
        int client = client_connect(&server);
        client_put_text(client, "go");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        server_expect_log_count(&server, "main.lua:2: " INTERRUPTED, i + 1);
        close(client);
    }
    server_expect_log(&server, "error on_receive (connection ");
    server_expect_log(&server, "stack traceback:");
    server_expect_log(&server, has_luajit() ? "main.lua: in " : "main.lua:2: in ");
    server_expect_log(&server, "main.lua:5: in ");
    server_expect_log(&server, "main.lua:9: in ");
    char *log = server_log(&server);
    cr_assert_null(strstr(log, "main.lua:5: main.lua:2: "), "the place of a caller:\n%s", log);
    cr_assert_null(strstr(log, "cannot be interrupted"), "it could be:\n%s", log);
    free(log);
    server_end(&server);
}

Test(overtime, loops_of_every_form_are_interrupted)
{
    need_interpreted_loops();
    INTERRUPT_ALL("local ways = {}\n"
                  "function ways.while_loop() while true do end end\n"
                  "function ways.repeat_loop() repeat until false end\n"
                  "function ways.for_loop() for i = 1, math.huge do end end\n"
                  "function ways.goto_loop() ::again:: goto again end\n"
                  "function ways.tail_call() local function f() return f() end return f() end\n"
                  "function ways.in_loop() for _ in function() return 1 end do end end\n"
                  "function ways.loaded() load('while true do end')() end\n"
                  "function ways.loader() load(function() while true do end end) end\n" CALLS_WAYS,
                  "while_loop", "repeat_loop", "for_loop", "goto_loop", "tail_call", "in_loop",
                  "loaded", "loader");
}

Test(overtime, loops_in_coroutines_of_the_scripts_own_are_interrupted)
{
    INTERRUPT_ALL(
        LOOP "local ways = {}\n"
             "local old, old_too = coroutine.create(loop), coroutine.wrap(loop)\n"
             "local function nest(depth)\n"
             "  if depth == 0 then loop() end\n"
             "  assert(coroutine.resume(coroutine.create(nest), depth - 1))\n"
             "end\n"
             "local function wrap(depth)\n"
             "  if depth == 0 then loop() end\n"
             "  coroutine.wrap(wrap)(depth - 1)\n"
             "end\n"
             "function ways.wrap() coroutine.wrap(loop)() end\n"
             "function ways.resume() coroutine.resume(coroutine.create(loop)) loop() end\n"
             "function ways.nested_resume() nest(5) end\n"
             "function ways.nested_wrap() wrap(5) end\n"
             "function ways.old() while true do coroutine.resume(old) end end\n"
             "function ways.old_too() old_too() end\n"
             "function ways.back_again() coroutine.wrap(function() end)() loop() end\n"
             "function ways.yields()\n"
             "  for _ in coroutine.wrap(function() while true do " ROUND
             "coroutine.yield(1) end end)\n"
             "  do end\n"
             "end\n" CALLS_WAYS,
        "wrap", "resume", "nested_resume", "nested_wrap", "old", "old_too", "back_again", "yields");
}

Test(overtime, no_pcall_keeps_a_loop_alive)
{
    INTERRUPT_ALL(LOOP "local ways = {}\n"
                       "function ways.pcall() while true do pcall(loop) end end\n"
                       "function ways.nested()\n"
                       "  while true do\n"
                       "    pcall(function() while true do pcall(loop) end end)\n"
                       "  end\n"
                       "end\n"
                       "function ways.xpcall()\n"
                       "  while true do xpcall(loop, function(message) return message end) end\n"
                       "end\n"
                       "function ways.in_coroutines()\n"
                       "  while true do\n"
                       "    pcall(coroutine.wrap(function() while true do pcall(loop) end end))\n"
                       "  end\n"
                       "end\n" CALLS_WAYS,
                  "pcall", "nested", "xpcall", "in_coroutines");
}

Test(overtime, loops_that_functions_of_c_call_are_interrupted)
{
    INTERRUPT_ALL(LOOP
                  "local ways = {}\n"
                  "function ways.comparison() table.sort({ 3, 2, 1 }, loop) end\n"
                  "function ways.replacement() ('x'):gsub('x', loop) end\n"
                  "function ways.index() return setmetatable({}, { __index = loop }).x end\n"
                  "function ways.sum() return setmetatable({}, { __add = loop }) + 1 end\n"
                  "function ways.text() tostring(setmetatable({}, { __tostring = loop })) end\n"
                  "function ways.sleeps_first() server.sleep(0.01) loop() end\n" CALLS_WAYS,
                  "comparison", "replacement", "index", "sum", "text", "sleeps_first");
}

Test(overtime, a_message_handler_of_xpcall_is_interrupted_too)
{
    need_lua_5_4("LuaJIT lets no hook into a message handler");
    INTERRUPT_ALL(LOOP
                  "local ways = {}\n"
                  "function ways.both() xpcall(loop, loop) end\n"
                  "function ways.handler() xpcall(error, loop) end\n"
                  "function ways.again() while true do xpcall(loop, loop) end end\n"
                  "function ways.traced() while true do xpcall(loop, debug.traceback) end end\n"
                  "function ways.asleep(conn)\n"
                  "  local fine, a, b = xpcall(function(x, y)\n"
                  "    server.sleep(0.01)\n"
                  "    return x, y\n"
                  "  end, print, 'a', 'b')\n"
                  "  assert(fine and a == 'a' and b == 'b' and not pcall(xpcall, print))\n"
                  "  local failed, what = xpcall(error, function(m) return m .. '!' end, 'm')\n"
                  "  assert(not failed and what == 'm!')\n"
                  "  loop()\n"
                  "end\n" CALLS_WAYS,
                  "both", "handler", "again", "traced", "asleep");
}

/* No hook runs in a C function, nor in what it calls while another one ends the call. */
Test(overtime, no_message_handler_in_c_keeps_a_loop_alive)
{
    need_lua_5_4("LuaJIT lets no hook into a message handler");
    static const char *const ways[] = {"text", "sorted"};
    struct server server =
        begin_hasty(LOOP "local ways = {}\n"
                         "getmetatable('').__index = loop\n"
                         "function ways.text() xpcall(loop, table.unpack) end\n"
                         "function ways.sorted()\n"
                         "  table.sort({ 1, 2, 3 }, function() xpcall(loop, table.unpack) end)\n"
                         "end\n" CALLS_WAYS);
    int bystander = client_connect(&server);
    for (int i = 0; i < 2; i++) {
        int client = client_connect(&server);
        client_put_text(client, ways[i]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF, "%s", ways[i]);
        client_ask(bystander, "hello", "hello");
        close(client);
    }
    close(bystander);
    server_end(&server);
}

/* No hook runs any more in a coroutine that one has ended with an error. */
Test(overtime, a_coroutine_that_was_interrupted_runs_nothing_any_more)
{
    need_lua_5_4("LuaJIT has no __close");
    static const char script[] =
        LOOP "local ways, made, sleeper = {}\n"
             "local text = 'local loop = ... return function()"
             "  local x <close> = setmetatable({}, { __close = loop }) loop()"
             "end'\n"
             "local body = load(text)(loop)\n"
             "function ways.dies() made = coroutine.create(body) coroutine.resume(made) end\n"
             "function ways.wrapped() made = made or coroutine.wrap(body) made() end\n"
             "function ways.sleeps() sleeper = coroutine.running() server.sleep(1000) body() end\n"
             "function ways.wakes() coroutine.resume(sleeper) end\n"
             "function ways.closes(conn) conn:send(tostring(coroutine.close(made))) end\n"
             "function ways.forgets() made = nil end\n" CALLS_WAYS;
    static const char *const ways[] = {"dies", "wrapped", "wrapped", "wakes"};
    struct server server = begin_hasty(script);
    int bystander = client_connect(&server), sleeping = client_connect(&server);
    client_put_text(sleeping, "sleeps");
    for (int i = 0; i < 4; i++) {
        int client = client_connect(&server);
        client_put_text(client, ways[i]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF, "%s", ways[i]);
        close(client);
        if (i > 0) continue;
        client_ask(bystander, "closes", "false");
        client_expect(bystander, "closes");
        client_ask(bystander, "forgets", "forgets");
    }
    close(sleeping);
    for (int i = 0; i < 3; i++) client_ask(bystander, "hello", "hello");
    close(bystander);
    server_end(&server);
}

Test(overtime, an_error_whose_text_takes_for_ever_is_still_told)
{
    struct server server = begin_hasty(
        LOOP "function on_receive(conn, packet)\n"
             "  if packet == 'fail' then error(setmetatable({}, { __tostring = loop })) end\n"
             "  conn:send(packet)\n"
             "end\n");
    int client = client_connect(&server), bystander = client_connect(&server);
    client_put_text(client, "fail");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "(an error that cannot be told)");
    client_ask(bystander, "hello", "hello");
    close(client);
    close(bystander);
    server_end(&server);
}

Test(overtime, variables_that_are_closed_are_interrupted)
{
    need_lua_5_4("LuaJIT has no __close");
    static const char script[] =
        LOOP "local ways = {}\n"
             "function looping() return setmetatable({}, { __close = loop }) end\n"
             "ways.returned = load 'local x <close> = looping() return 1'\n"
             "ways.failed = load 'local x <close> = looping() error(\"for this\")'\n"
             "ways.asleep = load 'local x <close> = looping() server.sleep(1000)'\n"
             "function ways.wrap()\n"
             "  coroutine.wrap(load 'local x <close> = looping() error(\"for this\")')()\n"
             "end\n"
             "function ways.closed()\n"
             "  local made = coroutine.create(load 'local x <close> = looping() "
             "coroutine.yield()')\n"
             "  coroutine.resume(made)\n"
             "  coroutine.close(made)\n"
             "end\n" CALLS_WAYS;
    static const char *const ways[] = {"returned", "failed", "wrap", "closed"};
    struct server server = begin_hasty(script);
    int bystander = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            int client = client_connect(&server);
            client_put_text(client, ways[i]);
            cr_assert_eq(client_await_end(client), CLIENT_EOF);
            client_ask(bystander, "hello", "hello");
            close(client);
        }
        int sleeper = client_connect(&server);
        client_put_text(sleeper, "asleep");
        client_ask(bystander, "hello", "hello");
        close(sleeper);
    }
    server_expect_log_count(&server, INTERRUPTED, 6);
    server_expect_log_count(&server, "for this", 2);
    client_ask(bystander, "hello", "hello");
    close(bystander);
    server_end(&server);
}

/* ---- whose loop it may be ---- */

Test(overtime, variables_of_a_handler_that_was_interrupted_are_closed_but_may_not_loop_either)
{
    need_lua_5_4("LuaJIT has no __close");
    static const char script[] =
        LOOP "local ways = {}\n"
             "local open = 0\n"
             "local function opened()\n"
             "  open = open + 1\n"
             "  return setmetatable({}, { __close = function() open = open - 1 end })\n"
             "end\n"
             "local function looping() return setmetatable({}, { __close = loop }) end\n"
             "function ways.closed() local x <close> = opened() pcall(loop) end\n"
             "function ways.loops() local x <close> = looping() loop() end\n"
             "function ways.sorts()\n"
             "  local x <close> = looping()\n"
             "  table.sort({ 1, 2, 3 }, loop)\n"
             "end\n"
             "function ways.wraps()\n"
             "  coroutine.wrap(function() local x <close> = looping() loop() end)()\n"
             "end\n"
             "function ways.open(conn) conn:send('open ' .. open) end\n" CALLS_WAYS;
    static const char *const looping[] = {"closed", "loops", "sorts", "wraps"};
    struct server server = begin_hasty(script);
    int bystander = client_connect(&server);
    for (int i = 0; i < 8; i++) {
        int client = client_connect(&server);
        client_put_text(client, looping[i % 4]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    client_ask(bystander, "open", "open 0");
    server_expect_log_count(&server, INTERRUPTED, 8);
    close(bystander);
    server_end(&server);
}
