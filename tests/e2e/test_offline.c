/* moonport test DIR: what it prints, and how it tells what is wrong. */
#include "harness.h"
#include "harness_process.h"
#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what is printed ---- */

Test(offline, results_are_printed_by_file)
{
    struct outcome outcome =
        offline_run(FILES("main.lua", ECHO, "b_test.lua",
                          "test('one', function() end)\n"
                          "test('two', function()\n"
                          "  test.equal('is', 'ought')\n"
                          "end)\n"
                          "test('three', function() end)\n",
                          "a_test.lua", "test('four', function() end)\n", "helper.lua",
                          "test('none', function() error('not a test') end)\n"));
    cr_assert_eq(outcome.status, INPUT);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "a_test.lua\n"
             "  ok    four\n"
             "b_test.lua\n"
             "  ok    one\n"
             "  FAIL  two\n"
             "        %s/b_test.lua:3: expected \"ought\", not \"is\"\n"
             "        stack traceback:\n",
             outcome.directory);
    cr_assert_eq(strncmp(outcome.out, expected, strlen(expected)), 0, "%s", outcome.out);
    const char *rest = strstr(outcome.out, "\n  ok    three\n3 passed, 1 failed\n");
    cr_assert_not_null(rest, "%s", outcome.out);
    cr_assert_str_eq(rest, "\n  ok    three\n3 passed, 1 failed\n");
    cr_assert_str_eq(outcome.err, "");
    offline_end(&outcome);
}

Test(offline, the_examples_tests_pass)
{
    char path[512], *out, *err;
    snprintf(path, sizeof path, "%s/chat", getenv("MOONPORT_SCRIPTS"));
    const char *words[] = {"test", path, NULL};
    cr_assert_eq(program_run(&out, &err, words), 0, "%s%s", out, err);
    cr_assert_eq(strncmp(out, "chat_test.lua\n  ok    ", 22), 0, "%s", out);
    cr_assert_not_null(strstr(out, " passed, 0 failed\n"), "%s", out);
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
}

