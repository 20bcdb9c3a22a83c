/* Framings in Lua: a function of the script computes the length of a packet from its header. */
#include "harness.h"
#include "harness_process.h"
#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ONE \
    "return { workers = 1, framing = 'raw', listen = '127.0.0.1:0', handler_timeout = 0.3 }\n"

/* Two digits, and as many bytes. */
#define DIGITS \
    "local function length(header) return 2 + tonumber(header) end\n" \
    "local digits = { header = 2, length = length }\n"

#define BRACKETS \
    "function on_receive(conn, packet) conn:send('<' .. packet .. '>') end\n" \
    "function on_disconnect(conn, reason) server.log('info', 'gone: %s', reason) end\n"

static void expect_text(int client, const char *text)
{
    char bytes[256] = "";
    client_receive(client, bytes, strlen(text));
    cr_assert_str_eq(bytes, text);
}

Test(framing_scripted, packets_come_and_go_with_their_header)
{
    static const char text[] = "05hello00"
                               "01x12twelve bytes";
    struct server server = server_begin(&(struct begin){
        .script = DIGITS "function on_connect(conn) assert(conn:framing(digits)) end\n" BRACKETS,
        .config = ONE});
    for (size_t i = 0; i < sizeof text - 1; i++) {
        int client = client_connect(&server);
        client_send(client, text, i);
        client_send(client, text + i, sizeof text - 1 - i);
        expect_text(client, "<05hello><00><01x><12twelve bytes>");
        close(client);
    }
    server_end(&server);
}

/* Many packets in one piece, and one that is longer than a block. */
Test(framing_scripted, pipelined_and_large_packets)
{
    enum { COUNT = 5000, SIZE = 300000 };
    struct server server = server_begin(&(struct begin){
        .script = "local spec = { header = 4, length = function(header)\n"
                  "  return (string.unpack and string.unpack('<I4', header)) or\n"
                  "    header:byte(1) + header:byte(2) * 256 + header:byte(3) * 65536\n"
                  "end }\n"
                  "function on_connect(conn) assert(conn:framing(spec)) end\n"
                  "function on_receive(conn, packet) conn:send(packet) end\n",
        .config = "return { workers = 1, framing = 'raw', listen = '127.0.0.1:0' }\n"});
    int client = client_connect(&server);
    for (int i = 0; i < COUNT; i += 500) {
        for (int k = 0; k < 500; k++) client_put_text(client, "pack");
        for (int k = 0; k < 500; k++) client_expect(client, "pack");
    }
    char *large = malloc(SIZE);
    size_t size;
    cr_assert_not_null(large);
    memset(large, 'x', SIZE);
    client_put(client, large, SIZE);
    free(client_take(client, &size));
    cr_assert_eq(size, SIZE);
    free(large);
    close(client);
    server_end(&server);
}

static void ends(const char *length, const char *reason, const char *logged)
{
    char script[1024];
    snprintf(script, sizeof script,
             "local spec = { header = 2, max = 1000, length = function(header, ...) %s end }\n"
             "function on_connect(conn) assert(conn:framing(spec)) conn:send('ready') end\n"
             "function on_receive(conn, packet) conn:send('a packet') end\n"
             "function on_disconnect(conn, reason) server.log('info', 'gone: %%s', reason) end\n",
             length);
    struct server server = server_begin(&(struct begin){.script = script, .config = ONE});
    int client = client_connect(&server);
    expect_text(client, "ready");
    client_send_text(client, "05hello");
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    server_expect_log(&server, reason);
    server_expect_log(&server, logged);
    close(client);
    server_end(&server);
}

Test(framing_scripted, what_is_no_length_ends_the_connection)
{
    ends("return", "gone: framing", "the script's function `length` says 0, a packet has at least");
    ends("return 'seven'", "gone: framing", "`length` says 0");
    ends("return {}", "gone: framing", "`length` says 0");
    ends("return -7", "gone: framing", "`length` says 0");
    ends("return 7.5", "gone: framing", "`length` says 0");
    ends("return 0/0", "gone: framing", "`length` says 0");
    ends("return 1", "gone: framing", "`length` says 1, a packet has at least its header, 2 bytes");
    ends("return 1001", "gone: oversize", "length 1001, max_packet 1000");
    ends("return 1e15", "gone: oversize", "length 1000000000000000, max_packet 1000");
    ends("return 1e300", "gone: framing", "`length` says 0");
}

