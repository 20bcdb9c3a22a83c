/* websocket_desk.h - a server without a network that speaks WebSocket, and clients for it. Its script does what the test
 * wants, and notes what it sees. What is sent and heard is in the notation of frame/websocket_try.h. */
#ifndef MOONPORT_TEST_WEBSOCKET_DESK_H
#define MOONPORT_TEST_WEBSOCKET_DESK_H

#include "config_protocols_try.h"
#include "config_try.h"
#include "frame/websocket_try.h"
#include "offline_talk.h"
#include "port/port_memory.h"

#define GET "GET /chat?a=1 HTTP/1.1\r\nHost: example.com\r\n"
#define ASKING \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define REQUEST GET ASKING "\r\n"
#define WELCOME \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

enum { DESK_LINKS = 8, DESK_BLOCKS_MAX = 4096 };

static struct {
    struct worker *worker;
    struct offline *offline;
    struct link *links[DESK_LINKS]; /* in the order in which they came */
    int connected, received, disconnected, released;
    enum script_verdict verdict; /* of `connected` */
    void (*on_connect)(struct link *link);
    void (*on_packet)(struct link *link, struct span packet);
    uint64_t (*on_measure)(struct link *link, struct span header);
    struct ws_run seen; /* its trace: all packets, with their kinds */
    char reason[32];    /* of the last end */
    uint16_t code;
    struct wheel_timer timer;
    void (*on_timer)(void);
    struct block *stolen[DESK_BLOCKS_MAX];
    size_t stolen_count;
    const struct filter_source *filter; /* of all listeners; or NULL */
    const char *alpn;                   /* ... and their framings of protocols; or NULL */
} desk = {.verdict = SCRIPT_YES};

static void desk_fire(struct wheel_timer *timer)
{
    (void)timer;
    desk.on_timer();
}

static void *desk_start(void *context, struct worker *worker, struct error *error)
{
    (void)context, (void)error;
    desk.worker = worker;
    wheel_timer_init(&desk.timer, desk_fire);
    return &desk;
}

static enum script_verdict desk_connected(void *state, struct link *link)
{
    (void)state;
    cr_assert(desk.connected < DESK_LINKS);
    desk.links[desk.connected++] = link;
    if (desk.on_connect != NULL) desk.on_connect(link);
    return desk.verdict;
}

static void desk_received(void *state, struct link *link, struct span packet)
{
    static const char kinds[] = "-tb"; /* "-": the framing does not tell */
    (void)state;
    desk.received++;
    ws_trace(&desk.seen, "%s%c:", desk.seen.traced == 0 ? "" : " ", kinds[link_packet_kind(link)]);
    ws_trace_bytes(&desk.seen, packet);
    if (desk.on_packet != NULL) desk.on_packet(link, packet);
}

static uint64_t desk_measure(void *state, struct link *link, int measure, struct span header)
{
    (void)state, (void)measure;
    return desk.on_measure(link, header);
}

static void desk_disconnected(void *state, struct link *link, const char *reason)
{
    (void)state;
    desk.disconnected++;
    desk.code = link_code(link);
    snprintf(desk.reason, sizeof desk.reason, "%s", reason);
}

static void desk_released(void *state, struct link *link)
{
    (void)state, (void)link;
    desk.released++;
}

static const struct script desk_script = {.context = &desk,
                                          .worker_start = desk_start,
                                          .connected = desk_connected,
                                          .received = desk_received,
                                          .measure = desk_measure,
                                          .disconnected = desk_disconnected,
                                          .released = desk_released};

/* Settings: name, value, ..., NULL. Listeners: framings, NULL; the first has index 0. One with a ";" detects which. */
static void desk_open(const char *const *settings, const char *const *framings)
{
    struct config config = fresh();
    struct error error = {0};
    char address[32];
    log_set_level(LOG_ERROR);
    for (; *settings != NULL; settings += 2) set(&config, settings[0], settings[1]);
    for (int i = 0; framings[i] != NULL; i++) {
        snprintf(address, sizeof address, "127.0.0.1:%d", 7000 + i);
        struct config_listener *listener = config_add_listener(&config, address, &error);
        cr_assert_not_null(listener, "%s", error.text);
        listener->filter = desk.filter;
        const char *name = strchr(framings[i], ';') == NULL ? "framing" : "detect";
        cr_assert(config_listener_set(listener, name, framings[i], &error), "%s", error.text);
        if (desk.alpn != NULL) set_protocols(listener, desk.alpn);
    }
    finish(&config);
    desk.offline = offline_open(&config, &desk_script, &error);
    cr_assert_not_null(desk.offline, "%s", error.text);
}