Test(offline, a_directory_without_tests_is_an_error)
{
    struct outcome outcome = offline_run(FILES("main.lua", ECHO));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_str_eq(outcome.out, "");
    cr_assert_not_null(strstr(outcome.err, "has no tests: they are in files called *_test.lua"),
                       "%s", outcome.err);
    offline_end(&outcome);
    outcome = offline_run(FILES("main.lua", ECHO, "a_test.lua", "local x = 1\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_str_eq(outcome.out,
                     "a_test.lua\n  has no tests: write test(\"name\", function() ... end)\n");
    cr_assert_not_null(strstr(outcome.err, "has no tests"), "%s", outcome.err);
    offline_end(&outcome);
}

Test(offline, a_wrong_script_setting_or_flag_is_told)
{
    struct outcome outcome =
        offline_run(FILES("main.lua", "x = = 1\n", "a_test.lua", "\nx = = 2\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.err, "/a_test.lua:2: unexpected symbol near '='\n"), "%s",
                       outcome.err);
    cr_assert_not_null(strstr(outcome.err, "/main.lua:1: unexpected symbol near '='\n"), "%s",
                       outcome.err);
    cr_assert_str_eq(outcome.out, "");
    offline_end(&outcome);

    outcome = offline_run(FILES("main.lua", ECHO, "config.lua", "return { workrs = 1 }\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.err, "/config.lua:1: unknown setting \"workrs\""), "%s",
                       outcome.err);
    offline_end(&outcome);

    char *out, *err;
    cr_assert_eq(program_run(&out, &err, (const char *[]){"test", NULL}), USAGE);
    free(out);
    free(err);
}

/* That is for whoever serves or checks it. */
Test(offline, a_script_is_not_warned_of)
{
    offline_pass("function on_connect(conn) end\nfunction on_data() end\n", LINES,
                 "test(\"x\", function() test.connect() end)\n");
}

Test(offline, a_script_that_does_not_load_fails_each_file_once)
{
    struct outcome outcome = offline_run(FILES(
        "main.lua", "function on_receive() pritn() end\nfunction on_conect() end\n", "a_test.lua",
        "test('x', function() end)\n", "b_test.lua", "test('x', function() end)\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.out, "b_test.lua\n  FAIL  loads\n"), "%s", outcome.out);
    cr_assert_not_null(
        strstr(outcome.out, "/main.lua:1: pritn is not defined: did you mean print?"), "%s",
        outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/main.lua:2: nothing calls on_conect"), "%s",
                       outcome.out);
    cr_assert_not_null(strstr(outcome.out, "0 passed, 2 failed\n"), "%s", outcome.out);
    offline_end(&outcome);

    outcome = offline_run(FILES("main.lua", "function on_start() error('no luck') end\n",
                                "a_test.lua", "test('x', function() end)\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.out, "  FAIL  loads\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "on_start failed"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/main.lua:1: no luck"), "%s", outcome.out);
    offline_end(&outcome);
}

Test(offline, a_broken_test_file_does_not_keep_the_others_from_running)
{
    struct outcome outcome = offline_run(
        FILES("main.lua", ECHO, "a_test.lua", "test('before', function() end)\nerror('no luck')\n",
              "b_test.lua", "test('x', function() end)\n", "c_test.lua", "test('no function')\n",
              "d_test.lua", "test.connect()\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.out, "a_test.lua\n  FAIL  loads\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/a_test.lua:2: no luck\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "b_test.lua\n  ok    x\n"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/c_test.lua:1: bad argument #2 to 'test' (function"),
                       "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/d_test.lua:1: call this inside of a test: test("),
                       "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "1 passed, 3 failed\n"), "%s", outcome.out);
    offline_end(&outcome);
}

Test(offline, tests_may_be_in_directories)
{
    char path[300], *out, *err;
    char *directory = directory_make("main.lua", ECHO, "module.lua", "return { x = 5 }\n", NULL);
    snprintf(path, sizeof path, "%s/tests", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    file_write(path, "x_test.lua",
               "test('finds modules', function() test.equal(require('module').x, 5) end)\n");
    const char *words[] = {"test", directory, NULL};
    cr_assert_eq(program_run(&out, &err, words), 0, "%s%s", out, err);
    cr_assert_str_eq(out, "tests/x_test.lua\n  ok    finds modules\n1 passed, 0 failed\n");
    free(out);
    free(err);
    directory_remove(directory);
}

/* ---- failures ---- */

Test(offline, of_several_errors_the_first_is_told_and_the_others_are_logged)
{
    static const char script[] =
        "function on_receive(conn, line) error('failed for ' .. line) end\n";
    struct outcome outcome = offline_run(
        FILES("main.lua", script, "config.lua", LINES, "a_test.lua",
              "test('it', function()\n"
              "  for _, name in ipairs { 'one', 'two' } do test.connect():receive(name) end\n"
              "end)\n"));
    cr_assert_eq(outcome.status, 1, "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.out, "failed for one"), "%s%s", outcome.out, outcome.err);
    cr_assert_null(strstr(outcome.out, "failed for two"), "%s%s", outcome.out, outcome.err);
    cr_assert_not_null(strstr(outcome.err, "failed for two"), "%s%s", outcome.out, outcome.err);
    offline_end(&outcome);
}

Test(offline, an_error_in_a_handler_fails_the_test)
{
    static const char script[] =
        "function on_receive(conn, line)\n"
        "  if line == 'fail' then error('no luck') end\n"
        "  server.after(1, function() error('out of time') end)\n"
        "end\n"
        "function on_stop() if server.state.stop then error('no end') end end\n";
    offline_fail(script, "test.connect():receive('fail')", "on_receive (connection ",
                 "/main.lua:2: no luck\n");
    offline_fail(script, "test.connect():receive('x') test.advance(2)",
                 "timer (generation 1): ", "/main.lua:3: out of time\n");
    offline_fail(script, "server.state.stop = true", "on_stop (", "/main.lua:5: no end\n");
    offline_fail(script,
                 "local conn = test.connect()\nconn:receive('fail')\ntest.equal(#conn.sent, 1)",
                 "/a_test.lua:4: expected 1, not 0\n", "before that, on_receive (connection ");
}

Test(offline, a_test_may_expect_errors)
{
    offline_pass("function on_receive(conn, line) error(line) end\n", LINES,
                 "test(\"one\", function()\n"
                 "  local conn = test.connect()\n"
                 "  test.equal(test.error(), nil)\n"
                 "  conn:receive('no luck')\n"
                 "  assert(test.error():find('no luck'))\n"
                 "  test.equal(test.error(), nil)\n"
                 "  test.equal(conn.closed, true)\n"
                 "end)\n"
                 "test(\"many at one time\", function()\n"
                 "  for i = 1, 50 do\n"
                 "    test.connect():receive('no luck ' .. i)\n"
                 "    assert(test.error():find('no luck ' .. i .. '\\n'))\n"
                 "  end\n"
                 "end)\n");
}

Test(offline, what_loops_for_ever_is_interrupted)
{
    /* LuaJIT does not compile a loop that makes functions, so that it can be interrupted. */
    char tests[] = "test('a test', function() local x while true do x = function() end end end)\n"
                   "test('a handler', function() test.connect():receive('x') end)\n"
                   "test('after them', function() end)\n";
    struct outcome outcome = offline_run(FILES(
        "main.lua", "function on_receive()\n  local x while true do x = function() end end\nend\n",
        "config.lua", "return { handler_timeout = 0.1, framing = 'line' }\n", "a_test.lua", tests));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.out, "/a_test.lua:1: interrupted"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "/main.lua:2: interrupted"), "%s", outcome.out);
    cr_assert_not_null(strstr(outcome.out, "  ok    after them\n1 passed, 2 failed\n"), "%s",
                       outcome.out);
    offline_end(&outcome);
}

Test(offline, a_server_that_never_comes_to_rest_fails_the_test)
{
    offline_fail("function on_message(count) server.post(server.worker, count + 1) end\n"
                 "function on_receive() server.post(server.worker, 1) end\n",
                 "test.connect():receive('x')", "/a_test.lua:2: the server never comes to rest",
                 "");
}

Test(offline, misuse_is_told_with_its_line)
{
    offline_fail(ECHO, "\ntest('inner', function() end)", "/a_test.lua:3: a test inside of a test",
                 "");
    offline_fail(ECHO, "\ncoroutine.yield()", "/a_test.lua:3: the test yielded", "");
    offline_fail(ECHO, "coroutine.wrap(function() test.connect() end)()",
                 "/a_test.lua:2: ", "call this from the test itself");
    offline_fail(ECHO, "server.after(0, function() test.connect() end)\ntest.advance(1)",
                 "/a_test.lua:2: call this from the test itself", "timer");
    offline_fail(ECHO, "table.sort({ 2, 1 }, function() test.connect() end)",
                 "/a_test.lua:2: call this from the test itself", "a C function");
    offline_fail(ECHO, "\ntest.connect { listener = 2 }",
                 "/a_test.lua:3: ", "there is no listener 2");
    offline_fail(ECHO, "test.connect { lisener = 1 }",
                 "/a_test.lua:2: ", "knows no lisener: did you mean listener?");
    offline_fail(ECHO, "test.connect { ip = 'nowhere' }",
                 "/a_test.lua:2: ", "\"nowhere\" is not an IPv4");
    offline_fail(ECHO, "test.connect { port = 70000 }", "/a_test.lua:2: ", "65535");
    offline_fail(ECHO, "test.connect('x')", "/a_test.lua:2: bad argument #1 to 'connect'", "table");
    offline_fail(ECHO, "local conn = test.connect()\nconn.receive('x')",
                 "/a_test.lua:3: bad argument #1", "call it like conn:close()");
    offline_fail(ECHO, "test.connect():receive()", "/a_test.lua:2: bad argument",
                 "string expected");
    offline_fail(ECHO, "test.connect():deaf()", "/a_test.lua:2: bad argument", "boolean expected");
    offline_fail(ECHO, "test.advance(-1)", "/a_test.lua:2: bad argument", "from 0 to 1e9");
    offline_fail(ECHO, "test.equal(1)", "/a_test.lua:2: bad argument #2 to 'equal'",
                 "value expected");
    offline_fail(ECHO, "local conn = test.connect()\nconn:close()\nconn:receive('x')",
                 "/a_test.lua:4: ", "this client has closed its connection");
}

Test(offline, too_many_clients_are_told)
{
    struct outcome outcome = offline_run(FILES("main.lua", ECHO, "config.lua",
                                               "return { max_connections = 2 }\n", "a_test.lua",
                                               "test('x', function()\n"
                                               "  for i = 1, 2 do test.connect() end\n"
                                               "  test.connect()\n"
                                               "end)\n"));
    cr_assert_eq(outcome.status, INPUT);
    cr_assert_not_null(strstr(outcome.out, "/a_test.lua:3: test.connect: the server takes no more"),
                       "%s", outcome.out);
    offline_end(&outcome);
}

/* ---- test.equal ---- */

Test(offline, equal_shows_what_differs)
{
    offline_fail(ECHO, "test.equal(nil, 5)", "expected 5, not nil\n", "");
    offline_fail(ECHO, "test.equal('5', 5)", "expected 5, not \"5\"\n", "");
    offline_fail(ECHO, "test.equal('a\\r\\n\\0\"', '')",
                 "expected \"\", not \"a\\r\\n\\000\\\"\"\n", "");
    offline_fail(ECHO, "test.equal({ 'a', x = { 1, { 2 } } }, { 'a', 'b' })",
                 "expected {\"a\", \"b\"}, not {\"a\", x = {1, {2}}}\n", "");
    offline_fail(ECHO, "test.equal({ [5] = true }, {})", "expected {}, not {[5] = true}\n", "");
    offline_fail(ECHO, "test.equal({}, { 1 })", "expected {1}, not {}\n", "");
    offline_fail(ECHO, "test.equal({ 1 }, { 1, 2 })", "expected {1, 2}, not {1}\n", "");
    offline_fail(ECHO, "test.equal(('x'):rep(5000), 'y')", "expected \"y\", not \"xxxxx",
                 "xxx...\n");
    offline_fail(ECHO, "local t = {} t.t = t\nlocal u = {} u.t = u\ntest.equal(t, u)",
                 "/a_test.lua:4: ", "more than 32 deep");
    offline_fail(
        ECHO,
        "test.equal(setmetatable({}, { __tostring = function() return 'me' end }), { 'you' })",
        "expected {\"you\"}, not me\n", "");
    offline_pass(ECHO, LINES,
                 "test(\"by what is in them\", function()\n"
                 "  test.equal({ 1, { x = 'y', [true] = { } } }, { 1, { [true] = {}, x = 'y' } })\n"
                 "  local t = {} t.t = t\n"
                 "  test.equal(t, t)\n"
                 "  test.equal(false, false)\n"
                 "  assert(not pcall(test.equal, false, nil))\n"
                 "end)\n");
}
