/* server.job: work that blocks, on threads beside the workers. */
#include "fault.h"
#include "overtime.h"
#include "run_packets.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* main.lua runs packets; module.lua has the jobs. */
#define WORK \
    "local work, started, kept = {}, 0, nil\n" \
    "function work.on_job_start() started = started + 1 end\n" \
    "function work.back(...) return ... end\n" \
    "function work.started() return started end\n" \
    "function work.keep(value) local before = kept kept = value return before end\n" \
    "function work.fail(what) error(what) end\n" \
    "function work.cannot() return print end\n" \
    "function work.forever() while true do " ROUND "end end\n" \
    "function work.sleep(s) server.sleep(s) return 'slept' end\n" \
    "function work.eat() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end\n" \
    "function work.share(v) server.shared:set('job', v) return server.shared:get 'job' end\n" \
    "function work.signal(name) while not server.shared:get(name) do server.sleep(0.001) end " \
    "end\n" \
    "function work.log(text) server.log('info', text) end\n" \
    "function work.stuck() return string.find(('a'):rep(100), ('a-'):rep(60) .. 'b') end\n" \
    "function work.generation() return server.generation, VERSION end\n"

static struct server begin_with(const char *work, const char *const *flags)
{
    struct begin begin = {.script = RUN_PACKETS, .module = work};
    for (int i = 0; flags[i] != NULL; i++) begin.flags[i] = flags[i];
    return server_begin(&begin);
}

static const char all[] = "VERSION = 1\n" WORK "return work\n";

Test(job, what_the_function_returns_there_is_what_the_call_returns_here)
{
    struct server server = begin_with(all, WORDS("--workers", "1", "--jobs", "1"));
    int client = client_connect(&server);
    client_ask(client, "tell(server.job('module', 'back', 1, nil, 'x', nil))", "1 nil x nil");
    client_ask(client, "tell('none', server.job('module', 'back'))", "none");
    client_ask(client, "tell(server.job('module', 'back', { a = { 'b' } }).a[1])", "b");
    client_ask(client, "tell(#server.job('module', 'back', ('x'):rep(2^20)))", "1048576");
    client_ask(client, "tell(server.job('module', 'back', ('x'):rep(2^24)))",
               "nil toobig more than 16 MiB at once");
    client_ask(client, "tell(server.job('module', 'keep', 'first'))", "nil");
    client_ask(client, "tell(server.job('module', 'keep', 'second'))", "first");
    client_ask(client, "tell(server.job('module', 'started'))", "1");
    client_ask(client, "tell(server.job('module', 'share', 'seen'), server.shared:get 'job')",
               "seen seen");
    close(client);
    server_end(&server);
}

Test(job, failures_are_told_apart)
{
    struct server server = begin_with(all, WORDS("--workers", "1", "--lua-memory", "8M"));
    int client = client_connect(&server);
    client_ask(client, "tell(server.job('module', 'nobody'))", "nil unknown");
    client_ask_for_part(client, "tell(server.job('nothing', 'f'))", "nil error ");
    client_ask_for_part(client, "tell(server.job('nothing', 'f'))", "module 'nothing' not found");
    client_ask_for_part(client, "tell(server.job('module', 'fail', 'on purpose'))", "on purpose");
    client_ask_for_part(client, "tell(server.job('module', 'fail', 'on purpose'))",
                        "stack traceback");
    client_ask_for_part(client, "tell(server.job('module', 'cannot'))",
                        "nil error cannot return a function");
    client_ask_for_part(client, "tell(server.job('module', 'eat'))", "not enough memory");
    client_ask(client, "tell(server.job('module', 'back', 'goes on'))", "goes on");
    client_ask_for_part(client, "tell(pcall(server.job, 'module', 'back', print))",
                        "cannot pass a function");
    client_ask_for_part(client, "tell(pcall(server.job, 'module'))", "string expected");
    client_ask_for_part(client, "tell(pcall(server.job, 'wo\\0rk', 'back'))",
                        "a name of at most 255");
    server_expect_log(&server, "a job: ");
    close(client);
    server_end(&server);
}