Test(framing_scripted, a_function_that_fails_ends_the_connection)
{
    ends("error('no such packet')", "gone: error", "no such packet");
    ends("local x = nil; return x.y", "gone: error", "attempt to index");
    ends("server.sleep(1)", "gone: error", "sleep");
    ends("coroutine.yield(1)", "gone: error", "yield");
}

Test(framing_scripted, a_function_that_loops_is_interrupted)
{
    need_lua_5_4("it does not interrupt compiled loops");
    ends("while true do end", "gone: error", "interrupted");
}

Test(framing_scripted, on_error_keep_does_not_keep_it)
{
    struct server server = server_begin(&(struct begin){
        .script = "local spec = { header = 2, length = function() error('no') end }\n"
                  "function on_connect(conn) conn:framing(spec) end\n" BRACKETS,
        .config = "return { framing = 'raw', on_error = 'keep', listen = '127.0.0.1:0' }\n"});
    int client = client_connect(&server);
    client_send_text(client, "05hello");
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    server_expect_log(&server, "gone: error");
    close(client);
    server_end(&server);
}

Test(framing_scripted, a_function_may_close_and_send)
{
    struct server server = server_begin(&(struct begin){
        .script = "local all\n"
                  "local spec = { header = 2, length = function(header)\n"
                  "  all:send('(' .. header .. ')')\n"
                  "  if header == '99' then all:close('enough') end\n"
                  "  return 2 + tonumber(header)\n"
                  "end }\n"
                  "function on_connect(conn) all = conn conn:framing(spec) end\n" BRACKETS,
        .config = ONE});
    int client = client_connect(&server);
    client_send_text(client, "01a01b99");
    expect_text(client, "(01)<01a>(01)<01b>(99)");
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    server_expect_log(&server, "gone: enough");
    close(client);
    server_end(&server);
}

Test(framing_scripted, switches_to_it_and_back_lose_no_bytes)
{
    static const char text[] = "go\n02ab02xyback\n02!\ngo\n00";
    struct server server = server_begin(&(struct begin){
        .script = DIGITS "function on_receive(conn, packet)\n"
                         "  conn:send('<' .. packet .. '>')\n"
                         "  if packet == 'go' then conn:framing(digits) end\n"
                         "  if packet == '02xy' then conn:framing('line') end\n"
                         "end\n",
        .config = "return { workers = 1, framing = 'line', listen = '127.0.0.1:0' }\n"});
    for (size_t i = 0; i < sizeof text - 1; i++) {
        int client = client_connect(&server);
        client_send(client, text, i);
        client_send(client, text + i, sizeof text - 1 - i);
        expect_text(client, "<go>\n<02ab><02xy><back>\n<02!>\n<go>\n<00>");
        close(client);
    }
    server_end(&server);
}

