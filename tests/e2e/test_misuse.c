/* What scripts do wrong on purpose or not: it is told clearly, and harms nobody else. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `raises` and `closed` note what went wrong; `judge` answers with the notes, or "fine". */
#define JUDGE \
    "local wrong = {}\n" \
    "local function note(...) wrong[#wrong + 1] = string.format(...) end\n" \
    "local function raises(pattern, call)\n" \
    "  local fine, message = pcall(call)\n" \
    "  if fine then note('nothing raised where %s was expected', pattern)\n" \
    "  elseif not tostring(message):find(pattern) then note('%s is not %s', message, pattern) " \
    "end\n" \
    "end\n" \
    "local function closed(what, result, code)\n" \
    "  if result ~= nil or code ~= 'closed' then\n" \
    "    note('%s answered %s, %s', what, tostring(result), tostring(code))\n" \
    "  end\n" \
    "end\n" \
    "local function judge(conn)\n" \
    "  conn:send(#wrong == 0 and 'fine' or table.concat(wrong, '\\n'))\n" \
    "end\n"

static void try_script(const char *script)
{
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "go", "fine");
    client_ask(other, "go", "fine");
    close(client);
    close(other);
    server_end(&server);
}

Test(misuse, wrong_arguments_raise_errors_that_say_which)
{
    try_script(JUDGE
               "function on_receive(conn)\n"
               "  raises('#1', function() send() end)\n"
               "  raises('#1', function() send('x', 'x') end)\n"
               "  raises('#1', function() send(nil, 'x') end)\n"
               "  raises('#1.*expected a conn', function() send({}, 'x') end)\n"
               "  raises('#2.*string expected', function() send(conn) end)\n"
               "  raises('#2.*string expected', function() send(conn, {}) end)\n"
               "  raises('string expected', function() conn:send() end)\n"
               "  raises('string expected', function() conn:send(nil) end)\n"
               "  raises('string expected', function() conn:send(true) end)\n"
               "  raises('expected a conn.*colon', function() conn.send('x', 'y') end)\n"
               "  raises('expected a conn', function() conn.send({}, 'y') end)\n"
               "  raises('#1.*string expected', function() broadcast() end)\n"
               "  raises('#1.*string expected', function() broadcast({}) end)\n"
               "  raises('#2.*table expected', function() broadcast('x', 'y') end)\n"
               "  raises('#2.*expected a conn', function() broadcast('x', { except = 5 }) end)\n"
               "  raises('#2.*only option', function() broadcast('x', conn) end)\n"
               "  raises('#2.*only option', function() broadcast('x', { exept = conn }) end)\n"
               "  raises('#2.*expected a conn', function() broadcast('x', { except = {} }) end)\n"
               "  raises('number expected', function() conn:idle() end)\n"
               "  raises('number expected', function() conn:idle('soon') end)\n"
               "  raises('not negative', function() conn:idle(-1) end)\n"
               "  raises('expected seconds', function() conn:idle(0 / 0) end)\n"
               "  raises('string expected', function() conn:close({}) end)\n"
               "  raises('expected a conn', function() conn.close(5) end)\n"
               "  raises('expected a conn', function() conn.pending() end)\n"
               "  raises('framing', function() conn:framing() end)\n"
               "  raises('framing', function() conn:framing('morse') end)\n"
               "  raises('size', function() conn:framing({ 'length', size = 5 }) end)\n"
               "  judge(conn)\n"
               "end\n");
}

Test(misuse, wrong_arguments_of_the_server_table_raise_too)
{
    try_script(JUDGE
               "function on_receive(conn)\n"
               "  raises('#1.*number expected', function() server.after() end)\n"
               "  raises('#1.*number expected', function() server.after('soon', print) end)\n"
               "  raises('#2.*function expected', function() server.after(1) end)\n"
               "  raises('#2.*function expected', function() server.every(1, 'print') end)\n"
               "  raises('#1.*not negative', function() server.every(-1, print) end)\n"
               "  raises('#1.*number expected', function() server.sleep() end)\n"
               "  raises('#1.*not negative', function() server.sleep(-0.1) end)\n"
               "  raises('#1.*expected seconds', function() server.sleep(1 / 0) end)\n"
               "  raises('string expected', function() server.log() end)\n"
               "  raises('string expected', function() server.log('info') end)\n"
               "  raises('string expected', function() server.log('info', {}) end)\n"
               "  raises('expected \"error\", \"warn\"', function() server.log('loud', 'x') end)\n"
               "  raises('number expected', function() server.log('info', '%d', 'x') end)\n"
               "  local timer = server.after(1000, print)\n"
               "  raises('timer', function() timer.cancel() end)\n"
               "  raises('timer', function() timer.cancel(conn) end)\n"
               "  timer:cancel()\n"
               "  judge(conn)\n"
               "end\n");
}

