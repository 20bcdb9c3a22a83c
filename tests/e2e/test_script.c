/* How scripts are loaded, started and ended, and what their errors do. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sends a packet and sees the connection end. */
static void end_with(const struct server *server, const char *packet)
{
    int client = client_connect(server);
    client_put_text(client, packet);
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
}

/* Starts main.lua, perhaps with a module beside it, which must not start, and say why. */
static void refuse_start(const char *script, const char *module, const char *why)
{
    char *out, *err;
    char *directory = directory_make("main.lua", script, "module.lua", module, NULL);
    const char *words[] = {directory, "--listen",  "127.0.0.1:0", "--backend",
                           backend(), "--workers", "2",           NULL};
    cr_assert_eq(program_run(&out, &err, words), 1, "%s", err);
    cr_assert_not_null(strstr(err, why), "expected \"%s\" in:\n%s", why, err);
    free(out);
    free(err);
    directory_remove(directory);
}

/* ---- errors ---- */

Test(script, an_error_is_logged_with_its_trace_and_ends_that_connection_only)
{
    static const char script[] = "local function fail()\n"
                                 "  error('as you asked')\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if packet == 'fail' then fail() conn:send('no') end\n"
                                 "  if packet == 'fail later' then server.sleep(0.01) fail() end\n"
                                 "  conn:send(packet)\n"
                                 "end\n"
                                 "function on_start() end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int bystander = client_connect(&server);
    client_ask(bystander, "hello", "hello");
    end_with(&server, "fail");
    server_expect_log(&server, "error on_receive (connection ");
    server_expect_log(&server, "main.lua:2: as you asked");
    server_expect_log(&server, "main.lua:5: in function");
    end_with(&server, "fail later");
    server_expect_log(&server, "main.lua:6: in function");
    server_expect_log_count(&server, "main.lua:2: as you asked", 2);
    client_ask(bystander, "still here", "still here");
    cr_assert_eq(server_log_count(&server, "as you asked"), 2, "it was told twice");
    cr_assert_eq(server_log_count(&server, "[C]: in ?"), 0, "what calls the handler is shown");
    close(bystander);
    server_end(&server);
}

Test(script, what_was_sent_before_an_error_goes_out)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet) conn:send('sent') error('then this') end\n"});
    int client = client_connect(&server);
    client_ask(client, "go", "sent");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_end(&server);
}

Test(script, an_error_in_any_handler_ends_that_connection_only)
{
    static const char script[] = "local count = 0\n"
                                 "function on_connect(conn)\n"
                                 "  count = count + 1\n"
                                 "  if count == 2 then error('in on_connect') end\n"
                                 "end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  if packet == 'idle' then conn:idle(0.05) end\n"
                                 "  if packet == 'large' then conn:send(('x'):rep(2^20)) end\n"
                                 "  if packet == 'ask' then conn:send('answer') end\n"
                                 "end\n"
                                 "function on_idle() error('in on_idle') end\n"
                                 "function on_drain() error('in on_drain') end\n"
                                 "function on_disconnect(conn, reason)\n"
                                 "  server.log('info', 'ended %s', reason)\n"
                                 "  error('in on_disconnect')\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int bystander = client_connect(&server);
    client_ask(bystander, "ask", "answer");
    end_with(&server, "the second one is refused");
    server_expect_log(&server, "main.lua:4: in on_connect");
    end_with(&server, "idle");
    server_expect_log(&server, "in on_idle");
    server_expect_log(&server, "ended error\n");
    end_with(&server, "large");
    server_expect_log(&server, "in on_drain");
    server_expect_log_count(&server, "ended error\n", 2);
    server_expect_log_count(&server, "in on_disconnect\n", 2);
    client_ask(bystander, "ask", "answer");
    char *log = server_log(&server);
    cr_assert_null(strstr(strstr(strstr(log, "ended ") + 1, "ended ") + 1, "ended "),
                   "on_disconnect for a connection that was not accepted:\n%s", log);
    free(log);
    close(bystander);
    server_end(&server);
}

