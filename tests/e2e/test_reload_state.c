/* Hot reload: what outlives it, what ends with it, and the settings that change. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server begin(const char *script)
{
    return server_begin_reloadable(script, "1");
}

/* ---- what outlives it ---- */

Test(reload_state, what_scripts_have_kept_is_there_for_the_new_code)
{
    struct server server = server_begin_reloadable("local lobby = server.group 'lobby'\n"
                                                   "function on_receive(conn, packet)\n"
                                                   "  if packet == 'which' then\n"
                                                   "    return conn:send(tostring(server.worker))\n"
                                                   "  end\n"
                                                   "  conn.data.word = packet\n"
                                                   "  server.state.word = packet\n"
                                                   "  server.shared:set(packet, true)\n"
                                                   "  lobby:add(conn)\n"
                                                   "  conn:send('kept')\n"
                                                   "end\n",
                                                   "2");
    int first = client_connect_to_worker(&server, 1), second = client_connect_to_worker(&server, 2);
    client_ask(first, "one", "kept");
    client_ask(second, "two", "kept");
    server_reload(&server,
                  "function on_receive(conn, packet)\n"
                  "  local lobby = server.group 'lobby'\n"
                  "  conn:send(('%s %s %s %s %d'):format(conn.data.word, server.state.word,\n"
                  "    server.shared:get 'one', server.shared:get 'two', lobby:count()))\n"
                  "  if packet == 'all' then lobby:broadcast('to all') end\n"
                  "end\n",
                  2);
    client_ask(first, "what?", "one one true true 2");
    client_ask(second, "all", "two two true true 2");
    client_expect(first, "to all");
    client_expect(second, "to all");
    close(first);
    close(second);
    server_end(&server);
}

#define BOTH_KINDS \
    "if packet == 'line' then conn:framing('line') end\n" \
    "if packet == 'idle' then conn:idle(0) end\n"

/* Settings may change with the code: what one connection has set is its own. */
Test(reload_state, what_a_connection_has_set_stays)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet)\n" BOTH_KINDS "  conn:send(packet)\nend\n",
        .config = "return { idle_timeout = 0 }\n",
        .admin = true,
        .flags = {"--workers", "1", "--reload", "signal"}});
    int lines = client_connect(&server), idle = client_connect(&server);
    int follower = client_connect(&server);
    client_ask(idle, "idle", "idle"); /* as the settings have it, for now */
    client_ask(follower, "hello", "hello");
    client_put_text(lines, "line");
    client_expect_line(lines, "line");
    client_send_text(lines, "idle\n");
    client_expect_line(lines, "idle");
    script_write(&server, "config.lua", "return { idle_timeout = 0.05 }\n");
    server_reload(&server,
                  "function on_receive(conn, packet)\n" BOTH_KINDS "  conn:send('two ' .. packet)\n"
                  "end\n",
                  2);
    cr_assert_eq(client_await_end(follower), CLIENT_EOF);
    client_send_text(lines, "still in lines\n");
    client_expect_line(lines, "two still in lines");
    client_ask(idle, "still there", "two still there");
    close(lines);
    close(idle);
    close(follower);
    server_end(&server);
}

Test(reload_state, half_a_packet_is_completed_for_the_new_code)
{
    struct server server = begin("function on_receive(conn, packet) conn:send('one') end\n");
    int client = client_connect(&server);
    client_send(client, "\5\0\0\0x\11\0\0\0he", 11); /* a whole one, and the begin of another */
    client_expect(client, "one");
    server_reload(&server, "function on_receive(conn, packet) conn:send('two ' .. packet) end\n",
                  2);
    client_send(client, "llo", 3);
    client_expect(client, "two hello");
    close(client);
    server_end(&server);
}

Test(reload_state, what_is_queued_still_arrives)
{
    enum { COUNT = 16 };
    struct server server =
        begin("function on_receive(conn)\n"
              "  for i = 0, 15 do conn:send(('%c'):format(65 + i):rep(2^20)) end\n"
              "  server.log('info', 'all is queued')\n"
              "end\n");
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "all is queued\n");
    server_reload(&server,
                  "function on_load()\n"
                  "  for conn in server.connections() do\n"
                  "    server.log('info', conn:pending() > 0 and 'some waits' or 'none waits')\n"
                  "  end\n"
                  "end\n"
                  "function on_receive(conn) conn:close() end\n",
                  2);
    server_expect_log(&server, "some waits\n");
    client_put_text(client, "close");
    client_expect_megabytes_to_the_end(client, COUNT);
    close(client);
    server_end(&server);
}

