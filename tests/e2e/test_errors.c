/* Errors of scripts: all of each is told, wherever it comes from, and none floods the log. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void see_end(int client)
{
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
}

/* Sends a packet and sees the connection end. */
static void end_with(const struct server *server, const char *packet)
{
    int client = client_connect(server);
    client_put_text(client, packet);
    see_end(client);
}

/* Sends so many packets to a server, of which each ends its connection. */
static void fail_often(const struct server *server, const char *packet, int count)
{
    for (int i = 0; i < count; i++) end_with(server, packet);
}

Test(errors, of_many_failures_a_few_are_logged_and_the_count_of_the_others_comes_by_itself)
{
    enum { FAILURES = 200 };
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if packet == 'fail' then error('on purpose ' .. conn.id) end\n"
                            "  conn:send(packet)\n"
                            "end\n");
    fail_often(&server, "fail", FAILURES);
    server_expect_log(&server, " more like it within a second: on_receive: ");
    int shown = server_log_count(&server, "error on_receive (connection ");
    cr_assert_lt(shown, FAILURES);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(errors, a_failure_of_another_kind_is_not_held_back)
{
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if packet == 'often' then error('on purpose') end\n"
                            "  if packet == 'once' then error('this matters') end\n"
                            "  local nothing = nil\n"
                            "  return nothing.at_all\n"
                            "end\n"
                            "function on_disconnect() error('in the end') end\n");
    fail_often(&server, "often", 50);
    end_with(&server, "once");
    end_with(&server, "third");
    server_expect_log(&server, "main.lua:3: this matters");
    server_expect_log(&server, "main.lua:5: attempt to index ");
    server_end(&server);
}

Test(errors, what_cannot_be_called_again_and_again_does_not_flood_the_log)
{
    struct server server = server_begin(
        &(struct begin){.script = "local kept = {}\n"
                                  "function on_receive(conn, packet)\n"
                                  "  if packet:sub(1, 4) == 'fail' then error(packet) end\n"
                                  "  if packet == 'other' then error('elsewhere') end\n"
                                  "end\n",
                        .flags = {"--workers", "1"}});
    char packet[32];
    for (int i = 0; i < 100; i++) { /* whoever chooses the text makes no kinds of their own */
        snprintf(packet, sizeof packet, "fail %c%c", 'a' + i % 10, 'a' + i / 10);
        end_with(&server, packet);
    }
    end_with(&server, "other"); /* another line is another kind */
    server_expect_log(&server, "main.lua:4: elsewhere\n");
    server_expect_log(&server, " more like it within a second: on_receive: ");
    cr_assert_lt(server_log_count(&server, "error on_receive (connection "), 100);
    server_end(&server);
}

Test(errors, many_clients_of_another_protocol_do_not_flood_the_log)
{
    enum { CLIENTS = 100 };
    struct server server = server_begin_script("function on_receive(conn, packet) end\n");
    for (int i = 0; i < CLIENTS; i++) {
        int client = client_connect(&server);
        client_send_text(client, "GET / HTTP/1.1\r\n\r\n");
        see_end(client);
    }
    server_expect_log(&server, " more like it within a second: ");
    cr_assert_lt(server_log_count(&server, "closed: "), CLIENTS);
    server_end(&server);
}

/* The seconds of two kinds end one after the other. */
Test(errors, the_count_of_each_kind_comes_by_itself)
{
    struct server server = server_begin_script("local function early() error('early') end\n"
                                               "local function late() error('late') end\n"
                                               "function on_receive(conn, packet)\n"
                                               "  for i = 1, 20 do server.after(0, early) end\n"
                                               "  for i = 1, 20 do server.after(0.5, late) end\n"
                                               "end\n");
    int client = client_connect(&server);
    client_put_text(client, "begin");
    server_expect_log(&server, "main.lua:2: late\n");
    server_expect_log_count(&server, " more like it within a second: ", 2);
    close(client);
    server_end(&server);
}

Test(errors, at_the_end_what_was_held_back_is_told)
{
    int clients[50];
    struct server server =
        server_begin_script("function on_receive(conn, packet) conn:send(packet) end\n"
                            "function on_disconnect() error('the last word') end\n");
    for (int i = 0; i < 50; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "here", "here");
    }
    server_signal(&server, SIGTERM);
    for (int i = 0; i < 50; i++) see_end(clients[i]);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, " more like it within a second: on_disconnect: ");
    server_end(&server);
}

Test(errors, a_nul_cuts_nothing_off_in_the_log)
{
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  if packet == 'text' then server.log('info', 'one\\0two 100%') end\n"
        "  if packet == 'format' then\n"
        "    server.log('warn', '%s and %d%%', 'three\\0four', 5)\n"
        "  end\n"
        "  if packet == 'error' then error('five\\0six') end\n"
        "  if packet == 'object' then\n"
        "    error(setmetatable({}, { __tostring = function()\n"
        "      return 'seven\\0eight'\n"
        "    end }))\n"
        "  end\n"
        "  conn:close()\n"
        "end\n";
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    fail_often(&server, "text", 1);
    server_expect_log(&server, "info  one\\x00two 100%\n");
    fail_often(&server, "format", 1);
    server_expect_log(&server, "warn  three\\x00four and 5%\n");
    fail_often(&server, "error", 1);
    server_expect_log(&server, "main.lua:6: five\\x00six\n  stack traceback");
    fail_often(&server, "object", 1);
    server_expect_log(&server, ": seven\\x00eight\n");
    server_end(&server);
}

