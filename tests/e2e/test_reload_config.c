/* Hot reload: the settings in config.lua that change while the server runs, and those that do not. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server begin(const char *script, const char *config)
{
    return server_begin(
        &(struct begin){.script = script,
                        .config = config,
                        .admin = true,
                        .flags = {"--reload", "signal", "--workers", "1", "--probation", "0"}});
}

static void configure(const struct server *server, const char *config, const char *said)
{
    script_write(server, "config.lua", config);
    server_command(server, "reload", 0, said);
}

Test(reload_config, a_shorter_idle_timeout_closes_who_is_idle)
{
    struct server server = begin(ECHO, "return { idle_timeout = 0 }\n");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    configure(&server, "return { idle_timeout = 0.05 }\n",
              "generation 2 runs: config.lua\nsettings changed: idle_timeout\n");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    configure(&server, "return { idle_timeout = 0 }\n", "settings changed: idle_timeout\n");
    client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(reload_config, without_a_handler_timeout_any_more_nothing_is_interrupted)
{
    struct server server = begin("function on_receive(conn, packet)\n" LOOP(
                                     "packet == 'loop'") "  local until_then = os.clock() + 0.8\n"
                                                         "  while os.clock() < until_then do end\n"
                                                         "  conn:send(packet)\n"
                                                         "end\n",
                                 "return { handler_timeout = 0.2 }\n");
    int client = client_connect(&server);
    client_put_text(client, "loop");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    client = client_connect(&server);
    configure(&server, "return { handler_timeout = 0 }\n", "settings changed: handler_timeout\n");
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

/* Makes a locale that writes 20,5; false if there is nothing to make it of. */
static bool make_locale(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/de_DE.UTF-8", directory);
    pid_t child = fork();
    if (child == 0) {
        cr_assert_not_null(
            freopen("/dev/null", "w", stderr)); /* it warns of what nobody asked for */
        execlp("localedef", "localedef", "-i", "de_DE", "-f", "UTF-8", path, NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    snprintf(path, sizeof path, "%s/de_DE.UTF-8/LC_NUMERIC", directory);
    return access(path, R_OK) == 0;
}

Test(reload_config, numbers_are_written_the_same_in_every_locale)
{
    static const char script[] = "assert(os.setlocale('de_DE.UTF-8'))\n"
                                 "function on_receive(conn, packet) conn:send(packet) end\n";
    char *directory = directory_make("empty", "", NULL);
    bool made = !on_windows() && make_locale(directory);
    setenv("LOCPATH", directory, 1);
    if (made) {
        struct server server = begin(script, "return { idle_timeout = 20.5 }\n");
        configure(&server, "return { idle_timeout = 30.25 }\n", "settings changed: idle_timeout\n");
        configure(&server, "return { idle_timeout = '40.5' }\n",
                  "settings changed: idle_timeout\n");
        script_write(&server, "config.lua", "return { idle_timeout = '20,5' }\n");
        server_command(&server, "reload", 1, "config.lua:1: idle_timeout = \"20,5\": expected");
        server_end(&server);
    }
    unsetenv("LOCPATH");
    directory_remove(directory);
    if (!made) cr_skip_test("NOT TESTED: there is no locale to be had that writes 20,5");
}

Test(reload_config, a_shorter_handler_timeout_interrupts_whoever_runs_for_longer)
{
    enum { LOOPS = 3 };
    struct server server =
        begin("function on_receive(conn, packet)\n" LOOP("packet == 'loop'") "  conn:send(packet)\n"
                                                                             "end\n",
              "return { handler_timeout = 0 }\n");
    int other = client_connect(&server);
    client_ask(other, "hello", "hello");
    configure(&server, "return { handler_timeout = 0.2 }\n", "settings changed: handler_timeout\n");
    for (int i = 0; i < LOOPS; i++) {
        int client = client_connect(&server);
        client_put_text(client, "loop");
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
        client_ask(other, "hello", "hello");
    }
    server_expect_log_count(&server, "interrupted, it has run for longer", LOOPS);
    close(other);
    server_end(&server);
}

Test(reload_config, limits_of_memory_change_for_connections_that_are_there)
{
    struct server server =
        begin("local function take(megabytes)\n"
              "  local all = {}\n"
              "  for i = 1, megabytes * 10 do all[i] = ('x'):rep(1e5) .. i end\n"
              "end\n"
              "function on_receive(conn, packet)\n"
              "  if packet == 'memory' then\n"
              "    conn:send(('%.0f'):format(server.stats().memory_max))\n"
              "  else\n"
              "    conn:send(tostring((pcall(take, tonumber(packet)))))\n"
              "  end\n"
              "end\n",
              "return { lua_memory = '64M', memory = '256M', handler_timeout = 20 }\n");
    int client = client_connect(&server);
    client_ask(client, "30", "true");
    client_ask(client, "memory", "268435456");
    configure(&server, "return { lua_memory = '8M', memory = '128M', handler_timeout = 20 }\n",
              "settings changed: memory, lua_memory\n");
    client_ask(client, "30", "false");
    client_ask(client, "1", "true");
    client_ask(client, "memory", "134217728");
    close(client);
    server_end(&server);
}

Test(reload_config, a_lower_hard_mark_refuses_what_was_queued_before)
{
    static const char config[] = "return { max_packet = '64K', on_full = 'refuse', "
                                 "soft_mark = '%s', hard_mark = '%s' }\n";
    char text[200];
    snprintf(text, sizeof text, config, "1M", "4M");
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  for i = 1, tonumber(packet) do\n"
                                 "    local _, code = conn:send(('x'):rep(50000))\n"
                                 "    if code then\n"
                                 "      local most = conn:pending() <= 256 * 1024\n"
                                 "      return server.log('info', '%s: %s', code, most)\n"
                                 "    end\n"
                                 "  end\n"
                                 "  server.log('info', 'all is queued')\n"
                                 "end\n",
                                 text);
    int client = client_connect(&server);
    client_put_text(client, "40");
    server_expect_log(&server, "all is queued\n");
    for (int i = 0; i < 40; i++) {
        size_t size;
        free(client_take(client, &size));
        cr_assert_eq(size, 50000);
    }
    snprintf(text, sizeof text, config, "64K", "256K");
    configure(&server, text, "settings changed: soft_mark, hard_mark\n");
    client_put_text(client, "2000"); /* more than the system takes of what nobody reads */
    server_expect_log(&server, "full: true\n");
    close(client);
    server_end(&server);
}

Test(reload_config, the_log_may_say_more_or_less)
{
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  for _, level in ipairs { 'debug', 'info', 'error' } do\n"
                                 "    server.log(level, level .. ' for ' .. packet)\n"
                                 "  end\n"
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "return { log = 'info' }\n");
    int client = client_connect(&server);
    client_ask(client, "one", "one");
    configure(&server, "return { log = 'error' }\n", "settings changed: log\n");
    client_ask(client, "two", "two");
    configure(&server, "return { log = 'debug' }\n", "settings changed: log\n");
    client_ask(client, "three", "three");
    server_expect_log(&server, "error for three\n");
    cr_assert_eq(server_log_count(&server, "debug for one"), 0);
    cr_assert_eq(server_log_count(&server, "info for one"), 1);
    cr_assert_eq(server_log_count(&server, "info for two"), 0);
    cr_assert_eq(server_log_count(&server, "error for two"), 1);
    cr_assert_eq(server_log_count(&server, "debug for three"), 1);
    close(client);
    server_end(&server);
}

