#include "server/worker.h"

#include "base/least.h"
#include "link/pressure.h"
#include "server/worker_mail.h"

enum { EVENTS_PER_TURN = 256, MANY_SENDS = 64, SENT_PER_TURN = 1024 };
enum { TIMER_WEIGHT = LINK_LOOK_EVERY }; /* makes the clock be read after each timer */
/* A few are enough: most are sent before the next one is taken. */
enum { LARGE_BLOCKS = 4, LARGE_BLOCK_SIZE = 128 << 10 };

/* The first pass over the events: sends are accounted and orders executed before anything else is decided. */
static void take(struct worker *worker, const struct port_event *event)
{
    if (event->kind == PORT_SENT)
        stream_take_sent(stream_of(event->socket), event);
    else if (event->kind == PORT_POSTED)
        worker_take_mail(worker, event->mail);
}

static void handle(const struct port_event *event)
{
    if (event->kind == PORT_RECEIVED)
        stream_received(stream_of(event->socket), event);
    else if (event->kind == PORT_SENT)
        stream_sent(stream_of(event->socket), event);
    else if (event->kind == PORT_ENDED)
        stream_peer_ended(stream_of(event->socket), event);
    else
        check(event->kind == PORT_POSTED); /* see take; a worker's port does not accept */
}

static void publish(struct worker *worker, int events)
{
    struct link_home *home = &worker->home;
    counter_add(&worker->turns, 1);
    counter_add(&worker->events, (uint64_t)events);
    counter_set(&worker->busy_ns, home->streams.port->busy_ns);
    counter_set(&worker->links_live, home->table.live_count);
    counter_set(&worker->blocks_free, home->streams.blocks.free_count);
    counter_set(&worker->blocks_lowest, block_pool_lowest(&home->streams.blocks));
    counter_set(&worker->memory_used, budget_used(&home->streams.budget));
    counter_set(&worker->memory_max, home->streams.budget.limit);
    counter_set(&worker->queued_bytes, home->streams.queued);
}

/* Called after the first harvest of a turn. The port has read the clock before and after its wait: when the last turn
 * ended, and when this one began. */
static void note_turn(struct worker *worker)
{
    const struct port *port = worker->home.streams.port;
    if (worker->turn_ns != 0) histogram_add(&worker->turn_times, port->asked_ns - worker->turn_ns);
    worker->turn_ns = port->now_ns;
}

static void trim(struct worker *worker)
{
    struct link_home *home = &worker->home;
    worker->trim_ns = port_now(home->streams.port) + TRIM_LOOK_NS;
    trim_note(&home->streams.budget.trim, budget_small(&home->streams.budget));
    trim_owed();
}

/* Small pieces are returned to the system even while the worker is idle, because another worker may have freed them.
 * Not with a port that the caller opened, as tests do: their virtual time may advance in large steps. */
static uint64_t trim_next_ns(const struct worker *worker)
{
    const struct link_home *home = &worker->home;
    bool is_owed = atomic_load_explicit(&trim_is_owed, memory_order_relaxed);
    if (worker->setup.port != NULL || (!is_owed && home->streams.budget.trim.peak < TRIM_LEAST))
        return UINT64_MAX;
    return port_now(home->streams.port) + TRIM_NS;
}

uint64_t worker_next_ns(const struct worker *worker)
{
    const struct link_home *home = &worker->home;
    if (!list_empty(&home->woken) || !list_empty(&home->streams.touched) ||
        !list_empty(&home->streams.closing) || worker->unread != NULL)
        return 0;
    uint64_t next_ns = least_of(wheel_next_ns(&home->wheel), pressure_next_ns(home));
    return least_of(next_ns, trim_next_ns(worker));
}

/* Sends what is queued, and settles the streams that are closing. Returns how many sends have completed. Their number
 * is bounded: a script that sends at each completion must not keep the worker from receiving. */
static int finish(struct link_home *home)
{
    int sent = 0;
    do { /* on_disconnect may send on other connections, or close them */
        sent += stream_flush_touched(&home->streams, SENT_PER_TURN - sent);
        stream_settle_closing(&home->streams);
    } while (!list_empty(&home->streams.touched) || !list_empty(&home->streams.closing));
    return sent;
}

/* While the worker is busy for too long, or wakes too late from a wait, it cannot receive. Such gaps are left out of
 * link_home_now, so they count against no connection. */
