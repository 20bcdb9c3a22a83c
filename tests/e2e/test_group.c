/* Groups of connections: on one worker and over several. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A packet "verb argument" does it with the group "room"; what it answered comes back. */
#define SCRIPT \
    "local room = server.group 'room'\n" \
    "local verbs = {}\n" \
    "local function text(...)\n" \
    "  local words = { ... }\n" \
    "  for i = 1, select('#', ...) do words[i] = tostring(words[i]) end\n" \
    "  return table.concat(words, ' ')\n" \
    "end\n" \
    "function verbs.add(conn) return room:add(conn) end\n" \
    "function verbs.remove(conn) return room:remove(conn) end\n" \
    "function verbs.count() return room:count() end\n" \
    "function verbs.worker() return server.worker end\n" \
    "function verbs.say(_, words) return (room:broadcast(words)) and 'said' end\n" \
    "function verbs.others(conn, words)\n" \
    "  return room:broadcast(words, { except = conn }) and 'said'\n" \
    "end\n" \
    "function verbs.close(conn) conn:close() return 'closing' end\n" \
    "function verbs.abort(conn) conn:abort() end\n" \
    "function verbs.fail() error('on purpose') end\n" \
    "function verbs.forget()\n" \
    "  room = nil\n" \
    "  collectgarbage()\n" \
    "  collectgarbage()\n" \
    "  return 'forgotten'\n" \
    "end\n" \
    "function verbs.again() room = server.group 'room' return 'again' end\n" \
    "function verbs.wait_for(_, count)\n" \
    "  while room:count() ~= tonumber(count) do server.sleep(0.005) end\n" \
    "  return count\n" \
    "end\n" \
    "function on_receive(conn, packet)\n" \
    "  local verb, words = packet:match('^(%S+) ?(.*)')\n" \
    "  conn:send(text(verbs[verb](conn, words)))\n" \
    "end\n"

static struct server begin_workers(const char *workers)
{
    return server_begin(&(struct begin){.script = SCRIPT, .flags = {"--workers", workers}});
}

/* They go to the workers in turn. */
static void connect_all(const struct server *server, int *clients, int count)
{
    for (int i = 0; i < count; i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "worker", i % 2 == 0 ? "1" : "2");
    }
}

static void close_all(const int *clients, int count)
{
    for (int i = 0; i < count; i++) close(clients[i]);
}

Test(group, a_broadcast_reaches_the_members_on_every_worker_and_nobody_else)
{
    int clients[6];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 6);
    for (int i = 0; i < 4; i++) client_ask(clients[i], "add", "true");
    client_ask(clients[5], "count", "4");
    for (int round = 0; round < 20; round++) {
        char words[32], packet[40];
        snprintf(words, sizeof words, "round %d", round);
        snprintf(packet, sizeof packet, "say %s", words);
        client_ask(clients[4 + round % 2], packet, "said"); /* who is no member may, too */
        for (int i = 0; i < 4; i++) client_expect(clients[i], words);
    }
    client_ask(clients[4], "count", "4");
    client_ask(clients[5], "count", "4");
    close_all(clients, 6);
    server_end(&server);
}

Test(group, a_broadcast_leaves_one_out)
{
    int clients[4];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 4);
    for (int i = 0; i < 4; i++) client_ask(clients[i], "add", "true");
    for (int speaker = 0; speaker < 4; speaker++) {
        client_ask(clients[speaker], "others hello", "said");
        for (int i = 0; i < 4; i++)
            if (i != speaker) client_expect(clients[i], "hello");
    }
    for (int i = 0; i < 4; i++) client_ask(clients[i], "count", "4"); /* and nothing came before */
    close_all(clients, 4);
    server_end(&server);
}

