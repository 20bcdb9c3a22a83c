/* Lua's libraries, and what a Lua state has only once, belong to each generation of scripts. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every library, every function of it: taken away by one generation, there in the next. */
Test(reload_library, what_a_script_takes_away_is_back_with_the_next)
{
    static const char takes[] =
        "local all, names = _G, {}\n"
        "for name, library in pairs(all) do\n"
        "  if type(library) == 'table' and library ~= all and name ~= 'server' then\n"
        "    for key in pairs(library) do names[#names + 1] = { library, key } end\n"
        "  end\n"
        "end\n"
        "for _, name in ipairs(names) do name[1][name[2]] = nil end\n"
        "server.log, server.stats, server.shared = nil, nil, nil\n"
        "_G.print, _G.pcall = nil, nil\n"
        "function on_receive(conn) conn:send(tostring(math.floor) .. tostring(print)) end\n";
    static const char counts[] =
        "local count = 0\n"
        "for _, library in pairs(_G) do\n"
        "  if type(library) == 'table' then\n"
        "    for _ in pairs(library) do count = count + 1 end\n"
        "  end\n"
        "end\n"
        "assert(print and pcall and ('x'):rep(2) == 'xx' and server.shared and server.log)\n"
        "function on_receive(conn) conn:send('all ' .. count) end\n";
    struct server server = server_begin_reloadable(counts, "1");
    int client = client_connect(&server);
    size_t size;
    client_put_text(client, "?");
    char *all = (char *)client_take(client, &size);
    server_reload(&server, takes, 2);
    client_ask(client, "?", "nilnil");
    server_reload(&server, counts, 3);
    client_ask(client, "?", all);
    free(all);
    close(client);
    server_end(&server);
}

/* A number like 1LL opens ffi before anybody has asked for it. */
Test(reload_library, types_of_ffi_stay_what_they_are)
{
    if (!has_luajit()) cr_skip_test("NOT TESTED: Lua 5.4 has no ffi");
    static const char makes[] =
        "assert(load 'return 1LL'() + 1 == 2 and package.loaded.ffi == nil)\n"
        "local ffi = require 'ffi'\n"
        "assert(ffi == package.loaded.ffi and ffi.sizeof 'int64_t' == 8)\n"
        "ffi.cdef 'typedef struct { int small; double wide; } pair;'\n"
        "server.state.pair = ffi.new('pair', 1, 7.5)\n"
        "function on_receive(conn) conn:send(tostring(server.state.pair.wide)) end\n";
    static const char uses[] =
        "local ffi = require 'ffi'\n"
        "package.loaded.ffi = nil\n"
        "assert(ffi == require 'ffi' and ffi.istype('pair', server.state.pair))\n"
        "function on_receive(conn) conn:send(tostring(server.state.pair.wide) .. '!') end\n";
    struct server server = server_begin_reloadable(makes, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "7.5");
    server_reload(&server, uses, 2);
    client_ask(client, "?", "7.5!");
    close(client);
    server_end(&server);
}

/* What both say at the same time, one of them in a handler that began before the reload. */
Test(reload_library, variables_of_a_handler_that_is_ended_are_closed_in_its_own_code)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    struct server server =
        server_begin_reloadable("function string.word() return 'one' end\n"
                                "local function closing()\n"
                                "  server.log('info', 'closed in ' .. ('x'):word())\n"
                                "end\n"
                                "function on_receive(conn)\n"
                                "  local x <close> = setmetatable({}, { __close = closing })\n"
                                "  conn:send('waits')\n"
                                "  server.sleep(1000)\n"
                                "end\n",
                                "1");
    int waits = client_connect(&server), client = client_connect(&server);
    client_ask(waits, "wait", "waits");
    server_reload(&server,
                  "function string.word() return 'two' end\n"
                  "function on_receive(conn)\n"
                  "  for other in server.connections() do\n"
                  "    if other ~= conn then other:abort() end\n"
                  "  end\n"
                  "  server.sleep(0.01)\n"
                  "  conn:send(('x'):word())\n"
                  "end\n",
                  2);
    client_ask(client, "end them", "two");
    server_expect_log(&server, "closed in one\n");
    cr_assert_neq(client_await_end(waits), CLIENT_TIMEOUT);
    close(waits);
    close(client);
    server_end(&server);
}

