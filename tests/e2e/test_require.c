/* `require` and `package`, as the manual of Lua 5.4 has them, for modules of the script's own. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What main.lua and its modules say is told by `check`, where it raises an error. */
static void accept(const char *const *files)
{
    char *out, *err, *directory = directory_make_of(files);
    int status = program_run(&out, &err, WORDS("check", directory));
    cr_assert_eq(status, 0, "%s", err);
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
    directory_remove(directory);
}

#define HANDLES "function on_receive() end\n"

Test(require, a_module_taken_out_of_package_loaded_is_loaded_anew)
{
    accept(FILES("main.lua",
                 "local first = require 'module'\n"
                 "assert(package.loaded.module == first and require 'module' == first)\n"
                 "package.loaded.module = nil\n"
                 "local second = require 'module'\n"
                 "assert(second ~= first and package.loaded.module == second)\n"
                 "package.loaded.module = false\n"
                 "assert(require 'module' ~= second)\n"
                 "package.loaded.module = 'mine'\n"
                 "assert(require 'module' == 'mine')\n" HANDLES,
                 "module.lua", "return {}\n"));
}

Test(require, what_a_module_puts_into_package_loaded_is_the_module)
{
    accept(
        FILES("main.lua",
              "local module = require 'module'\n"
              "assert(module.name == 'module' and package.loaded.module == module)\n"
              "assert(require 'plain' == true and package.loaded.plain == true)\n"
              "assert(require 'lie' == false and require 'lie' == false and lies == 2)\n" HANDLES,
              "module.lua", "package.loaded[...] = { name = ... }\n", "plain.lua", "\n", "lie.lua",
              "lies = (lies or 0) + 1\nreturn false\n"));
}

Test(require, the_loader_data_is_the_second_result_and_the_second_argument)
{
    accept(
        FILES("main.lua",
              "local module, data = require 'game'\n"
              "assert(module[1] == 'game' and module[2] == data, data)\n"
              "assert(data:find('/game/init.lua', 1, true), data)\n"
              "assert(select('#', require 'game') == 1)\n"
              "package.preload.made = function(...) return { ... } end\n"
              "local made, origin = require 'made'\n"
              "assert(origin == ':preload:' and made[1] == 'made' and made[2] == origin)\n" HANDLES,
              "game/init.lua", "return { ... }\n"));
}

Test(require, modules_that_need_each_other_work_by_that)
{
    accept(FILES("main.lua",
                 "local one, two = require 'one', require 'two'\n"
                 "assert(one.two == two and two.one == one)\n" HANDLES,
                 "one.lua", "local one = {}\npackage.loaded[...] = one\none.two = require 'two'\n",
                 "two.lua",
                 "local two = {}\npackage.loaded[...] = two\ntwo.one = require 'one'\n"));
}

Test(require, a_module_that_requires_itself_is_an_error_and_one_that_failed_may_be_tried_again)
{
    accept(FILES("main.lua",
                 "local fine, text = pcall(require, 'itself')\n"
                 "assert(not fine and text:find('itself.lua:1: ', 1, true), text)\n"
                 "assert(text:find(\"module 'itself' is being loaded already\", 1, true), text)\n"
                 "assert(not pcall(require, 'fails') and not pcall(require, 'fails'))\n"
                 "well = true\n"
                 "assert(require 'fails' == 'well')\n" HANDLES,
                 "itself.lua", "local me = require 'itself'\nreturn me\n", "fails.lua",
                 "assert(rawget(_G, 'well'))\nreturn 'well'\n"));
}