Test(group, who_has_been_removed_hears_nothing_more)
{
    int clients[4];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 4);
    for (int i = 0; i < 4; i++) client_ask(clients[i], "add", "true");
    for (int left = 3; left > 0; left--) {
        char count[8];
        snprintf(count, sizeof count, "%d", left);
        client_ask(clients[left], "remove", "true");
        client_ask(clients[left], "remove", "false");
        client_ask(clients[left], "count", count);
        client_ask(clients[left], "say hello", "said");
        for (int i = 0; i < left; i++) client_expect(clients[i], "hello");
        client_ask(clients[left], "count", count);
    }
    client_ask(clients[1], "add", "true");
    client_ask(clients[0], "others back", "said");
    client_expect(clients[1], "back");
    close_all(clients, 4);
    server_end(&server);
}

Test(group, a_member_is_in_it_once)
{
    int clients[2];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 2);
    for (int i = 0; i < 3; i++) client_ask(clients[0], "add", "true");
    client_ask(clients[1], "count", "1");
    client_ask(clients[1], "say hello", "said");
    client_expect(clients[0], "hello");
    client_ask(clients[0], "remove", "true");
    client_ask(clients[0], "count", "0");
    close_all(clients, 2);
    server_end(&server);
}

Test(group, who_ends_leaves_by_itself)
{
    static const char *const ways[] = {"close", "abort", "fail", NULL};
    int clients[2];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 2);
    client_ask(clients[0], "add", "true");
    for (int i = 0; i < 8; i++) {
        int leaving = client_connect(&server);
        client_ask(leaving, "add", "true");
        client_ask(clients[i % 2], "wait_for 2", "2");
        if (ways[i % 4] != NULL) {
            client_put_text(leaving, ways[i % 4]);
            cr_assert_neq(client_await_end(leaving), CLIENT_TIMEOUT);
        }
        close(leaving);
        client_ask(clients[0], "wait_for 1", "1");
        client_ask(clients[1], "wait_for 1", "1");
        client_ask(clients[1], "say hello", "said");
        client_expect(clients[0], "hello");
    }
    close_all(clients, 2);
    server_end(&server);
}

Test(group, it_lives_on_by_its_members_when_no_script_holds_it)
{
    int clients[4];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 4);
    for (int i = 0; i < 4; i++) client_ask(clients[i], "add", "true");
    client_ask(clients[0], "forget", "forgotten");
    client_ask(clients[1], "forget", "forgotten");
    client_ask(clients[0], "again", "again");
    client_ask(clients[1], "again", "again");
    client_ask(clients[0], "count", "4");
    client_ask(clients[1], "others hello", "said");
    client_expect(clients[0], "hello");
    client_expect(clients[2], "hello");
    client_expect(clients[3], "hello");
    close_all(clients, 4);
    server_end(&server);
}

Test(group, three_hundred_members_hear_everything_in_order)
{
    enum { MEMBERS = 300, ROUNDS = 20 };
    static int clients[MEMBERS];
    struct server server = begin_workers("2");
    connect_all(&server, clients, MEMBERS);
    for (int i = 0; i < MEMBERS; i++) client_ask(clients[i], "add", "true");
    client_ask(clients[0], "count", "300");
    for (int round = 0; round < ROUNDS; round++) {
        char packet[32];
        snprintf(packet, sizeof packet, "others round %d", round);
        client_ask(clients[0], packet, "said");
    }
    for (int i = 1; i < MEMBERS; i++) {
        for (int round = 0; round < ROUNDS; round++) {
            char words[32];
            snprintf(words, sizeof words, "round %d", round);
            client_expect(clients[i], words);
        }
    }
    for (int i = 1; i < MEMBERS; i++) close(clients[i]);
    client_ask(clients[0], "wait_for 1", "1");
    close(clients[0]);
    server_end(&server);
}

