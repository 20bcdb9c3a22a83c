/* server.call and on_call, server.owner, server.close: workers that answer each other. */
#include "run_packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3 };

Test(call, what_the_function_returns_there_is_what_the_call_returns_here)
{
    static const char script[] =
        RUN_PACKETS "on_call = {\n"
                    "  where = function(...) return server.worker, ... end,\n"
                    "  add = function(a, b) return a + b end,\n"
                    "  nothing = function() end,\n"
                    "  holes = function() return nil, 2, nil end,\n"
                    "  deep = function(t) return t.a[3].b end,\n"
                    "  waits = function(seconds) server.sleep(seconds) return 'slept' end,\n"
                    "  onward = function(to, ...) return server.call(to, 'where', ...) end,\n"
                    "}\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_ask(clients[0], "tell(server.call(2, 'where'))", "2");
    client_ask(clients[0], "tell(server.call(1, 'where', 'to myself'))", "1 to myself");
    client_ask(clients[2], "tell(server.call(1, 'add', 1, 2))", "3");
    client_ask(clients[2], "tell('none', server.call(2, 'nothing'))", "none");
    client_ask(clients[2], "tell(server.call(2, 'holes'))", "nil 2 nil");
    client_ask(clients[1], "tell(server.call(3, 'waits', 0.01))", "slept");
    client_ask(clients[1], "tell(server.call(3, 'onward', 2, true, nil))", "2 true nil");
    client_ask(clients[1], "tell(server.call(3, 'deep', { a = { 1, 2, { b = 'c' } } }))", "c");
    client_ask(clients[1],
               "tell(#server.call(3, 'deep', { a = { 1, 2, { b = ('x'):rep(2^20) } } }))",
               "1048576");
    end_workers(&server, clients, WORKERS);
}

/* What goes wrong is told apart. */
Test(call, failures_are_told_apart)
{
    static const char script[] = RUN_PACKETS
        "on_call = {\n"
        "  fails = function(what) error(what) end,\n"
        "  cannot = function() return { 1, { f = print } } end,\n"
        "  never = function() server.sleep(1000) end,\n"
        "  circle = function(to, back)\n"
        "    server.sleep(0.01) -- or more are on their way than may be, before the first is late\n"
        "    return server.call({ to, timeout = 0.2 }, 'circle', back, to)\n"
        "  end,\n"
        "}\n"
        "function first_line(value, code, text)\n"
        "  tell(value, code, (text:match('^[^\\n]*')), text:find('stack traceback', 1, "
        "true) ~= nil)\n"
        "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_ask(clients[0], "tell(server.call(2, 'nobody'))", "nil unknown");
    client_ask(clients[0], "tell(server.call(4, 'never'))", "nil closed");
    client_ask(clients[0], "tell(server.call(1.5, 'never'))", "nil closed");
    client_ask(clients[0], "tell(server.call(2^53, 'never'))", "nil closed");
    client_ask(clients[0], "tell(server.call({ 2, timeout = 0.05 }, 'never'))", "nil timeout");
    client_ask(clients[0], "tell(server.call({ 2, timeout = 0.2 }, 'circle', 1, 2))",
               "nil timeout");
    client_ask_for_part(clients[0], "tell(server.call({ 2, timeout = -1 }, 'never'))",
                        "nil badnumber expected seconds from 0 to 1e9, got -1");
    client_ask_for_part(clients[0], "first_line(server.call(3, 'fails', 'on purpose'))",
                        "on purpose true");
    client_ask_for_part(clients[0], "tell(server.call(3, 'cannot'))",
                        "nil error cannot return a function (at [2].f)");
    client_ask_for_part(clients[0], "tell(pcall(server.call, 2, 'nobody', 1, print))",
                        "cannot pass a function (at #3)");
    client_ask_for_part(clients[0], "tell(pcall(server.call, 'x', 'nobody'))",
                        "expected a worker's number or a connection's id");
    client_ask_for_part(clients[0], "tell(pcall(server.call, 2))", "string expected");
    server_expect_log(&server, "on_call (generation 1): ");
    end_workers(&server, clients, WORKERS);
}

