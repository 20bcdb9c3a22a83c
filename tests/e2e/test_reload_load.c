/* Hot reload under full load: 200 connections that echo without a pause, 100 reloads, half of them of
 * broken code. */
#include "reload.h"

#include "harness_process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RELOADS = 100,
    SETTLED = 10, /* reloads until memory is what it stays */
    CLIENTS = 200,
    ON_THE_WAY = 4, /* packets of each */
    HEADER = 4,
    PACKET = HEADER + 60,
    PIECE = 16384,
};

/* ---- the load, on a thread of its own, where no assertion works ---- */

struct peer {
    int client;
    uint64_t sent, received; /* bytes */
};

struct load {
    struct peer peers[CLIENTS];
    _Atomic bool ending, failed;
    uint64_t packets; /* that came back */
    char why[200];    /* it failed */
    pthread_t thread;
};

/* What stands there in the stream of a connection: no two packets are alike. */
static uint8_t byte_at(const struct peer *peer, uint64_t place)
{
    uint64_t packet = place / PACKET, offset = place % PACKET;
    if (offset < HEADER) return (uint8_t)(PACKET >> 8 * offset);
    uint64_t word = ((uint64_t)peer->client << 32 | packet) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)((word >> 8 * (offset % 8)) + offset);
}

static void fail(struct load *load, const struct peer *peer, const char *what)
{
    snprintf(load->why, sizeof load->why, "connection %d: %s; %llu bytes sent, %llu received",
             (int)(peer - load->peers), what, (unsigned long long)peer->sent,
             (unsigned long long)peer->received);
    atomic_store(&load->failed, true);
}

/* Fills up what may be on its way; while it ends only to the end of a packet. */
static void push(struct load *load, struct peer *peer)
{
    uint8_t bytes[ON_THE_WAY * PACKET];
    size_t size = 0, room = ON_THE_WAY * PACKET - (size_t)(peer->sent - peer->received);
    if (atomic_load(&load->ending)) {
        size_t missing = PACKET - (size_t)(peer->sent % PACKET);
        room = missing == PACKET ? 0 : missing;
    }
    for (; size < room; size++) bytes[size] = byte_at(peer, peer->sent + size);
    if (size == 0) return;
    ssize_t sent = send(peer->client, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) peer->sent += (uint64_t)sent;
    if (sent < 0 && errno != EAGAIN) fail(load, peer, strerror(errno));
}

static void pull(struct load *load, struct peer *peer)
{
    uint8_t bytes[PIECE];
    ssize_t size = recv(peer->client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        fail(load, peer, size == 0 ? "it was closed" : strerror(errno));
        return;
    }
    for (ssize_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(peer, peer->received + (uint64_t)i)) {
            fail(load, peer, "a wrong byte came");
            return;
        }
    load->packets += (peer->received + (uint64_t)size) / PACKET - peer->received / PACKET;
    peer->received += (uint64_t)size;
    if (peer->received > peer->sent) fail(load, peer, "more came back than was sent");
}

static bool is_over(const struct load *load)
{
    if (!atomic_load(&load->ending)) return false;
    for (int i = 0; i < CLIENTS; i++)
        if (load->peers[i].sent % PACKET != 0 || load->peers[i].received != load->peers[i].sent)
            return false;
    return true;
}

static void *run(void *context)
{
    struct load *load = context;
    struct pollfd ready[CLIENTS];
    while (!atomic_load(&load->failed) && !is_over(load)) {
        for (int i = 0; i < CLIENTS; i++) {
            push(load, &load->peers[i]);
            ready[i] = (struct pollfd){.fd = load->peers[i].client, .events = POLLIN};
        }
        if (poll(ready, CLIENTS, 30000 * patience()) == 0)
            fail(load, &load->peers[0], "nothing comes any more, on any connection");
        for (int i = 0; i < CLIENTS && !atomic_load(&load->failed); i++)
            if (ready[i].revents != 0) pull(load, &load->peers[i]);
    }
    return NULL;
}

static void load_begin(struct load *load, const struct server *server)
{
    patience(); /* which is found out once, here */
    for (int i = 0; i < CLIENTS; i++) load->peers[i].client = client_connect(server);
    cr_assert_eq(pthread_create(&load->thread, NULL, run, load), 0);
}

/* Everything is answered, or something is wrong. */
static void load_end(struct load *load)
{
    atomic_store(&load->ending, true);
    cr_assert_eq(pthread_join(load->thread, NULL), 0);
    cr_assert(!atomic_load(&load->failed), "%s", load->why);
}

