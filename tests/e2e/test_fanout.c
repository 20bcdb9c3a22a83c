/* Packets from one connection to others: broadcasts and ids, across workers; and the figures. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void connect_all(const struct server *server, int *clients, int count)
{
    for (int i = 0; i < count; i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "hello", "hello"); /* a broadcast reaches it from now on */
    }
}

static void close_all(const int *clients, int count)
{
    for (int i = 0; i < count; i++) close(clients[i]);
}

/* ---- broadcast ---- */

enum { SENDERS = 4, MESSAGES = 25 };

/* What one receiver got: each sender's messages are numbered, and must come in order, each once. */
static void receive_broadcasts(int client, int self)
{
    int next[SENDERS] = {0};
    int expected = MESSAGES * (self < SENDERS ? SENDERS - 1 : SENDERS);
    for (int i = 0; i < expected; i++) {
        size_t size;
        int sender, number;
        char *text = (char *)client_take(client, &size);
        cr_assert_eq(sscanf(text, "from %d: %d", &sender, &number), 2, "%s", text);
        cr_assert(sender >= 0 && sender < SENDERS && sender != self, "%d got \"%s\"", self, text);
        cr_assert_eq(number, next[sender]++, "%d got \"%s\"", self, text);
        free(text);
    }
    client_ask(client, "hello", "hello"); /* and nothing more */
}

Test(fanout, a_broadcast_reaches_everybody_once_and_in_order)
{
    enum { CLIENTS = 500 };
    static int clients[CLIENTS];
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  if packet == 'hello' then return conn:send(packet) end\n"
                                 "  broadcast(packet, { except = conn })\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    connect_all(&server, clients, CLIENTS);
    for (int number = 0; number < MESSAGES; number++) {
        for (int sender = 0; sender < SENDERS; sender++) {
            char text[32];
            snprintf(text, sizeof text, "from %d: %d", sender, number);
            client_put_text(clients[sender], text);
        }
    }
    for (int i = 0; i < CLIENTS; i++) receive_broadcasts(clients[i], i);
    close_all(clients, CLIENTS);
    server_end(&server);
}

Test(fanout, a_large_broadcast_reaches_everybody_whole)
{
    enum { CLIENTS = 40, ROUNDS = 10, SIZE = 100000 };
    static uint8_t packet[SIZE];
    int clients[CLIENTS];
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  if packet == 'hello' then return conn:send(packet) end\n"
                                  "  broadcast(packet)\n"
                                  "end\n",
                        .flags = {"--workers", "2"}});
    connect_all(&server, clients, CLIENTS);
    for (int round = 0; round < ROUNDS; round++) {
        fill_random((uint64_t)round, packet, SIZE);
        client_put(clients[round % CLIENTS], packet, SIZE);
        for (int i = 0; i < CLIENTS; i++) {
            size_t size;
            uint8_t *got = client_take(clients[i], &size);
            cr_assert_eq(size, SIZE);
            cr_assert_eq(memcmp(got, packet, SIZE), 0, "round %d, client %d", round, i);
            free(got);
        }
    }
    close_all(clients, CLIENTS);
    server_end(&server);
}

Test(fanout, a_broadcast_answers_how_many_of_this_worker_it_is_for)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  if packet == 'hello' then return conn:send(packet) end\n"
        "  conn:send(('%d %d %s'):format(broadcast('all'), broadcast('others', { except = conn "
        "}),\n"
        "                                select(2, broadcast(('x'):rep(2000)))))\n"
        "end\n";
    int clients[3];
    struct server server = server_begin(
        &(struct begin){.script = script, .config = "return { workers = 1, max_packet = '1K' }"});
    connect_all(&server, clients, 3);
    client_ask(clients[0], "go", "all");
    client_expect(clients[0], "3 2 toobig");
    for (int i = 1; i < 3; i++) {
        client_expect(clients[i], "all");
        client_expect(clients[i], "others");
    }
    close_all(clients, 3);
    server_end(&server);
}

Test(fanout, a_broadcast_is_framed_as_each_receiver_is)
{
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  if packet == 'lines' then conn:framing('line') end\n"
                                 "  if packet == 'go' then broadcast('to all') end\n"
                                 "  conn:send(packet)\n"
                                 "end\n";
    int clients[6];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    connect_all(&server, clients, 6);
    for (int i = 0; i < 3; i++) {
        client_put_text(clients[i], "lines");
        client_expect_line(clients[i], "lines");
    }
    client_put_text(clients[5], "go");
    for (int i = 0; i < 3; i++) client_expect_line(clients[i], "to all");
    for (int i = 3; i < 6; i++) client_expect(clients[i], "to all");
    close_all(clients, 6);
    server_end(&server);
}

