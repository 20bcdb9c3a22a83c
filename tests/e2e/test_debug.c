/* What a script that has `debug` can do to what guards the server: nothing. */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD \
    "local wrong = {}\n" \
    "local function check(what, holds)\n" \
    "  if not holds then wrong[#wrong + 1] = tostring(what) end\n" \
    "end\n" \
    "local function verdict() return #wrong == 0 and 'fine' or table.concat(wrong, '\\n') end\n"

static void try_script(const char *script, const char *module)
{
    struct server server = server_begin(&(struct begin){
        .script = script,
        .module = module,
        .flags = {"--workers", "1", "--handler-timeout", "60", "--lua-memory", "64M"}});
    int client = client_connect(&server);
    client_ask(client, "go", "fine");
    client_ask(client, "again", "fine");
    close(client);
    server_end(&server);
}

/* Functions of C have no upvalues that a script could see, wherever it finds them. */
Test(debug, functions_of_c_keep_their_secrets)
{
    try_script(HEAD "local seen, count = {}, 0\n"
                    "local function look(value)\n"
                    "  if seen[value] then return end\n"
                    "  if type(value) == 'table' then\n"
                    "    seen[value] = true\n"
                    "    for key, inner in next, value do look(key) look(inner) end\n"
                    "    look(debug.getmetatable(value))\n"
                    "  elseif type(value) == 'userdata' then\n"
                    "    seen[value] = true\n"
                    "    look(debug.getmetatable(value))\n"
                    "    look((debug.getuservalue or debug.getmetatable)(value))\n"
                    "  elseif type(value) == 'function' then\n"
                    "    seen[value] = true\n"
                    "    local in_c, i = debug.getinfo(value, 'S').what == 'C', 1\n"
                    "    if in_c then count = count + 1 end\n"
                    "    while true do\n"
                    "      local name, inner = debug.getupvalue(value, i)\n"
                    "      if not name then break end\n"
                    "      check('an upvalue of C', not in_c)\n"
                    "      look(inner)\n"
                    "      i = i + 1\n"
                    "    end\n"
                    "  end\n"
                    "  if type(value) == 'userdata' then\n"
                    "    check('the source', getmetatable(value) ~= 'source')\n"
                    "  end\n"
                    "end\n"
                    "function on_receive(conn)\n"
                    "  look { _G, conn, server.group 'g', server.after(0, function() end),\n"
                    "    server.shared, server.connections(), coroutine.wrap(function() end), '',\n"
                    "    debug.getmetatable(''), debug.getmetatable(conn) }\n"
                    "  check('functions', count > 100)\n"
                    "  conn:send(verdict())\n"
                    "end\n",
               NULL);
}

/* `stack` looks at all that stands on the stack of whoever calls it. */
#define STACK \
    "local known = {}\n" \
    "local function stack()\n" \
    "  for level = 1, 30 do\n" \
    "    local at = debug.getinfo(level, 'fS')\n" \
    "    if not at then break end\n" \
    "    check('a function of C that is not global', at.what ~= 'C' or not at.func or\n" \
    "      known[at.func])\n" \
    "    for i = 1, 60 do\n" \
    "      local name, value = debug.getlocal(level, i)\n" \
    "      if not name then break end\n" \
    "      if type(value) == 'userdata' then\n" \
    "        local text = tostring(value)\n" \
    "        check(text, text:find '^userdata' or text:find '^light' or text:find '^file')\n" \
    "      end\n" \
    "      check('the source', getmetatable(value) ~= 'source')\n" \
    "      if at.what == 'C' and type(value) == 'table' then\n" \
    "        check('a record', not (rawget(value, 5) ~= nil and rawget(value, 'n') == nil and\n" \
    "          type(rawget(value, 1)) == 'userdata'))\n" \
    "      end\n" \
    "    end\n" \
    "  end\n" \
    "end\n" \
    "local function know(library)\n" \
    "  for _, value in pairs(library) do\n" \
    "    if type(value) == 'function' then known[value] = true end\n" \
    "  end\n" \
    "end\n" \
    "for _, library in pairs(_G) do\n" \
    "  if type(library) == 'table' then know(library) end\n" \
    "end\n" \
    "know(_G) know(package.searchers or package.loaders)\n"

