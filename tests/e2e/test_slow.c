/* Calls that keep their worker for long leave a line in the log: how long, and where they were. */
#include "overtime.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT " kept worker "

/* Runs for so many seconds of the processor's; line 1. */
#define BUSY \
    "local function busy(s) local e = os.clock() + s while os.clock() < e do " ROUND "end end\n"

static struct server begin_slow(const char *script)
{
    return server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--handler-timeout", "60", "--slow-handler", "0.02"}});
}

/* The thread that watches may not get to a call before it is over, or not where that is busy: asks again until the log
 * has this text. */
static void ask_until_told(const struct server *server, int client, const char *question,
                           const char *answer, const char *text)
{
    do client_ask(client, question, answer);
    while (server_log_count(server, text) == 0);
}

Test(slow, a_handler_is_told_of_with_its_place_and_goes_on)
{
    struct server server = begin_slow(BUSY "local function mill()\n"
                                           "  busy(0.2)\n"
                                           "  return 'ground'\n"
                                           "end\n"
                                           "function on_receive(conn, packet)\n"
                                           "  local what = mill()\n"
                                           "  conn:send(what)\n"
                                           "end\n");
    int client = client_connect(&server);
    ask_until_told(&server, client, "go", "ground", " s: it was at main.lua:1 in busy\n");
    server_expect_log(&server, "warn  on_receive (connection ");
    server_expect_log(&server, ", generation 1)" KEPT "1 for ");
    client_ask(client, "go", "ground");
    close(client);
    server_end(&server);
}

Test(slow, every_call_is_told_of_by_its_name)
{
    struct server server =
        begin_slow(BUSY "on_call = { slow = function()\nbusy(0.2) end }\n"
                        "function on_connect()\nbusy(0.2) end\n"
                        "function on_message()\nbusy(0.2) end\n"
                        "function on_disconnect()\nbusy(0.2) end\n"
                        "function on_receive(conn, packet)\n"
                        "  server.call(1, 'slow')\n"
                        "  server.post(1, 'x')\n"
                        "  server.after(0, function()\nbusy(0.2) conn:send(packet) end)\n"
                        "end\n");
    static const char *const told[] = {
        "warn  on_call (generation 1)" KEPT,    "warn  on_connect (connection ",
        "warn  on_message (generation 1)" KEPT, "warn  timer (generation 1)" KEPT,
        "warn  on_disconnect (connection ",
    };
    for (size_t i = 0; i < sizeof told / sizeof *told;) {
        int client = client_connect(&server);
        client_ask(client, "go", "go");
        close(client);
        while (i < sizeof told / sizeof *told && server_log_count(&server, told[i]) > 0) i++;
    }
    server_end(&server);
}

Test(slow, of_one_kind_a_line_a_second_is_logged_and_the_next_says_how_many_there_were)
{
    struct server server = begin_slow("local function busy() local e = os.clock() + 0.06\n"
                                      "  while os.clock() < e do " ROUND "end end\n"
                                      "local function idle() local e = os.clock() + 0.06\n"
                                      "  while os.clock() < e do " ROUND "end end\n"
                                      "function on_receive(conn, packet)\n"
                                      "  if packet == 'idle' then idle() else busy() end\n"
                                      "  conn:send(packet)\n"
                                      "end\n");
    int client = client_connect(&server);
    ask_until_told(&server, client, "busy", "busy", ": it was at main.lua:2 in busy\n");
    ask_until_told(&server, client, "idle", "idle", ": it was at main.lua:4 in idle\n");
    ask_until_told(&server, client, "busy", "busy", " more like it since such a line)\n");
    server_expect_log(&server, ": it was at main.lua:2 in busy (");
    close(client);
    server_end(&server);
}

