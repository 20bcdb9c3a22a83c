#include "fault.h"

#include "harness_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLACK = 768 << 10, PATIENCE_MS = 20000 };

static const char script[] =
    "function on_disconnect(conn, reason)\n"
    "  server.shared:incr('ended ' .. reason, 1, 0)\n"
    "end\n"
    "function on_message()\n"
    "  collectgarbage()\n"
    "  collectgarbage()\n"
    "  server.shared:incr('collected', 1, 0)\n"
    "end\n"
    "local answers = {}\n"
    "function answers.figures()\n" /* garbage is no growth */
    "  local all = (server.shared:get 'collected' or 0) + server.workers\n"
    "  server.post('all', 'collect')\n"
    "  while (server.shared:get 'collected' or 0) < all do server.sleep(0.001) end\n"
    "  local stats = server.stats()\n"
    "  return ('%d %d %d'):format(stats.connections, stats.blocks_used, stats.memory_used)\n"
    "end\n"
    "function answers.flood(conn)\n"
    "  broadcast(('x'):rep(16000), { except = conn })\n"
    "  return 'flooded'\n"
    "end\n"
    "function answers.brief(conn)\n"
    "  conn:idle(0.2)\n"
    "  return 'brief'\n"
    "end\n"
    "function on_receive(conn, packet)\n"
    "  if packet:find('ended ', 1, true) == 1 then\n"
    "    packet = tostring(server.shared:get(packet) or 0)\n"
    "  elseif answers[packet] then\n"
    "    packet = answers[packet](conn)\n"
    "  end\n"
    "  conn:send(packet)\n"
    "end\n";

struct server fault_begin(const char *config)
{
    return server_begin(
        &(struct begin){.script = script, .config = config, .flags = {"--workers", "2"}});
}

struct server fault_begin_with_files(unsigned files)
{
    return server_begin(
        &(struct begin){.script = script, .files = files, .flags = {"--workers", "2"}});
}

int fault_watch(const struct server *server)
{
    int watching = client_connect(server);
    cr_assert(client_is_served(watching));
    return watching;
}

struct figures fault_figures(int watching)
{
    struct figures figures;
    client_put_text(watching, "figures");
    char *answer = (char *)client_take(watching, &(size_t){0});
    int count =
        sscanf(answer, "%zu %zu %zu", &figures.connections, &figures.blocks, &figures.memory);
    cr_assert_eq(count, 3, "%s", answer);
    free(answer);
    return figures;
}

int fault_ended(int watching, const char *reason)
{
    char question[64];
    snprintf(question, sizeof question, "ended %s", reason);
    client_put_text(watching, question);
    char *answer = (char *)client_take(watching, &(size_t){0});
    int count = atoi(answer);
    free(answer);
    return count;
}

/* ---- waiting ---- */

void fault_await_ended(int watching, const char *reason, int count)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(PATIENCE_MS * patience());
    int ended;
    for (; (ended = fault_ended(watching, reason)) != count; nap())
        cr_assert(ended < count && now_ms() < deadline_ms, "%d have ended by %s, not %d", ended,
                  reason, count);
}

void fault_await_rest(int watching)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(PATIENCE_MS * patience());
    for (;; nap()) {
        struct figures figures = fault_figures(watching);
        if (figures.connections == 1 && figures.blocks == 0 && figures.memory == 0) return;
        cr_assert(now_ms() < deadline_ms, "%zu connections, %zu blocks and %zu bytes are left",
                  figures.connections, figures.blocks, figures.memory);
    }
}

void fault_await_held(int watching, int connections, size_t memory)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(PATIENCE_MS * patience());
    for (;; nap()) {
        struct figures figures = fault_figures(watching);
        if (figures.connections == (size_t)connections + 1 && figures.memory >= memory) return;
        cr_assert(now_ms() < deadline_ms, "%zu connections hold %zu bytes", figures.connections,
                  figures.memory);
    }
}

void fault_reset(int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(client);
}

/* ---- the process ---- */

int fault_descriptors(const struct server *server)
{
    char path[64];
    int count = -2; /* . and .. */
    snprintf(path, sizeof path, "/proc/%d/fd", (int)server->pid);
    DIR *directory = opendir(path);
    cr_assert_not_null(directory, "%s", path);
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

void fault_await_descriptors(const struct server *server, int count)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(PATIENCE_MS * patience());
    for (; fault_descriptors(server) > count; nap())
        cr_assert(now_ms() < deadline_ms, "%d descriptors rather than %d",
                  fault_descriptors(server), count);
}

static char *read_proc(const struct server *server, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)server->pid, name);
    return file_read(path);
}

long fault_ticks(const struct server *server)
{
    long user, system;
    char *text = read_proc(server, "stat");
    const char *fields = strrchr(text, ')'); /* the name may have anything in it */
    cr_assert_not_null(fields, "%s", text);
    int count =
        sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
    cr_assert_eq(count, 2, "%s", text);
    free(text);
    return (user + system) * 100 / sysconf(_SC_CLK_TCK);
}

size_t fault_resident(const struct server *server)
{
    size_t pages;
    char *text = read_proc(server, "statm");
    cr_assert_eq(sscanf(text, "%*u %zu", &pages), 1, "%s", text);
    free(text);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void fault_note_memory(const struct server *server, struct growth *growth)
{
    cr_assert(growth->count <= ROUNDS);
    growth->bytes[growth->count++] = fault_resident(server);
}

void fault_check_growth(const struct growth *growth, size_t held)
{
    const size_t *bytes = growth->bytes;
    size_t first = bytes[1] > bytes[0] ? bytes[1] - bytes[0] : 0;
    cr_assert_eq(growth->count, 1 + ROUNDS);
    if (patience() > 1) return;
    cr_log_info("%zu K are resident, after the rounds %zu K, %zu K, %zu K", bytes[0] >> 10,
                bytes[1] >> 10, bytes[2] >> 10, bytes[3] >> 10);
    cr_assert_leq(bytes[ROUNDS], bytes[1] + first / 2 + held / 2 + SLACK);
}
