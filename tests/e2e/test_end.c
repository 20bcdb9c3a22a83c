/* Once a connection has ended: exactly one on_disconnect, and nothing after it. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MEGABYTE = 1 << 20 };

static void reset(int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(client);
}

/* A packet to a peer that may have gone already. */
static void try_put(int client, const char *text)
{
    uint8_t packet[64] = {(uint8_t)(strlen(text) + 4)};
    memcpy(packet + 4, text, strlen(text));
    send(client, packet, strlen(text) + 4, MSG_NOSIGNAL);
}

/* ---- exactly once ---- */

static const char counting_script[] = "local opened, refused, ended, wrong, open = 0, 0, 0, 0, {}\n"
                                      "function on_connect(conn)\n"
                                      "  if (opened + refused) % 10 == 9 then\n"
                                      "    refused = refused + 1\n"
                                      "    return false\n"
                                      "  end\n"
                                      "  opened = opened + 1\n"
                                      "  open[conn.id] = true\n"
                                      "end\n"
                                      "function on_receive(conn, fate)\n"
                                      "  if not open[conn.id] then wrong = wrong + 1 end\n"
                                      "  if fate == 'close' then conn:close()\n"
                                      "  elseif fate == 'abort' then conn:abort()\n"
                                      "  elseif fate == 'raise' then error('as you asked')\n"
                                      "  elseif fate == 'wait' then server.sleep(1000) end\n"
                                      "end\n"
                                      "function on_disconnect(conn, reason)\n"
                                      "  ended = ended + 1\n"
                                      "  if not open[conn.id] then wrong = wrong + 1 end\n"
                                      "  open[conn.id] = nil\n"
                                      "end\n"
                                      "function on_stop()\n"
                                      "  if next(open) then wrong = wrong + 1 end\n"
                                      "  server.log('info', 'opened %d refused %d ended %d wrong "
                                      "%d', opened, refused, ended, wrong)\n"
                                      "end\n";

enum fate { CLOSE, ABORT, RAISE, BREAK, WAIT, LEAVE, RESET, SILENCE, FATES };

/* Returns the client if it stays. */
static int meet(const struct server *server, enum fate fate)
{
    static const char *const words[FATES] = {
        [CLOSE] = "close", [ABORT] = "abort", [RAISE] = "raise", [WAIT] = "wait"};
    int client = client_connect(server);
    if (words[fate] != NULL) try_put(client, words[fate]);
    if (fate == BREAK) send(client, "\0\0\0\0", 4, MSG_NOSIGNAL);
    if (fate == RESET) reset(client);
    if (fate == RESET || fate == WAIT || fate == SILENCE) return fate == RESET ? -1 : client;
    if (fate != LEAVE) cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
    return -1;
}

Test(end, on_disconnect_runs_once_for_each_accepted_connection)
{
    enum { CONNECTS = 500 };
    int kept[CONNECTS], opened[2], refused[2], ended[2], wrong[2];
    struct server server =
        server_begin(&(struct begin){.script = counting_script, .flags = {"--workers", "2"}});
    for (int i = 0; i < CONNECTS; i++) kept[i] = meet(&server, (enum fate)(i % FATES));
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    char *log = server_log(&server);
    const char *at = log;
    for (int i = 0; i < 2; i++) {
        at = strstr(at, "info  opened ");
        cr_assert_not_null(at, "%s", log);
        cr_assert_eq(sscanf(at++, "info  opened %d refused %d ended %d wrong %d", &opened[i],
                            &refused[i], &ended[i], &wrong[i]),
                     4);
        cr_assert_eq(opened[i], ended[i], "worker %d: %d opened, %d ended", i, opened[i], ended[i]);
        cr_assert_eq(wrong[i], 0);
        cr_assert(opened[i] > 0, "worker %d had no connections", i);
    }
    cr_assert(opened[0] + opened[1] > CONNECTS / 2);
    cr_assert(refused[0] + refused[1] > CONNECTS / 20);
    cr_assert(opened[0] + opened[1] + refused[0] + refused[1] <= CONNECTS);
    free(log);
    for (int i = 0; i < CONNECTS; i++)
        if (kept[i] >= 0) close(kept[i]);
    server_end(&server);
}

Test(end, on_connect_refuses_with_false_once_what_it_sent_is_out)
{
    static const char script[] = "local ended = 0\n"
                                 "local first = true\n"
                                 "function on_connect(conn)\n"
                                 "  if not first then return end\n"
                                 "  first = false\n"
                                 "  conn:send(('x'):rep(2^20))\n"
                                 "  conn:send('not today')\n"
                                 "  return false\n"
                                 "end\n"
                                 "function on_receive(conn) conn:send('ended ' .. ended) end\n"
                                 "function on_disconnect() ended = ended + 1 end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    size_t size;
    int refused = client_connect(&server);
    client_put_text(refused, "nobody reads this");
    free(client_take(refused, &size));
    cr_assert_eq(size, MEGABYTE);
    client_expect(refused, "not today");
    cr_assert_eq(client_await_end(refused), CLIENT_EOF);
    close(refused);

    int client = client_connect(&server);
    client_ask(client, "?", "ended 0");
    int other = client_connect(&server);
    client_ask(other, "?", "ended 0");
    client_put_text(other, "?");
    client_expect(other, "ended 0");
    close(client);
    close(other);
    server_end(&server);
}

