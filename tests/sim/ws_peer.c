#include "ws_peer.h"

#include "wire.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

/* ---- how it begins ---- */

static const struct {
    const char *key, *accept;
} keys[] = {
    {"Rk6BRJtMkGuk2LvF4BFMvg==", "GeLy9mJJ3LsBoxsf2U4PRBAAYhQ="},
    {"7qx/Qub+iwv0JHNLt9PAXQ==", "Ioig4fYXOCoUg9FcJnbDOndHoAI="},
    {"9TOO/VkCN0PZ1BjrTItGlw==", "fzq6FY8QiRUJ1/gJfHizs9kuLvE="},
    {"QeC8gayf0+0KxOaZQHZ0kQ==", "X//t7S9NEQVpsdSRBdtrHEGVX44="},
};
enum { KEYS = sizeof keys / sizeof *keys };

const char *ws_accept_of(uint8_t key)
{
    return keys[key].accept;
}

#define BEGIN "GET /sim HTTP/1.1\r\nHost: sim\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
#define LONG50 "12345678901234567890123456789012345678901234567890"
#define LONG250 LONG50 LONG50 LONG50 LONG50 LONG50
#define LONG1000 LONG250 LONG250 LONG250 LONG250
#define LONG9000 LONG1000 LONG1000 LONG1000 LONG1000 LONG1000 LONG1000 LONG1000 LONG1000 LONG1000

static const struct ws_opening right[] = {
    {101, .text = BEGIN UPGRADE KEY "\r\n"},
    {101, .text = "\r\n" BEGIN "upgrade: h2c, WebSocket\r\nconnection: keep-alive, upgrade\r\n" KEY
                  "Cookie: a=b; c=d\r\nOrigin: https://sim.example\r\n\r\n"},
    {101, .text = BEGIN UPGRADE KEY "Sec-WebSocket-Protocol: chat\r\n\r\n"},
    {101, .protocol = "soup",
     .text = BEGIN UPGRADE KEY "Sec-WebSocket-Protocol: chat, soup\r\n\r\n"},
    {101, .protocol = LONG1000,
     .text = BEGIN UPGRADE KEY "Sec-WebSocket-Protocol: chat, " LONG1000 "\r\n\r\n"},
    {101, .continues = true, .text = BEGIN UPGRADE KEY "Expect: 100-continue\r\n\r\n"},
    {101, .text = "GET http://sim/%%73im?name=value+1 HTTP/1.1\r\nHost: sim\r\n" UPGRADE KEY
                  "X-Long: " LONG1000 LONG1000 LONG1000 "\r\n\r\n"},
};

