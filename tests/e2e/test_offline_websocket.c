/* moonport test: clients of listeners that speak WebSocket. */
#include "offline_try.h"

#define WEBSOCKET \
    "return { listen = { { address = '127.0.0.1:7000', framing = 'websocket' },\n" \
    "  { address = '127.0.0.1:7002', framing = 'line' } } }\n"

#define SERVES \
    "function on_connect(conn)\n" \
    "  local request = conn.request\n" \
    "  conn.data.request = request\n" \
    "  if request and request.path == '/slow' then server.sleep(5) end\n" \
    "  if request and request.path == '/no' then conn:refuse(403, 'Not you.\\nreally') end\n" \
    "  if request and request.path == '/false' then return false end\n" \
    "  if request and request.protocols[2] then conn:protocol(request.protocols[2]) end\n" \
    "end\n" \
    "function on_receive(conn, packet, kind)\n" \
    "  if packet == '/bye' then return conn:close('enough', 4001) end\n" \
    "  conn:send(tostring(kind) .. ' ' .. packet, kind)\n" \
    "end\n" \
    "function on_disconnect(conn, reason, code)\n" \
    "  server.state.gone = reason .. ' ' .. tostring(code)\n" \
    "end\n"

Test(offline_websocket, messages_go_both_ways_with_their_kinds)
{
    offline_pass(
        SERVES, WEBSOCKET,
        "test(\"messages\", function()\n"
        "  local ann = test.connect()\n"
        "  test.equal(ann.refused, nil)\n"
        "  test.equal(ann.closed, false)\n"
        "  ann:receive('hello')\n"
        "  ann:receive('\\xff')\n"
        "  ann:receive('as bytes', 'binary')\n"
        "  ann:receive('', 'text')\n"
        "  test.equal(ann.sent, { 'text hello', 'binary \\xff', 'binary as bytes', 'text ' })\n"
        "  test.equal(ann.kinds, { 'text', 'binary', 'binary', 'text' })\n"
        "  test.equal(#ann:take(), 4)\n"
        "  test.equal(ann.kinds, {})\n"
        "  ann:receive_bytes('\\x81\\x82\\0\\0\\0\\0hi')\n"
        "  test.equal(ann.sent, { 'text hi' })\n"
        "end)\n"
        "test(\"lines\", function()\n"
        "  local bob = test.connect({ listener = 2 })\n"
        "  test.equal(bob.kinds, nil)\n"
        "  bob:receive('hello')\n"
        "  test.equal(bob.sent, { 'nil hello' })\n"
        "end)\n");
}

Test(offline_websocket, what_is_asked_for_arrives)
{
    offline_pass(SERVES, WEBSOCKET,
                 "test(\"all of it\", function()\n"
                 "  local ann = test.connect({ path = '/a?b=c', origin = 'http://x',\n"
                 "    protocols = { 'v2', 'v1' }, headers = { Cookie = 'id=7' } })\n"
                 "  local request = ann.conn.data.request\n"
                 "  test.equal(request.path, '/a')\n"
                 "  test.equal(request.query, { b = 'c' })\n"
                 "  test.equal(request.origin, 'http://x')\n"
                 "  test.equal(request.cookies, { id = '7' })\n"
                 "  test.equal(request.protocols, { 'v2', 'v1' })\n"
                 "  test.equal(request.host, '127.0.0.1:7000')\n"
                 "  test.equal(ann.protocol, 'v1')\n"
                 "end)\n"
                 "test(\"a string\", function()\n"
                 "  local ann = test.connect({ protocols = 'one' })\n"
                 "  test.equal(ann.conn.data.request.path, '/')\n"
                 "  test.equal(ann.conn.data.request.protocols, { 'one' })\n"
                 "  test.equal(ann.conn.data.request.origin, nil)\n"
                 "  test.equal(ann.protocol, nil)\n"
                 "end)\n");
}

