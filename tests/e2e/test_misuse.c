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
               "  raises('#1.*an id', function() send(('%d'):format(conn.id), 'x') end)\n"
               "  raises('#1.*expected a conn', function() send({}, 'x') end)\n"
               "  raises('#2.*string expected', function() send(conn) end)\n"
               "  raises('#2.*string expected', function() send(conn, {}) end)\n"
               "  raises('string expected', function() conn:send() end)\n"
               "  raises('string expected', function() conn:send(nil) end)\n"
               "  raises('string expected', function() conn:send(true) end)\n"
               "  raises('expected a conn.*colon', function() conn.send('x', 'y') end)\n"
               "  raises('expected a conn, got table%)$', function() conn.send({}, 'y') end)\n"
               "  raises('#1.*string expected', function() broadcast() end)\n"
               "  raises('#1.*string expected', function() broadcast({}) end)\n"
               "  raises('#2.*table expected', function() broadcast('x', 'y') end)\n"
               "  raises('#2.*expected a conn', function() broadcast('x', { except = 5 }) end)\n"
               "  raises('#2.*options are', function() broadcast('x', conn) end)\n"
               "  raises('#2.*options are', function() broadcast('x', { exept = conn }) end)\n"
               "  raises('#2.*expected a conn', function() broadcast('x', { except = {} }) end)\n"
               "  raises('number expected', function() conn:idle() end)\n"
               "  raises('number expected', function() conn:idle('soon') end)\n"
               "  raises('string expected', function() conn:close({}) end)\n"
               "  raises('expected a conn', function() conn.close(5) end)\n"
               "  raises('expected a conn', function() conn.pending() end)\n"
               "  raises('framing', function() conn:framing() end)\n"
               "  raises('framing', function() conn:framing('morse') end)\n"
               "  raises('delimiter', function() conn:framing({ 'line', delimeter = 'x' }) end)\n"
               "  raises('table', function() conn:framing({ 'line', delimiter = {} }) end)\n"
               "  raises('options are', function() broadcast('x', { ['except\\0'] = conn }) end)\n"
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
               "  raises('#1.*number expected', function() server.sleep() end)\n"
               "  raises('string expected', function() server.log() end)\n"
               "  raises('string expected', function() server.log('info') end)\n"
               "  raises('string expected', function() server.log('info', {}) end)\n"
               "  raises('string expected', function() server.log('debug', {}) end)\n"
               "  raises('expected \"error\", \"warn\"', function() server.log('loud', 'x') end)\n"
               "  raises('did you mean \"warn\"', function() server.log('warning', 'x') end)\n"
               "  raises('did you mean \"warn\"', function() server.log('warning') end)\n"
               "  raises('and then the text', function() server.log('a text') end)\n"
               "  raises('expected \"error\"', function() server.log('info\\0', 'x') end)\n"
               "  raises('number expected', function() server.log('info', '%d', 'x') end)\n"
               "  server.log('debug', '%s', setmetatable({}, { __tostring = function()\n"
               "    note('a line that is not logged was made')\n"
               "    return ''\n"
               "  end }))\n"
               "  local timer = server.after(1000, print)\n"
               "  raises('timer', function() timer.cancel() end)\n"
               "  raises('timer', function() timer.cancel(conn) end)\n"
               "  timer:cancel()\n"
               "  judge(conn)\n"
               "end\n");
}

