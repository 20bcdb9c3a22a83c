/* Hot reload: what starts it, what it says, and that all of it happens or nothing. */
#include "reload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A server that answers every packet with this word. */
#define SAYS(word) \
    "function on_receive(conn, packet)\n" \
    "  conn:send(packet == 'which' and tostring(server.worker) or '" word "')\n" \
    "end\n"

/* What it logs about files that say nothing new; with log = "debug". */
#define RUNS_ALREADY "these files are running already"
#define REFUSED_ALREADY "these files have been refused already"

static struct server begin_watched(const char *script)
{
    return server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "2", "--log", "debug"}});
}

static void forget(const struct server *server, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    cr_assert_eq(remove(path), 0);
}

static void make_directory(const struct server *server, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    cr_assert_eq(mkdir(path, 0700), 0);
}

/* ---- by saving ---- */

Test(reload, a_file_that_is_saved_runs_in_every_worker_and_connections_stay)
{
    struct server server = begin_watched(SAYS("one"));
    int first = client_connect_to_worker(&server, 1), second = client_connect_to_worker(&server, 2);
    client_ask(first, "what?", "one");
    script_write(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "info  reload: generation 2 runs: main.lua\n");
    client_ask(first, "what?", "two");
    client_ask(second, "what?", "two");
    close(first);
    close(second);
    server_end(&server);
}

Test(reload, a_file_that_is_renamed_over_the_old_one_runs)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    script_replace(&server, "main.lua", SAYS("three"));
    server_expect_log(&server, "reload: generation 3 runs: main.lua\n");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload, a_broken_file_that_is_saved_is_told_of_with_its_line_and_the_old_code_serves)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_replace(&server, "main.lua", SAYS("two") "\nlocal x = = 1\n");
    server_expect_log(&server, "/main.lua:5: unexpected symbol near '='");
    server_expect_log(&server, "nothing has changed: generation 1 runs\n");
    client_ask(client, "what?", "one");
    script_replace(&server, "main.lua", SAYS("three"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload, a_module_may_come_after_the_code_that_requires_it)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_replace(&server, "main.lua",
                   "local word = require 'word'\n"
                   "function on_receive(conn) conn:send(word) end\n");
    server_expect_log(&server, "module 'word' not found");
    client_ask(client, "what?", "one");
    script_replace(&server, "word.lua", "return 'two'\n");
    server_expect_log(&server, "reload: generation 2 runs: main.lua, word.lua\n");
    client_ask(client, "what?", "two");
    script_replace(&server, "word.lua", "return 'three'\n");
    server_expect_log(&server, "reload: generation 3 runs: word.lua\n");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload, modules_in_new_directories_are_seen)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    make_directory(&server, "game");
    make_directory(&server, "game/rules");
    script_replace(&server, "game/rules/init.lua", "return { word = 'two' }\n");
    server_expect_log(&server, "reload: generation 2 runs: game/rules/init.lua\n");
    script_replace(&server, "main.lua",
                   "local rules = require 'game.rules'\n"
                   "function on_receive(conn) conn:send(rules.word) end\n");
    server_expect_log(&server, "reload: generation 3 runs: main.lua\n");
    client_ask(client, "what?", "two");
    script_replace(&server, "game/rules/init.lua", "return { word = 'three' }\n");
    server_expect_log(&server, "reload: generation 4 runs: game/rules/init.lua\n");
    client_ask(client, "what?", "three");
    close(client);
    server_end(&server);
}