/* Each is at a line of its own. */
Test(errors, of_many_different_ones_each_is_logged)
{
    enum { LINES = 90 };
    static char script[LINES * 64 + 256];
    size_t size = (size_t)snprintf(script, sizeof script, "local fail = {}\n");
    for (int i = 0; i < LINES; i++)
        size += (size_t)snprintf(script + size, sizeof script - size,
                                 "fail[%d] = function() error('on purpose') end\n", i + 1);
    snprintf(script + size, sizeof script - size,
             "function on_receive(conn)\n"
             "  for i = 1, 20 do for j = 1, #fail do server.after(0, fail[j]) end end\n"
             "  conn:close()\n"
             "end\n");
    struct server server = server_begin_script(script);
    end_with(&server, "go");
    for (int i = 0; i < LINES; i++) {
        char text[64];
        snprintf(text, sizeof text, "main.lua:%d: on purpose\n", i + 2);
        server_expect_log(&server, text);
    }
    server_expect_log_count(&server, " more like it within a second: timer: ", LINES);
    cr_assert_lt(server_log_count(&server, "error timer (generation 1)"), LINES * 20);
    server_end(&server);
}

Test(errors, of_jobs_hide_no_others)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  for i = 1, 10 do server.job('work', 'fails', 'often') end\n"
                                  "  server.job('work', 'differs')\n"
                                  "  server.job('work', 'fails', 'seldom')\n"
                                  "  conn:close()\n"
                                  "end\n",
                        .flags = {"--workers", "1"}});
    script_write(&server, "work.lua",
                 "local work = {}\n"
                 "function work.fails(what) error('it fails ' .. what) end\n"
                 "function work.differs() local x = nil; return x.y end\n"
                 "return work\n");
    server_expect_log(&server, "generation 2 runs");
    end_with(&server, "go");
    server_expect_log(&server, "error a job: ");
    server_expect_log(&server, "work.lua:2: it fails often\n");
    server_expect_log(&server, "work.lua:3: attempt to index ");
    server_expect_log(&server, "work.lua:2: it fails seldom\n");
    cr_assert_lt(server_log_count(&server, "it fails often\n"), 10);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, " more like it within a second: a job: ");
    server_end(&server);
}

/* ---- errors that no handler is told of ---- */

Test(errors, of_finalizers_are_heard)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  local proxy = newproxy and newproxy(true)\n"
                                  "  local meta = proxy and getmetatable(proxy) or {}\n"
                                  "  meta.__gc = function() error('in the finalizer') end\n"
                                  "  if not proxy then setmetatable({}, meta) end\n"
                                  "  proxy = nil\n"
                                  "  collectgarbage() collectgarbage()\n"
                                  "  conn:close()\n"
                                  "end\n",
                        .flags = {"--workers", "1"}});
    end_with(&server, "go");
    server_expect_log(&server, "main.lua:4: in the finalizer");
    server_end(&server);
}

Test(errors, of_finalizers_do_not_flood_the_log)
{
    need_lua_5_4("LuaJIT raises them in whatever runs");
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet)\n"
                  "  for i = 1, 100 do\n"
                  "    setmetatable({}, { __gc = function() error('number ' .. i) end })\n"
                  "  end\n"
                  "  collectgarbage()\n"
                  "  warn('of ', 'the script')\n"
                  "  conn:close()\n"
                  "end\n",
        .flags = {"--workers", "1"}});
    end_with(&server, "go");
    server_expect_log(&server, "warn  of the script\n");
    server_expect_log(&server, "warn  95 more like it within a second: error in __gc (");
    cr_assert_eq(server_log_count(&server, "warn  error in __gc ("), 5);
    server_end(&server);
}

Test(errors, warnings_go_to_the_log_unless_they_are_off)
{
    need_lua_5_4("LuaJIT has no warn");
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  warn('first')\n"
                                               "  warn('@off') warn('second')\n"
                                               "  warn('@unheard of') warn('third')\n"
                                               "  warn('@on') warn('fou', 'r', 'th')\n"
                                               "  warn('@off', ' is no command in pieces')\n"
                                               "  warn('neither is ', '@off') warn('fifth')\n"
                                               "  warn(('x'):rep(1e6), ('y'):rep(1e6))\n"
                                               "  warn('behind a long one')\n"
                                               "  warn('fif\\0th', ' \\0')\n"
                                               "  assert(not pcall(warn) and not pcall(warn, {}))\n"
                                               "  assert(not pcall(warn, 'x', nil))\n"
                                               "  conn:close()\n"
                                               "end\n",
                                     .flags = {"--workers", "1"}});
    end_with(&server, "go");
    server_expect_log(&server, "warn  first\n");
    server_expect_log(&server, "warn  fourth\n");
    server_expect_log(&server, "warn  @off is no command in pieces\n");
    server_expect_log(&server, "warn  neither is @off\n");
    server_expect_log(&server, "warn  fifth\n");
    server_expect_log(&server, "warn  xxx");
    server_expect_log(&server, "xxx\n");
    server_expect_log(&server, "warn  behind a long one\n");
    server_expect_log(&server, "warn  fif\\x00th \\x00\n");
    cr_assert_eq(server_log_count(&server, "second"), 0);
    cr_assert_eq(server_log_count(&server, "third"), 0);
    server_end(&server);
}

