/* config.lua: what it may say, and what is said when it is wrong. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The start must fail with status 1, and the message must have both parts. */
static void refuse(const char *config, const char *first, const char *second)
{
    char *directory = directory_make("main.lua", ECHO, "config.lua", config, NULL);
    const char *words[] = {directory, "--backend", backend(), "--listen", "127.0.0.1:0", NULL};
    program_fail(INPUT, words, first, second);
    directory_remove(directory);
}

/* Starts far enough for main.lua to tell one of its figures by an error. */
static void expect_figure(const char *config, const char *const *flags, const char *expression,
                          const char *figure)
{
    char *out, *err, script[256];
    const char *words[16] = {NULL, "--listen", "127.0.0.1:0", "--backend", backend()};
    snprintf(script, sizeof script,
             "local stats = server.stats()\nerror(('figure <%%.0f>'):format(%s), 0)\n", expression);
    char *directory = directory_make("main.lua", script, "config.lua", config, NULL);
    words[0] = directory;
    for (int i = 0; flags[i] != NULL; i++) words[5 + i] = flags[i];
    cr_assert_eq(program_run(&out, &err, words), 1, "%s", err);
    snprintf(script, sizeof script, "figure <%s>", figure);
    cr_assert_not_null(strstr(err, script), "expected %s of %s in:\n%s", script, config, err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(config, what_is_no_table_is_told)
{
    refuse("return {\n  workers = ,\n}\n", "config.lua:2:", "near ','");
    refuse("return { workers = 2\n\n", "config.lua:3:", "'}' expected");
    refuse("", "config.lua", "return a table");
    refuse("return 42\n", "config.lua", "return a table");
    refuse("workers = 2\n", "config.lua", "return a table");
    refuse("return { 'workers' }\n", "config.lua", "write name = value");
}

Test(config, an_unknown_setting_names_the_nearest)
{
    refuse("return { wrokers = 2 }\n", "unknown setting \"wrokers\"", "did you mean \"workers\"?");
    refuse("return { idle_timout = 2 }\n", "config.lua", "did you mean \"idle_timeout\"?");
    refuse("return { lisen = '127.0.0.1:0' }\n", "config.lua", "did you mean \"listen\"?");
    refuse("return { nothing_like_it = 2 }\n", "nothing_like_it", "max_connections");
    refuse("return { listen = { { adress = '127.0.0.1:0' } } }\n", "config.lua", "address");
    refuse("return { listen = { { address = '127.0.0.1:0', framming = 'line' } } }\n", "framming",
           "did you mean \"framing\"?");
    refuse("return { framing = { 'length', sise = 2 } }\n", "sise", "size");
}

Test(config, a_value_of_another_kind_is_told)
{
    refuse("return { workers = 'many' }\n", "workers = \"many\"", "a whole number");
    refuse("return { workers = 2.5 }\n", "workers = \"2.5\"", "a whole number");
    refuse("return { workers = {} }\n", "workers is a table", "expected");
    refuse("return { workers = true }\n", "workers = \"true\"", "a whole number");
    refuse("return { workers = 1e300 }\n", "workers", "a whole number");
    refuse("return { max_packet = '16X' }\n", "max_packet = \"16X\"", "a size");
    refuse("return { max_packet = '2G' }\n", "max_packet = \"2G\"", "from 1 to 1G");
    refuse("return { idle_timeout = -1 }\n", "idle_timeout = \"-1\"", "seconds");
    refuse("return { idle_timeout = 0 / 0 }\n", "idle_timeout", "seconds");
    refuse("return { idle_timeout = 1 / 0 }\n", "idle_timeout", "seconds");
    refuse("return { log = 'loud' }\n", "log = \"loud\"", "error|warn|info|debug");
    refuse("return { framing = 5 }\n", "\"5\"", "\"length\"");
    refuse("return { framing = 'morse' }\n", "morse", "length");
    refuse("return { listen = true }\n", "listen is a boolean", "an address");
    refuse("return { listen = 70000 }\n", "70000", "0 (any free one) to 65535");
    refuse("return { listen = {} }\n", "listen", "no address");
    refuse("return { listen = 'nowhere' }\n", "\"nowhere\"", "the port is missing");
    refuse("return { listen = { true } }\n", "an element of listen is a boolean", "an address");
    refuse("return { listen = { address = true } }\n", "address is a boolean", "a string");
    refuse("return { listen = { adress = '1:2' } }\n", "listen", "has no address");
    refuse("return { listen = { address = '127.0.0.1:0', '127.0.0.1:0' } }\n", "listen: address",
           "a table of its own");
    refuse("return { listen = { '127.0.0.1:0', nil, '127.0.0.1:0' } }\n", "listen", "");
    refuse("return { listen = { '127.0.0.1:0', framing = 'line' } }\n", "listen: framing",
           "a table of its own");
    refuse("return { framing = { type = 'line' } }\n", "framing", "its name stands first");
    refuse("return { framing = {} }\n", "framing", "its name is missing");
    refuse("return { framing = { 5 } }\n", "framing", "its name is number");
    refuse("return { framing = { true, size = 2 } }\n", "framing", "its name is boolean");
}

Test(config, numbers_that_no_setting_can_be_are_told_as_they_are)
{
    refuse("return { idle_timeout = 1e10 }\n", "\"10000000000\"", "seconds from 0 to 315360000");
    refuse("return { idle_timeout = 1 / 0 }\n", "\"inf\"", "seconds from 0 to");
    refuse("return { idle_timeout = 0 / 0 }\n", "\"nan\"", "seconds from 0 to");
    refuse("return { idle_timeout = -0.5 }\n", "\"-0.5\"", "seconds from 0 to");
    refuse("return { idle_timeout = '20,5' }\n", "\"20,5\"", "a fraction behind a point");
    refuse("return { blocks = 100.25 }\n", "\"100.25\"", "a whole number");
    refuse("return { log = 'warning' }\n", "\"warning\"", "did you mean warn?");
}

Test(config, a_nul_cuts_nothing_off)
{
    refuse("return { idle_timeout = '5\\0' }\n", "config.lua:1: idle_timeout", "a NUL in it");
    refuse("return { ['idle_timeout\\0'] = 5 }\n", "unknown setting \"idle_timeout\\x00\"",
           "did you mean \"idle_timeout\"?");
    refuse("return { listen = '127.0.0.1:0\\0x' }\n", "listen", "a NUL in it");
    refuse("return { listen = { { address = '127.0.0.1:0\\0x' } } }\n", "listen", "a NUL in it");
    refuse("return { framing = { 'line\\0' } }\n", "unknown framing \"line\\x00\"", "line");
    refuse("return { framing = { 'line', ['strip\\0'] = true } }\n",
           "unknown setting \"strip\\x00\"", "did you mean \"strip\"?");
    refuse("return { backend = ('epoll'), log = 'info' .. '\\0' }\n", "log", "a NUL in it");
    refuse("error('one\\0two')\n", "config.lua", "global");
}

Test(config, settings_that_cannot_work_together_are_told)
{
    refuse("return { max_packet = '1M', hard_mark = '64K' }\n", "hard_mark = 64K",
           "max_packet = 1M");
    refuse("return { soft_mark = '64M', hard_mark = '32M' }\n", "soft_mark = 64M",
           "hard_mark = 32M");
    refuse("return { workers = 4, blocks = 20 }\n", "blocks = 20", "at least 64");
    refuse("return { workers = 4, memory = '64M', max_packet = '16M' }\n", "memory = 64M",
           "at least 129M");
    refuse("return { framing = { 'length', size = 1, max = '64K' } }\n", "framing",
           "cannot express max");
}

Test(config, it_runs_alone_and_not_for_long)
{
    refuse("while true do end\n", "config.lua:1:", "runs for too long");
    refuse("local i = 0\nrepeat i = i + 1 until false\nreturn {}\n",
           "config.lua:2:", "runs for too long");
    refuse("local function f() return f() end\nf()\n", "config.lua:1:", "runs for too long");
    refuse("os.exit(0)\n", "config.lua:1:", "os");
    refuse("return { workers = tonumber('2') }\n", "config.lua:1:", "tonumber");
    refuse("local x = nil + 1\n", "config.lua:1:", "arithmetic");
    refuse("\x1bLua",
           "config.lua: ", "attempt to load "); /* a binary chunk, LuaJIT: in wrong mode */
    refuse("local s = 'x' while true do s = s .. s end\n", "config.lua: ", "memory");
}

Test(config, a_setting_reaches_the_server)
{
    expect_figure("return { max_connections = 77 }", NO_FLAGS, "stats.connections_max", "77");
    expect_figure("return { workers = 3 }", NO_FLAGS, "server.workers", "3");
    expect_figure("return { workers = '3' }", NO_FLAGS, "server.workers", "3");
    expect_figure("local n = 2 return { workers = n + 1 }", NO_FLAGS, "server.workers", "3");
    expect_figure("return { blocks = 1000, workers = 1 }", NO_FLAGS, "stats.blocks", "1000");
}

Test(config, sizes_take_units)
{
    expect_figure("return { memory = '1G', workers = 1 }", NO_FLAGS, "stats.memory_max",
                  "1073741824");
    expect_figure("return { memory = '64M', workers = 1 }", NO_FLAGS, "stats.memory_max",
                  "67108864");
    expect_figure("return { memory = '65536k', workers = 1 }", NO_FLAGS, "stats.memory_max",
                  "67108864");
    expect_figure("return { memory = 67108865, workers = 1 }", NO_FLAGS, "stats.memory_max",
                  "67108865");
    expect_figure("return { memory = 64 * 2^20, workers = 1 }", NO_FLAGS, "stats.memory_max",
                  "67108864");
}

Test(config, a_flag_goes_before_the_file)
{
    const char *config = "return { max_connections = 5, workers = 1, memory = '1G' }";
    expect_figure(config, WORDS("--max-connections", "7"), "stats.connections_max", "7");
    expect_figure(config, WORDS("--max-connections=7"), "stats.connections_max", "7");
    expect_figure(config, WORDS("--max_connections=7"), "stats.connections_max", "7");
    expect_figure(config, WORDS("--max-connections=7", "--max-connections=9"),
                  "stats.connections_max", "9");
    expect_figure(config, WORDS("--workers", "2", "--memory", "128M"), "stats.memory_max",
                  "134217728");
    expect_figure(config, WORDS("--log", "debug"), "stats.connections_max", "5");
}

Test(config, a_listen_flag_takes_the_place_of_the_files_listeners)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn) conn:send(conn.listener) end\n",
        .config = "return { listen = { '203.0.113.7:1', '203.0.113.8:2' }, framing = 'line' }",
        .listen = "127.0.0.1:0"});
    char expected[64];
    int client = client_connect(&server);
    client_send_text(client, "where?\n");
    snprintf(expected, sizeof expected, "127.0.0.1:%u", server.port);
    client_expect_line(client, expected);
    close(client);
    server_end(&server);
}

Test(config, it_is_optional)
{
    struct server server = server_begin(&(struct begin){
        .script =
            "function on_receive(conn)\n"
            "  conn:send(('%d %d'):format(server.stats().connections_max, server.stats().blocks))\n"
            "end\n"});
    int client = client_connect(&server);
    client_put_text(client, "?");
    client_expect(client, "3000 10000");
    close(client);
    server_end(&server);
}

/* What is told of as what more blocks would be good for must be possible. */
Test(config, no_more_blocks_are_spoken_of_than_there_can_be)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO, .config = "return { workers = 1, max_connections = 50000 }"});
    server_expect_log(&server, "but 50000 connections could use all of the 65534 at once that 1 "
                               "worker can have (65534 each)");
    server_end(&server);
    server = server_begin(&(struct begin){
        .script = ECHO, .config = "return { workers = 2, max_connections = 50000 }"});
    server_expect_log(&server, "but 50000 connections could use 100032 at once;");
    server_end(&server);
}
