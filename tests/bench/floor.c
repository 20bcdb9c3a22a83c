/* floor.c - the least that the work costs: a bare epoll loop that cuts the same packets, calls a
 * function for each, and sends what that function queues; no server stands around it.
 *
 *     floor 127.0.0.1:7000 [broadcast]         packets go back, or to every connection
 *
 * There are no limits, timeouts or queues: a peer that does not read what it is sent ends the program.
 * Ratios to it tell what a server costs. */
#include "base/address_system.h"
#include "base/span.h"
#include "measure.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HEADER = 4, EVENTS = 256, ROOM = 1 << 20, PACKET_MAX = 16 << 20 };

struct peer {
    int handle;
    uint32_t place;         /* in the list of all */
    uint8_t *tail;          /* the beginning of a packet that is not complete */
    size_t held, tail_room; /* bytes */
    uint8_t *queue;         /* what the socket did not take */
    size_t queued, queue_room;
};

static struct peer **peers;
static uint32_t peer_count;
static int epoll;
static bool broadcasts;
static uint8_t *output; /* for the connection whose packets are handled now */
static size_t output_size, output_room;

static void *grown(void *memory, size_t *room, size_t needed)
{
    if (needed <= *room) return memory;
    while (*room < needed) *room = *room == 0 ? 4096 : 2 * *room;
    memory = realloc(memory, *room);
    if (memory == NULL) fail(3, "out of memory");
    return memory;
}

/* ---- sending ---- */

static void watch(struct peer *peer, bool to_send)
{
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static void transmit(struct peer *peer, struct span bytes)
{
    ssize_t sent = 0;
    if (peer->queued == 0) sent = send(peer->handle, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (sent < 0) sent = 0;
    if ((size_t)sent == bytes.size) return;
    struct span left = span_skip(bytes, (size_t)sent);
    if (peer->queued == 0) watch(peer, true);
    peer->queue = grown(peer->queue, &peer->queue_room, peer->queued + left.size);
    memcpy(peer->queue + peer->queued, left.data, left.size);
    peer->queued += left.size;
}

/* False: the peer has gone. */
static bool transmit_queue(struct peer *peer)
{
    ssize_t sent = send(peer->handle, peer->queue, peer->queued, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    peer->queued -= (size_t)sent;
    memmove(peer->queue, peer->queue + sent, peer->queued);
    if (peer->queued == 0) watch(peer, false);
    return true;
}

static void append(const struct span packet)
{
    uint32_t size = (uint32_t)packet.size + HEADER;
    output = grown(output, &output_room, output_size + size);
    memcpy(output + output_size, &size, HEADER);
    memcpy(output + output_size + HEADER, packet.data, packet.size);
    output_size += size;
}

/* What a packet brings into the output, and whom that goes to: the one it came from, or everybody. */
static void handle(struct peer *peer, struct span packet)
{
    (void)peer;
    append(packet);
}

/* One send for each receiver of what one read has brought. */
static void send_output(struct peer *peer)
{
    struct span bytes = span_of(output, output_size);
    output_size = 0;
    if (bytes.size == 0) return;
    if (!broadcasts) transmit(peer, bytes);
    for (uint32_t i = 0; broadcasts && i < peer_count; i++) transmit(peers[i], bytes);
}

/* ---- receiving ---- */

static void leave(struct peer *peer)
{
    peers[peer->place] = peers[--peer_count];
    peers[peer->place]->place = peer->place;
    close(peer->handle);
    free(peer->tail);
    free(peer->queue);
    free(peer);
}

/* Returns how many bytes were used. */
static size_t cut(struct peer *peer, struct span bytes, void (*handler)(struct peer *, struct span))
{
    size_t used = 0;
    while (bytes.size - used >= HEADER) {
        uint32_t size;
        memcpy(&size, bytes.data + used, HEADER);
        if (size < HEADER || size > PACKET_MAX) fail(1, "a length of %u", size);
        if (bytes.size - used < size) break;
        handler(peer, span_of(bytes.data + used + HEADER, size - HEADER));
        used += size;
    }
    return used;
}

static void keep(struct peer *peer, struct span bytes)
{
    peer->tail = grown(peer->tail, &peer->tail_room, bytes.size);
    memmove(peer->tail, bytes.data, bytes.size);
    peer->held = bytes.size;
}

/* What is left of the last read lies before what this one brings. */
static void receive(struct peer *peer, void (*handler)(struct peer *, struct span))
{
    static uint8_t *input;
    static size_t input_room;
    input = grown(input, &input_room, peer->held + ROOM);
    if (peer->held != 0) memcpy(input, peer->tail, peer->held);
    ssize_t size = recv(peer->handle, input + peer->held, ROOM, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) leave(peer);
        return;
    }
    struct span bytes = span_of(input, peer->held + (size_t)size);
    keep(peer, span_skip(bytes, cut(peer, bytes, handler)));
    send_output(peer);
}

/* ---- all of it ---- */

static void join(int listener)
{
    static size_t room;
    const int on = 1;
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) fail(3, "out of memory");
    peer->handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer->handle < 0) fail(3, "accept: %s", strerror(errno));
    setsockopt(peer->handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer->place = peer_count;
    peers = grown(peers, &room, (peer_count + 1) * sizeof *peers);
    peers[peer_count++] = peer;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static int listen_on(const char *text)
{
    struct address address;
    struct error error;
    union address_system system;
    const int on = 1;
    if (!address_parse(text, &address, &error)) fail(2, "%s", error.text);
    socklen_t size = address_to_system(&address, &system);
    int listener = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, &system.any, size) != 0 || listen(listener, 4096) != 0)
        fail(3, "cannot listen on %s: %s", text, strerror(errno));
    return listener;
}

int main(int count, char **words)
{
    if (count < 2) fail(2, "floor ADDRESS [broadcast]");
    broadcasts = count > 2 && strcmp(words[2], "broadcast") == 0;
    int listener = listen_on(words[1]);
    raise_descriptor_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        fail(3, "epoll: %s", strerror(errno));
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == NULL)
                join(listener);
            else if (!(events[i].events & EPOLLOUT) || peer->queued == 0 || !transmit_queue(peer))
                receive(peer, handle);
        }
    }
}
