/* moonport check DIR runs main.lua as a server would, serves nothing, and lets pass what a server
 * starts with. */
#include "check_try.h"
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LuaJIT does not compile a loop that makes functions, so that it can be interrupted. */
#define FOR_EVER "local x\nwhile true do x = function() end end\n"

/* ---- main.lua is run, and nothing else ---- */

Test(check, an_error_in_main_is_told_with_its_line)
{
    char *directory =
        directory_make_of(FILES("main.lua", "require 'mod'\n", "mod.lua", "\nerror('no luck')\n"));
    program_fail(INPUT, WORDS("check", directory), "/mod.lua:2: no luck", "/main.lua:1: in");
    file_write(directory, "main.lua", "return 42\n");
    program_fail(INPUT, WORDS("check", directory), "main.lua returned a number",
                 "a table of handlers");
    file_write(directory, "main.lua", "on_receive = 5\n");
    program_fail(INPUT, WORDS("check", directory), "on_receive is a number", "a function");
    file_write(directory, "main.lua", "require 'nowhere'\n");
    program_fail(INPUT, WORDS("check", directory), "main.lua:1:", "module 'nowhere' not found");
    directory_remove(directory);
}

/* What luac makes is not looked at before it runs, and could do anything. */
Test(check, compiled_code_is_no_script)
{
    const char *why = has_luajit() ? "attempt to load chunk with wrong mode"
                                   : "attempt to load a binary chunk (mode is 't')";
    char *directory = directory_make("main.lua", "\033Lua", NULL);
    program_fail(INPUT, WORDS("check", directory), "/main.lua:1: ", why);
    program_fail(INPUT, WORDS(directory, "--listen", "127.0.0.1:0"), "/main.lua", why);
    directory_remove(directory);
}

Test(check, nothing_is_started)
{
    check_accept_script("function on_start() error('on_start was called') end\n"
                        "function on_stop() error('on_stop was called') end\n"
                        "function on_unload() error('on_unload was called') end\n"
                        "function on_load() error('on_load was called') end\n"
                        "server.after(0, function() error('a timer has fired') end)\n"
                        "server.every(0.001, function() error('a timer has fired') end)\n");
}

