/* reload.c - how long clients of an echo server wait while it loads its scripts anew.
 *
 *     reload ADDRESS --admin ADDRESS [--connections N] [--size BYTES] [--reloads N]
 *
 * Each connection has one packet on its way, always; what counts is the time between two answers
 * that a connection gets. In turns the server is told to reload, as often as one turn has it, and
 * then let alone for just as long: half of what is measured is with reloads, half without. A reload
 * may be refused, as it is for broken code; both are counted.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "client.h"
#include "histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS (SECOND_NS / 50) /* between two reloads */

enum {
    TURNS = 10,
    EVENTS = 256,
};

struct figures {
    struct histogram gaps; /* in ns */
    uint64_t duration_ns;
};

struct peer {
    int handle;
    uint64_t number, asked;
    uint64_t answered_ns; /* 0: not yet */
    uint64_t received;    /* bytes of the answer that is on its way */
};

struct bench {
    struct address address, admin;
    uint64_t connections, size, reloads;
    uint64_t packet; /* bytes, with its header */
    struct peer *peers;
    uint8_t *sent, *received; /* a packet */
    int epoll;
    int asked;        /* the connection on which a reload was asked for; -1: none is under way */
    char verdict[16]; /* begin of what has come there */
    size_t verdict_size;
    uint64_t done, refused; /* reloads */
    struct figures *figures;
    struct figures with, without;
};

/* ---- connections ---- */

static void fill(const struct bench *bench, const struct peer *peer, uint8_t *packet)
{
    for (size_t i = 0; i < HEADER; i++) packet[i] = (uint8_t)(bench->packet >> 8 * i);
    for (size_t i = HEADER; i < bench->packet; i++)
        packet[i] = (uint8_t)(peer->asked * 31 + peer->number * 7 + i);
}

static void ask(const struct bench *bench, struct peer *peer)
{
    peer->asked++;
    peer->received = 0;
    fill(bench, peer, bench->sent);
    send_all(peer->handle, bench->sent, bench->packet);
}

static void receive(struct bench *bench, struct peer *peer)
{
    ssize_t size =
        recv(peer->handle, bench->received, bench->packet - peer->received, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0)
        fail(1, "connection %" PRIu64 ": the server closed it: %s", peer->number,
             size == 0 ? "end of stream" : strerror(errno));
    uint64_t time_ns = now_ns();
    fill(bench, peer, bench->sent);
    if (memcmp(bench->received, bench->sent + peer->received, (size_t)size) != 0)
        fail(1, "connection %" PRIu64 ": something else came back than was sent", peer->number);
    peer->received += (uint64_t)size;
    if (peer->received < bench->packet) return;
    if (peer->answered_ns != 0 && bench->figures != NULL)
        histogram_add(&bench->figures->gaps, time_ns - peer->answered_ns);
    peer->answered_ns = time_ns;
    ask(bench, peer);
}

/* ---- reloads ---- */

/* The token is reload.sh's. */
static const char asks[] =
    "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Moonport: 1\r\n"
    "Authorization: Bearer reload-reload-reload\r\n\r\n";

static void begin_reload(struct bench *bench)
{
    bench->asked = connect_to(&bench->admin, 0, 0);
    bench->verdict_size = 0;
    if (send(bench->asked, asks, sizeof asks - 1, MSG_NOSIGNAL) != (ssize_t)sizeof asks - 1)
        fail(1, "asking for a reload: %s", strerror(errno));
    watch_input(bench->epoll, bench->asked, NULL);
}

/* The answer: 200, or 409 for one that was refused. */
static void receive_verdict(struct bench *bench)
{
    char rest[4096];
    size_t room = sizeof bench->verdict - bench->verdict_size;
    char *to = room > 0 ? bench->verdict + bench->verdict_size : rest;
    ssize_t size = recv(bench->asked, to, room > 0 ? room : sizeof rest, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size > 0) {
        if (room > 0) bench->verdict_size += (size_t)size;
        return;
    }
    bool fine = bench->verdict_size > 12 && memcmp(bench->verdict, "HTTP/1.1 200", 12) == 0;
    bool refused = bench->verdict_size > 12 && memcmp(bench->verdict, "HTTP/1.1 409", 12) == 0;
    if (!fine && !refused) fail(1, "a reload was not answered");
    bench->done += fine;
    bench->refused += refused;
    close(bench->asked);
    bench->asked = -1;
}

