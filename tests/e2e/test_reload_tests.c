/* The setting reload_tests: a reload runs the tests of the directory first, beside the server. */
#include "harness_process.h"
#include "reload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAYS(word) "function on_receive(conn, packet) conn:send('" word "') end\n"

/* main_test.lua expects this word. */
#define EXPECTS(word) \
    "test('it says what it is to say', function()\n" \
    "  local client = test.connect()\n" \
    "  client:receive('what?')\n" \
    "  test.equal(client.sent[1], '" word "')\n" \
    "end)\n"

static struct server begin(const char *config)
{
    return server_begin(&(struct begin){.script = SAYS("one"),
                                        .config = config,
                                        .admin = true,
                                        .flags = {"--workers", "2", "--reload", "signal"}});
}

static void put(const struct server *server, const char *script, const char *test)
{
    script_write(server, "main.lua", script);
    script_write(server, "main_test.lua", test);
}

static bool has_file(const struct server *server, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    return access(path, F_OK) == 0;
}

static void expect_file(const struct server *server, const char *name)
{
    for (int i = 0; i < 30000 * patience() / 10 && !has_file(server, name); i++) usleep(10000);
    cr_assert(has_file(server, name), "%s", name);
}

Test(reload_tests, those_that_pass_let_it_in_and_those_that_fail_do_not)
{
    struct server server = begin("return { reload_tests = true }\n");
    int client = client_connect(&server);
    put(&server, SAYS("two"), EXPECTS("two"));
    server_command(&server, "reload", 0,
                   "tests: 1 passed, 0 failed\n"
                   "generation 2 runs: main.lua, main_test.lua\n");
    client_ask(client, "what?", "two");
    script_write(&server, "main.lua", SAYS("three"));
    server_command(&server, "reload", INPUT, "the tests fail: 0 passed, 1 failed\n");
    server_command(&server, "reload", INPUT, "main_test.lua: it says what it is to say\n");
    server_command(&server, "reload", INPUT, "main_test.lua:4: ");
    server_command(&server, "reload", INPUT, "nothing has changed: generation 2 runs\n");
    server_expect_log(&server, "main_test.lua:4: ");
    client_ask(client, "what?", "two");
    server_command(&server, "rollback", 0, "generation 3 runs: main.lua, main_test.lua\n");
    client_ask(client, "what?", "one");
    script_write(&server, "main_test.lua", EXPECTS("three"));
    server_command(&server, "reload", 0, "generation 4 runs");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload_tests, a_save_is_tested_and_refused_once)
{
    struct server server =
        server_begin(&(struct begin){.script = SAYS("one"),
                                     .config = "return { reload_tests = true }\n",
                                     .flags = {"--workers", "2", "--log", "debug"}});
    int client = client_connect(&server);
    script_replace(&server, "main_test.lua", EXPECTS("one"));
    server_expect_log(&server, "info  reload: tests: 1 passed, 0 failed\n"
                               "  generation 2 runs: main_test.lua\n  by: save\n");
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "error reload: the tests fail: 0 passed, 1 failed\n");
    script_replace(&server, "other.txt", "a change of the directory");
    server_expect_log(&server, "these files have been refused already");
    client_ask(client, "what?", "one");
    script_replace(&server, "main.lua", "");
    server_expect_log(&server, "main.lua is empty, which only moonport reload takes");
    cr_assert_eq(server_log_count(&server, "the tests fail"), 1);
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log_count(&server, "the tests fail", 2);
    script_replace(&server, "main_test.lua", EXPECTS("two"));
    server_expect_log(&server, "generation 3 runs: main.lua, main_test.lua\n");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload_tests, without_tests_there_is_nothing_to_run)
{
    struct server server = begin("return { reload_tests = true }\n");
    script_write(&server, "main.lua", SAYS("two"));
    server_command(&server, "reload", 0,
                   "there are no tests to run: no file is called *_test.lua\n"
                   "generation 2 runs: main.lua\n");
    script_write(&server, "main.lua", SAYS("three"));
    server_command(&server, "reload", 0, "generation 3 runs: main.lua\n");
    cr_assert_eq(server_log_count(&server, "there are no tests to run"), 1); /* it is told once */
    put(&server, SAYS("four"), EXPECTS("four"));
    server_command(&server, "reload", 0, "tests: 1 passed, 0 failed\n");
    cr_assert_eq(server_log_count(&server, "there are no tests to run"), 1);
    char path[600];
    snprintf(path, sizeof path, "%s/main_test.lua", server.directory);
    cr_assert_eq(unlink(path), 0);
    server_command(&server, "reload", 0, "there are no tests to run");
    server_end(&server);
}

/* What is newer decides. */
Test(reload_tests, a_reload_switches_it_on_and_off)
{
    struct server server = begin("return {}\n");
    put(&server, SAYS("two"), EXPECTS("three"));
    server_command(&server, "reload", 0, "generation 2 runs: main.lua, main_test.lua\n");
    script_write(&server, "config.lua", "return { reload_tests = true }\n");
    server_command(&server, "reload", INPUT, "the tests fail: 0 passed, 1 failed\n");
    script_write(&server, "main.lua", SAYS("three"));
    server_command(&server, "reload", 0, "settings changed: reload_tests\n");
    script_write(&server, "main.lua", SAYS("four"));
    server_command(&server, "reload", INPUT, "the tests fail");
    script_write(&server, "config.lua", "return {}\n");
    server_command(&server, "reload", 0, "generation 4 runs: config.lua, main.lua\n");
    server_end(&server);
}

