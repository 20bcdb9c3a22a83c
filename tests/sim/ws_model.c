#include "ws_model.h"

#include "wire.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

enum { PINGS_UNANSWERED = 2, SAID_MAX = 8192 };

static const struct link *sends;

void ws_model_sends(const struct link *link)
{
    sends = link;
}

static bool begins_with(struct span bytes, const char *text)
{
    size_t size = strlen(text);
    return bytes.size >= size && memcmp(bytes.data, text, size) == 0;
}

static bool has(struct span bytes, const char *text)
{
    return memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

static uint64_t ping_ns_of(const struct link *link)
{
    return link->frame->websocket.ping_s * SECOND;
}

/* How long nothing was heard of it, without the time that counts against nobody. */
static uint64_t silent_ns(const struct sim_peer *peer, const struct link *link)
{
    const struct world *world = sim_world;
    uint64_t taken_ns = world->taken_ns[worker_index(worker_of(link))];
    return world->now_ns - peer->pipe.heard_ns - (taken_ns - peer->pipe.heard_taken_ns);
}

/* ---- the beginning ---- */

static void take_welcome(struct sim_peer *peer, struct span said)
{
    struct ws_peer *ws = &peer->ws;
    char line[1200];
    if (ws->opening->continues) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        promise(begins_with(said, text), "peer %u is not told to go on", peer->number);
        said = span_skip(said, sizeof text - 1);
    }
    promise(begins_with(said, "HTTP/1.1 101 ") && has(said, "\r\nUpgrade: websocket\r\n") &&
                has(said, "\r\nConnection: Upgrade\r\n") &&
                memcmp(said.data + said.size - 4, "\r\n\r\n", 4) == 0,
            "peer %u is not welcomed as WebSocket says", peer->number);
    promise(ws->opening->status == 101 && ws->has_asked, "peer %u is welcomed, and has not asked",
            peer->number);
    promise(peer->stage == STAGE_DECIDING || peer->stage == STAGE_ACCEPTED,
            "peer %u is welcomed in stage %d", peer->number, (int)peer->stage);
    snprintf(line, sizeof line, "\r\nSec-WebSocket-Accept: %s\r\n", ws_accept_of(ws->key));
    promise(has(said, line), "peer %u is welcomed with what does not belong to its key",
            peer->number);
    bool offers = has(span_text(ws->opening->text), "Sec-WebSocket-Protocol: chat");
    bool chooses = peer->pipe.client.port % 16 == 10 && ws->opening->protocol != NULL &&
                   strlen(ws->opening->protocol) < 100;
    snprintf(line, sizeof line, "\r\nSec-WebSocket-Protocol: %s\r\n",
             chooses ? ws->opening->protocol : "chat");
    promise(has(said, "Sec-WebSocket-Protocol") == offers && (!offers || has(said, line)),
            "peer %u is welcomed with another protocol", peer->number);
    ws->welcomed = true;
}

/* A request that is right is answered if the script does not want it, or nobody can serve it. */
static bool may_be_status(const struct sim_peer *peer, unsigned status)
{
    const struct ws_opening *opening = peer->ws.opening;
    if (peer->garbled && !peer->ws.has_asked) return status >= 400;
    if (opening->status != 101) return status == opening->status;
    if (status == 503)
        return sim_world->told_end || sim_world->memory_failed || world_is_low(sim_world);
    if (status == 500) return peer->pipe.client.port % 16 == 3 || sim_world->memory_failed;
    if (status == 418 || status == 204) return peer->pipe.client.port % 16 == 6;
    return status == 403;
}

