/* load.h - asks an echo of packets as fast as it answers, and checks every byte that comes back. For a program for each way
 * that the bytes can take.
 *
 *     PROGRAM ADDRESS [--connections N] [--pipeline N] [--size BYTES] [--every S] [--seconds S] [--pid PID]
 *
 * Each connection keeps `pipeline` packets on their way: for each that has come back it sends one more. With --every it sends
 * one each time that this has passed, at most so many that are on their way; the connections take turns. A packet is `size`
 * bytes behind a length of 4 bytes, little-endian, that counts itself. No two packets are alike, and what stands where in a
 * connection's stream is a function of the place alone, so neither sending nor checking keeps any bytes. With --pid it also
 * tells the CPU time and the memory that the server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#ifndef MOONPORT_LOAD_H
#define MOONPORT_LOAD_H

#include "base/settings.h"
#include "client.h"
#include "histogram.h"

enum {
    PIECE = 1 << 18, /* bytes sent or received at once */
    EVENTS = 256,
};

struct load;

struct peer {
    int handle;
    void *wire; /* the way's own */
    uint64_t number;
    uint64_t sent, received;  /* bytes: places in the streams */
    uint64_t asked, answered; /* packets */
    uint64_t *asked_ns;       /* when each that is on its way was due to be sent: a ring */
    bool waits_to_send;
};

/* The way that the bytes take. */
struct way {
    /* Opens a connection of whom a packet is answered, and closes it. A server that was only just started is waited for. */
    void (*greet)(const struct load *load, uint64_t until_ns);

    void (*open)(const struct load *load, struct peer *peer);

    /* Sends what it holds, then these bytes; returns how many of them it has taken. If it holds something, or took fewer, it
     * is called again when the socket has room, without bytes if need be. */
    size_t (*send)(const struct load *load, struct peer *peer, const uint8_t *bytes, size_t size);
    bool (*holds)(const struct peer *peer); /* NULL: never */

    /* Something has come: hands it to load_take. */
    void (*receive)(struct load *load, struct peer *peer);

    /* Reads an option of its own. False: it has none of that name with that value. NULL: it has none at all. */
    bool (*option)(const char *name, const char *value);
};

struct load {
    const struct way *way;
    struct address address;
    uint64_t connections, pipeline, size, every_ns, duration_ns, pid;
    uint64_t packet; /* bytes, with its header */
    uint64_t turn;   /* with --every: how many times one has had its turn */
    uint64_t begin_ns;
    struct peer *peers;
    int epoll;
    bool asking;
    bool measuring;
    uint64_t packets;           /* came back while measuring */
    struct histogram latencies; /* of them, in ns */
};

/* ---- what is sent ---- */

static inline void load_fill(const struct load *load, const struct peer *peer, uint64_t place,
                             uint8_t *bytes, size_t size)
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

static inline void load_watch(const struct load *load, struct peer *peer, bool to_send)
{
    if (peer->waits_to_send == to_send) return;
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
    peer->waits_to_send = to_send;
}

static inline bool load_holds(const struct load *load, const struct peer *peer)
{
    return load->way->holds != NULL && load->way->holds(peer);
}

static inline void load_push(const struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    uint64_t due;
    while ((due = peer->asked * load->packet - peer->sent) != 0 || load_holds(load, peer)) {
        size_t size = due < PIECE ? (size_t)due : PIECE;
        load_fill(load, peer, peer->sent, bytes, size);
        size_t sent = load->way->send(load, peer, bytes, size);
        peer->sent += sent;
        if (sent < size || load_holds(load, peer)) break;
    }
    load_watch(load, peer, peer->sent != peer->asked * load->packet || load_holds(load, peer));
}

static inline void load_ask(const struct load *load, struct peer *peer, uint64_t time_ns)
{
    if (!load->asking || load->every_ns != 0) return;
    while (peer->asked - peer->answered < load->pipeline)
        peer->asked_ns[peer->asked++ % load->pipeline] = time_ns;
    load_push(load, peer);
}