Test(errors, warnings_of_a_script_are_all_logged)
{
    need_lua_5_4("LuaJIT has no warn");
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  for i = 1, 20 do warn('of the script: ' .. i) end\n"
                                  "  conn:close()\n"
                                  "end\n",
                        .flags = {"--workers", "1"}});
    end_with(&server, "go");
    server_expect_log(&server, "warn  of the script: 20\n");
    cr_assert_eq(server_log_count(&server, "warn  of the script: "), 20);
    server_end(&server);
}

Test(errors, of_variables_that_are_closed_are_heard)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    struct server server = server_begin(&(struct begin){
        .script = "local function closing(text)\n"
                  "  return setmetatable({}, { __close = function() error(text) end })\n"
                  "end\n"
                  "function on_receive(conn, packet)\n"
                  "  local guard <close> = closing('in the close of ' .. packet)\n"
                  "  if packet == 'fail' then error('as asked') end\n"
                  "  if packet == 'wait' then server.after(0, function() conn:abort() end) end\n"
                  "  server.sleep(1000)\n"
                  "end\n",
        .flags = {"--workers", "1"}});
    end_with(&server, "wait");
    server_expect_log(&server, "), in __close: ");
    server_expect_log(&server, "main.lua:2: in the close of wait\n");
    end_with(&server, "fail");
    server_expect_log(&server, "main.lua:6: as asked\n");
    server_expect_log(&server, "main.lua:2: in the close of fail\n");
    server_end(&server);
}

/* ---- recursion ---- */

#define RECURSION \
    "local ways = {}\n" \
    "function ways.gsub() return (('x'):gsub('x', ways.gsub)) end\n" \
    "function ways.wrap() return coroutine.wrap(ways.wrap)() end\n" \
    "function ways.both() return (('x'):gsub('x', coroutine.wrap(ways.both))) end\n" \
    "function ways.resume() return assert(coroutine.resume(coroutine.create(ways.resume))) end\n" \
    "function ways.sort() table.sort({ 1, 2, 3 }, ways.sort) return false end\n" \
    "function on_receive(conn, packet)\n" \
    "  local fine, message = pcall(ways[packet])\n" \
    "  conn:send(not fine and message:find('stack overflow') and 'fine' or tostring(message))\n" \
    "end\n"
static const char *const ways[] = {"gsub", "wrap", "both", "resume", "sort"};

/* What is started meanwhile has this much for its stacks, if it leaves that to the system. */
static rlim_t set_stack_limit(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_STACK, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    if (!on_windows()) cr_assert_eq(setrlimit(RLIMIT_STACK, &limit), 0);
    return before;
}

Test(errors, recursion_through_functions_in_c_ends_with_an_error_whatever_the_stack)
{
    rlim_t before = set_stack_limit(256 << 10);
    struct server server = server_begin(&(struct begin){
        .script = RECURSION, .flags = {"--workers", "1", "--handler-timeout", "60"}});
    set_stack_limit(before);
    int client = client_connect(&server);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) client_ask(client, ways[i], "fine");
    close(client);
    server_end(&server);
}

Test(errors, recursion_in_a_test_ends_with_an_error_too)
{
    char *out, *err;
    char *directory = directory_make("main.lua", RECURSION, "a_test.lua",
                                     "test('it', function()\n"
                                     "  local client = test.connect()\n"
                                     "  client:receive('gsub')\n"
                                     "  client:receive('both')\n"
                                     "  test.equal(client.sent, { 'fine', 'fine' })\n"
                                     "end)\n",
                                     NULL);
    rlim_t before = set_stack_limit(256 << 10);
    int status = program_run(&out, &err, WORDS("test", directory, "--handler-timeout", "60"));
    set_stack_limit(before);
    cr_assert_eq(status, 0, "%s%s", out, err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(errors, what_fails_while_an_error_is_told_may_be_no_text)
{
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if packet == 'hello' then return conn:send(packet) end\n"
                            "  error(setmetatable({}, { __tostring = function() error({}) end }))\n"
                            "end\n");
    int failing = client_connect(&server), client = client_connect(&server);
    client_put_text(failing, "fail");
    cr_assert_eq(client_await_end(failing), CLIENT_EOF);
    server_expect_log(&server, "(an error that cannot be told)");
    client_ask(client, "hello", "hello");
    close(failing);
    close(client);
    server_end(&server);
}
