/* The bound on the memory of a Lua state: a handler that needs more fails, and nothing else does. */
#include "reload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* That of 2022 does, in compiled code. */
#define REFUSAL "with LuaJIT lua_memory is not exactly kept: it crashes when it is refused memory"

#define FULL "not enough memory"

/* `fill` takes all the memory that there is and keeps it, up to the last small pieces. */
#define FILLS \
    "local kept, small = nil, {}\n" \
    "for i = 1, 5000 do small[i] = false end\n" \
    "local function keep(size)\n" \
    "  while true do kept = { kept, ('x'):rep(size) } end\n" \
    "end\n" \
    "local function keep_small()\n" \
    "  for i = 1, #small do small[i] = small[i] or 'small ' .. i end\n" \
    "end\n" \
    "local function fill()\n" \
    "  for _, size in ipairs { 100000, 1000, 0 } do pcall(keep, size) end\n" \
    "  pcall(keep_small)\n" \
    "end\n" \
    "local function drop()\n" \
    "  kept = nil\n" \
    "  for i = 1, #small do small[i] = false end\n" \
    "end\n"

static struct server begin_small(const char *memory, const char *script)
{
    return server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--lua-memory", memory, "--handler-timeout", "100"}});
}

/* Sends a packet and sees the connection end. */
static void end_with(const struct server *server, const char *packet)
{
    int client = client_connect(server);
    client_put_text(client, packet);
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT, "%s", packet);
    close(client);
}

Test(memory, a_handler_that_needs_too_much_fails_fifty_times_over_and_others_go_on)
{
    need_lua_5_4(REFUSAL);
    static const char script[] =
        "local ways = {}\n"
        "function ways.tables() local t = {} while true do t = { t } end end\n"
        "function ways.list() local t = {} for i = 1, math.huge do t[i] = i end end\n"
        "function ways.strings()\n"
        "  local t = {}\n"
        "  for i = 1, math.huge do t[i] = ('x'):rep(1000) .. i end\n"
        "end\n"
        "function ways.double() local s = 'x' while true do s = s .. s end end\n"
        "function ways.repeated() return ('x'):rep(2^30) end\n"
        "function ways.closures()\n"
        "  local f\n"
        "  while true do local g = f f = function() return g end end\n"
        "end\n"
        "function ways.coroutines()\n"
        "  local t = {}\n"
        "  for i = 1, math.huge do t[i] = coroutine.create(print) end\n"
        "end\n"
        "function ways.inside() assert(coroutine.resume(coroutine.create(ways.tables))) end\n"
        "function on_receive(conn, packet)\n"
        "  if ways[packet] then ways[packet]() end\n"
        "  conn:send(packet)\n"
        "end\n";
    static const char *const ways[] = {"tables",   "list",     "strings",    "double",
                                       "repeated", "closures", "coroutines", "inside"};
    struct server server = begin_small("8M", script);
    int bystander = client_connect(&server);
    for (int i = 0; i < 50; i++) {
        end_with(&server, ways[i % 8]);
        client_ask(bystander, "still here", "still here");
        if (i < 4) server_expect_log_count(&server, ": " FULL "\n", i + 1);
    }
    server_expect_log(&server, "error on_receive (connection ");
    server_expect_log(&server, "main.lua:2: in ");
    close(bystander);
    server_end(&server);
}

Test(memory, a_handler_may_take_back_what_it_wanted_too_much)
{
    need_lua_5_4(REFUSAL);
    struct server server =
        begin_small("8M", "function on_receive(conn)\n"
                          "  local fine, message = pcall(string.rep, 'x', 2^30)\n"
                          "  conn:send(tostring(fine) .. ' ' .. message)\n"
                          "  conn:send(tostring(#('x'):rep(2^20)))\n"
                          "end\n");
    int client = client_connect(&server);
    for (int i = 0; i < 10; i++) {
        client_ask(client, "go", "false " FULL);
        client_expect(client, "1048576");
    }
    close(client);
    server_end(&server);
}

