/* Messages between workers, and tasks for all of them, on a whole server. */
#include "server_talk.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { WORKERS = 3, POSTS = 300, MEMORY = (1 << 20) + 200 };
#define FOR_EVER UINT64_MAX

/* One worker's state. */
struct place {
    uint32_t index, next[WORKERS]; /* the number that each worker's next message has */
    atomic_int received, ran, marks;
    atomic_int connected;
    bool posting;
};
static struct place places[WORKERS];
static atomic_int released, marked;
static void (*when_starting)(struct place *place, struct worker *worker);

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct place *place = &places[worker_index(worker)];
    (void)context;
    (void)error;
    place->index = worker_index(worker);
    if (when_starting != NULL) when_starting(place, worker);
    return place;
}

static enum script_verdict connected(void *state, struct link *link)
{
    (void)link;
    atomic_fetch_add(&((struct place *)state)->connected, 1);
    return SCRIPT_YES;
}

static void received(void *state, struct link *link, struct span packet)
{
    (void)state;
    link_send(link, packet);
}

/* A message begins with its number, counted by who sent it. */
static void message(void *state, uint32_t from, struct span bytes)
{
    struct place *place = state;
    uint32_t number;
    cr_assert_not(place->posting, "it comes inside the call that posted it");
    cr_assert(from < WORKERS);
    if (bytes.size == 0) {
        atomic_fetch_add(&place->marks, 1);
        return;
    }
    cr_assert(bytes.size >= sizeof number);
    memcpy(&number, bytes.data, sizeof number);
    cr_assert_eq(number, place->next[from]);
    place->next[from]++;
    atomic_fetch_add(&place->received, 1);
}

static struct script script = {
    .worker_start = start, .connected = connected, .received = received, .message = message};

static struct config three_workers(void)
{
    struct config config = config_of("127.0.0.1:0");
    config.workers = WORKERS;
    return config;
}

static void release(void *context)
{
    (void)context;
    atomic_fetch_add(&released, 1);
}

static bool try_on_all(struct server *server, void (*run)(void *, struct worker *, void *),
                       uint64_t patience_ns, bool *ran)
{
    const struct server_task task = {.run = run, .release = release};
    return server_run_on_workers(server, &task, patience_ns, ran);
}

static void run_on_all(struct server *server, void (*run)(void *, struct worker *, void *))
{
    cr_assert(try_on_all(server, run, FOR_EVER, NULL));
}

static void count_run(void *context, struct worker *worker, void *state)
{
    struct place *place = state;
    cr_assert_null(context);
    cr_assert_eq(worker_index(worker), place->index);
    atomic_fetch_add(&place->ran, 1);
}

static void nothing(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)worker;
    (void)state;
}

/* Tasks are run in order: once this has been run, all before it have been. */
static void await_tasks(struct server *server)
{
    run_on_all(server, nothing);
}

static void mark(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_post(worker, WORKER_ALL, span_of("", 0)) == SEND_OK) atomic_fetch_add(&marked, 1);
}

/* Mail is read in order: once a message has come from every worker, all that they have posted before has
 * been read, and given back. Tasks overtake it. */
static void await_mail(struct server *server)
{
    for (int before = marked; marked < before + WORKERS;) { /* there may be no memory for it yet */
        before = marked;
        run_on_all(server, mark);
    }
    for (int i = 0; i < WORKERS; i++)
        while (places[i].marks < marked) sched_yield();
}

static struct span bytes_of(const uint32_t *number)
{
    return span_of(number, sizeof *number);
}

/* ---- messages ---- */

/* Every worker gets every number, some of them by a post to all. */
static void post_many(void *context, struct worker *worker, void *state)
{
    struct place *place = state;
    (void)context;
    place->posting = true;
    for (uint32_t number = 0; number < POSTS; number++) {
        if (number % 3 == 0) {
            cr_assert_eq(worker_post(worker, WORKER_ALL, bytes_of(&number)), SEND_OK);
            continue;
        }
        for (uint32_t target = 0; target < WORKERS; target++)
            cr_assert_eq(worker_post(worker, target, bytes_of(&number)), SEND_OK);
    }
    place->posting = false;
}

Test(worker_mail, posted_to_one_worker_or_to_all_arrives_in_order_and_later)
{
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    run_on_all(server, post_many);
    await_mail(server);
    for (int to = 0; to < WORKERS; to++) {
        cr_assert_eq(places[to].received, WORKERS * POSTS);
        for (int from = 0; from < WORKERS; from++) cr_assert_eq(places[to].next[from], POSTS);
    }
    server_stop(server);
}

