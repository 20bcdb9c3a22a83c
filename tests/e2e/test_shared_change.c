/* server.shared: what changes only if, in its time, or in turn: compare_and_set, expire, lists. */
#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 2 };

Test(shared_change, of_workers_that_expect_the_same_one_succeeds)
{
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    int one = clients[0], other = clients[1];
    client_ask(one, "shared:compare_and_set('owner', nil, 'ann')", "true");
    client_ask(other, "shared:compare_and_set('owner', nil, 'bob')", "nil changed");
    client_ask(other, "shared:compare_and_set('owner', 'ann', 'bob')", "true");
    client_ask(one, "shared:compare_and_set('owner', 'ann', 'cid')", "nil changed");
    client_ask(one, "shared:get('owner')", "bob");
    client_ask(one, "shared:compare_and_set('owner', 'bob', 7)", "true");
    client_ask(other, "shared:compare_and_set('owner', '7', 8)", "nil changed");
    client_ask(other, "shared:compare_and_set('owner', 7.0, true)", "true");
    client_ask(one, "shared:compare_and_set('owner', false, 8)", "nil changed");
    client_ask(one, "shared:compare_and_set('owner', true, false)", "true");
    client_ask(other, "shared:get('owner'), shared:compare_and_set('owner', nil, 1)",
               "false nil changed");
    client_ask(other, "shared:compare_and_set('owner', false, nil)", "true");
    client_ask(one, "shared:get('owner'), shared:compare_and_set('owner', false, nil)",
               "nil nil changed");
    client_ask(one, "shared:compare_and_set('owner', nil, nil)", "true");
    client_ask(one, "shared:set('n', 0/0), shared:compare_and_set('n', 0/0, 1)",
               "true nil changed");
    end_workers(&server, clients, WORKERS);
}

Test(shared_change, changes_of_all_workers_add_up)
{
    enum { CLIENTS = 4, PACKETS = 300, TIMES = 20 };
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  local shared = server.shared\n"
                                 "  shared:add('text', '0')\n"
                                 "  for _ = 1, 20 do\n"
                                 "    repeat\n"
                                 "      local old = shared:get('text')\n"
                                 "      local new = ('%d'):format(tonumber(old) + packet)\n"
                                 "    until shared:compare_and_set('text', old, new)\n"
                                 "  end\n"
                                 "  conn:send(shared:get('text'))\n"
                                 "end\n";
    int clients[CLIENTS];
    char text[32];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        for (int packet = 0; packet < PACKETS; packet++) client_put_text(clients[i], "3");
    }
    for (int i = 0; i < CLIENTS * PACKETS; i++) {
        size_t size;
        free(client_take(clients[i % CLIENTS], &size));
    }
    snprintf(text, sizeof text, "%d", 3 * CLIENTS * PACKETS * TIMES);
    client_ask(clients[0], "0", text);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

Test(shared_change, a_life_is_told_and_changed)
{
    int clients[WORKERS];
    static const char script[] = EVALUATE "function gone(key)\n"
                                          "  while server.shared:ttl(key) ~= nil do\n"
                                          "    server.sleep(0.005)\n"
                                          "  end\n"
                                          "  return 'gone'\n"
                                          "end\n"
                                          "function about(seconds, most)\n"
                                          "  return seconds > 0 and seconds <= most\n"
                                          "end\n";
    struct server server = begin_workers(script, "server.worker", clients, WORKERS);
    client_ask(clients[0], "shared:set('k', 1), shared:ttl('k')", "true false");
    client_ask(clients[0], "shared:expire('k', 100000)", "true");
    client_ask(clients[1], "about(shared:ttl('k'), 100001), about(shared:ttl('k'), 1000)",
               "true false");
    client_ask(clients[1], "shared:expire('k', nil), shared:ttl('k')", "true false");
    client_ask(clients[1], "shared:push('list', 1), shared:expire('list', 0.02)", "1 true");
    client_ask(clients[0], "gone('list'), shared:pop('list')", "gone nil missing");
    client_ask(clients[0], "shared:expire('k', 0.02), gone('k')", "true gone");
    client_ask(clients[1], "gone('k'), shared:expire('k', 1)", "gone nil missing");
    client_ask(clients[1], "shared:ttl('k')", "nil missing");
    client_ask(clients[0], "shared:compare_and_set('k', nil, 1, 0.02), gone('k')", "true gone");
    client_ask(clients[0], "shared:set('k', 1, 1000), shared:compare_and_set('k', 1, 2)",
               "true true");
    client_ask(clients[1], "shared:ttl('k')", "false");
    end_workers(&server, clients, WORKERS);
}

