#include "world.h"

#include "api/channels.h"
#include "api/lua_api.h"
#include "api/shared.h"
#include "base/pages.h"
#include "exchange.h"
#include "jobs/jobs.h"
#include "oracle.h"
#include "run/failure.h"
#include "run/script_errors.h"
#include "server/worker_mail.h"

#include <string.h>

struct world *sim_world;

#define TIME_BEGINS SECOND
#define JUMP_NS_MAX (600 * SECOND)
#define BUSY_NS_MAX SECOND
#define LONG_TURN_NS_MAX (30 * SECOND)
#define CALL_NS_MAX (2 * SECOND)
#define SERVES_NS (120 * SECOND)
#define SHARED_MEMORY (64 << 20)
#define CALM_NS (300 * SECOND)

const struct faults *world_faults(void)
{
    static const struct faults none;
    return sim_world->calm || !sim_world->serves ? &none : &sim_world->swarm.faults;
}

bool world_is_low(const struct world *world)
{
    bool low = world->swarm.scarce || world->ran_low;
    for (uint32_t i = 0; i < world->server->worker_count; i++) {
        const struct link_home *home = &world->server->workers[i].home;
        low = low || link_home_starving(home) || !list_empty(&home->starved) ||
              !list_empty(&home->streams.unsealed);
    }
    return low;
}

/* ---- turns ---- */

enum turn_kind { TURN_CONTROL, TURN_WORKER, TURN_JOB, TURN_PEER_ACTS, TURN_PEER_READS };

struct turn {
    enum turn_kind kind;
    uint32_t index;
};

static bool worker_is_up(const struct world *world, uint32_t index)
{
    return world->runtimes[index] != NULL || world->server->workers[index].phase > WORKER_NEW;
}

static bool worker_is_ready(const struct world *world, uint32_t index)
{
    const struct worker *worker = &world->server->workers[index];
    if (world->ended[index] || !worker_is_up(world, index)) return false;
    if (world->ports[index]->busy_until > world->now_ns) return false;
    if (!worker_goes_on(worker)) return true;
    return port_sim_ready(world->ports[index]) || worker_next_ns(worker) <= world->now_ns;
}

static int list_turns(struct world *world, struct turn *turns)
{
    const struct server *server = world->server;
    int count = 0;
    if (port_sim_ready(port_sim_of(server->port)) || server->retry_ns <= world->now_ns)
        turns[count++] = (struct turn){TURN_CONTROL, 0};
    for (uint32_t i = 0; i < server->worker_count; i++)
        if (worker_is_ready(world, i)) turns[count++] = (struct turn){TURN_WORKER, i};
    if (jobs_figures(world->program.jobs).queued > 0) turns[count++] = (struct turn){TURN_JOB, 0};
    for (uint32_t i = 0; i < world->peer_count; i++) {
        const struct sim_peer *peer = &world->peers[i];
        if (peer->next_ns <= world->now_ns) turns[count++] = (struct turn){TURN_PEER_ACTS, i};
        if (peer_readable(peer)) turns[count++] = (struct turn){TURN_PEER_READS, i};
    }
    return count;
}

static void excuse_all(struct world *world, uint64_t duration_ns)
{
    world->stalled_ns += duration_ns;
    for (uint32_t i = 0; i < world->peer_count; i++) peer_excuse(&world->peers[i], duration_ns);
}

static void keep_busy(struct world *world, uint32_t index, uint64_t duration_ns)
{
    world->ports[index]->busy_until = world->now_ns + duration_ns;
    excuse_all(world, duration_ns);
}

/* Workers come late to it: they are in a call that takes long. */
static void tell_end(struct world *world)
{
    struct server *server = world->server;
    bool calls = world_faults()->busy > 0;
    listeners_strike(world, world_faults()->listener > 0 ? 500 : 0); /* at the last moment */
    world->serves = false;
    world->told_end = true;
    world->told_end_ns = world->now_ns;
    trace_note("the end is asked for");
    server_stop_listening(server);
    listeners_ended(world);
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (calls && !world->ended[i] && draw_chance(&world->draw, 500))
            keep_busy(world, i, draw_below(&world->draw, CALL_NS_MAX));
        worker_drain(&server->workers[i]);
    }
}