/* ---- ids ---- */

Test(fanout, an_id_reaches_its_connection_from_every_worker)
{
    enum { CLIENTS = 6, ROUNDS = 20 };
    static const char script[] =
        "function on_connect(conn) conn:send(('%.0f'):format(conn.id)) end\n"
        "function on_receive(conn, packet)\n"
        "  local id, text = packet:match('^(%d+) (.*)$')\n"
        "  assert(send(tonumber(id), text) == true)\n"
        "end\n";
    int clients[CLIENTS];
    char ids[CLIENTS][32], text[256];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "3"}});
    for (int i = 0; i < CLIENTS; i++) {
        size_t size;
        clients[i] = client_connect(&server);
        char *id = (char *)client_take(clients[i], &size);
        snprintf(ids[i], sizeof ids[i], "%s", id);
        free(id);
    }
    for (int from = 0; from < CLIENTS; from++) {
        for (int to = 0; to < CLIENTS; to++) {
            for (int round = 0; round < ROUNDS; round++) {
                snprintf(text, sizeof text, "%s from %d, %d", ids[to], from, round);
                client_put_text(clients[from], text);
            }
            for (int round = 0; round < ROUNDS; round++) {
                snprintf(text, sizeof text, "from %d, %d", from, round);
                client_expect(clients[to], text);
            }
        }
    }
    close_all(clients, CLIENTS);
    server_end(&server);
}

Test(fanout, an_id_of_nobody_reaches_nobody)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  for worker = 0, 200 do\n"
        "    for _, rest in ipairs { 0, 1, 2, 3000, 2^20, 2^40 } do\n"
        "      local id = worker * 2^46 + rest\n"
        "      if id ~= conn.id then\n"
        "        local result, code = send(id, 'lost')\n"
        "        assert(result or code == 'closed', code)\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "  for _, id in ipairs { 0, -1, 0 / 0, 1 / 0, -1 / 0, 2^53, 1e300, conn.id + 0.5 } do\n"
        "    local result, code = send(id, 'lost')\n"
        "    assert(result == nil and code == 'closed', tostring(id))\n"
        "  end\n"
        "  conn:send('nobody')\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    int client = client_connect(&server);
    client_ask(client, "go", "nobody");
    close(client);
    server_end(&server);
}

/* ---- queues and figures ---- */

Test(fanout, on_drain_runs_when_the_queue_has_fallen)
{
    static const char script[] =
        "local queued\n"
        "function on_receive(conn)\n"
        "  while conn:pending() > 0 do server.sleep(0.001) end\n" /* the client is faster */
        "  local before = conn:pending()\n"
        "  for i = 1, 30 do conn:send(('x'):rep(2^20)) end\n"
        "  queued = true\n"
        "  server.log('info', 'pending %d, then %d', before, conn:pending())\n"
        "end\n"
        "function on_drain(conn)\n"
        "  local low = queued and conn:pending() <= 2^16\n"
        "  queued = false\n"
        "  conn:send(low and 'drained' or 'too early')\n"
        "end\n";
    struct server server = server_begin(&(struct begin){
        .script = script, .config = "return { soft_mark = '64K', hard_mark = '64M' }"});
    int client = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        size_t size;
        client_put_text(client, "go");
        server_expect_log_count(&server, "pending 0, then 31457400\n", round + 1);
        for (int i = 0; i < 30; i++) {
            uint8_t *packet = client_take(client, &size);
            cr_assert_eq(size, 1 << 20, "packet %d", i);
            free(packet);
        }
        client_expect(client, "drained");
    }
    close(client);
    server_end(&server);
}

Test(fanout, a_client_is_heard_again_after_on_drain_has_queued_more)
{
    static const char script[] = "local left\n"
                                 "local function more(conn)\n"
                                 "  left = left - 1\n"
                                 "  for i = 1, 30 do conn:send(('x'):rep(2^20)) end\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if packet == 'more?' then return conn:send('no') end\n"
                                 "  left = 2\n"
                                 "  more(conn)\n"
                                 "end\n"
                                 "function on_drain(conn)\n"
                                 "  if left > 0 then more(conn) end\n"
                                 "end\n";
    struct server server = server_begin(&(struct begin){
        .script = script, .config = "return { soft_mark = '64K', hard_mark = '64M' }"});
    int client = client_connect(&server);
    client_put_text(client, "go");
    for (int i = 0; i < 60; i++) free(client_take(client, &(size_t){0}));
    client_ask(client, "more?", "no");
    close(client);
    server_end(&server);
}