Test(shared_change, what_one_worker_pushes_another_pops)
{
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    int one = clients[0], other = clients[1];
    client_ask(one, "shared:length('list'), shared:push('list', 'a\\0b')", "0 1");
    client_ask(other, "shared:push('list', 1), shared:push('list', false)", "2 3");
    client_ask(one, "shared:push('list', ('x'):rep(1000000) .. 'y'), shared:push('list', '')",
               "4 5");
    client_ask(one, "shared:get('list')", "nil list");
    client_ask(other, "shared:length('list'), shared:pop('list') == 'a\\0b'", "5 true");
    client_ask(other, "shared:pop('list'), shared:pop('list')", "1 false");
    client_ask(other, "shared:pop('list') == ('x'):rep(1000000) .. 'y'", "true");
    client_ask(other, "shared:pop('list') == '', shared:pop('list')", "true nil missing");
    client_ask(one, "#shared:keys(), shared:get('list')", "0 nil");
    client_ask(one, "shared:push('list', 1), shared:incr('list')", "1 nil notnumber");
    client_ask(one, "shared:add('list', 1)", "nil exists");
    client_ask(one, "shared:set('list', 2), shared:push('list', 1)", "true nil notlist");
    client_ask(other, "shared:pop('list')", "nil notlist");
    client_ask(other, "shared:length('list')", "nil notlist");
    client_ask(other, "shared:delete('list'), shared:push('list', 3)", "true 1");
    client_ask(other, "shared:delete('list'), shared:length('list')", "true 0");
    end_workers(&server, clients, WORKERS);
}

Test(shared_change, lists_are_bounded)
{
    int clients[WORKERS];
    static const char script[] =
        EVALUATE "function fill(item)\n"
                 "  local count = 0\n"
                 "  while true do\n"
                 "    local length, code = server.shared:push('list', item)\n"
                 "    if not length then return count, code end\n"
                 "    if length ~= count + 1 then return length end\n"
                 "    count = length\n"
                 "  end\n"
                 "end\n"
                 "large = ('x'):rep(2^20)\n";
    struct server server = begin_workers(script, "server.worker", clients, WORKERS);
    client_ask(clients[0], "fill(large)", "63 full");
    client_ask(clients[1], "shared:push('other', large)", "nil full");
    client_ask(clients[1], "shared:pop('list') == large, shared:push('other', large)", "true 1");
    client_ask(clients[1], "shared:compare_and_set('k', nil, large)", "nil full");
    client_ask(clients[1], "shared:delete('list'), shared:set('k', large .. large)", "true true");
    client_ask(clients[0], "shared:length('other'), shared:pop('other') == large", "1 true");
    end_workers(&server, clients, WORKERS);
}

