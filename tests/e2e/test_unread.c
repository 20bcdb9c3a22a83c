/* conn:unread: a script that cuts a stream of framing "raw" itself gives back what it has not used. */
#include "harness.h"
#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW "return { workers = 1, framing = 'raw', max_packet = '1M', listen = '127.0.0.1:0' }\n"

/* "5:hello" is answered with "<hello>" and how often it took. */
static const char cuts[] =
    "function on_receive(conn, packet)\n"
    "  local at = 1\n"
    "  while at <= #packet do\n"
    "    local size, from = packet:match('^(%d+):()', at)\n"
    "    if not size then return conn:unread(#packet - at + 1) end\n"
    "    local last = from + tonumber(size) - 1\n"
    "    if last > #packet then return conn:unread(#packet - at + 1, last - at + 1) end\n"
    "    conn:send('<' .. packet:sub(from, last) .. '>')\n"
    "    at = last + 1\n"
    "  end\n"
    "end\n";

static void expect_text(int client, const char *text)
{
    char bytes[256] = "";
    client_receive(client, bytes, strlen(text));
    cr_assert_str_eq(bytes, text);
}

Test(unread, however_the_stream_is_split)
{
    static const char text[] = "5:hello0:1:x12:twelve bytes";
    struct server server = server_begin(&(struct begin){.script = cuts, .config = RAW});
    for (size_t i = 0; i < sizeof text - 1; i++) {
        int client = client_connect(&server);
        client_send(client, text, i);
        client_send(client, text + i, sizeof text - 1 - i);
        expect_text(client, "<hello><><x><twelve bytes>");
        close(client);
    }
    int client = client_connect(&server);
    for (size_t i = 0; i < sizeof text - 1; i++) client_send(client, text + i, 1);
    expect_text(client, "<hello><><x><twelve bytes>");
    close(client);
    server_end(&server);
}

Test(unread, large_values_and_many_small_ones)
{
    enum { SIZE = 900 * 1024, SMALL = 20000 };
    struct server server = server_begin(&(struct begin){.script = cuts, .config = RAW});
    int client = client_connect(&server);
    char *value = malloc(SIZE + 2), head[16];
    cr_assert_not_null(value);
    for (int round = 0; round < 3; round++) {
        snprintf(head, sizeof head, "%d:", SIZE);
        client_send_text(client, head);
        memset(value, 'a' + round, SIZE);
        client_send(client, value, SIZE);
        client_receive(client, value, SIZE + 2);
        cr_assert(value[0] == '<' && value[1] == 'a' + round && value[SIZE + 1] == '>');
    }
    for (int i = 0; i < SMALL; i++) memcpy(value + i * 5, "3:abc", 5);
    client_send(client, value, SMALL * 5);
    client_receive(client, value, SMALL * 5);
    for (int i = 0; i < SMALL; i++) cr_assert(memcmp(value + i * 5, "<abc>", 5) == 0, "%d", i);
    free(value);
    close(client);
    server_end(&server);
}