Test(fanout, connections_are_iterated_as_they_are)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  local count, found = 0, false\n"
        "  for other in server.connections() do\n"
        "    count = count + 1\n"
        "    found = found or other == conn\n"
        "    other.data.visits = (other.data.visits or 0) + 1\n"
        "    if packet == 'end the others' and other ~= conn then\n"
        "      other:abort()\n"
        "      collectgarbage()\n"
        "    end\n"
        "  end\n"
        "  conn:send(('%d %s %d'):format(count, found, conn.data.visits))\n"
        "end\n";
    int clients[5];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    for (int i = 0; i < 5; i++) {
        char answer[32];
        clients[i] = client_connect(&server);
        snprintf(answer, sizeof answer, "%d true 1", i + 1);
        client_ask(clients[i], "?", answer);
    }
    client_ask(clients[0], "end the others", "5 true 6");
    for (int i = 1; i < 5; i++) cr_assert_neq(client_await_end(clients[i]), CLIENT_TIMEOUT);
    client_ask(clients[0], "?", "1 true 7");
    close_all(clients, 5);
    server_end(&server);
}

Test(fanout, the_figures_add_up)
{
    enum { CLIENTS = 11, PACKETS = 30 }; /* one worker has more of them */
    static const char script[] =
        "function on_receive(conn, packet) conn:send(packet .. packet) end\n"
        "local last\n"
        "local function tell()\n"
        "  local stats = server.stats()\n"
        "  local sum = { bytes_received = 0, packets_sent = 0, connections = 0, accepted = 0,\n"
        "    block_bytes = 0, fixed_bytes = 0 }\n"
        "  for _, worker in ipairs(stats.by_worker) do\n"
        "    for name in pairs(sum) do sum[name] = sum[name] + worker[name] end\n"
        "  end\n"
        "  local fine = stats.workers == 2 and #stats.by_worker == 2 and stats.uptime > 0\n"
        "    and stats.busy > 0 and stats.turns > 0 and stats.events > 0\n"
        "    and stats.blocks_used + stats.blocks_free == stats.blocks and stats.blocks == 10000\n"
        "    and stats.block_bytes >= 10000 * 2048 and stats.block_bytes < 10000 * 2048 * 1.2\n"
        "    and stats.fixed_bytes > 2 * 4 * 2^20 and stats.fixed_bytes < 2 * 10 * 2^20\n"
        "    and stats.connections_max == 100 and stats.connections_free == 100 - "
        "stats.connections\n"
        "  for name, value in pairs(sum) do fine = fine and value == stats[name] end\n"
        "  local line = ('%s: connections %d of %d, packets %d %d, bytes %d %d, eof %d script "
        "%d')\n"
        "    :format(fine, stats.connections, stats.accepted, stats.packets_received,\n"
        "            stats.packets_sent, stats.bytes_received, stats.bytes_sent,\n"
        "            stats.closed.eof, stats.closed.script)\n"
        "  if line ~= last then server.log('info', '%s', line) end\n"
        "  last = line\n"
        "end\n"
        "function on_start()\n"
        "  if server.worker == 1 then server.every(0.02, tell) end\n"
        "end\n";
    int clients[CLIENTS];
    struct server server = server_begin(&(struct begin){
        .script = script, .config = "return { workers = 2, max_connections = 100 }"});
    server_expect_log(&server, "connections 0 of 0, packets 0 0, bytes 0 0, eof 0 script 0\n");
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connect(&server);
    for (int i = 0; i < CLIENTS * PACKETS; i++)
        client_ask(clients[i % CLIENTS], "12345", "1234512345");
    server_expect_log(&server, "true: connections 11 of 11, packets 330 330, bytes 2970 4620, "
                               "eof 0 script 0\n");
    close_all(clients, CLIENTS);
    server_expect_log(&server, "true: connections 0 of 11, packets 330 330, bytes 2970 4620, "
                               "eof 11 script 0\n");
    server_end(&server);
}
