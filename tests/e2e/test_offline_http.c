/* moonport test: clients of listeners that speak HTTP send bytes, and get what was answered as it came. */
#include "offline_try.h"

#define HTTP \
    "return { listen = { { address = '127.0.0.1:7000', framing = 'http' },\n" \
    "  { address = '127.0.0.1:7002', framing = 'line' } } }\n"

#define SERVES \
    "function on_receive(conn, request)\n" \
    "  if type(request) == 'string' then return conn:send(request) end\n" \
    "  if request.path == '/later' then server.sleep(5) end\n" \
    "  if request.path == '/fail' then error('no such luck') end\n" \
    "  broadcast('asked for ' .. request.path)\n" \
    "  conn:respond(200, nil, request.body)\n" \
    "end\n"

Test(offline_http, clients_send_bytes_and_see_answers)
{
    offline_pass(
        SERVES, HTTP,
        "local function post(path, body)\n"
        "  return 'POST ' .. path .. ' HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: ' .. #body ..\n"
        "    '\\r\\n\\r\\n' .. body\n"
        "end\n"
        "test(\"answers\", function()\n"
        "  local ann, bob = test.connect(), test.connect({ listener = 2 })\n"
        "  ann:receive(post('/a', 'hello'))\n"
        "  assert(ann.sent[1]:find('^HTTP/1.1 200 OK\\r\\n.*\\r\\n\\r\\nhello$'))\n"
        "  test.equal(bob.sent, { 'asked for /a' })\n"
        "  ann:receive_bytes(post('/later', '1') .. post('/b', '2'):sub(1, 20))\n"
        "  test.equal(#ann.sent, 1)\n"
        "  test.advance(5)\n"
        "  assert(ann.sent[2]:find('\\r\\n\\r\\n1$'))\n"
        "  ann:receive_bytes(post('/b', '2'):sub(21))\n"
        "  assert(ann.sent[3]:find('\\r\\n\\r\\n2$'))\n"
        "  test.equal(ann.closed, false)\n"
        "end)\n"
        "test(\"failures\", function()\n"
        "  local ann = test.connect()\n"
        "  ann:receive(post('/fail', ''))\n"
        "  assert(ann.sent[1]:find('^HTTP/1.1 500 '))\n"
        "  assert(test.error():find('no such luck'))\n"
        "  test.equal(ann.closed, true)\n"
        "end)\n");
}
