/* load.c - asks an echo server as fast as it answers, and checks every byte that comes back.
 *
 *     load ADDRESS [--connections N] [--pipeline N] [--size BYTES] [--seconds S] [--pid PID]
 *
 * Each connection keeps `pipeline` packets on their way: for each that has come back it sends one
 * more. A packet is `size` bytes behind a length of 4 bytes, little-endian, that counts itself. No
 * two packets are alike, and what stands where in a connection's stream is a function of the place
 * alone, so neither sending nor checking keeps any bytes. With --pid it also tells the CPU time and
 * the memory that the server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "client.h"
#include "histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1 << 18, /* bytes sent or received at once */
    EVENTS = 256,
};

struct peer {
    int handle;
    uint64_t number;
    uint64_t sent, received;  /* bytes: places in the streams */
    uint64_t asked, answered; /* packets */
    uint64_t *asked_ns;       /* when each that is on its way was due to be sent: a ring */
    bool waits_to_send;
};

struct load {
    struct address address;
    uint64_t connections, pipeline, size, duration_ns, pid;
    uint64_t packet; /* bytes, with its header */
    struct peer *peers;
    int epoll;
    bool asking;
    bool measuring;
    uint64_t packets;           /* came back while measuring */
    struct histogram latencies; /* of them, in ns */
};

/* ---- what is sent ---- */

static void fill(const struct load *load, const struct peer *peer, uint64_t place, uint8_t *bytes,
                 size_t size)
{
    uint64_t packet = place / load->packet;
    size_t offset = (size_t)(place % load->packet);
    while (size != 0) {
        size_t left = load->packet - offset, part = left < size ? left : size;
        packet_fill(load->packet, peer->number << 40 | packet, offset, bytes, part);
        bytes += part;
        size -= part;
        offset = 0;
        packet++;
    }
}

/* ---- one connection ---- */

static void watch(const struct load *load, struct peer *peer, bool to_send)
{
    if (peer->waits_to_send == to_send) return;
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
    peer->waits_to_send = to_send;
}

static void push(const struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    uint64_t due;
    while ((due = peer->asked * load->packet - peer->sent) != 0) {
        size_t size = due < PIECE ? (size_t)due : PIECE;
        fill(load, peer, peer->sent, bytes, size);
        ssize_t sent = send(peer->handle, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail(1, "connection %" PRIu64 ": sending: %s", peer->number, strerror(errno));
        if (sent > 0) peer->sent += (uint64_t)sent;
        if (sent < (ssize_t)size) break;
    }
    watch(load, peer, peer->sent != peer->asked * load->packet);
}

static void ask(const struct load *load, struct peer *peer, uint64_t time_ns)
{
    if (!load->asking) return;
    while (peer->asked - peer->answered < load->pipeline)
        peer->asked_ns[peer->asked++ % load->pipeline] = time_ns;
    push(load, peer);
}

static void count_answers(struct load *load, struct peer *peer, uint64_t time_ns)
{
    uint64_t whole = peer->received / load->packet;
    for (; peer->answered < whole; peer->answered++) {
        if (!load->measuring) continue;
        load->packets++;
        histogram_add(&load->latencies, time_ns - peer->asked_ns[peer->answered % load->pipeline]);
    }
}

static void compare(const struct load *load, const struct peer *peer, const uint8_t *bytes,
                    size_t size)
{
    static uint8_t expected[PIECE];
    if (size > peer->sent - peer->received)
        fail(1, "connection %" PRIu64 ": more came back than was sent", peer->number);
    fill(load, peer, peer->received, expected, size);
    if (memcmp(bytes, expected, size) == 0) return;
    size_t at = 0;
    while (bytes[at] == expected[at]) at++;
    uint64_t place = peer->received + at;
    fail(1,
         "connection %" PRIu64 ", packet %" PRIu64 ", byte %" PRIu64
         " of it: came back as %02x, was sent as %02x",
         peer->number, place / load->packet, place % load->packet, bytes[at], expected[at]);
}

static void receive(struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    ssize_t size = recv(peer->handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0)
        fail(1, "connection %" PRIu64 ": the server closed it: %s", peer->number,
             size == 0 ? "end of stream" : strerror(errno));
    uint64_t time_ns = now_ns();
    compare(load, peer, bytes, (size_t)size);
    peer->received += (uint64_t)size;
    count_answers(load, peer, time_ns);
    ask(load, peer, time_ns);
}

/* ---- all of them ---- */

static void open_peers(struct load *load)
{
    raise_descriptor_limit();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->peers = calloc(load->connections, sizeof *load->peers);
    uint64_t *times = calloc(load->connections * load->pipeline, sizeof *times);
    if (load->epoll < 0 || load->peers == NULL || times == NULL) fail(3, "%s", strerror(errno));
    for (uint64_t i = 0; i < load->connections; i++) {
        struct peer *peer = &load->peers[i];
        *peer = (struct peer){.handle = connect_to(&load->address, i, 0),
                              .number = i,
                              .asked_ns = times + i * load->pipeline};
        watch_input(load->epoll, peer->handle, peer);
        if (i % CONNECT_BURST == CONNECT_BURST - 1) greet(&load->address, 0);
    }
}

static bool all_answered(const struct load *load)
{
    for (uint64_t i = 0; i < load->connections; i++)
        if (load->peers[i].answered != load->peers[i].asked) return false;
    return true;
}

/* Until the time has come, or, when nothing more is asked, everything is answered. Returns when it
 * was over. */
static uint64_t run_until(struct load *load, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t time_ns;
    while ((time_ns = now_ns()) < until_ns && (load->asking || !all_answered(load))) {
        int timeout_ms = (int)((until_ns - time_ns) / 1000000) + 1;
        int count = epoll_wait(load->epoll, events, EVENTS, timeout_ms);
        for (int i = 0; i < count; i++) {
            if ((events[i].events & EPOLLOUT) != 0) push(load, events[i].data.ptr);
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) receive(load, events[i].data.ptr);
        }
    }
    return time_ns;
}

