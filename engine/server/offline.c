#include "server/offline.h"

#include "base/least.h"
#include "port/port_memory.h"
#include "server/server_control.h"
#include "server/worker_mail.h"

#define SECOND UINT64_C(1000000000)
#define TIME_BEGINS SECOND /* not 0, which a script may take to mean no time */
#define START_PATIENCE (3600 * SECOND)

enum { TURNS_MAX = 1000000, FIRST_CLIENT_PORT = 49152, CLIENT_PORTS = 16384 };

struct offline {
    struct server *server; /* has no control thread, but a port for that thread's mail */
    struct worker **team;
    uint32_t count; /* of the team */
    struct list peers;
    struct list forgotten; /* peers to be freed when their connections are gone */
    uint32_t readers;      /* peers with one */
    uint32_t connects;     /* ever made: determines the clients' port numbers */
    bool told_drain, told_abort;
    uint32_t ended_count;
    bool ended[CONFIG_WORKERS_MAX]; /* by the worker's index */
};

struct offline_peer {
    struct memory_peer memory;
    struct offline *offline;
    struct list node; /* in peers or in forgotten */
    uint64_t id;
    const struct frame *frame; /* the listener's; when the connection is gone, its last one */
    struct frame last;         /* a copy of that, if it is another: the script may drop its own */
    void (*read)(struct offline_peer *peer, void *context);
    void *context; /* of read */
    size_t seen;   /* bytes that are there and were when it was called last */
    bool seen_end; /* ... and whether the server had ended */
};

static struct offline_peer *peer_of(struct memory_peer *memory)
{
    return container_of(memory, struct offline_peer, memory);
}

static struct offline_peer *peer_in(struct list *node)
{
    return container_of(node, struct offline_peer, node);
}

/* ---- running ---- */

static void free_peer(struct offline_peer *peer)
{
    list_remove(&peer->node);
    memory_peer_close(&peer->memory);
    free(peer);
}

/* Reads the control thread's mail, as that thread does. */
static void read_control(struct offline *offline)
{
    struct server *server = offline->server;
    server_turn(server);
    for (uint32_t i = 0; i < offline->count; i++) {
        if (server->ending && !offline->told_drain) worker_drain(offline->team[i]);
        if (server->aborting && !offline->told_abort) worker_abort(offline->team[i]);
    }
    offline->told_drain = server->ending;
    offline->told_abort = server->aborting;
}

/* One step of a worker. False if there was nothing to do. */
static bool step_worker(struct offline *offline, uint32_t index)
{
    struct worker *worker = offline->team[index];
    if (worker_goes_on(worker)) {
        bool due = worker_next_ns(worker) <= offline_now(offline);
        if (!due && !port_memory_ready(worker->home.streams.port)) return false;
        worker_turn(worker);
        return true;
    }
    if (offline->ended[index]) return false;
    offline->ended[index] = true;
    if (++offline->ended_count == offline->count) atomic_store(&offline->server->active, false);
    worker_end(worker);
    return true;
}

/* One step of each worker. False if there was nothing to do. */
static bool step(struct offline *offline)
{
    bool any = port_memory_ready(offline->server->port);
    if (any) read_control(offline);
    for (uint32_t i = 0; i < offline->count; i++) any = step_worker(offline, i) || any;
    return any;
}

static void free_forgotten(struct offline *offline)
{
    for (struct list *node = offline->forgotten.next, *next; node != &offline->forgotten;
         node = next) {
        next = node->next;
        if (peer_in(node)->memory.closed) free_peer(peer_in(node));
    }
}

/* False if no peer has anything to read. */
static bool read_peers(struct offline *offline)
{
    bool any = false;
    if (offline->readers == 0) return false;
    for (struct list *node = offline->peers.next; node != &offline->peers; node = node->next) {
        struct offline_peer *peer = peer_in(node);
        size_t size = memory_peer_received(&peer->memory).size;
        bool ended = peer->memory.shut;
        if (peer->read == NULL || (size == peer->seen && ended == peer->seen_end)) continue;
        peer->read(peer, peer->context);
        peer->seen = memory_peer_received(&peer->memory).size;
        peer->seen_end = ended;
        any = true;
    }
    return any;
}

bool offline_run(struct offline *offline)
{
    int turns = 0;
    while (turns < TURNS_MAX && (step(offline) || read_peers(offline))) turns++;
    free_forgotten(offline);
    return turns < TURNS_MAX;
}

uint64_t offline_now(const struct offline *offline)
{
    return port_memory_clock(offline->server->port);
}

static void set_clock(struct offline *offline, uint64_t now_ns)
{
    port_memory_set_clock(offline->server->port, now_ns);
    for (uint32_t i = 0; i < offline->count; i++)
        port_memory_set_clock(offline->team[i]->home.streams.port, now_ns);
}