Test(unread, what_is_wrong_is_told)
{
    offline_pass("function on_connect(conn) server.state.conn = conn end\n"
                 "function on_receive(conn, packet)\n"
                 "  local state = server.state\n"
                 "  if packet == 'sleep' then server.sleep(1) end\n"
                 "  if packet == 'close' then conn:close() end\n"
                 "  if packet == 'twice' then conn:unread(1) end\n"
                 "  state.seen = (state.seen or '') .. packet .. ';'\n"
                 "  if state.call then\n"
                 "    local call = state.call\n"
                 "    state.call = nil\n"
                 "    state.result = { pcall(conn.unread, conn, (table.unpack or unpack)(call, 1, "
                 "call.n)) }\n"
                 "  end\n"
                 "end\n",
                 "return { framing = 'raw', max_packet = 1000 }\n",
                 "local function try(packet, ...)\n"
                 "  local client = test.connect()\n"
                 "  server.state.call = { n = select('#', ...), ... }\n"
                 "  client:receive(packet)\n"
                 "  test.advance(2)\n"
                 "  local result = server.state.result\n"
                 "  server.state.result, server.state.call = nil, nil\n"
                 "  return result[1], result[2], result[3]\n"
                 "end\n"
                 "local function fails(part, ...)\n"
                 "  local fine, why = try(...)\n"
                 "  test.equal(fine, false)\n"
                 "  assert(tostring(why):find(part, 1, true), why)\n"
                 "end\n"
                 "test(\"wrong calls\", function()\n"
                 "  fails('number expected', 'hello')\n"
                 "  fails('number expected', 'hello', 'x')\n"
                 "  fails('expected a number of bytes', 'hello', -1)\n"
                 "  fails('expected more bytes than are given back', 'hello', 3, 3)\n"
                 "  fails('expected more bytes than are given back', 'hello', 3, 2)\n"
                 "  fails('conn:unread: only of framing', 'hello', 6)\n"
                 "  fails('conn:unread: only of framing', 'sleep', 2)\n"
                 "  fails('conn:unread: only of framing', 'twice', 2)\n"
                 "end)\n"
                 "test(\"answers\", function()\n"
                 "  local fine, set, code = try('hello', 2, 1001)\n"
                 "  test.equal({ fine, set == nil, code }, { true, true, 'toobig' })\n"
                 "  fine, set, code = try('close', 2)\n"
                 "  test.equal({ fine, set == nil, code }, { true, true, 'closed' })\n"
                 "  fine, set = try('hello', 0)\n"
                 "  test.equal({ fine, set }, { true, true })\n"
                 "  fine, set = try('hello', 5, 1000)\n"
                 "  test.equal({ fine, set }, { true, true })\n"
                 "end)\n"
                 "test(\"what comes again\", function()\n"
                 "  local client = test.connect()\n"
                 "  server.state.seen, server.state.call = '', { 2, 4, n = 2 }\n"
                 "  client:receive('hello')\n"
                 "  client:receive('1')\n"
                 "  test.equal(server.state.seen, 'hello;')\n"
                 "  client:receive('2')\n"
                 "  test.equal(server.state.seen, 'hello;lo12;')\n"
                 "end)\n"
                 "test(\"out of a handler\", function()\n"
                 "  local client = test.connect()\n"
                 "  client:receive('hello')\n"
                 "  local fine, why = pcall(function() return client.conn:unread(1) end)\n"
                 "  test.equal(fine, false)\n"
                 "end)\n");
}

Test(unread, a_handler_that_sleeps_afterwards_gets_it_later)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  if #packet < 12 then\n"
                                               "    conn:unread(#packet, 12)\n"
                                               "    conn:send('ready ')\n"
                                               "    server.sleep(0.1)\n"
                                               "    return conn:send('slept ')\n"
                                               "  end\n"
                                               "  conn:send(packet)\n"
                                               "end\n",
                                     .config = RAW});
    int client = client_connect(&server);
    client_send_text(client, "hello ");
    expect_text(client, "ready ");
    client_send_text(client, "wor");
    client_send_text(client, "ld!");
    expect_text(client, "slept hello world!");
    close(client);
    server_end(&server);
}

Test(unread, an_error_that_is_kept_leaves_what_was_given_back)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet)\n"
                  "  if #packet == 5 then conn:unread(2, 3) error('no') end\n"
                  "  conn:send(packet)\n"
                  "end\n",
        .config = "return { framing = 'raw', on_error = 'keep', listen = '127.0.0.1:0' }\n"});
    int client = client_connect(&server);
    client_send_text(client, "hello");
    server_expect_log(&server, "no");
    client_send_text(client, "!");
    expect_text(client, "lo!");
    close(client);
    server_end(&server);
}

Test(unread, another_framing_begins_with_it)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  local from = packet:match('^hello\\n()')\n"
                                               "  if from then\n"
                                               "    conn:unread(#packet - from + 1)\n"
                                               "    conn:framing('line')\n"
                                               "    return\n"
                                               "  end\n"
                                               "  conn:send('<' .. packet .. '>')\n"
                                               "end\n",
                                     .config = RAW});
    int client = client_connect(&server);
    client_send_text(client, "hello\none\ntwo\n");
    expect_text(client, "<one>\n<two>\n");
    close(client);
    server_end(&server);
}
