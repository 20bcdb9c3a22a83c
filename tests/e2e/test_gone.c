/* A peer that leaves while a handler waits, or while nothing is received from it. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TELLS_THE_END \
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"

#define SLEEPS \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'pause' then conn:idle(0) conn:pause() server.log('info', 'waits') return " \
    "end\n" \
    "  if packet ~= 'quick' then server.log('info', 'waits') end\n" \
    "  if packet == 'loop' then while true do server.sleep(0.01) end end\n" \
    "  server.sleep(packet == 'long' and 1000 or 0.05)\n" \
    "  conn:send(packet)\n" \
    "end\n" TELLS_THE_END

/* Drained for so long as no test waits. */
#define PATIENT \
    "return { workers = 1, drain_timeout = 1000, idle_timeout = 0, handler_timeout = 10 }"
#define HASTY "return { workers = 1, drain_timeout = 0.3, idle_timeout = 0 }"

static struct server begin(const char *config)
{
    return server_begin(&(struct begin){.script = SLEEPS, .config = config});
}

static void reset(int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(client);
}

static void ends(const char *packet, const char *config, bool resets, const char *reason)
{
    char line[32];
    struct server server = begin(config);
    int client = client_connect(&server);
    client_put_text(client, packet);
    server_expect_log(&server, "waits");
    if (resets)
        reset(client);
    else
        close(client);
    snprintf(line, sizeof line, "ended %s\n", reason);
    server_expect_log(&server, line);
    server_end(&server);
}

Test(gone, a_reset_ends_a_handler_that_waits)
{
    ends("long", PATIENT, true, "reset");
}

Test(gone, a_reset_ends_a_handler_that_waits_again_and_again)
{
    ends("loop", PATIENT, true, "reset");
}

Test(gone, a_reset_ends_a_paused_connection_that_is_never_idle)
{
    ends("pause", PATIENT, true, "reset");
}

Test(gone, a_handler_has_drain_timeout_after_its_peer_has_ended)
{
    ends("long", HASTY, false, "eof");
}

Test(gone, a_handler_that_waits_again_and_again_has_drain_timeout)
{
    ends("loop", HASTY, false, "eof");
}

Test(gone, a_paused_connection_that_is_never_idle_has_drain_timeout)
{
    ends("pause", HASTY, false, "eof");
}

/* Behind a handler that waits nothing is received, so a reset is seen in spite of what was sent before. */
Test(gone, a_reset_is_seen_behind_many_packets)
{
    enum { PACKETS = 3000 };
    struct server server = begin(PATIENT);
    int client = client_connect(&server);
    client_put_text(client, "long");
    server_expect_log(&server, "waits");
    for (int i = 0; i < PACKETS; i++) client_put_text(client, "behind");
    reset(client);
    server_expect_log(&server, "ended reset\n");
    cr_assert_eq(server_log_count(&server, "waits"), 1);
    server_end(&server);
}

Test(gone, a_reset_is_seen_after_the_end_of_the_stream)
{
    struct server server = begin(PATIENT);
    int client = client_connect(&server);
    client_put_text(client, "long");
    server_expect_log(&server, "waits");
    client_put_text(client, "behind");
    shutdown(client, SHUT_WR);
    reset(client);
    server_expect_log(&server, "ended reset\n");
    server_end(&server);
}

Test(gone, what_was_sent_before_the_end_is_answered)
{
    struct server server = begin(PATIENT);
    int client = client_connect(&server);
    client_put_text(client, "one");
    client_put_text(client, "two");
    client_put_text(client, "three");
    shutdown(client, SHUT_WR);
    client_expect(client, "one");
    client_expect(client, "two");
    client_expect(client, "three");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_expect_log(&server, "ended eof\n");
    server_end(&server);
}

/* ... each handler has its own time for it. */
Test(gone, many_handlers_may_each_wait_after_the_end)
{
    enum { PACKETS = 12 };
    struct server server = begin(HASTY);
    int client = client_connect(&server);
    for (int i = 0; i < PACKETS; i++) client_put_text(client, "quick");
    shutdown(client, SHUT_WR);
    for (int i = 0; i < PACKETS; i++) client_expect(client, "quick");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_end(&server);
}

Test(gone, a_local_peer_that_closes_is_seen)
{
    char path[64], listen[80];
    need_unix_sockets();
    snprintf(path, sizeof path, "/tmp/moonport-gone-%ld.sock", (long)getpid());
    snprintf(listen, sizeof listen, "unix:%s", path);
    struct server server =
        server_begin(&(struct begin){.script = SLEEPS, .config = HASTY, .listen = listen});
    int client = client_connect_unix(path);
    client_put_text(client, "long");
    server_expect_log(&server, "waits");
    close(client);
    server_expect_log(&server, "ended eof\n");
    server_end(&server);
}

/* ---- on_connect ---- */

Test(gone, places_of_peers_that_leave_while_on_connect_waits_come_back)
{
    enum { PLACES = 5 };
    static const char script[] = "function on_connect(conn)\n"
                                 "  server.log('info', 'waits')\n"
                                 "  if server.shared:incr('count', 1, 0) <= 5 then\n"
                                 "    server.sleep(1000)\n"
                                 "  end\n"
                                 "end\n" ECHO;
    struct server server = server_begin(&(struct begin){
        .script = script,
        .config = "return { workers = 1, max_connections = 5, drain_timeout = 1000 }"});
    int clients[PLACES];
    for (int i = 0; i < PLACES; i++) clients[i] = client_connect(&server);
    server_expect_log_count(&server, "waits", PLACES);
    for (int i = 0; i < PLACES; i++) reset(clients[i]);
    close(client_connect_until_served(&server));
    server_end(&server);
}

/* ---- settings ---- */

#define AT_ONCE "return { workers = 1, drain_timeout = 1000, idle_timeout = 0, on_end = 'close' }"

Test(gone, on_end_close_ends_a_handler_that_waits)
{
    ends("long", AT_ONCE, false, "eof");
}

Test(gone, on_end_close_ends_a_paused_connection)
{
    ends("pause", AT_ONCE, false, "eof");
}

Test(gone, on_end_close_hands_on_what_was_sent_before)
{
    struct server server = begin(AT_ONCE);
    int client = client_connect(&server);
    client_put_text(client, "one");
    client_put_text(client, "two");
    client_put_text(client, "long");
    shutdown(client, SHUT_WR);
    client_expect(client, "one");
    client_expect(client, "two");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_expect_log(&server, "ended eof\n");
    cr_assert_eq(server_log_count(&server, "waits"), 3);
    server_end(&server);
}

Test(gone, wait_timeout_ends_a_handler_that_waits_for_long)
{
    struct server server = begin("return { workers = 1, idle_timeout = 0, wait_timeout = 0.2 }");
    int client = client_connect(&server), other = client_connect(&server);
    client_put_text(client, "loop");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "wait_timeout");
    server_expect_log(&server, "ended idle\n");
    client_ask(other, "quick", "quick"); /* which is never idle */
    close(client);
    close(other);
    server_end(&server);
}

Test(gone, wait_timeout_counts_for_on_connect_too)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_connect() server.sleep(1000) end\n",
                                     .config = "return { idle_timeout = 0, wait_timeout = 0.2 }"});
    int client = client_connect(&server);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_end(&server);
}