Test(reload_tests, a_rollback_runs_none)
{
    struct server server = begin("return { reload_tests = true }\n");
    put(&server, SAYS("two"), EXPECTS("two"));
    server_command(&server, "reload", 0, "generation 2 runs");
    cr_assert_eq(server_log_count(&server, "tests: 1 passed"), 1);
    server_command(&server, "rollback", 0, "generation 3 runs");
    cr_assert_eq(server_log_count(&server, "tests: 1 passed"), 1);
    cr_assert_eq(server_log_count(&server, "there are no tests"), 0);
    server_end(&server);
}

/* What does not load needs no tests to be refused; what fails to load in tests says so, too. */
Test(reload_tests, an_error_in_the_files_is_told_as_without_tests)
{
    struct server server = begin("return { reload_tests = true }\n");
    put(&server, "local x = = 1\n", EXPECTS("two"));
    server_command(&server, "reload", INPUT, "/main.lua:1: ");
    cr_assert_eq(server_log_count(&server, "the tests fail"), 0, "%s", server_log(&server));
    script_write(&server, "config.lua", "return { reload_tests = true, idle_timeout = 'long' }\n");
    server_command(&server, "reload", INPUT, "config.lua:1: idle_timeout");
    script_write(&server, "config.lua", "return { reload_tests = true }\n");
    put(&server, SAYS("two"), "test('broken', function()\n");
    server_command(&server, "reload", INPUT, "/main_test.lua:2: ");
    put(&server, "error('no luck')\n", EXPECTS("two"));
    server_command(&server, "reload", INPUT, "main.lua:1: no luck");
    put(&server, SAYS("two"), "-- nothing\n");
    server_command(&server, "reload", INPUT, "has no tests");
    server_end(&server);
}

Test(reload_tests, flags_hold_in_tests_as_they_do_in_the_server)
{
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .flags = {"--workers", "1", "--reload", "signal", "--reload-tests", "true",
                                  "--framing", "line,delimiter=a \"b\\\\", "--idle-timeout=5"}});
    put(&server, SAYS("two"),
        "test('framing and a limit', function()\n"
        "  local client = test.connect()\n"
        "  client:receive_bytes('what?a \"b\\\\')\n"
        "  test.equal(client.sent[1], 'two')\n"
        "  test.advance(4)\n"
        "  assert(not client.closed)\n"
        "  test.advance(2)\n"
        "  assert(client.closed)\n"
        "end)\n");
    server_command(&server, "reload", 0, "tests: 1 passed, 0 failed\n");
    server_end(&server);
}

Test(reload_tests, memory_and_output_without_end_harm_nobody)
{
    need_lua_5_4("LuaJIT keeps to lua_memory only approximately");
    struct server server =
        begin("return { reload_tests = true, lua_memory = '64M', handler_timeout = 100 }\n");
    int client = client_connect(&server);
    put(&server, SAYS("two"),
        "test('eats', function()\n"
        "  local all = {}\n"
        "  while true do all[#all + 1] = ('x'):rep(1e6) .. #all end\n"
        "end)\n");
    server_command(&server, "reload", INPUT, "not enough memory");
    client_ask(client, "what?", "one");
    script_write(&server, "config.lua", "return { reload_tests = true, handler_timeout = 1 }\n");
    put(&server, SAYS("two"),
        "test('talks', function()\n"
        "  while true do print(('x'):rep(1000)) end\n"
        "end)\n");
    server_command(&server, "reload", INPUT, "interrupted, it has run for longer");
    client_ask(client, "what?", "one");
    put(&server, SAYS("two"),
        "for i = 1, 100 do test('fails ' .. i, function() error('luck ' .. i) end) end\n");
    server_command(&server, "reload", INPUT, "the tests fail: 0 passed, 100 failed\n");
    server_command(&server, "reload", INPUT, "luck 1\n");
    client_ask(client, "what?", "one");
    close(client);
    server_end(&server);
}

static bool is_there(pid_t process)
{
    return kill(process, 0) == 0 || errno != ESRCH;
}

/* They wait for a program that they have started. */
#define HANGS \
    "test('hangs', function()\n" \
    "  local here = debug.getinfo(1, 'S').source:match('^@(.*)/[^/]*$')\n" \
    "  os.execute('echo $$ >' .. here .. '/.new && mv ' .. here .. '/.new ' .. here ..\n" \
    "    '/hangs && exec sleep 1000')\n" \
    "end)\n"