Test(reload, a_module_that_is_missed_is_told_of_and_may_come_back)
{
    static const char script[] = "local word = require 'word'\n"
                                 "function on_receive(conn) conn:send(word) end\n";
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_replace(&server, "word.lua", "return 'two'\n");
    server_expect_log(&server, "generation 2 runs");
    script_replace(&server, "main.lua", script);
    server_expect_log(&server, "generation 3 runs: main.lua\n");
    forget(&server, "word.lua");
    server_expect_log(&server, "/main.lua:1: module 'word' not found");
    server_expect_log(&server, "nothing has changed: generation 3 runs\n");
    client_ask(client, "what?", "two");
    script_replace(&server, "word.lua", "return 'two'\n");
    server_expect_log(&server, RUNS_ALREADY);
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, saving_without_a_change_does_nothing)
{
    struct server server = begin_watched(SAYS("one"));
    script_replace(&server, "main.lua", SAYS("one"));
    server_expect_log(&server, RUNS_ALREADY);
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    cr_assert_eq(server_log_count(&server, " runs: "), 1, "%s", server_log(&server));
    server_end(&server);
}

Test(reload, a_mistake_that_is_undone_is_told_of)
{
    struct server server = server_begin(&(struct begin){.script = SAYS("one")});
    script_replace(&server, "main.lua", "error('no luck')\n");
    server_expect_log(&server, "/main.lua:1: no luck\n");
    script_replace(&server, "main.lua", SAYS("one"));
    server_expect_log(&server, "info  reload: " RUNS_ALREADY);
    server_end(&server);
}

Test(reload, code_that_receives_nothing_is_warned_of)
{
    struct server server = server_begin(&(struct begin){.script = SAYS("one")});
    script_replace(&server, "main.lua",
                   "function on_connect() end\nlocal function on_receive() end\n");
    server_expect_log(&server, "defines no on_receive: packets are discarded");
    server_expect_log(&server, "generation 2 runs: main.lua\n");
    server_end(&server);
}

Test(reload, an_error_is_told_of_again_only_when_something_else_was_in_between)
{
    static const char broken[] = "error('no luck')\n", told[] = "/main.lua:1: no luck\n";
    struct server server = begin_watched(SAYS("one"));
    script_replace(&server, "main.lua", broken);
    server_expect_log(&server, told);
    script_replace(&server, "main.lua", broken);
    server_expect_log(&server, REFUSED_ALREADY);
    cr_assert_eq(server_log_count(&server, told), 1, "%s", server_log(&server));
    script_replace(&server, "main.lua", SAYS("one"));
    server_expect_log(&server, RUNS_ALREADY);
    script_replace(&server, "main.lua", broken);
    server_expect_log_count(&server, told, 2);
    server_end(&server);
}

/* When there is no watch yet. */
Test(reload, what_has_changed_while_it_started_is_loaded)
{
    struct server server =
        begin_watched("local here = debug.getinfo(1, 'S').source:match('^@(.*)/main%.lua$')\n"
                      "function on_start()\n"
                      "  local file = io.open(here .. '/word.lua', 'w')\n"
                      "  file:write('return 1')\n"
                      "  file:close()\n"
                      "end\n" SAYS("one"));
    server_expect_log(&server, "reload: generation 2 runs: word.lua\n");
    server_end(&server);
}

/* ---- by a signal, by a command ---- */

static void hang_up(const struct server *server)
{
    if (on_windows()) /* which has no such signal */
        server_command(server, "reload", 0, "runs");
    else
        server_signal(server, SIGHUP);
}

Test(reload, a_hangup_has_it_load_its_files_whether_they_have_changed_or_not)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    script_write(&server, "main.lua", SAYS("two"));
    hang_up(&server);
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    hang_up(&server);
    server_expect_log(&server, "reload: generation 3 runs\n");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, that_nothing_has_changed_while_it_started_is_not_told_of)
{
    struct server server = server_begin(&(struct begin){
        .script = SAYS("one"), .admin = true, .flags = {"--workers", "2", "--log", "debug"}});
    hang_up(&server); /* behind the first look */
    server_expect_log(&server, "reload: generation 2 runs\n");
    cr_assert_eq(server_log_count(&server, RUNS_ALREADY), 0, "%s", server_log(&server));
    server_end(&server);
}

