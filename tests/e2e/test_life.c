/* How connections live and end, as scripts are told and as peers see it. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TELLS_THE_END \
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"

/* Closing resets the connection. */
static void reset(int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(client);
}

/* ---- idle ---- */

Test(life, closes_a_silent_connection_with_reason_idle)
{
    struct server server = server_begin(
        &(struct begin){.script = ECHO TELLS_THE_END, .config = "return { idle_timeout = 0.2 }"});
    int client = client_connect(&server);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended idle\n");
    close(client);
    server_end(&server);
}

/* An editor, say, that is open beside the guide. */
Test(life, tells_why_a_silent_connection_ended_and_what_changes_that)
{
    struct server server = server_begin(
        &(struct begin){.script = ECHO, .config = "return { idle_timeout = 0.2, workers = 1 }"});
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_eq(server_log_count(&server, "nothing received for 0."), 1);
    cr_assert_eq(server_log_count(&server, "idle_timeout = 0 switches this off"), 1);
    server_end(&server);
}

Test(life, on_idle_keeps_a_connection_while_it_answers_true)
{
    static const char script[] =
        TELLS_THE_END "local times = 0\n"
                      "function on_idle(conn, seconds)\n"
                      "  times = times + 1\n"
                      "  local fits = seconds >= 0.2 * times and seconds < 1000\n"
                      "  conn:send(fits and 'idle ' .. times or 'idle for ' .. seconds)\n"
                      "  return times < 3\n"
                      "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .config = "return { idle_timeout = 0.2, workers = 1 }"});
    int client = client_connect(&server);
    client_expect(client, "idle 1");
    client_expect(client, "idle 2");
    client_expect(client, "idle 3");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended idle\n");
    close(client);
    server_end(&server);
}

static double take_number(int client)
{
    size_t size;
    char *text = (char *)client_take(client, &size);
    double number = strtod(text, NULL);
    cr_assert(number > 0, "%s", text);
    free(text);
    return number;
}

Test(life, idle_time_starts_anew_with_what_arrives)
{
    static const char script[] = "function on_receive() end\n"
                                 "function on_idle(conn, seconds)\n"
                                 "  conn:send(tostring(seconds))\n"
                                 "  return true\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .config = "return { idle_timeout = 0.1 }"});
    int client = client_connect(&server);
    double first = take_number(client), second = take_number(client);
    cr_assert(second > first, "silent for %g s, later for %g s", first, second);
    client_put_text(client, "not silent");
    do {
        first = second;
        second = take_number(client);
    } while (second > first);
    close(client);
    server_end(&server);
}

Test(life, conn_idle_sets_a_limit_for_one_connection)
{
    struct server server = server_begin(&(struct begin){
        .script = TELLS_THE_END "function on_receive(conn, packet)\n"
                                "  if packet == 'be short' then conn:idle(0.2) end\n"
                                "  conn:send(packet)\n"
                                "end\n",
        .config = "return { idle_timeout = 0 }"});
    int patient = client_connect(&server), hasty = client_connect(&server);
    client_ask(patient, "hello", "hello");
    client_ask(hasty, "be short", "be short");
    cr_assert_eq(client_await_end(hasty), CLIENT_EOF);
    server_expect_log(&server, "ended idle\n");
    client_ask(patient, "still here", "still here");
    close(patient);
    close(hasty);
    server_end(&server);
}

Test(life, conn_idle_of_0_is_never)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_connect(conn)\n"
                                               "  if server.shared:add('kept', true) then\n"
                                               "    conn:idle(0.2)\n"
                                               "    conn:idle(0)\n"
                                               "  end\n"
                                               "end\n" ECHO,
                                     .config = "return { idle_timeout = 0.2 }"});
    int kept = client_connect(&server);
    client_ask(kept, "hello", "hello");
    for (int i = 0; i < 3; i++) { /* others come and are closed meanwhile */
        int other = client_connect(&server);
        cr_assert_eq(client_await_end(other), CLIENT_EOF);
        close(other);
    }
    client_ask(kept, "still here", "still here");
    close(kept);
    server_end(&server);
}

Test(life, on_idle_may_wait_while_packets_go_on)
{
    static const char script[] = "local asked, answered\n"
                                 "function on_connect(conn) conn:idle(0.1) end\n"
                                 "function on_idle(conn)\n"
                                 "  if asked then return true end\n"
                                 "  asked = true\n"
                                 "  conn:send('asked')\n"
                                 "  while not answered do server.sleep(0.01) end\n"
                                 "  server.sleep(0.05)\n"
                                 "  conn:send('decided')\n"
                                 "  return true\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  server.sleep(0.01)\n"
                                 "  conn:send(packet)\n"
                                 "  answered = true\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    client_expect(client, "asked");
    client_ask(client, "one", "one");
    client_expect(client, "decided");
    client_ask(client, "two", "two");
    close(client);
    server_end(&server);
}