Test(reload_library, a_handler_that_waits_keeps_the_methods_of_its_own_strings)
{
#define SAYS(word) \
    "function string.word() return '" word "' end\n" \
    "getmetatable('').__unm = function() return '-" word "' end\n" \
    "function on_receive(conn, packet)\n" \
    "  while packet == 'wait' and not server.state.go do server.sleep(0.001) end\n" \
    "  for i = 1, 3 do\n" \
    "    conn:send(('x'):word() .. string.word() .. -'x')\n" \
    "    if i == 3 then server.state.go = true end\n" \
    "    server.sleep(0.002)\n" \
    "  end\n" \
    "end\n"
    struct server server = server_begin_reloadable(SAYS("one"), "1");
    int waits = client_connect(&server), client = client_connect(&server);
    client_put_text(waits, "wait");
    client_ask(client, "?", "oneone-one");
    client_expect(client, "oneone-one");
    client_expect(client, "oneone-one");
    for (int i = 0; i < 3; i++) client_expect(waits, "oneone-one");
    server_reload(&server, "server.state.go = nil\n" SAYS("one"), 2);
    client_put_text(waits, "wait");
    client_put_text(waits, "?");
    server_reload(&server, SAYS("two"), 3);
    server_reload(&server, "function on_receive(conn) conn:send(tostring(('').word)) end\n", 4);
    client_ask(client, "?", "nil");
    server_reload(&server, SAYS("three"), 5);
    client_ask(client, "?", "threethree-three");
    for (int i = 0; i < 3; i++) client_expect(waits, "oneone-one");
    for (int i = 0; i < 3; i++) client_expect(waits, "threethree-three");
    close(waits);
    close(client);
    server_end(&server);
#undef SAYS
}

Test(reload_library, a_timer_that_waits_keeps_the_methods_of_its_own_strings)
{
    struct server server =
        server_begin_reloadable("function string.word() return 'one' end\n"
                                "server.after(0, function()\n"
                                "  server.log('info', 'it waits')\n"
                                "  while not server.state.asked do server.sleep(0.001) end\n"
                                "  server.state.asked:send(('x'):word())\n"
                                "end)\n"
                                "function on_receive() end\n",
                                "1");
    int client = client_connect(&server);
    server_expect_log(&server, "it waits\n");
    server_reload(&server, "function on_receive(conn) server.state.asked = conn end\n", 2);
    client_ask(client, "?", "one");
    close(client);
    server_end(&server);
}

/* A loop that looks whether it is old, and a whole new table of state from code that is old. */
Test(reload_library, server_state_and_generation_are_the_same_to_all_code)
{
    struct server server =
        server_begin_reloadable("local mine, server = server.generation, server\n"
                                "function on_receive(conn)\n"
                                "  while server.generation == mine do server.sleep(0.001) end\n"
                                "  server.state = { from = 'old ' .. mine .. server.generation }\n"
                                "  conn:send('done')\n"
                                "end\n",
                                "1");
    int waits = client_connect(&server), client = client_connect(&server);
    client_put_text(waits, "wait");
    client_put_text(client, "wait");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_expect(waits, "done");
    client_expect(client, "done");
    server_reload(&server,
                  "function on_receive(conn) conn:send(server.state.from .. server.generation) end",
                  3);
    client_ask(client, "?", "old 123");
    script_write(&server, "main.lua", "server.state = { from = 'refused' }\nerror 'refused'\n");
    server_command(&server, "reload", INPUT, "nothing has changed");
    client_ask(client, "?", "old 123");
    close(waits);
    close(client);
    server_end(&server);
}

/* Though what was called last is code of its own: its on_unload. */
Test(reload_library, a_loop_that_waits_sees_the_generation_behind_its_on_unload)
{
    struct server server =
        server_begin_reloadable("local mine = server.generation\n"
                                "function on_unload() end\n"
                                "function on_receive(conn)\n"
                                "  while server.generation == mine do server.sleep(0.001) end\n"
                                "  conn:send(mine .. ' ' .. server.generation)\n"
                                "end\n",
                                "1");
    int client = client_connect(&server);
    client_put_text(client, "wait");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_expect(client, "1 2");
    close(client);
    server_end(&server);
}