Test(slow, where_no_hook_comes_the_place_is_not_known)
{
    struct server server = begin_slow("local text = ('a'):rep(700)\n"
                                      "function on_receive(conn, packet)\n"
                                      "  if packet == 'match' then\n"
                                      "    conn:send(packet)\n"
                                      "    return text.find(text, '^.-.-.-b')\n"
                                      "  end\n"
                                      "end\n");
    int client = client_connect(&server);
    ask_until_told(&server, client, "match", "match", " s: in a C function");
    close(client);
    server_end(&server);
}

Test(slow, in_coroutines_of_the_scripts_own_the_place_is_theirs)
{
    struct server server = begin_slow(BUSY "local function inner() busy(0.2) end\n"
                                           "local function outer() coroutine.wrap(inner)() end\n"
                                           "function on_receive(conn, packet)\n"
                                           "  coroutine.wrap(outer)()\n"
                                           "  conn:send(packet)\n"
                                           "end\n");
    int client = client_connect(&server);
    ask_until_told(&server, client, "go", "go", ": it was at main.lua:1 in busy\n");
    client_ask(client, "go", "go");
    close(client);
    server_end(&server);
}

/* A hook that was set in one coroutine is not left there, nor in those made meanwhile. */
Test(slow, what_has_been_slow_runs_on_as_before)
{
    struct server server = begin_slow(
        BUSY "local made = {}\n"
             "local function body() while true do busy(0.03) coroutine.yield('on') end end\n"
             "function on_receive(conn, packet)\n"
             "  for i = 1, 5 do\n"
             "    made[i] = made[i] or coroutine.wrap(body)\n"
             "    if made[i]() ~= 'on' then conn:close() end\n"
             "    busy(0.03)\n"
             "    if not pcall(made[i]) then conn:close() end\n"
             "  end\n"
             "  conn:send(packet)\n"
             "end\n");
    int client = client_connect(&server);
    ask_until_told(&server, client, "go", "go", ": it was at main.lua:1 in busy");
    for (int i = 0; i < 3; i++) client_ask(client, "go", "go");
    cr_assert_eq(server_log_count(&server, "interrupted"), 0);
    close(client);
    server_end(&server);
}

Test(slow, one_that_is_interrupted_is_not_told_of_twice_and_its_time_is_counted)
{
    struct server server = server_begin(&(struct begin){
        .script = LOOP "function on_receive(conn, packet)\n"
                       "  if packet == 'loop' then loop() end\n"
                       "  conn:send(('%s'):format(server.stats().handlers.on_receive.max >= 0.2))\n"
                       "end\n",
        .flags = {"--workers", "1", "--handler-timeout", "0.3", "--slow-handler", "0.05"}});
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        client_put_text(client, "loop");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        server_expect_log_count(&server, INTERRUPTED, i + 1);
        close(client);
    }
    int client = client_connect(&server);
    client_ask(client, "time", "true");
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    /* Other calls may have been slow: the machine may be busy. */
    cr_assert_eq(server_log_count(&server, ": it was at main.lua:1"), 0, "%s", server_log(&server));
    server_end(&server);
}

/* Only some of so many are timed; slow ones all are. */
Test(slow, a_packet_among_many_is_timed_and_told_of)
{
    enum { PACKETS = 2000, SIZE = 5 };
    static uint8_t many[PACKETS * SIZE];
    struct server server = begin_slow(
        BUSY
        "function on_receive(conn, packet)\n"
        "  if packet == 's' then busy(0.2) end\n"
        "  if packet ~= '?' then return end\n"
        "  local times = server.stats().handlers.on_receive\n"
        "  conn:send(('%d %s %s'):format(times.calls, times.max >= 0.1, times.p50 < times.max))\n"
        "end\n");
    for (size_t i = 0; i < sizeof many; i++) many[i] = i % SIZE == 0 ? SIZE : 0;
    for (size_t i = 0; i < PACKETS; i++) many[i * SIZE + 4] = i == PACKETS * 3 / 4 ? 's' : 'q';
    int client = client_connect(&server), rounds = 0;
    do { /* as above */
        char calls[32];
        size_t size;
        client_send(client, many, sizeof many);
        client_put_text(client, "?");
        char *answer = (char *)client_take(client, &size);
        snprintf(calls, sizeof calls, "%d ", ++rounds * (PACKETS + 1));
        cr_assert_eq(strncmp(answer, calls, strlen(calls)), 0, "%snot %s", calls, answer);
        free(answer);
    } while (server_log_count(&server, ": it was at main.lua:1 in busy\n") == 0);
    client_ask_for_part(client, "?", " true true");
    close(client);
    server_end(&server);
}

