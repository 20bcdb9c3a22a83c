/* Scripts that wait: sleep, paused connections, coroutines. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sleep ---- */

Test(wait, sleep_keeps_the_order_of_packets)
{
    enum { PACKETS = 30 };
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if tonumber(packet) % 3 == 0 then server.sleep(0.01) end\n"
                            "  conn:send(packet)\n"
                            "  if tonumber(packet) % 5 == 0 then server.sleep(0.005) end\n"
                            "end\n");
    char text[16];
    int client = client_connect(&server);
    for (int i = 0; i < PACKETS; i++) {
        snprintf(text, sizeof text, "%d", i);
        client_put_text(client, text);
    }
    for (int i = 0; i < PACKETS; i++) {
        snprintf(text, sizeof text, "%d", i);
        client_expect(client, text);
    }
    close(client);
    server_end(&server);
}

Test(wait, sleep_holds_up_no_other_connection)
{
    struct server server = server_begin_script("local held, count\n"
                                               "function on_receive(conn, packet)\n"
                                               "  if packet == 'hold' then\n"
                                               "    held, count = true, 0\n"
                                               "    conn:send('held')\n"
                                               "    while held do server.sleep(0.005) end\n"
                                               "    conn:send('let go after ' .. count)\n"
                                               "  elseif packet == 'count' then\n"
                                               "    count = count + 1\n"
                                               "    conn:send('counted')\n"
                                               "  elseif packet == 'let go' then\n"
                                               "    held = false\n"
                                               "  end\n"
                                               "end\n");
    int holder = client_connect(&server), other = client_connect(&server);
    client_ask(holder, "hold", "held");
    client_put_text(holder, "count"); /* waits until the first is over */
    for (int i = 0; i < 50; i++) client_ask(other, "count", "counted");
    client_put_text(other, "let go");
    client_expect(holder, "let go after 50");
    client_expect(holder, "counted");
    close(holder);
    close(other);
    server_end(&server);
}

Test(wait, many_handlers_sleep_at_once)
{
    enum { CLIENTS = 300 };
    int clients[CLIENTS];
    struct server server = server_begin_script("local sleeping, most = 0, 0\n"
                                               "function on_receive(conn, packet)\n"
                                               "  sleeping = sleeping + 1\n"
                                               "  most = math.max(most, sleeping)\n"
                                               "  while most < 300 do server.sleep(0.01) end\n"
                                               "  server.sleep(0)\n"
                                               "  sleeping = sleeping - 1\n"
                                               "  conn:send(packet)\n"
                                               "end\n");
    for (int round = 0; round < 3; round++) {
        char text[16];
        for (int i = 0; i < CLIENTS; i++) {
            if (round == 0) clients[i] = client_connect(&server);
            snprintf(text, sizeof text, "%d", i);
            client_put_text(clients[i], text);
        }
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof text, "%d", i);
            client_expect(clients[i], text);
        }
    }
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

/* What they cost is memory: some kilobytes each, which come back. */
Test(wait, ten_thousand_handlers_sleep_at_once)
{
    static const char script[] =
        "local HANDLERS = 10000\n"
        "local asleep, awake, go = 0, 0, false\n"
        "local function count() collectgarbage() collectgarbage() return collectgarbage('count') "
        "end\n"
        "local function wake()\n"
        "  asleep = asleep + 1\n"
        "  while not go do server.sleep(0.2) end\n"
        "  awake = awake + 1\n"
        "end\n"
        "function on_receive(conn, packet)\n"
        "  local before = count()\n"
        "  asleep, awake, go = 0, 0, false\n"
        "  for i = 1, HANDLERS do server.after(0, wake) end\n"
        "  while asleep < HANDLERS do server.sleep(0.01) end\n"
        "  local each = (count() - before) / HANDLERS\n"
        "  conn:send(each < 4 and 'asleep' or ('%f K each'):format(each))\n"
        "  go = true\n"
        "  while awake < HANDLERS do server.sleep(0.01) end\n"
        "  local kept = (count() - before) / HANDLERS\n"
        "  conn:send(kept < 1 and packet or ('%f K each kept'):format(kept))\n"
        "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "1", "--handler-timeout", "100"}});
    int client = client_connect(&server);
    for (int round = 0; round < 3; round++) {
        client_ask(client, "again", "asleep");
        client_expect(client, "again");
    }
    close(client);
    server_end(&server);
}