static void control_turn(struct world *world)
{
    struct server *server = world->server;
    server_turn(server);
    listeners_look(world);
    counts_look_at_all(world);
    if (server->ending && !world->told_end) tell_end(world);
    if (server->aborting && !world->told_abort) {
        world->told_abort = true;
        for (uint32_t i = 0; i < server->worker_count; i++) worker_abort(&server->workers[i]);
    }
}

static void take_worker_turn(struct world *world, uint32_t index)
{
    struct worker *worker = &world->server->workers[index];
    if (!worker_goes_on(worker)) {
        trace_note("worker %u ends", index);
        worker_end(worker);
        world->runtimes[index] = NULL;
        world->ended[index] = true;
        return;
    }
    if (draw_chance(&world->draw, world_faults()->busy)) {
        keep_busy(world, index, draw_below(&world->draw, BUSY_NS_MAX));
        return;
    }
    trace_note("worker %u", index);
    world->turn_ns = world->now_ns;
    counts_turn_begins(&world->counts.workers[index]);
    worker_turn(worker);
    counts_turn_ended(&world->counts.workers[index], world->now_ns - world->turn_ns);
    world->ports[index]->rests_ns = world->now_ns;
    if (worker->phase == WORKER_FAILED) world->runtimes[index] = NULL;
    oracle_look(world, index);
}

static void take_turn(struct world *world, struct turn turn)
{
    switch (turn.kind) {
    case TURN_CONTROL: control_turn(world); return;
    case TURN_WORKER: take_worker_turn(world, turn.index); return;
    case TURN_JOB:
        trace_note("a job");
        jobs_step(world->program.jobs);
        return;
    case TURN_PEER_ACTS: peer_act(&world->peers[turn.index]); return;
    case TURN_PEER_READS: peer_read(&world->peers[turn.index]); return;
    }
}

uint64_t world_taken_ns(const struct world *world, const struct sim_port *port)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (world->ports[i] == port) return world->taken_ns[i];
    return 0;
}

/* ---- the clock ---- */

static uint64_t next_ns(const struct world *world)
{
    const struct server *server = world->server;
    uint64_t next = earlier(server->retry_ns, port_sim_next_ns(port_sim_of(server->port)));
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (world->ended[i] || !worker_is_up(world, i)) continue;
        uint64_t worker_ns = worker_next_ns(&server->workers[i]);
        uint64_t busy_ns = world->ports[i]->busy_until;
        next = earlier(next, worker_ns > busy_ns ? worker_ns : busy_ns);
        next = earlier(next, port_sim_next_ns(world->ports[i]));
    }
    if (world->serves && !world->versions.reloading)
        next = earlier(next, world->trials.probation.look_ns);
    for (uint32_t i = 0; i < world->peer_count; i++) {
        const struct sim_peer *peer = &world->peers[i];
        next = earlier(next, peer->next_ns);
        if (!peer->over && !peer->pipe.deaf)
            next = earlier(next, flow_next_ns(&peer->pipe.out, world->now_ns));
    }
    return next;
}

/* What one client has to do next, and when. */
static uint64_t peer_next_ns(const struct world *world, const struct sim_peer *peer)
{
    if (peer_readable(peer)) return world->now_ns;
    uint64_t next = peer->next_ns;
    if (!peer->over && peer->connected && !peer->pipe.deaf)
        next = earlier(next, flow_next_ns(&peer->pipe.out, world->now_ns));
    return next;
}

