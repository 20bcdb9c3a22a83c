/* Signals, and programs that scripts start, on Linux. */
#include "harness_process.h"

#include <signal.h>
#include <unistd.h>

static void need_signals(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: Windows has no signals");
}

/* What a log's rotation, a timer or a limit may send. */
Test(signal, what_asks_for_nothing_disconnects_nobody)
{
    static const struct {
        int number;
        const char *line; /* NULL: the write that it is about fails */
    } signals[] = {
        {SIGUSR1, "signal USR1 "},
        {SIGUSR2, "signal USR2 "},
        {SIGALRM, "signal ALRM "},
        {SIGVTALRM, "signal VTALRM "},
        {SIGPROF, "signal PROF "},
        {SIGPOLL, "signal POLL "},
        {SIGXCPU, "signal XCPU "},
        {SIGPWR, "signal PWR "},
        {SIGSTKFLT, "signal STKFLT "},
        {SIGXFSZ, NULL},
        {SIGPIPE, NULL},
        {SIGHUP, "generation 2 runs"},
    };
    need_signals();
    struct server server = server_begin(&(struct begin){.script = ECHO});
    int client = client_connect(&server);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        server_signal(&server, signals[i].number);
        if (signals[i].line != NULL) server_expect_log(&server, signals[i].line);
        client_ask(client, "still here", "still here");
    }
    server_signal(&server, SIGRTMIN);
    server_expect_log(&server, "signal RT ");
    server_signal(&server, SIGRTMAX);
    server_expect_log_count(&server, "signal RT ", 2);
    client_ask(client, "still here", "still here");
    close(client);
    server_end(&server);
}

/* As a shell, a supervisor or a terminal may have left them. */
Test(signal, what_was_ignored_or_blocked_when_it_was_started_is_not)
{
    need_signals();
    process_block_signal(SIGTERM);
    process_block_signal(SIGHUP);
    signal(SIGCHLD, SIG_IGN);
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  local a, b, c = os.execute 'exit 3'\n"
                                               "  conn:send(tostring(jit and a or c))\n"
                                               "end\n"});
    signal(SIGCHLD, SIG_DFL);
    int client = client_connect(&server);
    client_ask(client, "how did it end?", has_luajit() ? "768" : "3");
    server_signal(&server, SIGHUP);
    server_expect_log(&server, "generation 2 runs");
    close(client);
    server_end(&server); /* by TERM */
}

Test(signal, a_hangup_before_it_serves_ends_nothing)
{
    need_signals();
    struct server server = server_start(&(struct begin){.script = "function on_start()\n"
                                                                  "  server.log('info', 'begun')\n"
                                                                  "  server.sleep(0.5)\n"
                                                                  "end\n" ECHO,
                                                        .flags = {"--workers", "1"}});
    server_expect_log(&server, "begun\n");
    server_signal(&server, SIGHUP);
    server.port = server_port(&server, 0);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

/* 32 and 33 are the C library's own, which a program that it has started finds ignored. */
#define DISPOSITIONS \
    "grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/180000000$/000000000/' | tr -d '\\t\\n'"
#define CLEAN "SigBlk:0000000000000000SigIgn:0000000000000000"

static void expect_clean(const char *script)
{
    need_signals();
    struct server server = server_begin(&(struct begin){.script = script});
    int client = client_connect(&server);
    client_ask(client, "signals?", CLEAN);
    close(client);
    server_end(&server);
}

/* Ignored signals and blocked ones are passed on to programs that are started. */
Test(signal, nothing_is_ignored_or_blocked_in_a_program_that_is_read_from)
{
    expect_clean("function on_receive(conn)\n"
                 "  local pipe = io.popen([[" DISPOSITIONS "]])\n"
                 "  conn:send((pipe:read('*a')))\n"
                 "  pipe:close()\n"
                 "end\n");
}

Test(signal, nothing_is_ignored_or_blocked_in_a_program_that_is_executed)
{
    expect_clean("function on_receive(conn)\n"
                 "  local name = os.tmpname()\n"
                 "  os.execute([[" DISPOSITIONS "]] .. ' >' .. name)\n"
                 "  local file = io.open(name)\n"
                 "  conn:send((file:read('*a')))\n"
                 "  file:close()\n"
                 "  os.remove(name)\n"
                 "end\n");
}

Test(signal, a_program_whose_reader_has_gone_ends)
{
    need_signals();
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn)\n"
                  "  local pipe = io.popen('while echo y; do :; done 2>/dev/null | head -n 1')\n"
                  "  conn:send((pipe:read('*a')))\n"
                  "  pipe:close()\n"
                  "  conn:send('ended')\n"
                  "end\n"});
    int client = client_connect(&server);
    client_ask(client, "go", "y\n");
    client_expect(client, "ended");
    close(client);
    server_end(&server);
}