static const struct ws_opening wrong[] = {
    {426, .text = BEGIN KEY "\r\n"},
    {400, .text = BEGIN "Upgrade: websocket\r\n" KEY "\r\n"},
    {426, .text = BEGIN UPGRADE "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 8\r\n\r\n"},
    {400, .text = BEGIN UPGRADE "Sec-WebSocket-Key: a%s\r\nSec-WebSocket-Version: 13\r\n\r\n"},
    {400, .text = BEGIN UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n"},
    {405, .text = "POST /sim HTTP/1.1\r\nHost: sim\r\n" UPGRADE KEY "\r\n"},
    {426, .text = "GET /sim HTTP/1.0\r\nHost: sim\r\n" UPGRADE KEY "\r\n"},
    {404, .text = "GET /other HTTP/1.1\r\nHost: sim\r\n" UPGRADE KEY "\r\n"},
    {403, .text = BEGIN UPGRADE KEY "Origin: https://evil.example\r\n\r\n"},
    {400, .text = BEGIN "Host: sim\r\n" UPGRADE KEY "\r\n"},
    {400, .text = BEGIN UPGRADE KEY "Content-Length: 5\r\n\r\nhello"},
    {417, .text = BEGIN UPGRADE KEY "Expect: much\r\n\r\n"},
    {400, .text = "GET /sim HTTP/1.1\nHost: sim\n\n"},
    {400, .text = BEGIN UPGRADE KEY "Bad : name\r\n\r\n"},
    {431, .text = BEGIN UPGRADE KEY "X-Long: " LONG9000 "\r\n\r\n"},
    {414, .text = "GET /" LONG9000 " HTTP/1.1\r\n\r\n"},
    {505, .text = "GET /sim HTTP/2.0\r\n\r\n"},
};

static const struct ws_opening plain[] = {
    {404, .text = "GET / HTTP/1.1\r\nHost: sim\r\n\r\n"},
    {426, .text = BEGIN "\r\n"},
    {426, .is_head = true, .text = "HEAD /sim HTTP/1.1\r\nHost: sim\r\n\r\n"},
    {405, .text = "DELETE /sim HTTP/1.1\r\nHost: sim\r\n\r\n"},
    {413, .text = BEGIN "Content-Length: 5\r\n\r\nhello"},
    {200, .text = "GET /healthz HTTP/1.1\r\nHost: sim\r\n\r\n"},
    {200, .is_head = true, .text = "HEAD /healthz HTTP/1.1\r\nHost: sim\r\n\r\n"},
};

#define DRAW_OF(draw, table) (&(table)[draw_below(draw, sizeof(table) / sizeof *(table))])

void ws_peer_open(struct sim_peer *peer)
{
    struct ws_peer *ws = &peer->ws;
    struct draw *draw = &peer->draw;
    const struct config_listener *listener = &sim_world->swarm.config.listeners[peer->listener];
    if (listener->frame.kind != FRAME_WEBSOCKET) return;
    ws->is_native = listener->detects && draw_chance(draw, 500);
    if (ws->is_native) {
        peer->frame = peer->reply_frame = listener->other;
        if (!peer->healthy && draw_chance(draw, 300)) peer->late_ns = draw_below(draw, 6 * SECOND);
        return;
    }
    ws->speaks = true;
    ws->key = (uint8_t)draw_below(draw, KEYS);
    ws->waits = draw_chance(draw, 500);
    ws->is_mute = !peer->healthy && draw_chance(draw, 300);
    ws->opening = DRAW_OF(draw, right);
    if (listener->detects && ws->opening->text[0] == '\r') ws->opening = &right[0];
    if (!peer->healthy && draw_chance(draw, 120)) ws->opening = DRAW_OF(draw, wrong);
    if (!peer->healthy && draw_chance(draw, 60)) ws->opening = DRAW_OF(draw, plain);
    if (!peer->healthy && draw_chance(draw, 150)) peer->late_ns = draw_below(draw, 4 * SECOND);
}

void ws_peer_turn(struct sim_peer *peer)
{
    struct ws_peer *ws = &peer->ws;
    ws->speaks = true;
    ws->has_asked = ws->is_served = false;
    ws->key = (uint8_t)draw_below(&peer->draw, KEYS);
    ws->waits = draw_chance(&peer->draw, 500);
    ws->opening = &right[0];
}

void ws_peer_free(struct ws_peer *ws)
{
    free(ws->message.data);
}

/* What is not served is not said to have been asked. */
void ws_peer_begin(struct sim_peer *peer)
{
    static char text[16384];
    struct ws_peer *ws = &peer->ws;
    if (!ws->speaks || ws->has_asked || peer->garbled) return;
    ws->has_asked = true;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int size = snprintf(text, sizeof text, ws->opening->text, keys[ws->key].key);
#pragma GCC diagnostic pop
    check(size < (int)sizeof text);
    wire_append_bytes(&peer->outgoing, span_of(text, (size_t)size));
    trace_note("peer %u asks for a status of %u", peer->number, ws->opening->status);
    if (ws->opening->status != 101) peer->wanted = 0;
}

bool ws_peer_may_ask(const struct sim_peer *peer)
{
    const struct ws_peer *ws = &peer->ws;
    if (!ws->speaks) return true;
    return ws->has_asked && !ws->has_said_end && ws->breach == NULL && !ws->is_answered &&
           (ws->is_served || !ws->waits);
}

/* ---- what it sends ---- */

static const uint8_t *draw_mask(struct sim_peer *peer)
{
    static uint8_t mask[4];
    uint64_t bits = random_next(&peer->draw.state);
    memcpy(mask, &bits, sizeof mask);
    return mask;
}

static void put_frame(struct sim_peer *peer, uint8_t first, struct span payload)
{
    ws_wire_append(&peer->outgoing, first, payload, draw_mask(peer));
}

void ws_peer_fill(struct sim_peer *peer, bool binary, uint8_t *bytes, size_t size)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x99",
                                             "\xed\x9f\xbf"};
    struct draw *draw = &peer->draw;
    if (!draw_chance(draw, 400)) return;
    for (uint64_t i = draw_size(draw, 20); i > 0 && size > 4; i--) {
        const char *character = characters[draw_below(draw, 4)];
        size_t at = draw_below(draw, size - 4);
        if (binary) {
            bytes[at] = (uint8_t)random_next(&draw->state);
        } else {
            bool free = true;
            for (size_t j = 0; j < 5; j++) free = free && bytes[at + j] < 0x80;
            if (free) memcpy(bytes + at, character, strlen(character));
        }
    }
}

