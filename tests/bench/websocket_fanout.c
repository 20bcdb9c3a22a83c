/* websocket_fanout.c - one WebSocket asks a server that sends each message to everybody, all receive it.
 *
 *     websocket_fanout ADDRESS [--receivers N] [--size BYTES] [--seconds S] [--pid PID]
 *
 * One message is on its way: when the last receiver has it, the next one is asked for. Every byte is checked on every
 * connection. The one that asks is a receiver too. With --pid it also tells the CPU time that the server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "histogram.h"
#include "websocket.h"

enum {
    EVENTS = 256,
    SIZE_MAX_BYTES = 16384,
    LEAST = 5, /* messages, be the machine ever so busy */
};

struct receiver {
    int handle;
    uint64_t number;
    uint64_t received; /* bytes */
};

struct fanout {
    struct address address;
    uint64_t receivers, size, duration_ns, pid;
    struct stream there, back;
    struct receiver *all;
    uint64_t asked;    /* messages */
    uint64_t asked_ns; /* when the last one was */
    uint64_t missing;  /* receivers that do not have all of it */
    int epoll;
    bool asking, measuring;
    uint64_t deliveries;        /* while measuring: messages that one receiver has */
    struct histogram latencies; /* of messages that all have, in ns */
};

static void ask(struct fanout *fanout)
{
    uint64_t place = fanout->asked++ * fanout->there.frame;
    fanout->asked_ns = now_ns();
    fanout->missing = fanout->receivers;
    send_all(fanout->all[0].handle, stream_part(&fanout->there, 0, place, fanout->there.frame),
             fanout->there.frame);
}

static void receive(struct fanout *fanout, struct receiver *receiver)
{
    static uint8_t bytes[PIECE];
    uint64_t due = fanout->asked * fanout->back.frame;
    size_t size = stream_receive(receiver->handle, bytes, receiver->number);
    if (size == 0) return;
    if (receiver->received + size > due)
        fail(1, "receiver %" PRIu64 ": more came than was sent", receiver->number);
    stream_check(&fanout->back, 0, receiver->received, bytes, size, receiver->number);
    receiver->received += size;
    if (receiver->received < due) return;
    fanout->deliveries += fanout->measuring;
    if (--fanout->missing > 0) return;
    if (fanout->measuring) histogram_add(&fanout->latencies, now_ns() - fanout->asked_ns);
    if (fanout->asking) ask(fanout);
}

/* Until the time has come, or, when nothing more is asked, all have the last message. Returns when it was. */
static uint64_t run_until(struct fanout *fanout, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t time_ns;
    while ((time_ns = now_ns()) < until_ns && (fanout->asking || fanout->missing > 0)) {
        int timeout_ms = (int)((until_ns - time_ns) / 1000000) + 1;
        int count = epoll_wait(fanout->epoll, events, EVENTS, timeout_ms);
        for (int i = 0; i < count; i++) receive(fanout, events[i].data.ptr);
    }
    return time_ns;
}

static void open_receivers(struct fanout *fanout)
{
    fanout->epoll = epoll_create1(EPOLL_CLOEXEC);
    fanout->all = calloc(fanout->receivers, sizeof *fanout->all);
    if (fanout->epoll < 0 || fanout->all == NULL) fail(3, "%s", strerror(errno));
    for (uint64_t i = 0; i < fanout->receivers; i++) {
        struct receiver *receiver = &fanout->all[i];
        *receiver =
            (struct receiver){.handle = websocket_open(&fanout->address, i, false, 0), .number = i};
        watch_input(fanout->epoll, receiver->handle, receiver);
    }
}

static void measure(struct fanout *fanout)
{
    websocket_greet(&fanout->address);
    open_receivers(fanout);
    fanout->there = stream_open(fanout->size, true);
    fanout->back = stream_open(fanout->size, false);
    fanout->asking = true;
    ask(fanout);
    uint64_t begin_ns = run_until(fanout, now_ns() + fanout->duration_ns / 8); /* to warm up */

    struct usage begin = usage_of((pid_t)fanout->pid);
    fanout->measuring = true;
    uint64_t end_ns = run_until(fanout, begin_ns + fanout->duration_ns);
    while (fanout->latencies.count < LEAST && end_ns < begin_ns + ANSWER_SECONDS * SECOND_NS)
        end_ns = run_until(fanout, end_ns + fanout->duration_ns);
    struct usage end = usage_of((pid_t)fanout->pid);

    fanout->measuring = fanout->asking = false;
    run_until(fanout, end_ns + ANSWER_SECONDS * SECOND_NS);
    if (fanout->missing > 0)
        fail(1, "a message did not reach %" PRIu64 " of %" PRIu64 " within %d seconds",
             fanout->missing, fanout->receivers, ANSWER_SECONDS);
    if (fanout->latencies.count == 0) fail(1, "no message reached all in time to be measured");
    double deliveries = (double)fanout->deliveries;
    printf("messages_per_second=%.0f cpu_us=%.4f p50_us=%.2f p99_us=%.2f max_us=%.2f "
           "rss_bytes=%" PRIu64 " messages=%" PRIu64 " seconds=%.3f\n",
           deliveries * SECOND_NS / (double)(end_ns - begin_ns),
           (double)(end.cpu_ns - begin.cpu_ns) / 1000 / deliveries,
           histogram_part_us(&fanout->latencies, 0.5), histogram_part_us(&fanout->latencies, 0.99),
           (double)fanout->latencies.max / 1000, end.memory, fanout->latencies.count,
           (double)(end_ns - begin_ns) / SECOND_NS);
}

static void read_option(struct fanout *fanout, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--receivers") == 0)
        good = settings_size(value, &fanout->receivers) && fanout->receivers != 0;
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
    static struct fanout fanout = {.receivers = 1000, .size = 20, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2)
        fail(2,
             "websocket_fanout ADDRESS [--receivers N] [--size BYTES] [--seconds S] [--pid PID]");
    if (!address_parse(words[1], &fanout.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&fanout, words[i], i + 1 < count ? words[i + 1] : "");
    raise_descriptor_limit();
    measure(&fanout);
    return 0;
}
