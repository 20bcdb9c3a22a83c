/* tls_shake.c - clients that come, shake hands, are answered one packet and vanish: what does a handshake cost the server?
 *
 *     tls_shake ADDRESS [--version 1.2|1.3|none] [--resume yes] [--flight N] [--at-once yes] [--seconds S] [--pid PID]
 *
 * So many are on their way at any time; when one has its answer, it resets its connection, and the next one comes. With
 * --at-once they come all at the same time, and then rest until as many may come again: twice a second at most. Their
 * first message is made before anybody connects. With --resume each shows the ticket that a first connection was given.
 * Version none is plain TCP: what it costs to come and go. With --pid it also tells the CPU time that the server used.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "histogram.h"
#include "tls_client.h"

enum { EVENTS = 64, LEAST = 5 /* visits, be the machine ever so busy */ };

struct visitor {
    struct tls_wire wire;
    uint64_t begin_ns;
    bool is_connected, has_asked;
};

struct storm {
    struct address address;
    union address_system system;
    socklen_t system_size;
    SSL_CTX *context;     /* NULL: plain */
    SSL_SESSION *session; /* that is resumed; NULL: none */
    uint64_t flight, duration_ns, pid;
    bool at_once, measuring, resumes;
    uint64_t come, gone; /* visitors */
    uint64_t measured, storms;
    int epoll;
    struct visitor *visitors;
    struct histogram waits; /* from connecting to the answer, in ns */
};

/* ---- one visitor ---- */

/* Makes its first message. */
static void prepare(struct storm *storm, struct visitor *visitor)
{
    *visitor = (struct visitor){.wire.number = storm->come++};
    if (storm->context == NULL) return;
    tls_wire_open(&visitor->wire, storm->context, -1, visitor->wire.number);
    if (storm->session != NULL && SSL_set_session(visitor->wire.ssl, storm->session) != 1)
        tls_fail(&visitor->wire, "resuming");
    tls_wire_shake(&visitor->wire);
}