void world_take_time(struct world *world, uint32_t worker)
{
    if (!draw_chance(&world->draw, world_faults()->long_turn)) return;
    uint64_t begun_ns = world->now_ns,
             until_ns = begun_ns + draw_below(&world->draw, LONG_TURN_NS_MAX);
    trace_note("a handler takes until %.3f s", (double)until_ns / 1e9);
    for (;;) {
        struct sim_peer *first = NULL;
        uint64_t first_ns = until_ns;
        for (uint32_t i = 0; i < world->peer_count; i++) {
            uint64_t peer_ns = peer_next_ns(world, &world->peers[i]);
            if (peer_ns >= first_ns) continue;
            first = &world->peers[i];
            first_ns = peer_ns;
        }
        if (first == NULL) break;
        if (first_ns > world->now_ns) world->now_ns = first_ns;
        if (peer_readable(first))
            peer_read(first);
        else if (first->next_ns <= world->now_ns)
            peer_act(first);
    }
    world->now_ns = until_ns;
    uint64_t duration_ns = until_ns - begun_ns;
    if (duration_ns > LINK_GAP_MS * MILLISECOND)
        world->taken_ns[worker] += duration_ns - LINK_TURN_LONG_MS * MILLISECOND;
    excuse_all(world, duration_ns);
}

static void progress(struct world *world)
{
    for (uint32_t i = 0; i < world->server->worker_count; i++)
        if (!world->ended[i] && world->ports[i] != NULL) port_sim_progress(world->ports[i]);
    for (uint32_t i = 0; i < world->peer_count; i++) peer_await(&world->peers[i]);
}

static void jump(struct world *world)
{
    uint64_t duration_ns = draw_below(&world->draw, JUMP_NS_MAX);
    trace_note("the clock jumps");
    world->now_ns += duration_ns;
    excuse_all(world, duration_ns);
}

/* What happens to a server at any moment. */
static void strike(struct world *world)
{
    const struct faults *faults = world_faults();
    if (draw_chance(&world->draw, faults->jump)) jump(world);
    if (draw_chance(&world->draw, faults->drain)) server_drain(world->server);
    if (draw_chance(&world->draw, faults->abort)) server_abort(world->server);
    if (draw_chance(&world->draw, faults->reload)) versions_reload(world);
    listeners_strike(world, faults->listener);
    if (draw_chance(&world->tls.draw, world->serves ? world->tls.changes_rate : 0))
        tls_run_change(&world->tls);
}

bool world_step(struct world *world)
{
    struct turn turns[2 + WORKERS_MAX + 2 * PEERS_MAX];
    promise(++world->steps < STEPS_MAX, "in %u steps it has not come to rest", STEPS_MAX);
    if (!world->versions.reloading && trials_look(world)) return true;
    progress(world);
    int count = list_turns(world, turns);
    if (count == 0) {
        uint64_t next = next_ns(world);
        if (next == UINT64_MAX) return false;
        if (next > world->now_ns) world->now_ns = next;
        return true;
    }
    take_turn(world, turns[draw_below(&world->draw, (uint64_t)count)]);
    world->now_ns += draw_below(&world->draw, 20 * MICROSECOND);
    strike(world);
    return true;
}

/* ---- what the port reports ---- */

void world_torn(struct sim_pipe *pipe)
{
    peer_of(pipe)->garbled = true;
}

/* Its encryption has failed: what was queued for it then cannot be read any more. */
static bool is_broken(const struct sim_pipe *pipe)
{
    bool may_be = pipe->torn || sim_world->memory_failed || world_is_low(sim_world);
    return pipe->cover != NULL && pipe->cover->tells_end && may_be;
}

/* Whoever was let in, or was to be answered, has heard from the filter that this is the end. */
static void promise_farewell(const struct sim_peer *peer)
{
    const struct cover *cover = peer->pipe.cover;
    if (cover == NULL || cover->lifted || cover->farewell || cover->refused) return;
    bool let_in = cover->open || (cover->tells_end && peer->stage != STAGE_NEW);
    bool excused = cover->tells_end && (sim_world->memory_failed || world_is_low(sim_world) ||
                                        (cover->alien && sim_world->told_end));
    promise(!let_in || excused,
            "peer %u is told that no more will come, and its filter has not said farewell",
            peer->number);
}

