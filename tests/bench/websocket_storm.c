/* websocket_storm.c - clients that come, become WebSockets and vanish, as many a second as the server takes.
 *
 *     websocket_storm ADDRESS [--flight N] [--seconds S]
 *
 * So many are on their way at any time: each connects, asks, checks the answer and resets its connection; then the next
 * one comes. It tells how many a second were let in, and what the slowest of them waited.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "histogram.h"
#include "websocket.h"

enum { EVENTS = 64 };

struct visitor {
    int handle;
    uint64_t number, begin_ns;
    bool has_asked;
    size_t size; /* bytes of the answer */
    char answer[HANDSHAKE_MAX];
};

struct storm {
    struct address address;
    uint64_t flight, duration_ns;
    uint64_t come; /* visitors */
    int epoll;
    struct histogram waits; /* from connecting to the answer, in ns */
};

static void come(struct storm *storm, struct visitor *visitor)
{
    const struct linger at_once = {.l_onoff = 1};
    union address_system system;
    socklen_t size = address_to_system(&storm->address, &system);
    visitor->handle = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    visitor->number = storm->come++;
    visitor->begin_ns = now_ns();
    visitor->has_asked = false;
    visitor->size = 0;
    setsockopt(visitor->handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect(visitor->handle, &system.any, size) != 0 && errno != EINPROGRESS)
        fail(3, "cannot connect: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = visitor};
    if (epoll_ctl(storm->epoll, EPOLL_CTL_ADD, visitor->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static void ask(struct storm *storm, struct visitor *visitor)
{
    char room[HANDSHAKE_MAX];
    send_all(visitor->handle, room, websocket_ask(visitor->number, false, room));
    visitor->has_asked = true;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = visitor};
    if (epoll_ctl(storm->epoll, EPOLL_CTL_MOD, visitor->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static void read_answer(struct storm *storm, struct visitor *visitor)
{
    ssize_t size = recv(visitor->handle, visitor->answer + visitor->size,
                        sizeof visitor->answer - 1 - visitor->size, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0)
        fail(1, "visitor %" PRIu64 " was sent away: %s", visitor->number,
             size == 0 ? "end of stream" : strerror(errno));
    visitor->size += (size_t)size;
    visitor->answer[visitor->size] = '\0';
    if (!websocket_is_open(visitor->number, false, visitor->answer, visitor->size)) return;
    histogram_add(&storm->waits, now_ns() - visitor->begin_ns);
    close(visitor->handle);
    come(storm, visitor);
}

static void blow(struct storm *storm)
{
    struct epoll_event events[EVENTS];
    struct visitor *visitors = calloc(storm->flight, sizeof *visitors);
    storm->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (visitors == NULL || storm->epoll < 0) fail(3, "%s", strerror(errno));
    uint64_t begin_ns = now_ns();
    for (uint64_t i = 0; i < storm->flight; i++) come(storm, &visitors[i]);
    while (now_ns() - begin_ns < storm->duration_ns) {
        int count = epoll_wait(storm->epoll, events, EVENTS, 1000);
        if (count == 0) fail(1, "nobody was answered for a second");
        for (int i = 0; i < count; i++) {
            struct visitor *visitor = events[i].data.ptr;
            if (visitor->has_asked)
                read_answer(storm, visitor);
            else
                ask(storm, visitor);
        }
    }
    double seconds = (double)(now_ns() - begin_ns) / SECOND_NS;
    printf("handshakes_per_second=%.0f wait_p50_us=%.0f wait_p99_us=%.0f wait_max_us=%.0f\n",
           (double)storm->waits.count / seconds, histogram_part_us(&storm->waits, 0.5),
           histogram_part_us(&storm->waits, 0.99), (double)storm->waits.max / 1000);
}

int main(int count, char **words)
{
    static struct storm storm = {.flight = 64, .duration_ns = 2 * SECOND_NS};
    struct error error;
    if (count < 2) fail(2, "websocket_storm ADDRESS [--flight N] [--seconds S]");
    if (!address_parse(words[1], &storm.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        bool good = false;
        if (strcmp(words[i], "--flight") == 0)
            good = settings_size(value, &storm.flight) && storm.flight != 0;
        else if (strcmp(words[i], "--seconds") == 0)
            good = settings_seconds(value, &storm.duration_ns) && storm.duration_ns != 0;
        if (!good) fail(2, "%s cannot be \"%s\"", words[i], value);
    }
    raise_descriptor_limit();
    blow(&storm);
    return 0;
}