/* While a module is loaded, an error is told, load asks for text, xpcall calls, a coroutine is closed. */
Test(debug, the_stack_shows_nothing_that_guards)
{
    try_script(HEAD STACK "looks = stack\n"
                          "require 'module'\n"
                          "looks = nil\n"
                          "local tells = setmetatable({}, { __tostring = function()\n"
                          "  stack() told = true return 'told'\n"
                          "end })\n"
                          "setmetatable(_G, { __index = function(_, name)\n"
                          "  stack() if name:find('^on_') then asked = true end\n"
                          "end })\n"
                          "told, asked = false, false\n"
                          "function on_receive(conn)\n"
                          "  stack()\n"
                          "  load(function() stack() end)\n"
                          "  xpcall(stack, print)\n"
                          "  xpcall(error, stack)\n"
                          "  pcall(stack)\n"
                          "  coroutine.wrap(stack)()\n"
                          "  if _VERSION ~= 'Lua 5.1' then\n"
                          "    local closed\n"
                          "    local co = coroutine.create(load [[\n"
                          "      local stack, done = ...\n"
                          "      local x <close> = setmetatable({}, { __close = function()\n"
                          "        stack() done()\n"
                          "      end })\n"
                          "      coroutine.yield() ]])\n"
                          "    coroutine.resume(co, stack, function() closed = true end)\n"
                          "    coroutine.close(co)\n"
                          "    check('it is closed', closed)\n"
                          "  end\n"
                          "  server.after(0, function() error(tells) end)\n"
                          "  while not told do server.sleep(0.001) end\n"
                          "  check('asked', asked)\n"
                          "  conn:send(verdict())\n"
                          "end\n",
               "looks()\n");
}

Test(debug, the_stack_shows_the_functions_that_scripts_are_given)
{
    try_script(HEAD "local function caller() return (debug.getinfo(3, 'f').func) end\n"
                    "function on_receive(conn)\n"
                    "  local called\n"
                    "  table.sort({ 2, 1 }, function(a, b) called = caller() return a < b end)\n"
                    "  check('sort', called == table.sort)\n"
                    "  string.gsub('x', 'x', function() called = caller() end)\n"
                    "  check('gsub', called == string.gsub)\n"
                    "  pcall(function() called = caller() end)\n"
                    "  check('pcall', called == pcall)\n"
                    "  conn:send(verdict())\n"
                    "end\n",
               NULL);
}