/* system() of C ignores it for the whole program. */
static void stop_while_it_executes(int number)
{
    need_signals();
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn)\n"
                  "  local fine = os.execute('echo executes >&2; sleep 1; echo executed >&2')\n"
                  "  conn:send((fine == true or fine == 0) and 'done' or 'failed')\n"
                  "end\n",
        .flags = {"--drain-timeout", "1000"}});
    int client = client_connect(&server);
    client_put_text(client, "go");
    server_expect_log(&server, "executes\n");
    server_signal(&server, number);
    server_expect_log(&server, "stopping:");
    client_expect(client, "done");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "executed\n");
    close(client);
    server_end(&server);
}

Test(signal, int_stops_the_server_while_a_script_executes_a_program)
{
    stop_while_it_executes(SIGINT);
}

Test(signal, quit_stops_the_server_while_a_script_executes_a_program)
{
    stop_while_it_executes(SIGQUIT);
}

/* As in the manual of the Lua it is built with. */
Test(signal, os_execute_says_how_a_program_has_ended)
{
    need_signals();
    struct server server = server_begin(&(struct begin){
        .script = "local function words(...)\n"
                  "  local all = {...}\n"
                  "  for i = 1, select('#', ...) do all[i] = tostring(all[i]) end\n"
                  "  return table.concat(all, ' ')\n"
                  "end\n"
                  "function on_receive(conn, command)\n"
                  "  conn:send(words(os.execute(command ~= '' and command or nil)))\n"
                  "end\n"});
    int client = client_connect(&server);
    bool is_5_4 = !has_luajit();
    client_ask(client, "exit 0", is_5_4 ? "true exit 0" : "0");
    client_ask(client, "exit 3", is_5_4 ? "nil exit 3" : "768");
    client_ask(client, "kill -9 $$", is_5_4 ? "nil signal 9" : "9");
    client_ask(client, "no-such-program 2>/dev/null", is_5_4 ? "nil exit 127" : "32512");
    client_ask(client, "-x 2>/dev/null", is_5_4 ? "nil exit 127" : "32512");
    client_ask(client, "", is_5_4 ? "true" : "1");
    close(client);
    server_end(&server);
}

/* What interrupts a handler that has had its time may come while it reads: what it reads is lost to it, not to
 * the function in C that reads, and hands it on to where it is found later. */
Test(signal, the_interruption_of_a_handler_breaks_no_call_of_the_system)
{
    need_signals();
    need_lua_5_4("table.move is in Lua there, and is interrupted before it has moved anything");
    struct server server = server_begin(&(struct begin){
        .script = "local read = {}\n"
                  "function on_receive(conn, packet)\n"
                  "  if packet == 'what?' then return conn:send(tostring(read[1])) end\n"
                  "  local lines = io.popen('sleep 2; echo all of it'):lines()\n"
                  "  table.move(setmetatable({}, { __index = lines }), 1, 1, 1, read)\n"
                  "  while true do end\n"
                  "end\n",
        .flags = {"--workers", "1", "--handler-timeout", "1"}});
    int slow = client_connect(&server), client = client_connect(&server);
    client_put_text(slow, "read");
    cr_assert_eq(client_await_end(slow), CLIENT_EOF);
    client_ask(client, "what?", "all of it");
    close(slow);
    close(client);
    server_end(&server);
}