/* ---- reasons ---- */

Test(life, tells_the_end_of_a_peer_that_closes)
{
    struct server server = server_begin(&(struct begin){.script = ECHO TELLS_THE_END});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_expect_log(&server, "ended eof\n");
    server_end(&server);
}

Test(life, answers_what_came_before_a_half_close)
{
    enum { PACKETS = 200 };
    static const char script[] = TELLS_THE_END "local count = 0\n"
                                               "function on_receive(conn, packet)\n"
                                               "  count = count + 1\n"
                                               "  if count % 50 == 0 then server.sleep(0.01) end\n"
                                               "  conn:send(packet)\n"
                                               "end\n";
    struct server server = server_begin(&(struct begin){.script = script});
    char text[32];
    int client = client_connect(&server);
    for (int i = 0; i < PACKETS; i++) {
        snprintf(text, sizeof text, "packet %d", i);
        client_put_text(client, text);
    }
    cr_assert_eq(shutdown(client, SHUT_WR), 0);
    for (int i = 0; i < PACKETS; i++) {
        snprintf(text, sizeof text, "packet %d", i);
        client_expect(client, text);
    }
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended eof\n");
    close(client);
    server_end(&server);
}

Test(life, a_conn_is_garbage_when_its_connection_has_ended)
{
    struct server server =
        server_begin_script("local conns = setmetatable({}, { __mode = 'k' })\n"
                            "local function count()\n"
                            "  collectgarbage() collectgarbage()\n"
                            "  local found = 0\n"
                            "  for _ in pairs(conns) do found = found + 1 end\n"
                            "  return found\n"
                            "end\n"
                            "function on_connect(conn) conns[conn] = true end\n"
                            "function on_receive(conn, packet)\n"
                            "  while count() ~= tonumber(packet) do server.sleep(0.001) end\n"
                            "  conn:send(packet)\n"
                            "end\n");
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "2", "2");
    close(other);
    client_ask(client, "1", "1");
    close(client);
    server_end(&server);
}

Test(life, tells_the_end_of_a_peer_that_resets)
{
    struct server server = server_begin(&(struct begin){.script = ECHO TELLS_THE_END});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    reset(client);
    server_expect_log(&server, "ended reset\n");
    server_end(&server);
}

Test(life, tells_what_was_wrong_with_a_length)
{
    struct server server = server_begin(
        &(struct begin){.script = ECHO TELLS_THE_END, .config = "return { max_packet = '1K' }"});
    int client = client_connect(&server);
    client_send(client, "\1\0\0\0", 4); /* a length that counts itself is 4 at least */
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended framing\n");
    close(client);

    client = client_connect(&server);
    client_put_text(client, "before");
    client_send(client, "\5\4\0\0", 4); /* 1 K and its header would be 1028 */
    client_expect(client, "before");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended oversize\n");
    close(client);
    server_end(&server);
}

Test(life, closes_a_peer_that_lets_its_queue_grow_over_the_hard_mark)
{
    static const char script[] =
        TELLS_THE_END "function on_receive(conn)\n"
                      "  local packet, fine, why = ('x'):rep(16000), true\n"
                      "  while fine do fine, why = conn:send(packet) end\n"
                      "  server.log('info', 'refused: %s, %s', why, select(2, conn:send('')))\n"
                      "end\n";
    struct server server = server_begin(&(struct begin){
        .script = script,
        .config = "return { max_packet = '16K', hard_mark = '64K', soft_mark = '32K' }"});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "refused: full, closed\n");
    server_expect_log(&server, "ended slow\n");
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
    server_end(&server);
}

Test(life, closes_a_peer_that_reads_nothing_for_the_idle_limit)
{
    static const char script[] = TELLS_THE_END "function on_receive(conn)\n"
                                               "  conn:idle(0.3)\n"
                                               "  conn:send(('x'):rep(30 * 2^20))\n"
                                               "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .config = "return { max_packet = '32M' }"});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "ended slow\n");
    close(client);
    server_end(&server);
}

