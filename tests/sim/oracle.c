#include "oracle.h"

#include "run/start.h"
#include "tls_peer.h"
#include "wire.h"
#include "world.h"
#include "ws_model.h"

#include <stdio.h>
#include <string.h>

/* ---- what the script is told ---- */

static void *worker_start(void *context, struct worker *worker, struct error *error)
{
    struct world *world = sim_world;
    world->program.made = &world->runtimes[worker_index(worker)];
    struct runtime *runtime = lua_script.worker_start(context, worker, error);
    if (runtime != NULL) allocations_of_lua(&runtime->state.heap);
    return runtime;
}

static void decided(struct sim_peer *peer, enum script_verdict verdict)
{
    promise(peer->stage == STAGE_DECIDING, "peer %u is decided on twice", peer->number);
    if (verdict == SCRIPT_YES) peer->stage = STAGE_ACCEPTED;
    if (verdict == SCRIPT_NO) peer->stage = STAGE_GONE;
}

static void note_idle_set(struct sim_peer *peer, const struct link *link)
{
    peer->idle_set_ns = world_now(sim_world);
    peer->idle_set_taken_ns = sim_world->taken_ns[worker_index(worker_of(link))];
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct sim_peer *peer = peer_at(link);
    promise(peer->stage == STAGE_NEW, "peer %u connects twice", peer->number);
    peer->stage = STAGE_DECIDING;
    peer->id = link_id(link);
    note_idle_set(peer, link);
    ws_model_connected(peer, link);
    if (peer->pipe.cover != NULL) tls_peer_let_in(peer->pipe.cover, link);
    enum script_verdict verdict = lua_script.connected(state, link);
    trace_note("peer %u is connection %llu: %d", peer->number, (unsigned long long)peer->id,
               (int)verdict);
    decided(peer, verdict);
    return verdict;
}

/* How it is handed on: with its delimiter, if that stays on it. */
static bool is_request(const struct sim_peer *peer, const struct link *link, struct span packet)
{
    const struct peer_request *request = &peer->requests[peer->handed];
    struct span sent = span_of(peer->packets.data + request->begin, request->size);
    const struct frame_line *line = &link_frame(link)->line;
    size_t more = 0;
    if (link_frame(link)->kind == FRAME_LINE && line->keep) more = line->delimiter_size;
    if (link_frame(link)->kind == FRAME_DELIMITED && link_frame(link)->delimited.keep)
        more = wire_ending(link_frame(link), sent).size;
    return packet.size == sent.size + more && memcmp(packet.data, sent.data, sent.size) == 0;
}

static void take_bytes(struct sim_peer *peer, struct span packet)
{
    size_t left = peer->packets.end - peer->handed_bytes;
    promise(packet.size > 0 && packet.size <= left &&
                memcmp(peer->packets.data + peer->handed_bytes, packet.data, packet.size) == 0,
            "peer %u: the script is handed %zu bytes that are not the next ones sent", peer->number,
            packet.size);
    peer->handed_bytes += packet.size;
}

/* For want of memory the script may not have done what the peer counts on, a change of framing perhaps, and the
 * connection stays. */
static bool is_misled(const struct sim_peer *peer)
{
    return peer->was_spared && sim_world->memory_failed;
}

static void take_request(struct sim_peer *peer, const struct link *link, struct span packet)
{
    if (peer->ws.misread) return;
    if (is_misled(peer) && (peer->handed == peer->asked || !is_request(peer, link, packet))) {
        peer->garbled = true; /* from here on */
        peer->handed = peer->asked;
        return;
    }
    promise(peer->handed < peer->asked, "peer %u: a packet too many is handed on", peer->number);
    promise(is_request(peer, link, packet),
            "peer %u: packet %u is handed on as another one of %zu bytes: %.*s", peer->number,
            peer->handed + 1, packet.size, (int)(packet.size < 60 ? packet.size : 60), packet.data);
    if (peer->requests[peer->handed].op == 'h') sim_world->hits++;
    peer->handed++;
}