/* Each number is popped once, whoever pushed it. */
Test(shared_change, workers_may_hand_on_what_is_to_be_done)
{
    enum { CLIENTS = 4, PACKETS = 500 };
    static const char script[] = "local shared = server.shared\n"
                                 "function on_receive(conn, packet)\n"
                                 "  assert(shared:push('work', tonumber(packet)))\n"
                                 "  local work = shared:pop('work')\n"
                                 "  if work then shared:incr('sum', work, 0) end\n"
                                 "  conn:send(('%d %d'):format(shared:length('work'),\n"
                                 "    shared:get('sum') or 0))\n"
                                 "end\n";
    int clients[CLIENTS];
    char text[64];
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connect(&server);
    for (int packet = 0; packet < PACKETS; packet++)
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof text, "%d", packet * CLIENTS + i);
            client_put_text(clients[i], text);
        }
    for (int i = 0; i < CLIENTS * PACKETS; i++) {
        size_t size;
        free(client_take(clients[i % CLIENTS], &size));
    }
    snprintf(text, sizeof text, "0 %d", CLIENTS * PACKETS * (CLIENTS * PACKETS - 1) / 2);
    client_ask(clients[0], "0", text);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

Test(shared_change, texts_that_are_numbers_are_added_to)
{
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    client_ask(clients[0], "shared:set('n', '41'), shared:incr('n')", "true 42");
    client_ask(clients[1], "shared:get('n') == 42, type(shared:get('n'))", "true number");
    client_ask(clients[0], "shared:set('n', '-0.5'), shared:incr('n', 2)", "true 1.5");
    client_ask(clients[0], "shared:set('n', '1e3'), shared:incr('n') == 1001", "true true");
    client_ask(clients[0], "shared:set('n', ' 5'), shared:incr('n')", "true nil notnumber");
    client_ask(clients[0], "shared:set('n', '0x10'), shared:incr('n')", "true nil notnumber");
    client_ask(clients[0], "shared:set('n', ''), shared:incr('n', 1, 5)", "true nil notnumber");
    /* A number that a script gets is the one that is there, whichever Lua it is. */
    client_ask(clients[0], "shared:set('n', '9007199254740993'), shared:incr('n') ~= nil",
               "true true");
    client_ask(clients[1], "shared:compare_and_set('n', shared:get('n'), 1)", "true");
    end_workers(&server, clients, WORKERS);
}

Test(shared_change, wrong_arguments_raise_errors_and_bad_ones_are_answered)
{
    static const char *const errors[][2] = {
        {"shared.compare_and_set, shared, 'k', 1", "value expected"},
        {"shared.compare_and_set, shared, 'k', {}, 1", "a table cannot be shared"},
        {"shared.compare_and_set, shared, 'k', 1, print", "a function cannot be shared"},
        {"shared.compare_and_set, shared, nil, 1, 2", "string expected"},
        {"shared.compare_and_set, shared, 'k', 1, 2, 'soon'", "number expected"},
        {"shared.expire, shared, 'k'", "value expected"},
        {"shared.expire, shared, 'k', 'soon'", "number expected"},
        {"shared.ttl, shared", "string expected"},
        {"shared.push, shared, 'k'", "expected a string, a number or a boolean"},
        {"shared.push, shared, 'k', nil", "expected a string, a number or a boolean"},
        {"shared.push, shared, 'k', {}", "a table cannot be shared"},
        {"shared.pop, shared, {}", "string expected"},
        {"shared.length, 'k'", "server.shared expected"},
    };
    static const char *const calls[][2] = {
        {"shared:compare_and_set('', 1, 2)", "nil badkey expected a key of 1 to 256 bytes, got 0"},
        {"shared:compare_and_set('k', nil, 1, 0)", "nil badnumber expected seconds above 0"},
        {"shared:expire('', 1)", "nil badkey"},
        {"shared:expire('k', 0)", "nil badnumber expected seconds above 0"},
        {"shared:expire('k', 1e10)", "nil badnumber"},
        {"shared:ttl('')", "nil badkey"},
        {"shared:push('', 1)", "nil badkey"},
        {"shared:pop(('k'):rep(257))", "nil badkey"},
        {"shared:length('')", "nil badkey"},
        {"#shared:keys()", "0"},
    };
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        client_ask_for_error(clients[0], errors[i][0], errors[i][1]);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        client_ask_for_part(clients[0], calls[i][0], calls[i][1]);
    end_workers(&server, clients, WORKERS);
}
