/* The figures that server.stats() and `moonport stats` tell, each with exact values. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A packet is Lua, which answers by `tell`. */
#define EVALUATES \
    "function tell(...)\n" \
    "  local all = {}\n" \
    "  for i = 1, select('#', ...) do all[i] = tostring((select(i, ...))) end\n" \
    "  asker:send(table.concat(all, ' '))\n" \
    "end\n" \
    "function by_name(values)\n" \
    "  local all = {}\n" \
    "  for name, value in pairs(values) do\n" \
    "    all[#all + 1] = ('%q=%d'):format(name, value)\n" \
    "  end\n" \
    "  table.sort(all)\n" \
    "  return table.concat(all, ' ')\n" \
    "end\n" \
    "function on_receive(conn, packet)\n" \
    "  asker = conn\n" \
    "  assert((loadstring or load)(packet))()\n" \
    "end\n"

static struct server begin_with(const char *workers, const char *connections)
{
    return server_begin(
        &(struct begin){.script = EVALUATES,
                        .flags = {"--workers", workers, "--max-connections", connections,
                                  "--blocks", "1000", "--handler-timeout", "100"},
                        .admin = true});
}

static struct server begin(const char *workers)
{
    return begin_with(workers, "100");
}

/* What `moonport stats` prints; free it. */
static char *stats_of(const struct server *server)
{
    char address[64], *out, *err;
    server_admin(server, address, sizeof address);
    cr_assert_eq(program_run(&out, &err, WORDS("stats", "--admin", address)), 0, "%s", err);
    free(err);
    return out;
}

static void expect_line(const struct server *server, const char *line)
{
    char *out = stats_of(server), name[80], value[80], wanted[200];
    cr_assert_eq(sscanf(line, " %79s %79s", name, value), 2, "%s", line);
    snprintf(wanted, sizeof wanted, "\n%-28s %s\n", name, value);
    cr_assert_not_null(strstr(out, wanted), "\"%s\" should say: %s", out, wanted);
    free(out);
}

/* Has the script end a connection of its own so. */
static void end_one(const struct server *server, const char *how)
{
    int client = client_connect(server);
    client_put_text(client, how);
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
}

Test(figures, the_scripts_own_words_are_told_with_how_often_each_came)
{
    struct server server = begin("1");
    int client = client_connect(&server);
    client_ask(client, "tell(by_name(server.stats().closed_words))", "");
    end_one(&server, "asker:close()");
    end_one(&server, "asker:close('kicked')");
    end_one(&server, "asker:abort('kicked')");
    end_one(&server, "asker:close('too late')");
    end_one(&server, "asker:close('a\\0b')");
    end_one(&server, "error('on purpose')");
    client_ask(client, "tell(by_name(server.stats().closed_words))",
               "\"a\\0b\"=1 \"kicked\"=2 \"too late\"=1");
    client_ask(client, "local c = server.stats().closed tell(c.script, c.error, c.eof)", "5 1 0");
    expect_line(&server, "\nclosed.script        5\n");
    expect_line(&server, "\nclosed.error         1\n");
    expect_line(&server, "\nclosed_words.kicked  2\n");
    expect_line(&server, "\nclosed_words.a\\x00b  1\n");
    expect_line(&server, "\nclosed_words.too\\x20late 1\n");
    close(client);
    server_end(&server);
}

Test(figures, words_beyond_the_first_are_told_as_one)
{
    char text[64];
    struct server server = begin("1");
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "asker:close('word %d')", i);
        end_one(&server, text);
    }
    int client = client_connect(&server);
    client_ask(client,
               "local words, known = server.stats().closed_words, 0\n"
               "for word, count in pairs(words) do known = known + 1 end\n"
               "tell(known, words[''], words['word 0'], words['word 31'], words['word 32'])",
               "33 8 1 1 nil");
    expect_line(&server, "\nclosed_words.(others) 8\n");
    close(client);
    server_end(&server);
}