Test(group, names_are_what_groups_are_known_by)
{
    static const char script[] =
        "local one, same, other = server.group 'a', server.group 'a', server.group 'b'\n"
        "function on_receive(conn)\n"
        "  assert(one:add(conn) == true)\n"
        "  assert(same:count() == 1 and other:count() == 0)\n"
        "  assert(same:broadcast('to the same') == 1 and other:broadcast('to none') == 0)\n"
        "  assert(other:add(conn) and other:count() == 1)\n"
        "  assert(same:remove(conn) and one:count() == 0 and other:count() == 1)\n"
        "  assert(other:broadcast(('x'):rep(2^24 + 1)) == nil)\n"
        "  assert(select(2, other:broadcast(('x'):rep(2^24 + 1))) == 'toobig')\n"
        "  assert(tostring(one) == 'group a' and tostring(server.group '') == 'group ')\n"
        "  assert(server.group(('n'):rep(255)):count() == 0)\n"
        "  local zero = server.group 'a\\0b'\n"
        "  assert(zero:add(conn) and server.group 'a\\0c':count() == 0 and one:count() == 0)\n"
        "  for i = 1, 2000 do assert(server.group('g' .. i):add(conn)) end\n"
        "  for i = 1, 2000, 2 do assert(server.group('g' .. i):remove(conn)) end\n"
        "  collectgarbage()\n"
        "  for i = 1, 2000 do assert(server.group('g' .. i):count() == (i + 1) % 2) end\n"
        "  conn:send('fine')\n"
        "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "1", "--handler-timeout", "100"}});
    int client = client_connect(&server);
    client_ask(client, "go", "to the same");
    client_expect(client, "fine");
    close(client);
    server_end(&server);
}

Test(group, a_connection_that_has_ended_cannot_join)
{
    struct server server = server_begin_script(
        "local room, kept = server.group 'room'\n"
        "local function answers(conn)\n"
        "  local result, code = room:add(conn)\n"
        "  return tostring(result) .. ' ' .. tostring(code) .. ' ' .. room:count()\n"
        "end\n"
        "function on_receive(conn, packet)\n"
        "  if packet == 'close' then\n"
        "    room:add(conn)\n"
        "    conn:close()\n"
        "    return conn:send('unheard')\n"
        "  end\n"
        "  if packet == 'gone' then\n"
        "    while not kept do server.sleep(0.005) end\n"
        "    return conn:send(answers(kept) .. ' ' .. tostring(room:remove(kept)))\n"
        "  end\n"
        "  conn:abort()\n"
        "  server.log('info', 'aborted: %s', answers(conn))\n"
        "end\n"
        "function on_disconnect(conn)\n"
        "  server.log('info', 'disconnected: %s', answers(conn))\n"
        "  kept = conn\n"
        "end\n");
    int client = client_connect(&server), leaving = client_connect(&server);
    client_put_text(leaving, "close");
    cr_assert_neq(client_await_end(leaving), CLIENT_TIMEOUT);
    client_ask(client, "gone", "nil closed 0 false");
    server_expect_log(&server, "disconnected: nil closed 0\n");
    client_put_text(client, "abort");
    server_expect_log(&server, "aborted: nil closed 0\n");
    server_expect_log_count(&server, "disconnected: nil closed 0\n", 2);
    close(client);
    close(leaving);
    server_end(&server);
}

Test(group, wrong_arguments_raise)
{
    struct server server = server_begin_script(
        "local group = server.group 'a'\n"
        "local function raises(pattern, ...)\n"
        "  local fine, message = pcall(...)\n"
        "  assert(not fine and message:find(pattern), message)\n"
        "end\n"
        "function on_receive(conn)\n"
        "  raises('string expected', server.group)\n"
        "  raises('string expected', server.group, {})\n"
        "  assert(select(2, server.group(('n'):rep(256))) == 'badname')\n"
        "  assert(server.group(('n'):rep(255)) and server.group(''))\n"
        "  raises('expected a conn', group.add, group)\n"
        "  raises('expected a conn', group.add, group, {})\n"
        "  raises('expected a conn', group.add, group, conn.id)\n"
        "  raises('group expected', group.add, conn, conn)\n"
        "  raises('group expected', group.count, {})\n"
        "  raises('group expected', group.remove)\n"
        "  raises('string expected', group.broadcast, group)\n"
        "  raises('string expected', group.broadcast, group, {})\n"
        "  raises('table expected', group.broadcast, group, 'x', 'y')\n"
        "  raises('expected a conn', group.broadcast, group, 'x', { except = {} })\n"
        "  raises('group expected', group.broadcast, io.stdout, 'x')\n"
        "  assert(getmetatable(group) == 'group')\n"
        "  assert(group:count() == 0 and group:broadcast('x') == 0)\n"
        "  conn:send('fine')\n"
        "end\n");
    int client = client_connect(&server);
    client_ask(client, "go", "fine");
    close(client);
    server_end(&server);
}

