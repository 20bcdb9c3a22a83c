/* What scripts find of Lua's own libraries, in a sandbox and outside. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `check` notes what does not hold; `judge` answers with the notes, or "fine". */
#define JUDGE \
    "local wrong = {}\n" \
    "local function check(what, holds)\n" \
    "  if not holds then wrong[#wrong + 1] = what end\n" \
    "end\n" \
    "local function refuses(what, pattern, ...)\n" \
    "  local fine, message = pcall(...)\n" \
    "  message = tostring(message)\n" \
    "  check(what .. ': ' .. message, not fine and message:find(pattern))\n" \
    "end\n" \
    "local function judge(conn)\n" \
    "  conn:send(#wrong == 0 and 'fine' or table.concat(wrong, '\\n'))\n" \
    "end\n"

static void try_script(const char *sandbox, const char *script, const char *module)
{
    struct server server = server_begin(&(struct begin){
        .script = script, .module = module, .flags = {"--workers", "1", "--sandbox", sandbox}});
    int client = client_connect(&server);
    client_ask(client, "go", "fine");
    client_ask(client, "again", "fine");
    close(client);
    server_end(&server);
}

/* ---- in a sandbox ---- */

Test(sandbox, nothing_of_the_system_is_within_reach)
{
    try_script("true",
               JUDGE
               "function on_receive(conn)\n"
               "  local real = package.loaded._G\n"
               "  for _, name in ipairs { 'io', 'debug', 'dofile', 'loadfile', 'ffi', 'jit',\n"
               "                          'newproxy' } do\n"
               "    check(name, _G[name] == nil)\n"
               "    check(name .. ' behind', real[name] == nil)\n"
               "    check(name .. ' loaded', package.loaded[name] == nil)\n"
               "    refuses('require ' .. name, 'not found', require, name)\n"
               "  end\n"
               "  for _, name in ipairs { 'execute', 'remove', 'rename', 'tmpname',\n"
               "                          'getenv', 'setlocale' } do\n"
               "    check('os.' .. name, os[name] == nil)\n"
               "  end\n"
               "  check('string.dump', string.dump == nil and ('').dump == nil)\n"
               "  check('package.loadlib', package.loadlib == nil)\n"
               "  check('package.searchpath', package.searchpath == nil)\n"
               "  refuses('os.exit', 'conn:close', os.exit)\n"
               "  judge(conn)\n"
               "end\n",
               NULL);
}

Test(sandbox, modules_from_outside_are_refused_whatever_the_paths_say)
{
    try_script("true",
               JUDGE
               "function on_receive(conn)\n"
               "  package.path = '/?;/?.lua;./?.lua;' .. package.path\n"
               "  package.cpath = './?.so;/usr/lib/x86_64-linux-gnu/lua/5.4/?.so;'\n"
               "    .. package.cpath\n"
               "  for _, name in ipairs { 'lfs', 'socket.core', 'etc.passwd', 'main.x', 'ffi' }\n"
               "  do\n"
               "    refuses(name, 'not found', require, name)\n"
               "    refuses(name, '\\n\\tthe sandbox %(sandbox = true%) loads no modules in C',\n"
               "            require, name)\n"
               "  end\n"
               "  refuses('behind', 'not found', package.loaded._G.require, 'lfs')\n"
               "  judge(conn)\n"
               "end\n",
               NULL);
}

/* The bytes are such as string.dump makes, which is not there. */
Test(sandbox, code_in_bytes_is_refused)
{
    try_script(
        "true",
        JUDGE
        "local codes = { '\\27Lua', '\\27LJ\\2', '\\27Lua\\84\\0\\25\\147\\13\\10\\26\\10' }\n"
        "local loads = { load, loadstring or load, package.loaded._G.load,\n"
        "                package.loaded._G.loadstring or load }\n"
        "function on_receive(conn)\n"
        "  for _, code in ipairs(codes) do\n"
        "    for i, load_one in ipairs(loads) do\n"
        "      for _, mode in ipairs { 'b', 'bt', 't', 'none' } do\n"
        "        local how = mode ~= 'none' and mode or nil\n"
        "        local made, message = load_one(code, 'code', how)\n"
        "        check(i .. mode .. tostring(message),\n"
        "              not made and message:find('attempt to load'))\n"
        "        local function piece() local now = code code = nil return now end\n"
        "        local kept = code\n"
        "        check(i .. mode .. ' in pieces', not load_one(piece, 'code', how))\n"
        "        code = kept\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "  judge(conn)\n"
        "end\n",
        NULL);
}