void world_shut(struct sim_pipe *pipe)
{
    const struct sim_peer *peer = peer_of(pipe);
    promise_farewell(peer);
    promise(peer->queued == pipe->sent || is_broken(pipe),
            "peer %u is told that no more will come, and got %llu of %zu bytes", peer->number,
            (unsigned long long)pipe->sent, peer->queued);
}

/* Closed with a reason that lets it have all that was queued for it? */
static bool owes_all(const struct world *world, const struct sim_peer *peer)
{
    static const char *const reasons[] = {"eof",      "idle", "framing",  "script",   "error",
                                          "oversize", "bye",  "shutdown", "truncated"};
    /* What a turn takes longer than a part of it is not counted (LINK_GAP_MS). */
    uint64_t counted_ns = world->now_ns - peer->draining_ns + LINK_TURN_LONG_MS * WHEEL_TICK_NS;
    bool late = peer->draining_ns != 0 && counted_ns >= world->drain_ns;
    if (world->told_end && world->now_ns - world->told_end_ns >= world->drain_ns) late = true;
    if (late || peer->pipe.failed || world->server->aborting || world_is_low(world)) return false;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(peer->reason, reasons[i]) == 0) return true;
    return false;
}

void world_closed(struct sim_pipe *pipe)
{
    const struct sim_peer *peer = peer_of(pipe);
    promise(!owes_all(sim_world, peer) || peer->queued == pipe->sent || is_broken(pipe),
            "peer %u is closed (%s) with %llu of %zu bytes sent", peer->number, peer->reason,
            (unsigned long long)pipe->sent, peer->queued);
}

/* ---- the beginning and the end ---- */

/* Large blocks are few: what needs one has to do without. */
static void take_large(struct world *world, uint32_t index)
{
    struct block_pool *large = &world->server->workers[index].home.streams.large;
    struct block *block;
    while ((block = block_take(large)) != NULL) list_append(&world->large[index], &block->node);
}

static void give_large(struct world *world)
{
    struct list *node;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        while ((node = list_take_first(&world->large[i])) != NULL) block_give(block_of(node));
}

static bool open_worker(struct world *world, uint32_t index)
{
    struct server *server = world->server;
    const struct port_options options = {.landing_blocks = world->swarm.landing_blocks,
                                         .landing_size = world->swarm.landing_size,
                                         .recv_depth = server->config.recv_depth};
    struct port *port = port_sim_open(&options);
    if (port == NULL) return false;
    server_setup_worker(server, index);
    server->workers[index].setup.port = port;
    server->worker_count++;
    bool opened = worker_open(&server->workers[index]);
    server->workers[index].home.look_every = 2; /* turns are short here */
    if (opened) world->ports[index] = port_sim_of(port);
    if (opened && world->swarm.no_large) take_large(world, index);
    return opened;
}

static bool open_workers(struct world *world)
{
    for (uint32_t i = 0; i < world->server->config.workers; i++)
        if (!open_worker(world, i)) return false;
    world->server->workers_open = true;
    return true;
}

static void end_workers(struct world *world, bool begun)
{
    struct server *server = world->server;
    while (begun && server->workers_ended < server->worker_count)
        promise(world_step(world), "the server does not end");
    server->workers_open = false;
    for (uint32_t i = 0; i < server->worker_count; i++) worker_drop_unread(&server->workers[i]);
    give_large(world);
    for (uint32_t i = 0; i < server->worker_count; i++) worker_close(&server->workers[i]);
    server->worker_count = 0;
}

/* All have started; false if one has failed. */
static bool begin_workers(struct world *world)
{
    struct server *server = world->server;
    bool failed = false, waits = true;
    for (uint32_t i = 0; i < server->worker_count; i++) worker_begin(&server->workers[i]);
    while (waits && !failed) {
        waits = false;
        for (uint32_t i = 0; i < server->worker_count; i++) {
            failed = failed || server->workers[i].phase == WORKER_FAILED;
            waits = waits || server->workers[i].phase == WORKER_OPENED;
        }
        if (waits && !failed) promise(world_step(world), "the start never ends");
    }
    return !failed;
}

