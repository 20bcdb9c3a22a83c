/* client.h - what the clients that measure share: connections, packets, and what a server uses. */
#ifndef MOONPORT_CLIENT_H
#define MOONPORT_CLIENT_H

#include "base/address_system.h"
#include "measure.h"
#include "pattern.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    HEADER = 4,           /* a packet's length, little-endian, which counts itself */
    CONNECT_BURST = 1000, /* so many may wait to be accepted: fewer than any server's backlog */
    SOURCE_MAX = 10000,   /* connections from one address: it has some 28,000 ports */
    ANSWER_SECONDS = 10,
};

/* ---- the server's process ---- */

struct usage {
    uint64_t cpu_ns;
    uint64_t memory;    /* bytes resident */
    uint64_t allocated; /* bytes that it has asked the system for to write to, touched or not */
};

/* Of another process, all of its threads; nothing of 0. */
static inline struct usage usage_of(pid_t pid)
{
    char path[64];
    clockid_t clock;
    struct timespec cpu;
    uint64_t pages = 0, data = 0;
    if (pid == 0) return (struct usage){0};
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    bool found =
        file != NULL && fscanf(file, "%*u %" SCNu64 " %*u %*u %*u %" SCNu64, &pages, &data) == 2;
    if (file != NULL) fclose(file);
    if (!found || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &cpu) != 0)
        fail(3, "process %d has no figures: is the server alive?", (int)pid);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return (struct usage){.cpu_ns = ns_of(cpu), .memory = pages * page, .allocated = data * page};
}

/* ---- connections ---- */

/* Loopback is a whole network: each SOURCE_MAX connections have an address of their own. */
static inline void choose_source(int handle, const union address_system *to, uint64_t number)
{
    const int on = 1;
    if (to->any.sa_family != AF_INET || number < SOURCE_MAX) return;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number / SOURCE_MAX));
    setsockopt(handle, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(handle, (struct sockaddr *)&from, sizeof from) != 0)
        fail(3, "cannot bind the %" PRIu64 "th connection: %s", number, strerror(errno));
}

/* The client's connection of this number. A server that was only just started is waited for. With
 * SO_LINGER it ends at once: it leaves no port that has to wait for a minute, and the next client's
 * are as many. */
static inline int connect_to(const struct address *address, uint64_t number, uint64_t until_ns)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    const struct linger at_once = {.l_onoff = 1};
    const int on = 1;
    union address_system system;
    socklen_t size = address_to_system(address, &system);
    for (;;) {
        int handle = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (handle < 0)
            fail(3, "no socket for connection %" PRIu64 ": %s", number, strerror(errno));
        choose_source(handle, &system, number);
        if (connect(handle, &system.any, size) == 0) {
            setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            return handle;
        }
        int problem = errno;
        bool may_come = problem == ECONNREFUSED || problem == ENOENT;
        close(handle);
        if (!may_come || now_ns() >= until_ns)
            fail(3, "cannot open connection %" PRIu64 ": %s", number, strerror(problem));
        rest(SECOND_NS / 50);
    }
}

static inline void watch_input(int epoll, int handle, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

/* ---- packets ---- */

/* Part of one packet, from `offset` on; `packet` is its size with the header. */
static inline void packet_fill(uint64_t packet, uint64_t seed, size_t offset, uint8_t *bytes,
                               size_t size)
{
    for (; size != 0 && offset < HEADER; offset++, size--)
        *bytes++ = (uint8_t)(packet >> 8 * offset);
    pattern_fill(seed, offset - HEADER, bytes, size);
}

static inline void send_all(int handle, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size != 0) {
        ssize_t sent = send(handle, from, size, MSG_NOSIGNAL);
        if (sent < 0) fail(1, "sending: %s", strerror(errno));
        from += sent;
        size -= (size_t)sent;
    }
}

static inline void receive_all(int handle, void *bytes, size_t size)
{
    ssize_t received = recv(handle, bytes, size, MSG_WAITALL);
    if (received == (ssize_t)size) return;
    bool late = received > 0 || (received < 0 && errno == EAGAIN);
    if (late) fail(1, "the server did not answer within %d seconds", ANSWER_SECONDS);
    fail(1, "the server closed a connection: %s",
         received == 0 ? "end of stream" : strerror(errno));
}

/* A connection that comes and goes, and is answered: whoever came before it is accepted. */
static inline void greet(const struct address *address, uint64_t until_ns)
{
    uint8_t sent[HEADER + 16], received[sizeof sent];
    int handle = connect_to(address, 0, until_ns);
    packet_fill(sizeof sent, UINT64_MAX, 0, sent, sizeof sent);
    send_all(handle, sent, sizeof sent);
    receive_all(handle, received, sizeof received);
    if (memcmp(sent, received, sizeof sent) != 0) fail(1, "a greeting came back as something else");
    close(handle);
}

#endif