Test(reload, the_command_waits_and_says_which_generation_runs)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int first = client_connect_to_worker(&server, 1), second = client_connect_to_worker(&server, 2);
    server_reload(&server, SAYS("two"), 2);
    client_ask(first, "what?", "two");
    client_ask(second, "what?", "two");
    server_command(&server, "reload", 0, "generation 3 runs\n");
    script_write(&server, "a.lua", "return 1\n");
    script_write(&server, "b.lua", "return 1\n");
    script_write(&server, "c.lua", "return 1\n");
    script_write(&server, "d.lua", "return 1\n");
    server_command(&server, "reload", 0, "generation 4 runs: a.lua, b.lua, c.lua and 1 more\n");
    close(first);
    close(second);
    server_end(&server);
}

Test(reload, the_log_says_who_has_asked_for_it)
{
    struct server server = server_begin(&(struct begin){
        .script = SAYS("one"), .admin = true, .flags = {"--workers", "2", "--log", "debug"}});
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "info  reload: generation 2 runs: main.lua\n  by: save\n");
    server_command(&server, "reload", 0, "generation 3 runs\n");
    server_expect_log(&server, "info  reload: generation 3 runs\n  by: command\n");
    server_command(&server, "rollback", 0, "generation 4 runs: main.lua\n");
    server_expect_log(&server, "is saved\n  by: command\n");
    if (!on_windows()) { /* which has no such signal */
        server_signal(&server, SIGHUP);
        server_expect_log(&server, "info  reload: generation 5 runs: main.lua\n  by: signal\n");
    }
    script_replace(&server, "main.lua", "error('no luck')\n");
    server_expect_log(&server, "nothing has changed: generation");
    server_expect_log_count(&server, "  by: save\n", 2);
    server_end(&server);
}

/* ---- what cannot be loaded ---- */

struct broken {
    const char *script, *said, *also;
};

static void expect_refused(const struct server *server, const struct broken *broken, int client)
{
    script_write(server, "main.lua", broken->script);
    server_command(server, "reload", INPUT, broken->said);
    if (broken->also != NULL) server_command(server, "reload", INPUT, broken->also);
    server_command(server, "reload", INPUT, "nothing has changed: generation 1 runs\n");
    client_ask(client, "what?", "one");
}

Test(reload, what_is_broken_is_refused_with_its_file_and_line)
{
    static const struct broken all[] = {
        {"local x = 1\nlocal y = = 2\n", "/main.lua:2: ", "near '='"},
        {SAYS("two") "\nerror('no luck')\n", "/main.lua:5: no luck\n", "stack traceback:"},
        {"function on_recieve() end\n", "/main.lua:1: nothing calls on_recieve",
         "did you mean on_receive?"},
        {"return { on_recieve = function() end }\n", "/main.lua:1: nothing calls on_recieve", NULL},
        {SAYS("two") "pritn('x')\n", "/main.lua:4: ", "pritn"},
        {SAYS("two") "local function never() pritn() end\n", "/main.lua:4: pritn is not defined",
         "did you mean print?"},
        {"on_receive = 5\n", "/main.lua: on_receive is a number", NULL},
        {"return 42\n", "/main.lua returned a number", NULL},
        {"\nrequire 'nothing_like_that'\n", "/main.lua:2: module 'nothing_like_that' not found",
         NULL},
        {"server.sleep(1)\n", "server.sleep cannot wait in main.lua", "/main.lua:1:"},
        {"error({})\n", "table: ", NULL},
    };
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int client = client_connect(&server);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect_refused(&server, &all[i], client);
    script_write(&server, "module.lua", "return {\n\n");
    script_write(&server, "main.lua", SAYS("two"));
    server_command(&server, "reload", INPUT, "/module.lua:3: ");
    forget(&server, "module.lua");
    forget(&server, "main.lua");
    server_command(&server, "reload", INPUT, "/main.lua: No such file");
    server_command(&server, "reload", INPUT, "/main.lua: No such file");
    client_ask(client, "what?", "one");
    server_reload(&server, SAYS("two"), 2);
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

/* Each would take a megabyte with it. */
Test(reload, code_that_is_refused_leaves_nothing)
{
    static const char *const ends[] = {"error('no luck')\n",
                                       "return { on_receive = f, on_conect = f }\n"};
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .flags = {"--workers", "1", "--reload", "signal", "--lua-memory", "8M"}});
    int client = client_connect(&server);
    for (int i = 0; i < 30; i++) {
        char script[300];
        snprintf(script, sizeof script,
                 "ballast = ('%d'):rep(2^20)\n"
                 "local function f() return ballast end\n"
                 "server.every(1, f)\n%s",
                 i, ends[i % 2]);
        script_write(&server, "main.lua", script);
        server_command(&server, "reload", INPUT, i % 2 == 0 ? "no luck" : "on_conect");
    }
    client_ask(client, "what?", "one");
    server_reload(&server, SAYS("two"), 2);
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, code_that_is_replaced_leaves_nothing)
{
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .flags = {"--workers", "1", "--reload", "signal", "--lua-memory", "8M"}});
    int client = client_connect(&server);
    for (int generation = 2; generation < 30; generation++) {
        char script[300], answer[16];
        snprintf(script, sizeof script,
                 "ballast = ('x'):rep(2^20) .. %d\n"
                 "server.every(1, function() return ballast end)\n"
                 "function on_receive(conn) conn:send(ballast:match('%%d+')) end\n",
                 generation);
        snprintf(answer, sizeof answer, "%d", generation);
        server_reload(&server, script, generation);
        client_ask(client, "what?", answer);
    }
    close(client);
    server_end(&server);
}

