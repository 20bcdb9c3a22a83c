#include "server/server_control.h"

#include "base/least.h"
#include "base/pages.h"
#include "server/worker_mail.h"

#include <string.h>

enum { EVENTS_PER_TURN = 64 };

/* ---- start ---- */

static struct link_limits limits_of(const struct config *config)
{
    return (struct link_limits){
        .idle_ns = config->idle_timeout_ns,
        .opening_ns = config->opening_timeout_ns,
        .handshakes = config->handshakes_at_once,
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

/* ---- the thread ---- */

static void read_mail(struct server *server, const struct mail *mail)
{
    if (mail == &server->drain_mail)
        server->ending = true;
    else if (mail == &server->abort_mail)
        server->ending = server->aborting = true;
    else if (mail == &server->orders.mail)
        server_read_order(server);
    else
        server->workers_ended++;
}

void server_turn(struct server *server)
{
    struct port_event events[EVENTS_PER_TURN];
    uint64_t until_ns = server->tell_ns < server->retry_ns ? server->tell_ns : server->retry_ns;
    int count = port_harvest(server->port, events, EVENTS_PER_TURN, until_ns);
    for (int i = 0; i < count; i++) /* before mail: an order may close a listener */
        if (events[i].kind == PORT_ACCEPTED) server_accepted(server, &events[i]);
    for (int i = 0; i < count; i++)
        if (events[i].kind == PORT_POSTED) read_mail(server, events[i].mail);
    server_retry_paused(server);
    if (port_now(server->port) >= server->tell_ns)
        server->tell_ns = log_limit_tell(&server->refusals, port_now(server->port));
}

void server_stop_listening(struct server *server)
{
    server_close_listeners(server);
    while (!server_listeners_are_closed(server)) server_turn(server);
    server_refuse_orders(server);
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
    server_take_orders(server);
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