/* A script is never called while it runs, nor for a connection that is being closed. */
static void may_call(void *state, const struct link *link)
{
    const struct runtime *runtime = state;
    promise(runtime->current == NULL, "peer %u: the script is called while it runs",
            peer_at(link)->number);
    promise(link_is_open(link), "peer %u: the script is called, and it is being closed",
            peer_at(link)->number);
}

static void hand_on(const struct link *link, struct span packet)
{
    struct sim_peer *peer = peer_at(link);
    promise(link->stream.outbox.pending <= sim_world->soft_mark_max,
            "peer %u: a packet, and %zu bytes are queued for it", peer->number,
            link->stream.outbox.pending);
    promise(peer->stage == STAGE_ACCEPTED, "peer %u: a packet in stage %d", peer->number,
            (int)peer->stage);
    promise(link->gates == 0, "peer %u: a packet through gates %d", peer->number, link->gates);
    ws_model_handed(peer, link);
    peer->spared = trials_handed(sim_world, worker_index(worker_of(link)));
    peer->was_spared = peer->was_spared || peer->spared;
    if (peer->raw)
        take_bytes(peer, packet);
    else if (!peer->garbled || peer->handed < peer->asked)
        take_request(peer, link, packet);
}

/* Now and then the script of a "raw" connection uses only a part of what has come, and wants more than the rest. */
static void give_back(struct link *link, struct span *packet)
{
    struct sim_peer *peer = peer_at(link);
    size_t handed = peer->handed_bytes + packet->size;
    if (!peer->raw || handed >= peer->packets.end || !draw_chance(&peer->draw, 200)) return;
    size_t size = (size_t)draw_below(&peer->draw, packet->size);
    size_t more = (size_t)draw_size(&peer->draw, peer->packets.end - handed);
    if (link_unread(link, size, size + more)) packet->size -= size;
}

static void received(void *state, struct link *link, struct span packet)
{
    may_call(state, link);
    give_back(link, &packet);
    hand_on(link, packet);
    world_take_time(sim_world, worker_index(worker_of(link)));
    lua_script.received(state, link, packet);
    promise(!peer_at(link)->may_error || !link_is_open(link),
            "peer %u: its handler has failed, and it is open", peer_at(link)->number);
}

static void drained(void *state, struct link *link)
{
    struct sim_peer *peer = peer_at(link);
    peer->refusing = false;
    may_call(state, link);
    promise(peer->drain_owed, "peer %u: on_drain, and its queue was not long", peer->number);
    peer->drain_owed = false;
    promise(link->stream.outbox.pending <= link->home->limits.soft_mark,
            "peer %u: on_drain, and %zu bytes are queued", peer->number,
            link->stream.outbox.pending);
    promise(peer->stage == STAGE_ACCEPTED, "peer %u: on_drain in stage %d", peer->number,
            (int)peer->stage);
    lua_script.drained(state, link);
    if (link->stream.outbox.pending > link->home->limits.soft_mark) peer->drain_owed = true;
}

static enum script_verdict idle(void *state, struct link *link, double seconds)
{
    struct sim_peer *peer = peer_at(link);
    const struct sim_pipe *pipe = pipe_of(&link->stream.socket);
    uint64_t since_ns = pipe->heard_ns, taken_ns = pipe->heard_taken_ns;
    if (since_ns < peer->idle_set_ns) {
        since_ns = peer->idle_set_ns;
        taken_ns = peer->idle_set_taken_ns;
    }
    taken_ns = sim_world->taken_ns[worker_index(worker_of(link))] - taken_ns;
    uint64_t silent_ns = world_now(sim_world) - since_ns - taken_ns;
    may_call(state, link);
    promise(!(link->gates & GATES_OF_OURS), "peer %u: on_idle, and nobody has listened to it",
            peer->number);
    promise(peer->stage == STAGE_ACCEPTED, "peer %u: on_idle in stage %d", peer->number,
            (int)peer->stage);
    promise(link->idle_limit_ns > 0 && silent_ns >= link->idle_limit_ns,
            "peer %u: on_idle after %.6f s of silence, the limit is %.6f s", peer->number,
            (double)silent_ns / 1e9, (double)link->idle_limit_ns / 1e9);
    promise(seconds <= (double)silent_ns / 1e9 + 1e-6, "peer %u: on_idle says %.6f s", peer->number,
            seconds);
    enum script_verdict verdict = lua_script.idle(state, link, seconds);
    peer->idles = verdict == SCRIPT_WAIT;
    peer->idle_ends = verdict == SCRIPT_NO;
    return verdict;
}

