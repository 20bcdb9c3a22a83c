/* fanout.c - one connection asks a server that sends each packet to everybody, all receive it.
 *
 *     fanout ADDRESS [--receivers N] [--flight K] [--size BYTES] [--seconds S] [--pid PID]
 *
 * `flight` packets are on their way: when the last receiver has one, one more is asked for; its
 * latency ends there. No two packets are alike, and every byte is checked on every connection. The
 * one that asks is a receiver too. With --pid it also tells the CPU time and the memory that the
 * server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "client.h"
#include "histogram.h"

#include <stdlib.h>

enum { EVENTS = 256, SIZE_MAX_BYTES = 16384 };

struct receiver {
    int handle;
    uint64_t number;
    uint64_t received; /* bytes since the first packet of all, whoever heard it */
};

/* A packet that is on its way. */
struct flying {
    uint64_t asked_ns;
    uint64_t missing; /* receivers that do not have all of it */
};

struct fanout {
    struct address address;
    uint64_t receivers, flight, size, duration_ns, pid;
    uint64_t packet; /* bytes, with its header */
    struct receiver *all;
    uint64_t open;          /* receivers that there are by now */
    struct flying *flying;  /* a ring of `flight` */
    uint8_t *bytes;         /* theirs, in the same ring */
    uint64_t asked, landed; /* packets */
    int epoll;
    bool asking, measuring;
    uint64_t deliveries;        /* while measuring: packets that one receiver has */
    struct histogram latencies; /* of packets that landed then, in ns */
};

/* ---- packets ---- */

static uint8_t *bytes_of(const struct fanout *fanout, uint64_t packet)
{
    return fanout->bytes + packet % fanout->flight * fanout->packet;
}

/* The newest connection asks. */
static void ask(struct fanout *fanout, uint64_t time_ns)
{
    uint8_t *bytes = bytes_of(fanout, fanout->asked);
    packet_fill(fanout->packet, fanout->asked, 0, bytes, fanout->packet);
    fanout->flying[fanout->asked % fanout->flight] =
        (struct flying){.asked_ns = time_ns, .missing = fanout->open};
    fanout->asked++;
    send_all(fanout->all[fanout->open - 1].handle, bytes, fanout->packet);
}

/* Every connection gets packets in order, so they land in order. */
static void land(struct fanout *fanout, uint64_t time_ns)
{
    struct flying *flying = &fanout->flying[fanout->landed++ % fanout->flight];
    if (fanout->measuring) histogram_add(&fanout->latencies, time_ns - flying->asked_ns);
    if (fanout->asking) ask(fanout, time_ns);
}

/* The part of one packet that these bytes begin with; returns how many that were. */
static size_t take_part(struct fanout *fanout, struct receiver *receiver, const uint8_t *bytes,
                        size_t size)
{
    uint64_t packet = receiver->received / fanout->packet;
    size_t offset = (size_t)(receiver->received % fanout->packet);
    size_t left = fanout->packet - offset, part = left < size ? left : size;
    if (packet >= fanout->asked)
        fail(1, "receiver %" PRIu64 ": more came than was sent", receiver->number);
    if (memcmp(bytes, bytes_of(fanout, packet) + offset, part) != 0)
        fail(1, "receiver %" PRIu64 ", packet %" PRIu64 ": came as something else than was sent",
             receiver->number, packet);
    receiver->received += part;
    if (part < left) return part;
    fanout->flying[packet % fanout->flight].missing--;
    fanout->deliveries += fanout->measuring;
    return part;
}

static void receive(struct fanout *fanout, struct receiver *receiver)
{
    static uint8_t bytes[SIZE_MAX_BYTES * 8];
    ssize_t size = recv(receiver->handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0)
        fail(1, "receiver %" PRIu64 ": the server closed it: %s", receiver->number,
             size == 0 ? "end of stream" : strerror(errno));
    for (size_t at = 0; at < (size_t)size;)
        at += take_part(fanout, receiver, bytes + at, (size_t)size - at);
    while (fanout->landed < fanout->asked &&
           fanout->flying[fanout->landed % fanout->flight].missing == 0)
        land(fanout, now_ns());
}

/* ---- all of them ---- */

/* Until the time has come, or, when nothing more is asked, all has landed. Returns when it was. */
static uint64_t run_until(struct fanout *fanout, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t time_ns;
    while ((time_ns = now_ns()) < until_ns && (fanout->asking || fanout->landed < fanout->asked)) {
        int timeout_ms = (int)((until_ns - time_ns) / 1000000) + 1;
        int count = epoll_wait(fanout->epoll, events, EVENTS, timeout_ms);
        for (int i = 0; i < count; i++) receive(fanout, events[i].data.ptr);
    }
    return time_ns;
}