Test(misuse, numbers_and_any_bytes_may_be_sent)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn)\n"
                                  "  conn:send(42)\n"
                                  "  conn:send('')\n"
                                  "  conn:send('a\\0b')\n"
                                  "  assert(select(2, conn:send(('x'):rep(1025))) == 'toobig')\n"
                                  "  assert(conn:send(('x'):rep(1024)))\n"
                                  "  conn:framing({ 'fixed', size = 4 })\n"
                                  "  assert(select(2, conn:send('12345')) == 'badsize')\n"
                                  "  conn:send('1234')\n"
                                  "end\n",
                        .config = "return { max_packet = '1K' }"});
    char bytes[4];
    size_t size;
    int client = client_connect(&server);
    client_ask(client, "go", "42");
    client_expect(client, "");
    char *packet = (char *)client_take(client, &size);
    cr_assert_eq(size, 3);
    cr_assert_arr_eq(packet, "a\0b", 3);
    free(packet);
    free(client_take(client, &size));
    cr_assert_eq(size, 1024);
    client_receive(client, bytes, sizeof bytes);
    cr_assert_arr_eq(bytes, "1234", sizeof bytes);
    close(client);
    server_end(&server);
}

Test(misuse, a_conn_may_be_tampered_with)
{
    try_script(
        JUDGE "local function tamper(conn)\n"
              "  local id = conn[1]\n"
              "  for _, number in ipairs { 1e300, -1, 0, 0.5, 1 / 0, 0 / 0, 2^53, 2^52 + 1 } do\n"
              "    conn[1] = number\n"
              "    closed('send of ' .. number, conn:send('lost'))\n"
              "    closed('global send of ' .. number, send(conn, 'lost'))\n"
              "    closed('close of ' .. number, conn:close())\n"
              "    closed('idle of ' .. number, conn:idle(1))\n"
              "    if not tostring(conn):find('^conn ') then note('tostring of %s', number) end\n"
              "  end\n"
              "  for _, value in ipairs { 'x', '1', true, {}, print, coroutine.create(print) } do\n"
              "    conn[1] = value\n"
              "    raises('expected a conn', function() conn:send('lost') end)\n"
              "    raises('expected a conn', function() conn:abort() end)\n"
              "    raises('expected a conn', function() return tostring(conn) end)\n"
              "  end\n"
              "  conn[1] = nil\n"
              "  raises('expected a conn', function() conn:pending() end)\n"
              "  raises('metatable', function() setmetatable(conn, {}) end)\n"
              "  raises('table expected', function() setmetatable({}, getmetatable(conn)) end)\n"
              "  conn[1] = id\n"
              "  conn.id, conn.data, conn.ip = nil, nil, {}\n"
              "  judge(conn)\n"
              "end\n"
              "function on_receive(conn)\n"
              "  local id = conn[1]\n"
              "  for _, value in ipairs { -1, 'x', {} } do\n"
              "    conn[1] = value\n"
              "    if conn:pending() ~= 0 then note('its own is not known by %s', value) end\n"
              "  end\n"
              "  conn[1] = id\n"
              "  server.after(0, function() tamper(conn) end)\n"
              "end\n");
}

Test(misuse, handlers_go_on_without_the_metatable_and_the_globals)
{
    static const char script[] = "local send, debug, globals = send, debug, _G\n"
                                 "function on_connect(conn)\n"
                                 "  debug.setmetatable(conn, nil)\n"
                                 "  if not pairs then return end\n"
                                 "  for name in pairs(globals) do\n"
                                 "    if name ~= 'server' then globals[name] = nil end\n"
                                 "  end\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  send(conn, packet)\n"
                                 "  if packet == 'fail' then conn:send() end\n"
                                 "end\n"
                                 "function on_disconnect(conn, reason)\n"
                                 "  server.log('info', 'ended %s', reason)\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "hello", "hello");
    client_ask(client, "fail", "fail");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended script\n");
    client_ask(other, "hello", "hello");
    close(client);
    close(other);
    server_end(&server);
}
