/* server.shared: one dictionary for all workers. */
#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 2 };

Test(shared, what_one_worker_sets_another_gets)
{
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    for (int from = 0; from < WORKERS; from++) {
        int setter = clients[from], getter = clients[1 - from];
        client_ask(setter, "shared:get('text')", "nil");
        client_ask(setter, "shared:set('text', 'a\\0b\\n')", "true");
        client_ask(getter, "shared:get('text') == 'a\\0b\\n'", "true");
        client_ask(setter, "shared:set('a\\0key', '')", "true");
        client_ask(getter, "shared:get('a\\0key') == '', shared:get('a')", "true nil");
        client_ask(setter, "shared:set('yes', true), shared:set('no', false)", "true true");
        client_ask(getter, "shared:get('yes'), shared:get('no')", "true false");
        client_ask(setter, "shared:set('large', ('x'):rep(1000000) .. 'y')", "true");
        client_ask(getter, "shared:get('large') == ('x'):rep(1000000) .. 'y'", "true");
        client_ask(setter, "shared:set('text', nil)", "true");
        client_ask(getter, "shared:get('text'), shared:delete('text')", "nil false");
        client_ask(getter, "shared:delete('yes'), shared:delete('yes')", "true false");
    }
    end_workers(&server, clients, WORKERS);
}

Test(shared, numbers_are_what_they_were)
{
    int clients[WORKERS];
    static const char *const numbers[] = {"0",
                                          "-5",
                                          "42",
                                          "0.1",
                                          "1e300",
                                          "2^53",
                                          "-2^53",
                                          "1 / 0",
                                          "math.pi",
                                          "1.0",
                                          "-0.0",
                                          "9007199254740993",
                                          "math.mininteger or -2^63"};
    char text[256];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(text, sizeof text, "shared:set('n', %s)", numbers[i]);
        client_ask(clients[0], text, "true");
        snprintf(text, sizeof text,
                 "shared:get('n') == (%s) and tostring(shared:get('n')) == tostring(%s)",
                 numbers[i], numbers[i]);
        client_ask(clients[1], text, "true");
    }
    client_ask(clients[0], "shared:set('n', 0 / 0), shared:get('n') ~= shared:get('n')",
               "true true");
    client_ask(clients[0], "shared:set('n', 40), shared:incr('n'), shared:incr('n', 1)",
               "true 41 42");
    client_ask(clients[1], "(math.type or type)(shared:get('n'))== (math.type or type)(42)",
               "true");
    client_ask(clients[1], "shared:incr('n', -0.5), shared:incr('n', -41)", "41.5 0.5");
    client_ask(clients[0], "shared:get('n') == 0.5", "true");
    end_workers(&server, clients, WORKERS);
}

Test(shared, what_cannot_be_done_is_answered_with_a_code)
{
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    client_ask(clients[0], "shared:add('k', 1)", "true");
    client_ask(clients[1], "shared:add('k', 2)", "nil exists");
    client_ask(clients[1], "shared:incr('n')", "nil missing");
    client_ask(clients[1], "shared:incr('n', 5, 100)", "105");
    client_ask(clients[0], "shared:incr('n', 5, 100)", "110");
    client_ask(clients[0], "shared:set('text', 'five')", "true");
    client_ask(clients[1], "shared:incr('text')", "nil notnumber");
    client_ask(clients[1],
               "shared:set('most', math.maxinteger or 1), "
               "math.maxinteger and select(2, shared:incr('most')) or 'overflow', "
               "shared:get('most') == (math.maxinteger or 1)",
               "true overflow true");
    end_workers(&server, clients, WORKERS);
}

