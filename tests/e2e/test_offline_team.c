/* moonport test with several workers, calls and channels across them, and jobs, real or in their place. */
#include "offline_try.h"
#include "overtime.h"

#define SCRIPT \
    "on_call = { who = function(...) return server.worker, ... end,\n" \
    "  slow = function() server.sleep(3) return 'slept' end }\n" \
    "local function told(...)\n" \
    "  local t = { ... }\n" \
    "  for i = 1, select('#', ...) do t[i] = tostring(t[i]) end\n" \
    "  return table.concat(t, ' ')\n" \
    "end\n" \
    "local does = {}\n" \
    "function does.who() return server.call(server.worker % server.workers + 1, 'who', 'x') end\n" \
    "function does.slow() return server.call({ 2, timeout = 5 }, 'slow') end\n" \
    "function does.late() return server.call({ 2, timeout = 1 }, 'slow') end\n" \
    "function does.push() return server.channel 'c':push('v') end\n" \
    "function does.pop() return server.channel 'c':pop(10) end\n" \
    "function does.wait() return server.wait('s', 10) end\n" \
    "function does.signal() return server.signal('s', 'now') end\n" \
    "function does.job() return server.job('module', 'login', 'ann') end\n" \
    "function does.loop() while true do " ROUND "end end\n" \
    "function does.here() return server.worker end\n" \
    "function on_receive(conn, line) conn:send(told(does[line]())) end\n"
#define MODULE \
    "local module, asked = {}, 0\n" \
    "function module.login(name)\n" \
    "  asked = asked + 1\n" \
    "  server.shared:set('asked', asked)\n" \
    "  return 'real ' .. name, asked\n" \
    "end\n" \
    "return module\n"

static void pass(const char *tests)
{
    struct outcome outcome = offline_run(
        FILES("main.lua", SCRIPT, "module.lua", MODULE, "config.lua", LINES, "a_test.lua", tests));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    offline_end(&outcome);
}

Test(offline_team, workers_answer_each_other)
{
    pass("test.workers(3)\n"
         "test('each has a connection', function()\n"
         "  for i = 1, 3 do\n"
         "    local client = test.connect()\n"
         "    client:receive 'here'\n"
         "    test.equal(client.sent, { tostring(i) })\n"
         "    test.equal(client.worker, i)\n"
         "    client:receive 'who'\n"
         "    test.equal(client.sent[2], i % 3 + 1 .. ' x')\n"
         "  end\n"
         "end)\n"
         "test('calls wait in virtual time', function()\n"
         "  local ann, bob = test.connect(), test.connect()\n"
         "  ann:receive 'slow' bob:receive 'late'\n"
         "  test.advance(0.5)\n"
         "  test.equal({ ann.sent, bob.sent }, { {}, {} })\n"
         "  test.advance(0.5)\n"
         "  test.equal({ ann.sent, bob.sent }, { {}, { 'nil timeout' } })\n"
         "  test.advance(2)\n"
         "  test.equal(ann.sent, { 'slept' })\n"
         "end)\n");
}

Test(offline_team, channels_and_signals_reach_all)
{
    pass("test.workers(2)\n"
         "test('channels', function()\n"
         "  local ann, bob = test.connect(), test.connect()\n"
         "  ann:receive 'pop'\n"
         "  test.equal(ann.sent, {})\n"
         "  bob:receive 'push'\n"
         "  test.equal({ ann.sent, bob.sent }, { { 'v' }, { 'true' } })\n"
         "  ann:receive 'pop'\n"
         "  test.advance(10)\n"
         "  test.equal(ann.sent[2], 'nil timeout')\n"
         "  ann:receive 'push'\n" /* is there no more in the next test */
         "end)\n"
         "test('signals', function()\n"
         "  local ann, bob = test.connect(), test.connect()\n"
         "  ann:receive 'wait'\n"
         "  bob:receive 'signal'\n"
         "  test.equal({ ann.sent, bob.sent }, { { 'now' }, { '1' } })\n"
         "  ann:receive 'pop'\n"
         "  test.equal(#ann.sent, 1)\n"
         "end)\n");
}

Test(offline_team, jobs_run_or_a_function_of_the_test_does)
{
    pass("test.workers(2)\n"
         "test('for real', function()\n"
         "  local ann, bob = test.connect(), test.connect()\n"
         "  ann:receive 'job' bob:receive 'job'\n"
         "  test.equal(ann.sent, { 'real ann ' .. bob.sent[1]:match '%d' - 1 })\n"
         "end)\n"
         "test('faked on each worker', function()\n"
         "  local asked = 0\n"
         "  test.job('module.login', function(name) asked = asked + 1 return 'fake ' .. name end)\n"
         "  local ann, bob = test.connect(), test.connect()\n"
         "  ann:receive 'job' bob:receive 'job'\n"
         "  test.equal({ ann.sent, bob.sent, asked }, { { 'fake ann' }, { 'fake ann' }, 2 })\n"
         "  test.job('module.login', nil)\n"
         "  bob:receive 'job'\n"
         "  test.equal(bob.sent[2]:match '%a+', 'real')\n"
         "  test.job('module.login', function() error 'down' end)\n"
         "  bob:receive 'job'\n"
         "  test.equal(bob.sent[3]:match '^nil error .*down', bob.sent[3]:match '^[^\\n]*')\n"
         "  assert(test.error():find 'down')\n"
         "end)\n");
}

/* Its job threads end before what they use does, and keep nothing for the next test. */
Test(offline_team, each_test_has_jobs_of_its_own)
{
    pass("for i = 1, 5 do\n"
         "  test('number ' .. i, function()\n"
         "    local client = test.connect()\n"
         "    client:receive 'job' client:receive 'job'\n"
         "    test.equal(client.sent[1], 'real ann 1')\n"
         "  end)\n"
         "end\n");
}

Test(offline_team, each_worker_is_interrupted)
{
    pass("test.workers(2)\n"
         "test('loops', function()\n"
         "  for _ = 1, 2 do\n"
         "    test.connect():receive 'loop'\n"
         "    assert(test.error():find 'has run for longer than handler_timeout')\n"
         "  end\n"
         "end)\n");
}

Test(offline_team, misuse_is_told)
{
    offline_fail(ECHO, "test.workers(0)", "a number of workers from 1 to 16", "a_test.lua:2");
    offline_fail(ECHO, "test.workers(2)", "call test.workers outside of tests", "a_test.lua:2");
    offline_fail(ECHO, "test.job('module', print)", "expected \"module.function\"", "a_test.lua:2");
    offline_fail(ECHO, "test.job('a.b', 5)", "expected a function, or nil for the job itself",
                 "a_test.lua:2");
}