Test(figures, who_is_refused_is_told_by_what_was_short)
{
    int clients[3];
    struct server server = begin_with("1", "3");
    for (int i = 0; i < 3; i++) clients[i] = client_connect(&server);
    client_ask(clients[2], "tell 'hello'", "hello");
    for (int i = 0; i < 2; i++) {
        int refused = client_connect(&server);
        cr_assert_neq(client_await_end(refused), CLIENT_TIMEOUT);
        close(refused);
    }
    client_ask(clients[0], "local s = server.stats() tell(s.refused, by_name(s.refused_by))",
               "2 \"blocks\"=0 \"full\"=2 \"memory\"=0");
    client_ask(clients[0], "local s = server.stats() tell(s.accepted, s.by_worker[1].refused)",
               "3 0");
    expect_line(&server, "\nrefused              2\n");
    expect_line(&server, "\nrefused_by.full      2\n");
    expect_line(&server, "\nrefused_by.blocks    0\n");
    for (int i = 0; i < 3; i++) close(clients[i]);
    server_end(&server);
}

/* A client that reads nothing: the system takes some of it, the rest is queued. */
Test(figures, queued_bytes_are_what_all_connections_have_pending)
{
    enum { PACKETS = 24, SIZE = 1000000 };
    struct server server = begin("1");
    int deaf = client_connect(&server), client = client_connect(&server);
    client_ask(deaf, "DEAF = asker tell 'hello'", "hello");
    client_ask(client, "tell(server.stats().queued_bytes)", "0");
    client_ask(client,
               "for _ = 1, 24 do assert(DEAF:send(('x'):rep(1000000))) end\n"
               "tell 'sent'",
               "sent");
    client_ask(client,
               "repeat local before = DEAF:pending() server.sleep(0.05)\n"
               "until DEAF:pending() == before\n"
               "local queued = server.stats().queued_bytes\n"
               "tell(queued == DEAF:pending(), queued > 0, server.stats().by_worker[1].queued_bytes"
               " == queued)",
               "true true true");
    for (int i = 0; i < PACKETS; i++) {
        size_t size;
        uint8_t *packet = client_take(deaf, &size);
        cr_assert_eq(size, SIZE);
        free(packet);
    }
    client_ask(client,
               "while DEAF:pending() > 0 do server.sleep(0.01) end\n"
               "tell(server.stats().queued_bytes)",
               "0");
    expect_line(&server, "\nqueued_bytes         0\n");
    close(deaf);
    close(client);
    server_end(&server);
}

Test(figures, the_fewest_free_blocks_are_told_when_all_are_back)
{
    enum { PACKETS = 100, PACKET = 1000, HEADER = 4, BLOCK = 2048 };
    const int used = (PACKETS * (PACKET + HEADER) + BLOCK - 1) / BLOCK;
    char expected[32];
    struct server server = begin("1");
    int client = client_connect(&server);
    client_put_text(client, "for _ = 1, 100 do asker:send(('x'):rep(1000)) end");
    for (int i = 0; i < PACKETS; i++) {
        size_t size;
        free(client_take(client, &size));
        cr_assert_eq(size, PACKET);
    }
    snprintf(expected, sizeof expected, "%d 1000", 1000 - used);
    client_ask(client, "local s = server.stats() tell(s.blocks_lowest, s.blocks_free)", expected);
    close(client);
    server_end(&server);
}

/* A client of each of two workers, in their order. */
static void connect_both(const struct server *server, int clients[2])
{
    int one = client_connect(server), other = client_connect(server);
    size_t size;
    client_put_text(one, "tell(server.worker)");
    char *worker = (char *)client_take(one, &size);
    clients[0] = *worker == '1' ? one : other;
    clients[1] = *worker == '1' ? other : one;
    free(worker);
    client_ask(clients[0], "tell(server.worker)", "1");
    client_ask(clients[1], "tell(server.worker)", "2");
}

#define STICKS "server.shared:set('stuck', true) while server.shared:get('stuck') do end\n"