Test(wait, every_handler_and_timer_may_sleep)
{
    struct server server =
        server_begin_script("function on_connect(conn)\n"
                            "  server.sleep(0.01)\n"
                            "  conn:send('connected')\n"
                            "end\n"
                            "function on_receive(conn, packet)\n"
                            "  local fine, result = pcall(function()\n"
                            "    server.sleep(0.01)\n"
                            "    return packet\n"
                            "  end)\n"
                            "  server.after(0, function()\n"
                            "    server.sleep(0.01)\n"
                            "    conn:send('later: ' .. tostring(fine) .. ' ' .. result)\n"
                            "  end)\n"
                            "end\n"
                            "function on_disconnect(conn, reason)\n"
                            "  server.sleep(0.01)\n"
                            "  server.log('info', '%s ended %s, %s', conn, reason,\n"
                            "             select(2, conn:send('late')))\n"
                            "end\n");
    int client = client_connect(&server);
    client_put_text(client, "hello"); /* not handed on before on_connect is over */
    client_expect(client, "connected");
    client_expect(client, "later: true hello");
    close(client);
    server_expect_log(&server, " ended eof, closed\n");
    server_end(&server);
}

/* ---- handlers other than on_receive ---- */

#define MEGABYTES "for i = 1, 30 do conn:send(('x'):rep(2^20)) end\n"

static struct server begin_draining(const char *script)
{
    return server_begin(&(struct begin){.script = script,
                                        .config = "return { soft_mark = '64K', hard_mark = '64M' }",
                                        .flags = {"--workers", "1"}});
}

static void take_megabytes(int client)
{
    for (int i = 0; i < 30; i++) free(client_take(client, &(size_t){0}));
}

Test(wait, packets_wait_for_an_on_drain_that_waits)
{
    struct server server = begin_draining("function on_receive(conn, packet)\n"
                                          "  if packet ~= 'go' then return conn:send(packet) end\n"
                                          "  " MEGABYTES "end\n"
                                          "function on_drain(conn)\n"
                                          "  conn:send('drain begins')\n"
                                          "  server.sleep(0.05)\n"
                                          "  conn:send('drain ends')\n"
                                          "end\n");
    int client = client_connect(&server);
    client_put_text(client, "go");
    client_put_text(client, "behind it");
    take_megabytes(client);
    client_expect(client, "drain begins");
    client_expect(client, "drain ends");
    client_expect(client, "behind it");
    client_ask(client, "and then", "and then");
    close(client);
    server_end(&server);
}

/* Two of its handlers wait at once; packets wait for both, whichever ends first. */
Test(wait, packets_wait_until_on_receive_and_on_drain_have_both_waited)
{
    static const char script[] = "local drains, may_end\n"
                                 "local function wait_for(name)\n"
                                 "  while may_end ~= name do server.sleep(0.001) end\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if packet == 'go' then\n" MEGABYTES "    wait_for('receive')\n"
                                 "    return conn:send('receive ends')\n"
                                 "  elseif packet == 'drains?' then\n"
                                 "    while not drains do server.sleep(0.001) end\n"
                                 "  elseif packet == 'receive' or packet == 'drain' then\n"
                                 "    may_end = packet\n"
                                 "    server.sleep(0.02)\n"
                                 "  elseif packet == 'anew' then\n"
                                 "    drains, may_end = nil, nil\n"
                                 "  end\n"
                                 "  conn:send(packet)\n"
                                 "end\n"
                                 "function on_drain(conn)\n"
                                 "  drains = true\n"
                                 "  wait_for('drain')\n"
                                 "  conn:send('drain ends')\n"
                                 "end\n";
    static const char *const orders[][2] = {{"receive", "drain"}, {"drain", "receive"}};
    struct server server = begin_draining(script);
    int client = client_connect(&server), other = client_connect(&server);
    for (int i = 0; i < 2; i++) {
        client_ask(other, "anew", "anew");
        client_put_text(client, "go");
        client_put_text(client, "behind them");
        take_megabytes(client);
        client_ask(other, "drains?", "drains?");
        for (int which = 0; which < 2; which++) {
            char ends[32];
            client_ask(other, orders[i][which], orders[i][which]);
            snprintf(ends, sizeof ends, "%s ends", orders[i][which]);
            client_expect(client, ends);
        }
        client_expect(client, "behind them");
    }
    close(client);
    close(other);
    server_end(&server);
}