Test(reload_config, what_takes_a_restart_is_named_until_there_was_one)
{
    static const char later[] = "return { listen = '127.0.0.1:1', max_connections = 7, "
                                "framing = 'line', drain_timeout = 3 }\n";
    static const char told[] = "needs a restart to change: listen, framing, max_connections\n";
    struct server server = begin(ECHO, "return { listen = '127.0.0.1:0' }\n");
    int client = client_connect(&server);
    configure(&server, later, told);
    configure(&server, later, told);
    server_expect_log_count(&server, told, 2);
    cr_assert_eq(server_log_count(&server, "settings changed: drain_timeout"), 1);
    client_ask(client, "hello", "hello");
    int newer = client_connect(&server);
    client_ask(newer, "hello", "hello");
    close(client);
    close(newer);
    server_end(&server);
}

Test(reload_config, the_number_of_workers_takes_a_restart)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO, .config = "return { workers = 1, reload = 'signal' }\n", .admin = true});
    configure(&server, "return { workers = 2, reload = 'signal' }\n",
              "needs a restart to change: workers\n");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(reload_config, wrong_settings_change_nothing)
{
    static const char *const wrong[][2] = {
        {"return { wrokers = 2 }\n", "did you mean \"workers\"?"},
        {"return {\n  idle_timeout = -1 }\n", "idle_timeout"},
        {"return {\n  idle_timeout = \n}\n", "/config.lua:3: "},
        {"return 5\n", "config.lua"},
        {"return { soft_mark = '2M', hard_mark = '1M' }\n", "hard_mark"},
        /* It would do with a max_packet that takes a restart. */
        {"return { max_packet = '64K', hard_mark = '1M' }\n", "max_packet = 16M"},
    };
    struct server server = begin(ECHO, "return { idle_timeout = 0 }\n");
    int client = client_connect(&server);
    script_write(&server, "main.lua", "function on_receive(conn) conn:close() end\n");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        script_write(&server, "config.lua", wrong[i][0]);
        server_command(&server, "reload", INPUT, wrong[i][1]);
        server_command(&server, "reload", INPUT, "nothing has changed: generation 1 runs\n");
        client_ask(client, "hello", "hello");
    }
    close(client);
    server_end(&server);
}