static void land_all(struct fanout *fanout)
{
    run_until(fanout, now_ns() + ANSWER_SECONDS * SECOND_NS);
    if (fanout->landed < fanout->asked)
        fail(1, "packet %" PRIu64 " did not reach %" PRIu64 " of %" PRIu64 " within %d seconds",
             fanout->landed, fanout->flying[fanout->landed % fanout->flight].missing, fanout->open,
             ANSWER_SECONDS);
}

/* Who comes last of a burst asks: when all have that packet, all are accepted. */
static void open_receivers(struct fanout *fanout)
{
    for (uint64_t i = 0; i < fanout->receivers; i++) {
        struct receiver *receiver = &fanout->all[i];
        *receiver = (struct receiver){.handle = connect_to(&fanout->address, i, 0),
                                      .number = i,
                                      .received = fanout->asked * fanout->packet};
        watch_input(fanout->epoll, receiver->handle, receiver);
        fanout->open++;
        if (fanout->open % CONNECT_BURST != 0 && fanout->open != fanout->receivers) continue;
        ask(fanout, now_ns());
        land_all(fanout);
    }
}

static void prepare(struct fanout *fanout)
{
    fanout->epoll = epoll_create1(EPOLL_CLOEXEC);
    fanout->all = calloc(fanout->receivers, sizeof *fanout->all);
    fanout->flying = calloc(fanout->flight, sizeof *fanout->flying);
    fanout->bytes = malloc(fanout->flight * fanout->packet);
    bool fine = fanout->epoll >= 0 && fanout->all != NULL && fanout->flying != NULL &&
                fanout->bytes != NULL;
    if (!fine) fail(3, "%s", strerror(errno));
}

/* ---- figures ---- */

static void report(const struct fanout *fanout, double seconds, struct usage begin,
                   struct usage end, uint64_t memory_at_rest)
{
    double deliveries = (double)fanout->deliveries;
    printf("deliveries_per_second=%.0f cpu_us_per_delivery=%.4f p50_us=%.2f p99_us=%.2f "
           "rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64 " packets=%" PRIu64
           " seconds=%.3f connections=%" PRIu64 " pipeline=%" PRIu64 " size=%" PRIu64 "\n",
           deliveries / seconds, (double)(end.cpu_ns - begin.cpu_ns) / 1000 / deliveries,
           histogram_part_us(&fanout->latencies, 0.5), histogram_part_us(&fanout->latencies, 0.99),
           memory_at_rest, end.memory, fanout->latencies.count, seconds, fanout->receivers,
           fanout->flight, fanout->size);
}

static void measure(struct fanout *fanout)
{
    greet(&fanout->address, now_ns() + 5 * SECOND_NS); /* it has begun, and rests */
    struct usage at_rest = usage_of((pid_t)fanout->pid);
    prepare(fanout);
    open_receivers(fanout);

    uint64_t begin_ns = now_ns();
    fanout->asking = true;
    for (uint64_t i = 0; i < fanout->flight; i++) ask(fanout, begin_ns);
    begin_ns = run_until(fanout, begin_ns + fanout->duration_ns / 8); /* to warm up */

    struct usage begin = usage_of((pid_t)fanout->pid);
    fanout->measuring = true;
    uint64_t end_ns = run_until(fanout, begin_ns + fanout->duration_ns);
    struct usage end = usage_of((pid_t)fanout->pid);

    fanout->measuring = fanout->asking = false;
    land_all(fanout);
    if (fanout->latencies.count == 0)
        fail(1, "no packet reached all receivers in time to be measured");
    report(fanout, (double)(end_ns - begin_ns) / (double)SECOND_NS, begin, end, at_rest.memory);
}

/* ---- the command line ---- */

static void read_option(struct fanout *fanout, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--receivers") == 0)
        good = settings_size(value, &fanout->receivers) && fanout->receivers != 0;
    else if (strcmp(name, "--flight") == 0)
        good = settings_size(value, &fanout->flight) && fanout->flight != 0 &&
               fanout->flight <= 64; /* the one that asks never has to wait */
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &fanout->size) && fanout->size <= SIZE_MAX_BYTES;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &fanout->duration_ns) && fanout->duration_ns != 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &fanout->pid);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct fanout fanout = {
        .receivers = 200, .flight = 1, .size = 64, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2)
        fail(2, "fanout ADDRESS [--receivers N] [--flight K] [--size BYTES] [--seconds S] "
                "[--pid PID]");
    if (!address_parse(words[1], &fanout.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&fanout, words[i], i + 1 < count ? words[i + 1] : "");
    fanout.packet = fanout.size + HEADER;
    raise_descriptor_limit();
    measure(&fanout);
    return 0;
}
