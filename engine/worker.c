#include "worker.h"

#include "pressure.h"

enum { EVENTS_PER_TURN = 256 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void handle(struct worker *worker, const struct port_event *event)
{
    switch ((enum port_event_kind)event->kind) {
    case PORT_RECEIVED: link_received(link_of(event->socket), event); break;
    case PORT_SENT: link_sent(link_of(event->socket), event); break;
    case PORT_POSTED: worker_read_mail(worker, event->mail); break;
    case PORT_ACCEPTED: check(!"a worker's port accepts nothing");
    }
}

static void publish(struct worker *worker, int events)
{
    struct link_home *home = &worker->home;
    counter_add(&worker->turns, 1);
    counter_add(&worker->events, (uint64_t)events);
    counter_set(&worker->busy_ns, home->port->busy_ns);
    counter_set(&worker->links_live, home->table.live_count);
    counter_set(&worker->blocks_free, home->blocks.free_count);
    counter_set(&worker->blocks_grown, home->blocks.grown_count);
    counter_set(&worker->memory_used, budget_used(&home->budget));
}

static void turn(struct worker *worker)
{
    struct link_home *home = &worker->home;
    struct port_event events[EVENTS_PER_TURN];
    uint64_t deadline_ns = smaller(wheel_next_ns(&home->wheel), pressure_next_ns(home));
    if (!list_empty(&home->woken)) deadline_ns = 0;
    int count = port_harvest(home->port, events, EVENTS_PER_TURN, deadline_ns);
    for (int i = 0; i < count; i++) handle(worker, &events[i]);
    wheel_advance(&home->wheel, port_now(home->port));
    link_pump_woken(home);
    pressure_relieve(home);
    do { /* telling a script that a connection has ended may make it send, or end others */
        link_flush_touched(home);
        link_settle_closing(home);
    } while (!list_empty(&home->touched) || !list_empty(&home->closing));
    publish(worker, count);
}

/* Everything preallocated is allocated here, on the worker's own thread. */
static bool open_home(struct worker *worker)
{
    struct link_home *home = &worker->home;
    const struct worker_setup *setup = &worker->setup;
    const struct port_options options = port_worker_options(setup->limits.recv_depth);
    *home = (struct link_home){
        .worker = worker,
        .script = setup->script,
        .limits = setup->limits,
        .budget = {.limit = setup->memory},
        .blocks_low = setup->blocks / 8,
    };
    list_init(&home->touched);
    list_init(&home->starved);
    list_init(&home->woken);
    list_init(&home->closing);
    size_t link_size = (sizeof(struct link) + 63) & ~(size_t)63;
    if (!block_pool_open(&home->blocks, setup->blocks, setup->block_size, &home->budget))
        goto no_blocks;
    if (!table_open(&home->table, setup->links, link_size, worker->index)) goto no_table;
    home->port = port_open(setup->backend, &options, &worker->error);
    if (home->port == NULL) goto no_port;
    wheel_init(&home->wheel, port_now(home->port));
    publish(worker, 0);
    return true;

no_port:
    table_close(&home->table);
    block_pool_close(&home->blocks);
    return false;
no_table:
    block_pool_close(&home->blocks);
no_blocks:
    return error_set(&worker->error, ERROR_SYSTEM,
                     "worker %u: no memory for %u blocks of %u bytes and %u connections: lower "
                     "blocks or max_connections",
                     worker->index, setup->blocks, setup->block_size, setup->links);
}

static void report(struct worker *worker, enum worker_phase phase)
{
    pthread_mutex_lock(&worker->mutex);
    worker->phase = phase;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

/* False if the start was called off. */
static bool wait_for_leave(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->may_start && !worker->must_end)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    bool start = worker->may_start;
    pthread_mutex_unlock(&worker->mutex);
    return start;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct link_home *home = &worker->home;
    if (!open_home(worker)) {
        home->port = NULL;
        report(worker, WORKER_FAILED);
        return NULL;
    }
    report(worker, WORKER_OPENED);
    if (!wait_for_leave(worker)) return NULL;
    home->script_state = home->script->worker_start(home->script->context, worker, &worker->error);
    if (home->script_state == NULL) {
        report(worker, WORKER_FAILED);
        return NULL;
    }
    report(worker, WORKER_STARTED);
    while (!worker->draining || home->table.live_count > 0) turn(worker);
    if (home->script->worker_stop != NULL) home->script->worker_stop(home->script_state);
    publish(worker, 0);
    port_post(worker->control, &worker->ended);
    return NULL;
}

bool worker_create(struct worker *worker, struct error *error)
{
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->phase = WORKER_NEW;
    if (pthread_create(&worker->thread, NULL, run, worker) == 0) return true;
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    return error_set(error, ERROR_SYSTEM, "cannot make a thread for worker %u", worker->index);
}

enum worker_phase worker_wait_for(struct worker *worker, enum worker_phase phase)
{
    pthread_mutex_lock(&worker->mutex);
    while (worker->phase < phase) pthread_cond_wait(&worker->changed, &worker->mutex);
    enum worker_phase reached = worker->phase;
    pthread_mutex_unlock(&worker->mutex);
    return reached;
}

void worker_let(struct worker *worker, bool start)
{
    pthread_mutex_lock(&worker->mutex);
    if (start)
        worker->may_start = true;
    else
        worker->must_end = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_drop_unread(struct worker *worker)
{
    struct mail *mail;
    if (worker->home.port == NULL) return;
    while ((mail = mailbox_take(&worker->home.port->mailbox)) != NULL)
        worker_drop_mail(worker, mail);
}

void worker_close(struct worker *worker)
{
    struct link_home *home = &worker->home;
    if (home->port != NULL) {
        port_close(home->port);
        table_close(&home->table);
        block_pool_close(&home->blocks);
        check(budget_used(&home->budget) == 0);
    }
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
}

uint32_t worker_index(const struct worker *worker)
{
    return worker->index;
}

uint32_t worker_count(const struct worker *worker)
{
    return worker->count;
}

uint32_t worker_slots(const struct worker *worker)
{
    return worker->home.table.total;
}

uint64_t worker_now(const struct worker *worker)
{
    return port_now(worker->home.port);
}

struct server *worker_server(const struct worker *worker)
{
    return worker->server;
}

void worker_timer_start(struct worker *worker, struct wheel_timer *timer, uint64_t delay_ns)
{
    wheel_start(&worker->home.wheel, timer, worker_now(worker) + delay_ns);
}

void worker_timer_stop(struct worker *worker, struct wheel_timer *timer)
{
    wheel_stop(&worker->home.wheel, timer);
}