Test(script, anything_may_be_thrown)
{
    static const char script[] =
        "local thrown = {\n"
        "  ['nil'] = function() error() end,\n"
        "  ['table'] = function() error({}) end,\n"
        "  ['named'] = function()\n"
        "    error(setmetatable({}, { __tostring = function() return 'a named error' end }))\n"
        "  end,\n"
        "  ['false'] = function() error(false) end,\n"
        "  ['endless'] = function() local function f() return 1 + f() end f() end,\n"
        "}\n"
        "function on_receive(conn, what)\n"
        "  if thrown[what] then thrown[what]() end\n"
        "  conn:send(what)\n"
        "end\n";
    static const char *const names[] = {"nil", "table", "named", "false", "endless"};
    struct server server = server_begin(&(struct begin){.script = script});
    int bystander = client_connect(&server);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        end_with(&server, names[i]);
        server_expect_log_count(&server, "error on_receive (connection ", (int)i + 1);
    }
    server_expect_log(&server, ": a named error\n");
    server_expect_log(&server, "stack overflow");
    client_ask(bystander, "still here", "still here");
    close(bystander);
    server_end(&server);
}

Test(script, an_error_that_cannot_be_told_is_only_an_error)
{
    static const char script[] =
        "function on_receive(conn, what)\n"
        "  local how = { raises = function() error('in __tostring') end,\n"
        "                number = function() return 42 end }\n"
        "  if how[what] then error(setmetatable({}, { __tostring = how[what] })) end\n"
        "  conn:send(what)\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    int bystander = client_connect(&server);
    end_with(&server, "raises");
    end_with(&server, "number");
    server_expect_log_count(&server, "error on_receive (connection ", 2);
    client_ask(bystander, "still here", "still here");
    close(bystander);
    server_end(&server);
}

/* ---- start and stop ---- */

Test(script, every_worker_starts_and_stops_once)
{
    static const char script[] =
        "local started = 0\n"
        "function on_start()\n"
        "  started = started + 1\n"
        "  server.log('info', 'start %d of %d', server.worker, server.workers)\n"
        "end\n"
        "function on_receive(conn) conn:send('started ' .. started) end\n"
        "function on_stop()\n"
        "  server.log('info', 'stop %d, connections %d', server.worker,\n"
        "             select('#', server.connections()()))\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "3"}});
    int clients[6];
    for (int i = 0; i < 6; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "?", "started 1");
    }
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    for (int worker = 1; worker <= 3; worker++) {
        char line[64];
        snprintf(line, sizeof line, "start %d of 3\n", worker);
        server_expect_log(&server, line);
        snprintf(line, sizeof line, "stop %d, connections", worker);
        server_expect_log(&server, line);
    }
    char *log = server_log(&server);
    const char *listening = strstr(log, "listening on");
    cr_assert_null(strstr(listening, "start "), "on_start ran after listening:\n%s", log);
    cr_assert_null(strstr(strstr(log, "stop 1,") + 1, "stop 1,"));
    free(log);
    for (int i = 0; i < 6; i++) close(clients[i]);
    server_end(&server);
}

Test(script, an_error_in_on_start_stops_the_start)
{
    refuse_start("function on_start()\n  error('no database')\nend\n", "",
                 "main.lua:2: no database");
    refuse_start("function on_start() if server.worker == 2 then error('not me') end end\n", "",
                 "main.lua:1: not me");
    refuse_start("function on_start() error({}) end\n", "", "on_start");
    refuse_start("server.sleep(0.01)\n", "", "server.sleep cannot wait in main.lua");
    refuse_start("coroutine.yield()\n", "", "yield");
}

Test(script, an_error_of_the_start_is_told_although_another_one_follows_in_a_close)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    refuse_start(
        "function on_start()\n"
        "  local x <close> = setmetatable({}, { __close = function() error('later') end })\n"
        "  error('no database')\n"
        "end\n",
        "", "on_start failed in worker 1: ");
    refuse_start(
        "function on_start()\n"
        "  local x <close> = setmetatable({}, { __close = function() error('later') end })\n"
        "  error('no database')\n"
        "end\n",
        "", "main.lua:3: no database\n");
}

Test(script, an_error_in_on_stop_is_logged_and_nothing_else)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive() end\nfunction on_stop() error('too late') end\n",
        .flags = {"--workers", "1"}});
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "main.lua:2: too late");
    server_end(&server);
}

/* ---- what main.lua may be ---- */

