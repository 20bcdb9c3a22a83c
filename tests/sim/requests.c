/* What a simulated client says, and what it makes of the answers. */
#include "exchange.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { REQUEST_MAX = 120000, HEALTHY_MAX = 200 };

/* Asked as often as it stands here; the last two end the connection. */
static const char ops[] = "eeeeeeeewwttppsshhjjjlgggbnncckkkkkkkkyyyudzifqxr";

static char draw_op(struct sim_peer *peer)
{
    struct draw *draw = &peer->draw;
    if (peer->healthy) return 'e';
    char op = ops[draw_below(draw, sizeof ops - 1)];
    bool ends = op == 'q' || op == 'x' || op == 'r';
    if (ends && draw_chance(draw, 700)) return 'e';
    return op;
}

static void draw_argument(struct sim_peer *peer, char op, char *text, size_t size)
{
    struct draw *draw = &peer->draw;
    uint64_t number = 0;
    bool turns;
    switch (op) {
    case 'w': number = draw_size(draw, draw_chance(draw, 100) ? 60000 : 2000); break;
    case 't':
    case 'z': number = draw_size(draw, 2000); break;
    case 'j':
    case 'l':
    case 'g': number = draw_between(draw, 1, 3); break;
    case 'p':
    case 'c': number = draw_below(draw, 9); break;
    case 'k': number = draw_between(draw, 1, EXCHANGE_CHANNELS); break;
    case 'u': number = draw_below(draw, 2); break;
    case 's': number = 20000 + 16 * draw_below(draw, sim_world->peer_count); break;
    case 'd': number = 20000 + 16 * draw_below(draw, sim_world->swarm.peers); break;
    case 'b':
    case 'n': number = draw_size(draw, sim_world->swarm.config.max_packet); break;
    case 'i': number = 500 + draw_size(draw, 8000); break;
    case 'f':
        turns = !peer->ws.speaks && draw_chance(draw, 300);
        snprintf(text, size, "%s",
                 turns ? "websocket,path=/sim,ping=3,protocols=chat" : swarm_framing(draw, false));
        return;
    default: break;
    }
    snprintf(text, size, "%llu", (unsigned long long)number);
}

/* Letters, so that no delimiter is among them. */
static void fill(struct sim_peer *peer, uint8_t *bytes, size_t size)
{
    uint64_t letters = random_next(&peer->draw.state);
    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 7) letters = letters * UINT64_C(6364136223846793005) + 1;
        bytes[i] = (uint8_t)('a' + (letters >> (33 + i % 8)) % 26);
    }
}

static size_t room_for_filler(struct sim_peer *peer, size_t used)
{
    const struct frame *frame = &peer->frame;
    if (frame->kind == FRAME_FIXED) return frame->fixed_size > used ? frame->fixed_size - used : 0;
    uint64_t most = frame->packet_max < REQUEST_MAX ? frame->packet_max : REQUEST_MAX;
    if (peer->healthy && most > HEALTHY_MAX) most = HEALTHY_MAX;
    bool ended = frame->kind == FRAME_LINE || frame->kind == FRAME_DELIMITED;
    if (ended) most -= FRAME_DELIMITER_MAX;
    if (most <= used) return 0;
    unsigned often = sim_world->swarm.scarce && !peer->healthy ? 150 : 20;
    return draw_chance(&peer->draw, often) ? most - used : draw_size(&peer->draw, most - used) - 1;
}

static void ask_raw(struct sim_peer *peer)
{
    static uint8_t bytes[4096];
    size_t size = draw_size(&peer->draw, sizeof bytes);
    fill(peer, bytes, size);
    peer->asked++;
    wire_append_bytes(&peer->packets, span_of(bytes, size));
    wire_append_bytes(&peer->outgoing, span_of(bytes, size));
}

void peer_ask(struct sim_peer *peer)
{
    static uint8_t bytes[REQUEST_MAX];
    char argument[128];
    if (peer->raw) {
        ask_raw(peer);
        return;
    }
    char op = draw_op(peer);
    draw_argument(peer, op, argument, sizeof argument);
    size_t size = (size_t)snprintf((char *)bytes, 200, "%c%u %s:", op, peer->asked + 1, argument);
    if (peer->frame.kind == FRAME_FIXED && size > peer->frame.fixed_size) return; /* no room */
    size_t filler = room_for_filler(peer, size);
    bool binary = ws_is_binary(peer->asked + 1), is_web = peer->frame.kind == FRAME_WEBSOCKET;
    fill(peer, bytes + size, filler);
    if (is_web) ws_peer_fill(peer, binary, bytes + size, filler);
    size += filler;
    struct peer_request *request = &peer->requests[peer->asked++];
    *request = (struct peer_request){
        .op = op, .version = sim_world->versions.running, .begin = peer->packets.end, .size = size};
    wire_append_bytes(&peer->packets, span_of(bytes, size));
    if (is_web)
        ws_peer_append(peer, binary, span_of(bytes, size));
    else
        wire_append_sent(&peer->outgoing, &peer->frame, span_of(bytes, size));
    trace_note("peer %u asks %c%u %s, %zu bytes", peer->number, op, peer->asked, argument, size);
    if (op != 'f') return;
    struct error error;
    uint64_t packet_max = sim_world->swarm.config.max_packet;
    promise(frame_parse(&peer->frame, argument, packet_max, &error), "%s", error.text);
    if (peer->frame.kind == FRAME_WEBSOCKET) ws_peer_turn(peer);
}

