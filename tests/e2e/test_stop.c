/* How a server ends: what still goes out, what no longer comes in, and that it always ends. */
#include "harness.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUED = 30 };

#define TELLS_THE_END \
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"
/* More than the system's buffers take, so that it waits in the server. */
#define QUEUES \
    "function on_receive(conn)\n" \
    "  for i = 1, 30 do assert(conn:send(string.char(64 + i):rep(2^20))) end\n" \
    "  server.log('info', 'queued')\n" \
    "end\n"

static int connect_and_queue(const struct server *server)
{
    int client = client_connect(server);
    client_put_text(client, "go");
    server_expect_log(server, "queued\n");
    return client;
}

/* It has ended by itself, and well. */
static void expect_end(struct server *server)
{
    int status = server_wait(server);
    cr_assert_eq(status, 0, "status %d", status);
    server_expect_log(server, "stopped\n");
}

/* ---- draining ---- */

static void flush_after(int signal)
{
    struct server server = server_begin(&(struct begin){
        .script = QUEUES TELLS_THE_END "function on_stop() server.log('info', 'at last') end\n",
        .flags = {"--drain-timeout", "1000"}});
    int client = connect_and_queue(&server);
    server_signal(&server, signal);
    server_expect_log(&server, "stopping:");
    client_expect_megabytes_to_the_end(client, QUEUED);
    server_expect_log(&server, "ended shutdown\n");
    close(client);
    expect_end(&server);
    server_expect_log(&server, "at last\n");
    server_end(&server);
}

Test(stop, term_flushes_what_is_queued_for_a_slow_reader)
{
    flush_after(SIGTERM);
}

Test(stop, int_flushes_what_is_queued_for_a_slow_reader)
{
    flush_after(SIGINT);
}

Test(stop, quit_flushes_what_is_queued_for_a_slow_reader)
{
    if (on_windows()) cr_skip_test("NOT TESTED: Windows has no signals");
    flush_after(SIGQUIT);
}

Test(stop, two_signals_within_a_second_are_one)
{
    struct server server =
        server_begin(&(struct begin){.script = QUEUES, .flags = {"--drain-timeout", "1000"}});
    int client = connect_and_queue(&server);
    server_signal(&server, SIGTERM);
    server_signal(&server, SIGTERM);
    server_signal(&server, SIGINT);
    server_expect_log(&server, "stopping:");
    client_expect_megabytes_to_the_end(client, QUEUED);
    close(client);
    expect_end(&server);
    cr_assert_eq(server_log_count(&server, "stopping at once"), 0);
    server_end(&server);
}

Test(stop, what_a_handler_sends_meanwhile_goes_out)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn)\n"
                                               "  server.log('info', 'busy')\n"
                                               "  local begun = os.clock()\n"
                                               "  while os.clock() < begun + 0.3 do end\n"
                                               "  conn:send('done')\n"
                                               "end\n" TELLS_THE_END});
    int client = client_connect(&server);
    client_put_text(client, "work");
    server_expect_log(&server, "busy\n");
    server_signal(&server, SIGTERM);
    client_expect(client, "done");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    expect_end(&server);
    server_expect_log(&server, "ended shutdown\n");
    server_end(&server);
}

Test(stop, every_connection_ends_with_reason_shutdown)
{
    enum { CLIENTS = 200 };
    static int clients[CLIENTS];
    static const char script[] = "local ended = 0\n" ECHO "function on_disconnect(conn, reason)\n"
                                 "  if reason == 'shutdown' then ended = ended + 1 end\n"
                                 "  broadcast('somebody left')\n"
                                 "end\n"
                                 "function on_stop() server.log('info', 'ended %d', ended) end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    server_signal(&server, SIGTERM);
    for (int i = 0; i < CLIENTS; i++) cr_assert_eq(client_await_end(clients[i]), CLIENT_EOF);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    expect_end(&server);
    server_expect_log_count(&server, "ended 100\n", 2);
    server_end(&server);
}

Test(stop, idle_connections_do_not_hold_it_up)
{
    enum { CLIENTS = 200 };
    static int clients[CLIENTS];
    struct server server =
        server_begin(&(struct begin){.script = ECHO, .flags = {"--drain-timeout", "1000"}});
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connect(&server);
    server_end(&server); /* nobody closes, and nobody reads */
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
}

static bool is_refused(const struct server *server)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int failed = connect(client, (struct sockaddr *)&address, sizeof address);
    bool refused = failed != 0 && errno == ECONNREFUSED;
    close(client);
    return refused;
}