static void take_answer(struct sim_peer *peer, struct span said)
{
    unsigned status = 0;
    unsigned long long length = 0;
    char text[SAID_MAX + 1];
    memcpy(text, said.data, said.size);
    text[said.size] = '\0';
    const char *end = strstr(text, "\r\n\r\n"), *field = strstr(text, "\r\nContent-Length: ");
    promise(end != NULL && sscanf(text, "HTTP/1.1 %u ", &status) == 1 &&
                strstr(text, "\r\nConnection: close") != NULL,
            "peer %u gets what is no answer of HTTP: %.60s", peer->number, text);
    promise(may_be_status(peer, status), "peer %u is answered %u", peer->number, status);
    size_t body = said.size - (size_t)(end + 4 - text);
    promise((status == 204 && body == 0 && field == NULL) ||
                (field != NULL && sscanf(field + 18, "%llu", &length) == 1 &&
                 (body == length || (body == 0 && peer->ws.opening->is_head))),
            "peer %u gets a body of %zu bytes, which is said to have %llu", peer->number, body,
            length);
    peer->ws.answered = true;
}

/* ---- frames ---- */

static bool has_no_memory(void)
{
    return sim_world->memory_failed || world_is_low(sim_world);
}

/* A ping is left out only if there is no room for its answer. */
static bool may_leave_out(const struct link *link)
{
    return has_no_memory() || link->stream.outbox.pending > link->home->limits.hard_mark ||
           sim_world->soft_mark_max > link->home->limits.hard_mark;
}

static void drop_first_ping(struct ws_peer *ws)
{
    ws->ping_count--;
    memmove(ws->pings, ws->pings + 1, ws->ping_count * sizeof ws->pings[0]);
}

static bool is_answered_by(const struct ws_ping *ping, struct span payload)
{
    return ping->size == payload.size && memcmp(ping->bytes, payload.data, payload.size) == 0;
}

static void take_pong(struct sim_peer *peer, const struct link *link, struct span payload)
{
    struct ws_peer *ws = &peer->ws;
    while (ws->ping_count > 0 && !is_answered_by(&ws->pings[0], payload) && may_leave_out(link))
        drop_first_ping(ws);
    if (ws->ping_count == 0 && peer->garbled) return;
    promise(ws->ping_count > 0, "peer %u: a ping is answered that it has not sent", peer->number);
    promise(is_answered_by(&ws->pings[0], payload),
            "peer %u: a ping is answered by what was not in it", peer->number);
    promise(ws->pings[0].after == peer->handed,
            "peer %u: a ping behind %u requests is answered after %u", peer->number,
            ws->pings[0].after, peer->handed);
    drop_first_ping(ws);
}

static void take_ping(struct sim_peer *peer, const struct link *link, struct span payload)
{
    struct ws_peer *ws = &peer->ws;
    uint64_t silent = silent_ns(peer, link);
    promise(payload.size == 0 && ping_ns_of(link) > 0, "peer %u is pinged", peer->number);
    promise(silent >= ping_ns_of(link), "peer %u is pinged after %.6f s of silence", peer->number,
            (double)silent / 1e9);
    if (peer->pipe.heard_ns >= ws->pinged_ns) ws->server_pings = 0;
    ws->server_pings++;
    ws->pinged_ns = sim_world->now_ns;
    promise(ws->server_pings <= PINGS_UNANSWERED,
            "peer %u has left %u pings unanswered, and is pinged again", peer->number,
            ws->server_pings - 1);
}

static void take_farewell(struct sim_peer *peer, const struct link *link, struct span payload)
{
    struct ws_peer *ws = &peer->ws;
    promise(payload.size != 1 && payload.size <= 125, "peer %u gets a close frame of %zu bytes",
            peer->number, payload.size);
    ws->farewell = true;
    ws->farewell_silent_ns = silent_ns(peer, link);
    if (peer->pipe.heard_ns >= ws->pinged_ns) ws->server_pings = 0;
    ws->farewell_code = 1005;
    if (payload.size < 2) return;
    ws->farewell_code = (uint16_t)(payload.data[0] << 8 | payload.data[1]);
    struct span words = span_skip(payload, 2);
    promise(ws_wire_is_utf8(words), "peer %u gets a reason that is not UTF-8", peer->number);
    memcpy(ws->words, words.data, words.size);
    ws->words[words.size] = '\0';
}