Test(check, a_port_may_be_taken)
{
    char config[100];
    struct server server = server_begin(&(struct begin){.script = ECHO});
    snprintf(config, sizeof config, "return { listen = '127.0.0.1:%u' }\n", server.port);
    check_accept(FILES("main.lua", ECHO, "config.lua", config));
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(check, a_main_that_does_not_end_is_interrupted)
{
    char *directory = directory_make_of(FILES("main.lua", "require 'mod'\n", "mod.lua", FOR_EVER));
    program_fail(INPUT, WORDS("check", directory, "--handler-timeout", "0.2"),
                 "/mod.lua:2: interrupted", "handler_timeout");
    file_write(directory, "config.lua", "return { handler_timeout = 0.2 }\n");
    program_fail(INPUT, WORDS("check", directory), "/mod.lua:2: interrupted", "handler_timeout");
    directory_remove(directory);
}

/* ---- settings, and the command line ---- */

Test(check, a_wrong_setting_is_told_with_its_line)
{
    check_refuse(
        FILES("main.lua", ECHO, "config.lua", "return {\n  workers = 2,\n  idle_timout = 3,\n}\n"),
        "@config.lua:3: unknown setting \"idle_timout\": did you mean \"idle_timeout\"?\n");
    char *directory = directory_make_of(
        FILES("main.lua", ECHO, "config.lua", "-- workers = 1\nreturn {\n  workers = 1000 }\n"));
    program_fail(INPUT, WORDS("check", directory), "/config.lua:3: ", "from 0 to 128");
    file_write(directory, "config.lua", "return {\n  listen = { { adress = '127.0.0.1:0' } }\n}\n");
    program_fail(INPUT, WORDS("check", directory), "/config.lua:2: ", "address");
    file_write(directory, "config.lua", "return {\n  ['workers'] = 1000 }\n");
    program_fail(INPUT, WORDS("check", directory), "/config.lua: ", "from 0 to 128");
    file_write(directory, "config.lua", "return {\n  workers = ,\n}\n");
    program_fail(INPUT, WORDS("check", directory), "/config.lua:2: ", "unexpected symbol");
    file_write(directory, "config.lua", "\nworkers = 2\n");
    program_fail(INPUT, WORDS("check", directory), "/config.lua: ", "return a table");
    directory_remove(directory);
}

Test(check, a_setting_is_told_with_the_line_where_it_stands_first)
{
    char *directory =
        directory_make_of(FILES("main.lua", ECHO, "config.lua",
                                "return {\n"
                                "  framing = 'none',\n"
                                "  listen = { { address = '127.0.0.1:0', framing = 'line' } },\n"
                                "}\n"));
    program_fail(INPUT, WORDS("check", directory), "/config.lua:2: ", "framing");
    directory_remove(directory);
}

Test(check, an_empty_list_of_listeners_is_no_listener_without_an_address)
{
    check_refuse(FILES("main.lua", ECHO, "config.lua", "return { listen = {} }\n"),
                 "@config.lua:1: listen = {}: no address; leave it out for the default\n");
}

Test(check, flags_go_before_the_settings_here_too)
{
    const char *const *files =
        FILES("main.lua", "assert(server.stats().connections_max == 7)\n" ECHO, "config.lua",
              "return { max_connections = 5 }\n");
    check_accept_with(files, WORDS("--max-connections", "7"));
    char *directory = directory_make_of(files);
    program_fail(INPUT, WORDS("check", directory), "main.lua:1:", "assertion failed");
    program_fail(USAGE, WORDS("check", directory, "--max-connections", "x"), "max_connections",
                 "\"x\"");
    program_fail(USAGE, WORDS("check", directory, "--max-conections", "7"), "--max-conections",
                 "did you mean --max-connections?");
    directory_remove(directory);
}

Test(check, a_directory_with_a_main_is_expected)
{
    program_fail(USAGE, WORDS("check"), "which directory?", "main.lua");
    program_fail(INPUT, WORDS("check", "/nowhere/at/all"), "/nowhere/at/all", "No such file");
    char path[512], *directory = directory_make_of(FILES("module.lua", "return 1\n"));
    snprintf(path, sizeof path, "%s/main.lua", directory);
    program_fail(INPUT, WORDS("check", directory), path, "No such file");
    snprintf(path, sizeof path, "%s/module.lua", directory);
    program_fail(INPUT, WORDS("check", path), path, "name the directory");
    directory_remove(directory);
}

Test(check, more_than_can_be_loaded_is_told)
{
    char *directory = directory_make_of(FILES("main.lua", ECHO)), path[512];
    snprintf(path, sizeof path, "%s/data.lua", directory);
    file_write(directory, "data.lua", "");
    cr_assert_eq(truncate(path, (off_t)65 << 20), 0); /* no blocks are written for it */
    program_fail(INPUT, WORDS("check", directory), directory, "MiB");
    directory_remove(directory);
}

/* ---- the same gate ---- */

static void refuse_to_serve(const char *const *files, const char *expected)
{
    char *out, *err, *directory = directory_make_of(files),
                     *text = check_text_in(expected, directory);
    int status = program_run(&out, &err,
                             WORDS("serve", directory, "--listen", "127.0.0.1:0", "--backend",
                                   backend(), "--workers", "2"));
    cr_assert_eq(status, INPUT, "status %d: %s", status, err);
    const char *place = strstr(err, text);
    cr_assert_not_null(place, "expected \"%s\" in:\n%s", text, err);
    cr_assert_null(strstr(place + 1, text), "it is told twice:\n%s", err);
    free(text);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(check, a_server_does_not_start_with_what_it_would_refuse)
{
    refuse_to_serve(FILES("main.lua", ECHO, "never.lua", "x = = 1\n"),
                    "unexpected symbol near '='");
    refuse_to_serve(FILES("main.lua", "function on_recieve() pritn() end\n"),
                    "nothing calls on_recieve: did you mean on_receive?\n");
    refuse_to_serve(FILES("main.lua", "require 'mod'\nfunction on_receive() pritn() end\n",
                          "mod.lua", "return function() unheard() end\n"),
                    "/main.lua:2: pritn is not defined: did you mean print?\n");
    refuse_to_serve(FILES("main.lua", "return { on_recieve = function() end }\n"),
                    "/main.lua:1: nothing calls on_recieve: did you mean on_receive?\n");
    refuse_to_serve(FILES("main.lua", ECHO, "config.lua", "return {\n  workrs = 1 }\n"),
                    "/config.lua:2: unknown setting \"workrs\"");
}

Test(check, tests_are_looked_through_here_but_do_not_stop_a_server)
{
    const char *const *files =
        FILES("main.lua", "error('loaded')\n", "broken_test.lua", "x = = 1\n");
    check_refuse(files, "@broken_test.lua:1: unexpected symbol near '='\n");
    refuse_to_serve(files, "/main.lua:1: loaded\n");
}