/* ---- turns ---- */

/* Until the time has come, or, if that is 0, until the reload that is under way is over. */
static void run_until(struct bench *bench, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        uint64_t time_ns = now_ns();
        if (until_ns == 0 ? bench->asked < 0 : time_ns >= until_ns) return;
        int timeout_ms = until_ns == 0 ? 60000 : (int)((until_ns - time_ns) / 1000000) + 1;
        int count = epoll_wait(bench->epoll, events, EVENTS, timeout_ms);
        if (count == 0 && until_ns == 0) fail(1, "the server does not answer any more");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                receive_verdict(bench);
            else
                receive(bench, events[i].data.ptr);
        }
    }
}

static void take_turn(struct bench *bench)
{
    uint64_t begin_ns = now_ns();
    bench->figures = &bench->with;
    for (uint64_t i = 0; i < bench->reloads / TURNS; i++) {
        begin_reload(bench);
        run_until(bench, 0);
        run_until(bench, now_ns() + PAUSE_NS);
    }
    uint64_t duration_ns = now_ns() - begin_ns;
    bench->with.duration_ns += duration_ns;
    bench->figures = &bench->without;
    begin_ns = now_ns();
    run_until(bench, begin_ns + duration_ns);
    bench->without.duration_ns += now_ns() - begin_ns;
    bench->figures = NULL;
}

static void report(const char *name, const struct figures *figures)
{
    printf("%s p50_us=%.1f p999_us=%.1f longest_us=%.1f gaps=%" PRIu64 " seconds=%.3f\n", name,
           histogram_part_us(&figures->gaps, 0.5), histogram_part_us(&figures->gaps, 0.999),
           (double)figures->gaps.max / 1000, figures->gaps.count,
           (double)figures->duration_ns / (double)SECOND_NS);
}

static void measure(struct bench *bench)
{
    uint64_t deadline_ns = now_ns() + 5 * SECOND_NS;
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->peers = calloc(bench->connections, sizeof *bench->peers);
    bench->sent = malloc(bench->packet);
    bench->received = malloc(bench->packet);
    if (bench->epoll < 0 || bench->peers == NULL || bench->sent == NULL || bench->received == NULL)
        fail(3, "no memory");
    for (uint64_t i = 0; i < bench->connections; i++) {
        struct peer *peer = &bench->peers[i];
        *peer = (struct peer){.handle = connect_to(&bench->address, i, deadline_ns), .number = i};
        watch_input(bench->epoll, peer->handle, peer);
        ask(bench, peer);
    }
    run_until(bench, now_ns() + SECOND_NS / 2); /* to warm up */
    for (int i = 0; i < TURNS; i++) take_turn(bench);
    printf("connections=%" PRIu64 " size=%" PRIu64 " loaded=%" PRIu64 " refused=%" PRIu64 "\n",
           bench->connections, bench->size, bench->done, bench->refused);
    report("with", &bench->with);
    report("without", &bench->without);
}

/* ---- the command line ---- */

static void read_option(struct bench *bench, const char *name, const char *value)
{
    bool good = false;
    struct error error;
    if (strcmp(name, "--admin") == 0)
        good = address_parse(value, &bench->admin, &error);
    else if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &bench->connections) && bench->connections != 0;
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &bench->size) && bench->size <= 65536;
    else if (strcmp(name, "--reloads") == 0)
        good = settings_size(value, &bench->reloads) && bench->reloads % TURNS == 0 &&
               bench->reloads != 0;
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct bench bench = {.connections = 50, .size = 64, .reloads = 100, .asked = -1};
    struct error error;
    if (count < 2)
        fail(2, "reload ADDRESS --admin ADDRESS [--connections N] [--size BYTES] [--reloads N]");
    if (!address_parse(words[1], &bench.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&bench, words[i], i + 1 < count ? words[i + 1] : "");
    if (bench.admin.family == ADDRESS_NONE) fail(2, "where is the server's --admin?");
    bench.packet = bench.size + HEADER;
    measure(&bench);
    return 0;
}
