/* A new generation is on probation: if its handlers fail where the old ones did not, the old code comes back by itself,
 * and nobody is disconnected. */
#include "reload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers every packet with this word, and says who ends. */
#define SAYS(word) \
    "function on_receive(conn, packet)\n" \
    "  conn:send(packet == 'which' and tostring(server.worker) or '" word "')\n" \
    "end\n" TELLS_ENDS
#define TELLS_ENDS \
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"

/* Fails at its fourth line. */
#define FAILS \
    "\n" \
    "function on_receive(conn, packet)\n" \
    "  local none\n" \
    "  conn:send(none.field)\n" \
    "end\n" TELLS_ENDS

#define TAKEN_BACK "error probation: "
#define PASSED "has passed its probation"

static struct server begin(const char *script, const char *workers, const char *probation)
{
    return server_begin(&(struct begin){.script = script,
                                        .admin = true,
                                        .flags = {"--workers", workers, "--reload", "signal",
                                                  "--log", "debug", "--probation", probation}});
}

/* For those of which something is to fail before the probation is over, and then it is to be over. */
#define LASTS_A_WHILE "5"

static void load(const struct server *server, const char *script)
{
    script_write(server, "main.lua", script);
    server_command(server, "reload", 0, "runs");
}

static void connect_all(const struct server *server, int *clients, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "what?", word);
    }
}

static void close_all(const int *clients, int count)
{
    for (int i = 0; i < count; i++) close(clients[i]);
}

static void put_all(const int *clients, int count, const char *packet)
{
    for (int i = 0; i < count; i++) client_put_text(clients[i], packet);
}

/* Takes what it still has to get, up to this: what failed is never answered. */
static void client_expect_at_last(int client, const char *text)
{
    size_t size;
    bool found = false;
    while (!found) {
        char *packet = (char *)client_take(client, &size);
        found = strcmp(packet, text) == 0;
        free(packet);
    }
}

/* None has ended by a failure, and all are served: the same connections. */
static void all_are_served(const struct server *server, const int *clients, int count,
                           const char *word)
{
    cr_assert_eq(server_log_count(server, "ended error"), 0, "%s", server_log(server));
    for (int i = 0; i < count; i++) client_ask(clients[i], "what?", word);
}

/* ---- back ---- */

enum { MANY = 100, SAVES = 20 };

/* All go on sending, and none waits for an answer, until the old code is back that many times. */
static void send_until_taken_back(const struct server *server, const int *clients, int times)
{
    while (server_log_count(server, TAKEN_BACK) < times) {
        put_all(clients, MANY, "go on");
        for (int i = 0; i < MANY; i++) {
            char bytes[4096];
            while (recv(clients[i], bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK) > 1000) {
                size_t size;
                free(client_take(clients[i], &size));
            }
        }
    }
}

Test(probation, twenty_saves_with_a_bug_under_a_hundred_connections_disconnect_nobody)
{
    static const char script[] = "function on_receive(conn, packet) conn:send(packet) end\n" //
        TELLS_ENDS;
    int clients[MANY];
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--workers", "3", "--log", "debug"}});
    for (int i = 0; i < MANY; i++) clients[i] = client_connect(&server);
    for (int save = 1; save <= SAVES; save++) {
        char bad[400], last[32], runs[64];
        snprintf(bad, sizeof bad, "%s-- %d\n", FAILS, save);
        script_replace(&server, "main.lua", bad);
        send_until_taken_back(&server, clients, save);
        snprintf(runs, sizeof runs, "generation %d runs: main.lua\n", 2 * save + 1);
        server_expect_log(&server, runs);
        snprintf(last, sizeof last, "last of %d", save);
        put_all(clients, MANY, last);
        for (int i = 0; i < MANY; i++) client_expect_at_last(clients[i], last);
    }
    cr_assert_eq(server_log_count(&server, "ended "), 0);
    server_expect_log(&server, "on_receive has failed in ");
    server_expect_log(&server, "main.lua:4: attempt to index ");
    server_expect_log(&server, "the files on disk are unchanged: they are loaded when one of them");
    server_expect_log(&server, "packets that failed are not handed on again\n");
    close_all(clients, MANY);
    server_end(&server);
}

