/* saves.c - how soon the old code is back after a save with a bug, under connections that go on talking.
 *
 *     saves ADDRESS --directory DIR [--connections N] [--saves N]
 *
 * The server runs DIR, in which main.lua answers each line with its generation. Each save gives it a
 * main.lua whose handler fails, by a rename; all connections send a line each millisecond, whatever
 * comes back. The old code is back when each of them has been answered by the generation after the bad
 * one. Measured is the time from the save until then.
 *
 * Exit status: 0 fine, 1 the server closed a connection, or the old code did not come back, 2 usage,
 * 3 the system refused. */
#include "base/settings.h"
#include "client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS (SECOND_NS / 1000)
#define PAUSE_NS (SECOND_NS / 5) /* from the last answer to the next save */
#define PATIENCE_NS (10 * SECOND_NS)

enum { LINE_SIZE = 32, SAVES_MAX = 1000, CONNECTIONS_MAX = 10000 };

struct peer {
    int handle;
    uint64_t generation; /* that answered last */
    uint64_t sent, answered;
    char line[LINE_SIZE]; /* what has come of it */
    size_t size;
};

static struct bench {
    struct address address;
    const char *directory;
    uint64_t connections, saves;
    struct peer *peers;
} bench = {.connections = 100, .saves = 20};

/* ---- connections ---- */

static void take_line(struct peer *peer)
{
    peer->line[peer->size] = '\0';
    peer->size = 0;
    peer->generation = strtoull(peer->line, NULL, 10);
    peer->answered++;
}

static void receive(struct peer *peer)
{
    char bytes[4096];
    for (;;) {
        ssize_t size = recv(peer->handle, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0)
            fail(1, "the server closed a connection: %s",
                 size == 0 ? "end of stream" : strerror(errno));
        for (ssize_t i = 0; i < size; i++) {
            if (bytes[i] == '\n')
                take_line(peer);
            else if (peer->size < LINE_SIZE - 1)
                peer->line[peer->size++] = bytes[i];
        }
    }
}

/* All send, and take what has come. */
static void tick(void)
{
    for (uint64_t i = 0; i < bench.connections; i++) {
        send_all(bench.peers[i].handle, "line\n", 5);
        bench.peers[i].sent++;
    }
    rest(TICK_NS);
    for (uint64_t i = 0; i < bench.connections; i++) receive(&bench.peers[i]);
}

static bool all_are_at(uint64_t generation)
{
    for (uint64_t i = 0; i < bench.connections; i++)
        if (bench.peers[i].generation != generation) return false;
    return true;
}

/* Returns when they were. */
static uint64_t talk_until_all_are_at(uint64_t generation)
{
    uint64_t end_ns = now_ns() + PATIENCE_NS;
    while (!all_are_at(generation)) {
        tick();
        if (now_ns() > end_ns)
            fail(1, "generation %" PRIu64 " has not answered all connections", generation);
    }
    return now_ns();
}

static void talk_for(uint64_t duration_ns)
{
    for (uint64_t end_ns = now_ns() + duration_ns; now_ns() < end_ns;) tick();
}

/* ---- saves ---- */

static void save(uint64_t number)
{
    char path[4096], fresh[4096];
    snprintf(path, sizeof path, "%s/main.lua", bench.directory);
    snprintf(fresh, sizeof fresh, "%s/.main.lua.new", bench.directory);
    FILE *file = fopen(fresh, "we");
    if (file == NULL) fail(3, "%s: %s", fresh, strerror(errno));
    fprintf(file,
            "-- save %" PRIu64 "\n"
            "function on_receive(conn, packet)\n"
            "  local none\n"
            "  conn:send(none.field)\n"
            "end\n",
            number);
    if (fclose(file) != 0 || rename(fresh, path) != 0) fail(3, "%s: %s", path, strerror(errno));
}

static int by_size(const void *one, const void *two)
{
    const uint64_t *a = one, *b = two;
    return (*a > *b) - (*a < *b);
}

static void measure(void)
{
    uint64_t took_ns[SAVES_MAX], lost = 0;
    bench.peers = calloc(bench.connections, sizeof *bench.peers);
    if (bench.peers == NULL) fail(3, "no memory");
    for (uint64_t i = 0; i < bench.connections; i++)
        bench.peers[i].handle = connect_to(&bench.address, i, now_ns() + 5 * SECOND_NS);
    talk_until_all_are_at(1);
    for (uint64_t i = 0; i < bench.saves; i++) {
        talk_for(PAUSE_NS);
        save(i + 1);
        uint64_t saved_ns = now_ns();
        took_ns[i] = talk_until_all_are_at(2 * i + 3) - saved_ns;
    }
    rest(SECOND_NS / 10);
    for (uint64_t i = 0; i < bench.connections; i++) {
        receive(&bench.peers[i]);
        lost += bench.peers[i].sent - bench.peers[i].answered;
    }
    uint64_t middle = bench.saves / 2;
    qsort(took_ns, bench.saves, sizeof took_ns[0], by_size);
    printf("connections=%" PRIu64 " saves=%" PRIu64 " closed=0 least_ms=%.1f median_ms=%.1f "
           "most_ms=%.1f lost=%" PRIu64 "\n",
           bench.connections, bench.saves, (double)took_ns[0] / 1e6, (double)took_ns[middle] / 1e6,
           (double)took_ns[bench.saves - 1] / 1e6, lost);
}

/* ---- the command line ---- */

static void read_option(const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--directory") == 0)
        good = (bench.directory = value)[0] != '\0';
    else if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &bench.connections) && bench.connections != 0 &&
               bench.connections <= CONNECTIONS_MAX;
    else if (strcmp(name, "--saves") == 0)
        good = settings_size(value, &bench.saves) && bench.saves != 0 && bench.saves <= SAVES_MAX;
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    struct error error;
    if (count < 2) fail(2, "saves ADDRESS --directory DIR [--connections N] [--saves N]");
    if (!address_parse(words[1], &bench.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2) read_option(words[i], i + 1 < count ? words[i + 1] : "");
    if (bench.directory == NULL) fail(2, "what is the server's --directory?");
    measure();
    return 0;
}
