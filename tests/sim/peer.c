#include "peer.h"

#include "tls_peer.h"
#include "veil_peer.h"
#include "wire.h"
#include "world.h"

#include <string.h>

enum { FIRST_PORT = 20000, GARBAGE_MAX = 200 };
enum { CUT_MAX = 1200 }; /* bytes; a handshake has 300 to 700 */

/* A healthy peer is answered within this, whatever the others do: what is on its way may take this
 * long (LATE_NS_MAX several times, a worker that is busy), and more where blocks run out: those who
 * hoard them are given so long to read. */
#define SERVED_NS (4 * SECOND)
#define SERVED_SCARCE_NS (60 * SECOND)

static bool chance(struct sim_peer *peer, uint16_t permille)
{
    return !peer->healthy && draw_chance(&peer->draw, permille);
}

static void act_later(struct sim_peer *peer, uint64_t most_ns)
{
    peer->next_ns = world_now(sim_world) + 1 + draw_below(&peer->draw, most_ns);
}

void peer_open(struct sim_peer *peer, uint32_t number, bool healthy)
{
    const struct faults *faults = world_faults();
    const struct config *config = &sim_world->swarm.config;
    *peer = (struct sim_peer){.number = number, .healthy = healthy, .version = 0};
    peer->draw = draw_begin(trace.seed, 1000 + number);
    peer->listener = (uint32_t)draw_below(&peer->draw, config->listener_count);
    const struct frame *frame = &config->listeners[peer->listener].frame;
    peer->frame = peer->reply_frame = *frame;
    peer->raw = frame->kind == FRAME_RAW;
    ws_peer_open(peer);
    struct address client = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}};
    client.port = (uint16_t)(FIRST_PORT + 16 * number);
    if (!healthy && draw_chance(&peer->draw, peer->ws.speaks ? 600 : 300))
        client.port = (uint16_t)(client.port + draw_below(&peer->draw, 16));
    pipe_open(&peer->pipe, number, &client, peer);
    peer->pipe.smooth = healthy;
    peer->wanted = (uint32_t)draw_between(&peer->draw, 1, sim_world->swarm.requests);
    peer->pipeline = healthy ? 1 : (uint32_t)draw_size(&peer->draw, 32);
    peer->trickles = chance(peer, faults->trickle);
    if (!healthy && draw_chance(&peer->draw, 300))
        peer->pipe.window = (size_t)draw_between(&peer->draw, 1, 5000);
    act_later(peer, sim_world->swarm.arrival_ns + 1);
}

void peer_free(struct sim_peer *peer)
{
    pipe_free(&peer->pipe);
    ws_peer_free(&peer->ws);
    free(peer->outgoing.data);
    free(peer->packets.data);
    free(peer->expected.data);
    free(peer->inbox.data);
}

/* ---- what it does ---- */

static void finish(struct sim_peer *peer)
{
    peer->finished = true;
    peer->next_ns = UINT64_MAX;
    trace_note("peer %u finishes", peer->number);
    pipe_finish(&peer->pipe);
}

static void vanish(struct sim_peer *peer)
{
    peer->finished = peer->over = true;
    peer->next_ns = UINT64_MAX;
    trace_note("peer %u resets", peer->number);
    pipe_reset(&peer->pipe);
}

static void put_on_the_way(struct sim_peer *peer)
{
    struct span bytes = buffer_bytes(&peer->outgoing);
    if (peer->trickles) bytes = span_first(bytes, draw_size(&peer->draw, 3));
    pipe_put(&peer->pipe, bytes);
    buffer_consume(&peer->outgoing, bytes.size);
}

static void put_garbage(struct sim_peer *peer)
{
    uint8_t bytes[GARBAGE_MAX];
    size_t size = draw_size(&peer->draw, sizeof bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)random_next(&peer->draw.state);
    peer->garbled = true;
    if (peer->ws.has_asked && peer->frame.kind == FRAME_WEBSOCKET &&
        draw_chance(&peer->draw, 800)) {
        ws_peer_break(peer);
        return;
    }
    trace_note("peer %u sends garbage", peer->number);
    const struct cover *cover = peer->pipe.cover;
    if (cover != NULL && !cover->lifted && draw_chance(&peer->draw, 500)) {
        pipe_tear(&peer->pipe, span_of(bytes, size));
        return;
    }
    if (peer->raw) wire_append_bytes(&peer->packets, span_of(bytes, size));
    wire_append_bytes(&peer->outgoing, span_of(bytes, size));
}