/* ---- the server ---- */

/* Scripts of which each is another, and leaves something behind that would be seen if it stayed. */
#define SCRIPT \
    "local number, ballast = %d, {}\n" \
    "for i = 1, 2000 do ballast[i] = number .. ' of ' .. i end\n" \
    "server.every(0.01, function() ballast[1] = ballast[1] end)\n" \
    "function on_unload() return number end\n" \
    "function on_load(value) assert(value == number - 2) end\n" \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'number' then\n" \
    "    packet = tostring(number)\n" \
    "  elseif packet == 'memory' then\n" \
    "    collectgarbage() collectgarbage()\n" \
    "    packet = ('%%.0f'):format(collectgarbage 'count')\n" \
    "  elseif packet == 'worker' then\n" \
    "    packet = tostring(server.worker)\n" \
    "  end\n" \
    "  conn:send(packet)\n" \
    "end\n" \
    "function on_disconnect(conn, reason)\n" \
    "  if reason ~= 'eof' then server.log('error', 'lost: ' .. reason) end\n" \
    "end\n"

static const char *const broken_ends[] = {
    "local x = = 1\n",
    "error('no luck')\n",
    "pritn()\n",
    "require 'nothing_like_that'\n",
};
enum { BROKEN_ENDS = sizeof broken_ends / sizeof *broken_ends };

static void write_script(const struct server *server, int number)
{
    char script[2000];
    int size = snprintf(script, sizeof script, SCRIPT, number);
    if (number % 2 != 0)
        snprintf(script + size, sizeof script - (size_t)size, "%s",
                 broken_ends[number / 2 % BROKEN_ENDS]);
    script_replace(server, "main.lua", script);
}

static int ask_number(int client, const char *question)
{
    size_t size;
    client_put_text(client, question);
    char *answer = (char *)client_take(client, &size);
    int number = atoi(answer);
    free(answer);
    return number;
}

/* Of the process, in KiB. */
static long resident(const struct server *server)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)server->pid);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void expect_flat(const char *what, long before, long after)
{
    fprintf(stderr, "%s: %ld KiB after %d reloads, %ld KiB after %d\n", what, before, SETTLED,
            after, RELOADS);
    cr_assert(after < before + before / 2 + 4096, "%s grew from %ld to %ld KiB", what, before,
              after);
}

Test(reload_load, a_hundred_reloads_under_full_load_lose_nothing_and_keep_nothing)
{
    static struct load load;
    static char script[2000];
    long lua_before = 0, lua_after = 0, before = 0;
    snprintf(script, sizeof script, SCRIPT, 0);
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", "2"}});
    int first = client_connect(&server), second = client_connect(&server);
    while (ask_number(second, "worker") == ask_number(first, "worker")) {
        close(second);
        second = client_connect(&server);
    }
    load_begin(&load, &server);
    for (int number = 1; number <= RELOADS; number++) {
        write_script(&server, number);
        server_expect_log_count(&server, " reload: ", number);
        cr_assert(!atomic_load(&load.failed), "after %d reloads: %s", number, load.why);
        int good = number - number % 2;
        cr_assert_eq(ask_number(first, "number"), good, "%s", server_log(&server));
        cr_assert_eq(ask_number(second, "number"), good, "%s", server_log(&server));
        if (number != SETTLED) continue;
        lua_before = ask_number(first, "memory") + ask_number(second, "memory");
        before = resident(&server);
    }
    lua_after = ask_number(first, "memory") + ask_number(second, "memory");
    long after = resident(&server);
    load_end(&load);
    fprintf(stderr, "%llu packets came back\n", (unsigned long long)load.packets);
    expect_flat("memory of Lua", lua_before, lua_after);
    if (patience() == 1)
        expect_flat("memory of the process", before, after);
    else
        fputs("NOT TESTED: memory of the process, which is not the server's alone here\n", stderr);
    cr_assert_eq(server_log_count(&server, "info  reload: generation "), RELOADS / 2);
    cr_assert_eq(server_log_count(&server, "nothing has changed"), RELOADS / 2);
    cr_assert_eq(server_log_count(&server, "lost: "), 0, "%s", server_log(&server));
    for (int i = 0; i < CLIENTS; i++) close(load.peers[i].client);
    close(first);
    close(second);
    server_end(&server);
}
