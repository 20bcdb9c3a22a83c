/* moonport check DIR: what it finds and where, and what it lets pass. */
#include "check_try.h"
#include "harness_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is fine ---- */

Test(check, all_examples_are_fine)
{
    const char *scripts = getenv("MOONPORT_SCRIPTS");
    DIR *directory = opendir(scripts);
    cr_assert_not_null(directory);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[600], main_path[700], *out, *err;
        snprintf(path, sizeof path, "%s/%s", scripts, entry->d_name);
        snprintf(main_path, sizeof main_path, "%s/main.lua", path);
        if (entry->d_name[0] == '.' || access(main_path, F_OK) != 0) continue;
        count++;
        cr_assert_eq(check_run(path, NO_FLAGS, &out, &err), 0, "%s: %s", path, err);
        cr_assert_str_eq(err, "");
        cr_assert_eq(strncmp(out, path, strlen(path)), 0, "%s", out);
        cr_assert_not_null(strstr(out, ": no errors in "), "%s", out);
        free(out);
        free(err);
    }
    closedir(directory);
    cr_assert(count >= 3);
}

Test(check, says_how_many_files_it_has_seen)
{
    char *out, *err, *directory = directory_make_of(FILES("main.lua", ECHO));
    char expected[300];
    cr_assert_eq(check_run(directory, NO_FLAGS, &out, &err), 0);
    snprintf(expected, sizeof expected, "%s: no errors in 1 file\n", directory);
    cr_assert_str_eq(out, expected);
    free(out);
    free(err);
    file_write(directory, "config.lua", "return { workers = 2 }\n");
    file_write(directory, "a_test.lua", "test('x', function() end)\n");
    cr_assert_eq(check_run(directory, NO_FLAGS, &out, &err), 0);
    snprintf(expected, sizeof expected, "%s: no errors in 3 files\n", directory);
    cr_assert_str_eq(out, expected);
    free(out);
    free(err);
    directory_remove(directory);
}

/* One begins with the other; what config.lua makes is nobody else's. */
Test(check, names_are_told_apart_to_their_end)
{
    check_refuse(
        FILES("main.lua", ECHO "listed = {}\nfunction on_stop() print(listed, list) end\n"),
        "@main.lua:3: list is not defined anywhere: if it may be nil, assign nil to it\n");
    check_refuse(
        FILES("main.lua", ECHO "list = {}\nfunction on_stop() print(list, listed) end\n"),
        "@main.lua:3: listed is not defined anywhere: if it may be nil, assign nil to it\n");
    check_refuse(
        FILES("main.lua", ECHO "function on_stop() print(limit) end\n", "config.lua",
              "limit = 5\nreturn { workers = 1 }\n"),
        "@main.lua:2: limit is not defined anywhere: if it may be nil, assign nil to it\n");
}

/* A file that is too much for it may define any name. */
Test(check, where_it_does_not_see_everything_it_judges_no_name)
{
    enum { FUNCTIONS = 11, LOCALS = 199 };
    static char deep[FUNCTIONS * (LOCALS * 14 + 64)];
    size_t size = 0;
    for (int i = 0; i < FUNCTIONS; i++) {
        size += (size_t)snprintf(deep + size, sizeof deep - size, "return function()\n");
        for (int j = 0; j < LOCALS; j++)
            size += (size_t)snprintf(deep + size, sizeof deep - size, "local x%d\n", j);
    }
    for (int i = 0; i < FUNCTIONS; i++)
        size += (size_t)snprintf(deep + size, sizeof deep - size, "end ");
    check_accept(FILES("main.lua", ECHO "function on_stop() helper() end\n", "deep.lua", deep));
}

Test(check, names_that_are_made_known_in_any_way_are_fine)
{
    check_accept_script("rawset(_G, 'helper', function() end)\nhelper()\n");
    check_accept_script("setmetatable(_G, { __index = { anything = 1 } })\n"
                        "function on_stop() print(anything) end\n");
    check_accept_script("load('function helper() end')()\nfunction on_stop() helper() end\n");
    check_accept_script("for _, name in ipairs { 'one', 'two' } do _G[name] = name end\n"
                        "function on_stop() print(one, two) end\n");
    check_accept_script("perhaps = nil\nfunction on_stop() if perhaps then perhaps() end end\n");
    check_accept_script("local function f() later() end\nfunction on_stop() f() end\n"
                        "function later() end\n");
    check_accept_script("do local _ENV = { x = 1 }; y = x; z = unheard end\n");
    check_accept(FILES("main.lua",
                       "require 'names'\nfunction on_receive() limit = limit + helper() end\n",
                       "names.lua", "limit = 1\nfunction helper() return 1 end\n"));
}

