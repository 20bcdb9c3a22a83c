/* A running server is watched and commanded at its admin address: by the command line, over HTTP, by Prometheus. */
#include "operate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char script[] =
    "function on_receive(conn, packet)\n"
    "  if packet == 'fail' then error('no luck') end\n"
    "  if packet == 'close' then conn:close('a b\\n\\255') end\n"
    "  if packet == 'much' then for i = 1, 12 do conn:send(('x'):rep(1000000)) end end\n"
    "  conn:send(packet)\n"
    "end\n"
    "function on_disconnect(conn, reason) server.log('info', 'left: ' .. reason) end\n";

static struct server begin(const char *workers, char address[64])
{
    struct server server = server_begin(&(struct begin){
        .script = script, .admin = true, .flags = {"--workers", workers, "--admin-token", TOKEN}});
    server_admin(&server, address, 64);
    return server;
}

static void expect_end(int client)
{
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
}

/* A client's own port. */
static uint16_t port_of(int client)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    cr_assert_eq(getsockname(client, (struct sockaddr *)&own, &size), 0);
    return ntohs(own.sin_port);
}

static bool is_refused(uint16_t port)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool refused = connect(client, (struct sockaddr *)&there, sizeof there) != 0;
    close(client);
    return refused;
}

static int listen_at(uint16_t port)
{
    const int on = 1;
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    cr_assert_eq(bind(listener, (struct sockaddr *)&there, sizeof there), 0);
    cr_assert_eq(listen(listener, 1), 0);
    return listener;
}

static int lines_of(const char *text)
{
    int count = 0;
    for (; *text != '\0'; text++) count += *text == '\n';
    return count;
}

/* Until `moonport connections` prints so many lines. */
static void await_lines(const char *address, int count)
{
    int lines;
    do {
        char *list = told(address, WORDS("connections"));
        lines = lines_of(list);
        free(list);
    } while (lines != count);
}

/* ---- connections ---- */

