#include "server/server_control.h"

#include "base/least.h"
#include "base/pages.h"
#include "server/worker_mail.h"

#include <string.h>

enum { EVENTS_PER_TURN = 64, BACKLOG = 4096 };
#define RETRY_NS UINT64_C(100000000)    /* between tries to accept while descriptors are short */
#define EPISODE_NS UINT64_C(1000000000) /* without a failure; then the shortage is over */

/* ---- start ---- */

static struct link_limits limits_of(const struct config *config)
{
    return (struct link_limits){
        .idle_ns = config->idle_timeout_ns,
        .opening_ns = config->opening_timeout_ns,
        .drain_ns = config->drain_timeout_ns,
        .end_ns = config->end_timeout_ns > 0 ? config->end_timeout_ns : config->drain_timeout_ns,
        .wait_ns = config->wait_timeout_ns,
        .end_at_once = config->on_end == ON_END_CLOSE,
        .soft_mark = config->soft_mark,
        .hard_mark = config->hard_mark,
        .packet_max = config->max_packet,
        .recv_depth = config->recv_depth,
    };
}

static void make_setup(const struct server *server, struct worker_setup *setup)
{
    const struct config *config = &server->config;
    *setup = (struct worker_setup){
        .backend = server->backend,
        .script = server->script,
        .name = config->name,
        .limits = limits_of(config),
        .links = config_links_per_worker(config),
        .blocks = config_blocks_per_worker(config),
        .block_size = config->block_size,
        .memory = config_memory_per_worker(config),
    };
}

/* The least of: KEPT_MAX bytes per worker; KEPT_PACKETS of the largest packets per worker; 1/KEPT_PART of memory. */
enum { KEPT_MAX = 16 << 20, KEPT_PACKETS = 8, KEPT_PART = 16 };

/* Keeps enough memory for the largest packets of each worker. Otherwise their pages would go to the system and come
 * back all the time, and the page faults would cost more than everything else. */
void server_keep_pages(uint32_t workers, uint64_t max_packet, uint64_t memory)
{
    uint64_t count = workers, kept = least_of(count * KEPT_MAX, count * KEPT_PACKETS * max_packet);
    pages_keep((size_t)least_of(kept, memory / KEPT_PART));
}

void server_configure_worker(struct worker *worker, const struct config *config)
{
    struct link_limits limits = limits_of(config);
    limits.packet_max = worker->home.limits.packet_max;
    limits.recv_depth = worker->home.limits.recv_depth;
    /* The share follows the actual number of workers; a changed number takes effect at a restart. */
    worker_set_limits(worker, &limits, config->memory / worker->count);
    server_keep_pages(worker->count, limits.packet_max, config->memory);
}

void server_setup_worker(struct server *server, uint32_t index)
{
    struct worker *worker = server->team[index] = &server->workers[index];
    worker->index = index;
    worker->count = server->config.workers;
    worker->team = server->team;
    worker->server = server;
    worker->control = server->port;
    worker->gate = &server->gate;
    make_setup(server, &worker->setup);
}

static void drain_workers(struct server *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) worker_drain(&server->workers[i]);
}

/* Workers are open from when all ports are open until the first one is about to be closed. */
static void set_workers_open(struct server *server, bool open)
{
    pthread_mutex_lock(&server->mutex);
    server->workers_open = open;
    pthread_mutex_unlock(&server->mutex);
}

static void end_workers(struct server *server)
{
    set_workers_open(server, false);
    for (uint32_t i = 0; i < server->worker_count; i++) worker_join(&server->workers[i]);
    for (uint32_t i = 0; i < server->worker_count; i++) worker_drop_unread(&server->workers[i]);
    for (uint32_t i = 0; i < server->worker_count; i++) worker_close(&server->workers[i]);
    server->worker_count = 0;
}

/* Takes the error of the failed worker with the lowest index, not necessarily the first to fail. */
static void take_error(struct server *server, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (server->workers[i].phase != WORKER_FAILED) continue;
        server->error = server->workers[i].error;
        return;
    }
}