static void open_peers(struct world *world)
{
    uint32_t count = world->swarm.peers;
    uint32_t healthy = (uint32_t)draw_below(&world->draw, 3);
    for (; world->peer_count < count + healthy; world->peer_count++)
        peer_open(&world->peers[world->peer_count], world->peer_count, world->peer_count >= count);
}

static bool all_over(const struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++)
        if (!world->peers[i].over) return false;
    return true;
}

static bool all_released(const struct world *world)
{
    for (uint32_t i = 0; i < world->server->worker_count; i++)
        if (atomic_load(&world->server->workers[i].home.load) > 0) return false;
    return all_over(world);
}

/* Whoever is still there says no more and hears all: in the end everything is home. */
static void come_home(struct world *world)
{
    uint64_t latest_ns = world->now_ns + CALM_NS;
    trace_note("calm");
    world->calm = true;
    allocations.permille = 0;
    for (uint32_t i = 0; i < world->peer_count; i++) peer_calm(&world->peers[i]);
    if (world->memory_failed)
        versions_reload(world); /* which ends the pauses that nothing else may */
    while (!all_released(world) && !world->told_end) {
        promise(world->now_ns < latest_ns, "not all connections end when their peers have");
        promise(world_step(world), "nothing happens any more, and not all connections are over");
    }
    latest_ns = world->now_ns + 3 * SECOND;
    while (world->now_ns < latest_ns && !world->told_end) world_step(world);
    if (world->told_end) return;
    exchange_settled(world);
    counts_look_at_all(world);
    oracle_all_home(world);
    broadcasts_all_heard(world);
}

static void serve(struct world *world)
{
    uint64_t latest_ns = world->now_ns + SERVES_NS;
    world->serves = true;
    allocations.permille = world->swarm.faults.no_memory;
    open_peers(world);
    while (!all_over(world) && world->now_ns < latest_ns && !world->told_end) world_step(world);
    allocations.permille = 0;
    if (!world->told_end) come_home(world);
}

static void take_error(const struct world *world, struct error *error)
{
    const struct server *server = world->server;
    *error = server->error;
    for (uint32_t i = 0; i < server->worker_count; i++)
        if (server->workers[i].phase == WORKER_FAILED) *error = server->workers[i].error;
    promise(error->kind != ERROR_NONE && error->text[0] != '\0', "it says not why it fails");
}

static bool start(struct world *world, struct error *error)
{
    struct server *server = world->server =
        server_make(&world->swarm.config, &world->script, error);
    const struct port_options no_sockets = {.landing_blocks = 0};
    if (server == NULL) return false;
    server->port = port_sim_open(&no_sockets);
    if (server->port == NULL) goto no_port;
    bool begun = false;
    if (!open_workers(world)) goto failed;
    begun = true;
    server->started_ns = world->now_ns;
    if (begin_workers(world) && server_listen(server)) {
        server_take_orders(server);
        atomic_store(&server->active, true);
        return true;
    }
    take_error(world, error);
    for (uint32_t i = 0; i < server->worker_count; i++) worker_drain(&server->workers[i]);
failed:
    end_workers(world, begun);
    port_close(server->port);
no_port:
    server_free(server);
    return false;
}

static void stop(struct world *world)
{
    server_drain(world->server);
    end_workers(world, true);
    port_close(world->server->port);
    server_free(world->server);
}