/* Nobody else's doing ends a healthy peer, nor how much it is sent: it ends itself, or keeps silent. Whoever
 * keeps to the framing is not told otherwise; a silent one is asked about first. */
static bool may_end(const struct sim_peer *peer, const char *reason)
{
    const struct world *world = sim_world;
    bool misframed = strcmp(reason, "framing") == 0 || strcmp(reason, "oversize") == 0;
    if (misframed && !peer->garbled && !is_misled(peer)) return false;
    bool may_wait_out = world->swarm.config.wait_timeout_ns > 0 && !peer->healthy;
    if (strcmp(reason, "idle") == 0 && !peer->idle_ends && !may_wait_out) return false;
    bool own = strcmp(reason, "eof") == 0 || strcmp(reason, "idle") == 0 || peer->may_error;
    return !peer->healthy || own || world->told_end || world_is_low(world) || world->memory_failed;
}

/* Its end had been known for so long that a gate which was closed did not keep it. */
static bool waited_out(const struct sim_peer *peer, const struct link *link)
{
    uint64_t end_ns = pipe_end_ns(&peer->pipe);
    if (peer->pipe.farewell && link->ending_ns != 0) end_ns = link->ending_ns;
    return end_ns != UINT64_MAX && world_now(sim_world) - end_ns >= sim_world->drain_ns;
}

/* A filter that tells ends tells one that was cut off from one that was meant. */
static void promise_truncated(const struct sim_peer *peer, const char *reason, bool waited_out)
{
    const struct sim_pipe *pipe = &peer->pipe;
    bool tells = pipe->cover != NULL && pipe->cover->tells_end;
    bool is_known = !pipe->torn && !waited_out && !peer->ws.has_said_end;
    promise(strcmp(reason, "truncated") != 0 || (tells && (!pipe->farewell || !is_known)),
            "peer %u: its stream is said to be cut off, and it has ended it", peer->number);
    promise(strcmp(reason, "eof") != 0 || !tells || pipe->farewell || !is_known,
            "peer %u: its stream was cut off, and it is said to have ended it", peer->number);
}

/* Whoever was told "eof" was heard to the end. */
static void disconnected(void *state, struct link *link, const char *reason)
{
    struct sim_peer *peer = peer_at(link);
    promise(peer->stage == STAGE_ACCEPTED, "peer %u: on_disconnect in stage %d", peer->number,
            (int)peer->stage);
    promise(may_end(peer, reason), "peer %u is closed: %s", peer->number, reason);
    trace_note("peer %u is disconnected: %s", peer->number, reason);
    counts_note_end(link, reason);
    ws_model_ended(peer, link, reason, waited_out(peer, link));
    promise(strcmp(reason, "error") != 0 || peer->may_error || sim_world->memory_failed,
            "peer %u is closed because a handler failed that was to harm nobody", peer->number);
    peer->stage = STAGE_GONE;
    snprintf(peer->reason, sizeof peer->reason, "%s", reason);
    promise_truncated(peer, reason, waited_out(peer, link));
    bool is_end = strcmp(reason, "eof") == 0 || strcmp(reason, "truncated") == 0;
    if (is_end && !peer->garbled && !is_misled(peer) && buffer_size(&peer->outgoing) == 0 &&
        !waited_out(peer, link))
        promise(peer->raw ? peer->handed_bytes == peer->packets.end : peer->handed == peer->asked,
                "peer %u: its end was told before %u of its %u requests were", peer->number,
                peer->asked - peer->handed, peer->asked);
    lua_script.disconnected(state, link, reason);
    promise(list_empty(runtime_owned(state, link_slot(link))), "peer %u: a handler of it waits on",
            peer->number);
}