Test(probation, the_same_files_are_not_loaded_again_until_they_change)
{
    int clients[3];
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"), .flags = {"--workers", "2", "--log", "debug"}});
    connect_all(&server, clients, 3, "one");
    script_replace(&server, "main.lua", FAILS);
    server_expect_log(&server, "generation 2 runs: main.lua\n");
    put_all(clients, 3, "what?");
    server_expect_log(&server, TAKEN_BACK "on_receive has failed in 3 of 3 calls of generation 2, "
                                          "and in 0 of 3 shortly before it: ");
    all_are_served(&server, clients, 3, "one");
    script_replace(&server, "other.txt", "a change of the directory");
    server_expect_log(&server, "these files have been refused already");
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "generation 4 runs: main.lua\n");
    all_are_served(&server, clients, 3, "two");
    close_all(clients, 3);
    server_end(&server);
}

/* Three connections of the worker that fails. */
Test(probation, all_workers_go_back_though_one_alone_fails)
{
    int clients[3];
    struct server server = begin(SAYS("one"), "2", "100");
    int other = client_connect_to_worker(&server, 1);
    for (int i = 0; i < 3; i++) clients[i] = client_connect_to_worker(&server, 2);
    load(&server, "function on_receive(conn, packet)\n"
                  "  if server.worker == 2 then error('only here') end\n"
                  "  conn:send('two')\n"
                  "end\n" TELLS_ENDS);
    for (int i = 0; i < 50; i++) client_ask(other, "what?", "two");
    put_all(clients, 3, "what?");
    server_expect_log(&server, TAKEN_BACK);
    server_expect_log(&server, "main.lua:2: only here\n");
    client_ask(other, "what?", "one");
    all_are_served(&server, clients, 3, "one");
    close(other);
    close_all(clients, 3);
    server_end(&server);
}

/* The packet is in no handler's hands twice; the state that was before the save is there. */
Test(probation, what_failed_is_not_handed_on_again_and_state_survives)
{
    static const char *const counts =
        "state = server.state\n"
        "function on_receive(conn, packet)\n"
        "  state.count = (state.count or 0) + 1\n"
        "  conn.data.count = (conn.data.count or 0) + 1\n"
        "%s"
        "  conn:send(conn.data.count .. ' of ' .. state.count .. ' ' .. tostring(handed))\n"
        "end\n"
        "function on_unload() return '%s' end\n"
        "function on_load(value) handed = value end\n";
    char script[600];
    snprintf(script, sizeof script, counts, "", "from good");
    struct server server = begin(script, "1", "100");
    int client = client_connect(&server);
    client_ask(client, "count", "1 of 1 nil");
    snprintf(script, sizeof script, counts, "  error('no luck')\n", "from bad");
    load(&server, script);
    for (int i = 0; i < 3; i++) client_put_text(client, "count");
    server_expect_log(&server, TAKEN_BACK);
    client_ask(client, "count", "5 of 5 from bad");
    close(client);
    server_end(&server);
}

Test(probation, timers_that_fail_are_enough)
{
    struct server server = begin(SAYS("one"), "2", "100");
    int client = client_connect(&server);
    load(&server, SAYS("two") "if server.worker == 1 then\n"
                              "  server.every(0.01, function() error('tick') end)\n"
                              "end\n");
    server_expect_log(&server, TAKEN_BACK "timer has failed in ");
    server_expect_log(&server, " calls of generation 2, and in 0 of 0 shortly before it: ");
    server_expect_log(&server, "main.lua:6: tick\n");
    client_ask(client, "what?", "one");
    close(client);
    server_end(&server);
}