static void expect_bounded(const char *timeout, const struct broken *broken)
{
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .flags = {"--workers", "2", "--reload", "signal", "--handler-timeout",
                                  timeout, "--lua-memory", "16M"}});
    int client = client_connect(&server);
    expect_refused(&server, broken, client);
    server_reload(&server, SAYS("two"), 2);
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, code_that_takes_too_much_time_is_refused)
{
    expect_bounded("0.3",
                   &(struct broken){LOOP("true"), "/main.lua:2: interrupted", "handler_timeout"});
}

Test(reload, code_whose_handlers_take_too_much_time_to_find_is_refused)
{
    expect_bounded("0.3", &(struct broken){"return setmetatable({}, { __index = function(_, name)\n"
                                           "if name == 'on_receive' then return print end\n" LOOP(
                                               "true") "end })\n",
                                           "interrupted", "handler_timeout"});
}

/* What it keeps goes with it. */
Test(reload, code_that_has_filled_its_memory_can_be_replaced)
{
    need_lua_5_4("LuaJIT crashes when it is refused memory");
    struct server server = server_begin(
        &(struct begin){.script = "local kept = {}\n"
                                  "function on_receive(conn, packet)\n"
                                  "  if packet == 'what?' then return conn:send('one') end\n"
                                  "  while true do kept[#kept + 1] = ('x'):rep(1000) .. #kept end\n"
                                  "end\n",
                        .admin = true,
                        .flags = {"--workers", "1", "--lua-memory", "8M", "--reload", "signal",
                                  "--handler-timeout", "100"}});
    int client = client_connect(&server), filling = client_connect(&server);
    client_put_text(filling, "fill");
    cr_assert_eq(client_await_end(filling), CLIENT_EOF);
    server_reload(&server, SAYS("two"), 2);
    client_ask(client, "what?", "two");
    close(client);
    close(filling);
    server_end(&server);
}

Test(reload, code_that_takes_too_much_memory_is_refused)
{
    expect_bounded("20", &(struct broken){"local all = {}\n"
                                          "for i = 1, 1000 do all[i] = ('x'):rep(1e5) .. i end\n",
                                          "not enough memory", NULL});
}