Test(debug, metatables_of_userdata_and_conns_are_copies_and_none_can_be_given)
{
    try_script(HEAD
               "function on_receive(conn)\n"
               "  local group, timer = server.group 'g', server.after(9, function() end)\n"
               "  for _, value in ipairs { group, timer, server.shared, conn } do\n"
               "    local metatable = debug.getmetatable(value)\n"
               "    local methods = metatable.__index\n"
               "    check('methods', type(methods) == (value == conn and 'function' or 'table'))\n"
               "    if value ~= conn then\n"
               "      for name in pairs(methods) do methods[name] = nil end\n"
               "    end\n"
               "    check('inside', value ~= conn or not debug.getupvalue(methods, 1))\n"
               "    for name in pairs(metatable) do metatable[name] = nil end\n"
               "    metatable.__gc = 5\n"
               "  end\n"
               "  check('group', group:add(conn) and group:count() == 1 and tostring(group) == "
               "'group g')\n"
               "  check('shared', server.shared:set('k', 1) and server.shared:get('k') == 1)\n"
               "  check('timer', not pcall(timer.cancel) and pcall(timer.cancel, timer))\n"
               "  check('conn', conn:pending() >= 0 and tostring(conn):find '^conn %d')\n"
               "  local light = debug.upvalueid(check, 1)\n"
               "  for _, value in ipairs { light, group, timer, server.shared, io.stdout } do\n"
               "    for _, metatable in ipairs { {}, debug.getmetatable(group), "
               "getmetatable(io.stdout) } do\n"
               "      check('given', not pcall(debug.setmetatable, value, metatable))\n"
               "    end\n"
               "  end\n"
               "  local stands = debug.setmetatable({}, debug.getmetatable(group))\n"
               "  check('none', not pcall(group.count, stands) and not pcall(group.count, light))\n"
               "  debug.setmetatable(stands, nil)\n"
               "  check('own', debug.getmetatable(setmetatable({}, { __metatable = 1 "
               "})).__metatable == 1)\n"
               "  check('level', debug.getinfo(1, 'f').func == on_receive and\n"
               "    debug.getinfo(1, 'l').currentline > 10 and debug.getinfo(0, 'n').name == "
               "'getinfo' and\n"
               "    debug.getinfo(coroutine.running(), 1, 'f').func == on_receive and\n"
               "    debug.getinfo(check, 'S').what == 'Lua' and debug.getinfo(99) == nil)\n"
               "  check('upvalue', select(2, debug.getupvalue(check, 1)) == wrong)\n"
               "  check('hook', not debug.sethook and not debug.getregistry)\n"
               "  conn:send(verdict())\n"
               "end\n",
               NULL);
}

/* A finalizer may run in any of them; what it finds on the stack of its caller is only Lua's. */
Test(debug, locals_are_those_of_lua_only)
{
    try_script(
        HEAD
        "local function named(a, b) local c = 5\n"
        "  local name, value = debug.getlocal(1, 3) return name, value end\n"
        "function on_receive(conn, packet)\n"
        "  local name, value = named(1, 2)\n"
        "  check('local', name == 'c' and value == 5)\n"
        "  name, value = debug.getlocal(1, 2)\n"
        "  check('packet', name == 'packet' and value == packet)\n"
        "  check('parameter', debug.getlocal(named, 2) == 'b')\n"
        "  check('no more', debug.getlocal(named, 3) == nil and debug.getlocal(1, 99) == nil)\n"
        "  local co = coroutine.create(function(mine) coroutine.yield() end)\n"
        "  coroutine.resume(co, 7)\n"
        "  local other, seven = debug.getlocal(co, 1, 1)\n"
        "  check('coroutine', other == 'mine' and seven == 7)\n"
        "  check('yield', debug.getlocal(co, 0, 1) == nil)\n"
        "  check('in C', debug.getlocal(0, 1) == nil)\n"
        "  for i = 1, 9 do\n"
        "    check('what calls', debug.getlocal(2, i) == nil)\n"
        "    string.gsub(' ', ' ', function() check('gsub', debug.getlocal(2, i) == nil) end)\n"
        "  end\n"
        "  local fine, message = pcall(debug.getlocal, 99, 1)\n"
        "  check(message, not fine and message:find 'level out of range')\n"
        "  check('a handler', debug.getinfo(2, 'f').func == nil)\n"
        "  conn:send(verdict())\n"
        "end\n",
        NULL);
}

Test(debug, metamethods_take_only_what_is_theirs)
{
    try_script(
        HEAD
        "function on_receive(conn)\n"
        "  local metatable = debug.getmetatable(conn)\n"
        "  for _, value in pairs { 5, 'x', true, print, {}, { 'x' }, server.shared } do\n"
        "    local fine, message = pcall(metatable.__newindex, value, 'data', 1)\n"
        "    check(message, not fine and message:find 'expected a conn')\n"
        "    check('text', not pcall(metatable.__tostring, value))\n"
        "  end\n"
        "  metatable.__newindex(conn, 'data', { 1 })\n"
        "  check('data', conn.data[1] == 1)\n"
        "  for _, value in pairs { server.shared, server.group 'g', server.after(9, print) } do\n"
        "    check('finalizer', debug.getmetatable(value).__gc == nil)\n"
        "  end\n"
        "  conn:send(verdict())\n"
        "end\n",
        NULL);
}