/* The function gets the conn; the connection may be any worker's, and end meanwhile. */
Test(call, an_id_is_called_where_its_connection_is)
{
    static const char script[] = RUN_PACKETS "on_call = {\n"
                                             "  name = function(conn, name)\n"
                                             "    conn.data.name = name\n"
                                             "    return server.worker, conn.id\n"
                                             "  end,\n"
                                             "  stays = function(conn) server.sleep(1000) end,\n"
                                             "}\n";
    int clients[WORKERS];
    char code[200], id[40];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[2], "tell(conn.id)");
    size_t size;
    char *told = (char *)client_take(clients[2], &size);
    snprintf(id, sizeof id, "%.*s", (int)size, told);
    free(told);
    snprintf(code, sizeof code, "tell(select(2, server.call(%s, 'name', 'ann')) == %s)", id, id);
    client_ask(clients[0], code, "true");
    client_ask(clients[2], "tell(conn.data.name)", "ann");
    snprintf(code, sizeof code, "server.log('info', 'calls') tell(server.call(%s, 'stays'))", id);
    client_put_text(clients[0], code);
    server_expect_log(&server, "calls\n");
    client_ask(clients[1], "tell(server.call(3, 'none'))", "nil unknown"); /* it has begun by now */
    close(clients[2]);
    client_expect(clients[0], "nil closed");
    client_ask(clients[0], code, "nil closed");
    clients[2] = clients[1]; /* for the end */
    clients[1] = client_connect(&server);
    end_workers(&server, clients, WORKERS);
}

/* The work goes on, its result finds nobody; and a call whose caller has gone before it begins does not. */
Test(call, ends_with_the_connection_of_its_caller)
{
    static const char script[] =
        RUN_PACKETS "on_call = {\n"
                    "  slow = function()\n"
                    "    while not server.shared:get 'go' do server.sleep(0.01) end\n"
                    "    server.log('info', 'worked')\n"
                    "    return 1\n"
                    "  end,\n"
                    "}\n"
                    "function on_disconnect() server.log('info', 'gone') end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    char code[100];
    client_put_text(clients[0], "tell(conn.id)");
    size_t size;
    char *id = (char *)client_take(clients[0], &size);
    snprintf(code, sizeof code, "tell(server.close(%.*s))", (int)size, id);
    free(id);
    client_put_text(clients[0], "server.log('info', 'calls') server.call(2, 'slow')"
                                " server.log('info', 'goes on')");
    server_expect_log(&server, "calls\n");
    client_ask(clients[1], code, "true");
    cr_assert_eq(client_await_end(clients[0]), CLIENT_EOF);
    close(clients[0]);
    server_expect_log(&server, "gone\n");
    client_ask(clients[1], "tell(server.shared:set('go', true))", "true");
    server_expect_log(&server, "worked\n");
    client_ask(clients[1], "tell(server.call(1, 'slow'))", "1");
    cr_assert_eq(server_log_count(&server, "goes on\n"), 0);
    clients[0] = client_connect(&server);
    end_workers(&server, clients, WORKERS);
}

Test(call, waits_in_timers_and_at_the_start_too)
{
    static const char script[] =
        "on_call = { who = function() return 'worker ' .. server.worker end }\n"
        "function on_start()\n"
        "  name = server.call(server.worker % server.workers + 1, 'who')\n"
        "end\n"
        "server.after(0.01, function()\n"
        "  if server.worker == 1 then server.log('info', 'timer: %s', server.call(2, 'who')) end\n"
        "end)\n"
        "function on_receive(conn, packet) conn:send(name) end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    int client = client_connect(&server);
    client_put_text(client, "hello");
    size_t size;
    uint8_t *name = client_take(client, &size);
    cr_assert(size == 8 && memcmp(name, "worker ", 7) == 0);
    free(name);
    server_expect_log(&server, "timer: worker 2\n");
    close(client);
    server_end(&server);
}

Test(call, an_on_call_that_is_no_table_is_refused)
{
    static const char script[] = "function on_call() end\n";
    program_fail(1, WORDS("check", directory_make("main.lua", script, NULL)),
                 "on_call is a function", "table of functions for server.call");
}

/* The same on every worker, and spread over all. */
Test(call, a_key_has_one_owner)
{
    static const char script[] =
        RUN_PACKETS "function owners()\n"
                    "  local counts, all = {}, {}\n"
                    "  for i = 1, 300 do\n"
                    "    local owner = server.owner('room' .. i)\n"
                    "    counts[owner] = (counts[owner] or 0) + 1\n"
                    "    all[i] = owner\n"
                    "  end\n"
                    "  for worker = 1, server.workers do assert(counts[worker] > 50) end\n"
                    "  return table.concat(all)\n"
                    "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    char code[600];
    client_put_text(clients[0], "tell(owners())");
    size_t size;
    uint8_t *owners = client_take(clients[0], &size);
    cr_assert_eq(size, 300);
    snprintf(code, sizeof code, "tell(owners() == '%.300s')", (const char *)owners);
    free(owners);
    client_ask(clients[1], code, "true");
    client_ask(clients[2], code, "true");
    client_ask(clients[2], "tell(server.owner(5) == server.owner('5'))", "true");
    /* Those of before stay as they are. */
    client_ask(clients[2],
               "tell(server.owner('a'), server.owner('b'), server.owner('c'), server.owner('d'))",
               "2 1 2 3");
    client_ask_for_part(clients[2], "tell(pcall(server.owner, 0.5))", "a string or a whole number");
    client_ask_for_part(clients[2], "tell(pcall(server.owner, {}))", "string expected");
    end_workers(&server, clients, WORKERS);
}