/* The system says nothing of so little for longer than the limit, and the peer says nothing at all. */
Test(life, a_peer_that_reads_little_but_steadily_is_not_slow)
{
    enum { LIMITS = 3, PIECES = 150 * LIMITS, PIECE = 4096, BETWEEN_MS = 20 };
    static const char script[] =
        TELLS_THE_END "function on_receive(conn) conn:send(('x'):rep(30 * 2^20)) end\n";
    if (on_windows()) cr_skip_test("NOT TESTED: Windows does not say what it holds for a peer");
    struct server server = server_begin(&(struct begin){
        .script = script, .config = "return { idle_timeout = 3, max_packet = '32M' }"});
    char bytes[PIECE];
    const struct timespec between = {.tv_nsec = BETWEEN_MS * 1000000};
    int client = client_connect(&server), small = 64 << 10;
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_put_text(client, "go");
    for (int i = 0; i < PIECES; i++) {
        client_receive(client, bytes, sizeof bytes);
        nanosleep(&between, NULL);
    }
    cr_assert_eq(server_log_count(&server, "ended"), 0);
    server_expect_log(&server, "ended slow\n"); /* when it takes nothing any more */
    close(client);
    server_end(&server);
}

Test(life, tells_the_word_that_a_script_closed_with)
{
    static const struct {
        const char *packet, *line;
    } ends[] = {
        {"return conn:close()", "ended script\n"},
        {"return conn:close('enough')", "ended enough\n"},
        {"return conn:abort()", "ended script\n"},
        {"return conn:abort('at once')", "ended at once\n"},
        {"conn:close('first') return conn:close('second')", "ended first\n"},
        {"error('oh')", "ended error\n"},
        {"conn:close() error('oh')", "ended script\n"},
        {"return conn:close('a\\0b')", "ended a\\x00b\n"},
        {"return conn:close('\\0')", "ended \\x00\n"},
        {"return conn:close(('x'):rep(30) .. '\\195\\164')",
         "ended xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"},
        {"return conn:close(('0123456789'):rep(4))", "ended 0123456789012345678901234567890\n"},
    };
    struct server server = server_begin(&(struct begin){
        .script = TELLS_THE_END "function on_receive(conn, packet)\n"
                                "  assert((loadstring or load)('local conn = ...; ' .. packet))"
                                "(conn)\n"
                                "end\n"});
    int scripts = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        bool plain = strcmp(ends[i].line, "ended script\n") == 0;
        int client = client_connect(&server);
        client_put_text(client, ends[i].packet);
        cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
        server_expect_log_count(&server, ends[i].line, plain ? ++scripts : 1);
        close(client);
    }
    server_end(&server);
}

/* Most is told from the link: of a conn that is kept, what was left behind. */
Test(life, a_conn_that_is_kept_tells_who_its_peer_was)
{
    static const char script[] =
        "local kept, told = {}, {}\n"
        "local function text(conn)\n"
        "  return ('%d %s %d %.6f %s'):format(conn.id, conn.ip, conn.port, conn.connected_at,\n"
        "    conn.data.name or '-')\n"
        "end\n"
        "function on_connect(conn)\n"
        "  kept[conn.id] = conn\n"
        "  told[conn.id] = text(conn)\n"
        "end\n"
        "function on_receive(conn, packet)\n"
        "  if packet == 'all' then\n"
        "    for id, other in pairs(kept) do\n"
        "      if text(other) ~= told[id] then conn:send(text(other) .. ', not ' .. told[id]) end\n"
        "    end\n"
        "    conn:send('all')\n"
        "  else\n"
        "    conn:close()\n"
        "    server.log('info', 'closing %s', tostring(text(conn) == told[conn.id]))\n"
        "  end\n"
        "end\n"
        "function on_disconnect(conn)\n"
        "  server.log('info', 'gone %s', tostring(text(conn) == told[conn.id]))\n"
        "  conn.data.name = nil\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(other, "all", "all");
    client_put_text(client, "close");
    server_expect_log(&server, "closing true\n");
    server_expect_log(&server, "gone true\n");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    for (int i = 0; i < 20; i++) { /* its place is another's by then */
        close(client_connect(&server));
        client_ask(other, "all", "all");
    }
    close(other);
    server_end(&server);
}

/* What a script has removed is not there again, and what it has put there is. */
Test(life, data_is_made_once)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  local first = conn.data\n"
        "  first.mine = 1\n"
        "  if conn.data ~= first or conn.data.mine ~= 1 then error 'lost' end\n"
        "  conn.data = nil\n"
        "  if conn.data ~= nil then error 'back' end\n"
        "  conn.data = { mine = 2 }\n"
        "  if conn.data.mine ~= 2 then error 'not taken' end\n"
        "  conn:send('fine')\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    client_ask(client, "go", "fine");
    close(client);
    server_end(&server);
}
