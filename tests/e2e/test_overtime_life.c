/* Handlers of every kind that do not return, and what goes on beside them. */
#include "overtime.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(overtime, a_timer_is_interrupted_and_comes_again)
{
    struct server server = begin_hasty(LOOP "local times = 0\n"
                                            "server.every(0.01, function()\n"
                                            "  times = times + 1\n"
                                            "  if times <= 2 then loop() end\n"
                                            "end)\n"
                                            "server.after(0.01, function() loop() end)\n"
                                            "function on_receive(conn, packet)\n"
                                            "  while times < 4 do server.sleep(0.01) end\n"
                                            "  conn:send(packet)\n"
                                            "end\n");
    int client = client_connect(&server);
    server_expect_log_count(&server, "error timer (generation 1): ", 3);
    server_expect_log_count(&server, INTERRUPTED, 3);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(overtime, a_connection_is_refused_whose_on_connect_loops)
{
    struct server server = begin_hasty(
        LOOP "local count = 0\n"
             "function on_connect() count = count + 1 if count % 2 == 0 then loop() end end\n"
             "function on_receive(conn, packet) conn:send(packet) end\n"
             "function on_disconnect() server.log('info', 'disconnected') end\n");
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        client_ask(client, "hello", "hello");
        int refused = client_connect(&server);
        cr_assert_eq(client_await_end(refused), CLIENT_EOF);
        server_expect_log_count(&server, INTERRUPTED, i + 1);
        client_ask(client, "hello", "hello");
        close(client);
        close(refused);
        server_expect_log_count(&server, "disconnected\n", i + 1);
    }
    cr_assert_eq(server_log_count(&server, "disconnected\n"), 3);
    cr_assert_eq(server_log_count(&server, "error on_connect (connection "), 3);
    server_end(&server);
}

Test(overtime, a_connection_ends_whose_on_idle_loops)
{
    struct server server =
        begin_hasty(LOOP "function on_connect(conn) conn:idle(0.05) end\n"
                         "function on_idle() loop() end\n"
                         "function on_disconnect(conn, reason)\n"
                         "  server.log('info', 'ended %s', reason)\n"
                         "end\n"
                         "function on_receive(conn, packet) conn:idle(0) conn:send(packet) end\n");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    int idle = client_connect(&server);
    cr_assert_eq(client_await_end(idle), CLIENT_EOF);
    server_expect_log(&server, "error on_idle (connection ");
    server_expect_log(&server, INTERRUPTED);
    server_expect_log(&server, "ended error\n");
    client_ask(client, "still here", "still here");
    close(client);
    close(idle);
    server_end(&server);
}

Test(overtime, on_disconnect_and_on_stop_may_loop_too)
{
    struct server server =
        begin_hasty(LOOP "function on_receive(conn, packet) conn:send(packet) end\n"
                         "function on_disconnect() loop() end\n"
                         "function on_stop() loop() end\n");
    int bystander = client_connect(&server);
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        client_ask(client, "hello", "hello");
        close(client);
        server_expect_log_count(&server, "error on_disconnect (connection ", i + 1);
        server_expect_log_count(&server, INTERRUPTED, i + 1);
        client_ask(bystander, "hello", "hello");
    }
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "error on_stop (generation 1): ");
    server_expect_log_count(&server, INTERRUPTED, 5);
    close(bystander);
    server_end(&server);
}

/* ---- whom it does not touch ---- */

Test(overtime, a_handler_that_sleeps_for_longer_is_not_interrupted)
{
    struct server server =
        begin_hasty("function on_connect(conn) server.sleep(1.2) conn:send('connected') end\n"
                    "function on_receive(conn, packet)\n"
                    "  for _ = 1, 12 do server.sleep(0.1) end\n"
                    "  conn:send(packet)\n"
                    "end\n");
    int client = client_connect(&server);
    client_expect(client, "connected");
    client_ask(client, "hello", "hello");
    cr_assert_eq(server_log_count(&server, INTERRUPTED), 0);
    close(client);
    server_end(&server);
}

Test(overtime, without_a_limit_nothing_is_interrupted)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  local until_then = os.clock() + 1.5\n"
                                               "  while os.clock() < until_then do end\n"
                                               "  conn:send(packet)\n"
                                               "end\n",
                                     .flags = {"--workers", "1", "--handler-timeout", "0"}});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    cr_assert_eq(server_log_count(&server, "interrupted"), 0);
    close(client);
    server_end(&server);
}

/* They are handed on one after another in one coroutine. Each runs until the next second begins. */
Test(overtime, packets_that_come_at_once_have_a_limit_each)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  local second = os.time()\n"
                                               "  while os.time() == second do end\n"
                                               "  conn:send(packet)\n"
                                               "end\n",
                                     .flags = {"--workers", "1", "--handler-timeout", "2.5"}});
    int client = client_connect(&server);
    client_send(client, "\5\0\0\0a\5\0\0\0b\5\0\0\0c\5\0\0\0d", 20);
    client_expect(client, "a");
    client_expect(client, "b");
    client_expect(client, "c");
    client_expect(client, "d");
    cr_assert_eq(server_log_count(&server, INTERRUPTED), 0);
    close(client);
    server_end(&server);
}