static void take_frame(struct sim_peer *peer, const struct link *link, struct span said)
{
    struct ws_wire frame = {.size = 0};
    promise(ws_wire_read(said, &frame) && frame.size == said.size,
            "peer %u gets what is no frame, of %zu bytes", peer->number, said.size);
    promise(!peer->ws.farewell, "peer %u gets more after its farewell", peer->number);
    switch (frame.first) {
    case WS_WIRE_PONG: take_pong(peer, link, frame.payload); return;
    case WS_WIRE_PING: take_ping(peer, link, frame.payload); return;
    case WS_WIRE_CLOSE: take_farewell(peer, link, frame.payload); return;
    default:
        violation("peer %u gets a frame 0x%02x that nobody has sent", peer->number, frame.first);
    }
}

/* ---- what is queued: the linker leads these calls of other files here first ---- */

static void take(struct link *link, struct span said)
{
    struct sim_peer *peer = peer_at(link);
    struct ws_peer *ws = &peer->ws;
    promise(ws->speaks, "peer %u does not speak WebSocket, and gets it", peer->number);
    promise(!ws->answered, "peer %u gets more after an answer of HTTP", peer->number);
    if (ws->welcomed)
        take_frame(peer, link, said);
    else if (begins_with(said, "HTTP/1.1 101") || begins_with(said, "HTTP/1.1 100"))
        take_welcome(peer, said);
    else
        take_answer(peer, said);
    if (link->stream.outbox.pending > link->home->limits.soft_mark) peer->drain_owed = true;
    wire_append_bytes(&peer->expected, said);
    peer->queued += said.size;
    trace_note("peer %u: %zu bytes queued by the server itself, %zu in all", peer->number,
               said.size, peer->queued);
}

