/* What is resident is what the settings say, however often and in whatever sizes it is used; and it goes
 * back. */
#include "fault.h"
#include "harness_process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MIB = 1 << 20, CLIENTS = 300, DEAF = 12, DECLARED = 4 * MIB, PATIENCE_MS = 30000 };

/* `memory`, a tenth of it for what cannot be used of the last page and for tables; and what the README says of
 * each of two workers: blocks, those to receive into, and what is kept. */
enum { MEMORY = 48 * MIB, BLOCKS = 1024, BLOCK = 2176, WORKER = 8 * MIB };
enum { AT_REST = BLOCKS * BLOCK + 2 * WORKER, AT_MOST = MEMORY + MEMORY / 10 + AT_REST };

#define CONFIG(memory) \
    "return { memory = '" memory \
    "', max_packet = '4M', blocks = 1024, max_connections = 400, idle_timeout = 0 }"

/* What fault.h asks for, by means that take no memory. */
static const char script[] =
    "local kept, calls = nil, {}\n"
    "function calls.fill()\n"
    "  kept = {}\n"
    "  for i = 1, 100000 do kept[i] = { i, 'small ' .. i } end\n"
    "end\n"
    "function calls.drop() kept = nil collectgarbage() collectgarbage() end\n"
    "function calls.share()\n"
    "  for i = 1, 50000 do server.shared:set('key ' .. i, ('x'):rep(400)) end\n"
    "end\n"
    "function calls.delete() for i = 1, 50000 do server.shared:delete('key ' .. i) end end\n"
    "function on_receive(conn, packet)\n"
    "  if calls[packet] then calls[packet]() end\n"
    "  if packet == 'large' then packet = ('x'):rep(2^20) end\n"
    "  if packet ~= 'figures' then return conn:send(packet) end\n"
    "  local stats = server.stats()\n"
    "  conn:send(('%d %d %d'):format(stats.connections, stats.blocks_used, stats.memory_used))\n"
    "end\n";

struct scene {
    struct server server;
    int watching;
    size_t fresh, most; /* bytes that are resident: at first, and in this wave */
    uint64_t deadline_ms;
};

static struct scene begin_with(const char *main, const char *config, const char *workers)
{
    struct scene scene = {.server = server_begin(&(struct begin){
                              .script = main, .config = config, .flags = {"--workers", workers}})};
    scene.watching = fault_watch(&scene.server);
    fault_await_rest(scene.watching);
    scene.fresh = fault_resident(&scene.server);
    return scene;
}

static struct scene begin(void)
{
    return begin_with(script, CONFIG("48M"), "2");
}

static void end(struct scene *scene)
{
    close(scene->watching);
    server_end(&scene->server);
}

/* Bytes that the server counts, after a look at those that it takes. */
static size_t look(struct scene *scene)
{
    struct figures figures = fault_figures(scene->watching);
    size_t resident = fault_resident(&scene->server);
    if (resident > scene->most) scene->most = resident;
    cr_assert(now_ms() < scene->deadline_ms, "it counts %zu bytes, and takes %zu", figures.memory,
              resident);
    return figures.memory;
}

static void begin_wave(struct scene *scene)
{
    scene->most = 0;
    scene->deadline_ms = now_ms() + (uint64_t)(PATIENCE_MS * patience());
}

/* Small pieces go back once a second at most. */
static void await_resident(struct scene *scene, size_t most)
{
    begin_wave(scene);
    while (fault_resident(&scene->server) > most) look(scene);
}

static void end_wave(struct scene *scene, const int *clients, int count)
{
    for (int i = 0; i < count; i++) fault_reset(clients[i]);
    fault_await_rest(scene->watching);
    if (patience() > 1 || on_windows())
        return; /* sanitizers keep what is freed; Wine has its own */
    cr_assert_leq(scene->most, scene->fresh + AT_MOST);
    await_resident(scene, scene->fresh + AT_REST);
}

/* Each client begins a packet of 4 MiB, and sends so many bytes of it. */
static void wave_of_halves(struct scene *scene, size_t size)
{
    static uint8_t bytes[MIB] = {0, 0, DECLARED >> 16};
    static size_t sent[CLIENTS];
    int clients[CLIENTS];
    size_t wanted = size * CLIENTS < MEMORY ? size * CLIENTS : MEMORY;
    begin_wave(scene);
    memset(sent, 0, sizeof sent);
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connect(&scene->server);
    do {
        for (int i = 0; i < CLIENTS; i++) {
            ssize_t more =
                send(clients[i], bytes + sent[i], size - sent[i], MSG_DONTWAIT | MSG_NOSIGNAL);
            if (more > 0) sent[i] += (size_t)more;
        }
    } while (look(scene) < wanted / 4 * 3);
    for (int i = 0; i < 10; i++) look(scene);
    end_wave(scene, clients, CLIENTS);
}

/* Each asks for large packets, and does not read. */
static void wave_of_deaf(struct scene *scene, size_t wanted)
{
    int clients[DEAF];
    begin_wave(scene);
    for (int i = 0; i < DEAF; i++) clients[i] = client_connect(&scene->server);
    do
        for (int i = 0; i < DEAF; i++) client_put_text(clients[i], "large");
    while (look(scene) < wanted);
    end_wave(scene, clients, DEAF);
}