static void put_ping(struct sim_peer *peer, uint32_t after)
{
    struct ws_peer *ws = &peer->ws;
    if (ws->ping_count == WS_PINGS_MAX) return;
    struct ws_ping *ping = &ws->pings[ws->ping_count++];
    ping->after = after;
    ping->size =
        (uint8_t)(draw_chance(&peer->draw, 100) ? WS_PING_MAX : draw_below(&peer->draw, 12));
    for (size_t i = 0; i < ping->size; i++)
        ping->bytes[i] = (uint8_t)random_next(&peer->draw.state);
    put_frame(peer, WS_WIRE_PING, span_of(ping->bytes, ping->size));
}

/* Control frames may stand anywhere between two others. */
static void put_control(struct sim_peer *peer, uint32_t after)
{
    if (draw_chance(&peer->draw, peer->healthy ? 50 : 200)) put_ping(peer, after);
    if (draw_chance(&peer->draw, 30)) put_frame(peer, WS_WIRE_PONG, span_text("unasked"));
}

void ws_peer_append(struct sim_peer *peer, bool binary, struct span packet)
{
    struct draw *draw = &peer->draw;
    uint8_t first = binary ? WS_WIRE_BINARY : WS_WIRE_TEXT;
    uint32_t after = peer->asked - 1;
    int most = draw_chance(draw, 300) ? (int)draw_size(draw, 40) : 0;
    put_control(peer, after);
    for (; most > 0; most--) {
        struct span part =
            span_first(packet, draw_chance(draw, 100) ? 0 : draw_size(draw, packet.size + 1) - 1);
        put_frame(peer, first, part);
        packet = span_skip(packet, part.size);
        first = WS_WIRE_MORE;
        put_control(peer, after);
    }
    put_frame(peer, WS_FIN | first, packet);
}

static void put_close(struct sim_peer *peer, uint16_t code, struct span words)
{
    uint8_t payload[WS_PING_MAX];
    peer->ws.has_said_end = true;
    peer->ws.end_code = code;
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    if (words.size > 0) memcpy(payload + 2, words.data, words.size);
    put_frame(peer, WS_WIRE_CLOSE, span_of(payload, code == 1005 ? 0 : 2 + words.size));
    trace_note("peer %u says goodbye: %u", peer->number, code);
}

void ws_peer_leave(struct sim_peer *peer)
{
    static const uint16_t codes[] = {1000, 1001, 1003, 1005, 1008, 1011, 3000, 4999};
    struct ws_peer *ws = &peer->ws;
    if (!ws->speaks || !ws_peer_may_ask(peer) || peer->garbled) return;
    if (peer->frame.kind != FRAME_WEBSOCKET || ws->opening->status != 101) return;
    if (!peer->healthy && draw_chance(&peer->draw, 200)) {
        peer->garbled = true;
        ws_peer_break(peer);
        return;
    }
    if (!draw_chance(&peer->draw, 700)) return;
    put_close(peer, *DRAW_OF(&peer->draw, codes),
              span_text(draw_chance(&peer->draw, 500) ? "" : "gr\xc3\xbc\xc3\x9f"));
    if (draw_chance(&peer->draw, 200)) /* nobody hears it */
        put_frame(peer, WS_FIN | WS_WIRE_TEXT, span_text("e1 0:"));
}

/* ---- what no client may send ---- */

enum {
    BREACH_UNMASKED,
    BREACH_RESERVED,
    BREACH_OPCODE,
    BREACH_SPLIT_CONTROL,
    BREACH_LONG_CONTROL,
    BREACH_LONG_LENGTH,
    BREACH_TOP_BIT,
    BREACH_LONE_END,
    BREACH_NEW_MESSAGE,
    BREACH_CLOSE_SIZE,
    BREACH_CLOSE_CODE,
    BREACH_NO_UTF8,
    BREACH_CUT_UTF8,
    BREACH_SPLIT_UTF8,
    BREACH_CLOSE_UTF8,
    BREACH_TOO_BIG,
    BREACH_GROWN,
    BREACH_FLOOD,
    BREACH_UNFINISHED,
    BREACH_HALF,
    BREACHES
};

