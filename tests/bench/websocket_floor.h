/* websocket_floor.h - the least that WebSockets cost: a bare epoll loop that answers the handshake, hands what comes to a
 * codec, and sends what the codec queues; no server stands around it. For one program for each codec.
 *
 *     PROGRAM 127.0.0.1:7000 [broadcast]       messages go back, or to every connection
 *
 * There are no limits, timeouts, pings or closes: a peer that does anything but send messages ends the program, or its own
 * connection. Ratios to it tell what a server costs. */
#ifndef MOONPORT_WEBSOCKET_FLOOR_H
#define MOONPORT_WEBSOCKET_FLOOR_H

#include "base/address_system.h"
#include "frame/websocket_key.h"
#include "measure.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, ROOM = 1 << 20 };

struct buffer {
    uint8_t *bytes;
    size_t size, room;
};

struct peer {
    int handle;
    uint32_t place;      /* in the list of all */
    bool is_open;        /* the request was answered */
    void *state;         /* the codec's */
    struct buffer tail;  /* the beginning of what is not complete */
    struct buffer queue; /* what the socket did not take */
};

/* What reads and writes frames. */
struct codec {
    void (*open)(struct peer *peer); /* NULL: nothing to do */
    void (*close)(struct peer *peer);
    size_t (*take)(struct peer *peer,
                   struct span bytes); /* what one read brought; returns bytes used */
};

static struct peer **peers;
static uint32_t peer_count;
static int epoll;
static bool broadcasts;

/* ---- buffers ---- */

static inline void *buffer_grow(struct buffer *buffer, size_t needed)
{
    if (needed <= buffer->room) return buffer->bytes;
    size_t room = buffer->room == 0 ? 4096 : buffer->room;
    while (room < needed) room *= 2;
    uint8_t *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) fail(3, "out of memory");
    buffer->room = room;
    return buffer->bytes = bytes;
}

static inline void buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
    buffer_grow(buffer, buffer->size + size);
    if (size > 0) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

/* ---- sending ---- */

static inline void watch(struct peer *peer, bool to_send)
{
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static inline void transmit(struct peer *peer, struct span bytes)
{
    ssize_t sent = 0;
    if (bytes.size == 0) return;
    if (peer->queue.size == 0) sent = send(peer->handle, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (sent < 0) sent = 0;
    if ((size_t)sent == bytes.size) return;
    if (peer->queue.size == 0) watch(peer, true);
    buffer_add(&peer->queue, bytes.data + sent, bytes.size - (size_t)sent);
}

/* False: the peer has gone. */
static inline bool transmit_queue(struct peer *peer)
{
    struct buffer *queue = &peer->queue;
    ssize_t sent = send(peer->handle, queue->bytes, queue->size, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    queue->size -= (size_t)sent;
    memmove(queue->bytes, queue->bytes + sent, queue->size);
    if (queue->size == 0) watch(peer, false);
    return true;
}

/* ---- receiving ---- */

static inline void leave(struct peer *peer, const struct codec *codec)
{
    peers[peer->place] = peers[--peer_count];
    peers[peer->place]->place = peer->place;
    if (codec->close != NULL) codec->close(peer);
    close(peer->handle);
    free(peer->tail.bytes);
    free(peer->queue.bytes);
    free(peer);
}

/* Answers the request if it is complete; returns how many bytes that was. */
static inline size_t shake_hands(struct peer *peer, struct span bytes)
{
    char request[2048], answer[256], accept[WEBSOCKET_ACCEPT_SIZE + 1];
    const char *wanted = "Sec-WebSocket-Key: ";
    size_t size = bytes.size < sizeof request - 1 ? bytes.size : sizeof request - 1;
    memcpy(request, bytes.data, size);
    request[size] = '\0';
    char *end = strstr(request, "\r\n\r\n"), *key = strcasestr(request, wanted);
    if (end == NULL) return 0;
    if (key == NULL || key > end) fail(1, "a request without a key");
    websocket_key_accept(span_of(key + strlen(wanted), WEBSOCKET_KEY_SIZE), accept);
    int made = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    transmit(peer, span_of(answer, (size_t)made));
    peer->is_open = true;
    return (size_t)(end - request) + 4;
}

/* What is left of the last read lies before what this one brings. */
static inline void receive(struct peer *peer, const struct codec *codec)
{
    static struct buffer input;
    size_t held = peer->tail.size;
    buffer_grow(&input, held + ROOM);
    if (held != 0) memcpy(input.bytes, peer->tail.bytes, held);
    ssize_t size = recv(peer->handle, input.bytes + held, ROOM, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) leave(peer, codec);
        return;
    }
    struct span bytes = span_of(input.bytes, held + (size_t)size);
    if (!peer->is_open) bytes = span_skip(bytes, shake_hands(peer, bytes));
    if (peer->is_open && bytes.size > 0) bytes = span_skip(bytes, codec->take(peer, bytes));
    peer->tail.size = 0;
    if (bytes.size > 0) buffer_add(&peer->tail, bytes.data, bytes.size);
}

/* ---- all of it ---- */

static inline void join(int listener, const struct codec *codec)
{
    static struct buffer list;
    const int on = 1;
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) fail(3, "out of memory");
    peer->handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer->handle < 0) fail(3, "accept: %s", strerror(errno));
    setsockopt(peer->handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer->place = peer_count;
    peers = buffer_grow(&list, (peer_count + 1) * sizeof(struct peer *));
    peers[peer_count++] = peer;
    if (codec->open != NULL) codec->open(peer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

static inline int listen_on(const char *text)
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

_Noreturn static inline void floor_run(int count, char **words, const struct codec *codec)
{
    if (count < 2) fail(2, "%s ADDRESS [broadcast]", words[0]);
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
                join(listener, codec);
            else if (!(events[i].events & EPOLLOUT) || peer->queue.size == 0 ||
                     !transmit_queue(peer))
                receive(peer, codec);
        }
    }
}

#endif
