#include "oracle.h"

#include "api/shared.h"
#include "run/code.h"
#include "world.h"
#include "ws_model.h"

/* A watch tells within this (LATE_NS_MAX, and turns until then). */
#define GONE_NS (100 * MILLISECOND)

/* ---- what must hold at any time ---- */

static bool is_shut(const struct link *link)
{
    return link->stream.state == STREAM_LINGERING;
}

static bool is_draining(const struct link *link)
{
    return link->stream.state == STREAM_FLUSHING || is_shut(link);
}

/* Nobody is kept for longer than it takes: first to send what is queued, then to hear the peer's end. The
 * second one begins when the first is over, however late the clock says that this was. */
static void look_at_end(const struct world *world, const struct link *link, struct sim_peer *peer)
{
    bool timers_wait = /* for the next turn, which comes at once */
        wheel_next_ns(&link->home->wheel) <= world->now_ns;
    if (!is_draining(link)) return;
    if (peer->draining_ns == 0) {
        peer->draining_ns = world->now_ns;
        peer->draining_stalled_ns = world->stalled_ns;
    }
    if (is_shut(link) && peer->shut_ns == 0) {
        peer->shut_ns = world->now_ns;
        peer->draining_stalled_ns = world->stalled_ns;
    }
    promise(!is_shut(link) || !link->stream.ended,
            "peer %u: both ways are at their ends, and it is not closed", peer->number);
    /* A stall, and as much of the wait that it made late. */
    uint64_t excused_ns = 2 * (world->stalled_ns - peer->draining_stalled_ns);
    uint64_t since_ns = is_shut(link) ? peer->shut_ns : peer->draining_ns;
    uint64_t limit_ns = is_shut(link) ? LINK_LINGER_MS * WHEEL_TICK_NS : world->drain_ns_max;
    promise(timers_wait || world->now_ns - since_ns <= limit_ns + 2 * WHEEL_TICK_NS + excused_ns,
            "peer %u: it has been closed for %.3f s", peer->number,
            (double)(world->now_ns - since_ns) / 1e9);
}

/* However late a worker comes to it: the end has a time, which is counted from when it was asked for. Who
 * hears of it after that has a tick of the wheel. */
static void look_at_last(const struct world *world, const struct link *link,
                         const struct sim_peer *peer)
{
    const uint64_t moment_ns = 2 * WHEEL_TICK_NS;
    if (!world->told_end || link->stream.state != STREAM_FLUSHING) return;
    promise(wheel_next_ns(&link->home->wheel) <= world->now_ns + WHEEL_TICK_NS ||
                world->now_ns - peer->draining_ns <= moment_ns ||
                world->now_ns - world->told_end_ns <= world->drain_ns_max + moment_ns,
            "peer %u: it is there %.3f s after the end was asked for", peer->number,
            (double)(world->now_ns - world->told_end_ns) / 1e9);
}

/* Its silence will be noticed, and in time. */
static void look_at_idle(const struct world *world, const struct link *link,
                         const struct sim_peer *peer)
{
    const struct wheel_timer *timer = &link->timer;
    if (link->stream.state != STREAM_OPEN || link->idle_limit_ns == 0 || peer->idles) return;
    promise(peer->idles_its_way || link->idle_limit_ns == link->home->limits.idle_ns,
            "peer %u: its idle limit is that of older settings", peer->number);
    promise(wheel_timer_runs(timer) && link->next_ns != UINT64_MAX,
            "peer %u: nobody looks whether it is idle", peer->number);
    promise(timer->due_tick <= (world->now_ns + link->idle_limit_ns) / WHEEL_TICK_NS + 1,
            "peer %u: its idle limit of %.3f s is not kept", peer->number,
            (double)link->idle_limit_ns / 1e9);
}

/* It is let in, or ends, in time. */
static void look_at_opening(const struct world *world, const struct link *link,
                            const struct sim_peer *peer)
{
    uint64_t limit_ns = world->swarm.config.opening_timeout_ns;
    if (link->stream.state != STREAM_OPENING) return;
    bool detects = link->session != NULL && link->session->other != NULL;
    if (detects && limit_ns < LINK_DETECT_MS * MILLISECOND) limit_ns = LINK_DETECT_MS * MILLISECOND;
    promise(peer->stage == STAGE_NEW, "peer %u: the script knows of it in stage %d", peer->number,
            (int)peer->stage);
    promise(wheel_timer_runs(&link->timer) &&
                link->timer.due_tick <= (world->now_ns + limit_ns) / WHEEL_TICK_NS + 1,
            "peer %u: nobody looks whether its handshake ends", peer->number);
}

enum { UNSEALED_MAX = 20 };

