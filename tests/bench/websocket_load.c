/* websocket_load.c - asks an echo of WebSockets as fast as it answers, and checks every byte that comes back.
 *
 *     websocket_load ADDRESS [--connections N] [--pipeline N] [--size BYTES] [--seconds S] [--pid PID]
 *
 * Each connection keeps `pipeline` messages on their way: for each that has come back it sends one more. With --pid it
 * also tells the CPU time and the memory that the server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "histogram.h"
#include "websocket.h"

enum { EVENTS = 256, LEAST = 5 /* messages, be the machine ever so busy */ };

struct peer {
    int handle;
    uint64_t number;
    uint64_t sent, received;  /* bytes: places in the streams */
    uint64_t asked, answered; /* messages */
    uint64_t *asked_ns;       /* when each that is on its way was due to be sent: a ring */
    bool waits_to_send;
};

struct load {
    struct address address;
    uint64_t connections, pipeline, size, duration_ns, pid;
    struct stream there, back;
    struct peer *peers;
    int epoll;
    bool asking, measuring;
    uint64_t messages;          /* came back while measuring */
    struct histogram latencies; /* of them, in ns */
};

/* ---- one connection ---- */

static uint64_t seed_of(const struct peer *peer)
{
    return peer->number << 40;
}

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
    uint64_t due;
    while ((due = peer->asked * load->there.frame - peer->sent) != 0) {
        size_t size = due < PIECE ? (size_t)due : PIECE;
        const uint8_t *bytes = stream_part(&load->there, seed_of(peer), peer->sent, size);
        ssize_t sent = send(peer->handle, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail(1, "connection %" PRIu64 ": sending: %s", peer->number, strerror(errno));
        if (sent > 0) peer->sent += (uint64_t)sent;
        if (sent < (ssize_t)size) break;
    }
    watch(load, peer, peer->sent != peer->asked * load->there.frame);
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
    uint64_t whole = peer->received / load->back.frame;
    for (; peer->answered < whole; peer->answered++) {
        if (!load->measuring) continue;
        load->messages++;
        histogram_add(&load->latencies, time_ns - peer->asked_ns[peer->answered % load->pipeline]);
    }
}

static void receive(struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    size_t size = stream_receive(peer->handle, bytes, peer->number);
    if (size == 0) return;
    uint64_t time_ns = now_ns();
    if (peer->received + size > peer->asked * load->back.frame)
        fail(1, "connection %" PRIu64 ": more came back than was sent", peer->number);
    stream_check(&load->back, seed_of(peer), peer->received, bytes, size, peer->number);
    peer->received += size;
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
        *peer = (struct peer){.handle = websocket_open(&load->address, i, false, 0),
                              .number = i,
                              .asked_ns = times + i * load->pipeline};
        watch_input(load->epoll, peer->handle, peer);
    }
}

static bool all_answered(const struct load *load)
{
    for (uint64_t i = 0; i < load->connections; i++)
        if (load->peers[i].answered != load->peers[i].asked) return false;
    return true;
}

/* Until the time has come, or, when nothing more is asked, everything is answered. Returns when it was over. */
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

static void report(const struct load *load, double seconds, struct usage begin, struct usage end)
{
    double messages = (double)load->messages;
    printf("messages_per_second=%.0f cpu_us=%.4f p50_us=%.2f p99_us=%.2f max_us=%.2f "
           "rss_bytes=%" PRIu64 " messages=%" PRIu64 " seconds=%.3f\n",
           messages / seconds, (double)(end.cpu_ns - begin.cpu_ns) / 1000 / messages,
           histogram_part_us(&load->latencies, 0.5), histogram_part_us(&load->latencies, 0.99),
           (double)load->latencies.max / 1000, end.memory, load->messages, seconds);
}

static void measure(struct load *load)
{
    websocket_greet(&load->address);
    open_peers(load);
    load->there = stream_open(load->size, true);
    load->back = stream_open(load->size, false);
    uint64_t begin_ns = now_ns();
    load->asking = true;
    for (uint64_t i = 0; i < load->connections; i++) ask(load, &load->peers[i], begin_ns);
    begin_ns = run_until(load, begin_ns + load->duration_ns / 8); /* to warm up */

    struct usage begin = usage_of((pid_t)load->pid);
    load->measuring = true;
    uint64_t end_ns = run_until(load, begin_ns + load->duration_ns);
    while (load->messages < LEAST && end_ns < begin_ns + ANSWER_SECONDS * SECOND_NS)
        end_ns = run_until(load, end_ns + load->duration_ns);
    struct usage end = usage_of((pid_t)load->pid);

    load->measuring = load->asking = false;
    run_until(load, end_ns + 5 * SECOND_NS);
    if (!all_answered(load)) fail(1, "messages were lost: not all came back within 5 seconds");
    if (load->messages == 0) fail(1, "no message came back in time to be measured");
    report(load, (double)(end_ns - begin_ns) / (double)SECOND_NS, begin, end);
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
        good = settings_size(value, &load->size) && load->size <= MESSAGE_MAX;
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
        .connections = 1, .pipeline = 1, .size = 20, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2)
        fail(2, "websocket_load ADDRESS [--connections N] [--pipeline N] [--size BYTES] "
                "[--seconds S] [--pid PID]");
    if (!address_parse(words[1], &load.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&load, words[i], i + 1 < count ? words[i + 1] : "");
    measure(&load);
    return 0;
}
