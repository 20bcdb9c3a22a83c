/* The setting on_error: what a handler that fails does to its connection. */
#include "reload.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TELLS_THE_END \
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"

static struct server begin(const char *script, const char *config)
{
    return server_begin(&(struct begin){.script = script,
                                        .config = config,
                                        .admin = true,
                                        .flags = {"--workers", "1", "--reload", "signal"}});
}

Test(on_error, by_default_a_failure_closes_its_connection)
{
    struct server server = begin(
        "function on_receive(conn, packet) error('no luck') end\n" TELLS_THE_END, "return {}\n");
    int client = client_connect(&server);
    client_put_text(client, "fail");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended error\n");
    close(client);
    server_end(&server);
}

/* All in one write: the failure ends a call that takes one packet after another. */
Test(on_error, a_connection_that_is_kept_gets_its_next_packets)
{
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  if packet == 'fail' then error('no luck') end\n"
                                 "  conn:send(packet)\n"
                                 "end\n" TELLS_THE_END,
                                 "return { on_error = 'keep', framing = 'line' }\n");
    int client = client_connect(&server);
    client_send_text(client, "one\nfail\ntwo\nfail\nfail\nthree\n");
    client_expect_line(client, "one");
    client_expect_line(client, "two");
    client_expect_line(client, "three");
    server_expect_log(&server, "main.lua:2: no luck\n");
    cr_assert_eq(server_log_count(&server, "ended "), 0);
    close(client);
    server_expect_log(&server, "ended eof\n");
    server_end(&server);
}

/* It has waited before: later packets wait until it is over, one way or another. */
Test(on_error, a_failure_after_a_wait_lets_the_next_packet_in)
{
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  if packet == 'fail' then\n"
                                 "    server.sleep(0.05)\n"
                                 "    error('no luck')\n"
                                 "  end\n"
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "return { on_error = 'keep', framing = 'line' }\n");
    int client = client_connect(&server);
    client_send_text(client, "one\nfail\ntwo\n");
    client_expect_line(client, "one");
    client_expect_line(client, "two");
    cr_assert_eq(server_log_count(&server, "main.lua:4: no luck\n"), 1);
    close(client);
    server_end(&server);
}

Test(on_error, a_call_that_is_interrupted_is_a_failure_like_another)
{
    struct server server = begin("function on_receive(conn, packet)\n" LOOP("packet == 'loop'") //
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "return { on_error = 'keep', handler_timeout = 1 }\n");
    int client = client_connect(&server);
    client_put_text(client, "loop");
    client_ask(client, "one", "one");
    server_expect_log(&server, "interrupted, it has run for longer");
    close(client);
    server_end(&server);
}

Test(on_error, a_call_that_finds_no_memory_is_a_failure_like_another)
{
    need_lua_5_4("LuaJIT crashes when it is refused memory");
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  if packet == 'eat' then\n"
                                 "    local all = {}\n"
                                 "    for i = 1, 1000 do all[i] = ('x'):rep(1e5) .. i end\n"
                                 "  end\n"
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "return { on_error = 'keep', handler_timeout = 100,\n"
                                 "  lua_memory = '16M' }\n");
    int client = client_connect(&server);
    client_put_text(client, "eat");
    client_ask(client, "one", "one");
    server_expect_log(&server, "not enough memory");
    close(client);
    server_end(&server);
}

Test(on_error, who_was_not_accepted_yet_is_refused_all_the_same)
{
    struct server server = begin("function on_connect(conn)\n"
                                 "  conn:send('welcome')\n"
                                 "  if server.shared:incr('come', 1, 0) == 2 then\n"
                                 "    server.sleep(0.01)\n"
                                 "  end\n"
                                 "  error('no luck')\n"
                                 "end\n" ECHO TELLS_THE_END,
                                 "return { on_error = 'keep' }\n");
    for (int i = 0; i < 2; i++) { /* at once, and after a wait */
        int client = client_connect(&server);
        client_expect(client, "welcome");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    cr_assert_eq(server_log_count(&server, "ended "), 0);
    server_end(&server);
}

Test(on_error, whoever_is_asked_in_vain_whether_he_is_there_stays)
{
    struct server server = begin("local times = 0\n"
                                 "function on_idle(conn, seconds)\n"
                                 "  times = times + 1\n"
                                 "  conn:send(tostring(times))\n"
                                 "  if times == 3 then server.sleep(0.01) end\n"
                                 "  if times == 5 then return false end\n"
                                 "  error('no luck')\n"
                                 "end\n" TELLS_THE_END,
                                 "return { on_error = 'keep', idle_timeout = 0.1 }\n");
    int client = client_connect(&server);
    client_expect(client, "1");
    client_expect(client, "2");
    client_expect(client, "3");
    client_expect(client, "4");
    client_expect(client, "5");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended idle\n");
    close(client);
    server_end(&server);
}

Test(on_error, by_default_a_failing_on_idle_closes)
{
    struct server server = begin("function on_idle() error('no luck') end\n" TELLS_THE_END,
                                 "return { idle_timeout = 0.1 }\n");
    int client = client_connect(&server);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "ended error\n");
    close(client);
    server_end(&server);
}

Test(on_error, a_failing_on_drain_keeps_nothing_back)
{
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  conn:send(packet == 'much' and ('x'):rep(100000) or packet)\n"
                                 "end\n"
                                 "function on_drain(conn)\n"
                                 "  conn:send('drained')\n"
                                 "  error('no luck')\n"
                                 "end\n",
                                 "return { on_error = 'keep', soft_mark = '8K' }\n");
    int client = client_connect(&server);
    for (int i = 0; i < 3; i++) {
        size_t size;
        client_put_text(client, "much");
        free(client_take(client, &size));
        cr_assert_eq(size, 100000);
        client_expect(client, "drained");
        client_ask(client, "hello", "hello");
    }
    close(client);
    server_end(&server);
}

Test(on_error, a_reload_changes_it)
{
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  if packet == 'fail' then error('no luck') end\n"
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "return { on_error = 'keep' }\n");
    int client = client_connect(&server);
    client_put_text(client, "fail");
    client_ask(client, "hello", "hello");
    script_write(&server, "config.lua", "return { on_error = 'close', probation = 0 }\n");
    server_command(&server, "reload", 0, "settings changed: on_error, probation\n");
    client_put_text(client, "fail");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    server_end(&server);
}

Test(on_error, tests_of_scripts_know_it)
{
    char *out, *err;
    char *directory = directory_make("config.lua", "return { on_error = 'keep' }\n", "main.lua",
                                     "function on_receive(conn, packet)\n"
                                     "  if packet == 'fail' then error('no luck') end\n"
                                     "  conn:send(packet)\n"
                                     "end\n",
                                     "main_test.lua",
                                     "test('it stays', function()\n"
                                     "  local client = test.connect()\n"
                                     "  client:receive('fail')\n"
                                     "  assert(test.error():find('no luck'))\n"
                                     "  client:receive('hello')\n"
                                     "  test.equal(client.sent[1], 'hello')\n"
                                     "end)\n",
                                     NULL);
    int status = program_run(&out, &err, WORDS("test", directory));
    program_ended(status, 0, out, "main_test.lua\n  ok    it stays\n1 passed, 0 failed\n", err,
                  NULL);
    directory_remove(directory);
}