static void released(void *state, struct link *link)
{
    struct sim_peer *peer = peer_at(link);
    bool refused = peer->stage == STAGE_DECIDING && link->stage != LINK_ACCEPTED;
    promise(peer->stage == STAGE_GONE || refused, "peer %u: released in stage %d", peer->number,
            (int)peer->stage);
    peer->stage = STAGE_RELEASED;
    lua_script.released(state, link);
}

/* What it has nothing to say about, the engine asks of Lua itself. */
struct script oracle_script(struct program *program)
{
    struct script script = lua_script;
    script.context = program;
    script.worker_start = worker_start;
    script.connected = connected;
    script.received = received;
    script.drained = drained;
    script.idle = idle;
    script.disconnected = disconnected;
    script.released = released;
    return script;
}

/* ---- what the script does: the linker leads these calls of other files here first ---- */

bool __real_link_next(struct link *link, struct span *packet);
bool __wrap_link_next(struct link *link, struct span *packet)
{
    if (!__real_link_next(link, packet)) return false;
    promise(link_is_open(link), "peer %u: a packet, and it is being closed", peer_at(link)->number);
    give_back(link, packet);
    hand_on(link, *packet);
    return true;
}

void __real_link_decide(struct link *link, enum script_verdict verdict);
void __wrap_link_decide(struct link *link, enum script_verdict verdict)
{
    if (link->gates & GATE_DECIDING && peer_at(link)->stage == STAGE_DECIDING)
        decided(peer_at(link), verdict);
    __real_link_decide(link, verdict);
}

/* Of those that end it for not reading, the ones that other files of the engine find. */
void __real_link_fail(struct link *link, enum link_reason reason);
void __wrap_link_fail(struct link *link, enum link_reason reason)
{
    promise(reason != LINK_SLOW || port_send_waits(&link->stream.socket),
            "peer %u is said not to read, and has taken all it was offered", peer_at(link)->number);
    if (link_is_open(link)) peer_at(link)->ws.broken = true;
    __real_link_fail(link, reason);
}

void __real_link_set_idle(struct link *link, uint64_t limit_ns);
void __wrap_link_set_idle(struct link *link, uint64_t limit_ns)
{
    note_idle_set(peer_at(link), link);
    if (sim_world->runtimes[worker_index(worker_of(link))]->current != NULL)
        peer_at(link)->idles_its_way = true;
    __real_link_set_idle(link, limit_ns);
}

void __real_link_follow_idle(struct link *link);
void __wrap_link_follow_idle(struct link *link)
{
    if (!peer_at(link)->idles_its_way) peer_at(link)->idle_set_ns = world_now(sim_world);
    __real_link_follow_idle(link);
}

void __real_link_decide_idle(struct link *link, enum script_verdict verdict);
void __wrap_link_decide_idle(struct link *link, enum script_verdict verdict)
{
    peer_at(link)->idles = false;
    peer_at(link)->idle_ends = verdict == SCRIPT_NO;
    __real_link_decide_idle(link, verdict);
}

bool __real_link_set_frame(struct link *link, const struct frame *frame);
bool __wrap_link_set_frame(struct link *link, const struct frame *frame)
{
    struct sim_peer *peer = peer_at(link);
    promise(peer->change_count < REQUESTS_MAX, "peer %u: too many framings", peer->number);
    peer->changes[peer->change_count].at = peer->queued;
    peer->changes[peer->change_count++].frame = *frame;
    return __real_link_set_frame(link, frame);
}

/* An answer that could not be queued, of which the script was told. */
static void note_refused(struct sim_peer *peer, struct span packet)
{
    unsigned number = 0;
    char text[24] = "";
    if (peer->raw) peer->lost += packet.size;
    if (peer->raw || packet.size == 0 || packet.data[0] < 'a' || packet.data[0] > 'z') return;
    memcpy(text, packet.data, packet.size < sizeof text - 1 ? packet.size : sizeof text - 1);
    if (sscanf(text + 1, "%u", &number) != 1 || number == 0 || number > peer->asked) return;
    peer_refused(peer, number);
}

