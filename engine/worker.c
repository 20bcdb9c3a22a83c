#include "worker.h"

#include "pressure.h"

enum { EVENTS_PER_TURN = 256, MANY_SENDS = 64, SENT_PER_TURN = 1024, TIMER_WEIGHT = 4 };
/* Most are sent before the next one is taken. */
enum { LARGE_BLOCKS = 4, LARGE_BLOCK_SIZE = 128 << 10 };

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
    counter_set(&worker->memory_max, home->budget.limit);
}

uint64_t worker_next_ns(const struct worker *worker)
{
    const struct link_home *home = &worker->home;
    if (!list_empty(&home->woken) || !list_empty(&home->touched) || !list_empty(&home->closing))
        return 0;
    return smaller(wheel_next_ns(&home->wheel), pressure_next_ns(home));
}

/* Sends what is queued, and ends what has come to its end. Returns how many sends are over. Their number
 * has a bound: whoever sends at each completion must not keep all others from being heard. */
static int finish(struct link_home *home)
{
    int sent = 0;
    do { /* telling a script that a connection has ended may make it send, or end others */
        sent += link_flush_touched(home, SENT_PER_TURN - sent);
        link_settle_closing(home);
    } while (!list_empty(&home->touched) || !list_empty(&home->closing));
    return sent;
}

static int hear(struct worker *worker, struct port_event *events, uint64_t deadline_ns)
{
    int count = port_harvest(worker->home.port, events, EVENTS_PER_TURN, deadline_ns);
    for (int i = 0; i < count; i++) handle(worker, &events[i]);
    return count;
}

void worker_turn(struct worker *worker)
{
    struct link_home *home = &worker->home;
    struct port_event events[EVENTS_PER_TURN];
    home->done = 0;
    int count = hear(worker, events, worker_next_ns(worker));
    /* A broadcast makes many sends: what has come while it was queued goes out with it. */
    if (home->touches >= MANY_SENDS) count += hear(worker, events, 0);
    wheel_collect(&home->wheel, port_now(home->port));
    while (wheel_fire(&home->wheel) && !link_home_late(home, TIMER_WEIGHT)) continue;
    link_pump_woken(home);
    pressure_relieve(home);
    publish(worker, count + finish(home));
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
        .look_after = LINK_LOOK_AFTER,
    };
    list_init(&home->touched);
    list_init(&home->starved);
    list_init(&home->woken);
    list_init(&home->closing);
    size_t link_size = (sizeof(struct link) + 63) & ~(size_t)63;
    home->port =
        setup->port != NULL ? setup->port : port_open(setup->backend, &options, &worker->error);
    if (home->port == NULL) return false;
    if (!block_pool_open(&home->blocks, setup->blocks, setup->block_size, &home->budget))
        goto no_blocks;
    if (!block_pool_open(&home->large, LARGE_BLOCKS, LARGE_BLOCK_SIZE, NULL)) goto no_large;
    home->blocks.large = &home->large;
    if (!table_open(&home->table, setup->links, link_size, worker->index)) goto no_table;
    wheel_init(&home->wheel, port_now(home->port));
    publish(worker, 0);
    return true;

no_table:
    block_pool_close(&home->large);
no_large:
    block_pool_close(&home->blocks);
no_blocks:
    port_close(home->port);
    home->port = NULL;
    return error_set(&worker->error, ERROR_SYSTEM,
                     "worker %u: no memory for %u blocks of %u bytes and %u connections: lower "
                     "blocks or max_connections",
                     worker->index, setup->blocks, setup->block_size, setup->links);
}

/* ---- the start ---- */