/* When the next timer is due, once all other work is done; UINT64_MAX: never. */
static uint64_t next_ns(const struct offline *offline)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < offline->count; i++)
        if (!offline->ended[i]) next_ns = least_of(next_ns, worker_next_ns(offline->team[i]));
    return next_ns;
}

/* Each port adopts the new time only in a harvest, so every worker takes a turn, even if nothing is due. */
static bool pass_to(struct offline *offline, uint64_t now_ns)
{
    set_clock(offline, now_ns);
    read_control(offline);
    for (uint32_t i = 0; i < offline->count; i++)
        if (worker_goes_on(offline->team[i])) worker_turn(offline->team[i]);
    return offline_run(offline);
}

bool offline_advance(struct offline *offline, uint64_t duration_ns)
{
    uint64_t target_ns = offline_now(offline) + duration_ns;
    if (!offline_run(offline)) return false;
    while (offline_now(offline) < target_ns) {
        uint64_t due_ns = next_ns(offline);
        if (!pass_to(offline, due_ns < target_ns ? due_ns : target_ns)) return false;
    }
    return true;
}

/* ---- start and end ---- */

/* A worker that has not started; NULL: all have. Prefers one that has failed. */
static const struct worker *find_unstarted(const struct offline *offline)
{
    const struct worker *found = NULL;
    for (uint32_t i = 0; i < offline->count; i++) {
        const struct worker *worker = offline->team[i];
        if (worker->phase == WORKER_STARTED) continue;
        if (found == NULL || worker->phase == WORKER_FAILED) found = worker;
    }
    return found;
}

static bool await_start(struct offline *offline, struct error *error)
{
    const struct worker *worker;
    uint64_t latest_ns = offline_now(offline) + START_PATIENCE;
    bool rests = offline_run(offline);
    while ((worker = find_unstarted(offline)) != NULL && worker->phase == WORKER_OPENED && rests &&
           next_ns(offline) <= latest_ns)
        rests = pass_to(offline, next_ns(offline));
    if (worker == NULL) return true;
    if (worker->phase == WORKER_OPENED)
        return error_set(error, ERROR_INPUT,
                         "the start of the script has not come to its end within an hour");
    *error = worker->error;
    return false;
}

/* Works in any state of the workers. */
static void end_workers(struct offline *offline)
{
    server_drain(offline->server);
    while (offline->ended_count < offline->count) {
        bool rests = offline_run(offline);
        if (!rests) server_abort(offline->server); /* it would never come to rest */
        if (rests && offline->ended_count < offline->count) pass_to(offline, next_ns(offline));
    }
    check(offline_run(offline));
    for (uint32_t i = 0; i < offline->count; i++) worker_drop_unread(offline->team[i]);
    for (uint32_t i = 0; i < offline->count; i++) worker_close(offline->team[i]);
}

static void free_peers(struct list *peers)
{
    struct list *node;
    while ((node = list_take_first(peers)) != NULL) {
        check(peer_in(node)->memory.closed);
        free_peer(peer_in(node));
    }
}

/* Each worker gets the whole of the configured blocks (up to BLOCK_COUNT_MAX) and memory. max_connections is for
 * all workers together. */
static struct config for_workers(const struct config *config, uint32_t count)
{
    struct config all = *config;
    all.workers = count;
    if (all.blocks > BLOCK_COUNT_MAX) all.blocks = BLOCK_COUNT_MAX;
    all.blocks *= count;
    all.memory *= count;
    return all;
}

/* Also on failure, offline->count is the number of workers that were opened. */
static bool open_workers(struct offline *offline, struct error *error)
{
    struct server *server = offline->server;
    const struct port_options options = port_worker_options(server->config.recv_depth);
    for (uint32_t i = 0; i < server->config.workers; i++, offline->count++) {
        struct port *port = port_memory_open(&options, TIME_BEGINS, error);
        if (port == NULL) return false;
        server_setup_worker(server, i);
        server->team[i]->setup.port = port;
        if (worker_open(server->team[i])) continue;
        *error = server->team[i]->error;
        return false;
    }
    return true;
}

struct offline *offline_open(const struct config *config, const struct script *script,
                             struct error *error)
{
    return offline_open_team(config, 1, script, error);
}

struct offline *offline_open_team(const struct config *config, uint32_t workers,
                                  const struct script *script, struct error *error)
{
    const struct port_options no_sockets = {.landing_blocks = 0};
    const struct config all = for_workers(config, workers);
    struct offline *offline = calloc(1, sizeof *offline);
    if (offline == NULL) {
        error_set(error, ERROR_SYSTEM, "no memory for a server");
        return NULL;
    }
    list_init(&offline->peers);
    list_init(&offline->forgotten);
    struct server *server = offline->server = server_make(&all, script, error);
    if (server == NULL) goto no_server;
    server->port = port_memory_open(&no_sockets, TIME_BEGINS, error);
    if (server->port == NULL) goto no_control;
    offline->team = server->team;
    if (!open_workers(offline, error)) goto no_workers;
    server->worker_count = offline->count;
    server->started_ns = TIME_BEGINS;
    for (uint32_t i = 0; i < all.listener_count; i++) {
        server->listeners[i].address = all.listeners[i].address;
        server->listeners[i].state = LISTENER_OPEN; /* for offline_connect */
    }
    atomic_store(&server->active, true);
    for (uint32_t i = 0; i < offline->count; i++) worker_begin(offline->team[i]);
    if (await_start(offline, error)) return offline;

    end_workers(offline);
    goto no_port;
no_workers:
    for (uint32_t i = 0; i < offline->count; i++) worker_close(offline->team[i]);
no_port:
    port_close(server->port);
no_control:
    server_free(server);
no_server:
    free(offline);
    return NULL;
}