/* With blocks there what waits to be sent is sealed, perhaps some turns later: others may take them first. */
static void look_at_unsealed(const struct link *link, struct sim_peer *peer)
{
    const struct stream_home *home = link->stream.home;
    bool waits = link->stream.inbox.filter != NULL && !list_empty(&link->stream.touched) &&
                 (home->blocks.free_count > 0 || home->large.free_count > 0);
    peer->unsealed = waits ? peer->unsealed + 1 : 0;
    promise(peer->unsealed < UNSEALED_MAX, "peer %u: there are blocks, and it seals nothing",
            peer->number);
}

/* The peer has gone, or has said that it will send no more: no gate keeps it for longer than that. */
static void look_at_gone(const struct world *world, const struct link *link, struct sim_peer *peer)
{
    const struct sim_pipe *pipe = pipe_of(&link->stream.socket);
    uint64_t end_ns = pipe_end_ns(pipe), limit_ns = GONE_NS;
    bool broken = pipe->in.end == FLOW_BROKEN;
    uint8_t gates = broken ? GATES_WATCHED : GATES_BOUNDED;
    if (end_ns == UINT64_MAX || link->stream.state != STREAM_OPEN || !(link->gates & gates) ||
        wheel_next_ns(&link->home->wheel) <= world->now_ns) {
        peer->gone_ns = 0;
        return;
    }
    if (!broken) limit_ns += world->drain_ns_max;
    if (link->gated_ns != peer->gated_ns || peer->gone_ns == 0) {
        peer->gated_ns = link->gated_ns;
        peer->gone_ns = world->now_ns;
        peer->gone_stalled_ns = world->stalled_ns;
    }
    uint64_t kept_ns = world->now_ns - peer->gone_ns;
    /* A worker that wakes late leaves as much of its wait out, too. */
    promise(kept_ns <= limit_ns + 2 * (world->stalled_ns - peer->gone_stalled_ns),
            "peer %u has %s, and is kept for %.3f s", peer->number,
            broken ? "gone" : "ended its stream", (double)kept_ns / 1e9);
}

/* It went on in this turn, and after what was sent at its end it waits again. */
static bool begins_anew(const struct link *link, const struct sim_peer *peer)
{
    return link->starved_ns >= peer->looked_ns &&
           pipe_of(&link->stream.socket)->told_ns == port_now(link->home->streams.port);
}

/* Its encryption's memory is counted; this is less than what there is of it once it is open. */
enum { TLS_OPEN_BYTES = 12 << 10 };

static size_t encrypted_bytes(const struct link *link)
{
    const struct filter *filter = link->stream.inbox.filter;
    const struct filter_source *source = sim_world->swarm.config.listeners[link->listener].filter;
    bool is_encrypted = filter != NULL && tls_run_owns(&sim_world->tls, source);
    return is_encrypted && filter->state == FILTER_OPEN ? TLS_OPEN_BYTES : 0;
}