Test(group, members_may_come_and_go_while_a_broadcast_is_on_its_way)
{
    enum { CLIENTS = 40, ROUNDS = 15 };
    int clients[CLIENTS];
    struct server server = begin_workers("2");
    connect_all(&server, clients, 2);
    client_ask(clients[0], "add", "true");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 2; i < CLIENTS; i++) {
            clients[i] = client_connect(&server);
            client_put_text(clients[i], "add");
            client_put_text(clients[i], i % 3 == 0 ? "remove" : "count");
        }
        for (int i = 0; i < 5; i++) client_put_text(clients[1], "say hello");
        for (int i = 0; i < 5; i++) client_expect(clients[1], "said");
        for (int i = 0; i < 5; i++) client_expect(clients[0], "hello");
        close_all(clients + 2, CLIENTS - 2);
    }
    client_ask(clients[0], "wait_for 1", "1");
    client_ask(clients[1], "wait_for 1", "1");
    close_all(clients, 2);
    server_end(&server);
}

/* A finalizer runs when what it refers to may have been finalized before. */
Test(group, a_finalizer_may_use_one_that_is_garbage_too)
{
    need_lua_5_4("LuaJIT has no finalizers of tables");
    struct server server =
        server_begin_script("local late = setmetatable({}, { __gc = function(self)\n"
                            "  local fine, why = pcall(self.group.count, self.group)\n"
                            "  print(fine, why, (pcall(tostring, self.group)))\n"
                            "end })\n"
                            "late.group = server.group 'room'\n"
                            "late = nil\n"
                            "collectgarbage()\n"
                            "collectgarbage()\n");
    char *out = server_out(&server);
    cr_assert(strstr(out, "the group is garbage") != NULL, "%s", out);
    free(out);
    server_end(&server);
}

/* That all groups have gone by the end is checked when it stops. */
Test(group, one_that_a_finalizer_makes_at_the_end_does_not_outlive_its_worker)
{
    need_lua_5_4("LuaJIT has no finalizers of tables");
    struct server server = server_begin_script("kept = setmetatable({}, { __gc = function()\n"
                                               "  print(server.group 'made at the end')\n"
                                               "end })\n");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    char *out = server_out(&server);
    cr_assert_str_eq(out, "group made at the end\n", "%s", out);
    free(out);
    server_end(&server);
}

/* Each takes its name, of 200 bytes, and some more. */
Test(group, all_together_take_an_eighth_of_the_memory_at_most)
{
    struct server server = server_begin(&(struct begin){
        .script = "local kept = {}\n"
                  "function on_receive(conn)\n"
                  "  for i = 1, 1e6 do\n"
                  "    local group, why = server.group(('n'):rep(200) .. i)\n"
                  "    if not group then\n"
                  "      assert(i > 1000 and i < 2^22 / 200, i)\n"
                  "      return conn:send(why)\n"
                  "    end\n"
                  "    kept[i] = group\n"
                  "  end\n"
                  "end\n",
        .config = "return { memory = '32M', max_packet = '64K', handler_timeout = 60 }\n",
        .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    client_ask(client, "how many?", "memory");
    close(client);
    server_end(&server);
}