/* ... while messages and timers that wait hold up nobody's packets. */
Test(wait, packets_do_not_wait_for_timers_and_messages_that_wait)
{
    struct server server = server_begin_script("local waiting, go_on = 0\n"
                                               "local function wait()\n"
                                               "  waiting = waiting + 1\n"
                                               "  while not go_on do server.sleep(0.001) end\n"
                                               "  waiting = waiting - 1\n"
                                               "end\n"
                                               "function on_message() wait() end\n"
                                               "function on_receive(conn, packet)\n"
                                               "  if packet == 'begin' then\n"
                                               "    server.after(0, wait)\n"
                                               "    server.post(1, true)\n"
                                               "    while waiting < 2 do server.sleep(0.001) end\n"
                                               "  elseif packet == 'end' then\n"
                                               "    go_on = true\n"
                                               "    while waiting > 0 do server.sleep(0.001) end\n"
                                               "  end\n"
                                               "  conn:send(packet)\n"
                                               "end\n");
    int client = client_connect(&server);
    client_ask(client, "begin", "begin");
    client_ask(client, "meanwhile", "meanwhile");
    client_ask(client, "end", "end");
    close(client);
    server_end(&server);
}

/* ---- the end ---- */

Test(wait, a_sleeping_handler_does_not_hold_up_the_end)
{
    struct server server =
        server_begin_script("local connected = 0\n"
                            "function on_connect(conn)\n"
                            "  connected = connected + 1\n"
                            "  conn:send('connected')\n"
                            "  if connected == 2 then server.sleep(1000) end\n"
                            "end\n"
                            "function on_receive(conn)\n"
                            "  conn:send('asleep')\n"
                            "  server.sleep(1000)\n"
                            "end\n"
                            "function on_disconnect(conn)\n"
                            "  server.log('info', 'ended')\n"
                            "  server.sleep(1000)\n"
                            "end\n"
                            "function on_start()\n"
                            "  server.after(0, function() server.sleep(1000) end)\n"
                            "end\n");
    int client = client_connect(&server);
    client_expect(client, "connected");
    client_ask(client, "sleep", "asleep");
    int undecided = client_connect(&server);
    client_expect(undecided, "connected");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "ended");
    cr_assert_eq(server_wait(&server), 0);
    close(client);
    close(undecided);
    server_end(&server);
}

/* ---- before the first connection ---- */

Test(wait, nobody_is_served_before_an_on_start_that_sleeps_is_over)
{
    static const char script[] = "local ready, ticks = false, 0\n"
                                 "server.every(0.01, function() ticks = ticks + 1 end)\n"
                                 "function on_start()\n"
                                 "  for _ = 1, 10 do server.sleep(0.02 * server.worker) end\n"
                                 "  ready = ticks > 0\n"
                                 "  server.log('info', 'ready %d', server.worker)\n"
                                 "end\n"
                                 "function on_connect(conn)\n"
                                 "  conn:send(ready and 'ready ' .. server.worker or 'early')\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    int clients[4];
    char *log = server_log(&server);
    const char *listening = strstr(log, "listening on ");
    for (int worker = 1; worker <= 2; worker++) {
        char line[16];
        snprintf(line, sizeof line, "ready %d\n", worker);
        const char *ready = strstr(log, line);
        cr_assert(ready != NULL && ready < listening, "%s", log);
    }
    free(log);
    for (int i = 0; i < 4; i++) {
        clients[i] = client_connect(&server);
        client_expect(clients[i], i % 2 == 0 ? "ready 1" : "ready 2");
    }
    for (int i = 0; i < 4; i++) close(clients[i]);
    server_end(&server);
}

