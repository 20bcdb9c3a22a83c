/* moonport test DIR: what a test sees is what would happen in a server. */
#include "offline_try.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

/* ---- clients ---- */

Test(offline, a_client_has_the_address_and_listener_it_is_given)
{
    offline_pass(
        "function on_receive(conn) conn:send(conn.ip .. ' ' .. conn.port .. ' ' .. conn.listener) "
        "end\n",
        "return { framing = 'line', listen = { '127.0.0.1:7000', '[::1]:7000' } }\n",
        "test(\"as it is\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:receive('?')\n"
        "  assert(conn.sent[1]:find('^127%.0%.0%.1 %d+ '), conn.sent[1])\n"
        "  test.equal(conn.id, conn.conn.id)\n"
        "  test.equal(conn.closed, false)\n"
        "end)\n"
        "test(\"as given\", function()\n"
        "  local conn = test.connect { ip = '192.0.2.7', port = 1234 }\n"
        "  conn:receive('?')\n"
        "  assert(conn.sent[1]:find('^192%.0%.2%.7 1234 '), conn.sent[1])\n"
        "  local other = test.connect { ip = '2001:db8::1', port = 5, listener = 2 }\n"
        "  other:receive('?')\n"
        "  assert(other.sent[1]:find('^2001:db8::1 5 '), other.sent[1])\n"
        "  assert(conn.conn.listener ~= other.conn.listener)\n"
        "end)\n");
}

Test(offline, a_handler_that_sleeps_is_stopped_when_its_client_has_gone)
{
    offline_pass("local woken = 0\n"
                 "function on_receive(conn, packet)\n"
                 "  server.sleep(100)\n"
                 "  woken = woken + 1\n"
                 "end\n"
                 "function on_disconnect(conn, reason)\n"
                 "  server.log('info', reason)\n"
                 "  server.state.reason = reason\n"
                 "end\n"
                 "server.every(1, function() server.state.woken = woken end)\n",
                 "return { idle_timeout = 0 }\n",
                 "test(\"a reset\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('?')\n"
                 "  conn:reset()\n"
                 "  test.equal(server.state.reason, 'reset')\n"
                 "  test.advance(200)\n"
                 "  test.equal(server.state.woken, 0)\n"
                 "end)\n"
                 "test(\"an end\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('?')\n"
                 "  conn:close()\n"
                 "  test.equal(server.state.reason, nil)\n"
                 "  test.advance(11)\n"
                 "  test.equal(server.state.reason, 'eof')\n"
                 "  test.advance(200)\n"
                 "  test.equal(server.state.woken, 0)\n"
                 "end)\n");
}

#define SAYS_TWICE "function on_receive(conn, packet) conn:send(packet) conn:send(#packet) end\n"

Test(offline, a_handler_whose_time_comes_with_an_abort_does_not_go_on)
{
    offline_pass("function on_receive(conn, packet)\n"
                 "  server.after(0.05, function() conn:abort() end)\n"
                 "  server.sleep(0.05)\n"
                 "  server.state.went_on = true\n"
                 "end\n",
                 "return {}\n",
                 "test(\"an abort\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('?')\n"
                 "  test.advance(1)\n"
                 "  assert(conn.closed)\n"
                 "  test.equal(server.state.went_on, nil)\n"
                 "end)\n");
}

Test(offline, packets_are_cut_as_the_configuration_says)
{
    offline_pass(SAYS_TWICE, "return {}\n",
                 "test(\"length\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('hello')\n"
                 "  test.equal(conn.sent, { 'hello', '5' })\n"
                 "  conn:receive_bytes('\\6\\0\\0\\0a')\n"
                 "  test.equal(#conn.sent, 2)\n"
                 "  conn:receive_bytes('b\\4\\0\\0\\0')\n"
                 "  test.equal(conn:take(), { 'hello', '5', 'ab', '2', '', '0' })\n"
                 "  test.equal(conn.sent, {})\n"
                 "end)\n"
                 "test(\"large\", function()\n"
                 "  local conn, large = test.connect(), ('x'):rep(1000000)\n"
                 "  conn:receive(large)\n"
                 "  test.equal(conn.sent, { large, '1000000' })\n"
                 "end)\n");
    offline_pass(SAYS_TWICE, LINES,
                 "test(\"lines\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('hello')\n"
                 "  conn:receive_bytes('one\\r\\ntwo\\nthr')\n"
                 "  test.equal(conn:take(), { 'hello', '5', 'one', '3', 'two', '3' })\n"
                 "end)\n");
    offline_pass("function on_receive(conn, packet) conn:send(packet:reverse()) end\n",
                 "return { framing = { 'fixed', size = 3 } }\n",
                 "test(\"fixed\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('abc')\n"
                 "  conn:receive_bytes('defgh')\n"
                 "  test.equal(conn.sent, { 'cba', 'fed' })\n"
                 "end)\n");
    offline_pass("function on_receive(conn, packet) conn:send('<' .. packet .. '>') end\n",
                 "return { framing = 'raw' }\n",
                 "test(\"raw\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('abc')\n"
                 "  conn:receive('d')\n"
                 "  test.equal(table.concat(conn.sent), '<abc><d>')\n"
                 "end)\n");
}