Test(reload, what_one_worker_cannot_load_no_worker_runs)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int first = client_connect_to_worker(&server, 1), second = client_connect_to_worker(&server, 2);
    script_write(&server, "main.lua",
                 SAYS("two") "if server.worker == 2 then error('only here') end\n");
    server_command(&server, "reload", INPUT, "worker 2: ");
    server_command(&server, "reload", INPUT, "/main.lua:4: only here\n");
    client_ask(first, "what?", "one");
    client_ask(second, "what?", "one");
    script_write(&server, "main.lua",
                 SAYS("two") "error('worker ' .. server.worker .. ' of ' .. server.workers)\n");
    server_command(&server, "reload", INPUT, "worker 1 of 2");
    server_command(&server, "reload", INPUT, "worker 2 of 2");
    client_ask(first, "what?", "one");
    client_ask(second, "what?", "one");
    close(first);
    close(second);
    server_end(&server);
}

/* ---- and back ---- */

Test(reload, three_generations_are_kept_to_roll_back_to)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int client = client_connect(&server);
    server_command(&server, "rollback", INPUT, "there is no generation to go back to");
    client_ask(client, "what?", "one");
    server_reload(&server, SAYS("two"), 2);
    server_reload(&server, SAYS("three"), 3);
    server_reload(&server, SAYS("four"), 4);
    script_write(&server, "main.lua", "broken");
    server_command(&server, "reload", INPUT, "main.lua:1:");
    client_ask(client, "what?", "four");
    server_command(&server, "rollback", 0,
                   "generation 5 runs: main.lua\n"
                   "the files on disk are unchanged: they are loaded when one of them is saved\n");
    client_ask(client, "what?", "three");
    server_command(&server, "rollback", 0, "generation 6 runs: main.lua\n");
    client_ask(client, "what?", "two");
    server_command(&server, "rollback", INPUT, "there is no generation to go back to");
    client_ask(client, "what?", "two");
    server_reload(&server, SAYS("five"), 7);
    client_ask(client, "what?", "five");
    server_command(&server, "rollback", 0, "generation 8 runs: main.lua\n");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, what_was_loaded_twice_is_one_step_back)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int client = client_connect(&server);
    server_reload(&server, SAYS("two"), 2);
    server_command(&server, "reload", 0, "generation 3 runs\n");
    server_command(&server, "rollback", 0, "generation 4 runs: main.lua\n");
    client_ask(client, "what?", "one");
    close(client);
    server_end(&server);
}

Test(reload, code_whose_on_load_has_failed_can_be_gone_back_from_and_to)
{
    struct server server = server_begin_reloadable(SAYS("one"), "2");
    int client = client_connect(&server);
    script_write(&server, "main.lua", SAYS("two") "function on_load() error('no luck') end\n");
    server_command(&server, "reload", INPUT, "no luck");
    client_ask(client, "what?", "two");
    server_command(&server, "rollback", 0, "generation 3 runs: main.lua\n");
    client_ask(client, "what?", "one");
    script_write(&server, "main.lua", SAYS("two") "function on_load() error('no luck') end\n");
    server_command(&server, "reload", INPUT, "generation 4 runs: main.lua\n");
    server_reload(&server, SAYS("three"), 5);
    server_command(&server, "rollback", INPUT, "no luck");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload, what_was_rolled_back_is_not_loaded_until_it_is_saved_anew)
{
    struct server server = server_begin(&(struct begin){
        .script = SAYS("one"), .admin = true, .flags = {"--workers", "2", "--log", "debug"}});
    int client = client_connect(&server);
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "generation 2 runs: main.lua\n");
    server_command(&server, "rollback", 0, "generation 3 runs: main.lua\n");
    script_replace(&server, "other.txt", "a change of the directory");
    server_expect_log(&server, REFUSED_ALREADY);
    client_ask(client, "what?", "one");
    script_replace(&server, "main.lua", SAYS("one"));
    server_expect_log(&server, RUNS_ALREADY);
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "generation 4 runs: main.lua\n");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}