Test(probation, messages_and_calls_that_fail_are_enough)
{
    static const char good[] =
        "function on_message(value) end\n"
        "on_call = { add = function(a, b) return a + b end }\n"
        "function on_receive(conn, packet)\n"
        "  if packet == 'post' then server.post(1, {}) end\n"
        "  conn:send(tostring(packet ~= 'call' or server.call(1, 'add', 1, 2)))\n"
        "end\n";
    static const char bad_message[] =
        "function on_message(value) error(value.none.field) end\n"
        "function on_receive(conn, packet) server.post(1, {}) conn:send('posted') end\n";
    static const char bad_call[] = "on_call = { add = function(a, b) return a + c end }\n"
                                   "c = nil\n"
                                   "function on_receive(conn, packet)\n"
                                   "  conn:send(select(2, server.call(1, 'add', 1, 2)))\n"
                                   "end\n";
    struct server server = begin(good, "1", "100");
    int client = client_connect(&server);
    client_ask(client, "post", "true");
    client_ask(client, "call", "3");
    load(&server, bad_message);
    for (int i = 0; i < 3; i++) client_ask(client, "post", "posted");
    server_expect_log(&server, TAKEN_BACK "on_message has failed in 3 of 3 calls of generation 2");
    client_ask(client, "call", "3");
    load(&server, bad_call);
    for (int i = 0; i < 3; i++) client_ask(client, "call", "error");
    server_expect_log(&server, TAKEN_BACK "on_call has failed in 3 of 3 calls of generation 4");
    client_ask(client, "call", "3");
    close(client);
    server_end(&server);
}

/* Who comes is refused, as there is nothing to keep; who was there stays. */
Test(probation, refusing_whoever_comes_is_enough)
{
    struct server server = begin(SAYS("one"), "2", "100");
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    load(&server, SAYS("two") "function on_connect(conn) error('not you') end\n");
    for (int i = 0; i < 3; i++) {
        int refused = client_connect(&server);
        cr_assert_neq(client_await_end(refused), CLIENT_TIMEOUT);
        close(refused);
    }
    server_expect_log(&server, TAKEN_BACK "on_connect has failed in 3 of 3 calls");
    client_ask(client, "what?", "one");
    int other = client_connect(&server);
    client_ask(other, "what?", "one");
    close(client);
    close(other);
    server_end(&server);
}

Test(probation, settings_that_make_handlers_fail_are_taken_back)
{
    int clients[3];
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  local all = packet == 'long' and packet:rep(8 * 1024 * 1024)\n"
                                  "  conn:send(packet)\n"
                                  "  return all\n"
                                  "end\n",
                        .config = "return { lua_memory = '128M' }\n",
                        .admin = true,
                        .flags = {"--workers", "1", "--reload", "signal"}});
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    script_write(&server, "config.lua", "return { lua_memory = '16M' }\n");
    server_command(&server, "reload", 0, "settings changed: lua_memory\n");
    put_all(clients, 3, "long");
    server_expect_log(&server, TAKEN_BACK "on_receive has failed in 3 of 3 ");
    server_expect_log_count(&server, "settings changed: lua_memory\n", 2);
    client_ask(clients[0], "long", "long");
    for (int i = 1; i < 3; i++) client_ask(clients[i], "hello", "hello");
    close_all(clients, 3);
    server_end(&server);
}

/* ---- to which ---- */

/* So many that what ran before them is not among those that are kept to roll back to. */
Test(probation, of_several_bad_ones_in_a_row_none_is_gone_back_to)
{
    int clients[3];
    struct server server = begin(SAYS("one"), "2", "100");
    connect_all(&server, clients, 3, "one");
    for (int i = 0; i < 5; i++) {
        char bad[400];
        snprintf(bad, sizeof bad, "%s-- %d\n", FAILS, i);
        load(&server, bad);
        client_put_text(clients[i % 3],
                        "what?"); /* too few, and nothing to hold the next one against */
    }
    put_all(clients, 3, "what?");
    server_expect_log(&server, "generation 7 runs: main.lua\n");
    all_are_served(&server, clients, 3, "one");
    server_command(&server, "rollback", INPUT, "there is no generation to go back to");
    close_all(clients, 3);
    server_end(&server);
}

Test(probation, what_has_passed_is_gone_back_to)
{
    int clients[3];
    struct server server = server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .config = "return { probation = 0.1 }\n",
                        .flags = {"--workers", "2", "--reload", "signal", "--log", "debug"}});
    connect_all(&server, clients, 3, "one");
    load(&server, SAYS("two"));
    server_expect_log(&server, "generation 2 " PASSED);
    script_write(&server, "config.lua", "return { probation = 100 }\n");
    load(&server, FAILS);
    put_all(clients, 3, "what?");
    server_expect_log(&server, TAKEN_BACK);
    all_are_served(&server, clients, 3, "two");
    server_command(&server, "rollback", 0, "generation 5 runs: main.lua\n");
    all_are_served(&server, clients, 3, "one");
    close_all(clients, 3);
    server_end(&server);
}