static void note_gap(struct link_home *home, uint64_t before_ns, uint64_t deadline_ns)
{
    const struct port *port = home->streams.port;
    if (port->now_ns - before_ns <= LINK_GAP_MS * WHEEL_TICK_NS) return; /* nor is any part of it */
    uint64_t due_ns = deadline_ns > port->asked_ns ? deadline_ns : port->asked_ns;
    uint64_t own_ns = port->asked_ns - before_ns;
    if (port->now_ns > due_ns) { /* a process that was stopped was so for most of the wait, too */
        uint64_t late_ns = port->now_ns - due_ns;
        own_ns += late_ns + least_of(late_ns, due_ns - port->asked_ns);
    }
    if (own_ns <= LINK_GAP_MS * WHEEL_TICK_NS) return;
    /* Not the whole gap, or the clock of a worker that is always busy would stand still. */
    home->streams.gap_ns += own_ns - LINK_TURN_LONG_MS * WHEEL_TICK_NS;
    if (home->unheard_ns == 0) home->unheard_ns = port->asked_ns;
}

/* begins: this is the first harvest of a turn. */
static int hear(struct worker *worker, struct port_event *events, uint64_t deadline_ns, bool begins)
{
    struct link_home *home = &worker->home;
    uint64_t before_ns = port_now(home->streams.port);
    if (begins) counter_set(&worker->waits, 1);
    int count = port_harvest(home->streams.port, events, EVENTS_PER_TURN, deadline_ns);
    counter_set(&worker->waits, 0);
    if (!worker->draining)
        note_gap(home, before_ns, deadline_ns); /* draining runs on real time, gaps included */
    if (begins) note_turn(worker);
    for (int i = 0; i < count; i++) take(worker, &events[i]);
    if (worker->drain_mail_ns != 0) worker_end_mail(worker);
    if (worker->unread != NULL) worker_read_mail(worker);
    for (int i = 0; i < count; i++) handle(&events[i]);
    return count;
}

/* A timer may conclude that a connection is silent. So before timers fire, all input that came by their time is read,
 * of all connections. After a timer that took long, the rest wait until this has been done again. */
static int fire_timers(struct worker *worker, struct port_event *events)
{
    struct link_home *home = &worker->home;
    int count = hear(worker, events, 0, false);
    uint64_t until_ns = port_heard(home->streams.port);
    if (until_ns < home->unheard_ns) return count;
    home->unheard_ns = 0;
    wheel_collect(&home->wheel, until_ns);
    do /* so that a timer of a connection that has ended does not fire */
        stream_settle_closing(&home->streams);
    while (wheel_fire(&home->wheel) && !link_home_turn_is_long(home, TIMER_WEIGHT));
    return count;
}

void worker_turn(struct worker *worker)
{
    struct link_home *home = &worker->home;
    struct port_event events[EVENTS_PER_TURN];
    home->since_look = 0;
    home->shook = false;
    home->shaken_ns = 0;
    int count = hear(worker, events, worker_next_ns(worker), true);
    /* A broadcast makes many sends; replies to input that came meanwhile can go out with it. */
    if (home->streams.touches >= MANY_SENDS) count += hear(worker, events, 0, false);
    if (wheel_next_ns(&home->wheel) <= port_now(home->streams.port))
        count += fire_timers(worker, events);
    link_pump_woken(home);
    pressure_relieve(home);
    publish(worker, count + finish(home));
    if (port_now(home->streams.port) >= worker->trim_ns) trim(worker);
}

/* Memory set aside besides the blocks: one holder a line. */
static uint64_t fixed_bytes(const struct link_home *home, const struct port_options *landing,
                            uint64_t links, uint64_t link_size)
{
    uint64_t bytes = 0;
    bytes += links * link_size; /* connections */
    bytes += (uint64_t)home->streams.large.total *
             home->streams.large.stride;         /* to send large packets from */
    bytes += (uint64_t)landing->landing_blocks * /* to receive into */
             (sizeof(struct block) + landing->landing_size);
    return bytes;
}

/* Includes the slots for reordering; a multiple of 32 bytes, as the table requires. */
static size_t link_size_of(uint32_t window)
{
    size_t places = window > 1 ? window : 0;
    return (sizeof(struct link) + places * sizeof(struct block *) + 31) & ~(size_t)31;
}