/* ---- figures ---- */

static void report(const struct load *load, double seconds, uint64_t cpu_ns, uint64_t memory_before,
                   uint64_t memory_after)
{
    double rate = (double)load->packets / seconds;
    double cpu_us = (double)cpu_ns / 1000 / (double)load->packets;
    double p50 = histogram_part_us(&load->latencies, 0.5);
    double p99 = histogram_part_us(&load->latencies, 0.99);
    printf("packets_per_second=%.0f cpu_us_per_packet=%.4f p50_us=%.2f p99_us=%.2f "
           "rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64 " packets=%" PRIu64
           " seconds=%.3f connections=%" PRIu64 " pipeline=%" PRIu64 " size=%" PRIu64 "\n",
           rate, cpu_us, p50, p99, memory_before, memory_after, load->packets, seconds,
           load->connections, load->pipeline, load->size);
    printf("%.0f packets/s of %" PRIu64 " bytes on %" PRIu64 " connections, %" PRIu64
           " on their way on each; latency p50 %.1f us, p99 %.1f us",
           rate, load->size, load->connections, load->pipeline, p50, p99);
    if (load->pid != 0)
        printf("; the server: %.3f us of CPU a packet, %.1f MiB, then %.1f MiB", cpu_us,
               (double)memory_before / 1048576, (double)memory_after / 1048576);
    printf("\n");
}

static void measure(struct load *load)
{
    greet(&load->address, now_ns() + 5 * SECOND_NS); /* it has begun, and rests */
    struct usage at_rest = usage_of((pid_t)load->pid);
    open_peers(load);
    uint64_t begin_ns = now_ns();
    load->asking = true;
    for (uint64_t i = 0; i < load->connections; i++) ask(load, &load->peers[i], begin_ns);
    begin_ns = run_until(load, begin_ns + load->duration_ns / 8); /* to warm up */

    struct usage begin = usage_of((pid_t)load->pid);
    load->measuring = true;
    uint64_t end_ns = run_until(load, begin_ns + load->duration_ns);
    struct usage end = usage_of((pid_t)load->pid);

    load->measuring = load->asking = false;
    run_until(load, end_ns + 5 * SECOND_NS);
    if (!all_answered(load)) fail(1, "packets were lost: they did not come back within 5 seconds");
    if (load->packets == 0) fail(1, "no packet came back in time to be measured");
    report(load, (double)(end_ns - begin_ns) / (double)SECOND_NS, end.cpu_ns - begin.cpu_ns,
           at_rest.memory, end.memory);
}

/* ---- the command line ---- */

static void read_option(struct load *load, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &load->connections) && load->connections != 0;
    else if (strcmp(name, "--pipeline") == 0)
        good = settings_size(value, &load->pipeline) && load->pipeline != 0;
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &load->size) && load->size <= UINT32_MAX - HEADER;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &load->duration_ns) && load->duration_ns != 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &load->pid);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct load load = {
        .connections = 1, .pipeline = 1, .size = 64, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2)
        fail(2, "load ADDRESS [--connections N] [--pipeline N] [--size BYTES] [--seconds S] "
                "[--pid PID]");
    if (!address_parse(words[1], &load.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&load, words[i], i + 1 < count ? words[i + 1] : "");
    load.packet = load.size + HEADER;
    measure(&load);
    return 0;
}