static void look_at_links(struct world *world, const struct link_home *home)
{
    size_t encrypted = 0;
    const struct list *head = &home->table.live;
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, entry.node);
        struct sim_peer *peer = peer_at(link);
        bool draining = is_draining(link), is_opening = link->stream.state == STREAM_OPENING;
        bool unsealed = /* its filter waits for memory */
            link->stream.inbox.filter != NULL && !list_empty(&link->stream.touched);
        promise(link->stream.state == STREAM_CLOSING || list_empty(&link->stream.closing),
                "peer %u: it is to be closed, and is not closing", peer->number);
        promise(link->stream.outbox.pending == 0 || link->stream.socket.sending || unsealed ||
                    link->stream.state == STREAM_CLOSING,
                "peer %u: %zu bytes are queued, and none is being sent", peer->number,
                link->stream.outbox.pending);
        promise(link->stream.inbox.filter == NULL || !link->stream.inbox.filter->has_wire ||
                    link->stream.socket.sending || unsealed ||
                    (link->stream.state != STREAM_OPEN && !is_opening),
                "peer %u: its filter has something to say, and nothing is sent", peer->number);
        promise(link->stream.socket.sending || !draining || is_shut(link) || unsealed,
                "peer %u: all is sent, and it was not told so", peer->number);
        bool wanted =
            ((link->stream.state == STREAM_OPEN || is_opening) && link->gates == 0) || draining;
        promise(!wanted || link->stream.ended || link->stream.socket.receiving,
                "peer %u: nothing is received from it", peer->number);
        promise(wanted || !link->stream.socket.receiving || link->stream.socket.stopping,
                "peer %u: its bytes are received, and nobody wants them", peer->number);
        promise(!(link->gates & GATE_SLOW) || link->drain != LINK_DRAIN_NONE ||
                    link->stream.state == STREAM_CLOSING,
                "peer %u: it is to read first, and nobody will see when it has", peer->number);
        promise(link->drain == LINK_DRAIN_NONE || link->stream.outbox.pending > 0 ||
                    !list_empty(&link->woken) || link->stream.state != STREAM_OPEN ||
                    link->gates & GATE_DECIDING,
                "peer %u: all that was queued has gone, and nobody is told", peer->number);
        promise(link->gates & (GATE_STARVED | GATE_QUEUED) ||
                    (is_opening && !list_empty(&link->woken)) ||
                    (list_empty(&link->stream.inbox.parked) &&
                     (link->stream.inbox.filter == NULL ||
                      list_empty(&link->stream.inbox.filter->wire))),
                "peer %u: it keeps blocks of the port's, and waits", peer->number);
        bool is_deaf = /* others that wait keep all that can be received into */
            link_home_starving(home) && port_sim_of(home->streams.port)->landing.free_count == 0;
        bool waits = link->gates & (GATE_STARVED | GATE_QUEUED); /* for memory, or for others */
        peer->starves = peer->starves || waits || unsealed || is_deaf;
        if (!(link->gates & GATE_STARVED))
            peer->starved_ns = 0;
        else if (peer->starved_ns == 0 || begins_anew(link, peer)) /* a turn may harvest twice */
            peer->starved_ns =
                link->starved_ns > peer->looked_ns ? link->starved_ns : peer->looked_ns;
        promise(peer->starved_ns == 0 || (link->starved_ns == peer->starved_ns &&
                                          link->starved_ns <= link_home_now(home)),
                "peer %u: it does not wait since it does", peer->number);
        peer->looked_ns = link_home_now(home);
        promise(link_silent_ns(link) <= port_now(home->streams.port) - link->connected_ns &&
                    link->stream.input_ns <= link->stream.received_ns,
                "peer %u: it has been silent for %.3f s", peer->number,
                (double)link_silent_ns(link) / 1e9);
        look_at_end(world, link, peer);
        look_at_last(world, link, peer);
        look_at_idle(world, link, peer);
        look_at_opening(world, link, peer);
        look_at_unsealed(link, peer);
        look_at_gone(world, link, peer);
        ws_model_look(link, peer);
        encrypted += encrypted_bytes(link);
    }
    promise(budget_used(&home->streams.budget) >= encrypted,
            "the budget counts %zu bytes, and encryption takes %zu",
            budget_used(&home->streams.budget), encrypted);
}

/* Those who have waited longest stand in front. */
static void look_at_starved(const struct link_home *home)
{
    uint64_t before_ns = 0;
    const struct list *head = &home->starved;
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, starved);
        promise(link->gates & GATE_STARVED, "peer %u: it has got memory, and waits for some",
                peer_at(link)->number);
        promise(link->starved_ns >= before_ns, "peer %u: it waits behind others who came later",
                peer_at(link)->number);
        before_ns = link->starved_ns;
    }
}

/* Only so many handshakes go on at once, and none waits while there is a place. */
static void look_at_queued(const struct link_home *home)
{
    uint32_t shaking = 0;
    const struct list *live = &home->table.live, *head = &home->queued;
    for (const struct list *node = live->next; node != live; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, entry.node);
        const struct filter *filter = link->stream.inbox.filter;
        shaking += filter != NULL && filter->counts;
        promise(!(link->gates & GATE_QUEUED) || link->stream.state == STREAM_OPENING,
                "peer %u: it waits for a place, and has none to wait for", peer_at(link)->number);
    }
    promise(shaking == home->shaking, "%u handshakes go on, and %u are counted", shaking,
            home->shaking);
    promise(list_empty(head) || shaking >= home->limits.handshakes,
            "a handshake waits, and %u of %u go on", shaking, home->limits.handshakes);
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, starved);
        promise(link->gates & GATE_QUEUED, "peer %u: it has a place, and waits for one",
                peer_at(link)->number);
        for (const struct list *wire = link->stream.inbox.filter->wire.next;
             wire != &link->stream.inbox.filter->wire; wire = wire->next)
            promise(block_of((struct list *)wire)->pool == &home->streams.blocks,
                    "peer %u: it waits in a block of the port's", peer_at(link)->number);
    }
}

/* Blocks that are there are given to those who wait for them. */
static void look_at_waiting(const struct world *world, uint32_t index)
{
    const struct worker *worker = &world->server->workers[index];
    const struct link_home *home = &worker->home;
    bool are_back = home->streams.blocks.free_count >= 2 * home->blocks_low;
    promise(!link_home_starving(home) || !are_back || worker_next_ns(worker) <= world->now_ns,
            "worker %u: it has paused receiving, and %u of %u blocks are free", index,
            home->streams.blocks.free_count, home->streams.blocks.total);
}

static void look_at_load(const struct world *world)
{
    uint32_t load = 0, most = world->server->config.max_connections;
    for (uint32_t i = 0; i < world->server->worker_count; i++)
        load += atomic_load(&world->server->workers[i].home.load);
    promise(load <= most, "%u connections, and at most %u may be", load, most);
}