Test(script, handlers_may_stand_in_a_table_that_is_returned)
{
    static const char script[] =
        "local handlers = {}\n"
        "function handlers.on_receive(conn, packet) conn:send(packet) end\n"
        "function on_receive(conn) conn:send('a global') end\n"
        "function on_connect(conn) conn:send('a global') end\n"
        "return handlers, { on_receive = on_receive }\n";
    struct server server = server_begin(&(struct begin){.script = script});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(script, globals_may_be_strict)
{
    static const char script[] = "setmetatable(_G, { __index = function(_, name)\n"
                                 "  error('undefined ' .. name, 2)\n"
                                 "end })\n"
                                 "function on_receive(conn, packet)\n"
                                 "  conn:send(packet)\n"
                                 "  return _G['nothing_like_it']\n"
                                 "end\n";
    struct server server = server_begin(&(struct begin){.script = script});
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    server_expect_log(&server, "main.lua:6: undefined nothing_like_it");
    close(client);
    server_end(&server);
}

Test(script, workers_have_globals_of_their_own)
{
    static const char script[] = "count = 0\n"
                                 "function on_receive(conn)\n"
                                 "  count = count + 1\n"
                                 "  conn:send(('%d %d'):format(server.worker, count))\n"
                                 "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    int counts[3] = {0}, clients[4];
    for (int i = 0; i < 4; i++) clients[i] = client_connect(&server);
    for (int i = 0; i < 20; i++) {
        size_t size;
        int worker, count;
        client_put_text(clients[i % 4], "?");
        char *answer = (char *)client_take(clients[i % 4], &size);
        cr_assert_eq(sscanf(answer, "%d %d", &worker, &count), 2, "%s", answer);
        cr_assert(worker == 1 || worker == 2);
        cr_assert_eq(count, ++counts[worker]);
        free(answer);
    }
    cr_assert_eq(counts[1], 10, "the connections are not shared out: %d", counts[1]);
    for (int i = 0; i < 4; i++) close(clients[i]);
    server_end(&server);
}

Test(script, modules_are_found_beside_main_lua)
{
    refuse_start("local module = require 'module'\nerror(module.say('hello'), 0)\n",
                 "assert(send and broadcast and server.worker)\n"
                 "return { say = function(what) return 'the module says ' .. what end }\n",
                 "the module says hello");
    refuse_start("require 'module'\n", "\n\nerror('broken')\n", "module.lua:3: broken");
    refuse_start("require 'module'\n", "\nthis is no Lua\n", "module.lua:2:");
    refuse_start("require 'missing'\n", "", "module 'missing' not found");
}

Test(script, what_is_printed_shows_at_once)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet) print('got', packet) conn:send('') end\n"});
    int client = client_connect(&server);
    client_ask(client, "a packet", "");
    char *out = server_out(&server);
    cr_assert_str_eq(out, "got\ta packet\n");
    free(out);
    close(client);
    server_end(&server);
}

Test(script, log_writes_from_its_level_up)
{
    static const char script[] =
        "function on_receive(conn)\n"
        "  for _, level in ipairs { 'debug', 'info', 'warn', 'error' } do\n"
        "    server.log(level, 'this is %s, %d%%', level, 100)\n"
        "  end\n"
        "  server.log('error', '100%d of it')\n"
        "  server.log('error', 'two\\nlines and a \\27 bell')\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    struct server quiet =
        server_begin(&(struct begin){.script = script, .flags = {"--log", "debug"}});
    struct server *servers[] = {&server, &quiet};
    for (int i = 0; i < 2; i++) {
        int client = client_connect(servers[i]);
        client_put_text(client, "go");
        server_expect_log(servers[i], "error two\n  lines and a \\x1b bell\n");
        char *log = server_log(servers[i]);
        cr_assert_not_null(strstr(log, "error this is error, 100%\n"), "%s", log);
        cr_assert_not_null(strstr(log, "error 100%d of it\n"), "%s", log);
        cr_assert_not_null(strstr(log, "warn  this is warn, 100%\n"), "%s", log);
        cr_assert_not_null(strstr(log, "info  this is info, 100%\n"), "%s", log);
        cr_assert_eq(strstr(log, "debug this is debug") != NULL, i == 1, "%s", log);
        free(log);
        close(client);
        server_end(servers[i]);
    }
}