Test(reload_state, modules_globals_and_libraries_are_new_and_modules_from_outside_stay)
{
    char script[1000];
    char *directory = directory_make("outside.lua", "return {}\n", NULL);
    snprintf(script, sizeof script,
             "package.path = '%s/?.lua'\n"
             "local outside, inside = require 'outside', require 'inside'\n"
             "function on_receive(conn)\n"
             "  conn:send(('%%s %%s %%s %%s %%s'):format(outside.mark, string.mark, inside.mark,\n"
             "    package.loaded.outside == outside, rawget(_G, 'mark')))\n"
             "  outside.mark, string.mark, inside.mark, mark = 'kept', 'kept', 'kept', 'kept'\n"
             "end\n",
             directory);
    struct server server = begin("function on_receive() end\n");
    int client = client_connect(&server);
    script_write(&server, "inside.lua", "return {}\n");
    server_reload(&server, script, 2);
    client_ask(client, "what?", "nil nil nil true nil");
    client_ask(client, "what?", "kept kept kept true kept");
    char said[400];
    snprintf(said, sizeof said,
             "generation 3 runs\nnot loaded anew, because it is outside of %s: %s/outside.lua\n",
             server.directory, directory);
    server_command(&server, "reload", 0, said);
    client_ask(client, "what?", "kept nil nil true nil");
    directory_remove(directory);
    close(client);
    server_end(&server);
}

/* ---- timers ---- */

/* Answers how often the timer of the first generation has run, once the new one has run 20 times
 * since it was asked. */
#define COUNTS_BOTH \
    "local asked, since\n" \
    "server.every(0.002, function()\n" \
    "  if not asked then return end\n" \
    "  since = since + 1\n" \
    "  if since == 20 then asked:send(tostring(server.state.old)) asked = nil end\n" \
    "end)\n" \
    "function on_receive(conn) asked, since = conn, 0 end\n"

static char *ask(int client)
{
    size_t size;
    client_put_text(client, "how often?");
    return (char *)client_take(client, &size);
}

static void expect_to_have_stopped(int client)
{
    char *first = ask(client), *second = ask(client);
    cr_assert_str_eq(second, first);
    cr_assert(atoi(first) > 0);
    free(first);
    free(second);
}

#define COUNTS_OLD \
    "server.state.old = 0\n" \
    "local function count()\n" \
    "  server.state.old = server.state.old + 1\n" \
    "  if server.state.old == 3 then server.log('info', 'it runs') end\n" \
    "end\n"

Test(reload_state, timers_of_the_old_code_are_cancelled_and_those_of_the_new_run)
{
    struct server server = begin(COUNTS_OLD "server.every(0.001, count)\n"
                                            "function on_receive() end\n");
    int client = client_connect(&server);
    server_expect_log(&server, "it runs\n");
    server_reload(&server, COUNTS_BOTH, 2);
    expect_to_have_stopped(client);
    cr_assert_eq(server_log_count(&server, "the new code started none"), 0);
    close(client);
    server_end(&server);
}

/* A handler of the old code that has waited starts one that has ended already. */
Test(reload_state, old_code_starts_no_timer_any_more)
{
    struct server server =
        begin("function on_receive(conn, packet)\n"
              "  conn:send('waits')\n"
              "  while not server.state.new do server.sleep(0.001) end\n"
              "  local timer = server.every(0.001, function() server.state.old = true end)\n"
              "  timer:cancel()\n"
              "  server.after(0, function() server.state.old = true end)\n"
              "  conn:send('done')\n"
              "end\n");
    int waiting = client_connect(&server), client = client_connect(&server);
    client_ask(waiting, "wait", "waits");
    server_reload(&server,
                  "function on_load() server.state.new = true end\n"
                  "function on_receive(conn)\n"
                  "  server.sleep(0.05)\n"
                  "  conn:send(tostring(server.state.old))\n"
                  "end\n",
                  2);
    client_expect(waiting, "done");
    client_ask(client, "?", "nil");
    close(waiting);
    close(client);
    server_end(&server);
}

Test(reload_state, timers_of_code_that_is_refused_never_run)
{
    struct server server = begin("function on_receive() end\n");
    script_write(&server, "main.lua",
                 "server.after(0, function() server.log('info', 'from the grave') end)\n"
                 "server.every(0.001, function() server.log('info', 'from the grave') end)\n"
                 "error('no luck')\n");
    server_command(&server, "reload", INPUT, "no luck");
    server_reload(&server,
                  "local count = 0\n"
                  "server.every(0.002, function()\n"
                  "  count = count + 1\n"
                  "  if count == 20 then server.log('info', 'twenty') end\n"
                  "end)\n",
                  2);
    server_expect_log(&server, "twenty\n");
    cr_assert_eq(server_log_count(&server, "from the grave"), 0);
    server_end(&server);
}

