/* server.channel, server.wait and server.signal: handlers of all workers that wait for each other. */
#include "run_packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3 };

Test(channel, values_come_out_in_the_order_they_went_in)
{
    int clients[WORKERS];
    struct server server = begin_workers(RUN_PACKETS, WHICH, clients, WORKERS);
    client_ask(clients[0],
               "local c = server.channel 'c' tell(c, c:push(1), c:push('two'), c:count())",
               "channel c true true 2");
    client_ask(clients[1], "local c = server.channel 'c' tell(c:pop(), c:try_pop(), c:count())",
               "1 two 0");
    client_ask(clients[1], "tell(server.channel 'c':try_pop())", "nil empty");
    client_ask(clients[1], "tell(server.channel 'c':pop(0))", "nil timeout");
    client_ask(clients[1], "tell(server.channel 'c':pop(0.01))", "nil timeout");
    client_ask(clients[2],
               "local c = server.channel '' c:push { a = { 1, false } }"
               " local t = c:pop() tell(t.a[1], t.a[2], c:push(false), c:pop())",
               "1 false true false");
    end_workers(&server, clients, WORKERS);
}

/* Those that wait are served in turn, on whichever worker they are. */
Test(channel, who_waits_first_is_served_first)
{
    int clients[WORKERS];
    struct server server = begin_workers(RUN_PACKETS, WHICH, clients, WORKERS);
    int other = client_connect(&server);
    for (int i = 0; i < WORKERS; i++) {
        char line[40];
        client_put_text(clients[i], "server.log('info', 'waits ' .. server.worker)"
                                    " tell(server.channel 'c':pop())");
        snprintf(line, sizeof line, "waits %d\n", i + 1);
        server_expect_log(&server, line);
        snprintf(line, sizeof line, "tell(server.call(%d, 'none'))", i + 1);
        client_ask(other, line, "nil unknown"); /* it has come to wait by now */
    }
    client_ask(other, "local c = server.channel 'c' tell(c:push('a'), c:push('b'), c:push('c'))",
               "true true true");
    client_expect(clients[0], "a");
    client_expect(clients[1], "b");
    client_expect(clients[2], "c");
    close(other);
    end_workers(&server, clients, WORKERS);
}

Test(channel, a_full_one_has_those_wait_who_push)
{
    int clients[WORKERS];
    struct server server = begin_workers(RUN_PACKETS, WHICH, clients, WORKERS);
    client_ask(clients[0],
               "local c = server.channel('c', 2)"
               " tell(c:push(1), c:push(2), c:push(3, 0))",
               "true true nil full");
    client_ask(clients[0], "tell(server.channel('c', 2):push(3, 0.01))", "nil timeout");
    client_put_text(clients[0],
                    "server.log('info', 'pushes') tell(server.channel('c', 2):push('three'))");
    server_expect_log(&server, "pushes\n");
    client_ask(clients[1], "tell(server.call(1, 'none'))", "nil unknown"); /* it waits by now */
    client_ask(clients[1], "local c = server.channel 'c' tell(c:count(), c:pop(), c:count())",
               "2 1 2");
    client_expect(clients[0], "true");
    client_ask(clients[1], "local c = server.channel 'c' tell(c:pop(), c:pop(), c:try_pop())",
               "2 three nil empty");
    end_workers(&server, clients, WORKERS);
}

/* A connection that ends while it waits takes no value with it, and leaves none that it waited to push. */
Test(channel, what_ends_on_the_way_loses_nothing)
{
    static const char script[] =
        RUN_PACKETS "function on_disconnect() server.log('info', 'gone') end\n"
                    "function kill(id) assert(server.close(id)) end\n";
    int clients[WORKERS];
    char code[200];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    for (int push = 0; push < 2; push++) {
        client_put_text(clients[2], "tell(conn.id)");
        size_t size;
        char *id = (char *)client_take(clients[2], &size);
        snprintf(code, sizeof code, "tell(server.close(%.*s))", (int)size, id);
        free(id);
        if (push) client_ask(clients[0], "tell(server.channel 'c':push 'first')", "true");
        client_put_text(clients[2], push
                                        ? "server.log('info', 'waits to push')"
                                          " server.channel('c', 1):push('never')"
                                        : "server.log('info', 'waits to pop')"
                                          " server.channel 'c':pop() server.log('info', 'popped')");
        server_expect_log(&server, push ? "waits to push\n" : "waits to pop\n");
        client_ask(clients[0], code, "true");
        server_expect_log_count(&server, "gone\n", push + 1);
        close(clients[2]);
        clients[2] = client_connect(&server);
    }
    client_ask(clients[0], "local c = server.channel 'c' tell(c:pop(), c:try_pop())",
               "first nil empty");
    client_ask(clients[0], "local c = server.channel 'c' tell(c:push(7), c:try_pop())", "true 7");
    cr_assert_eq(server_log_count(&server, "popped\n"), 0);
    end_workers(&server, clients, WORKERS);
}

