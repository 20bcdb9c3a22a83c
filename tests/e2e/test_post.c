/* server.post and on_message: values from one worker to another. */
#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3 };

/* A packet is code that runs in the worker of its connection. What a worker's connection is told goes
 * there: each worker has one. */
#define RUN_PACKETS \
    "local globals = _ENV or getfenv()\n" \
    "function tell(...)\n" \
    "  local texts = {}\n" \
    "  for i = 1, select('#', ...) do texts[i] = tostring((select(i, ...))) end\n" \
    "  for conn in server.connections() do conn:send(table.concat(texts, ' ')) end\n" \
    "end\n" \
    "function on_receive(conn, packet)\n" \
    "  assert(load(packet, packet, 't', globals))()\n" \
    "end\n"
#define WHICH "tell(server.worker)"

Test(post, a_value_arrives_as_it_was)
{
    static const char script[] = RUN_PACKETS "function on_message(text, from)\n"
                                             "  tell(from, type(text), text)\n"
                                             "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[0], "assert(server.post(2, 'hello') == true)");
    client_expect(clients[1], "1 string hello");
    client_put_text(clients[2], "server.post(1, 42)");
    client_expect(clients[0], "3 number 42");
    client_put_text(clients[0], "server.post(3, true) server.post(3, false) server.post(3, nil)");
    client_expect(clients[2], "1 boolean true");
    client_expect(clients[2], "1 boolean false");
    client_expect(clients[2], "1 nil nil");
    client_put_text(clients[1], "server.post(2, 'to myself')");
    client_expect(clients[1], "2 string to myself");
    end_workers(&server, clients, WORKERS);
}

Test(post, all_is_every_worker_and_the_one_that_posts)
{
    static const char script[] =
        RUN_PACKETS "function on_message(value, from) tell(from, value) end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[1], "server.post('all', 'to all')");
    for (int i = 0; i < WORKERS; i++) client_expect(clients[i], "2 to all");
    end_workers(&server, clients, WORKERS);
}

/* `same` compares what has come with what is made again there. */
Test(post, tables_are_copied_with_all_that_is_in_them)
{
    static const char script[] = RUN_PACKETS
        "local function same(a, b)\n"
        "  if type(a) ~= 'table' or type(b) ~= 'table' then\n"
        "    return a == b and tostring(a) == tostring(b)\n"
        "      and (not math.type or math.type(a) == math.type(b))\n"
        "  end\n"
        "  for key in next, a do if not same(a[key], b[key]) then return false end end\n"
        "  for key in next, b do if a[key] == nil then return false end end\n"
        "  return getmetatable(b) == nil\n"
        "end\n"
        "local function deep(depth)\n"
        "  return depth == 0 and 'bottom' or { deep(depth - 1) }\n"
        "end\n"
        "function samples()\n"
        "  local list, shared = {}, { 'twice' }\n"
        "  for i = 1, 1000 do list[i] = i * i end\n"
        "  return {\n"
        "    {}, { 1, 2, 3 }, { 1, nil, 3 }, { [0] = 0, [-1] = 1, [2^53] = 2 },\n"
        "    { a = 1, ['b c'] = { d = {} } }, { [true] = false, [false] = true },\n"
        "    { [0.5] = 'half', [1 / 0] = 'most' }, { '', 'a\\0b', ('x'):rep(100000) },\n"
        "    { 1 / 0, -1 / 0, 0.1, -0.0, 1e300, math.maxinteger, math.mininteger, 2^53 },\n"
        "    list, deep(31), { shared, shared },\n"
        "    setmetatable({ raw = 1 }, {\n"
        "      __index = error, __pairs = error, __len = error,\n"
        "    }),\n"
        "  }\n"
        "end\n"
        "function on_message(value, from)\n"
        "  local samples = samples()\n"
        "  for i = 1, #samples do\n"
        "    if not same(samples[i], value[i]) then return tell('sample', i) end\n"
        "  end\n"
        "  tell('all', #samples == #value)\n"
        "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[0], "server.post(2, samples())");
    client_expect(clients[1], "all true");
    client_put_text(clients[1], "server.post(2, samples())");
    client_expect(clients[1], "all true");
    end_workers(&server, clients, WORKERS);
}