/* A person has asked for it: even if it has never passed. */
Test(probation, what_a_person_goes_back_to_is_trusted)
{
    struct server server = begin(SAYS("one"), "1", "100");
    load(&server, FAILS);
    load(&server, SAYS("three"));
    server_command(&server, "rollback", 0, "generation 4 runs: main.lua\n");
    for (int i = 0; i < 5; i++) {
        int client = client_connect(&server);
        client_put_text(client, "what?");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    server_expect_log_count(&server, "ended error\n", 5);
    server_command(&server, "rollback", 0, "generation 5 runs: main.lua\n");
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    close(client);
    server_end(&server);
}

Test(probation, what_a_person_went_back_to_is_gone_back_to)
{
    int clients[3];
    struct server server = begin(SAYS("one"), "2", "100");
    connect_all(&server, clients, 3, "one");
    load(&server, SAYS("two"));
    load(&server, SAYS("three"));
    server_command(&server, "rollback", 0, "generation 4 runs: main.lua\n");
    load(&server, FAILS);
    put_all(clients, 3, "what?");
    server_expect_log(&server, TAKEN_BACK);
    all_are_served(&server, clients, 3, "two");
    close_all(clients, 3);
    server_end(&server);
}

/* Files that failed, and that a person loads once more, are judged once more. */
Test(probation, what_a_person_loads_is_on_probation)
{
    int clients[3];
    struct server server = begin(SAYS("one"), "2", "100");
    connect_all(&server, clients, 3, "one");
    for (int i = 1; i <= 2; i++) {
        load(&server, FAILS);
        put_all(clients, 3, "what?");
        server_expect_log_count(&server, TAKEN_BACK, i);
        all_are_served(&server, clients, 3, "one");
    }
    close_all(clients, 3);
    server_end(&server);
}

Test(probation, the_failure_that_is_told_is_that_of_the_code_that_failed)
{
    static const char *const words[] = {"first", "second", "third"};
    int clients[3];
    struct server server = begin(SAYS("one"), "1", "100");
    connect_all(&server, clients, 3, "one");
    for (int i = 0; i < 3; i++) {
        char script[100], told[400];
        snprintf(script, sizeof script, "function on_receive() error('%s') end\n", words[i]);
        load(&server, script);
        put_all(clients, 3, "what?");
        snprintf(told, sizeof told, "before it: %s/main.lua:1: %s\n", server.directory, words[i]);
        server_expect_log(&server, told);
        all_are_served(&server, clients, 3, "one");
    }
    close_all(clients, 3);
    server_end(&server);
}

Test(probation, the_first_generation_has_nothing_to_go_back_to)
{
    int clients[5];
    struct server server = begin(FAILS, "2", "100");
    for (int i = 0; i < 5; i++) {
        clients[i] = client_connect(&server);
        client_put_text(clients[i], "what?");
        cr_assert_eq(client_await_end(clients[i]), CLIENT_EOF);
    }
    server_command(&server, "reload", 0, "generation 2 runs\n"); /* nor has the same once more */
    for (int i = 0; i < 5; i++) {
        int client = client_connect(&server);
        client_put_text(client, "what?");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    server_expect_log_count(&server, "ended error\n", 10);
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    close_all(clients, 5);
    server_end(&server);
}

/* ---- not back ---- */

/* Fails as often as it is told to. */
#define FAILS_AT_TIMES(word) \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'fail' then error('as told') end\n" \
    "  conn:send(packet == 'which' and tostring(server.worker) or '" word "')\n" \
    "end\n" TELLS_ENDS

Test(probation, one_peer_that_sends_nonsense_is_not_enough_on_a_busy_server)
{
    enum { FAILURES = 5 };
    struct server server = begin(FAILS_AT_TIMES("one"), "1", LASTS_A_WHILE);
    int client = client_connect(&server), other = client_connect(&server);
    load(&server, FAILS_AT_TIMES("two"));
    for (int i = 0; i < 20 * FAILURES; i++) client_ask(other, "what?", "two");
    for (int i = 0; i < FAILURES; i++) {
        client_put_text(client, "fail");
        client_ask(client, "what?", "two");
    }
    server_expect_log(&server, "generation 2 " PASSED);
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    client_ask(client, "what?", "two");
    close(client);
    close(other);
    server_end(&server);
}

Test(probation, code_that_fails_as_often_as_the_one_before_stays)
{
    int clients[10];
    struct server server = server_begin(&(struct begin){
        .script = FAILS_AT_TIMES("one"),
        .admin = true,
        .config = "return { on_error = 'keep', probation = " LASTS_A_WHILE ", log = 'debug' }\n",
        .flags = {"--workers", "2", "--reload", "signal"}});
    connect_all(&server, clients, 10, "one");
    for (int i = 0; i < 10; i++) put_all(clients, 10, "fail");
    for (int i = 0; i < 10; i++) client_ask(clients[i], "what?", "one");
    load(&server, FAILS_AT_TIMES("two"));
    for (int i = 0; i < 10; i++) put_all(clients, 10, "fail");
    for (int i = 0; i < 10; i++) client_ask(clients[i], "what?", "two");
    server_expect_log(&server, "generation 2 " PASSED);
    all_are_served(&server, clients, 10, "two");
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    close_all(clients, 10);
    server_end(&server);
}

Test(probation, timers_that_fail_as_often_as_before_stay)
{
    static const char script[] = "local count = 0\n"
                                 "server.every(0.005, function()\n"
                                 "  count = count + 1\n"
                                 "  if count % 4 == 0 then error('now and then') end\n"
                                 "end)\n"
                                 "function on_receive(conn, packet)\n"
                                 "  while count < tonumber(packet) do server.sleep(0.01) end\n"
                                 "  conn:send(packet)\n"
                                 "end\n";
    char newer[500];
    struct server server = begin(script, "1", "0.5");
    int client = client_connect(&server);
    client_ask(client, "100", "100");
    snprintf(newer, sizeof newer, "%s-- newer\n", script);
    load(&server, newer);
    server_expect_log(&server, "generation 2 " PASSED);
    client_ask(client, "20", "20"); /* of which five have failed */
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    close(client);
    server_end(&server);
}

Test(probation, when_it_is_over_a_failure_closes_again)
{
    struct server server = begin(FAILS_AT_TIMES("one"), "1", LASTS_A_WHILE);
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    load(&server, FAILS_AT_TIMES("two"));
    client_put_text(client, "fail");
    client_ask(client, "what?", "two");
    server_expect_log(&server, "generation 2 " PASSED);
    client_ask(client, "what?", "two");
    client_put_text(client, "fail");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended error\n");
    close(client);
    server_end(&server);
}

Test(probation, of_0_seconds_is_none)
{
    int clients[5];
    struct server server = begin(SAYS("one"), "1", "0");
    connect_all(&server, clients, 5, "one");
    load(&server, FAILS);
    for (int i = 0; i < 5; i++) {
        client_put_text(clients[i], "what?");
        cr_assert_eq(client_await_end(clients[i]), CLIENT_EOF);
    }
    server_expect_log_count(&server, "ended error\n", 5);
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    close_all(clients, 5);
    server_end(&server);
}

/* What is newer by the time it is judged is what counts. */
Test(probation, a_reload_in_the_middle_begins_anew)
{
    int clients[2], others[4];
    struct server server = begin(SAYS("one"), "1", LASTS_A_WHILE);
    connect_all(&server, clients, 2, "one");
    connect_all(&server, others, 4, "one");
    load(&server, FAILS_AT_TIMES("two"));
    for (int i = 0; i < 30; i++) client_ask(others[i % 4], "what?", "two");
    put_all(clients, 2, "fail");
    for (int i = 0; i < 2; i++) client_ask(clients[i], "what?", "two");
    load(&server, FAILS_AT_TIMES("three"));
    for (int i = 0; i < 30; i++) client_ask(others[i % 4], "what?", "three");
    put_all(clients, 2, "fail");
    for (int i = 0; i < 2; i++) client_ask(clients[i], "what?", "three");
    server_expect_log(&server, "generation 3 " PASSED);
    cr_assert_eq(server_log_count(&server, "generation 2 " PASSED), 0);
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    all_are_served(&server, others, 4, "three");
    close_all(clients, 2);
    close_all(others, 4);
    server_end(&server);
}

/* ---- handlers that wait ---- */

#define WAITS_AND_FAILS(word) \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'wait' then server.wait('go') error('of " word "') end\n" \
    "  if packet == 'go' then server.signal('go') end\n" \
    "  conn:send('" word "')\n" \
    "end\n" TELLS_ENDS

Test(probation, older_code_that_fails_meanwhile_counts_for_itself)
{
    int clients[5];
    struct server server = begin(WAITS_AND_FAILS("one"), "1", "1");
    connect_all(&server, clients, 5, "one");
    int other = client_connect(&server);
    put_all(clients, 5, "wait");
    load(&server, WAITS_AND_FAILS("two"));
    client_ask(other, "go", "two");
    server_expect_log_count(&server, "ended error\n", 5);
    server_expect_log(&server, "generation 2 " PASSED);
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0);
    client_ask(other, "what?", "two");
    close(other);
    close_all(clients, 5);
    server_end(&server);
}

Test(probation, code_that_was_taken_back_and_fails_later_keeps_its_connections)
{
    int clients[5], failing[3];
    struct server server = begin(WAITS_AND_FAILS("one"), "1", "100");
    connect_all(&server, clients, 5, "one");
    connect_all(&server, failing, 3, "one");
    load(&server, "function on_receive(conn, packet)\n"
                  "  if packet == 'wait' then server.wait('go') end\n"
                  "  error('of two')\n"
                  "end\n" TELLS_ENDS);
    put_all(clients, 5, "wait");
    put_all(failing, 3, "what?");
    server_expect_log(&server, TAKEN_BACK);
    client_ask(failing[0], "go", "one");
    all_are_served(&server, clients, 5, "one");
    all_are_served(&server, failing, 3, "one");
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 1);
    close_all(clients, 5);
    close_all(failing, 3);
    server_end(&server);
}