static inline void load_count(struct load *load, struct peer *peer, uint64_t time_ns)
{
    uint64_t whole = peer->received / load->packet;
    for (; peer->answered < whole; peer->answered++) {
        if (!load->measuring) continue;
        load->packets++;
        histogram_add(&load->latencies, time_ns - peer->asked_ns[peer->answered % load->pipeline]);
    }
}

static inline void load_compare(const struct load *load, const struct peer *peer,
                                const uint8_t *bytes, size_t size)
{
    static uint8_t expected[PIECE];
    if (size > peer->sent - peer->received)
        fail(1, "connection %" PRIu64 ": more came back than was sent", peer->number);
    load_fill(load, peer, peer->received, expected, size);
    if (memcmp(bytes, expected, size) == 0) return;
    size_t at = 0;
    while (bytes[at] == expected[at]) at++;
    uint64_t place = peer->received + at;
    fail(1,
         "connection %" PRIu64 ", packet %" PRIu64 ", byte %" PRIu64
         " of it: came back as %02x, was sent as %02x",
         peer->number, place / load->packet, place % load->packet, bytes[at], expected[at]);
}

/* Plain bytes that have come back, at most PIECE of them. */
static inline void load_take(struct load *load, struct peer *peer, const uint8_t *bytes,
                             size_t size)
{
    uint64_t time_ns = now_ns();
    load_compare(load, peer, bytes, size);
    peer->received += size;
    load_count(load, peer, time_ns);
    load_ask(load, peer, time_ns);
}

/* ---- all of them ---- */

static inline void load_open(struct load *load)
{
    raise_descriptor_limit();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->peers = calloc(load->connections, sizeof *load->peers);
    uint64_t *times = calloc(load->connections * load->pipeline, sizeof *times);
    if (load->epoll < 0 || load->peers == NULL || times == NULL) fail(3, "%s", strerror(errno));
    for (uint64_t i = 0; i < load->connections; i++) {
        struct peer *peer = &load->peers[i];
        *peer = (struct peer){.number = i, .asked_ns = times + i * load->pipeline};
        load->way->open(load, peer);
        watch_input(load->epoll, peer->handle, peer);
        if (i % CONNECT_BURST == CONNECT_BURST - 1) load->way->greet(load, 0);
    }
}

static inline bool load_is_answered(const struct load *load)
{
    for (uint64_t i = 0; i < load->connections; i++)
        if (load->peers[i].answered != load->peers[i].asked) return false;
    return true;
}

/* With --every: those whose turn has come send one, as if at that time. Returns when the next one's comes. */
static inline uint64_t load_take_turns(struct load *load, uint64_t time_ns, uint64_t until_ns)
{
    while (load->every_ns != 0 && load->asking) {
        uint64_t due_ns = load->begin_ns + load->turn * load->every_ns / load->connections;
        if (due_ns > time_ns) return due_ns < until_ns ? due_ns : until_ns;
        struct peer *peer = &load->peers[load->turn++ % load->connections];
        if (peer->asked - peer->answered == load->pipeline) continue;
        peer->asked_ns[peer->asked++ % load->pipeline] = due_ns;
        load_push(load, peer);
    }
    return until_ns;
}

/* Until the time has come, or, when nothing more is asked, everything is answered. Returns when it
 * was over. */
static inline uint64_t load_run_until(struct load *load, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t time_ns;
    while ((time_ns = now_ns()) < until_ns && (load->asking || !load_is_answered(load))) {
        uint64_t left_ns = load_take_turns(load, time_ns, until_ns) - time_ns;
        const struct timespec timeout = {.tv_sec = (time_t)(left_ns / SECOND_NS),
                                         .tv_nsec = (long)(left_ns % SECOND_NS)};
        int count = epoll_pwait2(load->epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < count; i++) {
            if ((events[i].events & EPOLLOUT) != 0) load_push(load, events[i].data.ptr);
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                load->way->receive(load, events[i].data.ptr);
        }
    }
    return time_ns;
}