/* A reload may leave more than the limit, where coroutines of older code still wait; it gets no more then. */
static void look_at_lua(struct world *world, const struct runtime *runtime, uint32_t worker)
{
    const struct heap *heap = &runtime->state.heap;
    size_t *seen = &world->lua_seen[worker];
    uint64_t *generation = &world->lua_generation[worker];
    bool is_new = *generation != code_generation(runtime);
    promise(heap->limit == 0 || heap->used <= heap->limit || heap->used <= *seen || is_new,
            "worker %u: Lua has %zu bytes of %zu", worker, heap->used, heap->limit);
    *seen = heap->used;
    *generation = code_generation(runtime);
}

/* Timers judge that nothing has come: so all that had come by their time was heard. */
static void look_at_unheard(const struct world *world, const struct wheel *wheel)
{
    const struct wheel_timer *timer = container_of(wheel->due.next, struct wheel_timer, node);
    uint64_t due_ns = timer->due_tick * WHEEL_TICK_NS;
    for (uint32_t i = 0; i < world->peer_count; i++) {
        const struct sim_pipe *pipe = &world->peers[i].pipe;
        if (pipe->socket == NULL) continue;
        const struct link *link = link_of(stream_of(pipe->socket));
        promise(&link->home->wheel != wheel || !pipe_unheard(pipe, due_ns),
                "peer %u: a timer fires, and what it had sent was not heard",
                world->peers[i].number);
    }
}

bool __real_wheel_fire(struct wheel *wheel);
bool __wrap_wheel_fire(struct wheel *wheel)
{
    if (!list_empty(&wheel->due)) look_at_unheard(sim_world, wheel);
    return __real_wheel_fire(wheel);
}

void oracle_look(struct world *world, uint32_t worker)
{
    const struct worker *itself = &world->server->workers[worker];
    const struct link_home *home = &itself->home;
    const struct runtime *runtime = world->runtimes[worker];
    promise(itself->unread == NULL || worker_next_ns(itself) <= world->now_ns,
            "worker %u: mail waits, and it does not come back to it", worker);
    promise(!world->told_end || itself->draining || itself->drain_mail_ns != 0,
            "worker %u: the end was asked for before this turn, and it has not heard of that",
            worker);
    size_t used = budget_used(&home->streams.budget), *seen = &world->budget_seen[worker];
    world->ran_low = world_is_low(world);
    promise(used <= home->streams.budget.limit || used <= *seen,
            "worker %u: %zu bytes of its budget of %zu are used", worker, used,
            home->streams.budget.limit);
    *seen = used;
    promise(world->server->groups.used <= world->server->groups.limit, "groups: over their limit");
    if (runtime != NULL) look_at_lua(world, runtime, worker);
    look_at_links(world, home);
    look_at_starved(home);
    look_at_queued(home);
    look_at_waiting(world, worker);
    look_at_load(world);
    counts_look(world, worker);
}

static void check_hits(const struct world *world)
{
    struct shared_value value = {.type = SHARED_INTEGER, .integer = 0};
    shared_get(world->program.shared, span_text("hits"), 1, &value, span_of(NULL, 0));
    promise(world->memory_failed || (uint64_t)value.integer == world->hits,
            "%lld requests to count were counted, %llu were handed on", (long long)value.integer,
            (unsigned long long)world->hits);
}

void oracle_all_home(struct world *world)
{
    for (uint32_t i = 0; i < world->server->config.workers; i++) {
        const struct link_home *home = &world->server->workers[i].home;
        const struct sim_port *port = world->ports[i];
        promise(home->table.live_count == 0, "worker %u: %u links are not home", i,
                home->table.live_count);
        promise(home->streams.blocks.free_count == home->streams.blocks.total &&
                    home->streams.blocks.grown_count == 0,
                "worker %u: of %u blocks %u are home, and %u were grown", i,
                home->streams.blocks.total, home->streams.blocks.free_count,
                home->streams.blocks.grown_count);
        promise(port->landing.free_count == port->landing.total,
                "worker %u: of %u blocks to receive into %u are home", i, port->landing.total,
                port->landing.free_count);
        promise(home->streams.parked_blocks == 0, "worker %u: %u blocks are parked", i,
                home->streams.parked_blocks);
        promise(budget_used(&home->streams.budget) == 0, "worker %u: %zu bytes are not given back",
                i, budget_used(&home->streams.budget));
        promise(atomic_load(&home->load) == 0, "worker %u: a load of %u, and no links", i,
                atomic_load(&home->load));
        promise(!link_home_starving(home), "worker %u: starving, with all blocks home", i);
        promise(list_empty(&home->starved) && list_empty(&home->woken) &&
                    list_empty(&home->streams.touched),
                "worker %u: links that are gone wait for something", i);
    }
    check_hits(world);
}
