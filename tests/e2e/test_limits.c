/* What one connection may keep waiting, and how many connections there may be. */
#include "deaf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, SOFT_MARK = 65536, PACKET_SIZE = 1000, FURTHER_TURNS = 300 };
enum { SWALLOWED_MAX = 64 << 20, NUMBERED = 5000, BURST = 64 };
/* A stream that is being stopped may have filled all that a worker receives into, 32 times 128 KiB; and what
 * keeps that grows by doubling. */
enum { MEMORY_MAX = 9 << 20 };

#define TELLS_REASONS \
    "function on_disconnect(conn, reason) server.log('info', 'gone: %s', reason) end\n"

/* ---- how many connections ---- */

static const char echo[] =
    TELLS_REASONS "function on_receive(conn, packet) conn:send(packet) end\n";

static void expect_refused(const struct server *server)
{
    int client = client_connect(server);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
}

Test(limits, more_connections_than_allowed_are_refused_until_one_leaves)
{
    struct server server = server_begin(&(struct begin){
        .script = echo,
        .flags = {"--max-connections", "3", "--workers", "2"},
    });
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(&server);
        cr_assert(client_is_served(clients[i]));
    }
    for (int i = 0; i < 5; i++) expect_refused(&server);
    cr_assert_eq(server_log_count(&server, "refused 127.0.0.1:"), 1, "one line an episode");
    server_expect_log(&server, "max_connections");

    close(clients[1]);
    server_expect_log(&server, "gone: eof");
    clients[1] = client_connect_until_served(&server);
    cr_assert_eq(server_log_count(&server, "refused 127.0.0.1:"), 1);
    for (int i = 0; i < 3; i++) cr_assert(client_is_served(clients[i]));
    expect_refused(&server);
    cr_assert_eq(server_log_count(&server, "refused 127.0.0.1:"), 2, "a new episode, a new line");
    for (int i = 0; i < 3; i++) close(clients[i]);
    server_end(&server);
}

Test(limits, the_figures_count_who_was_refused)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn)\n"
                  "  local stats = server.stats()\n"
                  "  conn:send(('%d of %d, %d refused, packets %d %d, busy %s'):format(\n"
                  "    stats.connections, stats.accepted, stats.refused, stats.packets_received,\n"
                  "    stats.packets_sent, stats.busy < stats.uptime))\n"
                  "end\n",
        .flags = {"--max-connections", "1", "--workers", "1"},
    });
    int client = client_connect(&server);
    client_ask(client, "how many?", "1 of 1, 0 refused, packets 1 0, busy true");
    for (int i = 0; i < 3; i++) expect_refused(&server);
    client_ask(client, "how many?", "1 of 1, 3 refused, packets 2 1, busy true");
    close(client);
    server_end(&server);
}

Test(limits, pending_counts_each_byte_that_is_queued)
{
    struct server server = server_begin_script("function on_receive(conn)\n"
                                               "  local none = conn:pending()\n"
                                               "  conn:send(('x'):rep(1000))\n"
                                               "  local one = conn:pending()\n"
                                               "  conn:send('')\n"
                                               "  local two = conn:pending()\n"
                                               "  conn:send(('%d %d %d'):format(none, one, two))\n"
                                               "end\n");
    int client = client_connect(&server);
    client_put_text(client, "how much?");
    for (int i = 0; i < 2; i++) {
        size_t size;
        free(client_take(client, &size));
        cr_assert_eq(size, i == 0 ? 1000 : 0);
    }
    client_expect(client, "0 1004 1008");
    close(client);
    server_end(&server);
}

/* ---- the soft mark ---- */

static const char watched_echo[] =
    TELLS_REASONS "function on_receive(conn, packet)\n"
                  "  if packet ~= 'figures' then return conn:send(packet) end\n"
                  "  local stats, pending = server.stats(), 0\n"
                  "  for other in server.connections() do\n"
                  "    pending = math.max(pending, other:pending())\n"
                  "  end\n"
                  "  conn:send(('%d %d'):format(pending, stats.memory_used))\n"
                  "end\n";

/* The bytes queued for the connection that has most of them. */
static size_t check_figures(int watching)
{
    size_t pending, used, size;
    client_put_text(watching, "figures");
    char *answer = (char *)client_take(watching, &size);
    cr_assert_eq(sscanf(answer, "%zu %zu", &pending, &used), 2, "%s", answer);
    cr_assert(pending <= SOFT_MARK + HEADER + PACKET_SIZE, "%zu bytes are queued", pending);
    cr_assert(used <= MEMORY_MAX, "%zu bytes of memory are used", used);
    free(answer);
    return pending;
}

static void push(struct deaf *deaf)
{
    while (deaf_push(deaf) > 0)
        cr_assert(deaf->sent < SWALLOWED_MAX, "it goes on receiving from who does not read");
}

Test(limits, who_does_not_read_answers_asks_no_more_questions)
{
    struct server server = server_begin(&(struct begin){
        .script = watched_echo,
        .flags = {"--workers", "1"},
    });
    struct deaf deaf = deaf_connect(&server, PACKET_SIZE);
    int watching = client_connect(&server);
    while (check_figures(watching) <= SOFT_MARK) push(&deaf);
    for (int turn = 0; turn < FURTHER_TURNS; turn++) {
        push(&deaf);
        check_figures(watching);
    }
    deaf_hear(&deaf, 1);
    while (check_figures(watching) > 0) continue;
    close(deaf.client);
    close(watching);
    server_expect_log_count(&server, "gone: eof", 2);
    server_end(&server);
}