/* As one does that adds to a module of its name, wherever it is found without it. */
Test(require, a_loader_may_require_its_own_name_when_another_loader_answers)
{
    accept(
        FILES("main.lua",
              "local function patch()\n"
              "  package.preload.module = nil\n"
              "  local module = require 'module'\n"
              "  module.patched = true\n"
              "  return module\n"
              "end\n"
              "package.preload.module = patch\n"
              "assert(require 'module'.patched and require 'module'.inner == 'module')\n"
              "package.preload.two = function()\n"
              "  package.preload.two = function() return 'second' end\n"
              "  return require 'two' .. ' first'\n"
              "end\n"
              "assert(require 'two' == 'second first')\n"
              "package.preload.me = function() return require 'me' end\n"
              "local fine, text = pcall(require, 'me')\n"
              "assert(not fine and text:find('is being loaded already', 1, true), text)\n"
              "local fine, text = pcall(require, 'circle')\n"
              "assert(not fine and text:find('is being loaded already', 1, true), text)\n" HANDLES,
              "module.lua", "return { inner = ... }\n", "circle.lua", "return require 'other'\n",
              "other.lua", "return require 'circle'\n"));
}

/* As the manual says, a name is all that a module is known by. */
Test(require, two_names_of_one_file_are_two_modules)
{
    accept(FILES("main.lua",
                 "local dot, slash = require 'lib.util', require 'lib/util'\n"
                 "assert(dot[1] == 'lib.util' and slash[1] == 'lib/util')\n"
                 "assert(require 'lib.util' == dot and require 'lib/util' == slash)\n" HANDLES,
                 "lib/util.lua", "return { ... }\n"));
    accept(FILES("main.lua", "assert(require 'lib.util' == 'other lib/util')\n" HANDLES,
                 "lib/util.lua",
                 "if ... == 'lib/util' then return 'lib/util' end\n"
                 "return 'other ' .. require 'lib/util'\n"));
}

Test(require, searchers_are_the_scripts_own_and_their_misses_are_told)
{
    accept(FILES(
        "main.lua",
        "local searchers = package.searchers or package.loaders\n"
        "table.insert(searchers, 2, function(name)\n"
        "  if name ~= 'virtual' then return \"no virtual '\" .. name .. \"'\" end\n"
        "  return function(...) return { ... } end, 'thin air'\n"
        "end)\n"
        "local module, data = require 'virtual'\n"
        "assert(module[1] == 'virtual' and module[2] == 'thin air' and data == 'thin air')\n"
        "local fine, text = pcall(require, 'missing')\n"
        "for _, part in ipairs { \"module 'missing' not found:\\n\\tno field package.preload\",\n"
        "    \"\\n\\tno virtual 'missing'\", '/missing.lua' } do\n"
        "  assert(not fine and text:find(part, 1, true), text)\n"
        "end\n"
        "assert(not pcall(require, 'a\\0b') and not pcall(require, nil))\n"
        "package.path = nil\n"
        "fine, text = pcall(require, 'missing')\n"
        "assert(not fine and text:find(\"'package.path' must be a string\", 1, true), "
        "text)\n" HANDLES,
        "a.lua", ""));
}

/* ---- each generation has its own ---- */

Test(require, package_begins_anew_with_each_generation)
{
    struct server server = server_begin_reloadable(HANDLES, "1");
    static const char script[] =
        "local first = package.path\n"
        "package.path = package.path .. ';/nowhere/?.lua'\n"
        "package.preload.made = function() return 'made' end\n"
        "local was = package.loaded.mine\n"
        "package.loaded.mine = 'mine'\n"
        "function on_receive(conn, packet)\n"
        "  conn:send(#first .. ' ' .. tostring(was) .. ' ' .. require 'made' .. require 'mine')\n"
        "end\n";
    char answer[2][64];
    int client = client_connect(&server);
    for (int i = 0; i < 2; i++) {
        size_t size;
        server_reload(&server, script, i + 2);
        client_put_text(client, "?");
        char *text = (char *)client_take(client, &size);
        snprintf(answer[i], sizeof answer[i], "%s", text);
        free(text);
    }
    cr_assert_str_eq(answer[0], answer[1]);
    cr_assert_not_null(strstr(answer[1], " nil mademine"), "%s", answer[1]);
    close(client);
    server_end(&server);
}