Test(wait, an_on_start_that_sleeps_and_fails_ends_the_start)
{
    static const char script[] = "function on_start()\n"
                                 "  server.sleep(0.05)\n"
                                 "  if server.worker == 2 then error('no database') end\n"
                                 "  server.sleep(1000)\n"
                                 "end\n"
                                 "function on_receive() end\n"
                                 "function on_stop() print('stopped') end\n";
    char *out, *err;
    char *directory = directory_make("main.lua", script, NULL);
    const char *words[] = {directory, "--listen",  "127.0.0.1:0", "--backend",
                           backend(), "--workers", "3",           NULL};
    cr_assert_eq(program_run(&out, &err, words), 1, "%s", err);
    cr_assert_not_null(strstr(err, "on_start failed in worker 2: "), "%s", err);
    cr_assert_not_null(strstr(err, "main.lua:3: no database"), "%s", err);
    cr_assert_null(strstr(err, "listening on"), "%s", err);
    cr_assert_null(strstr(out, "stopped"), "on_stop of what never started: %s", out);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(wait, a_server_whose_on_start_sleeps_can_be_stopped)
{
    struct server server = server_start(&(struct begin){.script = "function on_start()\n"
                                                                  "  server.log('info', 'begun')\n"
                                                                  "  server.sleep(1000)\n"
                                                                  "end\n",
                                                        .flags = {"--workers", "2"}});
    server_expect_log_count(&server, "begun\n", 2);
    server_signal(&server, SIGTERM);
    server_signal(&server, SIGTERM);
    cr_assert_geq(server_wait(&server), 0);
    server_end(&server);
}

/* ---- pause ---- */

Test(wait, a_paused_connection_is_handed_nothing)
{
    struct server server =
        server_begin_script("local paused\n"
                            "function on_receive(conn, packet)\n"
                            "  if packet == 'resume' then\n"
                            "    conn:send(paused:resume() and 'resumed')\n"
                            "    paused:resume()\n"
                            "    paused = nil\n"
                            "    return\n"
                            "  end\n"
                            "  conn:send(conn == paused and 'too early' or packet)\n"
                            "  if packet == 'pause' then\n"
                            "    paused = conn\n"
                            "    conn:pause()\n"
                            "    conn:pause()\n"
                            "  end\n"
                            "end\n");
    int client = client_connect(&server), other = client_connect(&server);
    for (int i = 0; i < 5; i++) {
        client_send(client, "\x09\0\0\0pause\x07\0\0\0one", 16); /* in one piece */
        client_expect(client, "pause");
        client_put_text(client, "two");
        client_ask(other, "hello", "hello");
        client_ask(other, "resume", "resumed");
        client_expect(client, "one");
        client_expect(client, "two");
    }
    close(client);
    close(other);
    server_end(&server);
}

/* Nothing is received from it, so nothing else would show that its peer has gone. */
Test(wait, a_paused_connection_becomes_idle)
{
    struct server server = server_begin_script("function on_receive(conn)\n"
                                               "  conn:send('paused')\n"
                                               "  conn:idle(0.1)\n"
                                               "  conn:pause()\n"
                                               "end\n"
                                               "function on_disconnect(conn, reason)\n"
                                               "  server.log('info', 'ended %s', reason)\n"
                                               "end\n");
    int client = client_connect(&server);
    client_put_text(client, "pause");
    client_expect(client, "paused");
    close(client);
    server_expect_log(&server, "ended idle");
    server_end(&server);
}

Test(wait, a_connection_may_be_paused_from_its_first_moment)
{
    struct server server =
        server_begin_script("function on_connect(conn)\n"
                            "  conn:pause()\n"
                            "  conn:send('wait')\n"
                            "  server.after(0.1, function()\n"
                            "    conn:send('go')\n"
                            "    conn:resume()\n"
                            "  end)\n"
                            "end\n"
                            "function on_receive(conn, packet) conn:send(packet) end\n");
    int client = client_connect(&server);
    client_put_text(client, "hello");
    client_expect(client, "wait");
    client_expect(client, "go");
    client_expect(client, "hello");
    close(client);
    server_end(&server);
}

/* ---- coroutines ---- */

Test(wait, a_yield_from_a_handler_is_an_error)
{
    static const char *const ways[] = {"at once", "later"};
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if packet == 'later' then server.sleep(0.01) end\n"
                            "  if packet ~= 'still here' then coroutine.yield() end\n"
                            "  conn:send(packet)\n"
                            "end\n");
    int other = client_connect(&server);
    for (int i = 0; i < 2; i++) {
        int client = client_connect(&server);
        client_put_text(client, ways[i]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF, "%s", ways[i]);
        close(client);
        server_expect_log_count(
            &server, "yielded outside a coroutine of its own: to wait, use server.sleep", i + 1);
        server_expect_log_count(&server, "main.lua:3:", i + 1);
        client_ask(other, "still here", "still here");
    }
    close(other);
    server_end(&server);
}