static bool open_shared(struct world *world)
{
    struct program *program = &world->program;
    const struct job_setup setup = {
        .open = lua_job_open_server, .may_log = failure_of_job_may_log, .context = program};
    const struct jobs_limits limits = {.threads = 1, .queue = JOB_QUEUE};
    program->shared = shared_open(SHARED_MEMORY);
    program->channels = channels_open();
    program->meters = meters_open(WORKERS_MAX);
    program->errors = script_errors_open();
    program->jobs = jobs_open(&setup, &limits, true);
    return program->shared != NULL && program->channels != NULL && program->meters != NULL &&
           program->errors != NULL && program->jobs != NULL;
}

static void close_shared(struct world *world)
{
    promise(jobs_close(world->program.jobs), "a job does not return");
    channels_close(world->program.channels);
    script_errors_close(world->program.errors);
    meters_close(world->program.meters);
    shared_close(world->program.shared);
}

static void run_server(struct world *world)
{
    struct error error = {.kind = ERROR_NONE};
    exchange_begin();
    if (!open_shared(world)) {
        promise(world->memory_failed, "no memory for what workers share");
    } else if (start(world, &error)) {
        serve(world);
        stop(world);
    } else {
        trace_note("it does not start: %s", error.text);
        promise(world->memory_failed, "it does not start: %s", error.text);
    }
    close_shared(world);
}

/* A healthy client was answered, unless the run had reasons to turn it away, or was too short. */
static void promise_answered(const struct world *world, const struct sim_peer *peer)
{
    const struct faults *faults = &world->swarm.faults;
    bool excused = world->memory_failed || world->swarm.scarce || world->ran_low || peer->raw ||
                   peer->failed || faults->attach > 0 || faults->accept > 0 || faults->jump > 0 ||
                   faults->drain > 0 || faults->abort > 0;
    promise(!peer->healthy || excused || peer->answered > 0 || peer->pipe.turned_away,
            "peer %u, which is healthy, was never answered", peer->number);
}

void world_run(struct world *world, uint64_t seed, const struct source *scripts)
{
    *world = (struct world){.now_ns = TIME_BEGINS, .draw = draw_begin(seed, 0)};
    struct draw swarm_draws = draw_begin(seed, 1), memory_draws = draw_begin(seed, 2);
    int64_t live = allocations.live;
    sim_world = world;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) list_init(&world->large[i]);
    pages_keep(seed % 4 * 64 * 1024);
    swarm_draw(&world->swarm, &swarm_draws);
    tls_run_begin(&world->tls, seed, &world->swarm.config);
    if (world->tls.is_on && draw_chance(&world->tls.draw, 250))
        world->swarm.faults.no_memory = (uint16_t)draw_size(&world->tls.draw, 200);
    world->memory_failed = world->swarm.lua_scarce;
    world->drain_ns = world->drain_ns_max = world->swarm.config.drain_timeout_ns;
    world->soft_mark_max = world->swarm.config.soft_mark;
    world->versions.scripts = scripts;
    world->program = (struct program){.plan = versions_first(world),
                                      .api = &lua_api,
                                      .memory_max = world->swarm.lua_memory,
                                      .keeps_failed = world->swarm.keeps,
                                      .sandbox = draw_chance(&world->draw, 500)};
    world->script = oracle_script(&world->program);
    trials_model_open(world);
    allocations = (struct allocations){
        .fail_at = world->swarm.fail_at, .live = allocations.live, .draw = &memory_draws};
    run_server(world);
    allocations.fail_at = 0;
    allocations.draw = NULL;
    for (uint32_t i = 0; i < world->peer_count; i++) {
        const struct sim_peer *peer = &world->peers[i];
        promise_answered(world, peer);
        promise(!peer->connected || peer->pipe.closed, "peer %u is left open", peer->number);
        promise(peer->lua_connects == peer->lua_disconnects || world->memory_failed,
                "peer %u: the script saw it come %u times, and go %u times", peer->number,
                peer->lua_connects, peer->lua_disconnects);
        peer_free(&world->peers[i]);
    }
    trials_model_close(world);
    versions_close(world);
    tls_run_end(&world->tls);
    promise(allocations.live == live, "%lld allocations were not freed",
            (long long)(allocations.live - live));
    sim_world = NULL;
}