/* It has said what it had to say. */
static void leave(struct sim_peer *peer)
{
    const struct faults *faults = world_faults();
    ws_peer_leave(peer);
    put_on_the_way(peer);
    bool idles = sim_world->swarm.config.idle_timeout_ns > 0 && !sim_world->calm;
    if (chance(peer, faults->vanish))
        vanish(peer);
    else if (idles && draw_chance(&peer->draw, 200))
        peer->next_ns = UINT64_MAX; /* silently; world.c ends it if nobody else does */
    else
        finish(peer);
}

static void change_mood(struct sim_peer *peer)
{
    const struct faults *faults = world_faults();
    if (chance(peer, faults->deaf)) peer->pipe.deaf = !peer->pipe.deaf;
    if (chance(peer, faults->garbage) && !peer->garbled) put_garbage(peer);
}

static bool may_ask(const struct sim_peer *peer)
{
    if (peer->asked == peer->wanted || peer->garbled || !ws_peer_may_ask(peer)) return false;
    if (peer->healthy) return peer->asked_ns == 0;
    return peer->raw || peer->asked - peer->answered < peer->pipeline;
}

static void talk(struct sim_peer *peer)
{
    ws_peer_begin(peer);
    while (may_ask(peer) && (peer->pipeline > 1 || buffer_size(&peer->outgoing) == 0)) {
        peer_ask(peer);
        if (peer->healthy && peer->asked_ns == 0) peer->asked_ns = world_now(sim_world);
        if (draw_chance(&peer->draw, 300)) break;
    }
    put_on_the_way(peer);
}

/* Its listener may have a filter, of which it needs the other end. */
static void cover(struct sim_peer *peer)
{
    const struct filter_source *filter = sim_world->swarm.config.listeners[peer->listener].filter;
    uint64_t seed = trace.seed * 100 + peer->number;
    struct buffer wire = {.data = NULL};
    if (filter == NULL) return;
    if (tls_run_owns(&sim_world->tls, filter)) {
        struct cover *tls = tls_peer_open(&sim_world->tls, seed, peer->healthy, &wire);
        peer->garbled = peer->pipe.torn = tls->alien;
        if (chance(peer, 150)) peer->pipe.cut_at = (size_t)draw_below(&peer->draw, CUT_MAX);
        pipe_cover(&peer->pipe, tls, &wire);
        return;
    }
    uint8_t flags = draw_chance(&peer->draw, 200) ? VEIL_LIFT : 0;
    if (chance(peer, 100)) flags = VEIL_TURN_AWAY;
    pipe_cover(&peer->pipe, veil_peer_open(seed, flags, &wire), &wire);
}

static void connect_to_server(struct sim_peer *peer)
{
    peer->connected = true;
    trace_note("peer %u connects to listener %u", peer->number, peer->listener);
    port_sim_connect(&peer->pipe, (uint16_t)(7000 + peer->listener));
    cover(peer);
}

void peer_act(struct sim_peer *peer)
{
    const struct faults *faults = world_faults();
    if (!peer->connected) {
        connect_to_server(peer);
        act_later(peer, MILLISECOND);
        peer->next_ns += peer->late_ns;
        return;
    }
    act_later(peer, peer->trickles ? 800 * MILLISECOND : 30 * MILLISECOND);
    change_mood(peer);
    talk(peer);
    bool said = buffer_size(&peer->outgoing) == 0;
    if (chance(peer, faults->reset) && chance(peer, 100))
        vanish(peer);
    else if (chance(peer, faults->half_close) && chance(peer, 100))
        finish(peer); /* perhaps in the middle of a packet */
    else if (said && (peer->asked == peer->wanted || peer->garbled) &&
             (peer->answered == peer->asked || !peer->healthy))
        leave(peer);
}

void peer_calm(struct sim_peer *peer)
{
    peer->pipe.deaf = false;
    peer->pipe.window = SIZE_MAX;
    peer->trickles = false;
    if (peer->over || peer->finished) return;
    if (!peer->connected) {
        peer->over = true;
        peer->next_ns = UINT64_MAX;
        return;
    }
    put_on_the_way(peer);
    finish(peer);
}