/* Each function that is ours, and each metamethod, with three of these, in any order. A conn of somebody
 * else is among them, who is closed by that. */
Test(debug, any_function_with_any_arguments_raises_an_error_at_the_most)
{
    if (patience() == THREAD_SANITIZED)
        cr_skip_test(
            "NOT TESTED: the thread sanitizer does not see __longjmp_chk, by which Lua raises "
            "errors: after 60,000 its own stack is full");
    static const char script[] =
        "local victim\n"
        "local function values()\n"
        "  local own = setmetatable({}, { __index = function() error 'index' end,\n"
        "    __tostring = function() return 5 end, __gc = function() end })\n"
        "  return { true, 0, 1, -1, 2 ^ 53, 1e300, 0 / 0, '', 'x', 'a\\0b', ('x'):rep(300), {}, "
        "own,\n"
        "    function() end, coroutine.create(function() end), victim, server.group 'g',\n"
        "    server.after(9, function() end), server.shared, debug.upvalueid(values, 1), { 1, {} "
        "},\n"
        "    { except = victim }, { 'length', size = 99 } }\n"
        "end\n"
        "local all, names = {}, {}\n"
        "local function add(name, value)\n"
        "  if type(value) == 'function' and not names[value] then\n"
        "    names[value] = name\n"
        "    all[#all + 1] = value\n"
        "  end\n"
        "end\n"
        "local function add_all(name, library, but)\n"
        "  for key, value in pairs(library or {}) do\n"
        "    if not (but or ''):find(key, 1, true) then add(name .. '.' .. key, value) end\n"
        "  end\n"
        "end\n"
        "function on_connect(conn)\n"
        "  if not victim then victim = conn return end\n"
        "  add_all('server', server, 'sleep wait')\n"
        "  add_all('debug', debug)\n"
        "  add_all('coroutine', coroutine, 'yield')\n"
        "  for i, value in ipairs { conn, server.group 'g', server.after(9, print), "
        "server.shared,\n"
        "    server.channel 'c' } do\n"
        "    local metatable = debug.getmetatable(value)\n"
        "    local methods = metatable.__index\n"
        "    if value == conn then\n"
        "      methods = {}\n"
        "      for name in ('close abort pending pause resume idle framing'):gmatch '%a+' do\n"
        "        methods[name] = assert(conn[name])\n"
        "      end\n"
        "    end\n"
        "    add_all('methods ' .. i, methods)\n"
        "    add_all('meta ' .. i, metatable)\n"
        "  end\n"
        "  for i, value in ipairs(package.searchers or package.loaders) do add('s ' .. i, value) "
        "end\n"
        "  add('send', send) add('broadcast', broadcast) add('require', require) add('load', "
        "load)\n"
        "  add('xpcall', xpcall) add('getmetatable', getmetatable)\n"
        "  add('behind', debug.getmetatable(_G).__index)\n"
        "  add('connections', server.connections())\n"
        "  for _, f in ipairs { require, load, xpcall, coroutine.wrap(print), debug.getinfo } do\n"
        "    for i = 1, 4 do\n"
        "      local _, value = debug.getupvalue(f, i)\n"
        "      add('upvalue', value)\n"
        "      if type(value) == 'userdata' then add_all('box', debug.getmetatable(value)) end\n"
        "    end\n"
        "  end\n"
        "  server.after(0, function() error(setmetatable({}, { __tostring = function()\n"
        "    for level = 1, 9 do\n"
        "      local at = debug.getinfo(level, 'fS')\n"
        "      if at and at.what == 'C' then add('stack', at.func) end\n"
        "    end\n"
        "    return 'told'\n"
        "  end })) end)\n"
        "end\n"
        "local function plain(f)\n"
        "  for _, value in pairs { 0, true, print, coroutine.create(print) } do\n"
        "    debug.setmetatable(value, nil)\n"
        "  end\n"
        "  debug.setmetatable(nil, nil)\n"
        "  debug.setmetatable('', { __index = string })\n"
        "end\n"
        "function on_receive(conn)\n"
        "  server.sleep(0.02)\n"
        "  for i, f in ipairs(all) do\n"
        "    local a = values()\n"
        "    pcall(f)\n"
        "    for j = 1, #a do\n"
        "      pcall(f, a[j])\n"
        "      pcall(f, nil, a[j])\n"
        "      plain()\n"
        "      for k = 1, #a do\n"
        "        pcall(f, a[j], a[k])\n"
        "        pcall(f, a[j], a[k], a[(j * k + i) % #a + 1])\n"
        "        pcall(f, a[j], a[k], nil, a[(j + k + i) % #a + 1])\n"
        "        plain()\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "  collectgarbage()\n"
        "  server.log('info', 'all %d were tried', #all > 50 and 1 or #all)\n"
        "  send(victim, 'x')\n"
        "end\n";
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "1", "--handler-timeout", "300"}});
    int victim = client_connect(&server), client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "all 1 were tried");
    close(victim);
    close(client);
    int again = client_connect(&server);
    client_put_text(again, "go");
    server_expect_log_count(&server, "all 1 were tried", 2);
    close(again);
    server_end(&server);
}