/* The second worker does not come to its mail; others see how much that is. */
Test(figures, the_mailbox_has_what_a_worker_has_not_read)
{
    int clients[2];
    struct server server = begin("2");
    connect_both(&server, clients);
    client_put_text(clients[1], STICKS "tell(server.stats().by_worker[2].mailbox)");
    client_ask(clients[0],
               "while not server.shared:get('stuck') do end\n"
               "for i = 1, 5 do server.post(2, i) end\n"
               "local s = server.stats()\n"
               "tell(s.by_worker[1].mailbox, s.by_worker[2].mailbox, s.mailbox)",
               "0 5 5");
    expect_line(&server, "\nmailbox              5\n");
    client_ask(clients[0], "server.shared:delete('stuck') tell 'go on'", "go on");
    client_expect(clients[1], "5");
    client_ask(clients[1], "tell(server.stats().by_worker[2].mailbox)", "0");
    close(clients[0]);
    close(clients[1]);
    server_end(&server);
}

/* The first worker is in a handler while the second one sleeps, in a turn of its own, for that long. */
Test(figures, the_longest_turn_is_told)
{
    int clients[2];
    struct server server = begin("2");
    connect_both(&server, clients);
    client_put_text(clients[0], STICKS "tell 'done'");
    client_ask(clients[1],
               "while not server.shared:get('stuck') do server.sleep(0.001) end\n"
               "server.sleep(0.001) server.sleep(0.05)\n"
               "server.shared:delete('stuck') tell 'go on'",
               "go on");
    client_expect(clients[0], "done");
    client_ask(clients[0],
               "local s = server.stats()\n"
               "local turn, own = s.turn, s.by_worker[1].turn\n"
               "tell(own.max >= 0.05, turn.max == own.max, turn.p50 <= turn.p99,\n"
               "  turn.p99 <= turn.max)",
               "true true true true");
    char *out = stats_of(&server);
    const char *names[] = {"\nturn.p50 ", "\nturn.p99 ", "\nturn.max "};
    for (int i = 0; i < 3; i++) cr_assert_not_null(strstr(out, names[i]), "%s", out);
    free(out);
    close(clients[0]);
    close(clients[1]);
    server_end(&server);
}

Test(figures, each_listener_is_told_with_its_own)
{
    char expected[256];
    struct server server = server_begin(&(struct begin){
        .script = EVALUATES,
        .config = "return { workers = 2, max_connections = 3, listen = {\n"
                  "  '127.0.0.1:0', { address = '127.0.0.1:0', framing = 'line' } } }",
        .admin = true});
    int clients[3] = {client_connect(&server)};
    client_ask(clients[0], "tell 'hello'", "hello");
    for (int i = 1; i < 3; i++) {
        clients[i] = client_connect_to("127.0.0.1", server_port(&server, 1));
        client_send_line(clients[i], "tell 'hello'");
        client_expect_line(clients[i], "hello");
    }
    int refused = client_connect_to("127.0.0.1", server_port(&server, 1));
    cr_assert_neq(client_await_end(refused), CLIENT_TIMEOUT);
    close(refused);
    snprintf(expected, sizeof expected,
             "2; 127.0.0.1:%u length true 1 0 1; 127.0.0.1:%u line true 2 1 2",
             server_port(&server, 0), server_port(&server, 1));
    client_ask(clients[0],
               "local l = server.stats().listeners\n"
               "local text = tostring(#l)\n"
               "for _, one in ipairs(l) do\n"
               "  text = ('%s; %s %s %s %d %d %d'):format(text, one.address, one.framing,\n"
               "    tostring(one.open), one.accepted, one.refused, one.connections)\n"
               "end\n"
               "tell(text)",
               expected);
    expect_line(&server, "\nlistener.1.framing   length\n");
    expect_line(&server, "\nlistener.1.accepted  1\n");
    expect_line(&server, "\nlistener.2.open      1\n");
    expect_line(&server, "\nlistener.2.refused   1\n");
    expect_line(&server, "\nlistener.2.connections 2\n");
    close(clients[2]);
    client_ask(clients[0],
               "local function there() return server.stats().listeners[2].connections end\n"
               "while there() == 2 do server.sleep(0.001) end\n"
               "tell(there(), server.stats().listeners[2].accepted)",
               "1 2");
    close(clients[0]);
    close(clients[1]);
    server_end(&server);
}
