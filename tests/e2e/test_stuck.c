/* A worker that does not come back from a script: commands are answered all the same. */
#include "harness_process.h"

#include <signal.h>
#include <string.h>

/* A pattern that takes for ever is in a C function, which no hook interrupts. */
#define STICKS \
    "function on_receive(conn, packet)\n" \
    "  if packet ~= 'stick' then return conn:send(packet) end\n" \
    "  server.log('info', 'sticks')\n" \
    "  string.find(('a'):rep(100), ('a-'):rep(60) .. 'b')\n" \
    "end\n"

static void expect_figure(const char *address, const char *line)
{
    char *out, *err;
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
    expect_figure(address, "workers              2\n");
    expect_figure(address, "\nconnections          1\n");
    expect_figure(address, "\npackets_received     1\n");
    expect_figure(address, "\nclosed.eof           0\n");
    expect_figure(address, "\njobs.queued          0\n");
    expect_figure(address, "\njobs.seconds         0.000\n");
    close(client);
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
    expect_figure(address, "\nconnections          1\n");
    script_write(&server, "main.lua", "this is broken");
    server_signal(&server, SIGHUP);
    expect_figure(address, "\nconnections          1\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    expect_figure(address, "\nconnections          1\n");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), INPUT);
    server_expect_log(&server, "worker 1: a script does not return: ended without it");
    close(client);
    server_end(&server);
}