/* Nor do others: the figures, and those that connect. */
Test(reload_tests, a_rollback_does_not_wait_for_them)
{
    if (on_windows()) cr_skip_test("NOT TESTED: there is no sh on Windows");
    char address[64], *out, *err;
    struct server server = begin("return { reload_tests = true }\n");
    script_write(&server, "main.lua", SAYS("two"));
    server_command(&server, "reload", 0, "generation 2 runs");
    put(&server, SAYS("three"), HANGS);
    server_admin(&server, address, sizeof address);
    pid_t reload = process_start(
        (const char *[]){getenv("MOONPORT_PROGRAM"), "reload", "--admin", address, NULL}, -1,
        "/dev/null", "/dev/null");
    expect_file(&server, "hangs");
    int client = client_connect(&server);
    client_ask(client, "what?", "two");
    cr_assert_eq(program_run(&out, &err, WORDS("stats", "--admin", address)), 0, "%s", err);
    free(out);
    free(err);
    cr_assert_not(process_has_ended(reload));
    server_command(&server, "rollback", 0, "generation 3 runs");
    cr_assert_eq(process_await(reload), INPUT);
    server_expect_log(&server, "reload: the tests were called off\n"
                               "  nothing has changed: generation 2 runs\n  by: command\n");
    client_ask(client, "what?", "one");
    close(client);
    server_end(&server);
}

/* None of what they have started is left. */
Test(reload_tests, a_stop_does_not_wait_for_them)
{
    if (on_windows()) cr_skip_test("NOT TESTED: there is no sh on Windows");
    struct server server = begin("return { reload_tests = true }\n");
    put(&server, SAYS("two"), HANGS);
    server_signal(&server, SIGHUP);
    expect_file(&server, "hangs");
    char path[600];
    snprintf(path, sizeof path, "%s/hangs", server.directory);
    FILE *file = fopen(path, "r");
    int process = 0;
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%d", &process), 1);
    fclose(file);
    cr_assert(is_there(process));
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "reload: the tests were called off\n");
    for (int i = 0; i < 1000 && is_there(process); i++) usleep(10000);
    cr_assert_not(is_there(process));
    server_end(&server);
}

/* ---- files that change meanwhile ---- */

/* The first time it runs, the test changes what it tests. */
Test(reload_tests, what_was_tested_is_what_is_loaded)
{
    struct server server = begin("return { reload_tests = true }\n");
    int client = client_connect(&server);
    put(&server, SAYS("two"),
        "test('changes it', function()\n"
        "  local here = debug.getinfo(1, 'S').source:match('^@(.*)/[^/]*$')\n"
        "  local client = test.connect()\n"
        "  client:receive('what?')\n"
        "  if client.sent[1] == 'two' then\n"
        "    local file = io.open(here .. '/main.lua', 'w')\n"
        "    file:write(\"function on_receive(conn) conn:send('three') end\")\n"
        "    file:close()\n"
        "  end\n"
        "end)\n");
    server_command(&server, "reload", 0, "generation 2 runs: main.lua, main_test.lua\n");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload_tests, files_that_change_each_time_are_refused)
{
    struct server server = begin("return { reload_tests = true }\n");
    int client = client_connect(&server);
    put(&server, SAYS("two"),
        "test('changes it', function()\n"
        "  local here = debug.getinfo(1, 'S').source:match('^@(.*)/[^/]*$')\n"
        "  local file = io.open(here .. '/main.lua', 'a')\n"
        "  file:write('-- and more\\n')\n"
        "  file:close()\n"
        "end)\n");
    server_command(&server, "reload", INPUT,
                   "the files change again and again while they are tested\n"
                   "nothing has changed: generation 1 runs\n");
    client_ask(client, "what?", "one");
    close(client);
    server_end(&server);
}

/* ---- what runs meanwhile ---- */

#define TAKEN_BACK "error probation: "

/* The tests last until the test here lets them go on; until then what runs is judged. */
Test(reload_tests, what_runs_is_on_probation_meanwhile)
{
    if (on_windows()) cr_skip_test("NOT TESTED: there is no sh on Windows");
    int clients[3];
    struct server server = begin("return { probation = 100 }\n");
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "what?", "one");
    }
    script_write(&server, "main.lua", "function on_receive() error('no luck') end\n");
    server_command(&server, "reload", 0, "generation 2 runs: main.lua\n");
    script_write(&server, "config.lua", "return { probation = 100, reload_tests = true }\n");
    put(&server, SAYS("three"),
        "test('waits', function()\n"
        "  local here = debug.getinfo(1, 'S').source:match('^@(.*)/[^/]*$')\n"
        "  os.execute('touch ' .. here .. '/waits; while test ! -e ' .. here ..\n"
        "    '/done; do sleep 0.05; done')\n"
        "end)\n");
    server_signal(&server, SIGHUP);
    expect_file(&server, "waits");
    for (int i = 0; i < 3; i++) client_put_text(clients[i], "what?");
    server_expect_log(&server, TAKEN_BACK);
    for (int i = 0; i < 3; i++) client_ask(clients[i], "what?", "one");
    cr_assert_eq(server_log_count(&server, "generation 4 runs"), 0);
    script_write(&server, "done", "");
    server_expect_log(&server, "generation 4 runs: config.lua, main.lua, main_test.lua\n");
    for (int i = 0; i < 3; i++) {
        client_ask(clients[i], "what?", "three");
        close(clients[i]);
    }
    server_end(&server);
}