Test(offline, a_connection_may_change_its_framing)
{
    offline_pass("function on_receive(conn, packet)\n"
                 "  if packet == 'switch' then return conn:framing({ 'fixed', size = 4 }) end\n"
                 "  conn:send(packet)\n"
                 "end\n",
                 LINES,
                 "test(\"and is cut so from then on\", function()\n"
                 "  local conn = test.connect()\n"
                 "  conn:receive('a line')\n"
                 "  conn:receive('switch')\n"
                 "  conn:receive('four')\n"
                 "  conn:receive_bytes('more of it')\n"
                 "  test.equal(conn.sent, { 'a line', 'four', 'more', ' of ' })\n"
                 "end)\n");
}

Test(offline, a_server_that_closes_is_seen_to)
{
    offline_pass(
        "function on_connect(conn) return not (conn.port == 1) end\n"
        "function on_receive(conn, line)\n"
        "  conn:send('bye')\n"
        "  if line == 'abort' then conn:abort('rude') else conn:close('quit') end\n"
        "end\n"
        "function on_disconnect(conn, reason) server.state[#server.state + 1] = reason end\n",
        LINES,
        "test(\"after all is sent\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:receive('close')\n"
        "  test.equal(conn.sent, { 'bye' })\n"
        "  test.equal(conn.closed, true)\n"
        "  test.equal(server.state, { 'quit' })\n"
        "  conn:receive('nobody listens')\n"
        "  test.equal(conn.sent, { 'bye' })\n"
        "end)\n"
        "test(\"at once\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:receive('abort')\n"
        "  test.equal(conn.closed, true)\n"
        "  test.equal(server.state, { 'rude' })\n"
        "end)\n"
        "test(\"refused\", function()\n"
        "  local conn = test.connect { port = 1 }\n"
        "  test.equal(conn.closed, true)\n"
        "  test.equal(server.state, {})\n"
        "end)\n");
}

Test(offline, a_client_that_goes_is_told_of_with_its_reason)
{
    offline_pass(
        "function on_receive() end\n"
        "function on_disconnect(conn, reason) server.state[#server.state + 1] = reason end\n",
        LINES,
        "test(\"eof\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:close()\n"
        "  test.equal(server.state, { 'eof' })\n"
        "  test.equal(conn.closed, true)\n"
        "end)\n"
        "test(\"reset\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:reset()\n"
        "  test.equal(server.state, { 'reset' })\n"
        "  test.equal(conn.closed, true)\n"
        "end)\n");
}

Test(offline, what_the_server_logs_is_on_stderr)
{
    struct outcome outcome = offline_run(
        FILES("main.lua",
              "function on_receive() server.log('warn', 'not so much') end\n"
              "function on_disconnect(conn, reason) server.state.reason = reason end\n",
              "config.lua", "return { framing = 'line', max_packet = 50 }\n", "a_test.lua",
              "test('oversize', function()\n"
              "  local conn = test.connect()\n"
              "  conn:receive('x')\n"
              "  conn:receive_bytes(('x'):rep(100))\n"
              "  test.equal(server.state.reason, 'oversize')\n"
              "  test.equal(conn.closed, true)\n"
              "end)\n"));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.err, "not so much\n"), "%s", outcome.err);
    cr_assert_not_null(strstr(outcome.err, "no delimiter within max_packet = 50 bytes"), "%s",
                       outcome.err);
    offline_end(&outcome);
}

