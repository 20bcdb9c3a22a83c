/* server.after and server.every, and what may happen to a timer. */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Test(timer, timers_fire_in_order_and_not_after_cancel)
{
    struct server server = server_begin_script(
        "function on_receive(conn)\n"
        "  local never = server.after(0.05, function() conn:send('never') end)\n"
        "  server.after(0.10, function() conn:send('third') end)\n"
        "  server.after(0.02, function() conn:send('second') end)\n"
        "  server.after(0, function() conn:send('first') end)\n"
        "  local count, ticks = 0, nil\n"
        "  ticks = server.every(0.03, function()\n"
        "    count = count + 1\n"
        "    if count < 3 then return end\n"
        "    ticks:cancel()\n"
        "    ticks:cancel()\n"
        "    server.after(0.1, function() conn:send('ticks ' .. count) end)\n"
        "  end)\n"
        "  never:cancel()\n"
        "end\n");
    int client = client_connect(&server);
    client_ask(client, "go", "first");
    client_expect(client, "second");
    client_expect(client, "third");
    client_expect(client, "ticks 3");
    close(client);
    server_end(&server);
}

Test(timer, timers_may_be_made_and_cancelled_wherever_a_script_runs)
{
    struct server server = server_begin_script(
        "local stale = server.every(0.01, function() end)\n"
        "server.after(0.01, function() server.log('info', 'from main') end)\n"
        "local held\n"
        "function on_start()\n"
        "  stale:cancel()\n"
        "  server.after(0.01, function() server.log('info', 'from start') end)\n"
        "  held = server.every(0.01, function() end)\n"
        "end\n"
        "function on_receive() end\n"
        "function on_stop()\n"
        "  held:cancel()\n"
        "  server.after(0, print):cancel()\n"
        "  server.every(0.01, print)\n"
        "  server.log('info', 'from stop')\n"
        "end\n");
    server_expect_log(&server, "from main\n");
    server_expect_log(&server, "from start\n");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "from stop\n");
    server_end(&server);
}

Test(timer, a_timer_that_nobody_keeps_still_fires)
{
    struct server server = server_begin_script(
        "function on_receive(conn)\n"
        "  for i = 1, 20 do\n"
        "    server.after(0.02, function() collectgarbage() conn:send('') end)\n"
        "  end\n"
        "  collectgarbage()\n"
        "end\n");
    int client = client_connect(&server);
    client_put_text(client, "go");
    for (int i = 0; i < 20; i++) client_expect(client, "");
    close(client);
    server_end(&server);
}

Test(timer, a_timer_may_be_cancelled_and_collected_while_it_runs)
{
    struct server server = server_begin_script("function on_receive(conn)\n"
                                               "  local own\n"
                                               "  own = server.after(0, function()\n"
                                               "    own:cancel()\n"
                                               "    own = nil\n"
                                               "    collectgarbage() collectgarbage()\n"
                                               "  end)\n"
                                               "  local other = server.every(0.01, function()\n"
                                               "    server.sleep(0.1)\n"
                                               "    conn:send('over')\n"
                                               "  end)\n"
                                               "  server.after(0.05, function()\n"
                                               "    other:cancel()\n"
                                               "    other = nil\n"
                                               "    collectgarbage() collectgarbage()\n"
                                               "  end)\n"
                                               "end\n");
    int client = client_connect(&server);
    for (int i = 0; i < 5; i++) client_ask(client, "go", "over");
    close(client);
    server_end(&server);
}

Test(timer, an_error_in_a_timer_is_logged_and_the_next_tick_comes)
{
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  local count = 0\n"
                            "  server.every(0.01, function()\n"
                            "    count = count + 1\n"
                            "    if count == 3 then return conn:send('three') end\n"
                            "    if count < 3 then error('in a timer') end\n"
                            "  end)\n"
                            "end\n");
    int client = client_connect(&server);
    client_ask(client, "go", "three");
    server_expect_log_count(&server, "error timer (generation 1): ", 2);
    server_expect_log_count(&server, "main.lua:6: in a timer", 2);
    close(client);
    server_end(&server);
}

/* ---- finalizers, which run whenever memory is collected ---- */

#define ATTACH \
    "local function attach(finalizer)\n" \
    "  if not newproxy then return setmetatable({}, { __gc = finalizer }) end\n" \
    "  local proxy = newproxy(true)\n" \
    "  getmetatable(proxy).__gc = finalizer\n" \
    "end\n"

Test(timer, finalizers_may_use_timers)
{
    struct server server =
        server_begin_script(ATTACH "local count = 0\n"
                                   "local function again()\n"
                                   "  server.after(0, function() count = count + 1 end)\n"
                                   "  for _ in server.connections() do end\n"
                                   "  attach(again)\n"
                                   "end\n"
                                   "function on_receive(conn)\n"
                                   "  again()\n"
                                   "  collectgarbage()\n"
                                   "  conn:send(count < 50 and 'few' or 'many')\n"
                                   "end\n");
    int client = client_connect(&server);
    char *answer;
    bool many = false;
    for (size_t size; !many; free(answer)) {
        client_put_text(client, "collect");
        answer = (char *)client_take(client, &size);
        many = strcmp(answer, "many") == 0;
    }
    close(client);
    server_end(&server);
}

Test(timer, finalizers_may_fail)
{
    struct server server =
        server_begin_script(ATTACH "local function fail() error('in a finalizer') end\n"
                                   "server.every(0.001, function() attach(fail) end)\n"
                                   "function on_receive(conn, packet)\n"
                                   "  for i = 1, 100 do attach(fail) end\n"
                                   "  conn:send(packet)\n"
                                   "end\n");
    for (int i = 0; i < 100; i++) { /* some Luas let them fail whoever happens to run */
        int client = client_connect(&server);
        client_put_text(client, "hello");
        cr_assert_eq(shutdown(client, SHUT_WR), 0);
        cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
        close(client);
    }
    server_end(&server);
}
