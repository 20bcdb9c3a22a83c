/* tls_floor.c - the least that TLS costs: a bare epoll loop with OpenSSL over its sockets, that cuts the packets of floor.c
 * and sends them back; no server stands around it.
 *
 *     tls_floor 127.0.0.1:7000 CERTIFICATE KEY
 *
 * OpenSSL reads ahead, all records that have come are read, and what goes back is written at once, in records as large as
 * they can be. Its settings are those of engine/stream/tls_context_openssl.c. There are no limits, timeouts or queues, and
 * a peer that breaks the protocol is gone. Ratios to it tell what a server costs. */
#include "base/address_system.h"
#include "base/span.h"
#include "measure.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HEADER = 4, EVENTS = 256, ROOM = 1 << 18, RECORD = 16384, PACKET_MAX = 16 << 20 };

struct buffer {
    uint8_t *bytes;
    size_t size, room;
};

struct peer {
    int handle;
    SSL *ssl;
    struct buffer tail;  /* the beginning of a packet that is not complete */
    struct buffer queue; /* what the socket did not take */
};

static int epoll;
static SSL_CTX *context;
static struct buffer output; /* for the connection whose packets are handled now */

/* ---- buffers ---- */

static void grow(struct buffer *buffer, size_t needed)
{
    if (needed <= buffer->room) return;
    while (buffer->room < needed) buffer->room = buffer->room == 0 ? 4096 : 2 * buffer->room;
    buffer->bytes = realloc(buffer->bytes, buffer->room);
    if (buffer->bytes == NULL) fail(3, "out of memory");
}

static void add(struct buffer *buffer, const void *bytes, size_t size)
{
    grow(buffer, buffer->size + size);
    if (size > 0) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

/* ---- sending ---- */

static void watch(struct peer *peer, bool to_send)
{
    struct epoll_event event = {.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
}

/* Returns how many bytes OpenSSL has taken: with partial writes, whole records. */
static size_t write_some(struct peer *peer, struct span bytes)
{
    size_t used = 0, taken;
    while (used < bytes.size) {
        ERR_clear_error();
        if (SSL_write_ex(peer->ssl, bytes.data + used, bytes.size - used, &taken) != 1) break;
        used += taken;
    }
    return used;
}

static void transmit(struct peer *peer, struct span bytes)
{
    size_t sent = peer->queue.size > 0 ? 0 : write_some(peer, bytes);
    if (sent == bytes.size) return;
    if (peer->queue.size == 0) watch(peer, true);
    add(&peer->queue, bytes.data + sent, bytes.size - sent);
}

/* False: the peer has gone. */
static bool transmit_queue(struct peer *peer)
{
    struct buffer *queue = &peer->queue;
    size_t sent = write_some(peer, span_of(queue->bytes, queue->size));
    if (sent == 0 && SSL_get_error(peer->ssl, 0) != SSL_ERROR_WANT_WRITE) return false;
    queue->size -= sent;
    memmove(queue->bytes, queue->bytes + sent, queue->size);
    if (queue->size == 0) watch(peer, false);
    return true;
}

/* ---- receiving ---- */

static void leave(struct peer *peer)
{
    ERR_clear_error();
    SSL_free(peer->ssl);
    close(peer->handle);
    free(peer->tail.bytes);
    free(peer->queue.bytes);
    free(peer);
}

/* What a packet brings into the output. */
static void handle(struct span packet)
{
    uint32_t size = (uint32_t)packet.size + HEADER;
    add(&output, &size, HEADER);
    add(&output, packet.data, packet.size);
}

/* Returns how many bytes were used. */
static size_t cut(struct span bytes, void (*handler)(struct span))
{
    size_t used = 0;
    while (bytes.size - used >= HEADER) {
        uint32_t size;
        memcpy(&size, bytes.data + used, HEADER);
        if (size < HEADER || size > PACKET_MAX) fail(1, "a length of %u", size);
        if (bytes.size - used < size) break;
        handler(span_of(bytes.data + used + HEADER, size - HEADER));
        used += size;
    }
    return used;
}

/* All records that have come, as long as there is room. False: the connection is over. */
static bool read_all(struct peer *peer, struct buffer *input)
{
    size_t got;
    while (input->room - input->size >= RECORD) {
        ERR_clear_error();
        int result =
            SSL_read_ex(peer->ssl, input->bytes + input->size, input->room - input->size, &got);
        if (result != 1) return SSL_get_error(peer->ssl, result) == SSL_ERROR_WANT_READ;
        input->size += got;
    }
    return true;
}

/* What is left of the last read lies before what this one brings. */
static void receive(struct peer *peer)
{
    static struct buffer input;
    bool is_there;
    do {
        input.size = 0;
        grow(&input, peer->tail.size + ROOM);
        add(&input, peer->tail.bytes, peer->tail.size);
        is_there = read_all(peer, &input);
        struct span bytes = span_of(input.bytes, input.size);
        bytes = span_skip(bytes, cut(bytes, handle));
        peer->tail.size = 0;
        if (bytes.size > 0) add(&peer->tail, bytes.data, bytes.size);
        transmit(peer, span_of(output.bytes, output.size));
        output.size = 0;
    } while (is_there && SSL_has_pending(peer->ssl) && input.room - input.size < RECORD);
    if (!is_there) leave(peer);
}

/* ---- all of it ---- */

static void join(int listener)
{
    const int on = 1;
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) fail(3, "out of memory");
    peer->handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer->handle < 0) fail(3, "accept: %s", strerror(errno));
    setsockopt(peer->handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer->ssl = SSL_new(context);
    if (peer->ssl == NULL || SSL_set_fd(peer->ssl, peer->handle) != 1) fail(3, "out of memory");
    SSL_set_accept_state(peer->ssl);
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

static void prepare(const char *certificate, const char *key)
{
    static const unsigned char session_context[] = "floor";
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        fail(3, "cannot use %s with %s", certificate, key);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
    SSL_CTX_set_read_ahead(context, 1);
}

int main(int count, char **words)
{
    if (count < 4) fail(2, "tls_floor ADDRESS CERTIFICATE KEY");
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that were reset */
    prepare(words[2], words[3]);
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
            else if (!(events[i].events & EPOLLOUT) || peer->queue.size == 0 ||
                     !transmit_queue(peer))
                receive(peer);
        }
    }
}
