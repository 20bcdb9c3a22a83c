/* A worker that does not come back from a script: commands are answered all the same. */
#include "harness_process.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pattern that takes for ever is in a C function, which no hook interrupts. */
#define STICKS \
    "function on_receive(conn, packet)\n" \
    "  if packet ~= 'stick' then return conn:send(packet) end\n" \
    "  server.log('info', 'sticks')\n" \
    "  string.find(('a'):rep(100), ('a-'):rep(60) .. 'b')\n" \
    "end\n"

static void expect_figure(const char *address, const char *name, const char *value)
{
    char *out, *err, line[80];
    snprintf(line, sizeof line, "\n%-28s %s\n", name, value);
    cr_assert_eq(program_run(&out, &err, WORDS("stats", "--admin", address)), 0, "%s", err);
    cr_assert_not_null(strstr(out, line), "\"%s\" should say: %s", out, line);
    free(out);
    free(err);
}

Test(stuck, figures_are_told_by_name)
{
    char address[64];
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet) conn:send(packet) end\n",
                        .flags = {"--workers", "2"},
                        .admin = true});
    server_admin(&server, address, sizeof address);
    int client = client_connect(&server);
    client_put_text(client, "hello");
    client_expect(client, "hello");
    expect_figure(address, "workers", "2");
    expect_figure(address, "connections", "1");
    expect_figure(address, "packets_received", "1");
    expect_figure(address, "closed.eof", "0");
    expect_figure(address, "jobs.queued", "0");
    expect_figure(address, "jobs.seconds", "0.000000");
    close(client);
    server_end(&server);
}

/* A client's own port. */
static uint16_t port_of(int client)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    cr_assert_eq(getsockname(client, (struct sockaddr *)&own, &size), 0);
    return ntohs(own.sin_port);
}

static char *told(const char *address, const char *const *words)
{
    char *out, *err;
    cr_assert_eq(program_run(&out, &err, words), 0, "%s: %s", address, err);
    free(err);
    return out;
}

/* One of two workers is stuck: all that the other has is shown, and can be closed, however often that is asked for. */
Test(stuck, connections_of_the_others_are_told_and_closed)
{
    enum { CLIENTS = 4 };
    char address[64], id[32] = "", port[16] = "";
    int clients[CLIENTS], closed = 0;
    struct server server = server_begin(&(struct begin){
        .script = STICKS, .flags = {"--workers", "2", "--handler-timeout", "1000"}, .admin = true});
    server_admin(&server, address, sizeof address);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    client_put_text(clients[0], "stick");
    server_expect_log(&server, "sticks\n");
    for (int i = 0; i < 8; i++) {
        char *list = told(address, WORDS("connections", "--admin", address));
        cr_assert_not_null(strstr(list, " is busy: connections of it are missing\n"), "%s", list);
        cr_assert_eq(sscanf(list, "%*[^\n] %31[0-9] 127.0.0.1:%15[0-9]", id, port), 2, "%s", list);
        free(list);
    }
    free(told(address, WORDS("connections", "close", id, "--admin", address)));
    for (int i = 1; i < CLIENTS; i++)
        if (port_of(clients[i]) == atoi(port)) closed = i;
    cr_assert(closed > 0);
    cr_assert_eq(client_await_end(clients[closed]), CLIENT_EOF);
    for (int i = 1; i < CLIENTS; i++) close(clients[i]);
    close(clients[0]);
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_end(&server);
}

/* The worker is stuck, a reload waits for it, and the file that is to be loaded is broken. */
Test(stuck, the_admin_answers_and_a_second_signal_ends_all)
{
    if (on_windows()) cr_skip_test("NOT TESTED: Windows has no HUP, with which a reload waits");
    char address[64];
    struct server server =
        server_begin(&(struct begin){.script = STICKS,
                                     .flags = {"--workers", "1", "--handler-timeout", "1000",
                                               "--drain-timeout", "1000", "--reload", "signal"},
                                     .admin = true});
    server_admin(&server, address, sizeof address);
    int client = client_connect(&server);
    client_put_text(client, "stick");
    server_expect_log(&server, "sticks\n");
    server_signal(&server, SIGHUP); /* waits for the worker */
    expect_figure(address, "connections", "1");
    script_write(&server, "main.lua", "this is broken");
    server_signal(&server, SIGHUP);
    expect_figure(address, "connections", "1");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    expect_figure(address, "connections", "1");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server, "worker 1: a script does not return: ended without it");
    close(client);
    server_end(&server);
}