/* ---- answers ---- */

static void skip_refused(struct sim_peer *peer)
{
    while (peer->answered < peer->asked && peer->requests[peer->answered].refused) peer->answered++;
    if (peer->answered == peer->asked) peer->asked_ns = 0;
}

void peer_refused(struct sim_peer *peer, unsigned number)
{
    peer->requests[number - 1].refused = true;
    skip_refused(peer);
}

/* A handler that finds no memory fails without a word: those before this answer have, where that closes nothing. */
static bool may_lose(const struct sim_peer *peer, unsigned number)
{
    return sim_world->memory_failed && peer->was_spared && number > peer->answered;
}

/* Those before it have been answered, or the script was told that they could not be. */
static void take_answer(struct sim_peer *peer, char op, unsigned number, uint64_t version)
{
    promise(number >= 1 && number <= peer->asked, "peer %u: an answer to %u, it asked for %u",
            peer->number, number, peer->asked);
    promise(number == peer->answered + 1 || may_lose(peer, number),
            "peer %u: an answer to %u, the next one is %u", peer->number, number,
            peer->answered + 1);
    const struct peer_request *request = &peer->requests[number - 1];
    promise(request->op == op, "peer %u: %c%u is answered as %c", peer->number, request->op, number,
            op);
    promise(version >= request->version || sim_world->memory_failed,
            "peer %u: version %llu answers what was asked when %llu ran", peer->number,
            (unsigned long long)version, (unsigned long long)request->version);
    promise(versions_may_run(sim_world, version), "peer %u: version %llu answers, which never ran",
            peer->number, (unsigned long long)version);
    promise(version >= peer->version || op == 'w', "peer %u: version %llu answers after %llu",
            peer->number, (unsigned long long)version, (unsigned long long)peer->version);
    if (version > peer->version) peer->version = version;
    peer->answered = number;
    peer->asked_ns = 0;
    skip_refused(peer);
}

static void once(struct sim_peer *peer, uint32_t *seen, unsigned number, char op)
{
    promise(number >= 1 && number <= peer->asked && peer->requests[number - 1].op == op,
            "peer %u: a message from request %u, which was none", peer->number, number);
    uint32_t bit = 1u << number % 32;
    promise(!(seen[number / 32] & bit), "peer %u: the message of request %u comes twice",
            peer->number, number);
    seen[number / 32] |= bit;
}

/* What each publisher sends arrives in its order. */
static void take_published(struct sim_peer *peer, uint64_t number, uint64_t publisher)
{
    int i = 0;
    while (i < PUBLISHERS_MAX - 1 && peer->publishers[i].id != 0 &&
           peer->publishers[i].id != publisher)
        i++;
    promise(peer->publishers[i].id == 0 || peer->publishers[i].id == publisher,
            "peer %u hears more than %d publishers", peer->number, PUBLISHERS_MAX);
    promise(number > peer->publishers[i].number || peer->publishers[i].id != publisher,
            "peer %u: message %llu of connection %llu comes after %llu", peer->number,
            (unsigned long long)number, (unsigned long long)publisher,
            (unsigned long long)peer->publishers[i].number);
    peer->publishers[i].id = publisher;
    peer->publishers[i].number = number;
}

void peer_heard(struct sim_peer *peer, struct span packet)
{
    char text[64] = "", kind;
    unsigned number;
    unsigned long long what;
    memcpy(text, packet.data, packet.size < sizeof text - 1 ? packet.size : sizeof text - 1);
    promise(sscanf(text, "%c%u %llu:", &kind, &number, &what) == 3,
            "peer %u gets what no script sends: %s", peer->number, text);
    if (islower((unsigned char)kind)) {
        take_answer(peer, kind, number, what);
        return;
    }
    if (kind == 'G') {
        take_published(peer, number, what);
        return;
    }
    promise(what == peer->id, "peer %u, connection %llu, gets what is for %llu: %s", peer->number,
            (unsigned long long)peer->id, what, text);
    if (kind == 'T') once(peer, peer->timers, number, 't');
    if (kind == 'P') once(peer, peer->posts, number, 'p');
}