Test(offline_websocket, a_refusal_has_its_status_and_text)
{
    offline_pass(SERVES, WEBSOCKET,
                 "test(\"by a status\", function()\n"
                 "  local ann = test.connect({ path = '/no' })\n"
                 "  test.equal(ann.refused, 403)\n"
                 "  test.equal(ann.refused_text, 'Not you.')\n"
                 "  test.equal(ann.closed, true)\n"
                 "end)\n"
                 "test(\"by false\", function()\n"
                 "  test.equal(test.connect({ path = '/false' }).refused, 403)\n"
                 "end)\n"
                 "test(\"by the server\", function()\n"
                 "  local ann = test.connect({ headers = { ['Sec-WebSocket-Version'] = '12' } })\n"
                 "  test.equal(ann.refused, 426)\n"
                 "end)\n");
}

Test(offline_websocket, ends_have_a_code)
{
    offline_pass(SERVES, WEBSOCKET,
                 "test(\"the server's\", function()\n"
                 "  local ann = test.connect()\n"
                 "  ann:receive('/bye')\n"
                 "  test.equal(ann.close_code, 4001)\n"
                 "  test.equal(ann.close_reason, 'enough')\n"
                 "  test.equal(ann.closed, true)\n"
                 "  test.equal(server.state.gone, 'enough 4001')\n"
                 "  ann:receive('into nothing')\n"
                 "end)\n"
                 "test(\"the client's\", function()\n"
                 "  local ann = test.connect()\n"
                 "  ann:close(3000, 'done')\n"
                 "  test.equal(server.state.gone, 'eof 3000')\n"
                 "  test.equal(ann.close_code, 3000)\n"
                 "  test.equal(ann.closed, true)\n"
                 "end)\n"
                 "test(\"without one\", function()\n"
                 "  local ann = test.connect()\n"
                 "  ann:close()\n"
                 "  test.equal(ann.close_code, 1005)\n"
                 "end)\n"
                 "test(\"gone\", function()\n"
                 "  local ann = test.connect()\n"
                 "  ann:reset()\n"
                 "  test.equal(server.state.gone, 'reset 1006')\n"
                 "end)\n");
}

/* Within one test.advance, several pings come, each of which has to be answered before the next. */
Test(offline_websocket, pings_are_answered_while_time_passes)
{
    offline_pass(SERVES,
                 "return { listen = { { address = '127.0.0.1:7000', framing = 'websocket' } },\n"
                 "  idle_timeout = 0 }\n",
                 "test(\"an hour\", function()\n"
                 "  local ann = test.connect()\n"
                 "  test.advance(3600)\n"
                 "  test.equal(ann.closed, false)\n"
                 "  ann:receive('still here')\n"
                 "  test.equal(ann.sent, { 'text still here' })\n"
                 "end)\n"
                 "test(\"deaf\", function()\n"
                 "  local ann = test.connect()\n"
                 "  ann:deaf(true)\n"
                 "  test.advance(3600)\n"
                 "  assert(server.state.gone, 'it does not answer')\n"
                 "end)\n");
}

Test(offline_websocket, on_connect_may_take_its_time)
{
    offline_pass(SERVES, WEBSOCKET,
                 "test(\"slow\", function()\n"
                 "  local ann = test.connect({ path = '/slow', protocols = { 'a', 'b' } })\n"
                 "  assert(not pcall(ann.receive, ann, 'too early'))\n"
                 "  test.advance(5)\n"
                 "  test.equal(ann.protocol, 'b')\n"
                 "  ann:receive('now')\n"
                 "  test.equal(ann.sent, { 'text now' })\n"
                 "end)\n");
}

Test(offline_websocket, what_is_wrong_is_told)
{
    offline_fail(SERVES, "test.connect({ path = '/' })", "a_test.lua:2: ",
                 "path, headers, protocols and origin are for a listener with framing");
    offline_fail(SERVES, "test.connect({ orign = '/' })", "knows no orign", "did you mean origin?");
    offline_fail(SERVES, "test.connect({ headers = 'a: b' })", "headers: expected a table", "");
    offline_fail(SERVES, "test.connect({ headers = { 'a: b' } })",
                 "headers: expected names and strings", "");
    offline_fail(SERVES, "test.connect({ protocols = { {} } })", "protocols: expected strings", "");
    offline_fail(SERVES, "test.connect({ path = 5 == 5 })", "path: expected a string", "");
    offline_fail(SERVES, "test.connect():receive('x', 'text')", "only a WebSocket has kinds", "");
    offline_fail(SERVES, "test.connect():close(1000)", "only a WebSocket closes with a code", "");
}
