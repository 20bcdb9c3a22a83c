/* moonport test: how far a test may go, and what it shows of values. */
#include "harness.h"
#include "offline_try.h"

/* ---- connections ---- */

Test(offline, what_no_connect_has_made_is_no_connection)
{
    offline_pass(ECHO, "return {}\n",
                 "test(\"numbers of others\", function()\n"
                 "  local conn = test.connect()\n"
                 "  for _, number in ipairs { 0, -1, 2, 4096, 5000 } do\n"
                 "    local fine, why = pcall(conn.receive, { number }, 'hello')\n"
                 "    assert(not fine and why:find('a connection that test.connect has made', 1, "
                 "true), why)\n"
                 "  end\n"
                 "  conn:receive 'hello'\n"
                 "  test.equal(conn.sent, { 'hello' })\n"
                 "end)\n");
}

Test(offline, one_test_has_4096_connections_at_most)
{
    offline_pass("function on_receive() end\n",
                 "return { idle_timeout = 0, max_connections = 5000 }\n",
                 "test(\"and no more\", function()\n"
                 "  for i = 1, 4096 do test.connect() end\n"
                 "  local fine, why = pcall(test.connect)\n"
                 "  assert(not fine and why:find('more than 4096 connections in one test', 1, "
                 "true), why)\n"
                 "end)\n"
                 "test(\"the next one may begin anew\", function() test.connect() end)\n");
}

/* There is no newline in it, but a semicolon. */
Test(offline, what_was_begun_in_one_framing_is_looked_through_anew_in_the_next)
{
    offline_pass("function on_receive(conn, packet)\n"
                 "  if packet == 'more' then return conn:send 'x' end\n"
                 "  if packet == 'send' then conn:send 'a;bc' end\n"
                 "  conn:framing({ 'line', delimiter = packet == 'send' and '\\n' or ';' })\n"
                 "end\n",
                 "return { framing = { 'fixed', size = 4 } }\n",
                 "test(\"cut\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive 'send'\n"
                 "  test.equal(conn.sent, {})\n"
                 "  conn:receive 'semicolons'\n"
                 "  test.equal(conn.sent, { 'a' })\n"
                 "  conn:receive 'more'\n"
                 "  test.equal(conn.sent, { 'a', 'bcx' })\n"
                 "end)\n");
}

/* ---- test.equal ---- */

Test(offline, tables_are_compared_thirty_two_deep)
{
    offline_pass(ECHO, "return {}\n",
                 "local function nested(levels)\n"
                 "  local value = {}\n"
                 "  for i = 2, levels do value = { value } end\n"
                 "  return value\n"
                 "end\n"
                 "test(\"and no deeper\", function()\n"
                 "  test.equal(nested(32), nested(32))\n"
                 "  local fine, why = pcall(test.equal, nested(33), nested(33))\n"
                 "  assert(not fine and why:find('more than 32 deep', 1, true), why)\n"
                 "end)\n");
}

/* Each of both takes 699 characters of the message. */
Test(offline, long_values_are_cut_where_their_room_ends)
{
    offline_pass(ECHO, "return {}\n",
                 "local function message(value)\n"
                 "  local fine, why = pcall(test.equal, 1, value)\n"
                 "  assert(not fine)\n"
                 "  return why:match 'expected (.*), not 1$'\n"
                 "end\n"
                 "test(\"as strings\", function()\n"
                 "  for _, size in ipairs { 600, 693, 694, 695, 696, 697, 1000 } do\n"
                 "    local shown = message(('a'):rep(size))\n"
                 "    local whole = '\"' .. ('a'):rep(size) .. '\"'\n"
                 "    if #whole <= 696 then\n"
                 "      test.equal(shown, whole)\n"
                 "    else\n"
                 "      assert(shown == whole:sub(1, 696) .. '...', size)\n"
                 "    end\n"
                 "  end\n"
                 "end)\n");
}

Test(offline, keys_are_shown_as_a_script_would_write_them)
{
    offline_fail(ECHO, "  test.equal({ ['1a'] = 1 }, { ['a1'] = 1 })\n", "expected {a1 = 1}",
                 "not {[\"1a\"] = 1}");
    offline_fail(ECHO, "  test.equal({ [''] = 1 }, { _ = 1 })\n", "expected {_ = 1}",
                 "not {[\"\"] = 1}");
}

/* ---- time ---- */

/* It waits for longer than its interval. */
Test(offline, ticks_that_a_timer_has_missed_are_not_made_up_for)
{
    offline_pass(ECHO "ticks = 0\n"
                      "function on_start()\n"
                      "  server.every(0.1, function()\n"
                      "    ticks = ticks + 1\n"
                      "    if ticks == 1 then server.sleep(5) end\n"
                      "  end)\n"
                      "end\n",
                 "return {}\n",
                 "test(\"ticks\", function()\n"
                 "  test.advance(5)\n"
                 "  test.equal(ticks, 1)\n"
                 "  test.advance(0.35)\n"
                 "  assert(ticks >= 4 and ticks <= 5, ticks)\n"
                 "end)\n");
}

Test(offline, a_timer_may_be_as_fast_as_the_clock_ticks)
{
    offline_pass(ECHO "ticks = 0\n"
                      "function on_start() server.every(0, function() ticks = ticks + 1 end) end\n",
                 "return {}\n",
                 "test(\"ticks\", function()\n"
                 "  test.advance(0.1)\n"
                 "  assert(ticks >= 99 and ticks <= 101, ticks)\n"
                 "end)\n");
}

/* A packet is framed once for each framing, but for no more than eight. */
Test(offline, each_of_many_hears_what_is_said_to_all_in_a_framing_of_its_own)
{
    offline_pass("function on_receive(conn, packet)\n"
                 "  if packet == 'all' then return broadcast 'hello' end\n"
                 "  conn:framing({ 'line', delimiter = packet })\n"
                 "end\n",
                 LINES,
                 "test(\"delimiters\", function()\n"
                 "  local conns = {}\n"
                 "  for digit in ('0123456789+-'):gmatch '.' do\n"
                 "    conns[#conns + 1] = test.connect()\n"
                 "    conns[#conns]:receive(digit)\n"
                 "  end\n"
                 "  conns[1]:receive 'all'\n"
                 "  for i = 1, #conns do test.equal(conns[i].sent, { 'hello' }) end\n"
                 "end)\n");
}