Test(operate, connections_are_listed_and_closed)
{
    enum { CLIENTS = 20 };
    char address[64], id[32];
    int clients[CLIENTS];
    struct server server = begin("2", address);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    char *list = told(address, WORDS("connections"));
    cr_assert_eq(strncmp(list, "id\taddress\tworker\tlistener\tage\tidle\tqueued\tstate\n", 49), 0,
                 "%s", list);
    cr_assert_eq(lines_of(list), 1 + CLIENTS, "%s", list);
    free(list);
    list = told(address, WORDS("connections", "--limit", "5", "--sort", "age", "--desc"));
    cr_assert_eq(lines_of(list), 1 + 5 + 1, "%s", list);
    cr_assert_not_null(strstr(list, "# 15 more"), "%s", list);
    const char *first = strchr(list, '\n') + 1;
    snprintf(id, sizeof id, "%.*s", (int)strcspn(first, "\t"), first);
    free(list);
    expect_told(address, WORDS("connections", "close", id), "is closed, when what is queued");
    expect_end(clients[0]);
    server_expect_log(&server, "left: admin\n");
    close(clients[0]);
    await_lines(address, CLIENTS);
    program_fail(INPUT, WORDS("connections", "close", id, "--admin", address),
                 "none of this server's", "");
    program_fail(INPUT, WORDS("connections", "close", "999999", "--admin", address),
                 "none of this server's", "");
    for (int i = 1; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

Test(operate, a_connection_is_found_by_any_part_of_its_address)
{
    char address[64], port[16];
    struct server server = begin("2", address);
    int one = client_connect(&server), other = client_connect(&server);
    client_ask(one, "hello", "hello");
    client_ask(other, "hello", "hello");
    snprintf(port, sizeof port, ":%u", port_of(other));
    char *list = told(address, WORDS("connections", "--filter", port));
    cr_assert_eq(lines_of(list), 2, "%s", list);
    cr_assert_not_null(strstr(list, port), "%s", list);
    free(list);
    close(one);
    close(other);
    server_end(&server);
}

/* It does not read: it is there until it is closed once more. */
Test(operate, a_connection_that_does_not_read_is_closed_at_once_when_asked_again)
{
    char address[64], id[32];
    struct server server =
        server_begin(&(struct begin){.script = script,
                                     .admin = true,
                                     .flags = {"--workers", "2", "--admin-token", TOKEN,
                                               "--drain-timeout", "60", "--hard-mark", "32M"}});
    server_admin(&server, address, sizeof address);
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(other, "hello", "hello");
    client_put_text(client, "much");
    for (bool queued = false; !queued;) { /* the first of the list is the one that does not read */
        char *list =
            told(address, WORDS("connections", "--sort", "queued", "--desc", "--limit", "1"));
        const char *first = strchr(list, '\n') + 1;
        snprintf(id, sizeof id, "%.*s", (int)strcspn(first, "\t"), first);
        queued = strstr(first, "\t0\topen") == NULL;
        free(list);
    }
    expect_told(address, WORDS("connections", "close", id), "is closed, when what is queued");
    expect_told(address, WORDS("connections", "--filter", "flushing"), id);
    expect_told(address, WORDS("connections", "close", id), "is closed at once");
    await_lines(address, 2);
    server_expect_log(&server, "left: admin\n");
    client_ask(other, "hello", "hello");
    close(client);
    close(other);
    server_end(&server);
}

/* It must not seem to be an answer to another question. */
Test(operate, what_connections_does_not_understand_is_refused)
{
    char address[64], text[160];
    struct server server = begin("1", address);
    memset(text, '1', 128);
    text[128] = '\0';
    program_fail(INPUT, WORDS("connections", "--filter", text, "--admin", address),
                 "filter is a text of at most 127 bytes", "");
    text[127] = '\0';
    expect_told(address, WORDS("connections", "--filter", text), "id\taddress");
    program_fail(INPUT, WORDS("connections", "--sort", "loud", "--admin", address),
                 "sort is one of id, address", "");
    program_fail(INPUT, WORDS("connections", "--limit", "x", "--admin", address),
                 "offset and limit are numbers", "");
    program_fail(INPUT, WORDS("connections", "--offset=-1", "--admin", address),
                 "offset and limit are numbers", "");
    program_fail(INPUT, WORDS("connections", "--offset", "10001", "--admin", address),
                 "10000 in all at most", "");
    program_fail(INPUT,
                 WORDS("connections", "--limit", "18446744073709551615", "--offset", "1", "--admin",
                       address),
                 "offset and limit are numbers", "");
    expect_told(address, WORDS("connections", "--limit", "9999", "--offset", "9000"), "id\t");
    server_end(&server);
}

/* ---- listeners, the end ---- */

Test(operate, a_closed_listener_takes_no_connections_and_keeps_those_it_has)
{
    char address[64];
    struct server server = begin("2", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    expect_told(address, WORDS("listener", "close", "1"), "is closed: its connections stay");
    cr_assert(is_refused(server.port));
    client_ask(client, "still here", "still here");
    expect_told(address, WORDS("stats"), " closed\n");
    expect_told(address, WORDS("listener", "open", "1"), "is open");
    int later = client_connect(&server);
    client_ask(later, "hello", "hello");
    client_ask(client, "still here", "still here");
    program_fail(INPUT, WORDS("listener", "close", "2", "--admin", address), "no listener of that",
                 "");
    close(later);
    close(client);
    server_end(&server);
}

Test(operate, a_server_that_drains_ends_when_the_last_has_left)
{
    char address[64];
    struct server server = begin("2", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    expect_told(address, WORDS("drain"), "draining: 1 connection left;");
    cr_assert(is_refused(server.port));
    client_ask(client, "still here", "still here");
    cr_assert_not(process_has_ended(server.pid));
    close(client);
    server_expect_log(&server, "drained: no connection is left\n");
    cr_assert_eq(server_wait(&server), 0);
    server_end(&server);
}

Test(operate, a_drain_is_called_off_by_opening_a_listener)
{
    char address[64];
    struct server server = begin("2", address);
    expect_told(address, WORDS("drain"), "draining: 0 connections left;");
    expect_told(address, WORDS("listener", "open", "1"), "is open");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    sleep(3); /* longer than it would take to end */
    client_ask(client, "still here", "still here");
    close(client);
    server_end(&server);
}

/* The port is somebody else's by then. */
Test(operate, a_listener_that_cannot_be_opened_does_not_call_off_the_drain)
{
    char address[64];
    if (on_windows()) cr_skip_test("NOT TESTED: the harness cannot take the port there");
    struct server server = begin("2", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    expect_told(address, WORDS("drain"), "draining: 1 connection left;");
    int taken = listen_at(server.port);
    program_fail(INPUT, WORDS("listener", "open", "1", "--admin", address), "in use", "");
    close(client);
    server_expect_log(&server, "drained: no connection is left\n");
    cr_assert_eq(server_wait(&server), 0);
    close(taken);
    server_end(&server);
}

Test(operate, stop_ends_it_as_a_signal_does)
{
    char address[64];
    struct server server = begin("2", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    expect_told(address, WORDS("stop"), "stopping: every queue is flushed first");
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "left: shutdown\n");
    server_expect_log(&server, "stopped\n");
    close(client);
    server_end(&server);
}

/* ---- errors and the log ---- */

Test(operate, errors_of_scripts_are_told_once_each_with_a_traceback)
{
    char address[64];
    struct server server = begin("1", address);
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        client_put_text(client, "fail");
        expect_end(client);
        close(client);
    }
    char *errors = told(address, WORDS("errors"));
    cr_assert_not_null(strstr(errors, "no luck"), "%s", errors);
    cr_assert_not_null(strstr(errors, "main.lua:2"), "%s", errors);
    cr_assert_not_null(strstr(errors, "stack traceback"), "%s", errors);
    cr_assert_not_null(strstr(errors, "3 times"), "%s", errors);
    free(errors);
    server_end(&server);
}

Test(operate, the_log_is_read_and_its_level_set)
{
    char address[64];
    struct server server = begin("1", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_expect_log(&server, "left: eof\n");
    expect_told(address, WORDS("log"), "left: eof\n");
    expect_told(address, WORDS("log", "debug"), "the log has lines up to debug");
    expect_told(address, WORDS("stats"), "connections");
    server_expect_log(&server, "debug admin: GET /stats for 127.0.0.1:");
    program_fail(INPUT, WORDS("log", "loud", "--admin", address), "level is one of error", "");
    server_end(&server);
}

/* Words are the script's, and may be a peer's: none makes a line of its own, or spoils the others. */
Test(operate, words_of_any_bytes_are_told_apart)
{
    char address[64];
    struct server server = begin("1", address);
    int client = client_connect(&server);
    client_put_text(client, "close");
    expect_end(client);
    close(client);
    server_expect_log(&server, "left: a b");
    expect_told(address, WORDS("stats"), "\nclosed_words.a\\x20b\\x0a\\xff  1\n");
    expect_told(address, WORDS("stats", "--json"), "\"closed_words\":{\"a b\\n\\ufffd\":1");
    server_end(&server);
}

/* ---- the token ---- */

Test(operate, the_token_is_found_by_the_user_of_the_server)
{
    char address[64], *out, *err;
    struct server server = server_begin(&(struct begin){.script = script, .admin = true});
    server_admin(&server, address, sizeof address);
    expect_told(address, WORDS("reload"), "generation 2 runs");
    server_expect_log(&server, "info  admin: POST /reload for 127.0.0.1:");
    cr_assert_eq(setenv("MOONPORT_TOKEN", "0123456789abcdef0123456789abcdef", 1), 0);
    int status = program_run(&out, &err, WORDS("reload", "--admin", address));
    cr_assert_eq(unsetenv("MOONPORT_TOKEN"), 0);
    program_ended(status, INPUT, out, "", err, "wants its token");
    expect_told(address, WORDS("reload"), "generation 3 runs");
    server_end(&server);
}

Test(operate, the_token_of_a_server_that_listens_everywhere_is_found)
{
    char address[64], own[64];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--admin", "0.0.0.0:0"}});
    server_admin(&server, address, sizeof address);
    expect_told(address, WORDS("reload"), "generation 2 runs");
    snprintf(own, sizeof own, "127.0.0.1:%s", strrchr(address, ':') + 1);
    expect_told(own, WORDS("reload"), "generation 3 runs");
    server_end(&server);
}

Test(operate, a_unix_socket_has_its_mode_and_asks_for_no_token)
{
    char address[80], path[64];
    struct stat there;
    if (on_windows()) cr_skip_test("NOT TESTED: unix sockets are for Linux");
    snprintf(path, sizeof path, "/tmp/moonport-admin-%d.sock", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--admin", address, "--admin-mode", "0620"}});
    cr_assert_eq(stat(path, &there), 0);
    cr_assert_eq(there.st_mode & 0777, 0620);
    cr_assert_eq(setenv("MOONPORT_TOKEN", "not the one", 1), 0);
    expect_told(address, WORDS("stats"), "connections");
    expect_told(address, WORDS("reload"), "generation 2 runs");
    cr_assert_eq(unsetenv("MOONPORT_TOKEN"), 0);
    server_end(&server);
}