static inline void desk_begin(void)
{
    desk_open(
        (const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8", NULL},
        (const char *const[]){"websocket", NULL});
}

static inline void desk_end(void)
{
    offline_close(desk.offline);
    cr_assert_eq(desk.released, desk.connected);
}

static inline struct link_home *desk_home(void)
{
    return desk.links[0]->home;
}

/* ---- clients ---- */

static inline struct offline_peer *desk_connect(uint32_t listener)
{
    struct offline_peer *peer = offline_connect(desk.offline, listener, NULL);
    cr_assert_not_null(peer);
    return peer;
}

static inline void tell_bytes(struct offline_peer *peer, struct span bytes)
{
    cr_assert(offline_send(peer, bytes));
    cr_assert(offline_run(desk.offline));
}

static inline void tell_text(struct offline_peer *peer, const char *text)
{
    tell_bytes(peer, span_text(text));
}

/* Frames, in the notation. */
static inline void tell(struct offline_peer *peer, const char *notation)
{
    static struct ws_text text;
    ws_write(&text, notation);
    tell_bytes(peer, span_of(text.bytes, text.size));
}

/* Takes what the server has said: exactly this text. */
static inline void hears_text(struct offline_peer *peer, const char *text)
{
    struct span bytes = offline_received(peer);
    cr_assert(same_bytes(bytes, span_text(text)), "it hears \"%.*s\", and not \"%s\"",
              (int)bytes.size, (const char *)bytes.data, text);
    offline_take(peer, bytes.size);
}

/* Takes all: HTTP that begins with this line, and has this in it. */
static inline void hears_http(struct offline_peer *peer, const char *line, const char *part)
{
    char text[4096];
    struct span bytes = offline_received(peer);
    snprintf(text, sizeof text, "%.*s", (int)bytes.size, (const char *)bytes.data);
    cr_assert_eq(strncmp(text, line, strlen(line)), 0, "it hears \"%s\", and not \"%s\"", text,
                 line);
    cr_assert_not_null(strstr(text, part), "\"%s\" lacks \"%s\"", text, part);
    cr_assert_not_null(strstr(text, "\r\n\r\n"));
    offline_take(peer, bytes.size);
}

static inline void trace_frame(struct ws_run *run, const struct ws_header *header,
                               struct span payload)
{
    cr_assert(header->fin && !header->masked && header->reserved == 0);
    ws_trace(run, "%s%c", run->traced == 0 ? "" : " ", "ctb.....xpo"[header->opcode]);
    if (header->opcode == WS_CLOSE && payload.size >= 2) {
        ws_trace(run, ".%d", payload.data[0] << 8 | payload.data[1]);
        payload = span_skip(payload, 2);
    }
    ws_trace(run, ":");
    ws_trace_bytes(run, payload);
}

/* Takes the frames that the server has said: exactly these. */
static inline void hears(struct offline_peer *peer, const char *frames)
{
    static struct ws_run run;
    struct ws_header header;
    struct span bytes = offline_received(peer);
    run.traced = 0;
    run.trace[0] = '\0';
    while (bytes.size > 0) {
        cr_assert_eq(ws_header_read(&header, bytes), WS_HEADER, "\"%.*s\"", (int)bytes.size,
                     (const char *)bytes.data);
        cr_assert(header.size <= bytes.size - header.header_size);
        trace_frame(&run, &header,
                    span_first(span_skip(bytes, header.header_size), (size_t)header.size));
        bytes = span_skip(bytes, header.header_size + (size_t)header.size);
    }
    offline_take(peer, offline_received(peer).size);
    cr_assert_str_eq(run.trace, frames, "it hears \"%s\", and not \"%s\"", run.trace, frames);
}

/* One whose handshake is done. */
static inline struct offline_peer *desk_join(uint32_t listener)
{
    struct offline_peer *peer = desk_connect(listener);
    tell_text(peer, REQUEST);
    hears_text(peer, WELCOME);
    return peer;
}

static inline void saw(const char *packets)
{
    cr_assert_str_eq(desk.seen.trace, packets, "the script saw \"%s\", and not \"%s\"",
                     desk.seen.trace, packets);
}

/* The last connection has ended so, and the script was told. */
static inline void ended_as(const char *reason, uint16_t code)
{
    cr_assert_eq(desk.disconnected, 1, "%d ends", desk.disconnected);
    cr_assert_str_eq(desk.reason, reason);
    cr_assert_eq(desk.code, code, "code %u, and not %u", desk.code, code);
}

/* ---- memory ---- */

/* Nothing more may be taken; SIZE_MAX: as much as anybody wants. */
static inline void limit_memory(size_t more)
{
    struct budget *budget = &desk_home()->streams.budget;
    budget->limit = more == SIZE_MAX ? (size_t)WS_BIG : budget_used(budget) + more;
}

/* So that nothing can be queued. */
static inline void steal_blocks(void)
{
    struct block *block;
    limit_memory(0);
    while ((block = block_take(&desk_home()->streams.blocks)) != NULL) {
        cr_assert(desk.stolen_count < DESK_BLOCKS_MAX);
        desk.stolen[desk.stolen_count++] = block;
    }
}

static inline void give_blocks(void)
{
    limit_memory(SIZE_MAX);
    while (desk.stolen_count > 0) block_give(desk.stolen[--desk.stolen_count]);
}

#endif