/* A silence that is the server's own doing makes nobody idle; reading nothing makes one slow. */
Test(limits, who_reads_nothing_for_long_is_slow_not_idle)
{
    struct server server = server_begin(&(struct begin){
        .script = TELLS_REASONS "function on_receive(conn, packet)\n"
                                "  conn:send(packet)\n"
                                "  if conn:pending() > 65536 then conn:idle(0.3) end\n"
                                "end\n"
                                "function on_drain(conn) conn:idle(0) end\n",
        .flags = {"--workers", "1"},
    });
    struct deaf deaf = deaf_connect(&server, PACKET_SIZE);
    while (server_log_count(&server, "gone: ") == 0) deaf_push(&deaf);
    server_expect_log(&server, "gone: slow");
    server_expect_log(&server, "it has read nothing for ");
    close(deaf.client);
    server_end(&server);
}

/* ---- the hard mark ---- */

/* 261 of them wait below the hard mark; what the system takes comes on top. */
static const char filler[] =
    TELLS_REASONS "local packet = ('x'):rep(1000)\n"
                  "function on_receive(conn)\n"
                  "  local sent, fine, why = -1, true, nil\n"
                  "  while fine do\n"
                  "    sent = sent + 1\n"
                  "    fine, why = conn:send(packet)\n"
                  "  end\n"
                  "  local _, then_why = conn:send('')\n"
                  "  server.log('info', 'sent %s, then %s, then %s',\n"
                  "    sent > 261 and 'more than its queue may hold' or sent, why, then_why)\n"
                  "end\n";

Test(limits, a_queue_at_the_hard_mark_closes_its_connection)
{
    struct server server = server_begin(&(struct begin){
        .script = filler,
        .flags = {"--max-packet", "64K", "--hard-mark", "256K"},
    });
    int client = client_connect(&server);
    client_put_text(client, "fill");
    server_expect_log(&server, "sent more than its queue may hold, then full, then closed");
    server_expect_log(&server, "closed: it does not read what it is sent: hard_mark is reached "
                               "with 26"); /* 261141 to 262144 bytes */
    server_expect_log(&server, "gone: slow");
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
    server_end(&server);
}

static void take_up_to(int client, int first, int last)
{
    for (int number = first; number <= last; number++) {
        size_t size;
        char *packet = (char *)client_take(client, &size);
        cr_assert_eq(atoi(packet), number, "instead of %d: %.20s", number, packet);
        free(packet);
    }
}

/* The answer to one question: sixteen times what its queue may hold. */
static const char burst[] = TELLS_REASONS
    "function on_receive(conn, packet)\n"
    "  for number = 1, 64 do\n"
    "    local text = ('%d'):format(number) .. ('.'):rep(1000)\n"
    "    if packet == 'all' then assert(broadcast(text)) else assert(conn:send(text)) end\n"
    "  end\n"
    "end\n";

static void take_burst(const struct server *server, const char *question)
{
    int client = client_connect(server);
    client_put_text(client, question);
    take_up_to(client, 1, BURST);
    close(client);
    server_expect_log_count(server, "gone: eof", 1);
    cr_assert_eq(server_log_count(server, "gone: "), 1);
}

Test(limits, who_reads_gets_more_in_one_turn_than_its_queue_may_hold)
{
    static const char *const policies[] = {"close", "refuse"};
    for (int i = 0; i < 4; i++) {
        struct server server = server_begin(&(struct begin){
            .script = burst,
            .flags = {"--max-packet", "2K", "--soft-mark", "2K", "--hard-mark", "4K", "--on-full",
                      policies[i / 2], "--workers", "1"},
        });
        take_burst(&server, i % 2 == 0 ? "all" : "me");
        server_end(&server);
    }
}

/* Numbered packets, each sent until it is taken; what is offered instead has to be refused too. */
static const char numbering[] = TELLS_REASONS
    "local filler = ('.'):rep(16000)\n"
    "local function go_on(conn)\n"
    "  local data = conn.data\n"
    "  while data.next <= 5000 do\n"
    "    local fine, why = conn:send(('%d'):format(data.next) .. filler)\n"
    "    if not fine then\n"
    "      local _, why_not = conn:send('out of turn')\n"
    "      assert(why == 'full' and why_not == 'full')\n"
    "      data.refusals = data.refusals + 1\n"
    "      if data.refusals <= 2 then server.log('info', 'refused: %d', data.refusals) end\n"
    "      return\n"
    "    end\n"
    "    data.next = data.next + 1\n"
    "  end\n"
    "  conn:close('done')\n"
    "end\n"
    "function on_receive(conn)\n"
    "  conn.data.next, conn.data.refusals = 1, 0\n"
    "  go_on(conn)\n"
    "end\n"
    "on_drain = go_on\n";

/* It reads when something was refused, and goes on when that has happened again. */
static void take_numbered(const struct server *server)
{
    int client = client_connect(server);
    client_put_text(client, "go");
    server_expect_log(server, "refused: 1");
    take_up_to(client, 1, NUMBERED / 10);
    server_expect_log(server, "refused: 2");
    take_up_to(client, NUMBERED / 10 + 1, NUMBERED);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_expect_log(server, "gone: done");
}

Test(limits, a_refused_packet_leaves_no_gap)
{
    struct server server = server_begin(&(struct begin){
        .script = numbering,
        .flags = {"--max-packet", "64K", "--hard-mark", "256K", "--on-full", "refuse"},
    });
    take_numbered(&server);
    server_end(&server);
}

Test(limits, a_listener_may_have_its_own_policy)
{
    struct server server = server_begin(&(struct begin){
        .script = numbering,
        .config = "return {\n"
                  "  max_packet = '64K', hard_mark = '256K', on_full = 'close',\n"
                  "  listen = { { address = '127.0.0.1:0', on_full = 'refuse' } },\n"
                  "}\n",
    });
    take_numbered(&server);
    server_end(&server);
}