/* ---- what may come in between ---- */

Test(probation, what_cannot_be_gone_back_to_is_tried_again)
{
    int clients[3];
    struct server server = begin("if server.shared:get('blocked') then error('blocked') end\n" //
                                 SAYS("one"),
                                 "2", "100");
    connect_all(&server, clients, 3, "one");
    load(&server, "server.shared:set('blocked', true)\n"
                  "function on_receive(conn, packet)\n"
                  "  if packet ~= 'free' then error('no luck') end\n"
                  "  server.shared:delete('blocked')\n"
                  "  conn:send('free')\n"
                  "end\n" TELLS_ENDS);
    put_all(clients, 3, "what?");
    server_expect_log(&server, "main.lua:1: blocked\n");
    server_expect_log(&server,
                      "nothing has changed: generation 2 runs\n  going back is tried again\n");
    put_all(clients, 3, "what?"); /* nobody is closed meanwhile */
    client_ask(clients[0], "free", "free");
    server_expect_log(&server, "generation 3 runs: main.lua\n");
    all_are_served(&server, clients, 3, "one");
    close_all(clients, 3);
    server_end(&server);
}

/* At the end there is nothing to go back for. */
Test(probation, a_server_that_ends_does_not_go_back)
{
    int clients[10];
    struct server server = begin(SAYS("one"), "2", "100");
    connect_all(&server, clients, 10, "one");
    load(&server, SAYS("two") "function on_disconnect(conn, reason)\n"
                              "  server.sleep(0.05)\n"
                              "  error('in the end')\n"
                              "end\n");
    for (int i = 0; i < 10; i++) client_ask(clients[i], "what?", "two");
    server_signal(&server, SIGTERM);
    for (int i = 0; i < 10; i++) cr_assert_neq(client_await_end(clients[i]), CLIENT_TIMEOUT);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "in the end");
    cr_assert_eq(server_log_count(&server, TAKEN_BACK), 0, "%s", server_log(&server));
    close_all(clients, 10);
    server_end(&server);
}