Test(offline, a_deaf_client_lets_the_queue_grow)
{
    offline_pass("function on_receive(conn, count)\n"
                 "  for i = 1, count do conn:send(('x'):rep(1000)) end\n"
                 "end\n"
                 "function on_drain(conn) conn:send('drained') end\n",
                 "return { framing = 'line', soft_mark = '10K' }\n",
                 "test(\"until it reads again\", function()\n"
                 "  local conn = test.connect()\n"
                 "  test.equal(conn.conn:pending(), 0)\n"
                 "  conn:deaf(true)\n"
                 "  conn:receive('100')\n"
                 "  test.equal(conn.sent, {})\n"
                 "  assert(conn.conn:pending() > 50000, conn.conn:pending())\n"
                 "  conn:deaf(false)\n"
                 "  test.equal(#conn.sent, 101)\n"
                 "  test.equal(conn.sent[100], ('x'):rep(1000))\n"
                 "  test.equal(conn.sent[101], 'drained')\n"
                 "  test.equal(conn.conn:pending(), 0)\n"
                 "end)\n");
}

/* ---- time ---- */

Test(offline, timers_fire_in_their_order_at_their_virtual_times)
{
    offline_pass(
        "function on_receive(conn, packet)\n"
        "  server.state.began = server.now()\n"
        "  local function note(text)\n"
        "    table.insert(server.state, ('%.1f %s'):format(server.now() - server.state.began, "
        "text))\n"
        "  end\n"
        "  server.after(3, function() note('late') end)\n"
        "  server.after(0.5, function() note('soon') end)\n"
        "  server.after(3600, function() note('an hour') end)\n"
        "  local count, timer = 0\n"
        "  timer = server.every(1, function()\n"
        "    count = count + 1\n"
        "    note('tick')\n"
        "    if count == 4 then timer:cancel() end\n"
        "  end)\n"
        "end\n",
        LINES,
        "test(\"all of them\", function()\n"
        "  test.connect():receive('go')\n"
        "  test.equal(#server.state, 0)\n"
        "  test.advance(0.4)\n"
        "  test.equal(#server.state, 0)\n"
        "  test.advance(0.2)\n"
        "  test.equal(table.concat(server.state, ', '), '0.5 soon')\n"
        "  test.advance(2)\n"
        "  test.equal(table.concat(server.state, ', '), '0.5 soon, 1.0 tick, 2.0 tick')\n"
        "  local before = server.now()\n"
        "  test.advance(100)\n"
        "  assert(math.abs(server.now() - before - 100) < 1e-6, server.now() - before)\n"
        "  table.remove(server.state, 4)\n"
        "  table.remove(server.state, 4)\n"
        "  test.equal(table.concat(server.state, ', '),\n"
        "             '0.5 soon, 1.0 tick, 2.0 tick, 4.0 tick')\n"
        "  test.advance(3600)\n"
        "  test.equal(server.state[5], '3600.0 an hour')\n"
        "end)\n");
}

Test(offline, a_handler_that_waits_goes_on_in_virtual_time)
{
    offline_pass("function on_start() server.sleep(30) server.state.ready = server.now() end\n"
                 "function on_receive(conn, line)\n"
                 "  if line == 'wait' then server.sleep(5) end\n"
                 "  conn:send(line)\n"
                 "end\n",
                 LINES,
                 "test(\"and its connection's packets wait, too\", function()\n"
                 "  assert(server.state.ready >= 30)\n"
                 "  local one, other = test.connect(), test.connect()\n"
                 "  one:receive('wait')\n"
                 "  one:receive('next')\n"
                 "  other:receive('hello')\n"
                 "  test.advance(4.9)\n"
                 "  test.equal(one.sent, {})\n"
                 "  test.equal(other.sent, { 'hello' })\n"
                 "  test.advance(0.2)\n"
                 "  test.equal(one.sent, { 'wait', 'next' })\n"
                 "end)\n");
}

Test(offline, a_silent_client_is_idle_in_virtual_time)
{
    offline_pass("function on_idle(conn, seconds)\n"
                 "  server.state[#server.state + 1] = math.floor(seconds + 0.5)\n"
                 "  return #server.state < 3\n"
                 "end\n"
                 "function on_disconnect(conn, reason) server.state.reason = reason end\n",
                 "return { framing = 'line', idle_timeout = 60 }\n",
                 "test(\"and closed when the script says so\", function()\n"
                 "  local conn = test.connect()\n"
                 "  test.advance(50)\n"
                 "  conn:receive('not silent')\n"
                 "  test.advance(55)\n"
                 "  test.equal(#server.state, 0)\n"
                 "  test.advance(10)\n"
                 "  test.equal(#server.state, 1)\n"
                 "  test.equal(server.state[1], 60)\n"
                 "  test.equal(conn.closed, false)\n"
                 "  test.advance(200)\n"
                 "  test.equal(#server.state, 3)\n"
                 "  test.equal(conn.closed, true)\n"
                 "  test.equal(server.state.reason, 'idle')\n"
                 "end)\n");
}