Test(job, one_that_runs_too_long_is_interrupted)
{
    struct server server = begin_with(all, WORDS("--workers", "1", "--job-timeout", "0.1"));
    int client = client_connect(&server);
    client_ask_for_part(client, "tell(server.job('module', 'forever'))", "nil timeout ");
    client_ask_for_part(client, "tell(server.job('module', 'forever'))",
                        "interrupted, it has run for longer than job_timeout");
    client_ask_for_part(client, "tell(server.job('module', 'sleep', 100))", "nil timeout ");
    close(client);
    server_end(&server);
}

/* While one waits for its job, its worker serves the others; so do more threads of jobs. */
Test(job, nobody_else_waits)
{
    struct server server = begin_with(all, WORDS("--workers", "1", "--jobs", "3"));
    int clients[3];
    for (int i = 0; i < 3; i++) {
        char code[80];
        clients[i] = client_connect(&server);
        snprintf(code, sizeof code, "tell(server.job('module', 'signal', 'go %d'))", i);
        client_put_text(clients[i], code);
    }
    int other = client_connect(&server);
    for (int i = 2; i >= 0; i--) {
        char code[80];
        snprintf(code, sizeof code, "tell(server.shared:set('go %d', true))", i);
        client_ask(other, code, "true");
        client_expect(clients[i], "");
        close(clients[i]);
    }
    close(other);
    server_end(&server);
}

Test(job, the_queue_is_bounded)
{
    struct server server =
        begin_with(all, WORDS("--workers", "1", "--jobs", "1", "--job-queue", "2"));
    int clients[3], other = client_connect(&server);
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(&server);
        client_put_text(clients[i], i == 0 ? "server.log('info', 'asks')"
                                             " tell('ended', server.job('module', 'signal', 'go'))"
                                           : "server.log('info', 'asks')"
                                             " tell(server.job('module', 'back', 'well'))");
        server_expect_log_count(&server, "asks\n", i + 1);
        client_ask(other,
                   "local n repeat n = server.stats().jobs server.sleep(0.001)"
                   " until n.busy == 1 tell 'begun'",
                   "begun");
    }
    client_ask(other, "tell(server.job('module', 'back'))", "nil busy");
    client_ask(other, "local j = server.stats().jobs tell(j.threads, j.busy, j.queued)", "1 1 2");
    client_ask(other, "tell(server.shared:set('go', true))", "true");
    client_expect(clients[0], "ended");
    client_expect(clients[1], "well");
    client_expect(clients[2], "well");
    client_ask(other, "tell(server.job('module', 'back', 'again'))", "again");
    client_ask(other, "local j = server.stats().jobs tell(j.busy, j.queued, j.done, j.failed)",
               "0 0 4 0");
    for (int i = 0; i < 3; i++) close(clients[i]);
    close(other);
    server_end(&server);
}

/* The end of its connection drops its result, not its work; a reload lets it end on the code it began with. */
Test(job, goes_on_without_who_asked_and_over_reloads)
{
    static const char old[] = "local VERSION = 'old'\n" WORK
                              "function work.on_job_stop() server.log('info', 'old stops') end\n"
                              "function work.long()\n"
                              "  server.log('info', 'long begins')\n"
                              "  work.signal 'go'\n"
                              "  server.log('info', 'long ends in ' .. VERSION)\n"
                              "end\n"
                              "return work\n";
    static const char young[] = "local VERSION = 'new'\n" WORK "return work\n";
    struct server server = begin_with(old, WORDS("--workers", "1", "--jobs", "1"));
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(other, "tell(server.job('module', 'generation'))", "1 old");
    client_put_text(client, "server.job('module', 'long') server.log('info', 'heard')");
    server_expect_log(&server, "long begins\n");
    script_write(&server, "module.lua", young);
    server_expect_log(&server, "generation 2 runs");
    close(client);
    client_ask(other, "tell(server.shared:set('go', true))", "true");
    server_expect_log(&server, "long ends in old\n");
    client_ask(other, "tell(server.job('module', 'generation'))", "2 new");
    server_expect_log(&server, "old stops\n");
    close(other);
    server_end(&server);
}