/* The second worker refuses it when the code that runs has been seen to go on in the first. */
Test(reload_library, server_state_of_code_that_another_worker_refuses_is_never_seen)
{
    static const char script[] =
        "server.state = { from = 'new' }\n"
        "if server.worker == 1 then server.shared:set('loaded', true) end\n"
        "while server.worker == 2 and not server.shared:get 'seen' do end\n"
        "if server.worker == 2 and not server.shared:get 'well' then error 'refused' end\n"
        "function on_receive(conn) conn:send(server.state.from) end\n";
    struct server server = server_begin(&(struct begin){
        .script = "server.state = { from = 'old' }\n"
                  "function on_unload() server.shared:set('unloaded', server.state.from) end\n"
                  "function on_receive(conn, packet)\n"
                  "  if packet == 'which' then return conn:send(tostring(server.worker)) end\n"
                  "  while packet == 'loaded' and not server.shared:get 'loaded' do\n"
                  "    server.sleep(0.001)\n"
                  "  end\n"
                  "  conn:send(server.state.from)\n"
                  "  server.shared:set('seen', true)\n"
                  "  if packet == 'well' then server.shared:set('well', true) end\n"
                  "end\n",
        .admin = true,
        .flags = {"--workers", "2", "--handler-timeout", "60"}});
    int client = client_connect_to_worker(&server, 1);
    client_put_text(client, "loaded");
    script_write(&server, "main.lua", script);
    client_expect(client, "old");
    server_expect_log(&server, "nothing has changed: generation 1 runs\n");
    client_ask(client, "well", "old");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_ask(client, "?", "new");
    script_write(&server, "main.lua",
                 "server.state = nil\n"
                 "function on_receive(conn, packet)\n"
                 "  conn:send(server.shared:get 'unloaded' .. tostring(server.state))\n"
                 "end\n");
    server_expect_log(&server, "generation 3 runs");
    client_ask(client, "?", "oldnil");
    close(client);
    server_end(&server);
}

/* Both have the number 2. */
Test(reload_library, code_that_was_refused_shows_nothing_to_the_next)
{
    struct server server = server_begin_reloadable("function on_receive() end\n", "1");
    int client = client_connect(&server);
    script_write(&server, "main.lua",
                 "function string.word() return 'refused' end\nerror(('x'):word())\n");
    server_command(&server, "reload", INPUT, "refused");
    server_reload(&server,
                  "function string.word() return 'mine' end\n"
                  "local word = ('x'):word()\n"
                  "function on_receive(conn) conn:send(word) end\n",
                  2);
    client_ask(client, "?", "mine");
    close(client);
    server_end(&server);
}

Test(reload_library, methods_of_files_are_back_with_the_next)
{
    static const char takes[] = "local meta = getmetatable(io.stdout)\n"
                                "meta.__index.lines, meta.__index.seek, meta.__tostring = nil\n"
                                "function on_receive() end\n";
    static const char uses[] = "function on_receive(conn)\n"
                               "  local path = os.tmpname()\n"
                               "  local file = io.open(path, 'w+')\n"
                               "  file:write('one\\ntwo\\n')\n"
                               "  file:seek('set')\n"
                               "  local first = file:lines()()\n"
                               "  local name = tostring(file):match('^%a+')\n"
                               "  file:close()\n"
                               "  os.remove(path)\n"
                               "  conn:send(first .. ' ' .. name)\n"
                               "end\n";
    struct server server = server_begin_reloadable(uses, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "one file");
    server_reload(&server, takes, 2);
    server_reload(&server, uses, 3);
    client_ask(client, "?", "one file");
    close(client);
    server_end(&server);
}

Test(reload_library, the_collector_is_in_its_own_mode_again)
{
    need_lua_5_4("LuaJIT's collector has no modes");
    static const char script[] = "local before = collectgarbage('incremental')\n"
                                 "function on_receive(conn) conn:send(before) end\n";
    struct server server = server_begin_reloadable(script, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "generational");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_ask(client, "?", "generational");
    close(client);
    server_end(&server);
}