static void post_to_nobody(void *context, struct worker *worker, void *state)
{
    uint32_t number = 0;
    (void)context;
    (void)state;
    cr_assert_eq(worker_post(worker, WORKERS, bytes_of(&number)), SEND_CLOSED);
    cr_assert_eq(worker_post(worker, WORKER_ALL - 1, bytes_of(&number)), SEND_CLOSED);
}

Test(worker_mail, posted_to_a_worker_that_there_is_not_is_refused)
{
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    run_on_all(server, post_to_nobody);
    server_stop(server);
}

/* Smaller and smaller, so that somewhere there is room for the bytes, which take whole pages, but not for every
 * letter. */
static void post_as_much_as_there_is_room_for(void *context, struct worker *worker, void *state)
{
    static uint8_t bytes[MEMORY];
    size_t size = MEMORY;
    struct place *place = state;
    (void)context;
    if (place->index != 0) return;
    while (worker_post(worker, WORKER_ALL, span_of(bytes, size)) == SEND_NO_MEMORY) {
        cr_assert(size > MEMORY / 2);
        size -= 16;
    }
    cr_assert(size < MEMORY - 16);
}

Test(worker_mail, posted_to_all_reaches_all_or_with_no_memory_for_that_nobody)
{
    struct config config = three_workers();
    config.memory = WORKERS * MEMORY;
    struct server *server = begin(&config, &script);
    for (int i = 1; i <= 3; i++) {
        run_on_all(server, post_as_much_as_there_is_room_for);
        await_mail(server);
        for (int to = 0; to < WORKERS; to++) {
            cr_assert_eq(places[to].received, i, "what was read is given back");
            places[to].next[0] = 0;
        }
        await_mail(server);
    }
    server_stop(server);
}

Test(worker_mail, posted_to_a_script_that_takes_no_messages_is_lost)
{
    struct config config = three_workers();
    script.message = NULL;
    struct server *server = begin(&config, &script);
    run_on_all(server, post_many);
    server_stop(server); /* which reads it first */
    cr_assert_eq(places[0].received, 0);
}

/* ---- tasks ---- */

Test(worker_task, is_run_once_by_every_worker_and_then_released)
{
    bool ran[WORKERS];
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    for (int round = 1; round <= 50; round++) {
        memset(ran, 0, sizeof ran);
        cr_assert(try_on_all(server, count_run, FOR_EVER, ran));
        for (int i = 0; i < WORKERS; i++) {
            cr_assert(ran[i]);
            cr_assert_eq(places[i].ran, round);
        }
    }
    await_tasks(server); /* by when all have let go of those before */
    cr_assert(released >= 50);
    server_stop(server);
    cr_assert_eq(released, 51);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void get_stuck(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) != 1) return;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

Test(worker_task, is_run_by_those_workers_alone_that_are_to)
{
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    bool only[WORKERS] = {[1] = true}, ran[WORKERS];
    const struct server_task task = {.run = count_run, .release = release, .only = only};
    cr_assert_not(server_run_on_workers(server, &task, FOR_EVER, ran), "the others have not");
    only[0] = true; /* it is not looked at any more */
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(ran[i], i == 1);
        cr_assert_eq(places[i].ran, i == 1);
    }
    while (released < 1) sched_yield();
    memset(only, 0, sizeof only);
    cr_assert_not(server_run_on_workers(server, &task, FOR_EVER, ran));
    while (released < 2) sched_yield();
    cr_assert_eq(places[1].ran, 1);
    server_stop(server);
}

Test(worker_task, is_waited_for_no_longer_than_patience_lasts_and_still_run_later)
{
    bool ran[WORKERS];
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    pthread_mutex_lock(&gate);
    cr_assert_not(try_on_all(server, get_stuck, 0, ran));
    cr_assert_not(ran[1]);
    cr_assert_not(try_on_all(server, count_run, 1000000, ran));
    cr_assert_not(ran[1]);
    cr_assert_eq(places[1].ran, 0);
    cr_assert_eq(released, 0, "a worker may still run it");
    pthread_mutex_unlock(&gate);
    await_tasks(server);
    for (int i = 0; i < WORKERS; i++) cr_assert_eq(places[i].ran, 1);
    server_stop(server);
    cr_assert_eq(released, 3);
}

static void send_more_than_the_network_holds(void *context, struct worker *worker, void *state)
{
    enum { BYTES = 15 << 20 };
    uint8_t *bytes = calloc(1, BYTES);
    (void)context;
    (void)state;
    struct link *link = worker_next(worker, NULL);
    if (link != NULL) cr_assert_eq(link_send(link, span_of(bytes, BYTES)), SEND_OK);
    free(bytes);
}