Test(framing_scripted, what_is_wrong_with_one_is_told)
{
    offline_pass(
        DIGITS "function on_receive(conn, packet) end\n",
        "return { framing = 'raw', max_packet = 100 }\n",
        "local function length() return 1 end\n"
        "test(\"raises\", function()\n"
        "  local conn = test.connect().conn\n"
        "  for part, spec in pairs({\n"
        "    ['with a function `length` there are'] = { header = 1, length = length, size = 2 },\n"
        "    ['there are header, length and max'] = { 'length', header = 1, length = length },\n"
        "    ['header and max are numbers'] = { header = '1', length = length },\n"
        "    ['max is a number'] = { header = 1, length = length, max = -1 },\n"
        "    ['1 to 256'] = { header = 0, length = length },\n"
        "    ['header is the number'] = { length = length },\n"
        "    ['that `length` needs, 1'] = { header = 257, length = length },\n"
        "    ['number of bytes that'] = { header = 1.5, length = length },\n"
        "  }) do\n"
        "    local fine, why = pcall(conn.framing, conn, spec)\n"
        "    test.equal(fine, false)\n"
        "    assert(why:find(part, 1, true), why)\n"
        "  end\n"
        "end)\n"
        "test(\"answers\", function()\n"
        "  local conn = test.connect().conn\n"
        "  local set, code = conn:framing({ header = 101, length = length })\n"
        "  test.equal({ set == nil, code }, { true, 'badframing' })\n"
        "  set, code = conn:framing({ header = 1, length = length, max = 101 })\n"
        "  test.equal({ set == nil, code }, { true, 'badframing' })\n"
        "  test.equal(conn:framing({ header = 100, length = length, max = 100 }), true)\n"
        "end)\n"
        "test(\"a client of a test\", function()\n"
        "  local client = test.connect()\n"
        "  client.conn:framing({ header = 1, length = length })\n"
        "  client.conn:send('abc')\n"
        "  client:receive('x')\n"
        "  test.equal(client.sent, { 'abc' })\n"
        "end)\n");
}

/* Places of framings that no connection has any more are free again. */
Test(framing_scripted, a_worker_has_64_different_ones_at_a_time)
{
    offline_pass(
        "function on_receive(conn, packet) end\n",
        "return { framing = 'raw', max_connections = 100 }\n",
        "local function new() return { header = 1, length = function() return 1 end } end\n"
        "test(\"full\", function()\n"
        "  local clients = {}\n"
        "  for i = 1, 64 do\n"
        "    clients[i] = test.connect()\n"
        "    assert(clients[i].conn:framing(new()))\n"
        "  end\n"
        "  local one = test.connect()\n"
        "  local set, code = one.conn:framing(new())\n"
        "  test.equal({ set == nil, code }, { true, 'full' })\n"
        "  clients[7]:close()\n"
        "  clients[8]:close()\n"
        "  assert(one.conn:framing(new()))\n"
        "  for i = 1, 200 do assert(one.conn:framing(new())) end\n"
        "end)\n");
}

Test(framing_scripted, any_number_of_connections_have_the_same_one)
{
    offline_pass("function on_receive(conn, packet) end\n",
                 "return { framing = 'raw', max_connections = 100 }\n",
                 "test(\"the same\", function()\n"
                 "  local spec = { header = 1, length = function() return 1 end }\n"
                 "  for _ = 1, 70 do assert(test.connect().conn:framing(spec)) end\n"
                 "end)\n");
}

/* The functions of code that has gone are collected with it, and a connection keeps the one it has. */
Test(framing_scripted, reloads_do_not_use_them_up)
{
    static const char script[] = "-- %d\n"
                                 "local big = string.rep('x', 4000000)\n"
                                 "local digits = { header = 2, length = function(header)\n"
                                 "  return 2 + tonumber(header) + #big - 4000000\n"
                                 "end }\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if conn.data.set ~= server.generation then\n"
                                 "    assert(conn:framing(digits))\n"
                                 "    conn.data.set = server.generation\n"
                                 "  end\n"
                                 "  conn:send('<' .. packet .. '>')\n"
                                 "end\n";
    char text[1024];
    struct server server = server_begin(&(struct begin){
        .script = "function on_connect(conn) conn.data.kept = 1 end\n",
        .config = "return { workers = 1, framing = 'line', listen = '127.0.0.1:0',\n"
                  "  lua_memory = '40M' }\n"});
    int old = client_connect(&server);
    for (int i = 2; i < 20; i++) {
        snprintf(text, sizeof text, script, i);
        script_write(&server, "main.lua", text);
        snprintf(text, sizeof text, "generation %d runs", i);
        server_expect_log(&server, text);
        int client = client_connect(&server);
        client_send_text(client, "a\n02bc");
        expect_text(client, "<a><02bc>");
        close(client);
        client_send_text(old, i == 2 ? "a\n" : "01x");
        expect_text(old, i == 2 ? "<a>" : "<01x>");
    }
    close(old);
    server_end(&server);
}