/* Of Lua 5.1: what a thread has of globals, all generations would share. */
Test(reload_library, module_and_getfenv_give_each_generation_its_own_globals)
{
    static const char counted[] =
        "module('lib.counted', package.seeall)\n"
        "count = (count or 0) + 1\n"
        "function see()\n"
        "  return tostring(left) .. getfenv()._NAME .. getfenv()._PACKAGE\n"
        "end\n";
    static const char script[] =
        "local left_before, thread = getfenv(0).left, coroutine.create(print)\n"
        "local of = getfenv\n"
        "getfenv(0).left = 'left'\n"
        "require 'module'\n"
        "local function all(...)\n"
        "  for i = 1, select('#', ...) do if select(i, ...) ~= _G then return i end end\n"
        "  return 'all'\n"
        "end\n"
        "local inner = setfenv(function() return of(1).word end, { word = 'inner' })\n"
        "function on_receive(conn)\n"
        "  assert(not pcall(setfenv, 0, {}) and not pcall(setfenv, print, {}))\n"
        "  assert(not pcall(getfenv, -1) and not pcall(getfenv, 99))\n"
        "  conn:send(tostring(left_before) .. lib.counted.count .. lib.counted.see() .. inner() .. "
        "all(\n"
        "    getfenv(), getfenv(0), getfenv(1), getfenv(print), getfenv(on_receive),\n"
        "    debug.getfenv(thread), debug.getfenv(print), debug.getfenv(on_receive)))\n"
        "end\n";
    if (!has_luajit()) cr_skip_test("Lua 5.4 has neither");
    struct server server = server_begin_reloadable("function on_receive() end\n", "1");
    int client = client_connect(&server);
    script_write(&server, "module.lua", counted);
    for (int generation = 2; generation < 5; generation++) {
        server_reload(&server, script, generation);
        client_ask(client, "?", "nil1leftlib.countedlib.innerall");
    }
    close(client);
    server_end(&server);
}

Test(reload_library, the_collector_runs_again_and_metatables_of_plain_values_are_gone)
{
    static const char odd[] =
        "collectgarbage('stop')\n"
        "debug.setmetatable(nil, { __index = function() return 'of nil' end })\n"
        "debug.setmetatable(0, { __index = { half = function(n) return n / 2 end } })\n"
        "debug.setmetatable(print, { __index = { name = 'function' } })\n"
        "function on_receive(conn)\n"
        "  conn:send((nil).x .. (8):half() .. print.name)\n"
        "end\n";
    static const char plain[] =
        "local function running()\n"
        "  local before, top = collectgarbage('count'), 0\n"
        "  for i = 1, 300000 do\n"
        "    local t = { i }\n"
        "    if i % 1000 == 0 then top = math.max(top, collectgarbage('count')) end\n"
        "    t = nil\n"
        "  end\n"
        "  return top - before < 10000\n"
        "end\n"
        "function on_receive(conn)\n"
        "  conn:send(tostring(pcall(function() return (nil).x end)) ..\n"
        "    tostring(pcall(function() return (0).half end)) .. tostring(running()))\n"
        "end\n";
    struct server server = server_begin_reloadable(plain, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "falsefalsetrue");
    server_reload(&server, odd, 2);
    client_ask_for_part(client, "?", "of nil4");
    server_reload(&server, plain, 3);
    client_ask(client, "?", "falsefalsetrue");
    script_write(&server, "main.lua", "collectgarbage('stop')\nerror 'refused'\n");
    server_command(&server, "reload", INPUT, "nothing has changed");
    client_ask(client, "?", "falsefalsetrue");
    close(client);
    server_end(&server);
}

Test(reload_library, what_a_module_from_outside_adds_to_a_library_stays)
{
    char script[800];
    char *directory = directory_make(
        "adds.lua", "function string.twice(s) return s .. s end\nadded = 'global'\n", NULL);
    snprintf(script, sizeof script,
             "package.path = '%s/?.lua'\n"
             "require 'adds'\n"
             "function on_receive(conn) conn:send(('ab'):twice() .. added) end\n",
             directory);
    struct server server = server_begin_reloadable(script, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "ababglobal");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_ask(client, "?", "ababglobal");
    directory_remove(directory);
    close(client);
    server_end(&server);
}

