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
    "  check('arithmetic', '10' + 1 == 11 and -'2' == -2)\n" \
    "  check('rep', (''):rep(3, '-') == '--' and not pcall(string.rep, ''))\n" \
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

/* ---- ways out ---- */

enum ways {
    OUT = 1,        /* outside a sandbox it gets out: it does try */
    OUT_OF_5_4 = 2, /* that of Lua 5.4 does */
    OUT_OF_JIT = 4, /* that of LuaJIT does */
    PERHAPS = 8,    /* that hangs on what is installed */
};

/* A function's body, which is out if it returns something; an error is no way out. `outside` is a directory
 * with canary.lua in it, which returns 'out', beside that of the scripts, and `link` leads there; `here`
 * is that of the scripts, with a file notes.txt that is Lua, too; `got` is set by what runs elsewhere. */
static const struct {
    const char *name, *body;
    int ways;
} tried[] = {
    {"io.open", "return io.open(outside .. '/canary.lua'):read '*a'", OUT},
    {"io.lines", "return io.lines(outside .. '/canary.lua')()", OUT},
    {"io.popen", "return io.popen('echo out'):read '*a'", OUT},
    {"io, by its name", "return require 'io'", OUT},
    {"io, loaded", "return package.loaded.io", OUT},
    {"os.execute", "return os.execute 'true'", OUT},
    {"os.remove", "return os.remove(outside .. '/victim')", OUT},
    {"os.rename", "return os.rename(outside .. '/canary.lua', outside .. '/canary.lua')", OUT},
    {"os.tmpname", "local name = os.tmpname() os.remove(name) return name", OUT},
    {"os.getenv", "return os.getenv 'PATH'", OUT},
    {"os.setlocale", "return os.setlocale()", OUT},
    {"os.exit", "os.exit(0, true) return true", 0},
    {"dofile", "return dofile(outside .. '/canary.lua')", OUT},
    {"loadfile", "return loadfile(outside .. '/canary.lua')()", OUT},
    {"package.loadlib", "return package.loadlib and select(3, package.loadlib('x', '*'))", OUT},
    {"package.searchpath", "return package.searchpath('canary', outside .. '/?.lua')", OUT},
    {"package.path", "package.path = outside .. '/?.lua' return require 'canary'", OUT},
    {"package.path by a link", "package.path = link .. '/?.lua' return require 'canary'", OUT},
    {"package.path by ..",
     "package.path = here .. '/../' .. name .. '/?.lua' return require 'canary'", OUT},
    {"package.path to another kind of file",
     "package.path = here .. '/?.txt' return require 'notes'", OUT},
    {"require of a path", "package.path = '?' return require(outside .. '/canary.lua')", 0},
    {"require of ..", "return require('..' .. name .. '.canary') or require('../canary')", 0},
    {"package.cpath",
     "package.cpath = '/usr/lib/x86_64-linux-gnu/lua/5.4/?.so' return require 'lfs'", PERHAPS},
    {"package.searchers",
     "package.path = outside .. '/?.lua' "
     "for _, search in ipairs(package.searchers or package.loaders) do "
     "  local load, data = search 'canary' "
     "  if type(load) == 'function' then return load('canary', data) end "
     "end",
     OUT},
    {"more searchers", "return (package.searchers or package.loaders)[5]", OUT},
    {"string.dump", "return string.dump(function() end)", OUT},
    {"code in bytes", "return load(string.dump(function() return 'out' end), 'x', 'b')()", OUT},
    {"code in bytes by the real load", "return package.loaded._G.load('\27Lua', 'x', 'b')", 0},
    {"methods of strings", "return getmetatable('').__index.dump(function() end)", OUT},
    {"methods of strings, set anew", "getmetatable('').__index = io return ('').open", OUT},
    {"debug", "return debug.getinfo(1, 'f').func", OUT},
    {"debug, by its name", "return require 'debug'", OUT},
    {"ffi", "return require 'ffi'", OUT_OF_JIT},
    {"ffi, opened by a number", "load 'return 1LL' return package.loaded.ffi", OUT_OF_JIT},
    {"ffi, opened by a number, by its name", "load 'return 1i' return require 'ffi'", OUT_OF_JIT},
    {"a pointer into a buffer", "return (require 'string.buffer'.new():reserve(10))", OUT_OF_JIT},
    {"the metatable of a type", "return type(getmetatable(load 'return 1LL'())) == 'table'", 0},
    {"jit", "return jit.version", OUT_OF_JIT},
    {"getfenv", "return getfenv(0).io or getfenv(print).io or getfenv(server.log).io", OUT_OF_JIT},
    {"setfenv", "return setfenv(function() return io end, getfenv(0))()", OUT_OF_JIT},
    {"module", "module('m', package.seeall) return io", OUT_OF_JIT},
    {"_G", "return package.loaded._G.io or _G._G.io or load 'return io'()", OUT},
    {"behind _G",
     "return getmetatable(_G).__index(_G, 'io') or getmetatable(_G).__index(_G, 'debug')", 0},
    {"_ENV", "return load('return _ENV.io', 'x', 't', nil)()", 0},
    {"coroutines",
     "return coroutine.wrap(function() return coroutine.wrap(function() return io end)() end)()",
     OUT},
    {"a coroutine of another handler", "return coroutine.resume(coroutine.running())", 0},
    {"__tostring, called by the server",
     "server.after(0, function() error(setmetatable({}, { __tostring = function() "
     "  got = io or debug or os.execute return 'x' end })) end) "
     "server.sleep(0.02) return got",
     OUT},
    {"__tostring, called by server.log",
     "server.log('info', '%s', setmetatable({}, { __tostring = function() got = io return 'x' end "
     "})) "
     "return got",
     OUT},
    {"__index, called by the server",
     "pcall(broadcast, 'x', setmetatable({}, { __index = function() got = io end })) return got",
     OUT},
    {"__gc",
     "setmetatable({}, { __gc = function() got = io end }) collectgarbage() collectgarbage() "
     "return got",
     OUT_OF_5_4},
    {"__close",
     "load [[local x <close> = setmetatable({}, { __close = function() got = io end })]]() return "
     "got",
     OUT_OF_5_4},
    {"what is posted", "server.post('all', { io, debug }) return false", 0},
    {"what is shared", "server.shared:set('k', load) return true", 0},
    {"what an iterator keeps",
     "local next_conn = server.connections() return next_conn(_G, 'io') == io and io", 0},
    {"more memory by a collector that stands",
     "collectgarbage 'stop' local all = {} "
     "for i = 1, 1e6 do all[i] = ('x'):rep(1e5) .. i end return true",
     0},
    {"more memory by a long text", "return #('x'):rep(1e10) > 0", 0},
    {"more time by no text", "return #('x'):rep(1e15, ('x'):rep(1e5)) > 0", 0},
};

