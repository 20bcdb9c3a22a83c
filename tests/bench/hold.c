/* hold.c - opens many connections to an echo server, and holds them: what does one cost that rests?
 *
 *     hold ADDRESS --pid PID [--connections N] [--size BYTES] [--seconds S]
 *
 * Each sends one packet and gets it back, every byte is checked; then all rest for a while. It
 * tells what memory the server had before the first came and while they rest, how much of it the
 * server has asked the system for meanwhile, and the CPU time that it uses while they rest.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "client.h"

#include <stdlib.h>

enum { BATCH = 100, PACKET_MAX = 65536 };

struct hold {
    struct address address;
    uint64_t connections, size, duration_ns, pid;
    uint64_t packet; /* bytes, with its header */
    int *handles;
};

/* Those from `first` on, at most a batch of them, ask at the same time. Returns who comes next. */
static uint64_t open_batch(struct hold *hold, uint64_t first)
{
    static uint8_t expected[HEADER + PACKET_MAX], received[sizeof expected];
    uint64_t after = first + BATCH < hold->connections ? first + BATCH : hold->connections;
    for (uint64_t i = first; i < after; i++) {
        hold->handles[i] = connect_to(&hold->address, i, 0);
        packet_fill(hold->packet, i, 0, expected, hold->packet);
        send_all(hold->handles[i], expected, hold->packet);
    }
    for (uint64_t i = first; i < after; i++) {
        packet_fill(hold->packet, i, 0, expected, hold->packet);
        receive_all(hold->handles[i], received, hold->packet);
        if (memcmp(received, expected, hold->packet) != 0)
            fail(1, "connection %" PRIu64 ": something else came back than was sent", i);
    }
    return after;
}

static void close_all(const struct hold *hold)
{
    for (uint64_t i = 0; i < hold->connections; i++) {
        char byte;
        if (recv(hold->handles[i], &byte, 1, MSG_DONTWAIT) >= 0)
            fail(1, "connection %" PRIu64 " was not left to rest", i);
        close(hold->handles[i]);
    }
}

static double per_connection(const struct hold *hold, uint64_t before, uint64_t after)
{
    return ((double)after - (double)before) / (double)hold->connections;
}

static void measure(struct hold *hold)
{
    hold->handles = malloc(hold->connections * sizeof *hold->handles);
    if (hold->handles == NULL) fail(3, "no memory");
    greet(&hold->address, now_ns() + 5 * SECOND_NS); /* it has begun, and rests */
    struct usage before = usage_of((pid_t)hold->pid);
    uint64_t begin_ns = now_ns();
    for (uint64_t next = 0; next < hold->connections;) next = open_batch(hold, next);
    uint64_t open_ns = now_ns();
    struct usage begin = usage_of((pid_t)hold->pid);
    rest(hold->duration_ns);
    struct usage end = usage_of((pid_t)hold->pid);
    double rested_ns = (double)(now_ns() - open_ns);
    close_all(hold);
    printf(
        "connections=%" PRIu64 " size=%" PRIu64 " rss_begin_bytes=%" PRIu64
        " rss_end_bytes=%" PRIu64 " bytes_per_connection=%.1f "
        "allocated_bytes_per_connection=%.1f cpu_percent_at_rest=%.2f open_us=%.1f seconds=%.3f\n",
        hold->connections, hold->size, before.memory, end.memory,
        per_connection(hold, before.memory, end.memory),
        per_connection(hold, before.allocated, end.allocated),
        100 * (double)(end.cpu_ns - begin.cpu_ns) / rested_ns,
        (double)(open_ns - begin_ns) / 1000 / (double)hold->connections, rested_ns / SECOND_NS);
}

/* ---- the command line ---- */

static void read_option(struct hold *hold, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &hold->connections) && hold->connections != 0;
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &hold->size) && hold->size <= PACKET_MAX;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &hold->duration_ns) && hold->duration_ns != 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &hold->pid);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct hold hold = {.connections = 1000, .size = 64, .duration_ns = SECOND_NS / 2};
    struct error error;
    if (count < 2) fail(2, "hold ADDRESS --pid PID [--connections N] [--size BYTES] [--seconds S]");
    if (!address_parse(words[1], &hold.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&hold, words[i], i + 1 < count ? words[i + 1] : "");
    if (hold.pid == 0) fail(2, "which process is the server? --pid PID");
    hold.packet = hold.size + HEADER;
    raise_descriptor_limit();
    measure(&hold);
    return 0;
}