void offline_close(struct offline *offline)
{
    end_workers(offline);
    free_peers(&offline->peers);
    free_peers(&offline->forgotten);
    port_close(offline->server->port);
    server_free(offline->server);
    free(offline);
}

bool offline_is_active(const struct offline *offline)
{
    return server_is_active(offline->server);
}

struct worker *offline_worker(struct offline *offline)
{
    return offline->team[0];
}

/* ---- clients ---- */

static void note_attached(struct memory_peer *memory)
{
    peer_of(memory)->id = link_id(link_of(stream_of(memory->socket)));
}

static void note_detaching(struct memory_peer *memory)
{
    struct offline_peer *peer = peer_of(memory);
    const struct frame *frame = link_frame(link_of(stream_of(memory->socket)));
    if (frame == peer->frame) return;
    peer->last = *frame;
    peer->frame = &peer->last;
}

/* The address of a client on the same machine. */
static struct address make_address(struct offline *offline, uint32_t index)
{
    struct address address = {.family = offline->server->listeners[index].address.family};
    if (address.family == ADDRESS_UNIX) return address;
    address.port = (uint16_t)(FIRST_CLIENT_PORT + offline->connects % CLIENT_PORTS);
    if (address.family == ADDRESS_IPV6)
        address.ip[15] = 1;
    else
        memcpy(address.ip, (uint8_t[]){127, 0, 0, 1}, 4);
    return address;
}

struct offline_peer *offline_connect(struct offline *offline, uint32_t index,
                                     const struct address *from)
{
    struct server *server = offline->server;
    check(index < server->config.listener_count);
    if (!server_is_active(server) || server->ending) return NULL;
    struct offline_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) return NULL;
    struct address address = from != NULL ? *from : make_address(offline, index);
    offline->connects++;
    peer->offline = offline;
    peer->frame = &server->config.listeners[index].frame;
    memory_peer_open(&peer->memory, offline->server->port);
    peer->memory.attached = note_attached;
    peer->memory.detaching = note_detaching;
    list_append(&offline->peers, &peer->node);
    if (!server_admit(server, index, memory_peer_handle(&peer->memory), &address)) {
        free_peer(peer);
        return NULL;
    }
    offline_run(offline);
    if (peer->id != 0) return peer;
    offline_peer_free(peer); /* the server ended before it could take the connection */
    return NULL;
}

void offline_peer_free(struct offline_peer *peer)
{
    offline_set_reader(peer, NULL, NULL);
    list_remove(&peer->node);
    if (peer->memory.closed) {
        free_peer(peer);
        return;
    }
    memory_peer_reset(&peer->memory);
    list_append(&peer->offline->forgotten, &peer->node);
}

uint64_t offline_peer_id(const struct offline_peer *peer)
{
    return peer->id;
}

const struct frame *offline_frame(const struct offline_peer *peer)
{
    struct port_socket *socket = peer->memory.socket;
    return socket == NULL ? peer->frame : link_frame(link_of(stream_of(socket)));
}

bool offline_send(struct offline_peer *peer, struct span bytes)
{
    return memory_peer_send(&peer->memory, bytes);
}

struct span offline_received(const struct offline_peer *peer)
{
    return memory_peer_received(&peer->memory);
}

void offline_take(struct offline_peer *peer, size_t size)
{
    memory_peer_take(&peer->memory, size);
}

void offline_set_reader(struct offline_peer *peer,
                        void (*read)(struct offline_peer *peer, void *context), void *context)
{
    peer->offline->readers += (read != NULL) - (peer->read != NULL);
    peer->read = read;
    peer->context = context;
}

void offline_finish(struct offline_peer *peer)
{
    memory_peer_finish(&peer->memory);
}

void offline_reset(struct offline_peer *peer)
{
    memory_peer_reset(&peer->memory);
}

void offline_set_deaf(struct offline_peer *peer, bool deaf)
{
    memory_peer_set_deaf(&peer->memory, deaf);
}

void offline_set_room(struct offline_peer *peer, size_t size)
{
    memory_peer_set_room(&peer->memory, size);
}

bool offline_ended(const struct offline_peer *peer)
{
    return peer->memory.shut;
}

bool offline_closed(const struct offline_peer *peer)
{
    return peer->memory.closed;
}
