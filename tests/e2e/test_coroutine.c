/* What scripts do with coroutines, their own and others, that Lua alone would not survive. */
#include "harness.h"

#include <unistd.h>

static struct server begin(const char *script, const char *timeout)
{
    return server_begin(&(struct begin){.script = script,
                                        .flags = {"--workers", "1", "--handler-timeout", timeout}});
}

/* The server calls a metamethod on the state that all handlers are called from. */
Test(coroutine, the_state_that_calls_handlers_is_neither_resumed_nor_closed)
{
    need_lua_5_4("LuaJIT gives that state to nobody");
    struct server server =
        begin("local main\n"
              "local tells = setmetatable({}, { __tostring = function()\n"
              "  main = coroutine.running() return 'told'\n"
              "end })\n"
              "function on_receive(conn, packet)\n"
              "  if packet == 'fail' then error(tells) end\n"
              "  local resumed, why = coroutine.resume(main)\n"
              "  assert(not resumed and why == 'cannot resume non-suspended coroutine', why)\n"
              "  assert(not coroutine.resume(main, 1, 2, 3))\n"
              "  local closed, why_not = pcall(coroutine.close, main)\n"
              "  assert(not closed and why_not:find 'cannot close a normal coroutine', why_not)\n"
              "  assert(coroutine.status(main) == 'normal')\n"
              "  assert(coroutine.status(coroutine.running()) == 'running')\n"
              "  conn:send 'fine'\n"
              "end\n",
              "60");
    int failing = client_connect(&server), client = client_connect(&server);
    client_put_text(failing, "fail");
    cr_assert_eq(client_await_end(failing), CLIENT_EOF);
    for (int i = 0; i < 3; i++) client_ask(client, "go", "fine");
    close(failing);
    close(client);
    server_end(&server);
}

/* As deep as C functions may call each other, in each of which one more coroutine is closed. */
Test(coroutine, after_a_close_that_fails_loops_are_interrupted_still)
{
    need_lua_5_4("LuaJIT has no coroutine.close");
    struct server server = begin(
        "local made, fails = {}, 0\n"
        "local function descend()\n"
        "  local one = table.remove(made)\n"
        "  if not pcall(coroutine.close, one) then fails = fails + 1 end\n"
        "  pcall(descend)\n"
        "end\n"
        "function on_receive(conn, packet)\n"
        "  for i = 1, 250 do\n"
        "    made[i] = coroutine.create(coroutine.yield)\n"
        "    coroutine.resume(made[i])\n"
        "  end\n"
        "  ('x'):gsub('x', descend) -- which cannot yield: each pcall is one more on the stack\n"
        "  conn:send(fails > 0 and 'deep' or 'not deep')\n"
        "  while packet == 'loop' do os.time() end\n"
        "end\n",
        "1");
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "loop", "deep");
    server_expect_log(&server, "interrupted, it has run for longer than handler_timeout");
    client_ask(other, "go", "deep");
    close(client);
    close(other);
    server_end(&server);
}

/* Each closes the next one while it is closed itself. */
Test(coroutine, a_chain_of_closing_ends_before_the_stack_does)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    struct server server =
        begin("local count, refused\n"
              "local function chain(link)\n"
              "  local last\n"
              "  for _ = 1, 12000 do last = link(last) end\n"
              "  return last\n"
              "end\n"
              "local ways = {}\n"
              "function ways.closed()\n"
              "  local last = chain(function(other)\n"
              "    local made = coroutine.create(function()\n"
              "      local _ <close> = setmetatable({}, { __close = function()\n"
              "        count = count + 1\n"
              "        if not other then return end\n"
              "        local fine, why = coroutine.close(other)\n"
              "        if not fine then refused = why end\n"
              "      end })\n"
              "      coroutine.yield()\n"
              "    end)\n"
              "    coroutine.resume(made)\n"
              "    return made\n"
              "  end)\n"
              "  assert(coroutine.close(last))\n"
              "  assert(count > 200 and refused == 'C stack overflow', refused)\n"
              "end\n"
              "function ways.wrapped()\n"
              "  pcall(chain(function(other)\n"
              "    return coroutine.wrap(function()\n"
              "      local _ <close> = setmetatable({}, { __close = function()\n"
              "        count = count + 1\n"
              "        if other then pcall(other) end\n"
              "      end })\n"
              "      error 'x'\n"
              "    end)\n"
              "  end))\n"
              "  assert(count > 10, count)\n"
              "end\n"
              "function on_receive(conn, packet)\n"
              "  count, refused = 0, nil\n"
              "  ways[packet]()\n"
              "  conn:send 'fine'\n"
              "end\n",
              "60");
    int client = client_connect(&server);
    client_ask(client, "closed", "fine");
    client_ask(client, "wrapped", "fine");
    client_ask(client, "closed", "fine");
    close(client);
    server_end(&server);
}