Test(reload_library, what_a_module_from_outside_adds_is_no_change_of_the_scripts_own)
{
    char script[800];
    char *directory = directory_make(
        "adds.lua", "function string.twice(s) return s .. s end\nfunction string.thrice() end\n",
        NULL);
    snprintf(script, sizeof script,
             "package.path = '%s/?.lua'\n"
             "string.reverse = nil\n"
             "function string.twice() return 'mine' end\n"
             "require 'adds'\n"
             "function on_receive(conn)\n"
             "  conn:send(('a'):twice() .. tostring(string.reverse) .. type(string.thrice))\n"
             "end\n",
             directory);
    struct server server = server_begin_reloadable(script, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "minenilfunction");
    directory_remove(directory);
    close(client);
    server_end(&server);
}

Test(reload_library, code_from_files_has_the_globals_of_its_generation)
{
    char *directory =
        directory_make("counts.txt", "count = (count or 0) + 1\nreturn count\n", NULL);
    char script[800];
    snprintf(script, sizeof script,
             "count = 10\n"
             "function on_receive(conn)\n"
             "  local path = '%s/counts.txt'\n"
             "  local first, second = dofile(path), loadfile(path)()\n"
             "  local apart = loadfile(path, 't', {})()\n"
             "  conn:send(first .. ' ' .. second .. ' ' .. apart .. ' ' .. count)\n"
             "end\n",
             directory);
    struct server server = server_begin_reloadable(script, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "11 12 1 12");
    server_command(&server, "reload", 0, "generation 2 runs");
    client_ask(client, "?", "11 12 1 12");
    directory_remove(directory);
    close(client);
    server_end(&server);
}

/* ---- what on_start has kept ---- */

#define FORGETS \
    "on_start is defined and on_load is not: a reload does not call on_start, and variables that " \
    "it " \
    "has set are nil in the new code."

Test(reload_library, a_reload_warns_when_on_start_has_no_on_load)
{
    static const char keeps[] = "local kept\n"
                                "function on_start() kept = 'a handle' end\n"
                                "function on_receive(conn) conn:send(tostring(kept)) end\n";
    struct server server = server_begin_reloadable(keeps, "2");
    int client = client_connect(&server);
    client_ask(client, "?", "a handle");
    cr_assert_eq(server_log_count(&server, FORGETS), 0);
    server_command(&server, "reload", 0, "generation 2 runs\nwarning: " FORGETS);
    client_ask(client, "?", "nil");
    char mended[400];
    snprintf(mended, sizeof mended, "%sfunction on_load() on_start() end\n", keeps);
    server_reload(&server, mended, 3);
    cr_assert_eq(server_log_count(&server, FORGETS), 1);
    client_ask(client, "?", "a handle");
    close(client);
    server_end(&server);
}

Test(reload_library, check_warns_of_it_too)
{
    char *out, *err,
        *directory = directory_make("main.lua",
                                    "function on_start() end\nfunction on_receive() end\n", NULL);
    cr_assert_eq(program_run(&out, &err, WORDS("check", directory)), 0);
    cr_assert_not_null(strstr(err, FORGETS), "%s", err);
    cr_assert_not_null(strstr(out, "no errors"), "%s", out);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(reload_library, warnings_are_off_only_for_the_code_that_said_so)
{
    need_lua_5_4("LuaJIT has no warn");
    static const char silences[] = "warn '@off'\n"
                                   "function on_receive(conn, packet)\n"
                                   "  if packet == 'wait' then\n"
                                   "    conn:send 'waits'\n"
                                   "    while not server.state.go do server.sleep(0.001) end\n"
                                   "  end\n"
                                   "  warn 'of the first'\n"
                                   "  conn:send 'one'\n"
                                   "end\n";
    static const char warns[] = "warn 'as it is loaded'\n"
                                "function on_receive(conn)\n"
                                "  server.state.go = true\n"
                                "  server.sleep(0.02)\n"
                                "  warn 'of the second'\n"
                                "  conn:send 'two'\n"
                                "end\n";
    struct server server = server_begin_reloadable(silences, "1");
    int waiting = client_connect(&server), client = client_connect(&server);
    client_ask(client, "?", "one");
    client_ask(waiting, "wait", "waits");
    server_reload(&server, warns, 2);
    client_ask(client, "?", "two");
    client_expect(waiting, "one");
    server_expect_log(&server, "warn  as it is loaded\n");
    server_expect_log(&server, "warn  of the second\n");
    cr_assert_eq(server_log_count(&server, "of the first"), 0);
    close(waiting);
    close(client);
    server_end(&server);
}
