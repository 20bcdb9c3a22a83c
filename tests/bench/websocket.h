/* websocket.h - what the clients of WebSockets that measure share: the handshake, and streams of messages.
 *
 * A stream has text messages of one size, no two alike, each in a frame of its own; those of a client are masked, each
 * with a key of its own (RFC 6455 section 5.3). What stands where is a function of the place alone, so neither sending
 * nor checking keeps any bytes. */
#ifndef MOONPORT_BENCH_WEBSOCKET_H
#define MOONPORT_BENCH_WEBSOCKET_H

#include "client.h"
#include "frame/websocket_key.h"
#include "frame/ws_frame.h"

enum {
    PIECE = 1 << 18,        /* bytes of a stream that are sent or received at once */
    MESSAGE_MAX = 16 << 20, /* bytes */
    HANDSHAKE_MAX = 1024,   /* bytes of a request, and of what answers it */
};

/* ---- the handshake: sections 4.1, 4.2.2 ---- */

static inline void websocket_key(uint64_t number, char key[WEBSOCKET_KEY_SIZE + 1])
{
    uint8_t random[WEBSOCKET_KEY_BYTES];
    pattern_fill(number, 0, random, sizeof random);
    base64_encode(span_of(random, sizeof random), key);
}

/* The request of the connection of this number; returns its size. */
static inline size_t websocket_ask(uint64_t number, bool compresses, char room[HANDSHAKE_MAX])
{
    char key[WEBSOCKET_KEY_SIZE + 1];
    websocket_key(number, key);
    int size = snprintf(room, HANDSHAKE_MAX,
                        "GET /bench HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nOrigin: http://127.0.0.1\r\n"
                        "User-Agent: bench\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: %s\r\n%s\r\n",
                        key,
                        compresses ? "Sec-WebSocket-Extensions: permessage-deflate; "
                                     "client_max_window_bits\r\n"
                                   : "");
    return (size_t)size;
}

/* Whether the answer is complete. It must be the right one, and grant compression if that was asked for. */
static inline bool websocket_is_open(uint64_t number, bool compresses, const char *answer,
                                     size_t size)
{
    char key[WEBSOCKET_KEY_SIZE + 1], accept[WEBSOCKET_ACCEPT_SIZE + 1];
    if (size < 4 || memcmp(answer + size - 4, "\r\n\r\n", 4) != 0) return false;
    websocket_key(number, key);
    websocket_key_accept(span_text(key), accept);
    if (strncmp(answer, "HTTP/1.1 101 ", 13) != 0 || strstr(answer, accept) == NULL)
        fail(1, "connection %" PRIu64 " was not made a WebSocket: %.40s", number, answer);
    if (compresses != (strcasestr(answer, "permessage-deflate") != NULL))
        fail(1, "compression was %s", compresses ? "refused" : "granted, and not asked for");
    return true;
}

/* Connects and becomes a WebSocket. A server that was only just started is waited for. */
static inline int websocket_open(const struct address *address, uint64_t number, bool compresses,
                                 uint64_t until_ns)
{
    char room[HANDSHAKE_MAX];
    int handle = connect_to(address, number, until_ns);
    send_all(handle, room, websocket_ask(number, compresses, room));
    size_t size = 0;
    do {
        ssize_t received = recv(handle, room + size, sizeof room - 1 - size, 0);
        if (received <= 0) fail(1, "connection %" PRIu64 ": no answer to its request", number);
        size += (size_t)received;
        room[size] = '\0';
    } while (!websocket_is_open(number, compresses, room, size));
    return handle;
}

/* One that comes and goes: the server has begun, and rests. */
static inline void websocket_greet(const struct address *address)
{
    close(websocket_open(address, 0, false, now_ns() + 10 * SECOND_NS));
}

/* ---- streams ---- */

struct stream {
    size_t size;    /* bytes of a message */
    size_t frame;   /* ... and of its frame */
    bool is_masked; /* from a client */
    uint8_t *bytes; /* the part that was asked for */
};

static inline struct stream stream_open(size_t size, bool is_masked)
{
    const uint8_t mask[4] = {0};
    uint8_t header[WS_HEADER_MAX];
    struct stream stream = {.size = size, .is_masked = is_masked};
    stream.frame = size + ws_header_write(header, WS_TEXT, true, 0, size, is_masked ? mask : NULL);
    stream.bytes = malloc(PIECE + 2 * stream.frame);
    if (stream.bytes == NULL) fail(3, "no memory");
    return stream;
}

/* Writes the message of this seed, in its frame: characters from @ to DEL. */
static inline void stream_frame(const struct stream *stream, uint64_t seed, uint8_t *bytes)
{
    uint64_t random = pattern_word(~seed, UINT32_MAX);
    uint8_t mask[4];
    memcpy(mask, &random, sizeof mask);
    uint8_t *payload = bytes + ws_header_write(bytes, WS_TEXT, true, 0, stream->size,
                                               stream->is_masked ? mask : NULL);
    pattern_fill(seed, 0, payload, stream->size);
    for (size_t i = 0; i < stream->size; i++) payload[i] = (payload[i] & 0x3f) | 0x40;
    if (stream->is_masked) ws_mask(payload, stream->size, mask, 0);
}

/* `size` bytes from a place on, at most PIECE; they stay until the next call. `seed`: of the first message of all. */
static inline const uint8_t *stream_part(const struct stream *stream, uint64_t seed, uint64_t place,
                                         size_t size)
{
    uint64_t message = seed + place / stream->frame;
    size_t offset = (size_t)(place % stream->frame);
    for (size_t made = 0; made < offset + size; made += stream->frame)
        stream_frame(stream, message++, stream->bytes + made);
    return stream->bytes + offset;
}

/* What has come must be what stands there. */
static inline void stream_check(const struct stream *stream, uint64_t seed, uint64_t place,
                                const uint8_t *bytes, size_t size, uint64_t connection)
{
    const uint8_t *expected = stream_part(stream, seed, place, size);
    if (memcmp(bytes, expected, size) == 0) return;
    size_t at = 0;
    while (bytes[at] == expected[at]) at++;
    fail(1,
         "connection %" PRIu64 ", message %" PRIu64 ", byte %" PRIu64
         " of its frame: came as %02x, should be %02x",
         connection, (place + at) / stream->frame, (place + at) % stream->frame, bytes[at],
         expected[at]);
}

/* Returns how many bytes have come, at most PIECE; 0: none yet. */
static inline size_t stream_receive(int handle, uint8_t *bytes, uint64_t connection)
{
    ssize_t size = recv(handle, bytes, PIECE, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0)
        fail(1, "connection %" PRIu64 ": the server closed it: %s", connection,
             size == 0 ? "end of stream" : strerror(errno));
    return (size_t)size;
}

#endif
