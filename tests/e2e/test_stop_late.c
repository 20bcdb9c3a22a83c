/* A server that is told to stop ends in the time that was promised, whatever its scripts are up to. */
#include "harness_process.h"
#include "terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUED = 12 }; /* more than the system's buffers take */

static void expect_status(struct server *server, int wanted)
{
    int status = server_wait(server);
    cr_assert_eq(status, wanted, "status %d", status);
}

/* A pattern that takes for ever is in a C function, which no hook interrupts. */
#define FOR_EVER "string.find(('a'):rep(100), ('a-'):rep(60) .. 'b')"

/* More messages than are read in the time there is; and with them a queue, for a peer that reads it when
 * the end has been asked for. */
Test(stop, messages_of_which_there_are_many_do_not_hold_it_up)
{
    static const char script[] =
        "function on_message()\n"
        "  local begun = os.clock()\n"
        "  while os.clock() < begun + 0.002 do end\n"
        "end\n"
        "function on_receive(conn, packet)\n"
        "  for i = 1, 12 do assert(conn:send(string.char(64 + i):rep(2^20))) end\n"
        "  for i = 1, 20000 do assert(server.post(server.worker, i)) end\n"
        "  server.log('info', 'queued')\n"
        "end\n"
        "function on_stop() server.log('info', 'at last') end\n";
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--drain-timeout", "15", "--handler-timeout", "30"}});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "queued\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    client_expect_megabytes_to_the_end(client, QUEUED);
    close(client);
    expect_status(&server, 0);
    server_expect_log(&server, "messages of server.post had not been read when it ended\n");
    server_expect_log(&server, "at last\n");
    server_expect_log(&server, "stopped\n");
    server_end(&server);
}

/* ... of which one worker has its hands full, and never comes back. */
Test(stop, a_worker_that_does_not_return_keeps_no_other_from_flushing)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  if packet == 'stick' then server.log('info', 'sticks') return " FOR_EVER " end\n"
        "  for i = 1, 12 do assert(conn:send(string.char(64 + i):rep(2^20))) end\n"
        "  server.log('info', 'queued')\n"
        "end\n"
        "function on_stop() server.log('info', 'at last') end\n";
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "2", "--drain-timeout", "8", "--handler-timeout", "30"}});
    int stuck = client_connect(&server), client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "queued\n");
    client_put_text(stuck, "stick");
    server_expect_log(&server, "sticks\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    client_expect_megabytes_to_the_end(client, QUEUED);
    expect_status(&server, INPUT);
    server_expect_log(&server, "worker 1: a script does not return: ended without it, and without");
    cr_assert_eq(server_log_count(&server, "at last\n"), 1);
    cr_assert_eq(server_log_count(&server, "stopped\n"), 0);
    close(stuck);
    close(client);
    server_end(&server);
}

/* All of drain_timeout has gone for a peer that does not read: on_stop has its time all the same. */
Test(stop, on_stop_has_as_long_as_any_handler_when_draining_is_over)
{
    static const char script[] = "function on_receive(conn)\n"
                                 "  for i = 1, 30 do conn:send(('x'):rep(2^20)) end\n"
                                 "  server.log('info', 'queued')\n"
                                 "end\n"
                                 "function on_stop()\n"
                                 "  local begun = server.now()\n"
                                 "  server.log('info', 'saving')\n"
                                 "  os.execute('sleep 2.5')\n"
                                 "  server.log('info', 'saved')\n"
                                 "end\n";
    if (on_windows()) cr_skip_test("NOT TESTED: there is no sleep to be executed");
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--drain-timeout", "0.3", "--workers", "1", "--handler-timeout", "60"}});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "queued\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "drain_timeout is over");
    expect_status(&server, 0);
    server_expect_log(&server, "saved\n");
    close(client);
    server_end(&server);
}