Test(slow, a_reload_changes_it_and_may_turn_it_off)
{
    static const char script[] = BUSY "function on_receive(conn, packet)\n"
                                      "  busy(0.2)\n"
                                      "  conn:send(packet)\n"
                                      "end\n";
    struct server server = server_begin(&(struct begin){
        .script = script,
        .config = "return { workers = 1, handler_timeout = 60, slow_handler = 0 }\n"});
    int client = client_connect(&server);
    client_ask(client, "go", "go");
    cr_assert_eq(server_log_count(&server, KEPT), 0);
    script_write(&server, "config.lua",
                 "return { workers = 1, handler_timeout = 60, slow_handler = 0.02 }\n");
    server_expect_log(&server, "settings changed: slow_handler\n");
    server_expect_log(&server, "generation 2 runs");
    ask_until_told(&server, client, "go", "go", ", generation 2)" KEPT);
    script_write(&server, "config.lua",
                 "return { workers = 1, handler_timeout = 60, slow_handler = 0 }\n");
    server_expect_log(&server, "generation 3 runs");
    client_ask(client, "go", "go");
    client_ask(client, "go", "go");
    cr_assert_eq(server_log_count(&server, ", generation 3)" KEPT), 0);
    close(client);
    server_end(&server);
}

Test(slow, code_that_takes_long_to_load_is_told_of_in_a_reload)
{
    struct server server = begin_slow(ECHO);
    for (int i = 2; server_log_count(&server, ": it was at main.lua:1 in busy") == 0; i++) {
        char script[300], runs[40];
        snprintf(script, sizeof script, "%s-- %d\n", BUSY "busy(0.2)\n" ECHO, i);
        script_write(&server, "main.lua", script);
        snprintf(runs, sizeof runs, "generation %d runs", i);
        server_expect_log(&server, runs);
    }
    server_expect_log(&server, "warn  main.lua (generation ");
    server_expect_log(&server, ")" KEPT);
    server_end(&server);
}

/* Nobody waits then. */
Test(slow, start_and_stop_may_take_long)
{
    struct server server = begin_slow(BUSY "busy(0.2)\n"
                                           "function on_start() busy(0.2) end\n"
                                           "function on_stop() busy(0.2) end\n" ECHO);
    int client = client_connect(&server);
    client_ask(client, "go", "go");
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    /* Other calls may have been slow: the machine may be busy. */
    cr_assert_eq(server_log_count(&server, ": it was at main.lua:1"), 0, "%s", server_log(&server));
    server_end(&server);
}

Test(slow, tests_and_checks_of_scripts_may_take_long)
{
    char *out, *err;
    char *directory = directory_make(
        "main.lua",
        BUSY "busy(0.1)\n"
             "function on_receive() busy(0.1) end\n",
        "a_test.lua", "test('it', function() test.connect():receive('x') end)\n", "config.lua",
        "return { slow_handler = 0.02, handler_timeout = 60 }\n", NULL);
    cr_assert_eq(program_run(&out, &err, WORDS("test", directory)), 0);
    cr_assert_null(strstr(err, "kept"), "%s", err);
    free(out);
    free(err);
    cr_assert_eq(program_run(&out, &err, WORDS("check", directory)), 0);
    cr_assert_null(strstr(err, "kept"), "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}