Test(call, any_connection_is_closed_by_its_id)
{
    static const char script[] = RUN_PACKETS
        "function on_disconnect(conn, reason) server.log('info', 'gone: %s', reason) end\n";
    int clients[WORKERS];
    char code[200];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[2], "tell(conn.id)");
    size_t size;
    char *id = (char *)client_take(clients[2], &size);
    snprintf(code, sizeof code, "tell(server.close(%.*s, 'kicked'))", (int)size, id);
    free(id);
    client_ask(clients[0], code, "true");
    cr_assert_eq(client_await_end(clients[2]), CLIENT_EOF);
    server_expect_log(&server, "gone: kicked\n");
    client_ask(clients[0], "tell(server.close(conn.id + 2^30))", "nil closed");
    client_put_text(clients[0], "assert(server.close(conn, 'bye'))");
    server_expect_log(&server, "gone: bye\n");
    close(clients[0]);
    close(clients[2]);
    clients[0] = client_connect(&server);
    clients[2] = client_connect(&server);
    end_workers(&server, clients, WORKERS);
}

/* More than 10000 that are out at once are refused; those before them are answered. */
Test(call, so_many_are_out_at_once)
{
    static const char script[] = RUN_PACKETS
        "answered, busy, released, told = 0, 0, false, false\n"
        "on_call = { hold = function()\n"
        "  while not released do server.sleep(0.01) end\n"
        "  return true\n"
        "end }\n"
        "function ask()\n"
        "  local fine, code = server.call({ 2, timeout = 1000 }, 'hold')\n"
        "  if fine then answered = answered + 1 end\n"
        "  if code == 'busy' then busy = busy + 1 end\n"
        "end\n"
        "function ended()\n"
        "  if busy == 10 and not told then server.log('info', 'busy 10') told = true end\n"
        "  if answered + busy < 10010 then return server.after(0.01, ended) end\n"
        "  server.log('info', 'answered %d, busy %d', answered, busy)\n"
        "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[0], "for i = 1, 10010 do server.after(0, ask) end ended()");
    server_expect_log(&server, "busy 10\n");
    client_put_text(clients[1], "released = true");
    server_expect_log(&server, "answered 10000, busy 10\n");
    client_ask(clients[0], "tell(server.call(2, 'hold'))", "true"); /* none is out now */
    end_workers(&server, clients, WORKERS);
}

/* A call that nobody waits for any more does not begin. */
Test(call, that_was_given_up_does_not_begin)
{
    static const char script[] =
        RUN_PACKETS "on_call = { f = function() server.log('info', 'begun') end }\n"
                    "function busy()\n"
                    "  server.log('info', 'busy')\n"
                    "  while not server.shared:get 'go' do end\n"
                    "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[1], "busy() tell 'free'");
    server_expect_log(&server, "busy\n");
    client_ask(clients[0],
               "local value, code = server.call({ 2, timeout = 0.01 }, 'f')"
               " server.shared:set('go', true) tell(code)",
               "timeout");
    client_expect(clients[1], "free");
    client_ask(clients[0], "tell(server.call(2, 'none'))", "nil unknown");
    cr_assert_eq(server_log_count(&server, "begun\n"), 0);
    end_workers(&server, clients, WORKERS);
}

/* New code is called by new code only: a worker switches before it reads on. */
Test(call, of_new_code_reaches_new_code)
{
    static const char script[] = RUN_PACKETS
        "on_call = { generation = function() return server.generation end }\n"
        "function on_load()\n"
        "  server.after(0, function()\n"
        "    for i = 1, server.workers do\n"
        "      local there = server.call(i, 'generation')\n"
        "      if there < server.generation then server.log('info', 'old code answers') end\n"
        "    end\n"
        "    server.log('info', 'asked')\n"
        "  end)\n"
        "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    char again[2000];
    snprintf(again, sizeof again, "%s-- again\n", script);
    script_write(&server, "main.lua", again);
    server_expect_log_count(&server, "asked\n", WORKERS);
    cr_assert_eq(server_log_count(&server, "old code answers\n"), 0);
    end_workers(&server, clients, WORKERS);
}
