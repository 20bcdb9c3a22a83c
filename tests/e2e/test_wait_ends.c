/* Scripts that wait where they cannot, and those that wait when the server ends. */
#include "reload.h"

#include <signal.h>
#include <unistd.h>

#define SLEEPS(handler) ECHO "function " handler "() server.sleep(0.01) end\n"

Test(wait, sleep_says_which_handlers_cannot_wait)
{
    struct server server = server_begin_reloadable(SLEEPS("on_unload"), "1");
    int client = client_connect(&server);
    script_write(&server, "main.lua", ECHO);
    server_command(&server, "reload", INPUT, "server.sleep cannot wait in on_unload");
    script_write(&server, "main.lua", SLEEPS("on_load"));
    server_command(&server, "reload", INPUT, "server.sleep cannot wait in on_load");
    server_reload(&server, SLEEPS("on_stop"), 4);
    client_ask(client, "still here", "still here");
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "server.sleep cannot wait in on_stop");
    server_end(&server);
}

Test(wait, a_handler_that_was_ended_does_not_wake_up)
{
    struct server server = server_begin_script("local may_wake\n"
                                               "function on_receive(conn, packet)\n"
                                               "  if packet == 'end' then\n"
                                               "    for other in server.connections() do\n"
                                               "      if other ~= conn then other:abort() end\n"
                                               "    end\n"
                                               "    may_wake = true\n"
                                               "    server.sleep(0.1)\n"
                                               "    may_wake = false\n"
                                               "    return conn:send('ended')\n"
                                               "  end\n"
                                               "  conn:send('asleep')\n"
                                               "  while not may_wake do server.sleep(0.01) end\n"
                                               "  server.log('info', 'it wakes up')\n"
                                               "end\n");
    int client = client_connect(&server);
    for (int i = 0; i < 3; i++) {
        int sleeper = client_connect(&server);
        client_ask(sleeper, "sleep", "asleep");
        client_ask(client, "end", "ended");
        cr_assert_neq(client_await_end(sleeper), CLIENT_TIMEOUT);
        close(sleeper);
    }
    cr_assert_eq(server_log_count(&server, "it wakes up\n"), 0);
    cr_assert_eq(server_log_count(&server, "error "), 0);
    close(client);
    server_end(&server);
}

Test(wait, variables_of_what_waits_at_the_end_are_closed)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    struct server server =
        server_begin_script("local function wait(name)\n"
                            "  local x <close> = setmetatable({}, { __close = function()\n"
                            "    server.log('info', name .. ' is closed')\n"
                            "  end })\n"
                            "  server.sleep(1000)\n"
                            "end\n"
                            "function on_receive(conn)\n"
                            "  server.after(0, function() wait('a timer') end)\n"
                            "  server.after(0, function() conn:send('both wait') end)\n"
                            "  wait('a handler')\n"
                            "end\n");
    int client = client_connect(&server);
    client_ask(client, "wait", "both wait");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "a handler is closed\n");
    server_expect_log(&server, "a timer is closed\n");
    close(client);
    server_end(&server);
}