static const struct ws_breach breaches[] = {
    [BREACH_UNMASKED] = {1002, "an unmasked frame"},
    [BREACH_RESERVED] = {1002, "a reserved bit"},
    [BREACH_OPCODE] = {1002, "a reserved opcode"},
    [BREACH_SPLIT_CONTROL] = {1002, "a ping in fragments"},
    [BREACH_LONG_CONTROL] = {1002, "a ping of 126 bytes"},
    [BREACH_LONG_LENGTH] = {1002, "a length that is longer than it must be"},
    [BREACH_TOP_BIT] = {1002, "a length with its top bit set"},
    [BREACH_LONE_END] = {1002, "a continuation of nothing"},
    [BREACH_NEW_MESSAGE] = {1002, "a message within a message"},
    [BREACH_CLOSE_SIZE] = {1002, "a close frame of 1 byte"},
    [BREACH_CLOSE_CODE] = {1002, "a code that may not be sent"},
    [BREACH_NO_UTF8] = {1007, "a text that is not UTF-8"},
    [BREACH_CUT_UTF8] = {1007, "a text that ends within a character"},
    [BREACH_SPLIT_UTF8] = {1007, "fragments that are not UTF-8"},
    [BREACH_CLOSE_UTF8] = {1007, "a reason that is not UTF-8"},
    [BREACH_TOO_BIG] = {1009, "a frame that is too big"},
    [BREACH_GROWN] = {1009, "fragments that are too big"},
    [BREACH_FLOOD] = {1008, "16385 fragments"},
    [BREACH_UNFINISHED] = {0, "fragments without an end"},
    [BREACH_HALF] = {0, "half a frame"},
};
static_assert(sizeof breaches / sizeof *breaches == BREACHES, "each has its code");

static struct span zeros(uint64_t size)
{
    static const uint8_t bytes[120000];
    return span_of(bytes, size < sizeof bytes ? (size_t)size : sizeof bytes);
}

static void put_flood(struct sim_peer *peer)
{
    put_frame(peer, WS_WIRE_TEXT, zeros(0));
    for (int i = 0; i < 16384; i++) put_frame(peer, WS_WIRE_MORE, zeros(0));
}

static void put_breach(struct sim_peer *peer, int breach)
{
    static const uint8_t close_codes[][2] = {{0x03, 0xe7}, {0x03, 0xec}, {0x03, 0xed}, {0x03, 0xee},
                                             {0x03, 0xf7}, {0x0b, 0xb7}, {0x13, 0x88}};
    static const uint8_t opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    struct buffer *out = &peer->outgoing;
    struct draw *draw = &peer->draw;
    uint64_t most = peer->frame.packet_max;
    uint64_t some = draw_between(draw, 1, most < 100000 ? most : 100000);
    switch (breach) {
    case BREACH_UNMASKED:
        ws_wire_append(out, WS_FIN | WS_WIRE_TEXT, span_text("e1 0:"), NULL);
        return;
    case BREACH_RESERVED:
        put_frame(peer, (uint8_t)(WS_FIN | WS_WIRE_TEXT | 0x10 << draw_below(draw, 3)),
                  span_text("e1 0:"));
        return;
    case BREACH_OPCODE: put_frame(peer, WS_FIN | *DRAW_OF(draw, opcodes), zeros(0)); return;
    case BREACH_SPLIT_CONTROL: put_frame(peer, WS_WIRE_PING & ~WS_FIN, zeros(0)); return;
    case BREACH_LONG_CONTROL: put_frame(peer, WS_WIRE_PING, zeros(126)); return;
    case BREACH_LONG_LENGTH:
        wire_append_bytes(out, span_of("\x82\xfe\x00\x7d....", 8));
        wire_append_bytes(out, zeros(125));
        return;
    case BREACH_TOP_BIT:
        wire_append_bytes(out, span_of("\x82\xff\x80\0\0\0\0\0\0\x01....", 14));
        return;
    case BREACH_LONE_END: put_frame(peer, WS_FIN, span_text("e1 0:")); return;
    case BREACH_NEW_MESSAGE:
        put_frame(peer, WS_WIRE_TEXT, span_text("e1 "));
        put_frame(peer, WS_FIN | WS_WIRE_TEXT, span_text("0:"));
        return;
    case BREACH_CLOSE_SIZE: put_frame(peer, WS_WIRE_CLOSE, zeros(1)); return;
    case BREACH_CLOSE_CODE:
        put_frame(peer, WS_WIRE_CLOSE, span_of(*DRAW_OF(draw, close_codes), 2));
        return;
    case BREACH_NO_UTF8:
        put_frame(peer, WS_FIN | WS_WIRE_TEXT,
                  span_text(draw_chance(draw, 500) ? "e1 0:\xc0\x80" : "e1 0:\xed\xa0\x80"));
        return;
    case BREACH_CUT_UTF8:
        put_frame(peer, WS_FIN | WS_WIRE_TEXT, span_text("e1 0:\xe2\x82"));
        return;
    case BREACH_SPLIT_UTF8:
        put_frame(peer, WS_WIRE_TEXT, span_text("e1 0:\xe2\x82"));
        put_control(peer, peer->asked);
        put_frame(peer, WS_FIN, span_text("a"));
        return;
    case BREACH_CLOSE_UTF8: put_frame(peer, WS_WIRE_CLOSE, span_text("\x03\xe8\xff")); return;
    case BREACH_TOO_BIG:
        ws_wire_append_head(out, WS_FIN | WS_WIRE_BINARY, most + draw_size(draw, UINT64_C(1) << 40),
                            draw_mask(peer));
        return;
    case BREACH_GROWN:
        put_frame(peer, WS_WIRE_BINARY, zeros(some));
        ws_wire_append_head(out, WS_FIN, most - some + 1, draw_mask(peer));
        return;
    case BREACH_FLOOD: put_flood(peer); return;
    case BREACH_UNFINISHED: put_frame(peer, WS_WIRE_BINARY, zeros(some)); return;
    default:
        ws_wire_append_head(out, WS_FIN | WS_WIRE_BINARY, most, draw_mask(peer));
        wire_append_bytes(out, zeros(some - 1));
        return;
    }
}