Test(shared, keys_are_listed)
{
    int clients[WORKERS];
    static const char script[] =
        EVALUATE "function listed(...)\n"
                 "  local keys = server.shared:keys(...)\n"
                 "  table.sort(keys)\n"
                 "  return table.concat(keys, ',')\n"
                 "end\n"
                 "function set_many()\n"
                 "  for i = 1, 5000 do server.shared:set('key ' .. i, i) end\n"
                 "  local keys, seen = server.shared:keys(), {}\n"
                 "  for _, key in ipairs(keys) do seen[key] = true end\n"
                 "  for i = 1, 5000 do if not seen['key ' .. i] then return i end end\n"
                 "  return #keys\n"
                 "end\n";
    struct server server = begin_workers(script, "server.worker", clients, WORKERS);
    client_ask(clients[0], "listed()", "");
    client_ask(clients[0], "shared:set('a', 1), shared:set('b', false), shared:set('a\\0c', '')",
               "true true true");
    client_ask(clients[1], "listed() == 'a,a\\0c,b'", "true");
    client_ask(clients[1], "#shared:keys(2), #shared:keys(0)", "2 0");
    client_ask(clients[1], "set_many()", "5003");
    client_ask(clients[1], "listed('a') == 'a,a\\0c', listed('a\\0')  == 'a\\0c'", "true true");
    client_ask(clients[1], "#shared:keys('key '), #shared:keys('key ', 7)", "5000 7");
    client_ask(clients[1], "#shared:keys('key 77'), #shared:keys('none')", "11 0");
    client_ask(clients[1], "#shared:keys(''), #shared:keys(nil, 3), #shared:keys(nil)",
               "5003 3 5003");
    client_ask(clients[1], "#shared:keys(('k'):rep(300))", "0");
    end_workers(&server, clients, WORKERS);
}

Test(shared, increments_of_all_workers_add_up)
{
    enum { CLIENTS = 6, PACKETS = 500, TIMES = 20 };
    static const char script[] = "function on_receive(conn, packet)\n"
                                 "  local shared = server.shared\n"
                                 "  for i = 1, 20 do\n"
                                 "    assert(shared:incr('total', tonumber(packet), 0))\n"
                                 "    assert(shared:incr('of ' .. server.worker, 1, 0))\n"
                                 "  end\n"
                                 "  conn:send(('%d %d'):format(shared:get('total'),\n"
                                 "    (shared:get('of 1') or 0) + (shared:get('of 2') or 0)))\n"
                                 "end\n";
    int clients[CLIENTS];
    char text[64] = "";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        snprintf(text, sizeof text, "%d", i);
        for (int packet = 0; packet < PACKETS; packet++) client_put_text(clients[i], text);
    }
    for (int i = 0; i < CLIENTS * PACKETS; i++) {
        size_t size;
        free(client_take(clients[i % CLIENTS], &size));
    }
    snprintf(text, sizeof text, "%d %d", CLIENTS * (CLIENTS - 1) / 2 * PACKETS * TIMES,
             (CLIENTS * PACKETS + 1) * TIMES);
    client_ask(clients[0], "0", text);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

Test(shared, an_entry_with_a_ttl_goes_for_all_workers)
{
    int clients[WORKERS];
    static const char script[] = EVALUATE "function gone(key)\n"
                                          "  while server.shared:get(key) ~= nil do\n"
                                          "    server.sleep(0.005)\n"
                                          "  end\n"
                                          "  return 'gone'\n"
                                          "end\n";
    struct server server = begin_workers(script, "server.worker", clients, WORKERS);
    client_ask(clients[0], "shared:set('long', 1, 100000), shared:set('ever', 1)", "true true");
    client_ask(clients[0], "shared:set('short', 1, 0.02)", "true");
    client_ask(clients[1], "gone('short')", "gone");
    client_ask(clients[0], "gone('short'), #shared:keys()", "gone 2");
    client_ask(clients[0], "shared:add('lock', 1, 0.02)", "true");
    client_ask(clients[1], "gone('lock'), shared:add('lock', 2)", "gone true");
    client_ask(clients[0], "shared:incr('hits', 1, 0, 0.02)", "1");
    client_ask(clients[1], "gone('hits'), shared:incr('hits')", "gone nil missing");
    client_ask(clients[1], "shared:get('long'), shared:get('ever')", "1 1");
    end_workers(&server, clients, WORKERS);
}