Test(stop, no_connection_is_accepted_while_others_are_flushed)
{
    char path[90], listen[100] = "127.0.0.1:0";
    char *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    if (!on_windows()) snprintf(listen, sizeof listen, "unix:%s", path);
    struct server server = server_begin(&(struct begin){
        .script = QUEUES, .flags = {"--drain-timeout", "1000", "--listen", listen}});
    int client = connect_and_queue(&server);
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    while (!is_refused(&server))
        continue; /* the line comes first; the test's timeout is the limit */
    while (!on_windows() && access(path, F_OK) == 0) continue;
    client_expect_megabytes_to_the_end(client, QUEUED);
    close(client);
    expect_end(&server);
    server_end(&server);
    directory_remove(directory);
}

/* ---- the end of patience ---- */

Test(stop, drain_timeout_ends_the_wait_for_a_deaf_peer)
{
    struct server server = server_begin(
        &(struct begin){.script = QUEUES TELLS_THE_END, .flags = {"--drain-timeout", "0.3"}});
    int client = connect_and_queue(&server);
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "drain_timeout is over");
    expect_end(&server);
    server_expect_log(&server, "ended shutdown\n");
    close(client);
    server_end(&server);
}

Test(stop, a_second_signal_does_not_wait_for_a_deaf_peer)
{
    struct server server = server_begin(&(struct begin){
        .script = QUEUES TELLS_THE_END "function on_stop() server.log('info', 'at last') end\n",
        .flags = {"--drain-timeout", "1000", "--workers", "2"}});
    int client = connect_and_queue(&server);
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGINT);
    server_expect_log(&server, "stopping at once\n");
    expect_end(&server);
    server_expect_log(&server, "ended shutdown\n");
    server_expect_log_count(&server, "at last\n", 2);
    close(client);
    server_end(&server);
}

/* A pattern that takes for ever is a C function, which no hook interrupts. */
Test(stop, drain_timeout_ends_the_wait_for_a_script_that_nothing_interrupts)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive()\n"
                                  "  server.log('info', 'for ever')\n"
                                  "  string.find(('a'):rep(100), ('a-'):rep(60) .. 'b')\n"
                                  "end\n",
                        .flags = {"--drain-timeout", "0.2", "--handler-timeout", "0.2"}});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "for ever\n");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server,
                      "a script does not return: ended without it, and without its on_stop");
    close(client);
    server_end(&server);
}

static void stop_in_spite_of(const char *script)
{
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--handler-timeout", "0"}});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "for ever\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server, "stopping at once\n");
    server_expect_log(&server, "a script does not return");
    close(client);
    server_end(&server);
}

#define FOR_EVER "server.log('info', 'for ever') while true do end end\n"

Test(stop, a_second_signal_does_not_wait_for_a_handler_that_never_returns)
{
    stop_in_spite_of("function on_receive() " FOR_EVER);
}

Test(stop, a_second_signal_does_not_wait_for_a_timer_that_never_returns)
{
    stop_in_spite_of("function on_receive()\n"
                     "  server.after(0.01, function() " FOR_EVER ")\n"
                     "end\n");
}

Test(stop, a_second_signal_does_not_wait_for_on_disconnect)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO "function on_disconnect() " FOR_EVER, .flags = {"--handler-timeout", "0"}});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "for ever\n");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    close(client);
    server_end(&server);
}

Test(stop, a_second_signal_does_not_wait_for_on_stop)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO "function on_stop() " FOR_EVER, .flags = {"--handler-timeout", "0"}});
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "for ever\n");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server, "a script does not return: ended without it\n");
    server_end(&server);
}

/* ---- and starts again ---- */

Test(stop, it_starts_again_at_once_after_a_kill)
{
    char listen[32] = "127.0.0.1:0";
    for (int round = 0; round < 5; round++) {
        struct server server = server_begin(&(struct begin){.script = ECHO, .listen = listen});
        snprintf(listen, sizeof listen, "127.0.0.1:%u", server.port);
        int client = client_connect(&server);
        client_ask(client, "hello", "hello");
        server_signal(&server, SIGKILL);
        cr_assert_eq(server_wait(&server), 128 + SIGKILL);
        /* Wine's own server may keep the socket of a process that was killed. */
        if (!on_windows()) cr_assert(client_await_end(client) != CLIENT_TIMEOUT);
        close(client);
        server_end(&server);
    }
}

Test(stop, it_starts_again_at_once_on_the_same_port)
{
    enum { ROUNDS = 3 };
    int stale[ROUNDS];
    char listen[32] = "127.0.0.1:0";
    for (int round = 0; round < ROUNDS; round++) {
        struct server server = server_begin(&(struct begin){.script = ECHO, .listen = listen});
        snprintf(listen, sizeof listen, "127.0.0.1:%u", server.port);
        int client = client_connect(&server);
        client_ask(client, "hello", "hello");
        stale[round] = client_connect(&server);
        client_ask(stale[round], "hello", "hello");
        close(client);
        server_end(&server);
    }
    for (int round = 0; round < ROUNDS; round++) close(stale[round]);
}