bool __real_outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                          int count, size_t total);
bool __wrap_outbox_append(struct outbox *outbox, struct block_pool *pool, const struct span *parts,
                          int count, size_t total)
{
    static uint8_t said[SAID_MAX];
    size_t size = 0;
    if (!__real_outbox_append(outbox, pool, parts, count, total)) return false;
    struct link *link = link_of(container_of(outbox, struct stream, outbox));
    if (link->session == NULL || total == 0) return true;
    if (link == sends && peer_at(link)->ws.welcomed) return true; /* the message */
    check(total <= sizeof said);
    for (int i = 0; i < count; i++) {
        if (parts[i].size > 0) memcpy(said + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    take(link, span_of(said, size));
    return true;
}

/* ---- messages ---- */

void ws_model_connected(struct sim_peer *peer, const struct link *link)
{
    struct ws_peer *ws = &peer->ws;
    if (peer->reply_frame.kind != FRAME_WEBSOCKET || link->session != NULL) return;
    /* Its first bytes are of no request, or it is late, or they are all, and too few to tell. */
    uint64_t known_ns = world_now(sim_world) - link->connected_ns;
    promise(sim_world->swarm.config.listeners[peer->listener].detects,
            "peer %u has another framing than its listener", peer->number);
    bool has_left = link->stream.ended && inbox_size(&link->stream.inbox) < sizeof "OPTIONS";
    promise(peer->garbled || has_left || known_ns >= LINK_DETECT_MS * MILLISECOND,
            "peer %u asks for WebSocket, and is taken for another one after %.3f s, ended %d, %zu "
            "bytes",
            peer->number, (double)known_ns / 1e9, link->stream.ended,
            inbox_size(&link->stream.inbox));
    ws->speaks = false;
    ws->misread = true;
    peer->garbled = true;
    peer->reply_frame = *link_frame(link);
}

void ws_model_handed(struct sim_peer *peer, const struct link *link)
{
    struct ws_peer *ws = &peer->ws;
    if (link->session == NULL) return;
    promise(ws->welcomed, "peer %u: a message, and it was not welcomed", peer->number);
    promise(peer->garbled || link_packet_kind(link) ==
                                 (ws_is_binary(peer->handed + 1) ? PACKET_BINARY : PACKET_TEXT),
            "peer %u: message %u is handed on as one of kind %d", peer->number, peer->handed + 1,
            (int)link_packet_kind(link));
    promise(ws->breach == NULL || peer->handed < peer->asked,
            "peer %u has sent %s, and it is handed on", peer->number, ws->breach->what);
    while (ws->ping_count > 0 && ws->pings[0].after <= peer->handed && may_leave_out(link))
        drop_first_ping(ws);
    promise(ws->ping_count == 0 || ws->pings[0].after > peer->handed,
            "peer %u: its ping behind %u requests was not answered", peer->number,
            ws->ping_count == 0 ? 0 : ws->pings[0].after);
}

void ws_model_queued(const struct sim_peer *peer, const struct link *link)
{
    const struct ws_peer *ws = &peer->ws;
    promise(!ws->farewell && !ws->answered, "peer %u gets a message after its farewell",
            peer->number);
    promise(link->session == NULL || ws->welcomed, "peer %u gets a message, and was not welcomed",
            peer->number);
}

/* As server/main.lua chooses it; a text that is none is sent as it is. */
void ws_model_kind(const struct sim_peer *peer, struct span packet, enum packet_kind kind,
                   enum send_result result)
{
    static const enum packet_kind of_answers[] = {PACKET_PLAIN, PACKET_TEXT, PACKET_BINARY};
    char text[24] = "", op;
    unsigned number;
    promise(result != SEND_BAD_TEXT || (kind == PACKET_TEXT && !ws_wire_is_utf8(packet)),
            "peer %u: a packet is said to be no text", peer->number);
    promise(result != SEND_OK || ws_wire_can_be(packet, kind), "peer %u gets as text what is none",
            peer->number);
    memcpy(text, packet.data, packet.size < sizeof text - 1 ? packet.size : sizeof text - 1);
    if (sscanf(text, "%c%u", &op, &number) != 2) return;
    enum packet_kind wanted = PACKET_PLAIN;
    if (op >= 'a' && op <= 'z') wanted = of_answers[number % 3];
    if (op == 'G' || op == 'S' || op == 'P')
        wanted = number % 3 == 0 ? PACKET_BINARY : PACKET_PLAIN;
    if (wanted == PACKET_TEXT && kind == PACKET_PLAIN && !ws_wire_is_utf8(packet)) return;
    promise(kind == wanted, "peer %u: message %c%u is sent as kind %d", peer->number, op, number,
            (int)kind);
}

/* ---- the end ---- */

/* What on_disconnect gets; the second one is right, too. */
static uint16_t code_for(const struct sim_peer *peer, const char *reason)
{
    const struct ws_peer *ws = &peer->ws;
    const struct peer_request *last =
        peer->handed > 0 ? &peer->requests[peer->handed - 1] : &peer->requests[0];
    if (strcmp(reason, "bye") == 0)
        return last->op == 'q' && peer->handed % 2 == 1 ? (uint16_t)(3000 + peer->handed) : 1000;
    if (strcmp(reason, "script") == 0) return 1000;
    if (strcmp(reason, "idle") == 0) return 1008;
    if (strcmp(reason, "error") == 0) return 1011;
    if (strcmp(reason, "shutdown") == 0) return 1001;
    if (strcmp(reason, "oversize") == 0) return 1009;
    if (strcmp(reason, "framing") == 0)
        return ws->breach == NULL || peer->pipe.torn ? 1002 : ws->breach->code;
    if (strcmp(reason, "timeout") == 0) return 1008;
    return 1006;
}

static void look_at_eof(const struct sim_peer *peer, const struct link *link, uint16_t code,
                        bool waited_out)
{
    const struct ws_peer *ws = &peer->ws;
    bool heard = buffer_size(&peer->outgoing) == 0 && !waited_out;
    promise(code == 1006 || (ws->has_said_end && code == ws->end_code),
            "peer %u has ended, and on_disconnect is told code %u", peer->number, code);
    if (!heard || peer->pipe.torn || (peer->garbled && ws->breach == NULL)) return;
    promise(!ws->has_said_end || code == ws->end_code,
            "peer %u has said goodbye with %u, and on_disconnect is told %u", peer->number,
            ws->end_code, code);
    promise(!ws->has_said_end || ws->farewell || has_no_memory(),
            "peer %u has said goodbye, and is not answered", peer->number);
    promise(ws->breach == NULL || ws->breach->code == 0, "peer %u has sent %s, and nobody minds",
            peer->number, ws->breach->what);
    promise(ws->ping_count == 0 || may_leave_out(link),
            "peer %u has ended, and a ping is not answered", peer->number);
}

static bool is_word(const char *reason)
{
    return strcmp(reason, "bye") == 0 || strcmp(reason, "gone") == 0;
}

void ws_model_ended(struct sim_peer *peer, const struct link *link, const char *reason,
                    bool waited_out)
{
    struct ws_peer *ws = &peer->ws;
    uint16_t code = link_code(link), wanted = code_for(peer, reason);
    if (link->session == NULL || !ws->welcomed) {
        promise(code == 0, "peer %u: on_disconnect is told code %u, and nobody has said it",
                peer->number, code);
        return;
    }
    trace_note("peer %u is told code %u at its end", peer->number, code);
    if (strcmp(reason, "gone") == 0) ws->broken = true;
    promise(!ws->farewell || ws->farewell_code == code,
            "peer %u gets code %u at its end, and on_disconnect %u", peer->number,
            ws->farewell_code, code);
    if (strcmp(reason, "eof") == 0 || strcmp(reason, "truncated") == 0) {
        look_at_eof(peer, link, code, waited_out);
        return;
    }
    if (peer->garbled && ws->breach == NULL) return; /* it may have sent anything */
    promise(code == wanted || (code == 1006 && !ws->farewell && ws->broken),
            "peer %u is closed (%s) with code %u", peer->number, reason, code);
    promise(ws->farewell || ws->broken || has_no_memory(),
            "peer %u is closed (%s) without a farewell", peer->number, reason);
    promise(!ws->farewell || !is_word(reason) || strcmp(ws->words, reason) == 0,
            "peer %u is closed (%s), and told: %s", peer->number, reason, ws->words);
    promise(!ws->farewell || strcmp(reason, "timeout") != 0 ||
                (ws->server_pings == PINGS_UNANSWERED &&
                 ws->farewell_silent_ns >= 3 * ping_ns_of(link)),
            "peer %u is closed for %u pings and %.3f s of silence", peer->number, ws->server_pings,
            (double)ws->farewell_silent_ns / 1e9);
    promise(!ws->farewell || strcmp(reason, "framing") != 0 || peer->pipe.torn ||
                ws->words[0] != '\0',
            "peer %u has sent %s, and is not told what is wrong", peer->number,
            ws->breach == NULL ? "nothing wrong" : ws->breach->what);
    bool misframed = strcmp(reason, "framing") == 0 || strcmp(reason, "oversize") == 0;
    promise(!misframed || peer->pipe.torn || ws->breach == NULL ||
                (ws->breach->code == 1009) == (strcmp(reason, "oversize") == 0),
            "peer %u has sent %s, and is closed: %s", peer->number, ws->breach->what, reason);
}

void ws_model_look(const struct link *link, struct sim_peer *peer)
{
    const struct wheel_timer *timer = &link->timer;
    if (link->session == NULL || !link->session->is_open || link->stream.state != STREAM_OPEN)
        return;
    if (link->gates != 0) peer->ws.server_pings = 0; /* it cannot answer */
    bool begins = peer->handed < peer->asked || peer->garbled;
    promise(begins || link->session->held == 0,
            "peer %u: %zu bytes are kept of messages that are over", peer->number,
            link->session->held);
    if (ping_ns_of(link) == 0) return;
    promise(wheel_timer_runs(timer), "peer %u: nobody pings it", peer->number);
    promise(timer->due_tick <= (sim_world->now_ns + ping_ns_of(link)) / WHEEL_TICK_NS + 1,
            "peer %u: it is not pinged every %.0f s", peer->number, (double)ping_ns_of(link) / 1e9);
}