static bool start_workers(struct server *server)
{
    uint32_t count = server->config.workers;
    for (uint32_t i = 0; i < count; i++) {
        server_setup_worker(server, i);
        if (!worker_create(&server->workers[i], &server->error)) goto failed;
        server->worker_count++;
    }
    if (!worker_gate_await(&server->gate, server->team, count, WORKER_OPENED)) goto failed;
    set_workers_open(server, true);
    worker_gate_let(&server->gate, true);
    if (worker_gate_await(&server->gate, server->team, count, WORKER_STARTED)) return true;
    drain_workers(server);
    end_workers(server);
    take_error(server, count);
    return false;

failed:
    count = server->worker_count;
    worker_gate_let(&server->gate, false);
    end_workers(server);
    take_error(server, count);
    return false;
}

static void close_listeners(struct server *server)
{
    for (uint32_t i = 0; i < server->config.listener_count; i++) {
        struct server_listener *listener = &server->listeners[i];
        if (listener->acceptor.handle < 0) continue;
        server->port->operations->close_handle(listener->acceptor.handle);
        listener->acceptor.handle = -1;
        if (listener->address.family == ADDRESS_UNIX) remove(listener->address.path);
    }
}

bool server_listen(struct server *server)
{
    const struct port_operations *operations = server->port->operations;
    for (uint32_t i = 0; i < server->config.listener_count; i++) {
        struct server_listener *listener = &server->listeners[i];
        const struct config_listener *wanted = &server->config.listeners[i];
        listener->acceptor.handle = operations->listen(&wanted->address, BACKLOG, &server->error);
        if (listener->acceptor.handle < 0) {
            close_listeners(server);
            return false;
        }
        listener->address = wanted->address;
        operations->local_address(listener->acceptor.handle, &listener->address);
    }
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        port_accept_start(server->port, &server->listeners[i].acceptor);
    return true;
}

/* ---- admission ---- */

static uint32_t load_of(struct worker *worker)
{
    return atomic_load_explicit(&worker->home.load, memory_order_relaxed);
}

/* The worker with the fewest connections among those that accept new ones, or NULL. Ties are broken
 * round-robin, so that short connections do not all go to the first worker. */
static struct worker *choose_worker(struct server *server)
{
    struct worker *fewest = NULL;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[(server->admitted + i) % server->worker_count];
        if (link_home_starving(&worker->home)) continue;
        if (load_of(worker) >= worker->setup.links) continue;
        if (fewest == NULL || load_of(worker) < load_of(fewest)) fewest = worker;
    }
    return fewest;
}

static bool is_full(struct server *server)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < server->worker_count; i++) total += load_of(&server->workers[i]);
    return total >= server->config.max_connections;
}

static void refuse(struct server *server, const struct address *peer, bool full)
{
    char peer_text[ADDRESS_TEXT_MAX], why[64] = "blocks have run low", text[160];
    uint64_t now_ns = port_now(server->port);
    counter_add(&server->refused, 1);
    if (server->refusing) return;
    server->refusing = true;
    if (full)
        snprintf(why, sizeof why, "max_connections is reached (%u)",
                 server->config.max_connections);
    snprintf(text, sizeof text, "refused %s, and others until there is room: %s",
             address_format(peer, peer_text), why);
    if (log_limit_allows(&server->refusals, LOG_WARN, full, 0, span_text(text), now_ns))
        log_line(LOG_WARN, "%s", text);
    else
        server->tell_ns = log_limit_tell(&server->refusals, now_ns);
}

/* Counts the connection before its worker can serve it, so that a peer that has got a reply is always
 * included in the statistics. */
static bool hand_over(struct server *server, struct worker *worker,
                      const struct link_origin *origin)
{
    counter_add(&server->accepted, 1);
    if (worker_adopt(worker, origin)) return true;
    counter_add(&server->accepted, UINT64_MAX); /* one less */
    return false;
}

bool server_admit(struct server *server, uint32_t index, intptr_t handle,
                  const struct address *peer)
{
    const struct config_listener *listener = &server->config.listeners[index];
    struct link_origin origin = {.handle = handle,
                                 .peer = *peer,
                                 .listener = index,
                                 .frame = &listener->frame,
                                 .filter = listener->filter,
                                 .close_when_full = listener->on_full == ON_FULL_CLOSE};
    bool full = is_full(server);
    struct worker *worker = full ? NULL : choose_worker(server);
    if (worker == NULL || !hand_over(server, worker, &origin)) {
        refuse(server, peer, full);
        server->port->operations->close_handle(handle);
        return false;
    }
    server->refusing = false;
    server->admitted++;
    return true;
}