/* ---- what it gets ---- */

bool peer_readable(const struct sim_peer *peer)
{
    uint64_t now_ns = world_now(sim_world);
    if (peer->over || !peer->connected || peer->pipe.deaf) return false;
    return flow_arrived(&peer->pipe.out, now_ns) > 0 ||
           flow_state(&peer->pipe.out, now_ns) != FLOW_OPEN;
}

static void compare(struct sim_peer *peer, struct span bytes)
{
    struct span expected = buffer_bytes(&peer->expected);
    promise(bytes.size <= expected.size && memcmp(bytes.data, expected.data, bytes.size) == 0,
            "peer %u gets %zu bytes behind the first %zu that are not what was queued for it",
            peer->number, bytes.size, peer->read);
    buffer_consume(&peer->expected, bytes.size);
    peer->read += bytes.size;
}

/* The script has changed the framing behind what was read so far. */
static void change_framing(struct sim_peer *peer)
{
    size_t used = peer->read - buffer_size(&peer->inbox);
    while (peer->change_count > 0 && peer->changes[0].at <= used) {
        peer->reply_frame = peer->changes[0].frame;
        peer->change_count--;
        memmove(peer->changes, peer->changes + 1,
                (size_t)peer->change_count * sizeof peer->changes[0]);
    }
}

static void cut(struct sim_peer *peer)
{
    while (buffer_size(&peer->inbox) > 0) {
        change_framing(peer);
        if (peer->reply_frame.kind == FRAME_WEBSOCKET) {
            if (!ws_peer_take(peer)) return;
            continue;
        }
        struct frame_cut cut = {.consumed = 0};
        struct span bytes = buffer_bytes(&peer->inbox);
        enum frame_verdict verdict = frame_next(&peer->reply_frame, &peer->cursor, bytes, &cut);
        promise(verdict != FRAME_ERROR, "peer %u gets what is no packet", peer->number);
        if (verdict == FRAME_MORE) return;
        peer->cursor = (struct frame_cursor){0};
        peer_heard(peer, cut.packet);
        buffer_consume(&peer->inbox, cut.consumed);
    }
}

static void end(struct sim_peer *peer, enum flow_end how)
{
    peer->over = true;
    peer->next_ns = UINT64_MAX;
    trace_note("peer %u is at its end: %s", peer->number, how == FLOW_FINISHED ? "eof" : "reset");
    if (!peer->finished) finish(peer);
}

void peer_read(struct sim_peer *peer)
{
    uint64_t now_ns = world_now(sim_world);
    size_t arrived = flow_arrived(&peer->pipe.out, now_ns);
    if (arrived == 0) {
        end(peer, flow_state(&peer->pipe.out, now_ns));
        return;
    }
    struct span bytes = flow_front(&peer->pipe.out, draw_size(&peer->draw, arrived));
    compare(peer, bytes);
    if (!peer->raw) {
        wire_append_bytes(&peer->inbox, bytes);
        cut(peer);
    }
    flow_take(&peer->pipe.out, bytes.size);
    if (!peer->finished && peer->next_ns != UINT64_MAX)
        act_later(peer, MILLISECOND);
    else if (!peer->finished)
        put_on_the_way(peer); /* what it answers by itself */
}

void peer_await(struct sim_peer *peer)
{
    if (peer->raw && peer->read + peer->lost >= peer->packets.end) {
        peer->answered = peer->asked;
        peer->asked_ns = 0;
    }
    if (peer->asked_ns == 0) peer->starves = false;
    if (peer->asked_ns == 0 || peer->over || peer->stage >= STAGE_GONE) return;
    if (sim_world->memory_failed && peer->was_spared) return; /* nobody hears of what failed */
    uint64_t now_ns = world_now(sim_world);
    uint64_t waited_ns = now_ns > peer->asked_ns ? now_ns - peer->asked_ns : 0;
    bool is_short = sim_world->swarm.scarce || peer->starves;
    uint64_t limit_ns = is_short ? SERVED_SCARCE_NS : SERVED_NS;
    promise(waited_ns <= limit_ns, "peer %u, which is healthy, has waited for %.3f s", peer->number,
            (double)waited_ns / 1e9);
}

void peer_excuse(struct sim_peer *peer, uint64_t duration_ns)
{
    if (peer->asked_ns != 0) peer->asked_ns += duration_ns;
}