/* Its worker hears of the answer when the deadline is over, too: what was done is told. */
Test(channel, an_answer_that_is_there_at_the_deadline_counts)
{
    static const char script[] = RUN_PACKETS "function block(after)\n"
                                             "  server.after(after, function()\n"
                                             "    server.log('info', 'blocks')\n"
                                             "    while not server.shared:get 'go' do end\n"
                                             "  end)\n"
                                             "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    for (int push = 0; push < 2; push++) {
        client_put_text(clients[0],
                        push ? "block(0.02) tell(server.channel('p', 1):push('second', 0.05))"
                             : "server.channel('p', 1):push 'first'"
                               " block(0.02) tell(server.channel 'q':pop(0.05))");
        server_expect_log_count(&server, "blocks\n", push + 1);
        client_ask(clients[1],
                   push ? "tell(server.channel 'p':pop())"
                        : "tell(server.channel 'q':push 'value')",
                   push ? "first" : "true");
        client_ask(clients[1], "server.sleep(0.1) tell(server.shared:set('go', true))", "true");
        client_expect(clients[0], push ? "true" : "value");
        client_ask(clients[1], "tell(server.shared:delete 'go')", "true");
    }
    client_ask(clients[1], "tell(server.channel 'p':try_pop(), server.channel 'q':try_pop())",
               "second nil empty");
    end_workers(&server, clients, WORKERS);
}

/* Many that push, pop, wait too short a time and end, on all workers: each value comes out once. */
Test(channel, each_value_comes_out_once)
{
    static const char script[] = RUN_PACKETS
        "local c = server.channel('storm', 10)\n"
        "local function pushes(from)\n"
        "  for i = 1, 500 do\n"
        "    while not c:push(server.worker * 1e6 + from * 1e3 + i, 0.001 * (i % 3 + 1)) do end\n"
        "  end\n"
        "end\n"
        "local function pops()\n"
        "  while (server.shared:get 'popped' or 0) < 6000 do\n"
        "    local value = c:pop(0.001)\n"
        "    if value then\n"
        "      if not server.shared:add('value' .. value, true) then server.log('info', 'twice') "
        "end\n"
        "      if server.shared:incr('popped', 1, 0) == 6000 then server.log('info', 'all') end\n"
        "    end\n"
        "  end\n"
        "end\n"
        "function storm()\n"
        "  for i = 1, 4 do server.after(0, function() pushes(i) end) server.after(0, pops) end\n"
        "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    for (int i = 0; i < WORKERS; i++) client_put_text(clients[i], "storm()");
    server_expect_log(&server, "all\n");
    client_ask(clients[0], "tell(server.channel 'storm':count())", "0");
    cr_assert_eq(server_log_count(&server, "twice\n"), 0);
    end_workers(&server, clients, WORKERS);
}

/* Two workers that wait for each other all the time, for values and for room: what comes between looking and waiting is
 * not lost. */
Test(channel, waiting_begins_at_once_with_looking)
{
    static const char script[] =
        RUN_PACKETS "local there, back = server.channel('there', 1), server.channel('back', 1)\n"
                    "function asks()\n"
                    "  for i = 1, 3000 do\n"
                    "    assert(there:push(i) and there:push(-i))\n"
                    "    assert(back:pop() == i and back:pop() == -i)\n"
                    "  end\n"
                    "  return 'all'\n"
                    "end\n"
                    "function answers()\n"
                    "  for _ = 1, 6000 do assert(back:push(assert(there:pop()))) end\n"
                    "  return 'all'\n"
                    "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[1], "tell(answers())");
    client_ask(clients[0], "tell(asks())", "all");
    client_expect(clients[1], "all");
    end_workers(&server, clients, WORKERS);
}