/* Has the server try them all; which of them are out is what it answers, a line each. */
static char *try_ways(const char *sandbox)
{
    static char script[40000];
    char *outside = directory_make("canary.lua", "return 'out'\n", "victim", "", NULL), link[300];
    snprintf(link, sizeof link, "%s-link", outside);
    cr_assert_eq(symlink(outside, link), 0);
    char *here = directory_make("notes.txt", "return 'out'\n", NULL);
    size_t used = (size_t)snprintf(
        script, sizeof script,
        "outside, link, here, name, got = '%s', '%s', '%s', '%s', nil\nlocal ways = {\n", outside,
        link, here, strrchr(outside, '/') + 1);
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        used += (size_t)snprintf(script + used, sizeof script - used,
                                 "{ '%s', function() %s end },\n", tried[i].name, tried[i].body);
    used += (size_t)snprintf(script + used, sizeof script - used,
                             "}\n"
                             "function on_receive(conn)\n"
                             "  local out = {}\n"
                             "  for _, way in ipairs(ways) do\n"
                             "    local path = package.path\n"
                             "    got = nil\n"
                             "    local fine, answer = pcall(way[2])\n"
                             "    if fine and answer then out[#out + 1] = way[1] end\n"
                             "    package.path = path\n"
                             "    package.loaded.canary, package.loaded.notes = nil, nil\n"
                             "    getmetatable('').__index = string\n"
                             "    collectgarbage 'restart'\n"
                             "  end\n"
                             "  conn:send('\\n' .. table.concat(out, '\\n') .. '\\n')\n"
                             "end\n");
    cr_assert(used < sizeof script);
    struct server server =
        server_begin(&(struct begin){.script = script,
                                     .flags = {"--workers", "1", "--sandbox", sandbox,
                                               "--lua-memory", "32M", "--handler-timeout", "60"}});
    size_t size;
    int client = client_connect(&server);
    client_put_text(client, "go");
    char *answer = (char *)client_take(client, &size);
    while (answer[0] != '\n') { /* one of them broadcasts */
        free(answer);
        answer = (char *)client_take(client, &size);
    }
    close(client);
    server_end(&server);
    char victim[600];
    snprintf(victim, sizeof victim, "%s/victim", outside);
    cr_assert_eq(access(victim, F_OK) == 0, strcmp(sandbox, "true") == 0);
    unlink(link);
    directory_remove(outside);
    directory_remove(here);
    return answer;
}

Test(sandbox, no_way_out_that_was_tried_leads_out)
{
    char *out = try_ways("true");
    cr_assert_str_eq(out, "\n\n", "these led out:%s", out);
    free(out);
}

/* And they do try: without a sandbox they lead out. */
Test(sandbox, those_ways_lead_out_where_there_is_no_sandbox)
{
    if (on_windows()) cr_skip_test("NOT TESTED: the ways lead into Linux");
    int here = OUT | (has_luajit() ? OUT_OF_JIT : OUT_OF_5_4);
    char *out = try_ways("false"), line[100];
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        snprintf(line, sizeof line, "\n%s\n", tried[i].name);
        bool led_out = strstr(out, line) != NULL, leads_out = (tried[i].ways & here) != 0;
        if (tried[i].ways == PERHAPS) continue;
        cr_assert_eq(led_out, leads_out, "%s: out of them were%s", tried[i].name, out);
    }
    free(out);
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
                     "  check('input', io.read() == nil and io.type(io.input()) == 'file')\n"
                     "  check('a shell', select('#', os.execute()) == 1)\n"
                     "  local here = debug.getinfo(1, 'S').source:match('^@(.*)/main%.lua$')\n"
                     "  check('cpath', package.cpath:sub(1, #here) == here)\n"
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