Test(resident, memory_of_packets_that_never_end_is_bounded_and_comes_back_wave_after_wave)
{
    static const size_t sizes[] = {65536, 3000, 200000, 20000, 65536, 900000};
    struct scene scene = begin();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) wave_of_halves(&scene, sizes[i]);
    end(&scene);
}

Test(resident, memory_of_queues_makes_room_for_that_of_packets)
{
    struct scene scene = begin();
    for (int i = 0; i < 2; i++) {
        wave_of_deaf(&scene, 10 * MIB);
        wave_of_halves(&scene, 100000);
    }
    end(&scene);
}

/* Lua's, and what workers share. */
Test(resident, memory_of_scripts_goes_back_when_it_is_not_used_any_more)
{
    need_lua_5_4("LuaJIT has an allocator of its own");
    static const char *const calls[][2] = {{"fill", "drop"}, {"share", "delete"}};
    struct scene scene = begin();
    for (int i = 0; i < 4; i++) {
        client_ask(scene.watching, calls[i % 2][0], calls[i % 2][0]);
        size_t full = fault_resident(&scene.server);
        client_ask(scene.watching, calls[i % 2][1], calls[i % 2][1]);
        if (patience() > 1 || on_windows()) continue;
        cr_assert_gt(full, scene.fresh + 16 * MIB);
        await_resident(&scene, scene.fresh + 12 * MIB);
    }
    end(&scene);
}

/* ---- messages of workers, which are small pieces of the sender's, freed by the one that reads them ---- */

enum { POSTED = 96 * MIB };

/* Answers what is resident when there is no memory for more. The one that reads them is busy meanwhile. */
static const char posts[] =
    "local function busy()\n"
    "  local begun = os.clock()\n"
    "  while os.clock() < begun + 0.5 do end\n"
    "end\n"
    "function on_message(message) if message == 'busy' then busy() end end\n"
    "function on_receive(conn, packet)\n"
    "  local size, other = packet:match('^(%d+) ?(.*)$')\n"
    "  if packet == 'figures' then\n"
    "    local stats = server.stats()\n"
    "    conn:send(('%d %d %d'):format(stats.connections, stats.blocks_used, stats.memory_used))\n"
    "    return\n"
    "  end\n"
    "  if not size then return conn:send(packet) end\n"
    "  local to = other == 'other' and 3 - server.worker or server.worker\n"
    "  local text = ('x'):rep(tonumber(size))\n"
    "  server.post(to, 'busy')\n"
    "  local left = to == server.worker and math.huge or 90000\n"
    "  while left > 0 and server.post(to, text) do left = left - 1 end\n"
    "  local file = io.open('/proc/self/statm')\n"
    "  conn:send(file:read('a'):match('%d+ (%d+)'))\n"
    "  file:close()\n"
    "end\n";

static size_t post(const struct scene *scene, const char *text)
{
    client_put_text(scene->watching, text);
    char *answer = (char *)client_take(scene->watching, &(size_t){0});
    size_t pages = (size_t)atoll(answer);
    free(answer);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void need_resident(void)
{
    if (on_windows()) cr_skip_test("Wine has its own");
    if (patience() > 1) cr_skip_test("sanitizers keep what is freed");
}

/* Nobody says a word afterwards. */
static void post_and_rest(const char *text)
{
    struct scene scene = begin_with(posts, CONFIG("192M"), "2");
    size_t full = post(&scene, text);
    while (fault_resident(&scene.server) > scene.fresh + AT_REST) nap();
    cr_log_info("%zu K were resident, %zu K at first", full >> 10, scene.fresh >> 10);
    end(&scene);
}

Test(resident, memory_of_messages_goes_back_while_nothing_happens)
{
    need_resident();
    post_and_rest("8100");
}

Test(resident, memory_that_another_worker_frees_goes_back_while_its_own_sleeps)
{
    need_resident();
    post_and_rest("1000 other");
}

/* The small ones leave holes, the large ones are in whole pages. */
Test(resident, messages_of_one_size_make_room_for_those_of_another)
{
    need_resident();
    struct scene scene = begin_with(posts, CONFIG("96M"), "1");
    for (int i = 0; i < 4; i++) {
        size_t resident = post(&scene, i % 2 == 0 ? "8100" : "8200");
        cr_assert_leq(resident, scene.fresh + POSTED + POSTED / 10 + AT_REST);
        fault_await_rest(scene.watching);
    }
    end(&scene);
}

Test(resident, groups_that_no_script_holds_and_nobody_is_in_take_no_memory)
{
    need_resident();
    struct scene scene = begin_with("function on_receive(conn, packet)\n"
                                    "  if packet == 'figures' then return conn:send '1 0 0' end\n"
                                    "  if packet ~= 'make' then return conn:send(packet) end\n"
                                    "  for i = 1, 400000 do\n"
                                    "    server.group('a name that nothing else has ' .. i)\n"
                                    "    if i % 10000 == 0 then collectgarbage() end\n"
                                    "  end\n"
                                    "  conn:send 'made'\n"
                                    "end\n",
                                    "return { handler_timeout = 60 }", "1");
    client_ask(scene.watching, "make", "made");
    cr_assert_leq(fault_resident(&scene.server), scene.fresh + 24 * MIB);
    end(&scene);
}