/* What guards the server stands between a script's functions, and is not there for it. */
Test(debug, levels_in_a_message_handler_are_those_of_lua)
{
    try_script(HEAD
               "local function fails()\n"
               "  local mine = 'held'\n"
               "  return {} + 1, mine\n"
               "end\n"
               "local line = debug.getinfo(1, 'l').currentline - 2\n"
               "local function place(level)\n"
               "  local at = debug.getinfo(level, 'Sl')\n"
               "  return at.short_src:match '[^/]*$' .. ':' .. at.currentline\n"
               "end\n"
               "local function check_trace(trace, first)\n"
               "  local lines = {}\n"
               "  for text in trace:match('stack traceback:(.*)'):gmatch '\\n\\t([^\\n]+)' do\n"
               "    lines[#lines + 1] = text\n"
               "  end\n"
               "  check(trace, lines[first]:find('main.lua:' .. line .. ':', 1, true))\n"
               "  check(trace, lines[first + 1]:find('xpcall', 1, true))\n"
               "  check(trace, lines[first + 2]:find('main.lua:', 1, true))\n"
               "  check(trace, not trace:find('metamethod', 1, true))\n"
               "end\n"
               "function on_receive(conn)\n"
               "  xpcall(fails, function()\n"
               "    check(place(3), place(3) == 'main.lua:' .. line)\n"
               "    local name, value = debug.getlocal(2, 1)\n"
               "    check(name, name == 'mine' and value == 'held')\n"
               "    check('xpcall', debug.getinfo(3, 'f').func == xpcall)\n"
               "    check('no level', debug.getinfo(99) == nil)\n"
               "    check('no local', not pcall(debug.getlocal, 99, 1))\n"
               "    check_trace(debug.traceback('here'), 2)\n"
               "    check_trace(debug.traceback('here', 2), 1)\n"
               "    if _VERSION == 'Lua 5.1' then return end\n"
               "    check_trace(coroutine.wrap(function(of)\n"
               "      check('of another', debug.getlocal(of, 2, 1) == 'mine')\n"
               "      return debug.traceback(of, 'there', 2)\n"
               "    end)(coroutine.running()), 1)\n"
               "  end)\n"
               "  local fine, trace = xpcall(fails, debug.traceback)\n"
               "  check('failed', not fine)\n"
               "  check_trace(trace, 1)\n"
               "  check('as it is', debug.traceback(check) == check)\n"
               "  conn:send(verdict())\n"
               "end\n",
               NULL);
}