void worker_gate_open(struct worker_gate *gate)
{
    *gate = (struct worker_gate){.may_start = false};
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void worker_gate_close(struct worker_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

static bool any_failed(struct worker *const *team, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (team[i]->phase == WORKER_FAILED) return true;
    return false;
}

static bool all_reached(struct worker *const *team, uint32_t count, enum worker_phase phase)
{
    for (uint32_t i = 0; i < count; i++)
        if (team[i]->phase < phase) return false;
    return true;
}

bool worker_gate_await(struct worker_gate *gate, struct worker *const *team, uint32_t count,
                       enum worker_phase phase)
{
    pthread_mutex_lock(&gate->mutex);
    while (!any_failed(team, count) && !all_reached(team, count, phase))
        pthread_cond_wait(&gate->changed, &gate->mutex);
    bool failed = any_failed(team, count);
    pthread_mutex_unlock(&gate->mutex);
    return !failed;
}

void worker_gate_let(struct worker_gate *gate, bool start)
{
    pthread_mutex_lock(&gate->mutex);
    gate->may_start = start;
    gate->must_end = !start;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

/* False if the start was called off. */
static bool wait_for_leave(struct worker_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (!gate->may_start && !gate->must_end) pthread_cond_wait(&gate->changed, &gate->mutex);
    bool start = gate->may_start;
    pthread_mutex_unlock(&gate->mutex);
    return start;
}

static void report(struct worker *worker, enum worker_phase phase)
{
    pthread_mutex_lock(&worker->gate->mutex);
    worker->phase = phase;
    pthread_cond_broadcast(&worker->gate->changed);
    pthread_mutex_unlock(&worker->gate->mutex);
}

/* ---- the steps ---- */

bool worker_open(struct worker *worker)
{
    bool opened = open_home(worker);
    report(worker, opened ? WORKER_OPENED : WORKER_FAILED);
    return opened;
}

void worker_begin(struct worker *worker)
{
    struct link_home *home = &worker->home;
    home->script_state = home->script->worker_start(home->script->context, worker, &worker->error);
    if (home->script_state == NULL)
        report(worker, WORKER_FAILED);
    else if (!worker->start_waits)
        report(worker, WORKER_STARTED);
}

void worker_start_wait(struct worker *worker)
{
    check(worker->phase == WORKER_OPENED);
    worker->start_waits = true;
}

void worker_start_done(struct worker *worker, const struct error *error)
{
    check(worker->start_waits);
    check(worker->home.script_state != NULL);
    worker->start_waits = false;
    if (error != NULL) worker->error = *error;
    report(worker, error == NULL ? WORKER_STARTED : WORKER_FAILED);
}

bool worker_goes_on(const struct worker *worker)
{
    switch (worker->phase) {
    case WORKER_OPENED: return !worker->draining; /* its start waits */
    case WORKER_STARTED: return !worker->draining || worker->home.table.live_count > 0;
    default: return false;
    }
}

void worker_end(struct worker *worker)
{
    struct link_home *home = &worker->home;
    if (home->script_state != NULL && home->script->worker_stop != NULL)
        home->script->worker_stop(home->script_state);
    home->script_state = NULL;
    publish(worker, 0);
    worker_leave(worker);
    port_post(worker->control, &worker->ended);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    log_name_thread(worker->setup.name);
    if (!worker_open(worker) || !wait_for_leave(worker->gate)) return NULL;
    worker_begin(worker);
    while (worker_goes_on(worker)) worker_turn(worker);
    worker_end(worker);
    return NULL;
}

bool worker_create(struct worker *worker, struct error *error)
{
    if (pthread_create(&worker->thread, NULL, run, worker) == 0) return true;
    return error_set(error, ERROR_SYSTEM, "cannot make a thread for worker %u", worker->index);
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
    if (home->port == NULL) return;
    port_close(home->port);
    table_close(&home->table);
    block_pool_close(&home->large);
    block_pool_close(&home->blocks);
    check(budget_used(&home->budget) == 0);
}

/* ---- for scripts ---- */

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

void worker_set_limits(struct worker *worker, const struct link_limits *limits, uint64_t memory)
{
    struct link_home *home = &worker->home;
    uint64_t idle_ns = home->limits.idle_ns;
    home->limits = *limits;
    home->budget.limit = memory;
    if (limits->idle_ns == idle_ns) return;
    for (struct list *node = home->table.live.next; node != &home->table.live; node = node->next)
        link_follow_idle(container_of(node, struct link, entry.node));
}