static void watch(const struct storm *storm, struct visitor *visitor, int operation, uint32_t what)
{
    struct epoll_event event = {.events = what, .data.ptr = visitor};
    if (epoll_ctl(storm->epoll, operation, visitor->wire.handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static void come(struct storm *storm, struct visitor *visitor)
{
    const struct linger at_once = {.l_onoff = 1};
    int handle = socket(storm->system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (handle < 0) fail(3, "no socket: %s", strerror(errno));
    visitor->wire.handle = handle;
    visitor->begin_ns = now_ns();
    setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect(handle, &storm->system.any, storm->system_size) != 0 && errno != EINPROGRESS)
        fail(3, "cannot connect: %s", strerror(errno));
    watch(storm, visitor, EPOLL_CTL_ADD, EPOLLOUT);
}

static void ask_plainly(const struct visitor *visitor)
{
    uint8_t bytes[TLS_GREETING];
    packet_fill(sizeof bytes, visitor->wire.number, 0, bytes, sizeof bytes);
    send_all(visitor->wire.handle, bytes, sizeof bytes);
}

/* It is connected: sends the first message, or, where there is no TLS, asks. */
static void begin(const struct storm *storm, struct visitor *visitor)
{
    visitor->is_connected = true;
    watch(storm, visitor, EPOLL_CTL_MOD, EPOLLIN);
    visitor->has_asked = storm->context == NULL;
    if (visitor->has_asked)
        ask_plainly(visitor);
    else
        tls_wire_flush(&visitor->wire);
}

static void leave(struct storm *storm, struct visitor *visitor)
{
    storm->gone++;
    if (storm->measuring) {
        storm->measured++;
        histogram_add(&storm->waits, now_ns() - visitor->begin_ns);
    }
    if (storm->context != NULL) tls_wire_close(&visitor->wire);
    close(visitor->wire.handle);
    if (storm->at_once) return;
    prepare(storm, visitor);
    come(storm, visitor);
}

static bool is_answered_plainly(struct visitor *visitor)
{
    uint8_t bytes[TLS_GREETING], expected[TLS_GREETING];
    receive_all(visitor->wire.handle, bytes, sizeof bytes);
    packet_fill(sizeof expected, visitor->wire.number, 0, expected, sizeof expected);
    if (memcmp(bytes, expected, sizeof bytes) != 0)
        fail(1, "visitor %" PRIu64 ": something else came back", visitor->wire.number);
    return true;
}

/* The last message of the handshake and the packet go together. */
static bool shake(const struct storm *storm, struct visitor *visitor)
{
    struct tls_wire *wire = &visitor->wire;
    if (!tls_wire_receive(wire)) return false;
    if (!visitor->has_asked) {
        if (!tls_wire_shake(wire)) {
            tls_wire_flush(wire);
            return false;
        }
        if (storm->resumes && SSL_session_reused(wire->ssl) != 1)
            fail(1, "visitor %" PRIu64 " was not resumed", wire->number);
        visitor->has_asked = true;
        tls_wire_ask(wire, wire->number);
    }
    return tls_wire_is_answered(wire, wire->number);
}

static void receive(struct storm *storm, struct visitor *visitor)
{
    if (storm->context == NULL ? is_answered_plainly(visitor) : shake(storm, visitor))
        leave(storm, visitor);
}

/* ---- all of them ---- */

static uint64_t run_until(struct storm *storm, uint64_t until_ns, uint64_t gone)
{
    struct epoll_event events[EVENTS];
    uint64_t time_ns;
    while ((time_ns = now_ns()) < until_ns && storm->gone < gone) {
        int count = epoll_wait(storm->epoll, events, EVENTS, 1000);
        if (count == 0) fail(1, "nobody was answered for a second");
        for (int i = 0; i < count; i++) {
            struct visitor *visitor = events[i].data.ptr;
            if (visitor->is_connected)
                receive(storm, visitor);
            else
                begin(storm, visitor);
        }
    }
    return time_ns;
}

/* Storms, with a rest between them. */
static uint64_t blow_until(struct storm *storm, uint64_t until_ns)
{
    uint64_t time_ns = now_ns();
    while (time_ns < until_ns) {
        for (uint64_t i = 0; i < storm->flight; i++) prepare(storm, &storm->visitors[i]);
        for (uint64_t i = 0; i < storm->flight; i++) come(storm, &storm->visitors[i]);
        run_until(storm, UINT64_MAX, storm->come);
        storm->storms++;
        rest(SECOND_NS / 2);
        time_ns = now_ns();
    }
    return time_ns;
}

/* The session of a first connection, whose answer has brought the tickets with it. */
static SSL_SESSION *first_session(const struct storm *storm)
{
    struct tls_wire wire;
    tls_wire_connect(&wire, storm->context, &storm->address, 0, 0);
    tls_wire_exchange(&wire, 1);
    SSL_SESSION *session = SSL_get1_session(wire.ssl);
    if (session == NULL || !SSL_SESSION_is_resumable(session)) fail(1, "there was no ticket");
    tls_wire_close(&wire);
    close(wire.handle);
    return session;
}

static void report(const struct storm *storm, uint64_t time_ns, uint64_t cpu_ns)
{
    double seconds = (double)time_ns / (double)SECOND_NS;
    printf("visits_per_second=%.0f cpu_us=%.3f wait_p50_us=%.0f wait_p99_us=%.0f wait_max_us=%.0f "
           "visits=%" PRIu64 " storms=%" PRIu64 " seconds=%.3f\n",
           (double)storm->measured / seconds, (double)cpu_ns / 1000 / (double)storm->measured,
           histogram_part_us(&storm->waits, 0.5), histogram_part_us(&storm->waits, 0.99),
           (double)storm->waits.max / 1000, storm->measured, storm->storms, seconds);
}

static void measure(struct storm *storm)
{
    storm->epoll = epoll_create1(EPOLL_CLOEXEC);
    storm->visitors = calloc(storm->flight, sizeof *storm->visitors);
    if (storm->epoll < 0 || storm->visitors == NULL) fail(3, "%s", strerror(errno));
    storm->system_size = address_to_system(&storm->address, &storm->system);
    if (storm->context == NULL)
        greet(&storm->address, now_ns() + 5 * SECOND_NS);
    else
        tls_greet(storm->context, &storm->address, now_ns() + 5 * SECOND_NS);
    if (storm->resumes) storm->session = first_session(storm);

    uint64_t begin_ns = now_ns();
    for (uint64_t i = 0; i < storm->flight && !storm->at_once; i++) {
        prepare(storm, &storm->visitors[i]);
        come(storm, &storm->visitors[i]);
    }
    if (!storm->at_once)
        begin_ns = run_until(storm, begin_ns + storm->duration_ns / 8, UINT64_MAX); /* to warm up */
    storm->measuring = true;
    struct usage begin = usage_of((pid_t)storm->pid);
    uint64_t end_ns = storm->at_once ? blow_until(storm, begin_ns + storm->duration_ns)
                                     : run_until(storm, begin_ns + storm->duration_ns, UINT64_MAX);
    if (storm->measured < LEAST) end_ns = run_until(storm, UINT64_MAX, storm->gone + LEAST);
    struct usage end = usage_of((pid_t)storm->pid);
    report(storm, end_ns - begin_ns, end.cpu_ns - begin.cpu_ns);
}

/* ---- the command line ---- */

static bool read_version(struct storm *storm, const char *value)
{
    bool is_plain = strcmp(value, "none") == 0;
    SSL_CTX_free(storm->context);
    storm->context = is_plain ? NULL : tls_context(value);
    return is_plain || storm->context != NULL;
}

static void read_option(struct storm *storm, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--version") == 0)
        good = read_version(storm, value);
    else if (strcmp(name, "--resume") == 0)
        good = storm->resumes = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--at-once") == 0)
        good = storm->at_once = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--flight") == 0)
        good = settings_size(value, &storm->flight) && storm->flight != 0;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &storm->duration_ns) && storm->duration_ns != 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &storm->pid);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct storm storm = {.flight = 32, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2)
        fail(2, "tls_shake ADDRESS [--version 1.2|1.3|none] [--resume yes] [--flight N] "
                "[--at-once yes] [--seconds S] [--pid PID]");
    if (!address_parse(words[1], &storm.address, &error)) fail(2, "%s", error.text);
    storm.context = tls_context("1.3");
    for (int i = 2; i < count; i += 2)
        read_option(&storm, words[i], i + 1 < count ? words[i + 1] : "");
    if (storm.resumes && storm.context == NULL) fail(2, "without TLS nothing is resumed");
    raise_descriptor_limit();
    measure(&storm);
    return 0;
}