Test(reload_state, that_the_new_code_starts_no_timer_is_warned_of)
{
    static const char script[] = "function on_start()\n"
                                 "  server.every(10, function() end)\n"
                                 "end\n"
                                 "function on_receive() end\n";
    static const char better[] = "function on_load()\n"
                                 "  server.every(10, function() end)\n"
                                 "end\n"
                                 "function on_receive() end\n";
    static const char warning[] = "1 timers were cancelled, and the new code started none";
    struct server server = begin(script);
    server_reload(&server, script, 2);
    server_expect_log(&server, warning);
    server_reload(&server, better, 3);
    server_command(&server, "reload", 0, "generation 4 runs\n");
    cr_assert_eq(server_log_count(&server, warning), 1, "%s", server_log(&server));
    server_reload(&server, script, 5);
    server_expect_log_count(&server, warning, 2);
    server_end(&server);
}

/* ---- who waits ---- */

#define WAITS(word) \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'go' then server.state.go = true end\n" \
    "  if packet == 'wait' then\n" \
    "    conn:send('waits')\n" \
    "    while not server.state.go do server.sleep(0.001) end\n" \
    "  end\n" \
    "  conn:send('" word "')\n" \
    "  if packet == 'fail' then error('at last') end\n" \
    "end\n"

Test(reload_state, a_handler_that_waits_ends_in_its_code_and_the_next_packet_is_for_the_new)
{
    struct server server = begin(WAITS("one"));
    int waiting = client_connect(&server), other = client_connect(&server);
    client_put_text(waiting, "wait");
    client_put_text(waiting, "next");
    client_expect(waiting, "waits");
    server_reload(&server, WAITS("two"), 2);
    client_ask(other, "what?", "two");
    client_ask(other, "go", "two");
    client_expect(waiting, "one");
    client_expect(waiting, "two");
    close(waiting);
    close(other);
    server_end(&server);
}

Test(reload_state, a_timer_that_waits_ends_in_its_code)
{
    struct server server = begin("local word = 'one'\n"
                                 "server.every(0.001, function()\n"
                                 "  server.log('info', 'begins in ' .. word)\n"
                                 "  while not server.state.go do server.sleep(0.001) end\n"
                                 "  server.log('info', 'ends in ' .. word)\n"
                                 "end)\n"
                                 "function on_receive() end\n");
    int client = client_connect(&server);
    server_expect_log(&server, "begins in one\n");
    server_reload(&server, WAITS("two"), 2);
    client_ask(client, "go", "two");
    server_expect_log(&server, "ends in one\n");
    client_ask(client, "what?", "two");
    cr_assert_eq(server_log_count(&server, "begins in"), 1);
    close(client);
    server_end(&server);
}

/* Else a loop that waits would never end, however often it is changed. */
Test(reload_state, what_no_connection_owns_ends_when_it_is_four_generations_old)
{
    struct server server = begin(COUNTS_OLD "server.after(0, function()\n"
                                            "  while true do count() server.sleep(0.001) end\n"
                                            "end)\n"
                                            "function on_receive() end\n");
    int client = client_connect(&server);
    server_expect_log(&server, "it runs\n");
    server_reload(&server, COUNTS_BOTH, 2);
    for (int generation = 3; generation <= 4; generation++)
        server_command(&server, "reload", 0, " runs\n");
    char *first = ask(client), *second = ask(client);
    cr_assert_gt(atoi(second), atoi(first), "it has ended too early");
    free(first);
    free(second);
    server_command(&server, "reload", 0, "generation 5 runs\n");
    expect_to_have_stopped(client);
    server_expect_log(&server, "worker 1: ended 1 timers or messages whose code has waited since "
                               "before generation 2\n");
    close(client);
    server_end(&server);
}

/* ---- on_unload and on_load ---- */

#define HANDS_OVER(word) \
    "local log, at = { '" word "' }, 1\n" \
    "function on_unload() return log, 'and no more' end\n" \
    "function on_load(value)\n" \
    "  for i = 1, #(value or '') do log[#log + 1] = value[i] end\n" \
    "  if not value then log[#log + 1] = tostring(value) end\n" \
    "end\n" \
    "function on_receive(conn) conn:send(table.concat(log, ' ')) end\n"