/* After one was refused none is queued until on_drain, so that there is no gap that nobody knows of. It is
 * refused first while something is offered to its peer that the peer has not taken. size: its bytes, framed,
 * if it is queued; they may be more than the mark allows if they are all that is. */
static void note_result(struct sim_peer *peer, const struct link *link, enum send_result result,
                        size_t size)
{
    size_t pending = link->stream.outbox.pending;
    peer->offered = true;
    peer->drain_owed = peer->drain_owed || link->drain != LINK_DRAIN_NONE;
    promise(result != SEND_OK || !peer->refusing,
            "peer %u: a packet is queued behind a refused one", peer->number);
    promise(result != SEND_OK || pending <= link->home->limits.hard_mark || pending <= size,
            "peer %u: %zu bytes are queued for it", peer->number, pending);
    if (result != SEND_FULL && result != SEND_NO_MEMORY) return;
    promise(result != SEND_FULL || peer->refusing || port_send_waits(&link->stream.socket),
            "peer %u: its queue is full, and it was not offered what is in it", peer->number);
    peer->refusing = peer->refusing || pending > 0;
    promise(!link->close_when_full || !link_is_open(link),
            "peer %u: its queue is full, and it is not closed", peer->number);
}

static void note_queued(struct sim_peer *peer, const struct link *link, size_t before)
{
    ws_model_queued(peer, link);
    peer->queued += buffer_size(&peer->expected) - before;
    trace_note("peer %u: %zu bytes queued, %zu in all", peer->number,
               buffer_size(&peer->expected) - before, peer->queued);
}

static enum send_result note_sent(struct link *link, struct span packet, enum packet_kind kind,
                                  enum send_result result)
{
    struct sim_peer *peer = peer_at(link);
    size_t before = buffer_size(&peer->expected);
    if (result == SEND_OK) wire_append(&peer->expected, link_frame(link), packet, kind);
    note_result(peer, link, result, buffer_size(&peer->expected) - before);
    if (link->session != NULL) ws_model_kind(peer, packet, kind, result);
    if (result == SEND_OK)
        note_queued(peer, link, before);
    else if (result != SEND_BAD_TEXT) /* the script sends it again, as something else */
        note_refused(peer, packet);
    return result;
}

enum send_result __real_link_send(struct link *link, struct span packet);
enum send_result __wrap_link_send(struct link *link, struct span packet)
{
    promise(link->session == NULL, "peer %u: its framing has kinds, and the message has none",
            peer_at(link)->number);
    return note_sent(link, packet, PACKET_PLAIN, __real_link_send(link, packet));
}

enum send_result __real_link_send_kind(struct link *link, struct span packet,
                                       enum packet_kind kind);
enum send_result __wrap_link_send_kind(struct link *link, struct span packet, enum packet_kind kind)
{
    ws_model_sends(link);
    enum send_result result = __real_link_send_kind(link, packet, kind);
    ws_model_sends(NULL);
    return note_sent(link, packet, kind, result);
}

enum send_result __real_link_send_chunk(struct link *link, struct chunk *encoded);
enum send_result __wrap_link_send_chunk(struct link *link, struct chunk *encoded)
{
    enum send_result result = __real_link_send_chunk(link, encoded);
    struct sim_peer *peer = peer_at(link);
    size_t before = buffer_size(&peer->expected);
    promise(result != SEND_OK || peer->stage != STAGE_DECIDING,
            "peer %u is not let in yet, and gets what is said to all", peer->number);
    note_result(peer, link, result, encoded->size);
    if (result != SEND_OK) return result;
    const struct broadcasts *broadcasts = &sim_world->broadcasts;
    if (link->session != NULL) ws_model_kind(peer, broadcasts->packet, broadcasts->kind, result);
    wire_append(&peer->expected, link_frame(link), broadcasts->packet, broadcasts->kind);
    struct span bytes = span_skip(buffer_bytes(&peer->expected), before);
    promise(bytes.size == encoded->size && memcmp(bytes.data, encoded->data, bytes.size) == 0,
            "peer %u gets what is said to all in the framing of others", peer->number);
    note_queued(peer, link, before);
    return result;
}