/* The same holds in a sandbox and outside. */
#define WORKS \
    JUDGE \
    "local module = require 'module'\n" \
    "count = 7\n" \
    "function on_receive(conn)\n" \
    "  check('string', ('%5.1f'):format(2) == '  2.0' and ('a,b'):gsub(',', ';') == 'a;b')\n" \
    "  check('table', table.concat({ 1, 2 }, '-') == '1-2' and #{ (table.unpack or unpack)({ 1 " \
    "}) } == 1)\n" \
    "  check('math', math.floor(2.5) == 2 and math.huge > 0)\n" \
    "  check('time', os.time() > 1e9 and os.clock() >= 0 and os.difftime(2, 1) == 1)\n" \
    "  check('date', os.date('!%Y', 0) == '1970' and os.date('*t').year > 2000)\n" \
    "  check('coroutine', coroutine.wrap(function(x) return x end)(5) == 5)\n" \
    "  check('pcall', not pcall(error, 'x') and select('#', 1, 2) == 2)\n" \
    "  check('metatables', getmetatable(setmetatable({}, { __metatable = 1 })) == 1)\n" \
    "  check('collectgarbage', collectgarbage('count') > 0)\n" \
    "  check('module', module.count() == 7 and require 'module' == module)\n" \
    "  check('load', load('return count')() == 7)\n" \
    "  check('load in an environment', load('return x', 'x', 't', { x = 3 })() == 3)\n" \
    "  check('load in pieces', load(coroutine.wrap(function()\n" \
    "    for word in ('return count'):gmatch('%S+ ?') do coroutine.yield(word) end\n" \
    "  end))() == 7)\n" \
    "  check('load in nothing', select('#', load('return x', 'x', 't', nil)) > 0)\n" \
    "  check('a mistake', select(2, load('return +', '=here')):find('^here:1:'))\n" \
    "  check('server', server.worker == 1 and server.now() > 0 and server.group('a'):count() == " \
    "0)\n" \
    "  server.shared:set('a', 5)\n" \
    "  check('shared', server.shared:get('a') == 5)\n" \
    "  server.sleep(0.001)\n" \
    "  judge(conn)\n" \
    "end\n"

static const char module_text[] = "return { count = function() return count end }\n";

Test(sandbox, all_else_works_in_it)
{
    try_script("true", WORKS, module_text);
}

Test(sandbox, all_else_works_outside)
{
    try_script("false", WORKS, module_text);
}

Test(sandbox, globals_may_be_strict_in_it)
{
    try_script("true",
               JUDGE "local strict = setmetatable(_G, { __index = function(_, name)\n"
                     "  error('undefined ' .. name, 2)\n"
                     "end, __newindex = function(_, name) error('new ' .. name, 2) end })\n"
                     "rawset(_G, 'on_receive', function(conn)\n"
                     "  refuses('read', 'undefined nothing', load 'return nothing')\n"
                     "  refuses('write', 'new nothing', load 'nothing = 1')\n"
                     "  refuses('io', 'undefined io', load 'return io')\n"
                     "  check('itself', strict == _G and strict.string == string)\n"
                     "  judge(conn)\n"
                     "end)\n",
               NULL);
}

/* ---- outside ---- */

Test(sandbox, without_it_lua_is_whole_but_for_exit)
{
    try_script("false",
               JUDGE "function on_receive(conn)\n"
                     "  local name = os.tmpname()\n"
                     "  local file = assert(io.open(name, 'w'))\n"
                     "  file:write('text')\n"
                     "  file:close()\n"
                     "  file = assert(io.open(name))\n"
                     "  check('io', file:read('*a') == 'text')\n"
                     "  file:close()\n"
                     "  check('remove', os.remove(name) and not io.open(name))\n"
                     "  check('debug', debug.getinfo(1, 'l').currentline > 1)\n"
                     "  check('traceback', debug.traceback('x'):find('stack traceback'))\n"
                     "  check('harmless', not (debug.sethook or\n"
                     "        debug.getregistry or debug.setupvalue or debug.setlocal or\n"
                     "        debug.setuservalue or debug.setfenv or debug.debug))\n"
                     "  check('userdata', not pcall(debug.setmetatable, io.stdout, {}))\n"
                     "  local stripped = setmetatable({}, { __metatable = 1 })\n"
                     "  debug.setmetatable(stripped, server)\n"
                     "  check('table', getmetatable(stripped) == server)\n"
                     "  check('nothing', (''):rep(2^53) == '' and ('a'):rep(2, '-') == 'a-a')\n"
                     "  check('getenv', os.getenv('MOONPORT_NO_SUCH_THING') == nil)\n"
                     "  check('package', package.loadlib and package.cpath)\n"
                     "  local dumped = string.dump(function() return 6 end)\n"
                     "  check('bytes when asked for', load(dumped, 'x', 'b')() == 6)\n"
                     "  check('no bytes by themselves', not load(dumped))\n"
                     "  refuses('os.exit', 'os.exit would end the server', os.exit)\n"
                     "  refuses('os.exit', 'use conn:close', os.exit, 1, true)\n"
                     "  judge(conn)\n"
                     "end\n",
               NULL);
}

Test(sandbox, modules_in_c_are_found_by_cpath)
{
    struct server server = server_begin_script(
        "local fine, lfs = pcall(require, 'lfs')\n"
        "local attributes = fine and require('lfs') == lfs and lfs.attributes('/') or {}\n"
        "function on_receive(conn)\n"
        "  conn:send(fine and tostring(attributes.mode) or 'missing: ' .. tostring(lfs))\n"
        "end\n");
    size_t size;
    int client = client_connect(&server);
    client_put_text(client, "go");
    char *answer = (char *)client_take(client, &size);
    bool missing = strncmp(answer, "missing", 7) == 0;
    cr_assert(missing || strcmp(answer, "directory") == 0, "%s", answer);
    cr_assert(!missing || strstr(answer, "'lfs' not found") != NULL, "%s", answer);
    free(answer);
    close(client);
    server_end(&server);
    if (missing) cr_skip_test("NOT TESTED: no lua-filesystem here to load as a module in C");
}