/* What stands in the place of Lua's own functions tells who was called wrongly, and where. */
Test(misuse, wrong_arguments_of_lua_s_functions_have_a_name_and_a_place)
{
    try_script(
        JUDGE "local is_5_4 = _VERSION ~= 'Lua 5.1'\n"
              "function on_receive(conn)\n"
              "  local at = 'main.lua:%d+: bad argument #'\n"
              "  raises(at .. \"1 to 'load' .function expected\", function() load({}) end)\n"
              "  raises(at .. \"1 to 'load' .function expected\", function() load() end)\n"
              "  raises(at .. \"2 to 'load' .string\", function() load('x = 1', {}) end)\n"
              "  raises(at .. \"3 to 'load' .string\", function() load('x = 1', 'x', {}) end)\n"
              "  raises(at .. \"1 to 'loadfile' .string\", function() loadfile({}) end)\n"
              "  raises(at .. \"2 to 'loadfile' .string\", function() loadfile('x', {}) end)\n"
              "  raises(at .. \"1 to 'getinfo' .number\", function() debug.getinfo({}) end)\n"
              "  raises(at .. \"2 to 'getinfo' .invalid\", function() debug.getinfo(1, '?') end)\n"
              "  raises(at .. \"2 to 'getinfo' .invalid\", function() debug.getinfo(print, '>S') "
              "end)\n"
              "  raises(at .. \"3 to 'getinfo' .invalid\", function()\n"
              "    debug.getinfo(coroutine.running() or coroutine.create(print), 1, '?') end)\n"
              "  raises(at .. \"1 to 'resume' .coroutine\", function() coroutine.resume(5) end)\n"
              "  if is_5_4 then\n"
              "    raises(at .. \"1 to 'close' .coroutine\", function() coroutine.close(5) end)\n"
              "    raises(at .. \"1 to 'status' .coroutine\", function() coroutine.status(5) end)\n"
              "    raises('main.lua:%d+: cannot close a running coroutine', function()\n"
              "      coroutine.close(coroutine.running()) end)\n"
              "    raises('main.lua:%d+: resulting string too large', function()\n"
              "      return (('x'):rep(1e15)) end)\n"
              "    raises('main.lua:%d+: resulting string too large', function()\n"
              "      return (('x'):rep(math.maxinteger, 'y')) end)\n"
              "  end\n"
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
              "  rawset(conn, 1, id)\n"
              "  conn.data, conn.send = nil, nil\n"
              "  raises('conn%.data%.send = value', function() conn.send = print end)\n"
              "  conn.data = { 'again' }\n"
              "  rawset(conn, 'send', send)\n"
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
    server_expect_log(&server, "ended error\n");
    client_ask(other, "hello", "hello");
    close(client);
    close(other);
    server_end(&server);
}

Test(misuse, what_a_conn_tells_of_itself_cannot_be_assigned)
{
    try_script(
        JUDGE "function on_receive(conn)\n"
              "  for _, name in ipairs { 'id', 'ip', 'port', 'listener', 'connected_at', 'close',\n"
              "    'framing', 'name' } do\n"
              "    local before = conn[name]\n"
              "    raises('main.lua:%d+: conn%.' .. name .. ' cannot be assigned.*conn%.data%.'\n"
              "      .. name, function() conn[name] = 5 end)\n"
              "    if conn[name] ~= before then note('%s has changed', name) end\n"
              "  end\n"
              "  raises('conn%.data', function() conn[2] = 5 end)\n"
              "  conn.data = setmetatable({ mine = 1 }, {})\n"
              "  if conn.data.mine ~= 1 then note('conn.data is the script\\'s') end\n"
              "  judge(conn)\n"
              "end\n");
}

/* What a peer may have sent is never a mistake of the script. */
#define REFUSED \
    "local function refused(code, why, ...)\n" \
    "  local result, given, text = ...\n" \
    "  if result ~= nil or given ~= code or not tostring(text):find(why, 1, true) then\n" \
    "    note('%s, %s, %s where %s, %s was expected', tostring(result), tostring(given),\n" \
    "      tostring(text), code, why)\n" \
    "  end\n" \
    "end\n"

Test(misuse, numbers_that_are_no_seconds_are_answered)
{
    try_script(JUDGE REFUSED
               "function on_receive(conn)\n"
               "  local why = { [-1] = 'got -1', [-1e-9] = 'got -', [1e10] = 'from 0 to 1e9',\n"
               "    [1 / 0] = 'got inf' }\n"
               "  local function try(number, text)\n"
               "    refused('badnumber', text, conn:idle(number))\n"
               "    refused('badnumber', text, server.after(number, print))\n"
               "    refused('badnumber', text, server.every(number, print))\n"
               "    refused('badnumber', text, server.sleep(number))\n"
               "  end\n"
               "  for number, text in pairs(why) do try(number, text) end\n"
               "  try(0 / 0, 'got nan')\n"
               "  for _, number in ipairs { 0, 1e9 } do\n"
               "    local timer = server.after(number, print)\n"
               "    if not timer or not conn:idle(number) then note('%s is none', number) end\n"
               "    if timer then timer:cancel() end\n"
               "  end\n"
               "  if server.sleep(0.001) ~= true then note('sleep answers nothing') end\n"
               "  if server.sleep('0.001') ~= true then note('a number as text is none') end\n"
               "  judge(conn)\n"
               "end\n");
}

Test(misuse, names_and_ids_and_framings_that_cannot_be_are_answered)
{
    try_script(
        JUDGE REFUSED
        "function on_receive(conn)\n"
        "  refused('badname', '', server.group(('n'):rep(256)))\n"
        "  refused('badframing', 'size', conn:framing { 'length', size = 5 })\n"
        "  refused('badframing', 'size', conn:framing { 'fixed', size = -1 })\n"
        "  refused('badframing', 'size', conn:framing { 'fixed', size = 0 / 0 })\n"
        "  refused('badframing', 'size', conn:framing('length,size=2.5'))\n"
        "  refused('badframing', 'max', conn:framing { 'line', max = '64G' })\n"
        "  refused('badframing', 'NUL', conn:framing { 'fixed', size = '4\\0' })\n"
        "  refused('badframing', 'at most', conn:framing { 'fixed', size = ('4'):rep(2000) })\n"
        "  refused('badframing', '8 bytes', conn:framing { 'line', delimiter = ('x'):rep(9) })\n"
        "  for _, id in ipairs { 0, -1, 0.5, 1e300, 1 / 0, 2^53 } do closed(id, send(id, 'x')) "
        "end\n"
        "  closed('NaN', send(0 / 0, 'x'))\n"
        "  closed('half an id more', send(conn.id + 0.5, 'x'))\n"
        "  judge(conn)\n"
        "end\n");
}

/* Though its handler still runs, and the connection is not gone before that is over. */
Test(misuse, what_a_handler_has_closed_is_closed_to_itself)
{
    struct server server =
        server_begin_script(JUDGE "function on_receive(conn, packet)\n"
                                  "  if packet == 'wrong?' then return judge(conn) end\n"
                                  "  conn:send('last')\n"
                                  "  conn:close('once')\n"
                                  "  closed('close', conn:close('twice'))\n"
                                  "  closed('abort', conn:abort('twice'))\n"
                                  "  closed('send', conn:send('lost'))\n"
                                  "  closed('pending', conn:pending())\n"
                                  "  closed('pause', conn:pause())\n"
                                  "  closed('resume', conn:resume())\n"
                                  "  closed('idle', conn:idle(1))\n"
                                  "  closed('framing', conn:framing('line'))\n"
                                  "end\n"
                                  "function on_disconnect(conn, reason)\n"
                                  "  server.log('info', 'ended %s', reason)\n"
                                  "end\n");
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "close", "last");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended once\n");
    client_ask(other, "wrong?", "fine");
    close(client);
    close(other);
    server_end(&server);
}