/* Nor does what strings are told by, which has been set to loop. */
Test(job, no_metamethod_keeps_one_that_is_interrupted)
{
    struct server server =
        begin_with("local work = {}\n"
                   "function work.forever()\n"
                   "  getmetatable('').__tostring = function() while true do end end\n"
                   "  while true do " ROUND "end\n"
                   "end\n"
                   "return work\n",
                   WORDS("--workers", "1", "--jobs", "1", "--job-timeout", "0.1"));
    int client = client_connect(&server);
    client_ask_for_part(client, "tell(server.job('module', 'forever'))",
                        "interrupted, it has run for longer than job_timeout");
    client_ask(client, "tell(server.stats().jobs.lost)", "0");
    close(client);
    server_end(&server);
}

/* What is in a C function is out of reach: another thread takes its place, so many times. */
Test(job, a_thread_that_does_not_return_is_replaced)
{
    struct server server =
        begin_with(all, WORDS("--workers", "1", "--jobs", "1", "--job-timeout", "0.5"));
    int client = client_connect(&server);
    int behind = client_connect(&server);
    client_put_text(client, "server.log('info', 'asks') tell(server.job('module', 'stuck'))");
    server_expect_log(&server, "asks\n");
    client_put_text(behind, "tell(server.job('module', 'back', 'its turn'))");
    client_expect(client, "nil timeout");
    client_expect(behind, "its turn");
    server_expect_log(&server, "its thread is replaced\n");
    client_ask(client, "tell(server.job('module', 'back', 'goes on'))", "goes on");
    client_put_text(client, "server.log('info', 'asks again') tell(server.job('module', 'stuck'))");
    server_expect_log(&server, "asks again\n");
    client_put_text(behind, "tell(server.job('module', 'back', 'its turn'))");
    client_expect(client, "nil timeout");
    client_expect(behind, "nil busy"); /* nobody is left who would run it */
    server_expect_log(&server, "its thread is lost");
    client_ask(client, "tell(server.job('module', 'back'))", "nil busy");
    client_ask(client, "local j = server.stats().jobs tell(j.threads, j.queued, j.lost, j.failed)",
               "0 0 2 3");
    close(behind);
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 1);
    server_expect_log(&server, "a job does not return: ended without it\n");
    server_end(&server);
}

/* The end drains them within drain_timeout. */
Test(job, the_end_waits_for_what_was_asked_for)
{
    struct server server =
        begin_with("local work = {}\n"
                   "function work.save(text)\n"
                   "  server.sleep(0.05)\n"
                   "  server.log('info', 'saved ' .. text)\n"
                   "end\n"
                   "function work.on_job_stop() server.log('info', 'closed') end\n"
                   "return work\n",
                   WORDS("--workers", "2", "--jobs", "1"));
    int client = client_connect(&server);
    client_put_text(client, "for i = 1, 5 do server.after(0, function()"
                            " server.job('module', 'save', 'v' .. i) end) end"
                            " server.after(0, function() server.log('info', 'asked') end)");
    server_expect_log(&server, "asked\n");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    for (int i = 1; i <= 5; i++) {
        char line[20];
        snprintf(line, sizeof line, "saved v%d\n", i);
        server_expect_log(&server, line);
    }
    server_expect_log(&server, "closed\n");
    close(client);
    server_end(&server);
}

/* So it does for what closes a database. */
Test(job, the_end_waits_for_on_job_stop)
{
    struct server server = begin_with("local work = {}\n"
                                      "function work.open() end\n"
                                      "function work.on_job_stop()\n"
                                      "  server.sleep(1.5)\n"
                                      "  server.log('info', 'closed')\n"
                                      "end\n"
                                      "return work\n",
                                      WORDS("--workers", "1", "--jobs", "1"));
    int client = client_connect(&server);
    client_ask(client, "tell(server.job('module', 'open'))", "");
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "closed\n");
    server_end(&server);
}