Test(overtime, what_runs_before_the_first_connection_may_take_its_time)
{
    struct server server = begin_hasty("local function work()\n"
                                       "  local until_then = os.clock() + 1.2\n"
                                       "  while os.clock() < until_then do os.time() end\n"
                                       "end\n"
                                       "work()\n"
                                       "function on_start() work() end\n"
                                       "function on_receive(conn, packet) conn:send(packet) end\n");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(overtime, a_limit_of_some_workers_is_not_another_ones)
{
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  if packet == 'loop' then\n"
                                 "    conn:send('loops')\n"
                                 "    repeat os.time() until server.shared:get('done')\n"
                                 "  elseif packet == 'done' then\n"
                                 "    server.shared:set('done', true)\n"
                                 "  end\n"
                                 "  conn:send(packet .. ' ' .. server.worker)\n"
                                 "end\n";
    struct server server = server_begin(&(struct begin){
        .script = script, .flags = {"--workers", "2", "--handler-timeout", "1000"}});
    int clients[2];
    for (int i = 0; i < 2; i++) clients[i] = client_connect(&server);
    client_ask(clients[0], "hello", "hello 1");
    client_ask(clients[1], "hello", "hello 2");
    client_put_text(clients[0], "loop");
    for (int i = 0; i < 200; i++) client_ask(clients[1], "hello", "hello 2");
    client_ask(clients[1], "done", "done 2");
    client_expect(clients[0], "loops");
    client_expect(clients[0], "loop 1");
    for (int i = 0; i < 2; i++) close(clients[i]);
    server_end(&server);
}

Test(overtime, an_interrupted_worker_leaves_the_others_alone)
{
    static const char script[] = LOOP "function on_receive(conn, packet)\n"
                                      "  if packet == 'loop' then loop() end\n"
                                      "  if packet == 'wait' then server.sleep(0.6) end\n"
                                      "  conn:send(packet .. ' ' .. server.worker)\n"
                                      "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "2", "--handler-timeout", "0.3"}});
    int looping = client_connect(&server), other = client_connect(&server);
    client_ask(looping, "hello", "hello 1");
    client_ask(other, "hello", "hello 2");
    client_put_text(looping, "loop");
    client_ask(other, "wait", "wait 2");
    for (int i = 0; i < 200; i++) client_ask(other, "hello", "hello 2");
    cr_assert_eq(client_await_end(looping), CLIENT_EOF);
    server_expect_log(&server, INTERRUPTED);
    cr_assert_eq(server_log_count(&server, INTERRUPTED), 1);
    close(looping);
    close(other);
    server_end(&server);
}

Test(overtime, a_loop_is_interrupted_whichever_worker_it_is_in)
{
    enum { WORKERS = 3 };
    int clients[WORKERS];
    static const char script[] = LOOP "function on_receive(conn, packet)\n"
                                      "  if packet == 'loop' then loop() end\n"
                                      "  conn:send(tostring(server.worker))\n"
                                      "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "3", "--handler-timeout", "0.3"}});
    for (int i = 0; i < WORKERS; i++) clients[i] = client_connect(&server);
    client_ask(clients[0], "which?", "1");
    client_ask(clients[1], "which?", "2");
    client_ask(clients[2], "which?", "3");
    for (int i = 0; i < WORKERS; i++) client_put_text(clients[i], "loop");
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(client_await_end(clients[i]), CLIENT_EOF);
        close(clients[i]);
    }
    server_expect_log_count(&server, INTERRUPTED, WORKERS);
    server_end(&server);
}

/* ---- what cannot be interrupted ---- */

Test(overtime, a_pattern_that_takes_for_ever_is_told_of_and_the_server_can_be_ended)
{
    struct server server =
        begin_hasty("function on_receive(conn, packet)\n"
                    "  conn:send('searching')\n"
                    "  local many = 60\n"
                    "  return ('a'):rep(many):find(('a?'):rep(many) .. ('a'):rep(many))\n"
                    "end\n"
                    "function on_connect(conn) conn:send('hello') end\n");
    int client = client_connect(&server);
    client_expect(client, "hello");
    client_put_text(client, "go");
    server_expect_log(&server, "worker 1: on_receive has run for ");
    server_expect_log(&server, "cannot be interrupted: it is in a C function");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping: every queue is flushed first");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server, "a script does not return: ended without it");
    cr_assert_leq(server_log_count(&server, "cannot be interrupted"), 3, "ever rarer");
    close(client);
    server_end(&server);
}