/* ---- figures ---- */

static inline void load_report(const struct load *load, double seconds, uint64_t cpu_ns,
                               uint64_t memory_before, uint64_t memory_after)
{
    double rate = (double)load->packets / seconds;
    double cpu_us = (double)cpu_ns / 1000 / (double)load->packets;
    double p50 = histogram_part_us(&load->latencies, 0.5);
    double p99 = histogram_part_us(&load->latencies, 0.99);
    printf("packets_per_second=%.0f cpu_us_per_packet=%.4f p50_us=%.2f p99_us=%.2f max_us=%.2f "
           "rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64 " packets=%" PRIu64
           " seconds=%.3f connections=%" PRIu64 " pipeline=%" PRIu64 " size=%" PRIu64 "\n",
           rate, cpu_us, p50, p99, (double)load->latencies.max / 1000, memory_before, memory_after,
           load->packets, seconds, load->connections, load->pipeline, load->size);
    printf("%.0f packets/s of %" PRIu64 " bytes on %" PRIu64 " connections, %" PRIu64
           " on their way on each; latency p50 %.1f us, p99 %.1f us",
           rate, load->size, load->connections, load->pipeline, p50, p99);
    if (load->pid != 0)
        printf("; the server: %.3f us of CPU a packet, %.1f MiB, then %.1f MiB", cpu_us,
               (double)memory_before / 1048576, (double)memory_after / 1048576);
    printf("\n");
}

static inline void load_measure(struct load *load)
{
    load->way->greet(load, now_ns() + 5 * SECOND_NS); /* it has begun, and rests */
    struct usage at_rest = usage_of((pid_t)load->pid);
    load_open(load);
    uint64_t begin_ns = now_ns();
    load->asking = true;
    load->begin_ns = begin_ns;
    for (uint64_t i = 0; i < load->connections; i++) load_ask(load, &load->peers[i], begin_ns);
    begin_ns = load_run_until(load, begin_ns + load->duration_ns / 8); /* to warm up */

    struct usage begin = usage_of((pid_t)load->pid);
    load->measuring = true;
    uint64_t end_ns = load_run_until(load, begin_ns + load->duration_ns);
    struct usage end = usage_of((pid_t)load->pid);

    load->measuring = load->asking = false;
    load_run_until(load, end_ns + 5 * SECOND_NS);
    if (!load_is_answered(load))
        fail(1, "packets were lost: they did not come back within 5 seconds");
    if (load->packets == 0) fail(1, "no packet came back in time to be measured");
    load_report(load, (double)(end_ns - begin_ns) / (double)SECOND_NS, end.cpu_ns - begin.cpu_ns,
                at_rest.memory, end.memory);
}

/* ---- the command line ---- */

static inline void load_read_option(struct load *load, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &load->connections) && load->connections != 0;
    else if (strcmp(name, "--pipeline") == 0)
        good = settings_size(value, &load->pipeline) && load->pipeline != 0;
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &load->size) && load->size <= UINT32_MAX - HEADER;
    else if (strcmp(name, "--every") == 0)
        good = settings_seconds(value, &load->every_ns);
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &load->duration_ns) && load->duration_ns != 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &load->pid);
    else if (load->way->option != NULL)
        good = load->way->option(name, value);
    if (!good) fail(2, "%s cannot be \"%s\"; or there is no such option", name, value);
}

static inline int load_main(int count, char **words, const struct way *way)
{
    static struct load load = {
        .connections = 1, .pipeline = 1, .size = 64, .duration_ns = 2 * SECOND_NS};
    struct error error;
    load.way = way;
    if (count < 2)
        fail(2,
             "%s ADDRESS [--connections N] [--pipeline N] [--size BYTES] [--every S] "
             "[--seconds S] [--pid PID]",
             words[0]);
    if (!address_parse(words[1], &load.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        load_read_option(&load, words[i], i + 1 < count ? words[i + 1] : "");
    load.packet = load.size + HEADER;
    load_measure(&load);
    return 0;
}

#endif