/* The buffers of Lua's string library are refused although there is garbage. */
Test(memory, garbage_of_a_handler_that_wanted_too_much_is_not_in_the_way_of_the_next)
{
    need_lua_5_4(REFUSAL);
    struct server server =
        begin_small("8M", "function on_receive(conn, packet)\n"
                          "  if packet == 'waste' then\n"
                          "    local all = {}\n"
                          "    for i = 1, 5 do all[i] = ('x'):rep(1e6 + i) end\n"
                          "    return conn:send(tostring((pcall(string.rep, 'x', 2^30))))\n"
                          "  end\n"
                          "  conn:send(tostring((pcall(string.rep, 'x', 3.5e6))))\n"
                          "end\n");
    int client = client_connect(&server);
    for (int i = 0; i < 5; i++) {
        client_ask(client, "waste", "false");
        client_ask(client, "need", "true");
    }
    close(client);
    server_end(&server);
}

Test(memory, what_goes_wrong_while_there_is_none_left_is_told)
{
    need_lua_5_4(REFUSAL);
    static const char script[] =
        FILLS "local full = false\n"
              "server.every(0.02, function() if full then full = false drop() end end)\n"
              "local function fail(how, what) full = true fill() how(what) end\n"
              "local thrown = setmetatable({}, {})\n"
              "function on_receive(conn, packet)\n"
              "  if packet == 'error' then fail(error, 'on purpose') end\n"
              "  if packet == 'yield' then fail(coroutine.yield) end\n"
              "  if packet == 'table' then fail(error, thrown) end\n"
              "  conn:send(packet)\n"
              "end\n";
    static const char *const packets[] = {"error", "yield", "table"};
    struct server server = begin_small("8M", script);
    int client = client_connect(&server);
    for (int i = 0; i < 3; i++) {
        client_put_text(client, packets[i]);
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
        server_expect_log_count(&server, "error on_receive (connection ", i + 1);
        client = client_connect_until_served(&server); /* none is before the timer has come */
    }
    cr_assert_gt(server_log_count(&server, "stack traceback:"), 0);
    close(client);
    server_end(&server);
}

Test(memory, a_full_state_lives_on_when_what_fills_it_is_dropped)
{
    need_lua_5_4(REFUSAL);
    static const char script[] =
        FILLS "local ticks, filled = 0, false\n"
              "server.every(0.05, function()\n"
              "  ticks = ticks + 1\n"
              "  if not filled then return end\n"
              "  filled = false\n"
              "  drop()\n"
              "  server.log('info', 'dropped')\n"
              "end)\n"
              "function on_receive(conn, packet)\n"
              "  if packet == 'fill' then filled = true fill() end\n"
              "  if packet == 'sleep' then fill() server.sleep(0.01) drop() end\n"
              "  if packet == 'tick' then\n"
              "    local now = ticks\n"
              "    while ticks == now do server.sleep(0.01) end\n"
              "  end\n"
              "  conn:send(packet)\n"
              "end\n";
    struct server server = begin_small("8M", script);
    for (int i = 0; i < 10; i++) {
        int client = client_connect_until_served(&server);
        client_put_text(client, i % 2 == 0 ? "fill" : "sleep");
        if (i % 2 == 0) server_expect_log_count(&server, "dropped\n", i / 2 + 1);
        close(client);
        client = client_connect_until_served(&server);
        client_ask(client, "tick", "tick");
        close(client);
    }
    server_end(&server);
}

Test(memory, connections_that_keep_too_much_fail_and_their_memory_comes_back)
{
    enum { CLIENTS = 30, ROUNDS = 3, EACH = 3, SIZE = 200000 };
    static const char script[] =
        "function on_receive(conn, packet)\n"
        "  local list = conn.data\n"
        "  if #packet > 1000 then list[#list + 1] = packet .. conn.id end\n"
        "  conn:send('kept')\n"
        "end\n";
    static char packet[SIZE];
    int clients[CLIENTS];
    struct server server = begin_small("8M", script);
    for (int round = 0; round < ROUNDS; round++) {
        int kept = 0;
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = i == 0 ? client_connect_until_served(&server) : client_connect(&server);
            int own = 0;
            for (int k = 0; k < EACH; k++) {
                char answer[8];
                memset(packet, 'a' + k, SIZE);
                uint8_t header[4] = {(SIZE + 4) & 0xff, (SIZE + 4) >> 8 & 0xff, (SIZE + 4) >> 16};
                if (send(clients[i], header, 4, MSG_NOSIGNAL) != 4) break;
                if (send(clients[i], packet, SIZE, MSG_NOSIGNAL) != SIZE) break;
                if (recv(clients[i], answer, sizeof answer, MSG_WAITALL) != sizeof answer) break;
                own++;
            }
            if (own == EACH) kept += own; /* else it has ended, and others may have its memory */
        }
        cr_assert(kept > 10 && kept < 8 * 1024 * 1024 / SIZE, "%d were kept", kept);
        for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    }
    server_expect_log(&server, FULL);
    server_end(&server);
}