static _Atomic uint32_t busy; /* the worker that is not finished */
static atomic_int stopping;

/* The others do not end before it has run something meanwhile. */
static void stop_slowly(void *state)
{
    if (state == &places[busy]) return;
    atomic_fetch_add(&stopping, 1);
    while (places[busy].ran == 0) sched_yield();
}

static void post_from_the_last(void *context, struct worker *worker, void *state)
{
    struct place *place = state;
    uint32_t number = 0;
    (void)context;
    cr_assert_eq(place->index, busy);
    cr_assert_eq(worker_post(worker, (busy + 1) % WORKERS, bytes_of(&number)), SEND_CLOSED);
    cr_assert_eq(worker_post(worker, WORKER_ALL, bytes_of(&number)), SEND_OK);
}

Test(worker_task, is_run_by_workers_that_drain_and_not_awaited_of_those_that_have_ended)
{
    bool ran[WORKERS];
    struct config config = three_workers();
    config.drain_timeout_ns = 3600 * UINT64_C(1000000000);
    script.worker_stop = stop_slowly;
    struct server *server = begin(&config, &script);
    intptr_t client = connect_to(server);
    put(client, "hello");
    expect(client, "hello");
    while (places[busy].connected == 0) busy++;
    run_on_all(server, send_more_than_the_network_holds);

    server_drain(server);
    while (stopping < WORKERS - 1) sched_yield();
    for (int round = 1; round <= 2; round++) { /* posted to those that stop, and have stopped */
        cr_assert_not(try_on_all(server, count_run, FOR_EVER, ran));
        for (uint32_t i = 0; i < WORKERS; i++) {
            cr_assert_eq(ran[i], i == busy);
            cr_assert_eq(places[i].ran, i == busy ? round : 0);
        }
    }
    cr_assert_not(try_on_all(server, post_from_the_last, FOR_EVER, ran));
    while (places[busy].received == 0) sched_yield();

    server_abort(server);
    while (server_is_active(server)) sched_yield();
    int released_before = released;
    cr_assert_not(try_on_all(server, count_run, FOR_EVER, ran), "all have ended");
    for (int i = 0; i < WORKERS; i++) cr_assert_not(ran[i]);
    cr_assert_eq(places[busy].ran, 2);
    cr_assert_eq(released, released_before + 1);
    server_stop(server);
    peer_close(client);
}

static pthread_t outside;

static void *run_from_outside(void *server)
{
    run_on_all(server, count_run);
    return NULL;
}

/* The first worker is to run its part while the last still starts. */
static void start_slowly(struct place *place, struct worker *worker)
{
    if (place->index == 0)
        cr_assert_eq(pthread_create(&outside, NULL, run_from_outside, worker_server(worker)), 0);
    if (place->index == WORKERS - 1)
        while (places[0].ran == 0) sched_yield();
}

Test(worker_task, waits_for_a_worker_to_have_started)
{
    struct config config = three_workers();
    when_starting = start_slowly;
    struct server *server = begin(&config, &script);
    pthread_join(outside, NULL);
    for (int i = 0; i < WORKERS; i++) cr_assert_eq(places[i].ran, 1);
    server_stop(server);
    cr_assert_eq(released, 1);
}

enum { CALLERS = 3, CALLS = 100 };
static uint32_t order[WORKERS][CALLERS * CALLS], done[WORKERS];

static void note_order(void *context, struct worker *worker, void *state)
{
    uint32_t i = worker_index(worker);
    (void)state;
    order[i][done[i]++] = *(uint32_t *)context;
}

struct caller {
    struct server *server;
    uint32_t number, calls[CALLS];
};

static void *call_often(void *argument)
{
    struct caller *caller = argument;
    for (uint32_t i = 0; i < CALLS; i++) {
        const struct server_task task = {.run = note_order, .context = &caller->calls[i]};
        caller->calls[i] = caller->number * CALLS + i;
        server_run_on_workers(caller->server, &task, i % 2 == 0 ? 0 : FOR_EVER, NULL);
    }
    return NULL;
}

Test(worker_task, is_run_in_the_same_order_by_all_workers_whoever_calls)
{
    static struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    struct config config = three_workers();
    struct server *server = begin(&config, &script);
    for (uint32_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.server = server, .number = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    await_tasks(server);
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(done[i], CALLERS * CALLS);
        cr_assert(memcmp(order[i], order[0], sizeof order[0]) == 0);
    }
    server_stop(server);
}