Test(shared, what_does_not_fit_is_refused_and_nothing_is_lost)
{
    int clients[WORKERS];
    static const char script[] =
        EVALUATE "local large = ('x'):rep(2^20)\n"
                 "function fill()\n"
                 "  local count = 0\n"
                 "  while true do\n"
                 "    local fine, code = server.shared:set('large ' .. count, large .. count)\n"
                 "    if not fine then return count > 50 and count < 64, code end\n"
                 "    count = count + 1\n"
                 "  end\n"
                 "end\n"
                 "function all_there()\n"
                 "  for i = 0, #server.shared:keys() - 1 do\n"
                 "    if server.shared:get('large ' .. i) ~= large .. i then return false end\n"
                 "  end\n"
                 "  return true\n"
                 "end\n";
    struct server server = begin_workers(script, "server.worker", clients, WORKERS);
    client_ask(clients[0], "fill()", "true full");
    client_ask(clients[1], "all_there()", "true");
    client_ask(clients[1], "shared:set('more', ('y'):rep(2^20))", "nil full");
    client_ask(clients[1], "shared:add('more', ('y'):rep(2^20))", "nil full");
    client_ask(clients[0], "shared:get('more'), all_there()", "nil true");
    client_ask(clients[0], "shared:delete('large 7')", "true");
    client_ask(clients[1], "shared:set('more', ('y'):rep(2^20))", "true");
    client_ask(clients[0], "shared:set('small', 1, 0.01)", "true");
    end_workers(&server, clients, WORKERS);
}

Test(shared, wrong_arguments_raise_errors_that_say_which)
{
    int clients[WORKERS], client;
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    client = clients[0];
    client_ask_for_error(
        client, "shared.set, shared, 'k', {}",
        "#3 to '?' (expected a string, a number or a boolean: a table cannot be shared");
    client_ask_for_error(client, "shared.set, shared, 'k', print", "a function cannot be shared");
    client_ask_for_error(client, "shared.set, shared, 'k', shared", "a userdata cannot be shared");
    client_ask_for_error(client, "shared.add, shared, 'k'",
                         "expected a string, a number or a boolean");
    client_ask_for_error(client, "shared.add, shared, 'k', nil",
                         "expected a string, a number or a boolean)");
    client_ask_for_error(client, "shared.set, shared, 'k'", "value expected");
    client_ask_for_error(client, "shared.set, shared", "#2");
    client_ask_for_error(client, "shared.get, shared", "string expected");
    client_ask_for_error(client, "shared.get, shared, {}", "string expected");
    client_ask_for_error(client, "shared.get, 'k'", "server.shared expected");
    client_ask_for_error(client, "shared.keys, {}", "server.shared expected");
    client_ask_for_error(client, "shared.set, shared, 'k', 1, 'soon'", "number expected");
    client_ask_for_error(client, "shared.incr, shared, 'k', 'x'", "number expected");
    client_ask_for_error(client, "shared.incr, shared, 'k', 1, {}", "number expected");
    client_ask_for_error(client, "shared.incr, shared, 'k', 1, nil, 5",
                         "a ttl is for what begins with init");
    client_ask_for_error(client, "shared.keys, shared, {}", "string expected");
    client_ask_for_error(client, "shared.keys, shared, 'k', 'many'", "number expected");
    client_ask_for_error(client, "shared.keys, shared, 5, 'k'", "a prefix goes before the number");
    client_ask(client, "#shared:keys(), getmetatable(shared)", "0 server.shared");
    end_workers(&server, clients, WORKERS);
}

Test(shared, keys_and_numbers_that_a_peer_may_have_sent_are_answered)
{
    static const char *const calls[][2] = {
        {"shared:get('')", "nil badkey expected a key of 1 to 256 bytes, got 0"},
        {"shared:get(('k'):rep(257))", "nil badkey expected a key of 1 to 256 bytes, got 257"},
        {"shared:set('', nil)", "nil badkey"},
        {"shared:set(('k'):rep(257), 1)", "nil badkey"},
        {"shared:add('', 1)", "nil badkey"},
        {"shared:incr('', 1, 0)", "nil badkey"},
        {"shared:delete('')", "nil badkey"},
        {"shared:set('k', 1, 0)", "nil badnumber expected seconds above 0"},
        {"shared:set('k', 1, -1)", "nil badnumber"},
        {"shared:add('k', 1, 0 / 0)", "nil badnumber"},
        {"shared:incr('k', 1, 0, 1e10)", "nil badnumber"},
        {"shared:keys(-1)", "nil badnumber expected a number from 0 up, got -1"},
        {"shared:keys('k', -1)", "nil badnumber expected a number from 0 up, got -1"},
        {"shared:keys(0 / 0)", "nil badnumber expected a number from 0 up, got nan"},
        {"#shared:keys()", "0"},
        {"shared:set(('k'):rep(256), 1)", "true"},
    };
    int clients[WORKERS];
    struct server server = begin_workers(EVALUATE, "server.worker", clients, WORKERS);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        client_ask_for_part(clients[0], calls[i][0], calls[i][1]);
    end_workers(&server, clients, WORKERS);
}