static void admit(struct server *server, uint32_t index, const struct port_event *accepted)
{
    const struct port_operations *operations = server->port->operations;
    struct address peer;
    if (operations->peer_address(accepted, &peer))
        server_admit(server, index, accepted->handle, &peer);
    else /* the peer has gone already */
        operations->close_handle(accepted->handle);
}

static void accept_failed(struct server *server, struct server_listener *listener,
                          enum port_error error)
{
    uint64_t now_ns = port_now(server->port);
    if (now_ns >= server->short_until_ns)
        log_line(LOG_WARN, "cannot accept: %s; trying again until it works",
                 port_error_text(error));
    server->short_until_ns = now_ns + EPISODE_NS;
    listener->paused = true;
    server->retry_ns = now_ns + RETRY_NS;
}

static void accepted(struct server *server, const struct port_event *event)
{
    struct server_listener *listener =
        container_of(event->acceptor, struct server_listener, acceptor);
    if (event->handle >= 0) admit(server, (uint32_t)(listener - server->listeners), event);
    if (!event->last || listener->acceptor.stopping) return;
    if (event->error == PORT_OK)
        port_accept_start(server->port, &listener->acceptor);
    else
        accept_failed(server, listener, event->error);
}

static void retry_paused(struct server *server)
{
    if (port_now(server->port) < server->retry_ns) return;
    server->retry_ns = UINT64_MAX;
    for (uint32_t i = 0; i < server->config.listener_count; i++) {
        struct server_listener *listener = &server->listeners[i];
        if (!listener->paused) continue;
        listener->paused = false;
        port_accept_start(server->port, &listener->acceptor);
    }
}

/* ---- the thread ---- */

static void read_mail(struct server *server, const struct mail *mail)
{
    if (mail == &server->drain_mail)
        server->ending = true;
    else if (mail == &server->abort_mail)
        server->ending = server->aborting = true;
    else
        server->workers_ended++;
}

void server_turn(struct server *server)
{
    struct port_event events[EVENTS_PER_TURN];
    uint64_t until_ns = server->tell_ns < server->retry_ns ? server->tell_ns : server->retry_ns;
    int count = port_harvest(server->port, events, EVENTS_PER_TURN, until_ns);
    for (int i = 0; i < count; i++) {
        if (events[i].kind == PORT_ACCEPTED) accepted(server, &events[i]);
        if (events[i].kind == PORT_POSTED) read_mail(server, events[i].mail);
    }
    retry_paused(server);
    if (port_now(server->port) >= server->tell_ns)
        server->tell_ns = log_limit_tell(&server->refusals, port_now(server->port));
}

static bool still_accepting(const struct server *server)
{
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        if (server->listeners[i].acceptor.accepting) return true;
    return false;
}

void server_stop_listening(struct server *server)
{
    server->retry_ns = UINT64_MAX;
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        port_accept_stop(server->port, &server->listeners[i].acceptor);
    while (still_accepting(server)) server_turn(server);
    close_listeners(server);
}

/* Until every worker has ended; an abort may come at any time before that. */
static void await_workers(struct server *server)
{
    bool told = false;
    drain_workers(server);
    while (server->workers_ended < server->worker_count) {
        for (uint32_t i = 0; i < server->worker_count && server->aborting && !told; i++)
            worker_abort(&server->workers[i]);
        told = server->aborting;
        server_turn(server);
    }
}

static void tell_start(struct server *server, bool failed)
{
    pthread_mutex_lock(&server->mutex);
    server->start_known = true;
    server->start_failed = failed;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

void *server_control_run(void *argument)
{
    struct server *server = argument;
    struct port_options options = {.landing_blocks = 0};
    log_name_thread(server->config.name);
    server->port = port_open(server->backend, &options, &server->error);
    if (server->port == NULL) goto no_port;
    server->started_ns = port_now(server->port);
    if (!start_workers(server)) goto no_workers;
    if (!server_listen(server)) goto no_listeners;
    atomic_store(&server->active, true);
    tell_start(server, false);

    while (!server->ending) server_turn(server);
    server_stop_listening(server);
    await_workers(server);
    end_workers(server);
    log_limit_tell_all(&server->refusals);
    atomic_store(&server->active, false);
    return NULL;

no_listeners:
    drain_workers(server);
    end_workers(server);
no_workers:
    port_close(server->port);
no_port:
    tell_start(server, true);
    return NULL;
}