Test(memory, large_packets_come_through_near_the_limit)
{
    enum { SIZE = 1 << 20 };
    static uint8_t packet[SIZE];
    struct server server = begin_small("16M", "local kept = {}\n"
                                              "for i = 1, 9 do kept[i] = ('x'):rep(2^20) .. i end\n"
                                              "function on_receive(conn, packet)\n"
                                              "  conn:send(packet)\n"
                                              "  conn:send(tostring(#kept))\n"
                                              "end\n");
    int client = client_connect(&server);
    for (int i = 0; i < 40; i++) {
        size_t size;
        fill_random((uint64_t)i, packet, SIZE);
        client_put(client, packet, SIZE);
        uint8_t *got = client_take(client, &size);
        cr_assert_eq(size, SIZE);
        cr_assert_arr_eq(got, packet, SIZE);
        free(got);
        client_expect(client, "9");
    }
    close(client);
    server_end(&server);
}

Test(memory, a_packet_that_does_not_fit_ends_its_connection_only)
{
    need_lua_5_4(REFUSAL);
    enum { SIZE = 4 << 20 };
    static uint8_t packet[SIZE];
    struct server server =
        begin_small("8M", "local kept = {}\n"
                          "for i = 1, 5 do kept[i] = ('x'):rep(2^20) .. i end\n"
                          "function on_receive(conn, packet)\n"
                          "  conn:send(#packet < 1000 and packet or tostring(#packet + #kept))\n"
                          "end\n"
                          "function on_disconnect(conn, reason)\n"
                          "  server.log('info', 'ended %s', reason)\n"
                          "end\n");
    int bystander = client_connect(&server);
    client_ask(bystander, "hello", "hello");
    for (int i = 0; i < 5; i++) {
        int client = client_connect(&server);
        client_put(client, packet, SIZE);
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
        server_expect_log_count(&server, "error on_receive was not called: " FULL "\n", i + 1);
        server_expect_log_count(&server, "ended error\n", i + 1);
        client_ask(bystander, "still here", "still here");
    }
    close(bystander);
    server_end(&server);
}

Test(memory, messages_that_do_not_fit_do_not_flood_the_log)
{
    need_lua_5_4(REFUSAL);
    struct server server =
        begin_small("8M", "local kept = {}\n"
                          "function on_message() end\n"
                          "function on_receive(conn, packet)\n"
                          "  if packet == 'post' then\n"
                          "    local text = ('x'):rep(1900000)\n"
                          "    for i = 1, 20 do server.post(1, text) end\n"
                          "    text = nil\n"
                          "    for i = 1, 13 do kept[i] = ('x'):rep(500000 + i) end\n"
                          "  end\n"
                          "  conn:send(packet)\n"
                          "end\n");
    int client = client_connect(&server);
    client_ask(client, "post", "post");
    server_expect_log(&server, " more like it within a second: on_message was not called: ");
    cr_assert_lt(server_log_count(&server, "error on_message was not called: " FULL "\n"), 20);
    client_ask(client, "still here", "still here");
    close(client);
    server_end(&server);
}

/* In a turn, memory that is full is made room in once; the messages behind that do not even begin. */
Test(memory, handlers_that_get_none_do_not_flood_the_log)
{
    need_lua_5_4(REFUSAL);
    struct server server =
        begin_small("8M", "local kept = {}\n"
                          "function on_message() end\n"
                          "function on_receive(conn, packet)\n"
                          "  if packet == 'post' then\n"
                          "    local text = ('x'):rep(1900000)\n"
                          "    for i = 1, 40 do server.post(1, text) end\n"
                          "    text = nil\n"
                          "    for i = 1, 79 do kept[i] = ('x'):rep(100000 + i) end\n"
                          "  end\n"
                          "  conn:send(packet)\n"
                          "end\n");
    int client = client_connect(&server);
    client_ask(client, "post", "post");
    server_expect_log(&server,
                      " more like it within a second: a handler was not called: no memory\n");
    cr_assert_lt(server_log_count(&server, "error a handler was not called: no memory\n"), 20);
    client_ask(client, "still here", "still here");
    close(client);
    server_end(&server);
}

