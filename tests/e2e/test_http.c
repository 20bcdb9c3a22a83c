/* Framing "http": what a script is handed and answers, and that programs which nobody here wrote understand it: curl, Python's
 * http.client and aiohttp. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char config[] =
    "return { listen = { { address = '127.0.0.1:0', framing = 'http' } }, max_packet = '1M',\n"
    "         lua_memory = '64M' }\n";

static const char script[] =
    "local handlers = {}\n"
    "function handlers.echo(conn, request)\n"
    "  conn:respond(200, { ['Content-Type'] = 'application/octet-stream' }, request.body)\n"
    "end\n"
    "function handlers.see(conn, request)\n"
    "  local query, cookies = request.query, request.cookies\n"
    "  conn:respond(200, nil, table.concat({ request.method, request.target, request.path,\n"
    "    tostring(query.a), tostring(cookies.c), request.headers['x-more'] or '-', request.host,\n"
    "    #request.body, tostring(request.origin) }, ' ') .. '\\n')\n"
    "end\n"
    "function handlers.later(conn, request)\n"
    "  server.sleep(0.02)\n"
    "  conn:respond(200, nil, 'later')\n"
    "end\n"
    "function handlers.timer(conn, request)\n"
    "  server.after(0.02, function()\n"
    "    conn:respond(200, nil, 'timer of ' .. conn.request.path)\n"
    "    assert(not conn:respond(200) and conn.request == nil)\n"
    "  end)\n"
    "end\n"
    "function handlers.twice(conn)\n"
    "  conn:respond(200)\n"
    "end\n"
    "function handlers.fail() error('no such luck') end\n"
    "function handlers.late_fail() server.sleep(0.01) error('no such luck') end\n"
    "function handlers.answered_fail(conn) conn:respond(200, nil, 'fine') error('too late') end\n"
    "function handlers.close(conn) conn:close('bye') end\n"
    "function handlers.send(conn)\n"
    "  local _, code = conn:send('bytes')\n"
    "  conn:respond(200, nil, code .. ' ' .. broadcast('all'))\n"
    "end\n"
    "function handlers.headers(conn)\n"
    "  conn:respond(201, { ['Set-Cookie'] = { 'a=1', 'b=2' }, ['X-Number'] = 7,\n"
    "    ['Content-Type'] = 'text/html' }, '<p>')\n"
    "end\n"
    "function handlers.misuse(conn)\n"
    "  local wrong = { { 99 }, { 600 }, { 'x' }, { 200, { Date = 'x' } }, { 200, { ['a b'] = 'x' } "
    "},\n"
    "    { 200, { A = 'x\\r\\nB: y' } }, { 200, { ['content-length'] = '1' } }, { 200, 'text' },\n"
    "    { 200, { Connection = 'close' } }, { 200, { A = { 'x', 'y\\n' } } }, { 200, { A = {{}} } "
    "},\n"
    "    { 200, { A = true } }, { 200, { ('x'):rep(4000) } }, { 200, { A = ('x'):rep(4000) } },\n"
    "    { 200, { ['Transfer-Encoding'] = 'chunked' } }, { 200, nil, {} }, { 200, { 'x' } } }\n"
    "  for i, words in ipairs(wrong) do\n"
    "    assert(not pcall(conn.respond, conn, words[1], words[2], words[3]), i)\n"
    "  end\n"
    "  assert(select(2, conn:respond(200, nil, ('x'):rep(1024 * 1024 + 1))) == 'toobig')\n"
    "  assert(select(2, conn:refuse(403)) == 'answered')\n"
    "  assert(conn:respond(200, nil, ('x'):rep(1024 * 1024)))\n"
    "  assert(not conn:respond(200))\n"
    "end\n"
    "function on_receive(conn, request)\n"
    "  handlers[request.path:sub(2)](conn, request)\n"
    "end\n"
    "function on_disconnect(conn, reason, code) server.log('info', 'gone: %s %s', reason, "
    "tostring(code)) end\n";

static struct server begin_with(const char *more)
{
    char text[400];
    snprintf(text, sizeof text, "local config = (function() %s end)() %s return config", config,
             more);
    return server_begin(
        &(struct begin){.script = script, .config = text, .flags = {"--workers", "2"}});
}

static struct server begin(void)
{
    return begin_with("");
}

/* Runs it in a shell, with URL set; what it prints must be this, but for CRs. */
static void prints(const struct server *server, const char *command, const char *expected)
{
    char line[4096], directory[256], path[300];
    directory_new(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/said", directory);
    snprintf(line, sizeof line,
             "exec 2>&1; cd %s; PORT=%u URL=http://127.0.0.1:%u; export PORT URL; %s", directory,
             server->port, server->port, command);
    int status = process_shell(line, path);
    char *out = file_read(path), *to = out;
    for (const char *from = out; *from != '\0'; from++)
        if (*from != '\r') *to++ = *from;
    *to = '\0';
    tree_remove(directory);
    cr_assert_eq(status, 0, "%s: status %d\n%s", command, status, out);
    cr_assert_str_eq(out, expected, "%s:\n%s\nand not\n%s", command, out, expected);
    free(out);
}

static void need(const char *program)
{
    if (!process_is_there(program)) cr_skip_test("NOT TESTED: %s is not installed", program);
}

/* ---- what a script sees and says ---- */

/* Sends the request; its answer must begin so, and have that in it. The connection closes behind it. */
static void answers(const struct server *server, const char *request, const char *begins,
                    const char *has)
{
    char text[4096];
    size_t size = 0;
    ssize_t got;
    int client = client_connect(server);
    client_send_text(client, request);
    while (size + 1 < sizeof text && (got = read(client, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    close(client);
    cr_assert_eq(strncmp(text, begins, strlen(begins)), 0, "%s: %s", request, text);
    cr_assert_not_null(strstr(text, has), "%s: \"%s\" is not in %s", request, has, text);
}

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

Test(http, a_script_sees_the_request)
{
    struct server server = begin();
    answers(&server,
            "PUT /see?a=b%20c&a=d HTTP/1.1\r\nHost: here:80\r\nCookie: c=1; d=2\r\nX-More: e\r\n"
            "x-more: f\r\nContent-Length: 3\r\nConnection: close\r\nOrigin: http://o\r\n\r\nabc",
            OK, "\r\n\r\nPUT /see?a=b%20c&a=d /see b c 1 e, f here:80 3 http://o\n");
    answers(&server, "GET /see HTTP/1.0\r\nHost: h\r\n\r\n", OK,
            "\r\n\r\nGET /see /see nil nil - h 0 nil\n");
    server_end(&server);
}

Test(http, a_script_answers_when_it_wants)
{
    struct server server = begin();
    answers(&server, ASK("/later"), OK, "\r\n\r\nlater");
    answers(&server, ASK("/timer"), OK, "\r\n\r\ntimer of /timer");
    answers(&server, "GET /timer HTTP/1.1\r\nHost: h\r\n\r\n" ASK("/twice"), OK,
            "timer of /timer" OK);
    cr_assert_eq(server_log_count(&server, "error"), 0);
    answers(&server, ASK("/headers"), "HTTP/1.1 201 Created\r\n",
            "\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
    answers(&server, ASK("/headers"), "HTTP/1.1 201 Created\r\n", "\r\nX-Number: 7\r\n");
    answers(&server, ASK("/headers"), "HTTP/1.1 201 Created\r\n",
            "\r\nContent-Type: text/html\r\n");
    server_end(&server);
}

Test(http, no_packets_are_sent)
{
    struct server server = begin();
    answers(&server, ASK("/send"), OK, "\r\n\r\nnopackets 0");
    server_end(&server);
}

Test(http, what_is_wrong_with_an_answer_is_told)
{
    struct server server = begin();
    answers(&server, ASK("/misuse"), OK, "\r\nContent-Length: 1048576\r\n");
    cr_assert_eq(server_log_count(&server, "error"), 0);
    server_end(&server);
}

Test(http, a_handler_that_fails_answers_500)
{
    struct server server = begin();
    answers(&server, "GET /fail HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 500 Internal Server Error\r\n", "Connection: close\r\n");
    server_expect_log(&server, "gone: error nil");
    answers(&server, "GET /late_fail HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 500 Internal Server Error\r\n", "Connection: close\r\n");
    answers(&server, "GET /answered_fail HTTP/1.1\r\nHost: h\r\n\r\n", OK, "\r\n\r\nfine");
    answers(&server, "GET /close HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\n", "Connection: close\r\n");
    server_expect_log(&server, "gone: bye nil");
    server_end(&server);
}

Test(http, a_handler_that_fails_may_keep_the_connection)
{
    struct server server = begin_with("config.on_error = 'keep'");
    answers(&server,
            "GET /fail HTTP/1.1\r\nHost: h\r\n\r\nGET /late_fail HTTP/1.1\r\nHost: h\r\n\r\n" ASK(
                "/later"),
            "HTTP/1.1 500 Internal Server Error\r\n", "\r\n\r\nlater");
    server_end(&server);
}

Test(http, without_a_handler_every_request_is_500)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_connect() end", .config = config});
    answers(&server, ASK("/"), "HTTP/1.1 500 Internal Server Error\r\n", "Connection: close\r\n");
    server_end(&server);
}

/* Pipelined, and the last two are smuggled: they are the body of the third. */
Test(http, answers_are_in_order)
{
    struct server server = begin();
    answers(&server,
            "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n"
            "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 36\r\n\r\n"
            "GET /fail HTTP/1.1\r\nHost: hidden\r\n\r\n",
            OK, "later" OK);
    cr_assert_eq(server_log_count(&server, "no such luck"), 0);
    server_end(&server);
}

Test(http, what_is_no_request_is_answered_and_logged)
{
    struct server server = begin();
    answers(&server, "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
            "Connection: close\r\n");
    server_expect_log(&server, "gone: framing nil");
    answers(&server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
            "HTTP/1.1 413 Content Too Large\r\n", "Connection: close\r\n");
    server_expect_log(&server, "gone: oversize nil");
    server_end(&server);
}

Test(http, a_stop_answers_what_is_open)
{
    struct server server = begin_with("config.drain_timeout = 5");
    script_write(&server, "main.lua", "function on_receive() server.log('info', 'asked') end\n");
    server_expect_log(&server, "generation 2 runs");
    int client = client_connect(&server);
    char text[13];
    client_send_text(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    server_expect_log(&server, "asked");
    server_signal(&server, 15);
    client_receive(client, text, 12);
    text[12] = '\0';
    cr_assert_str_eq(text, "HTTP/1.1 503");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_end(&server);
}

/* ---- other programs ---- */

Test(http, curl_understands_it)
{
    need("curl");
    struct server server = begin();
    prints(&server, "curl -sSf $URL/later", "later");
    prints(&server, "curl -sSf -d hello $URL/echo", "hello");
    prints(&server, "curl -sSf $URL/later $URL/timer -w '%{num_connects}'",
           "later1timer of /timer0");
    prints(&server, "curl -sSf -0 -d hello $URL/echo", "hello");
    prints(&server,
           "printf hello | curl -sSf -H 'Transfer-Encoding: chunked' --data-binary @- $URL/echo",
           "hello");
    prints(&server, "curl -sSI $URL/later | grep -e HTTP -e Length",
           "HTTP/1.1 200 OK\nContent-Length: 5\n");
    prints(&server, "curl -sS -o /dev/null -w '%{http_code}' $URL/fail", "500");
    prints(&server,
           "head -c 1000000 /dev/urandom > a; curl -sSf -T a $URL/echo > b; cmp a b; "
           "curl -sSf -H 'Transfer-Encoding: chunked' -T a $URL/echo > b; cmp a b",
           "");
    prints(&server,
           "head -c 1000000 /dev/urandom > a; curl -sSv -H 'Expect: 100-continue' -T a $URL/echo "
           "2>&1 > b | "
           "grep '^< HTTP'; cmp a b",
           "< HTTP/1.1 100 Continue\n< HTTP/1.1 200 OK\n");
    prints(&server,
           "head -c 2000000 /dev/zero > a; curl -sS -H 'Expect: 100-continue' -o /dev/null -w "
           "'%{http_code}' -T a "
           "$URL/echo",
           "413");
    server_end(&server);
}

static const char python_client[] =
    "import http.client, os\n"
    "conn = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']))\n"
    "for i in range(100):\n"
    "    conn.request('POST', '/echo', body=b'x' * i * 100)\n"
    "    answer = conn.getresponse()\n"
    "    assert answer.status == 200 and answer.read() == b'x' * i * 100\n"
    "    sock = conn.sock if i == 0 else sock\n"
    "    assert conn.sock is sock\n"
    "conn.request('HEAD', '/later')\n"
    "answer = conn.getresponse()\n"
    "assert answer.status == 200 and answer.read() == b'' and answer.headers['content-length'] == "
    "'5'\n"
    "conn.request('POST', '/echo', body=iter([b'one', b'two' * 1000]), encode_chunked=True)\n"
    "assert conn.getresponse().read() == b'one' + b'two' * 1000\n"
    "assert conn.sock is sock\n"
    "print('fine')\n";

Test(http, pythons_own_client_understands_it)
{
    char command[2200];
    need("python3");
    struct server server = begin();
    snprintf(command, sizeof command, "python3 - <<'END'\n%sEND\n", python_client);
    prints(&server, command, "fine\n");
    server_end(&server);
}

static const char aiohttp_client[] =
    "import aiohttp, asyncio, os\n"
    "url = os.environ['URL']\n"
    "async def pieces():\n"
    "    for i in range(50):\n"
    "        yield b'x' * i\n"
    "async def main():\n"
    "    one = aiohttp.TCPConnector(limit=1)\n"
    "    async with aiohttp.ClientSession(connector=one) as session:\n"
    "        for i in range(100):\n"
    "            async with session.post(url + '/echo', data=b'y' * i) as answer:\n"
    "                assert answer.status == 200 and await answer.read() == b'y' * i\n"
    "        async with session.post(url + '/echo', data=pieces()) as answer:\n"
    "            assert await answer.read() == b'x' * 1225\n"
    "        async with session.post(url + '/echo', data=b'z' * 500000, expect100=True) as "
    "answer:\n"
    "            assert await answer.read() == b'z' * 500000\n"
    "        async with session.head(url + '/later') as answer:\n"
    "            assert answer.headers['Content-Length'] == '5' and await answer.read() == b''\n"
    "        async with session.get(url + '/see', params={'a': 'b c'}, cookies={'c': '1'}) as "
    "answer:\n"
    "            assert (await answer.text()).split()[3:6] == ['b', 'c', '1']\n"
    "    async with aiohttp.ClientSession() as session:\n"
    "        async def ask(i):\n"
    "            async with session.post(url + '/echo', data=str(i)) as answer:\n"
    "                assert await answer.text() == str(i)\n"
    "        await asyncio.gather(*[ask(i) for i in range(200)])\n"
    "asyncio.run(main())\n"
    "print('fine')\n";

Test(http, aiohttp_understands_it)
{
    char command[3000];
    need("python3");
    if (process_shell("PATH=/usr/bin:$PATH python3 -c 'import aiohttp' 2>/dev/null", "/dev/null") !=
        0)
        cr_skip_test("NOT TESTED: python3-aiohttp is not installed");
    struct server server = begin();
    snprintf(command, sizeof command, "PATH=/usr/bin:$PATH python3 - <<'END'\n%sEND\n",
             aiohttp_client);
    prints(&server, command, "fine\n");
    server_end(&server);
}