Test(shared, workers_may_agree_on_one_of_them_at_the_start)
{
    static const char script[] =
        "function on_start()\n"
        "  server.shared:incr('started', 1, 0)\n"
        "  if server.shared:add('first', server.worker) then server.shared:incr('firsts', 1, 0) "
        "end\n"
        "end\n"
        "function on_receive(conn)\n"
        "  local shared = server.shared\n"
        "  conn:send(('%d %d'):format(shared:get('started'), shared:get('firsts')))\n"
        "end\n"
        "function on_stop() server.shared:set('stopped ' .. server.worker, true) end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "4"}});
    int client = client_connect(&server);
    client_ask(client, "?", "4 1");
    close(client);
    server_end(&server);
}

Test(shared, a_finalizer_may_use_it_while_keys_are_listed)
{
    struct server server =
        server_begin_script("local shared = server.shared\n"
                            "local function use() shared:get('key 1') end\n"
                            "local function arm()\n"
                            "  if newproxy then\n"
                            "    getmetatable(newproxy(true)).__gc = function() use() arm() end\n"
                            "  else\n"
                            "    setmetatable({}, { __gc = function() use() arm() end })\n"
                            "  end\n"
                            "end\n"
                            "arm()\n"
                            "for i = 1, 500 do shared:set('key ' .. i, i) end\n"
                            "function on_receive(conn)\n"
                            "  local count = 0\n"
                            "  for round = 1, 100 do\n"
                            "    for _, key in ipairs(shared:keys()) do\n"
                            "      count = count + (key:find('^key %d+$') and 1 or 0)\n"
                            "    end\n"
                            "  end\n"
                            "  conn:send(('%d'):format(count))\n"
                            "end\n");
    int client = client_connect(&server);
    client_ask(client, "?", "50000");
    close(client);
    server_end(&server);
}

/* With values of two sizes: on the C stack, and beyond. */
Test(shared, a_finalizer_may_use_it_while_a_value_is_taken_out)
{
    struct server server =
        server_begin_script("local shared = server.shared\n"
                            "for name, size in pairs { short = 300, long = 20000 } do\n"
                            "  shared:set(name, ('z'):rep(size))\n"
                            "end\n"
                            "local function use() shared:get('short') shared:get('long') end\n"
                            "local function arm()\n"
                            "  if newproxy then\n"
                            "    getmetatable(newproxy(true)).__gc = function() use() arm() end\n"
                            "  else\n"
                            "    setmetatable({}, { __gc = function() use() arm() end })\n"
                            "  end\n"
                            "end\n"
                            "for _ = 1, 20 do arm() end\n"
                            "function on_receive(conn, packet)\n"
                            "  local tail, right = ('a'):rep(tonumber(packet)), 0\n"
                            "  for i = 1, 2000 do\n"
                            "    shared:set('a', i .. tail)\n"
                            "    shared:push('list', i .. tail)\n"
                            "    if shared:get('a') == i .. tail then right = right + 1 end\n"
                            "    if shared:pop('list') == i .. tail then right = right + 1 end\n"
                            "  end\n"
                            "  conn:send(('%d'):format(right))\n"
                            "end\n");
    int client = client_connect(&server);
    client_ask(client, "300", "4000");
    client_ask(client, "20000", "4000");
    close(client);
    server_end(&server);
}

Test(shared, finalizers_that_use_it_at_the_end_harm_nobody)
{
    static const char script[] =
        "local function watch(kept)\n"
        "  local shared = server.shared\n"
        "  local function finalize() pcall(shared.set, shared, 'k', shared:get('k')) end\n"
        "  if newproxy then\n"
        "    local proxy = newproxy(true)\n"
        "    getmetatable(proxy).__gc = finalize\n"
        "    return proxy\n"
        "  end\n"
        "  return setmetatable({}, { __gc = finalize })\n"
        "end\n"
        "kept = { watch(), watch() }\n"
        "package.loaded.kept = { watch() }\n"
        "function on_start() server.shared:set('k', ('x'):rep(100000)) end\n"
        "function on_receive(conn)\n"
        "  watch()\n"
        "  collectgarbage()\n"
        "  conn:send('collected')\n"
        "end\n";
    struct server server = server_begin_script(script);
    int client = client_connect(&server);
    client_ask(client, "?", "collected");
    close(client);
    server_end(&server);
}