Test(job, a_second_signal_does_not_wait_for_jobs)
{
    struct server server = begin_with(all, WORDS("--workers", "1", "--jobs", "1", "--drain-timeout",
                                                 "1000", "--job-timeout", "1000"));
    int client = client_connect(&server);
    for (int i = 0; i < 2; i++)
        client_put_text(client, "server.after(0, function() server.log('info', 'asks')"
                                " server.job('module', 'signal', 'never') end)");
    server_expect_log_count(&server, "asks\n", 2);
    close(client);
    server_signal(&server, SIGTERM);
    server_expect_log(&server, "stopping:");
    server_signal_again(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "1 jobs had not begun when it ended\n");
    server_end(&server);
}

/* on_start waits for a database; a module with jobs may be what main.lua uses, too. */
Test(job, may_be_asked_for_at_the_start_and_in_timers)
{
    struct server server = server_begin(&(struct begin){
        .script = "local work = require 'module'\n"
                  "function on_start() name = server.job('module', 'back', 'ready') end\n"
                  "function on_receive(conn) conn:send(name .. work.back '!') end\n"
                  "server.after(0, function()\n"
                  "  server.log('info', 'timer ' .. server.job('module', 'back', 'well'))\n"
                  "end)\n",
        .module = all});
    int client = client_connect(&server);
    client_ask(client, "", "ready!");
    server_expect_log(&server, "timer well\n");
    close(client);
    server_end(&server);
}

/* What is asked for and what is answered is held for 64 MiB at most. */
Test(job, arguments_that_wait_are_bounded)
{
    struct server server =
        begin_with(all, WORDS("--workers", "1", "--jobs", "1", "--job-timeout", "1000"));
    int client = client_connect(&server);
    client_ask(
        client,
        "refused, kept = 0, 0"
        " for i = 1, 6 do server.after(0, function()"
        "   local fine, code = server.job('module', i == 1 and 'signal' or 'back',"
        "     i == 1 and 'go' or ('x'):rep(15 * 2^20))"
        "   if code == 'memory' then refused = refused + 1 elseif fine then kept = kept + 1 end"
        " end) end"
        " server.after(0, function() server.shared:set('go', true) end)"
        " while kept + refused < 5 do server.sleep(0.01) end"
        " tell(refused > 0, kept > 0)",
        "true true");
    client_ask(client, "tell(#server.job('module', 'back', ('x'):rep(15 * 2^20)))", "15728640");
    close(client);
    server_end(&server);
}

/* Calls, values and jobs, round after round, with reloads in between: what they took is given back. */
Test(job, leaves_nothing_nor_do_calls_and_channels)
{
    static const char script[] =
        "on_call = { f = function(...) return ... end }\n"
        "local channel = server.channel('c', 10)\n"
        "local function work(count)\n"
        "  for i = 1, count do\n"
        "    assert(server.call(i % server.workers + 1, 'f', { i })[1] == i)\n"
        "    assert(channel:push({ i })) assert(channel:pop(0) or true)\n"
        "    assert(server.job('module', 'back', { i })[1] == i)\n"
        "  end\n"
        "end\n"
        "function on_receive(conn, count)\n"
        "  local left, id = 8, conn.id\n"
        "  for _ = 1, 8 do\n"
        "    server.after(0, function()\n"
        "      work(tonumber(count))\n"
        "      left = left - 1\n"
        "      if left == 0 then send(id, 'done') end\n"
        "    end)\n"
        "  end\n"
        "end\n";
    struct growth growth = {.count = 0};
    struct server server = server_begin(&(struct begin){
        .script = script, .module = all, .flags = {"--workers", "2", "--idle-timeout", "0"}});
    int client = client_connect(&server);
    for (int round = 0; round <= ROUNDS; round++) {
        char work[4000], line[40];
        client_ask(client, patience() > 1 ? "20" : "500", "done");
        fault_note_memory(&server, &growth);
        snprintf(work, sizeof work, "%s-- %d\n", all, round);
        script_write(&server, "module.lua", work);
        snprintf(line, sizeof line, "generation %d runs", round + 2);
        server_expect_log(&server, line);
    }
    close(client);
    server_end(&server);
    fault_check_growth(&growth, 0);
}