Test(reload_state, on_unload_hands_a_value_to_on_load)
{
    struct server server = begin("function on_receive() end\n"
                                 "function on_load() server.log('info', 'nothing before') end\n");
    int client = client_connect(&server);
    server_reload(&server, HANDS_OVER("two"), 2);
    client_ask(client, "what?", "two nil");
    cr_assert_eq(server_log_count(&server, "nothing before"), 0);
    server_reload(&server, HANDS_OVER("three"), 3);
    client_ask(client, "what?", "three two nil");
    server_reload(&server, HANDS_OVER("four"), 4);
    client_ask(client, "what?", "four three two nil");
    server_reload(&server, "function on_unload() return false end\n", 5);
    server_reload(&server, HANDS_OVER("six"), 6);
    client_ask(client, "what?", "six false");
    close(client);
    server_end(&server);
}

Test(reload_state, an_error_in_on_load_or_on_unload_is_told_and_the_new_code_runs)
{
    struct server server =
        begin("function on_unload() error('no farewell') end\nfunction on_receive() end\n");
    int client = client_connect(&server);
    script_write(&server, "main.lua", HANDS_OVER("two"));
    server_command(&server, "reload", INPUT, "generation 2 runs: main.lua\n");
    server_expect_log(&server, "/main.lua:1: no farewell\n");
    client_ask(client, "what?", "two nil");
    script_write(&server, "main.lua",
                 "function on_load(value) error('no welcome for ' .. value[1]) end\n"
                 "function on_receive(conn) conn:send('three') end\n");
    server_command(&server, "reload", INPUT, "/main.lua:1: no welcome for two\n");
    server_expect_log(&server, "reload: generation 3 runs: main.lua\n");
    client_ask(client, "what?", "three");
    server_reload(&server, HANDS_OVER("four"), 4);
    client_ask(client, "what?", "four nil");
    close(client);
    server_end(&server);
}

/* ---- the number ---- */

#define TELLS_GENERATION \
    "local loaded, before = server.generation, server.stats().generation\n" \
    "function on_receive(conn, packet)\n" \
    "  local now = server.stats().generation\n" \
    "  conn:send(('%d %d %d %d'):format(before, loaded, server.generation, now))\n" \
    "  if packet == 'fail' then error('on purpose') end\n" \
    "end\n"

Test(reload_state, the_generation_stands_in_scripts_figures_and_errors)
{
    struct server server = begin(TELLS_GENERATION);
    int client = client_connect(&server), failing = client_connect(&server);
    client_ask(client, "what?", "0 1 1 1");
    client_ask(failing, "fail", "0 1 1 1");
    server_expect_log(&server, ", generation 1): ");
    close(failing);
    script_write(&server, "main.lua", TELLS_GENERATION "error('no luck')\n");
    server_command(&server, "reload", INPUT, "no luck");
    client_ask(client, "what?", "0 1 1 1");
    server_reload(&server, TELLS_GENERATION, 2);
    client_ask(client, "fail", "1 2 2 2");
    server_expect_log(&server, ", generation 2): ");
    close(client);
    server_end(&server);
}

Test(reload_state, an_error_of_code_that_waited_names_the_generation_that_it_is_of)
{
    struct server server = begin("function on_receive(conn)\n"
                                 "  conn:send('waits')\n"
                                 "  while not server.state.go do server.sleep(0.001) end\n"
                                 "  error('too late')\n"
                                 "end\n");
    int waiting = client_connect(&server), other = client_connect(&server);
    client_ask(waiting, "wait", "waits");
    server_reload(&server, WAITS("two"), 2);
    client_ask(other, "go", "two");
    cr_assert_eq(client_await_end(waiting), CLIENT_EOF);
    server_expect_log(&server, ", generation 1): ");
    server_expect_log(&server, "/main.lua:4: too late\n");
    close(waiting);
    close(other);
    server_end(&server);
}

/* It comes back after each collection, and so outlives what `require` knows its modules by. */
Test(reload_state, a_finalizer_that_outlives_its_generation_can_require_nothing_new)
{
    need_lua_5_4("LuaJIT has no finalizers of tables");
    struct server server = begin("local meta = {}\n"
                                 "function meta.__gc()\n"
                                 "  print(pcall(require, 'unheard_of'))\n"
                                 "  setmetatable({}, meta)\n"
                                 "end\n"
                                 "setmetatable({}, meta)\n");
    for (int generation = 2; generation < 6; generation++)
        server_reload(&server, "for _ = 1, 3 do collectgarbage() end\n", generation);
    char *out = server_out(&server);
    cr_assert(strstr(out, "the script is garbage") != NULL, "%s", out);
    free(out);
    server_end(&server);
}