Test(end, on_connect_may_wait_before_it_refuses)
{
    static const char script[] = "local count = 0\n"
                                 "function on_connect(conn)\n"
                                 "  count = count + 1\n"
                                 "  conn.data.accepted = count % 2 == 0\n"
                                 "  server.sleep(0.02)\n"
                                 "  conn:send('decided')\n"
                                 "  return conn.data.accepted\n"
                                 "end\n"
                                 "function on_receive(conn, packet) conn:send(packet) end\n"
                                 "function on_disconnect(conn, why)\n"
                                 "  assert(conn.data.accepted)\n"
                                 "  server.log('info', 'ended %s', why)\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int refused = client_connect(&server);
    client_put_text(refused, "hello");
    client_expect(refused, "decided");
    cr_assert_eq(client_await_end(refused), CLIENT_EOF);

    int accepted = client_connect(&server);
    client_put_text(accepted, "hello");
    client_expect(accepted, "decided");
    client_expect(accepted, "hello");
    close(accepted);
    server_expect_log(&server, "ended eof\n");
    close(refused);
    server_end(&server);
}

Test(end, an_on_connect_that_closes_has_accepted)
{
    static const char script[] =
        "local count = 0\n"
        "function on_connect(conn)\n"
        "  count = count + 1\n"
        "  if count > 2 then server.sleep(0.01) end\n"
        "  conn:send('no room')\n"
        "  conn[count % 2 == 0 and 'close' or 'abort'](conn, 'full' .. count)\n"
        "end\n"
        "function on_receive() error('closed, but served') end\n"
        "function on_disconnect(conn, why)\n"
        "  server.log('info', 'ended %s', why)\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    for (int i = 1; i <= 4; i++) {
        char line[32];
        int client = client_connect(&server);
        client_put_text(client, "hello");
        if (i % 2 == 0) client_expect(client, "no room");
        cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
        snprintf(line, sizeof line, "ended full%d\n", i);
        server_expect_log(&server, line);
        close(client);
    }
    char *log = server_log(&server);
    cr_assert_null(strstr(log, "error"), "%s", log);
    free(log);
    server_end(&server);
}

/* ---- nothing after it ---- */

Test(end, nothing_is_handed_on_after_a_close)
{
    static const char script[] =
        "local closed, late, ended = {}, 0, 0\n"
        "function on_receive(conn, packet)\n"
        "  if closed[conn.id] then late = late + 1 end\n"
        "  if packet == 'how many?' then\n"
        "    while ended < 3 do server.sleep(0.001) end\n"
        "    return conn:send(late .. ' of ' .. ended)\n"
        "  end\n"
        "  if packet == 'more' then return end\n"
        "  closed[conn.id] = true\n"
        "  if packet == 'raise' then error('as you asked') end\n"
        "  if packet == 'wait' then conn:close() server.sleep(0.01) late = late + 1 end\n"
        "  conn[packet](conn)\n"
        "end\n"
        "function on_drain(conn) if closed[conn.id] then late = late + 1 end end\n"
        "function on_idle(conn)\n"
        "  if closed[conn.id] then late = late + 1 end\n"
        "  return true\n"
        "end\n"
        "function on_disconnect(conn) ended = ended + 1 end\n";
    static const char *const ways[] = {"close", "abort", "raise"};
    struct server server = server_begin(
        &(struct begin){.script = script, .config = "return { workers = 1, idle_timeout = 0.2 }"});
    for (int i = 0; i < 3; i++) {
        char bytes[1000];
        size_t size = strlen(ways[i]) + 4;
        memcpy(bytes, (uint8_t[]){(uint8_t)size, 0, 0, 0}, 4);
        memcpy(bytes + 4, ways[i], size - 4);
        for (int more = 0; more < 100; more++, size += 8) memcpy(bytes + size, "\x08\0\0\0more", 8);
        int client = client_connect(&server);
        client_send(client, bytes, size); /* all of it in one piece */
        cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
        close(client);
    }
    int client = client_connect(&server);
    client_ask(client, "how many?", "0 of 3");
    close(client);
    server_end(&server);
}