/* What on_stop waits for comes when somebody has asked again, and draining has been over for long. */
Test(stop, a_second_signal_leaves_on_stop_the_same_time_when_draining_is_over)
{
    static const char script[] =
        "function on_stop()\n"
        "  local path = debug.getinfo(1, 'S').source:sub(2) .. '.asked'\n"
        "  os.execute('while ! test -e ' .. path .. '; do sleep 0.02; done; sleep 1')\n"
        "  server.log('info', 'saved')\n"
        "end\n";
    if (on_windows()) cr_skip_test("NOT TESTED: there is no sleep to be executed");
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--drain-timeout", "0.1", "--workers", "1", "--handler-timeout", "60"}});
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    server_expect_log(&server, "stopping at once\n");
    script_write(&server, "main.lua.asked", "");
    expect_status(&server, 0);
    server_expect_log(&server, "saved\n");
    server_end(&server);
}

/* All of them end in one turn, which takes longer than any of their handlers may. */
Test(stop, a_second_signal_leaves_connections_that_end_one_by_one_their_time)
{
    enum { CLIENTS = 100 };
    static const char script[] = "function on_receive(conn, packet) conn:send(packet) end\n"
                                 "function on_disconnect()\n"
                                 "  local begun = os.clock()\n"
                                 "  while os.clock() < begun + 0.01 do end\n"
                                 "end\n"
                                 "function on_stop() server.log('info', 'at last') end\n";
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--drain-timeout", "1000", "--handler-timeout", "0.3"}});
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    expect_status(&server, 0);
    server_expect_log(&server, "at last\n");
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

/* New code is loaded by the workers, on which the one that reloads waits for some seconds. */
Test(stop, a_second_signal_does_not_wait_for_a_reload)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO, .flags = {"--drain-timeout", "1000", "--handler-timeout", "100"}});
    script_write(&server, "main.lua", "server.log('info', 'loads')\n" FOR_EVER "\n");
    server_expect_log(&server, "loads\n");
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    expect_status(&server, INPUT);
    server_expect_log(&server,
                      ": a script does not return: ended without it, and without its on_stop");
    server_end(&server);
}

static volatile sig_atomic_t opens;

static void note_open(int number)
{
    (void)number;
    opens = 1;
}

/* Whoever opens the file waits until this program lets go of it, and it is told of that. -1: this file
 * system does not have that. */
static int keep_from_opening(const struct server *server, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    int file = open(path, O_RDWR);
    cr_assert(file >= 0);
    signal(SIGIO, note_open);
    if (fcntl(file, F_SETLEASE, F_WRLCK) == 0) return file;
    close(file);
    return -1;
}

Test(stop, files_that_cannot_be_read_do_not_hold_it_up)
{
    if (on_windows()) cr_skip_test("NOT TESTED: nothing keeps a file from being opened there");
    struct server server = server_begin(
        &(struct begin){.script = ECHO, .flags = {"--drain-timeout", "0.2", "--reload", "signal"}});
    int file = keep_from_opening(&server, "main.lua");
    if (file < 0) cr_skip_test("NOT TESTED: this file system has no leases");
    server_signal(&server, SIGHUP);
    while (!opens) usleep(1000);
    server_signal(&server, SIGTERM);
    expect_status(&server, INPUT);
    server_expect_log(&server, "a reload does not return: ended without it\n");
    close(file);
    server_end(&server);
}

/* The log goes to a terminal that its user has left: each line may be the one that it has no room for. */
Test(stop, a_terminal_that_nobody_reads_does_not_hold_it_up)
{
    if (on_windows()) cr_skip_test("a terminal is none there");
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  for i = 1, 1000 do server.log('info', 'line %d', i) end\n"
                                 "  conn:send(packet)\n"
                                 "end\n";
    static const char before[] = "listening on 127.0.0.1:";
    const char *at = NULL;
    char path[64];
    int terminal = terminal_open(path, sizeof path);
    struct server server = server_start(&(struct begin){
        .script = script, .log = path, .flags = {"--workers", "2", "--drain-timeout", "1"}});
    for (; at == NULL; nap()) at = strstr(terminal_read(terminal), before);
    server.port = (uint16_t)atoi(at + strlen(before));
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "hello", "hello");
    client_ask(other, "hello", "hello");
    server_signal(&server, SIGTERM);
    expect_status(&server, 0);
    close(client);
    close(other);
    server_end(&server);
    close(terminal);
}
