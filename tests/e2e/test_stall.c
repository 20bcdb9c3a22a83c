/* A worker that does not come to hear anybody for a while: what has come meanwhile is heard before
 * anybody is judged, and the time itself counts against nobody. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 100, SLEEP_US = 999999, MEGABYTES = 12 };

#define TELLS_THE_END \
    "function on_disconnect(conn, reason) server.log('info', 'ended ' .. reason) end\n"

/* 'block' keeps the worker until the file is there. */
#define BLOCKS \
    "local function block()\n" \
    "  server.log('info', 'blocks')\n" \
    "  local file\n" \
    "  repeat file = io.open('/tmp/moonport-go-%ld') until file\n" \
    "  file:close()\n" \
    "end\n"

#define ECHOES \
    BLOCKS "function on_receive(conn, packet)\n" \
           "  if packet == 'block' then block() end\n" \
           "  conn:send(packet)\n" \
           "end\n" TELLS_THE_END

#define CONFIG "workers = 1, handler_timeout = 1000, reload = 'signal'"

static struct server begin(const char *script, const char *config)
{
    char text[2048];
    snprintf(text, sizeof text, script, (long)getpid());
    return server_begin(&(struct begin){.script = text, .config = config});
}

static void let_go(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/moonport-go-%ld", (long)getpid());
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
}

static void end(struct server *server)
{
    char path[64];
    server_end(server);
    snprintf(path, sizeof path, "/tmp/moonport-go-%ld", (long)getpid());
    remove(path);
}

/* Wine takes milliseconds for each, and nobody may be silent for long until all are there. */
static int many(void)
{
    return on_windows() ? 10 : CLIENTS;
}

static void connect_all(const struct server *server, int clients[CLIENTS])
{
    for (int i = 0; i < many(); i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "hello", "hello");
    }
}

static void all_are_answered(int clients[CLIENTS])
{
    for (int i = 0; i < many(); i++) {
        client_expect(clients[i], i == 0 ? "block" : "here");
        close(clients[i]);
    }
}

/* All but the first say something while the worker is blocked, and then for longer than any limit nobody
 * can be heard. */
static void talk_meanwhile(const struct server *server, int clients[CLIENTS])
{
    client_put_text(clients[0], "block");
    server_expect_log(server, "blocks");
    for (int i = 1; i < many(); i++) client_put_text(clients[i], "here");
    usleep(SLEEP_US);
    let_go();
}

Test(stall, who_has_spoken_while_a_handler_ran_is_not_idle)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES, "return { idle_timeout = 0.6, " CONFIG " }");
    connect_all(&server, clients);
    talk_meanwhile(&server, clients);
    all_are_answered(clients);
    cr_assert_eq(server_log_count(&server, "ended idle"), 0);
    end(&server);
}

/* It could have answered to nothing. */
Test(stall, who_was_silent_while_a_handler_ran_has_its_time_afterwards)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES, "return { idle_timeout = 0.6, " CONFIG " }");
    connect_all(&server, clients);
    client_put_text(clients[0], "block");
    server_expect_log(&server, "blocks");
    usleep(SLEEP_US);
    let_go();
    client_expect(clients[0], "block");
    for (int i = 1; i < many(); i++) client_put_text(clients[i], "here");
    for (int i = 1; i < many(); i++) client_expect(clients[i], "here");
    cr_assert_eq(server_log_count(&server, "ended idle"), 0);
    for (int i = 0; i < many(); i++) close(clients[i]);
    end(&server);
}

/* A script that watches heartbeats by a timer of its own. */
Test(stall, timers_of_scripts_fire_after_what_came_was_handed_on)
{
    static const char script[] =
        BLOCKS "local seen = {}\n"
               "function on_connect(conn) seen[conn] = server.now() end\n"
               "function on_receive(conn, packet)\n"
               "  if packet == 'block' then block() end\n"
               "  seen[conn] = server.now()\n"
               "  conn:send(packet)\n"
               "end\n"
               "function on_disconnect(conn) seen[conn] = nil end\n"
               "server.every(0.05, function()\n"
               "  for conn, time in pairs(seen) do\n"
               "    if server.now() - time > 0.6 then conn:close('dead') end\n"
               "  end\n"
               "end)\n";
    int clients[CLIENTS];
    struct server server = begin(script, "return { " CONFIG " }");
    for (int i = 0; i < many(); i++) clients[i] = client_connect(&server);
    for (int i = 0; i < many(); i++) client_put_text(clients[i], "hello");
    for (int i = 0; i < many(); i++) client_expect(clients[i], "hello");
    talk_meanwhile(&server, clients);
    for (int i = 1; i < many(); i++) client_expect(clients[i], "here");
    for (int i = 0; i < many(); i++) close(clients[i]);
    end(&server);
}

/* ---- the process is stopped ---- */

static void stop_for_long(const struct server *server)
{
    if (on_windows()) cr_skip_test("NOT TESTED: no signal stops a program of Windows");
    kill(server->pid, SIGSTOP);
}

static void go_on(const struct server *server)
{
    usleep(SLEEP_US);
    kill(server->pid, SIGCONT);
}

Test(stall, who_has_spoken_while_the_server_was_stopped_is_not_idle)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES, "return { idle_timeout = 0.6, " CONFIG " }");
    connect_all(&server, clients);
    stop_for_long(&server);
    for (int i = 0; i < many(); i++) client_put_text(clients[i], "here");
    go_on(&server);
    for (int i = 0; i < many(); i++) {
        client_expect(clients[i], "here");
        close(clients[i]);
    }
    cr_assert_eq(server_log_count(&server, "ended idle"), 0);
    end(&server);
}

/* Takes all that the server has offered so far; how many bytes. */
static size_t take_offered(int client)
{
    static char bytes[1 << 16];
    size_t taken = 0;
    ssize_t size;
    usleep(100000);
    while ((size = recv(client, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) taken += (size_t)size;
    return taken;
}

static size_t take_rest(int client, size_t size)
{
    static char bytes[1 << 16];
    size_t taken = 0;
    while (taken < size) {
        ssize_t part = recv(client, bytes, sizeof bytes, 0);
        if (part <= 0) break;
        taken += (size_t)part;
    }
    return taken;
}

static void all_comes(const char *script, const char *config, int seconds)
{
    size_t all = (size_t)MEGABYTES * (4 + (1 << 20));
    struct server server = server_begin(&(struct begin){.script = script, .config = config});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "queued");
    stop_for_long(&server);
    size_t taken = take_offered(client);
    cr_assert(taken < all, "the system took all of it");
    for (int i = 1; i < seconds; i++) usleep(SLEEP_US);
    go_on(&server);
    cr_assert_eq(taken + take_rest(client, all - taken), all);
    cr_assert_eq(server_log_count(&server, "ended slow"), 0);
    close(client);
    server_end(&server);
}

#define SENDS \
    "function on_receive(conn)\n" \
    "  for i = 1, 12 do conn:send(('x'):rep(1048576)) end\n" \
    "  server.log('info', 'queued')\n"

Test(stall, who_took_all_that_was_offered_is_not_slow)
{
    all_comes(SENDS "end\n" TELLS_THE_END, "return { idle_timeout = 0.6, " CONFIG " }", 1);
}

/* What the stop took beyond drain_timeout is what the rest has to be sent: long, for a machine that is busy. */
Test(stall, drain_timeout_does_not_pass_while_the_server_is_stopped)
{
    all_comes(SENDS "conn:close()\nend\n" TELLS_THE_END,
              "return { drain_timeout = 0.6, " CONFIG " }", 3);
}