Test(wait, sleep_says_where_it_cannot_wait)
{
    struct server server = server_begin_script(
        "local ways = {}\n"
        "function ways.comparator()\n"
        "  table.sort({ 3, 2, 1 }, function() server.sleep(0.01) end)\n"
        "end\n"
        "function ways.pattern() ('x'):gsub('x', function() server.sleep(0.01) end) end\n"
        "function ways.coroutine()\n"
        "  return assert(coroutine.resume(coroutine.create(function() server.sleep(0.01) end)))\n"
        "end\n"
        "function on_receive(conn, way)\n"
        "  local _, message = pcall(ways[way])\n"
        "  conn:send(message:match('server.sleep.-:') or message)\n"
        "end\n");
    int client = client_connect(&server);
    client_ask(client, "comparator", "server.sleep cannot wait here:");
    client_ask(client, "pattern", "server.sleep cannot wait here:");
    client_ask(client, "coroutine", "server.sleep inside a coroutine of your own:");
    close(client);
    server_end(&server);
}

Test(wait, scripts_have_coroutines_of_their_own)
{
    struct server server = server_begin_script("local squares = coroutine.wrap(function(n)\n"
                                               "  while true do n = coroutine.yield(n * n) end\n"
                                               "end)\n"
                                               "function on_receive(conn, packet)\n"
                                               "  local square = squares(tonumber(packet))\n"
                                               "  server.sleep(0.001)\n"
                                               "  for word in coroutine.wrap(function()\n"
                                               "    conn:send('from within')\n"
                                               "    coroutine.yield(('%d'):format(square))\n"
                                               "  end) do conn:send(word) end\n"
                                               "end\n");
    int client = client_connect(&server);
    client_ask(client, "3", "from within");
    client_expect(client, "9");
    client_ask(client, "12", "from within");
    client_expect(client, "144");
    close(client);
    server_end(&server);
}

Test(wait, a_sleeping_handler_that_is_resumed_by_force_harms_nobody)
{
    struct server server =
        server_begin_script("local sleeping\n"
                            "function on_receive(conn, packet)\n"
                            "  if packet == 'sleep' then\n"
                            "    sleeping = coroutine.running()\n"
                            "    conn:send('asleep')\n"
                            "    server.sleep(0.05)\n"
                            "    return\n"
                            "  end\n"
                            "  if packet == 'force' then coroutine.resume(sleeping) end\n"
                            "  if packet == 'close' and coroutine.close then\n"
                            "    coroutine.close(sleeping)\n"
                            "  end\n"
                            "  server.sleep(0.1)\n"
                            "  pcall(coroutine.resume, sleeping)\n"
                            "  conn:send(packet)\n"
                            "end\n");
    int client = client_connect(&server);
    static const char told[] = "its coroutine was resumed before its time\n";
    for (int i = 0; i < 4 || server_log_count(&server, told) == 0; i++) { /* before it wakes up */
        int sleeper = client_connect(&server);
        client_ask(sleeper, "sleep", "asleep");
        client_ask(client, i % 2 == 0 ? "force" : "close", i % 2 == 0 ? "force" : "close");
        close(sleeper);
    }
    cr_assert_eq(server_log_count(&server, "before its time\n  stack traceback:"), 0);
    close(client);
    server_end(&server);
}