void ws_peer_break(struct sim_peer *peer)
{
    int breach = (int)draw_below(&peer->draw, BREACHES);
    bool is_slow =
        world_faults()->short_receive > 0 || peer->trickles || sim_world->swarm.landing_size < 200;
    if (breach == BREACH_FLOOD && (is_slow || !draw_chance(&peer->draw, 300)))
        breach = BREACH_LONE_END;
    put_breach(peer, breach);
    peer->ws.breach = &breaches[breach];
    trace_note("peer %u sends %s", peer->number, breaches[breach].what);
}

/* ---- what it gets ---- */

static bool take_head(struct sim_peer *peer)
{
    struct ws_peer *ws = &peer->ws;
    struct span bytes = buffer_bytes(&peer->inbox);
    const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    if (end == NULL) return false;
    size_t size = (size_t)(end - bytes.data) + 4;
    bool goes_on = size > 12 && memcmp(bytes.data, "HTTP/1.1 100", 12) == 0;
    bool served = size > 12 && memcmp(bytes.data, "HTTP/1.1 101", 12) == 0;
    buffer_consume(&peer->inbox, size);
    ws->is_served = served;
    ws->is_answered = !served && !goes_on;
    if (ws->is_answered) peer->wanted = peer->asked;
    return true;
}

static bool may_reply(const struct sim_peer *peer)
{
    const struct ws_peer *ws = &peer->ws;
    return !peer->finished && !peer->garbled && ws->breach == NULL && !ws->has_said_end &&
           peer->frame.kind == FRAME_WEBSOCKET;
}

static void take_data(struct sim_peer *peer, const struct ws_wire *frame)
{
    struct buffer *message = &peer->ws.message;
    wire_append_bytes(message, frame->payload);
    if (!(frame->first & WS_FIN)) return;
    peer_heard(peer, buffer_bytes(message));
    buffer_consume(message, buffer_size(message));
}

bool ws_peer_take(struct sim_peer *peer)
{
    struct ws_peer *ws = &peer->ws;
    struct ws_wire frame;
    if (ws->is_answered) { /* the body */
        buffer_consume(&peer->inbox, buffer_size(&peer->inbox));
        return false;
    }
    if (!ws->is_served) return take_head(peer);
    if (!ws_wire_read(buffer_bytes(&peer->inbox), &frame)) return false;
    if (frame.first == WS_WIRE_PING && !ws->is_mute && may_reply(peer))
        put_frame(peer, WS_WIRE_PONG, frame.payload);
    if (frame.first == WS_WIRE_CLOSE && may_reply(peer) && draw_chance(&peer->draw, 700))
        put_close(peer, 1000, span_text(""));
    if ((frame.first & 0x08) == 0) take_data(peer, &frame);
    buffer_consume(&peer->inbox, frame.size);
    return true;
}