Test(channel, a_signal_wakes_all_who_wait)
{
    int clients[WORKERS];
    struct server server = begin_workers(RUN_PACKETS, WHICH, clients, WORKERS);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < WORKERS; i++)
            client_put_text(clients[i],
                            "server.log('info', 'waits') tell(server.wait('round begins'))");
        server_expect_log_count(&server, "waits\n", (round + 1) * WORKERS);
        int other = client_connect(&server);
        client_ask(other, "for i = 1, 3 do server.call(i, 'none') end tell 'all wait by now'",
                   "all wait by now");
        client_ask(other,
                   round == 0 ? "tell(server.signal('round begins', 7))"
                              : "tell(server.signal 'round begins')",
                   "3");
        for (int i = 0; i < WORKERS; i++) {
            client_expect(clients[i], round == 0 ? "7" : "true");
        }
        close(other);
    }
    client_ask(clients[0], "tell(server.signal('round begins'), server.signal('nobody', 1))",
               "0 0");
    client_ask(clients[0], "tell(server.wait('nothing', 0.01))", "nil timeout");
    client_ask(clients[0],
               "server.channel('round begins'):push(1)"
               " tell(server.signal('round begins'), server.wait('round begins', 0.01))",
               "0 nil timeout");
    end_workers(&server, clients, WORKERS);
}

Test(channel, misuse_is_told)
{
    int clients[1];
    struct server server = begin_workers(RUN_PACKETS, WHICH, clients, 1);
    int client = clients[0];
    client_ask_for_part(client, "tell(pcall(server.channel))", "string expected");
    client_ask(client, "tell(server.channel(('x'):rep(256)))", "nil badname");
    client_ask_for_part(client, "tell(server.channel('c', 0))",
                        "nil badnumber expected a number of");
    client_ask_for_part(client, "tell(pcall(server.channel('c').push, server.channel 'c'))",
                        "expected a value other than nil");
    client_ask_for_part(client, "tell(pcall(server.channel('c').push, server.channel 'c', print))",
                        "cannot pass a function");
    client_ask_for_part(client, "tell(pcall(server.channel('c').pop, {}))",
                        "moonport.channel expected");
    client_ask(client, "tell(server.channel('c'):push(('x'):rep(2^24)))",
               "nil toobig more than 16 MiB at once");
    client_ask_for_part(client, "tell(server.channel('c'):pop(-1))",
                        "nil badnumber expected seconds");
    client_ask(client, "tell(server.wait(('x'):rep(256), 1))", "nil badname");
    client_ask_for_part(client, "tell(pcall(coroutine.wrap(function() server.wait 'x' end)))",
                        "inside a coroutine of your own");
    client_ask(client, "tell(getmetatable(server.channel 'c'))", "channel");
    end_workers(&server, clients, 1);
}

/* Values are on the budget of who pushed them, and go with the server. */
Test(channel, what_is_queued_is_bounded)
{
    static const char script[] =
        RUN_PACKETS "function fill()\n"
                    "  local c, count = server.channel('c', 1e9), 0\n"
                    "  while true do\n"
                    "    local fine, code = c:push(('x'):rep(100000))\n"
                    "    if not fine then return tell(code, count > 10) end\n"
                    "    count = count + 1\n"
                    "  end\n"
                    "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "1", "--memory", "40M"}});
    int client = client_connect(&server);
    client_ask(client, "fill()", "memory true");
    client_ask(client, "local c = server.channel 'c' c:pop() tell(c:push(1), #c:pop())",
               "true 100000");
    close(client);
    server_end(&server);
}

/* A channel of its own is more than its value: whoever makes many, with names of a peer's, pays for them. */
Test(channel, what_is_queued_pays_for_its_channel)
{
    int client;
    struct server server = begin_workers(RUN_PACKETS, WHICH, &client, 1);
    client_ask(client, "NAME = ('n'):rep(255) tell 'begun'", "begun");
    client_ask(client, "BEFORE = server.stats().memory_used tell(server.channel(NAME):push(1))",
               "true");
    client_ask(client,
               "tell(server.stats().memory_used - BEFORE > 255, server.channel(NAME):pop())",
               "true 1");
    client_ask(client, "tell(server.stats().memory_used == BEFORE)", "true");
    end_workers(&server, &client, 1);
}