/* An error out of __close is told while the coroutine of the handler, which has ended, waits for its next call. */
Test(coroutine, of_a_handler_that_has_ended_may_be_resumed)
{
    need_lua_5_4("LuaJIT has no variables that are closed");
    struct server server =
        begin("local own\n"
              "local wrong = setmetatable({}, {\n"
              "  __tostring = function() assert(coroutine.resume(own)) return 'told' end,\n"
              "  __call = function() coroutine.yield() server.log('info', 'it goes on') end })\n"
              "function on_receive(conn, packet)\n"
              "  if packet ~= 'fail' then return conn:send(packet) end\n"
              "  own = coroutine.running()\n"
              "  load [[\n"
              "    local wrong = ...\n"
              "    local x <close> = setmetatable({}, { __close = function() error(wrong) end })\n"
              "    error 'first' ]] (wrong)\n"
              "end\n",
              "60");
    int failing = client_connect(&server), client = client_connect(&server);
    client_put_text(failing, "fail");
    cr_assert_eq(client_await_end(failing), CLIENT_EOF);
    server_expect_log(&server, "in __close: told");
    for (int i = 0; i < 3; i++) client_ask(client, "hello", "hello");
    cr_assert_eq(server_log_count(&server, "it goes on"), 0);
    close(failing);
    close(client);
    server_end(&server);
}

/* As the manual says, and a position stands in front of text alone. */
Test(coroutine, results_and_errors_come_as_lua_has_them)
{
    struct server server =
        begin("local function ends(...)\n"
              "  local sent = select('#', ...)\n"
              "  local a, b, c = coroutine.yield(sent, ...)\n"
              "  return c, b, a\n"
              "end\n"
              "function on_receive(conn)\n"
              "  local co = coroutine.create(ends)\n"
              "  local fine, count, one, two = coroutine.resume(co, 'x', 'y')\n"
              "  assert(fine == true and count == 2 and one == 'x' and two == 'y')\n"
              "  local fine, three, two, one = coroutine.resume(co, 1, 2, 3)\n"
              "  assert(fine == true and three == 3 and two == 2 and one == 1)\n"
              "  assert(select('#', coroutine.resume(coroutine.create(function() end))) == 1)\n"
              "  local wrapped = coroutine.wrap(ends)\n"
              "  assert(select('#', wrapped()) == 1 and select('#', wrapped(1, 2, 3)) == 3)\n"
              "  local value = {}\n"
              "  local fine, why = pcall(coroutine.wrap(function() error(value) end))\n"
              "  assert(not fine and why == value)\n"
              "  local fine, why = pcall(coroutine.wrap(function() error('text', 0) end))\n"
              "  assert(not fine and why:find 'text$')\n"
              "  local takes = coroutine.wrap(function() return ('x'):rep(2^28) end)\n"
              "  local fine, why = pcall(function() local text = takes() end)\n"
              "  assert(not fine and why == 'not enough memory', why)\n"
              "  conn:send 'fine'\n"
              "end\n",
              "60");
    int client = client_connect(&server);
    client_ask(client, "go", "fine");
    close(client);
    server_end(&server);
}