/* In a directory below, by the path as it was typed and as the system has it. */
Test(require, what_package_path_finds_in_the_directory_is_reloaded)
{
    static const char script[] = "package.path = directory .. '/lib/?.lua;' .. package.path\n"
                                 "local word = require 'word'\n"
                                 "function on_receive(conn) conn:send(word) end\n";
    struct server server = server_begin_reloadable(HANDLES, "1");
    const char *forms[] = {server.directory, "%s/lib/.."};
    int client = client_connect(&server), generation = 2;
    char lib[600];
    snprintf(lib, sizeof lib, "%s/lib", server.directory);
    cr_assert_eq(mkdir(lib, 0700), 0);
    for (int i = 0; i < 2; i++) {
        char directory[600], text[2000];
        snprintf(directory, sizeof directory, i == 0 ? "%s" : forms[i], server.directory);
        snprintf(text, sizeof text, "local directory = '%s'\n%s", directory, script);
        script_write(&server, "lib/word.lua", "return 'one'\n");
        server_reload(&server, text, generation++);
        client_ask(client, "?", "one");
        script_write(&server, "lib/word.lua", "return 'two'\n");
        char said[64];
        snprintf(said, sizeof said, "generation %d runs: lib/word.lua\n", generation++);
        server_command(&server, "reload", 0, said);
        client_ask(client, "?", "two");
    }
    cr_assert_eq(server_log_count(&server, "not loaded anew"), 0);
    close(client);
    server_end(&server);
}

/* The source was read before there was such a file: it is the next generation's. */
Test(require, what_has_come_since_is_not_from_outside)
{
    struct server server = server_begin_reloadable(HANDLES, "1");
    char text[1000];
    snprintf(text, sizeof text,
             "package.path = '%s/?.lua'\n"
             "function on_receive(conn, name) conn:send(tostring((pcall(require, name)))) end\n",
             server.directory);
    server_reload(&server, text, 2);
    script_write(&server, "later.lua", "return 'later'\n");
    int client = client_connect(&server);
    client_ask(client, "later", "false");
    server_command(&server, "reload", 0, "generation 3 runs: later.lua");
    client_ask(client, "later", "true");
    close(client);
    server_end(&server);
}

/* A generation that was refused has not been loaded: what comes after it still has the old module. */
Test(require, what_is_outside_stays_until_a_script_asks_for_it_anew)
{
    char *directory = directory_make("outside.lua", "return { require 'beside', 1 }\n",
                                     "beside.lua", "return 'beside'\n", NULL);
    char script[1000], refused[1100], path[600], said[64];
    snprintf(script, sizeof script,
             "package.path = '%s/?.lua;' .. package.path\n"
             "function on_receive(conn, packet)\n"
             "  if packet == 'anew' then package.loaded.outside = nil end\n"
             "  local outside = require 'outside'\n"
             "  conn:send(outside[1] .. outside[2])\n"
             "end\n",
             directory);
    struct server server = server_begin_reloadable(script, "1");
    int client = client_connect(&server);
    client_ask(client, "?", "beside1");
    snprintf(path, sizeof path, "%s/outside.lua", directory);
    FILE *file = fopen(path, "w");
    fputs("return { 'new', 2 }\n", file);
    fclose(file);
    snprintf(said, sizeof said, "%s/outside.lua\n", strrchr(directory, '/') + 1);
    snprintf(refused, sizeof refused, "%srequire 'outside'\nerror 'refused'\n", script);
    script_write(&server, "main.lua", refused);
    server_command(&server, "reload", INPUT, "nothing has changed");
    client_ask(client, "?", "beside1");
    client_ask(client, "anew", "new2");
    file = fopen(path, "w");
    fputs("return { 'newer', 3 }\n", file);
    fclose(file);
    client_ask(client, "?", "new2");
    script_write(&server, "main.lua", script);
    server_command(&server, "reload", 0, said);
    client_ask(client, "?", "new2");
    client_ask(client, "anew", "newer3");
    server_command(&server, "reload", 0, said);
    client_ask(client, "?", "newer3");
    directory_remove(directory);
    close(client);
    server_end(&server);
}