Test(check, names_of_any_lua_are_fine)
{
    check_accept_script("function on_stop()\n"
                        "  local unpack = table.unpack or unpack\n"
                        "  if jit then print(jit.version) end\n"
                        "  print(bit32, bit, loadstring, setfenv, utf8, warn, rawlen)\n"
                        "end\n");
}

Test(check, a_function_that_is_called_by_the_script_is_no_handler)
{
    check_accept_script("local function use() on_recieved() end\n"
                        "function on_stop() use() end\n"
                        "function on_recieved() end\n");
    check_accept_script("function on_connected() end\n"
                        "function on_stop() server.after(1, on_connected) end\n");
    check_accept_script("on_duty = true\n");
    check_accept(
        FILES("main.lua", "return { on_receive = function() end, on_login = function() end }\n"));
    check_accept(FILES("main.lua", "return { on_receive = print, is_idle = function() end,\n"
                                   "  do_stop = function() end, on_conect = 'a word' }\n"));
    check_accept_script("function on_close() end\non_close = nil\n");
    /* Nearly the same, but what it is nearly the same as is there. */
    check_accept(FILES("main.lua", "return { on_receive = print, on_recieve = function() end }\n"));
}

/* The script is fine, and this is logged. */
static void warns(const char *const *files, const char *const *warnings)
{
    char *out, *err, *directory = directory_make_of(files);
    cr_assert_eq(check_run(directory, NO_FLAGS, &out, &err), 0, "%s", err);
    const char *at = err;
    int lines = 0, expected = 0;
    for (; warnings[expected] != NULL; expected++) {
        at = strstr(at, warnings[expected]);
        cr_assert_not_null(at, "no %s in\n%s", warnings[expected], err);
    }
    for (const char *c = err; *c != '\0'; c++) lines += *c == '\n';
    cr_assert_eq(lines, expected, "%s", err);
    cr_assert_not_null(strstr(out, ": no errors in "), "%s", out);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(check, handlers_of_other_names_are_warned_of)
{
    warns(FILES("main.lua", ECHO "function on_close() end\nfunction onData() end\n"
                                 "function on_something_of_its_own() end\n"
                                 "function on_recieve() end\n"
                                 "on_timer = function() end\n"),
          WORDS("main.lua:2: nothing calls on_close: did you mean on_disconnect?",
                "main.lua:3: nothing calls onData: did you mean on_receive?",
                "main.lua:4: nothing calls on_something_of_its_own: there is no such handler",
                "main.lua:5: nothing calls on_recieve: there is no such handler",
                "main.lua:6: nothing calls on_timer: timers are made by server.after"));
    warns(FILES("main.lua", "local M = {}\nfunction M.on_receive() end\n"
                            "function M.on_error() end\nfunction M.on_open() end\nreturn M\n"),
          WORDS("main.lua:3: nothing calls on_error: an error in a handler is logged",
                "main.lua:4: nothing calls on_open: did you mean on_connect?"));
    warns(FILES("main.lua", ECHO "require 'lib'\n", "lib.lua", "function on_read() end\n",
                "unused.lua", "function on_read() end\n"),
          WORDS("lib.lua:1: nothing calls on_read: did you mean on_receive?"));
}

/* ---- what is not ---- */

Test(check, errors_of_syntax_are_told_for_all_files)
{
    check_refuse(FILES("main.lua", "local x = 1\nlocal y = = 2\n", "a.lua", "x = = 1\n", "b.lua",
                       "x = 1\n", "sub/never.lua", "\n\n)\n", "some_test.lua", "\nx = = 1\n"),
                 "@a.lua:1: unexpected symbol near '='\n"
                 "@main.lua:2: unexpected symbol near '='\n"
                 "@some_test.lua:2: unexpected symbol near '='\n"
                 "@sub/never.lua:3: unexpected symbol near ')'\n");
}

Test(check, a_misspelt_handler_names_the_right_one)
{
    check_refuse(FILES("main.lua", "\nfunction on_recieve(conn, packet)\n  conn:send(packet)\nend\n"
                                   "on_conect = function() end\n"),
                 "@main.lua:2: nothing calls on_recieve: did you mean on_receive?\n"
                 "@main.lua:5: nothing calls on_conect: did you mean on_connect?\n");
    check_refuse(
        FILES("main.lua", "require 'handlers'\n", "handlers.lua", "function on_recieve() end\n"),
        "@handlers.lua:1: nothing calls on_recieve: did you mean on_receive?\n");
}

Test(check, a_misspelt_handler_in_a_table_names_the_right_one)
{
    check_refuse(FILES("main.lua",
                       "local M = {}\n"
                       "function M.on_recieve() end\n"
                       "M.on_conect = require 'other'\n"
                       "function M.on_stop() end\n"
                       "return M\n",
                       "other.lua", "return function()\nend\n"),
                 "@main.lua:2: nothing calls on_recieve: did you mean on_receive?\n"
                 "@other.lua:1: nothing calls on_conect: did you mean on_connect?\n");
}

/* Its path begins with the directory's, and goes on with a name that is in there. */
Test(check, a_function_of_a_file_beside_the_directory_is_no_handler)
{
    char script[600], name[300], *out, *err;
    char *directory = directory_make_of(FILES("main.lua", ""));
    snprintf(
        script, sizeof script,
        "package.path = '%s-main.lua'\nlocal M = require 'beside'\nM.on_stop = print\nreturn M\n",
        directory);
    snprintf(name, sizeof name, "..%s-main.lua", strrchr(directory, '/'));
    file_write(directory, "main.lua", script);
    file_write(directory, name, "return { on_conect = function() end }\n");
    cr_assert_eq(check_run(directory, NO_FLAGS, &out, &err), 0, "%s", err);
    cr_assert_null(strstr(err, "on_conect"), "%s", err);
    snprintf(script, sizeof script, "%s-main.lua", directory);
    tree_remove(script);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(check, unknown_names_are_told_of_files_that_are_loaded)
{
    check_refuse(
        FILES("main.lua",
              "local rules = require 'game.rules'\n"
              "function on_receive(conn, packet)\n"
              "  pritn(packet)\n"
              "  rules.judge(conn)\n"
              "  pritn(packet)\n"
              "end\n",
              "game/rules.lua",
              "return { judge = function(conn)\n"
              "  conn:send(verdict)\n"
              "  pritn(conn)\n"
              "end }\n",
              "game/unused.lua", "unheard()\nfunction on_recieve() end\n", "my_test.lua",
              "unheard()\n"),
        "@game/rules.lua:2: verdict is not defined anywhere: if it may be nil, assign nil to it\n"
        "@game/rules.lua:3: pritn is not defined: did you mean print?\n"
        "@main.lua:3: pritn is not defined: did you mean print?\n");
}

Test(check, all_kinds_stand_in_the_order_of_their_lines)
{
    check_refuse(FILES("main.lua", "local function f() zzz() end\n"
                                   "function on_recieve() aaa() f() end\n"
                                   "function on_start() tosting() end\n"
                                   "function on_conect() end\n"),
                 "@main.lua:1: zzz is not defined anywhere: if it may be nil, assign nil to it\n"
                 "@main.lua:2: aaa is not defined anywhere: if it may be nil, assign nil to it\n"
                 "@main.lua:2: nothing calls on_recieve: did you mean on_receive?\n"
                 "@main.lua:3: tosting is not defined: did you mean tostring?\n"
                 "@main.lua:4: nothing calls on_conect: did you mean on_connect?\n");
}

Test(check, unknown_names_are_told_where_the_script_forbids_them_itself)
{
    check_refuse(FILES("main.lua", "setmetatable(_G, { __index = function(_, name)\n"
                                   "  error('undefined ' .. name)\n"
                                   "end })\n"
                                   "function on_receive() pritn() end\n"),
                 "@main.lua:4: pritn is not defined: did you mean print?\n");
}

Test(check, eight_are_told_and_the_others_counted)
{
    char script[1024] = "function on_receive()\n", expected[2048] = "";
    for (int i = 2; i < 13; i++)
        snprintf(script + strlen(script), sizeof script - strlen(script), "  missing%02d()\n",
                 40 - i);
    strcat(script, "end\n");
    for (int i = 2; i < 10; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                 "@main.lua:%d: missing%02d is not defined anywhere: if it may be nil, assign nil "
                 "to it\n",
                 i, 40 - i);
    strcat(expected, "and 3 more\n");
    check_refuse(FILES("main.lua", script), expected);
}

Test(check, the_others_are_counted_too_where_the_paths_are_long)
{
    char names[9][300], *out, *err;
    const char *files[2 * 9 + 3] = {"main.lua", ECHO};
    int shown = 0, more = 0;
    for (int i = 0; i < 9; i++) {
        snprintf(names[i], sizeof names[i], "%0200d/%d.lua", 0, i);
        files[2 * i + 2] = names[i];
        files[2 * i + 3] = "x = = 1\n";
    }
    char *directory = directory_make_of(files);
    cr_assert_eq(check_run(directory, NO_FLAGS, &out, &err), INPUT);
    for (const char *place = err; (place = strstr(place, "unexpected symbol near '='\n")) != NULL;
         place++)
        shown++;
    const char *last = strstr(err, "\nand ");
    cr_assert_not_null(last, "%s", err);
    cr_assert_eq(sscanf(last, "\nand %d more\n", &more), 1, "%s", err);
    cr_assert(shown > 4 && shown < 8, "%s", err);
    cr_assert_eq(shown + more, 9, "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}