/* Everything preallocated is allocated here, on the worker's own thread. */
static bool open_home(struct worker *worker)
{
    struct link_home *home = &worker->home;
    const struct worker_setup *setup = &worker->setup;
    struct port_options options = port_worker_options(setup->limits.recv_depth);
    if (setup->port != NULL) options.landing_blocks = 0; /* the port has its own options */
    *home = (struct link_home){
        .script = setup->script,
        .limits = setup->limits,
        .streams = {.budget = {.limit = setup->memory}},
        .blocks_low = setup->blocks / 8,
        .look_every = LINK_LOOK_EVERY,
    };
    list_init(&home->streams.touched);
    list_init(&home->starved);
    list_init(&home->queued);
    list_init(&home->woken);
    list_init(&home->streams.unsealed);
    list_init(&home->streams.closing);
    home->streams.port =
        setup->port != NULL ? setup->port : port_open(setup->backend, &options, &worker->error);
    if (home->streams.port == NULL) return false;
    home->streams.window = stream_window(home->streams.port, setup->limits.recv_depth);
    size_t link_size = link_size_of(home->streams.window);
    if (!block_pool_open(&home->streams.blocks, setup->blocks, setup->block_size,
                         &home->streams.budget))
        goto no_blocks;
    if (!block_pool_open(&home->streams.large, LARGE_BLOCKS, LARGE_BLOCK_SIZE, NULL)) goto no_large;
    home->streams.blocks.large = &home->streams.large;
    if (!table_open(&home->table, setup->links, link_size, worker->index)) goto no_table;
    worker->block_bytes = (uint64_t)home->streams.blocks.total * home->streams.blocks.stride;
    worker->fixed_bytes = fixed_bytes(home, &options, setup->links, link_size);
    wheel_init(&home->wheel, port_now(home->streams.port));
    link_home_log_open(home);
    publish(worker, 0);
    return true;

no_table:
    block_pool_close(&home->streams.large);
no_large:
    block_pool_close(&home->streams.blocks);
no_blocks:
    port_close(home->streams.port);
    home->streams.port = NULL;
    return error_set(&worker->error, ERROR_SYSTEM,
                     "worker %u: no memory for %u blocks of %u bytes and %u connections: lower "
                     "blocks or max_connections",
                     worker_number(worker), setup->blocks, setup->block_size, setup->links);
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
    case WORKER_OPENED: return !worker->draining; /* its script is still starting */
    case WORKER_STARTED: return !worker->draining || worker->home.table.live_count > 0;
    default: return false;
    }
}

void worker_end(struct worker *worker)
{
    struct link_home *home = &worker->home;
    atomic_store_explicit(&worker->stops, true, memory_order_relaxed);
    if (home->script_state != NULL && home->script->worker_stop != NULL)
        home->script->worker_stop(home->script_state);
    home->script_state = NULL;
    link_home_log_close(home);
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
    size_t stack_size = worker->setup.script->stack_size;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    bool fine = stack_size == 0 || pthread_attr_setstacksize(&attributes, stack_size) == 0;
    fine = fine && pthread_create(&worker->thread, &attributes, run, worker) == 0;
    pthread_attr_destroy(&attributes);
    if (fine) return true;
    return error_set(error, ERROR_SYSTEM, "cannot make a thread for worker %u",
                     worker_number(worker));
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_close(struct worker *worker)
{
    struct link_home *home = &worker->home;
    if (home->streams.port == NULL) return;
    port_close(home->streams.port);
    table_close(&home->table);
    block_pool_close(&home->streams.large);
    block_pool_close(&home->streams.blocks);
    check(budget_used(&home->streams.budget) == 0);
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
    return port_now(worker->home.streams.port);
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

bool worker_may_log(struct worker *worker, enum log_level level, uint64_t place, struct span text)
{
    return link_home_may_log(&worker->home, level, place, log_shape(text), text);
}

void worker_set_limits(struct worker *worker, const struct link_limits *limits, uint64_t memory)
{
    struct link_home *home = &worker->home;
    const struct link_limits before = home->limits;
    home->limits = *limits;
    if (worker->draining) home->limits.drain_ns = before.drain_ns; /* the time that is left */
    home->streams.budget.limit = memory;
    for (struct list *node = home->table.live.next; node != &home->table.live; node = node->next) {
        struct link *link = container_of(node, struct link, entry.node);
        if (limits->idle_ns != before.idle_ns) link_follow_idle(link);
        link_update_timer(link);
    }
    link_home_let_shake(home);
}