/* ---- what scripts have beside connections ---- */

Test(offline, groups_broadcasts_shared_and_posts_work)
{
    offline_pass(
        "local room = server.group('room')\n"
        "function on_receive(conn, line)\n"
        "  if line == 'join' then room:add(conn) return end\n"
        "  if line == 'all' then broadcast('to all', { except = conn }) return end\n"
        "  if line == 'post' then server.post(server.worker, { from = 'me', 1, 2 }) return end\n"
        "  if line == 'count' then conn:send(server.shared:incr('n', 1, 0)) return end\n"
        "  room:broadcast(line)\n"
        "end\n"
        "function on_message(message, from)\n"
        "  server.state.message, server.state.from = message, from\n"
        "end\n",
        LINES,
        "test(\"group\", function()\n"
        "  local a, b, c = test.connect(), test.connect(), test.connect()\n"
        "  a:receive('join')\n"
        "  b:receive('join')\n"
        "  c:receive('hello')\n"
        "  test.equal({ a.sent, b.sent, c.sent }, { { 'hello' }, { 'hello' }, {} })\n"
        "  a:close()\n"
        "  test.equal(server.group('room'):count(), 1)\n"
        "end)\n"
        "test(\"the group is empty again\", function()\n"
        "  test.equal(server.group('room'):count(), 0)\n"
        "end)\n"
        "test(\"broadcast\", function()\n"
        "  local a, b, c = test.connect(), test.connect(), test.connect()\n"
        "  a:receive('all')\n"
        "  test.equal({ a.sent, b.sent, c.sent }, { {}, { 'to all' }, { 'to all' } })\n"
        "end)\n"
        "test(\"post\", function()\n"
        "  test.connect():receive('post')\n"
        "  test.equal(server.state, { message = { from = 'me', 1, 2 }, from = 1 })\n"
        "end)\n"
        "test(\"shared\", function()\n"
        "  local conn = test.connect()\n"
        "  conn:receive('count')\n"
        "  conn:receive('count')\n"
        "  test.equal(conn.sent, { '1', '2' })\n"
        "  server.shared:set('short', true, 10)\n"
        "  test.advance(9)\n"
        "  test.equal(server.shared:get('short'), true)\n"
        "  test.advance(2)\n"
        "  test.equal(server.shared:get('short'), nil)\n"
        "end)\n"
        "test(\"shared is empty again\", function()\n"
        "  test.equal(server.shared:get('n'), nil)\n"
        "end)\n");
}

Test(offline, each_test_has_a_fresh_state_of_its_own)
{
    static const char test[] = "test(\"fresh\", function()\n"
                               "  test.equal({ count, server.state.count }, {})\n"
                               "  test.equal(require('module').count, 0)\n"
                               "  test.equal(mine, nil)\n"
                               "  test.connect():receive('x')\n"
                               "  test.equal({ count, server.state.count }, { 1, 1 })\n"
                               "  test.equal(require('module').count, 1)\n"
                               "  mine = 1\n"
                               "end)\n";
    char tests[2048];
    snprintf(tests, sizeof tests, "%s%s", test, test);
    struct outcome outcome = offline_run(
        FILES("main.lua",
              "local module = require 'module'\n"
              "function on_receive()\n"
              "  count = (count or 0) + 1\n"
              "  server.state.count = count\n"
              "  module.count = module.count + 1\n"
              "  if rawget(_G, 'mine') then error('a global of the test') end\n"
              "end\n",
              "module.lua", "return { count = 0 }\n", "a_test.lua", tests, "b_test.lua", test));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.out, "3 passed, 0 failed\n"), "%s", outcome.out);
    offline_end(&outcome);
}

Test(offline, a_thousand_clients_are_no_trouble)
{
    offline_pass(ECHO, "return {}\n",
                 "test(\"at once\", function()\n"
                 "  local conns = {}\n"
                 "  for i = 1, 1000 do conns[i] = test.connect() end\n"
                 "  conns[1]:receive('hello')\n"
                 "  broadcast('all')\n"
                 "  test.advance(0)\n"
                 "  for i = 1, 1000 do test.equal(conns[i].sent[#conns[i].sent], 'all') end\n"
                 "  for i = 1, 1000 do conns[i]:close() end\n"
                 "  test.equal(server.stats().connections, 0)\n"
                 "end)\n");
}
