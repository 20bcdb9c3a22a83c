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

enum { CLIENTS = 100, BLOCKED_S = 1, STOPPED_S = 5, MEGABYTES = 12 };

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

/* Nobody is ever idle, however busy the machine is, but between 'hurry', 'block' or 'block, spare' and the next packet; the
 * last of them spares all when their silence has been judged for the first time after it. */
#define ECHOES \
    BLOCKS "local function hurry(seconds)\n" \
           "  for conn in server.connections() do conn:idle(seconds) end\n" \
           "end\n" \
           "function on_receive(conn, packet)\n" \
           "  conn:idle(0)\n" \
           "  if packet == 'hurry' then hurry(3) end\n" \
           "  if packet:find 'block' then hurry(0.6) block() conn:idle(0) end\n" \
           "  if packet:find 'spare' then\n" \
           "    server.after(0, function()\n" \
           "      server.after(0.02, function() hurry(0) server.log('info', 'spares') end)\n" \
           "    end)\n" \
           "  end\n" \
           "  conn:send(packet)\n" \
           "end\n" TELLS_THE_END

#define CONFIG \
    "return { idle_timeout = 0, drain_timeout = 2, workers = 1, handler_timeout = 1000, reload = " \
    "'signal' }"

static struct server begin(const char *script)
{
    char text[2048];
    snprintf(text, sizeof text, script, (long)getpid());
    return server_begin(&(struct begin){.script = text, .config = CONFIG});
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

static void connect_all(const struct server *server, int clients[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "hello", "hello");
    }
}

/* All but the first. */
static void all_speak(int clients[CLIENTS])
{
    for (int i = 1; i < CLIENTS; i++) client_put_text(clients[i], "here");
}

static void all_are_answered(int clients[CLIENTS], const char *first)
{
    client_expect(clients[0], first);
    for (int i = 1; i < CLIENTS; i++) client_expect(clients[i], "here");
}

static void close_all(int clients[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
}

/* All but the first say something while the worker is blocked, and then for longer than any limit nobody
 * can be heard. */
static void talk_meanwhile(const struct server *server, int clients[CLIENTS])
{
    client_put_text(clients[0], "block");
    server_expect_log(server, "blocks");
    all_speak(clients);
    sleep(BLOCKED_S);
    let_go();
}

Test(stall, who_has_spoken_while_a_handler_ran_is_not_idle)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES);
    connect_all(&server, clients);
    talk_meanwhile(&server, clients);
    all_are_answered(clients, "block");
    cr_assert_eq(server_log_count(&server, "ended"), 0);
    close_all(clients);
    end(&server);
}

/* It could have answered to nothing. */
Test(stall, who_was_silent_while_a_handler_ran_has_its_time_afterwards)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES);
    connect_all(&server, clients);
    client_put_text(clients[0], "block, spare");
    server_expect_log(&server, "blocks");
    sleep(BLOCKED_S);
    let_go();
    server_expect_log(&server, "spares");
    all_speak(clients);
    all_are_answered(clients, "block, spare");
    cr_assert_eq(server_log_count(&server, "ended"), 0);
    close_all(clients);
    end(&server);
}

/* A script that watches heartbeats by a timer of its own. */
Test(stall, timers_of_scripts_fire_after_what_came_was_handed_on)
{
    static const char script[] =
        BLOCKS "local watched, seen = false, {}\n"
               "function on_receive(conn, packet)\n"
               "  if packet == 'block' then\n"
               "    for other in server.connections() do seen[other] = server.now() end\n"
               "    watched = true\n"
               "    block()\n"
               "  end\n"
               "  seen[conn] = nil\n"
               "  conn:send(packet)\n"
               "end\n"
               "server.every(0.05, function()\n"
               "  if not watched then return end\n"
               "  for conn, time in pairs(seen) do\n"
               "    if server.now() - time > 0.6 then conn:close('dead') end\n"
               "  end\n"
               "end)\n" TELLS_THE_END;
    int clients[CLIENTS];
    struct server server = begin(script);
    connect_all(&server, clients);
    talk_meanwhile(&server, clients);
    all_are_answered(clients, "block");
    cr_assert_eq(server_log_count(&server, "ended"), 0);
    close_all(clients);
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
    sleep(STOPPED_S);
    kill(server->pid, SIGCONT);
}

Test(stall, who_has_spoken_while_the_server_was_stopped_is_not_idle)
{
    int clients[CLIENTS];
    struct server server = begin(ECHOES);
    connect_all(&server, clients);
    client_ask(clients[0], "hurry", "hurry");
    stop_for_long(&server);
    client_put_text(clients[0], "here");
    all_speak(clients);
    go_on(&server);
    all_are_answered(clients, "here");
    cr_assert_eq(server_log_count(&server, "ended"), 0);
    close_all(clients);
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

static void all_comes(const char *script)
{
    size_t all = (size_t)MEGABYTES * (4 + (1 << 20));
    struct server server = server_begin(&(struct begin){.script = script, .config = CONFIG});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "queued");
    stop_for_long(&server);
    size_t taken = take_offered(client);
    cr_assert(taken < all, "the system took all of it");
    go_on(&server);
    cr_assert_eq(taken + take_rest(client, all - taken), all);
    cr_assert_eq(server_log_count(&server, "ended slow"), 0);
    close(client);
    server_end(&server);
}

#define SENDS \
    "function on_receive(conn)\n" \
    "  conn:idle(3)\n" \
    "  for i = 1, 12 do conn:send(('x'):rep(1048576)) end\n" \
    "  server.log('info', 'queued')\n"

Test(stall, who_took_all_that_was_offered_is_not_slow)
{
    all_comes(SENDS "end\n" TELLS_THE_END);
}

/* What the stop took beyond drain_timeout is what the rest has to be sent: long, for a machine that is busy. */
Test(stall, drain_timeout_does_not_pass_while_the_server_is_stopped)
{
    all_comes(SENDS "conn:close()\nend\n" TELLS_THE_END);
}