Test(end, a_handler_that_waits_ends_with_its_connection)
{
    static const char script[] = "local waiting, aborted, late = nil, false, 0\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if packet == 'wait' then\n"
                                 "    waiting = conn\n"
                                 "    conn:send('waiting')\n"
                                 "    while not aborted do server.sleep(0.01) end\n"
                                 "    late = late + 1\n"
                                 "  elseif packet == 'abort' then\n"
                                 "    aborted = waiting:abort()\n"
                                 "    server.sleep(0.1)\n"
                                 "    conn:send('late ' .. late)\n"
                                 "  end\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int waiting = client_connect(&server), client = client_connect(&server);
    client_ask(waiting, "wait", "waiting");
    client_ask(client, "abort", "late 0");
    close(waiting);
    close(client);
    server_end(&server);
}

/* ---- what happens to the queue ---- */

static const char queueing_script[] =
    "function on_receive(conn, command)\n"
    "  for i = 1, 16 do assert(conn:send(string.char(64 + i):rep(2^20))) end\n"
    "  conn[command](conn, command)\n"
    "  server.log('info', 'called')\n"
    "end\n"
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n";

Test(end, close_flushes_a_large_queue_to_a_slow_reader)
{
    struct server server = server_begin(&(struct begin){.script = queueing_script});
    int client = client_connect(&server);
    client_put_text(client, "close");
    server_expect_log(&server, "called");
    client_expect_megabytes_to_the_end(client, 16);
    server_expect_log(&server, "ended close\n");
    close(client);
    server_end(&server);
}

Test(end, close_waits_for_a_deaf_peer_no_longer_than_drain_timeout)
{
    struct server server = server_begin(
        &(struct begin){.script = queueing_script, .config = "return { drain_timeout = 0.3 }"});
    int client = client_connect(&server);
    client_put_text(client, "close");
    server_expect_log(&server, "drain_timeout is over");
    server_expect_log(&server, "ended close\n");
    close(client);
    server_end(&server);
}

Test(end, abort_waits_for_nothing)
{
    struct server server = server_begin(&(struct begin){.script = queueing_script});
    char byte;
    int client = client_connect(&server);
    client_put_text(client, "abort");
    server_expect_log(&server, "ended abort\n");
    cr_assert(recv(client, &byte, 1, 0) <= 0, "something was sent before");
    close(client);
    server_end(&server);
}

/* ---- ids ---- */

Test(end, a_conn_that_has_ended_is_answered_closed)
{
    static const char script[] = "local old\n"
                                 "local function answer(what, ...)\n"
                                 "  local result, code = ...\n"
                                 "  assert(result == nil and code == 'closed', what)\n"
                                 "end\n"
                                 "function on_connect(conn) old = old or conn end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if conn == old then return conn:close() end\n"
                                 "  answer('send', send(old, 'x'))\n"
                                 "  answer('send to the id', send(old.id, 'x'))\n"
                                 "  answer('conn:send', old:send('x'))\n"
                                 "  answer('close', old:close('x'))\n"
                                 "  answer('abort', old:abort())\n"
                                 "  answer('pending', old:pending())\n"
                                 "  answer('pause', old:pause())\n"
                                 "  answer('resume', old:resume())\n"
                                 "  answer('idle', old:idle(1))\n"
                                 "  answer('framing', old:framing('line'))\n"
                                 "  assert(tostring(old):find('^conn '))\n"
                                 "  assert(old.ip == '127.0.0.1' and old.data)\n"
                                 "  assert(broadcast('all', { except = old }) == 1)\n"
                                 "  conn:send('closed everywhere')\n"
                                 "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .config = "return { workers = 1, max_connections = 2 }"});
    int client = client_connect(&server);
    client_put_text(client, "end me");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    client = client_connect(&server); /* perhaps in the place of the first */
    client_put_text(client, "try it");
    client_expect(client, "all");
    client_expect(client, "closed everywhere");
    close(client);
    server_end(&server);
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

Test(end, ids_never_repeat_and_fit_into_a_number)
{
    enum { ROUNDS = 20, EACH = 20 };
    static uint64_t ids[ROUNDS * EACH];
    struct server server = server_begin(&(struct begin){
        .script = "function on_connect(conn) conn:send(string.format('%.0f', conn.id)) end\n"
                  "function on_receive() end\n",
        .config = "return { workers = 3, max_connections = 60 }"});
    for (int round = 0; round < ROUNDS; round++) {
        int clients[EACH];
        for (int i = 0; i < EACH; i++) {
            size_t size;
            clients[i] = client_connect(&server);
            char *text = (char *)client_take(clients[i], &size);
            ids[round * EACH + i] = strtoull(text, NULL, 10);
            free(text);
        }
        for (int i = 0; i < EACH; i++) close(clients[i]);
        for (int i = 0; i < EACH; i++) cr_assert(ids[round * EACH + i] > 0);
    }
    qsort(ids, ROUNDS * EACH, sizeof *ids, compare);
    cr_assert(ids[ROUNDS * EACH - 1] < UINT64_C(1) << 53);
    for (int i = 1; i < ROUNDS * EACH; i++) cr_assert_neq(ids[i - 1], ids[i]);
    server_end(&server);
}