/* To tell of an error takes some, which is lent. */
Test(memory, errors_that_are_told_leave_the_limit_as_it_was)
{
    need_lua_5_4(REFUSAL);
    struct server server =
        begin_small("8M", "function on_receive(conn, packet)\n"
                          "  if packet == 'fail' then error('on purpose') end\n"
                          "  conn:send(tostring((pcall(string.rep, 'x', 9e6))))\n"
                          "end\n");
    int client = client_connect(&server);
    client_ask(client, "may I?", "false");
    for (int i = 0; i < 60; i++) end_with(&server, "fail");
    client_ask(client, "may I now?", "false");
    close(client);
    server_end(&server);
}

Test(memory, the_least_memory_is_enough_for_an_echo)
{
    enum { CLIENTS = 100, SIZE = 100000 };
    static uint8_t packet[SIZE];
    int clients[CLIENTS];
    struct server server = server_begin(
        &(struct begin){.example = "echo", .flags = {"--workers", "1", "--lua-memory", "4M"}});
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connect(&server);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            size_t size;
            fill_random((uint64_t)(round * CLIENTS + i), packet, SIZE);
            client_put(clients[i], packet, SIZE);
            uint8_t *got = client_take(clients[i], &size);
            cr_assert_eq(size, SIZE);
            cr_assert_arr_eq(got, packet, SIZE);
            free(got);
        }
    }
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(&server);
}

Test(memory, main_lua_that_needs_too_much_is_an_error_of_the_start)
{
    char *out, *err;
    char *directory =
        directory_make("main.lua", "local t = {}\nwhile true do t = { t } end\n", NULL);
    const char *words[] = {directory, "--listen",     "127.0.0.1:0", "--backend",
                           backend(), "--lua-memory", "8M",          NULL};
    cr_assert_eq(program_run(&out, &err, words), 1, "%s", err);
    cr_assert_not_null(strstr(err, FULL), "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}

/* While there are both generations there is room for both: and when one was refused, for one. */
Test(memory, what_was_lent_to_code_that_was_refused_is_taken_back)
{
    need_lua_5_4(REFUSAL);
    struct server server = server_begin(&(struct begin){
        .script = "local function take(megabytes)\n"
                  "  local all = {}\n"
                  "  for i = 1, megabytes * 10 do all[i] = ('x'):rep(1e5) .. i end\n"
                  "  return all\n"
                  "end\n"
                  "local kept\n"
                  "function on_receive(conn, packet)\n"
                  "  if packet == 'keep' then kept = kept or take(4) end\n"
                  "  conn:send(tostring((pcall(take, 4))))\n"
                  "end\n",
        .admin = true,
        .flags = {"--workers", "1", "--lua-memory", "8M", "--reload", "signal", "--handler-timeout",
                  "100"}});
    int client = client_connect(&server);
    client_ask(client, "may I?", "true");
    client_ask(client, "keep", "false");
    for (int i = 0; i < 2; i++) {
        script_write(&server, "main.lua", i == 0 ? "error('no luck')\n" : "error('bad luck')\n");
        server_command(&server, "reload", INPUT, "luck");
        client_ask(client, "may I now?", "false");
    }
    server_reload(&server,
                  "function on_receive(conn)\n"
                  "  conn:send(tostring((pcall(string.rep, 'x', 10e6))))\n"
                  "end\n",
                  2);
    client_ask(client, "and now?", "false");
    close(client);
    server_end(&server);
}

/* What is to be put away at the end is put away. */
Test(memory, finalizers_at_the_end_have_more_than_the_limit)
{
    need_lua_5_4("LuaJIT has no finalizers of tables");
    struct server server = server_begin(&(struct begin){
        .script = "kept = setmetatable({}, { __gc = function() print(#('x'):rep(2^21)) end })\n"
                  "full = {}\n"
                  "local function fill(size)\n"
                  "  pcall(function() while true do full[#full + 1] = ('x'):rep(size) .. #full end "
                  "end)\n"
                  "end\n"
                  "function on_receive(conn)\n"
                  "  fill(1e6)\n"
                  "  fill(1e5)\n"
                  "  conn:send 'full'\n"
                  "end\n",
        .flags = {"--workers", "1", "--lua-memory", "8M"}});
    int client = client_connect(&server);
    client_ask(client, "?", "full");
    close(client);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    char *out = server_out(&server);
    cr_assert_str_eq(out, "2097152\n", "%s", out);
    free(out);
    server_end(&server);
}