Test(post, messages_arrive_in_order)
{
    static const char script[] =
        RUN_PACKETS "local next, last = { 1, 1, 1 }, 5000\n"
                    "function post_all()\n"
                    "  for i = 1, last do\n"
                    "    local fine, code = server.post(1, { number = i })\n"
                    "    if not fine then return tell(code) end\n"
                    "  end\n"
                    "end\n"
                    "function on_message(value, from)\n"
                    "  if value.number ~= next[from] then tell(from, value.number) end\n"
                    "  next[from] = next[from] + 1\n"
                    "  if value.number == last then tell('all from', from) end\n"
                    "end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    client_put_text(clients[1], "post_all()");
    client_expect(clients[0], "all from 2");
    client_put_text(clients[2], "post_all()");
    client_expect(clients[0], "all from 3");
    end_workers(&server, clients, WORKERS);
}

Test(post, what_is_not_handed_on_is_refused_with_a_text_that_says_where_it_is)
{
    static const char *const cases[][2] = {
        {"1, print", "cannot post a function"},
        {"1, server.shared", "cannot post a userdata"},
        {"1, coroutine.create(print)", "cannot post a thread"},
        {"1, { players = { 1, 2, { callback = print } } }",
         "cannot post a function (at .players[3].callback)"},
        {"1, { ['a b'] = { [true] = { [0.5] = print } } }",
         "cannot post a function (at [\"a b\"][true][0.5])"},
        {"1, { a = { [{}] = 1 } }", "cannot post a table as a key (at .a)"},
        {"1, { [print] = 1 }", "cannot post a function as a key"},
        {"1", "value expected"},
        {"'1', 1", "expected a worker, 1 to 3, or \"all\""},
        {"'everybody', 1", "expected a worker, 1 to 3, or \"all\""},
        {"'all\\0', 1", "expected a worker, 1 to 3, or \"all\""},
        {"1, { ['a\\0b'] = print }", "cannot post a function (at [\"a\\x00b\"])"},
        {"1, circle", "nil toodeep tables inside each other 32 deep, or in a circle (at .me.me"},
        {"1, nest(33)", "nil toodeep tables inside each other 32 deep, or in a circle (at [1][1]"},
        {"1, { ['1a'] = print }", "cannot post a function (at [\"1a\"])"},
        {"1, ('x'):rep(2^24)", "nil toobig more than 16 MiB at once"},
        {"1, ('x'):rep(2^24 + 1)", "nil toobig more than 16 MiB at once"},
        {"1, { ('x'):rep(2^23), { ('x'):rep(2^23) } }",
         "nil toobig more than 16 MiB at once (at [2][1])"},
        {"1, bush(31)", "nil toobig more than 16 MiB at once (at [1][1]"},
        {"0, 1", "nil closed"},
        {"4, 1", "nil closed"},
        {"1.5, 1", "nil closed"},
        {"2^32 + 1, 1", "nil closed"},
        {"0 / 0, 1", "nil closed"},
        {"nil, 1", "expected a worker, 1 to 3, or \"all\""},
    };
    static const char script[] =
        RUN_PACKETS "circle = {}\n"
                    "circle.me = circle\n"
                    "function bush(depth)\n"
                    "  local below = depth > 0 and bush(depth - 1) or 1\n"
                    "  return { below, below }\n"
                    "end\n"
                    "function nest(depth)\n"
                    "  return depth > 0 and { nest(depth - 1) } or nil\n"
                    "end\n"
                    "function raised(...)\n"
                    "  local fine, message, code, why = pcall(server.post, ...)\n"
                    "  if fine then tell(message, code, why) else tell(message) end\n"
                    "end\n"
                    "function on_message(value) tell('came', value) end\n";
    int clients[WORKERS];
    struct server server = begin_workers(script, WHICH, clients, WORKERS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char question[256];
        snprintf(question, sizeof question, "raised(%s)", cases[i][0]);
        client_ask_for_part(clients[1], question, cases[i][1]);
    }
    client_put_text(clients[1], "server.post(1, { ('x'):rep(2^23) }) server.post(1, 'the end')");
    uint8_t *packet = client_take(clients[0], &(size_t){0});
    free(packet);
    client_expect(clients[0], "came the end");
    end_workers(&server, clients, WORKERS);
}
