/* The engine as a C program uses it, on real sockets. */
#include "base/check.h"
#include "server_talk.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* What the callbacks saw, of all workers. */
struct seen {
    atomic_int started, stopped, connected, received, disconnected, released;
    char reason[32];
    bool fail_start;
    const struct server *asks_itself; /* whether worker 0 waits, in `received` */

    /* What the start of worker 0 does. */
    bool waits, ends_waiting, fails_waiting; /* ends: after a moment */
    struct wheel_timer wait;
    struct worker *waiting;
};

static void on_wait_over(struct wheel_timer *timer)
{
    struct seen *seen = container_of(timer, struct seen, wait);
    struct error error;
    error_set(&error, ERROR_INPUT, "worker 0 has waited in vain");
    if (!seen->fails_waiting) atomic_fetch_add(&seen->started, 1);
    worker_start_done(seen->waiting, seen->fails_waiting ? &error : NULL);
}

static void *start_waiting(struct seen *seen, struct worker *worker)
{
    wheel_timer_init(&seen->wait, on_wait_over);
    seen->waiting = worker;
    if (seen->ends_waiting || seen->fails_waiting)
        worker_timer_start(worker, &seen->wait, 20000000);
    worker_start_wait(worker);
    return seen;
}

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct seen *seen = context;
    if (seen->waits && worker_index(worker) == 0) return start_waiting(seen, worker);
    if (seen->fail_start && worker_index(worker) == 1) {
        error_set(error, ERROR_INPUT, "worker 1 does not want to");
        return NULL;
    }
    atomic_fetch_add(&seen->started, 1);
    return seen;
}

static void stop(void *state)
{
    atomic_fetch_add(&((struct seen *)state)->stopped, 1);
}

static enum script_verdict connected(void *state, struct link *link)
{
    cr_assert(link_is_open(link));
    cr_assert_null(link_data(link));
    link_set_data(link, state);
    atomic_fetch_add(&((struct seen *)state)->connected, 1);
    return SCRIPT_YES;
}

static void received(void *state, struct link *link, struct span packet)
{
    struct seen *seen = state;
    cr_assert_eq(link_data(link), seen);
    if (seen->asks_itself != NULL)
        cr_assert_not(server_worker_waits(seen->asks_itself, 0), "it is at work");
    atomic_fetch_add(&seen->received, 1);
    if (packet.size == 4 && memcmp(packet.data, "quit", 4) == 0)
        link_close(link, "asked to");
    else
        cr_assert_eq(link_send(link, packet), SEND_OK);
}

static pthread_mutex_t reason_lock = PTHREAD_MUTEX_INITIALIZER;

static void disconnected(void *state, struct link *link, const char *reason)
{
    struct seen *seen = state;
    cr_assert_not(link_is_open(link));
    cr_assert_eq(link_send(link, span_text("too late")), SEND_CLOSED);
    pthread_mutex_lock(&reason_lock);
    snprintf(seen->reason, sizeof seen->reason, "%s", reason);
    pthread_mutex_unlock(&reason_lock);
    atomic_fetch_add(&seen->disconnected, 1);
}

static void released(void *state, struct link *link)
{
    struct seen *seen = state;
    cr_assert_eq(link_data(link), seen);
    atomic_fetch_add(&seen->released, 1);
}

static struct script script_of(struct seen *seen)
{
    return (struct script){.context = seen,
                           .worker_start = start,
                           .worker_stop = stop,
                           .connected = connected,
                           .received = received,
                           .disconnected = disconnected,
                           .released = released};
}

static void fails_to_start(struct seen *seen, const char *why)
{
    struct config config = config_of("127.0.0.1:0");
    struct script script = script_of(seen);
    struct error error = {.kind = ERROR_NONE};
    cr_assert_null(server_start(&config, &script, &error));
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_str_eq(error.text, why);
}

Test(server, echoes_counts_and_starts_again_after_a_stop)
{
    struct config config = config_of("127.0.0.1:0");
    for (int round = 0; round < 2; round++) {
        struct seen seen = {.started = 0};
        struct script script = script_of(&seen);
        struct server_stats stats;
        struct server *server = begin(&config, &script);
        struct address address;
        cr_assert(server_is_active(server));
        cr_assert_eq(seen.started, 2);
        cr_assert(server_address(server, 0, &address));
        cr_assert_not(server_address(server, 1, &address), "it has one listener");

        intptr_t clients[4];
        for (int i = 0; i < 4; i++) {
            clients[i] = connect_to(server);
            put(clients[i], "hello");
            expect(clients[i], "hello");
        }
        put(clients[0], "quit");
        char byte;
        cr_assert_eq(peer_receive(clients[0], &byte, 1), 0, "it is closed");
        peer_close(clients[0]);
        server_stats(server, &stats);
        cr_assert_eq(stats.accepted, 4);
        cr_assert_eq(stats.refused, 0);
        cr_assert_eq(stats.workers, 2);
        cr_assert_eq(stats.connections_max, 3000);
        cr_assert_eq(stats.blocks, 10000);
        cr_assert_eq(stats.blocks_used + stats.blocks_free, stats.blocks);
        cr_assert_eq(stats.packets_received, 5);
        cr_assert_eq(stats.packets_sent, 4);
        cr_assert_eq(stats.bytes_received, 4 * 9 + 8);
        cr_assert(stats.uptime_ns > 0);
        for (uint32_t i = 0; i < 2; i++) {
            server_worker_stats(server, i, &stats);
            cr_assert_eq(stats.accepted, 2, "each new one goes to the worker with the fewest");
        }

        server_stop(server);
        cr_assert_eq(seen.stopped, 2);
        cr_assert_eq(seen.connected, 4);
        cr_assert_eq(seen.disconnected, 4);
        cr_assert_eq(seen.released, 4);
        cr_assert_str_eq(seen.reason, "shutdown");
        for (int i = 1; i < 4; i++) {
            cr_assert_eq(peer_receive(clients[i], &byte, 1), 0);
            peer_close(clients[i]);
        }
    }
}

Test(server, a_worker_that_fails_to_start_fails_the_start)
{
    struct seen seen = {.fail_start = true};
    fails_to_start(&seen, "worker 1 does not want to");
    cr_assert_eq(seen.started, 1);
    cr_assert_eq(seen.stopped, 1);
}

Test(server, starts_when_the_last_worker_has_finished_its_start)
{
    struct config config = config_of("127.0.0.1:0");
    struct seen seen = {.waits = true, .ends_waiting = true};
    struct script script = script_of(&seen);
    struct server *server = begin(&config, &script);
    cr_assert_eq(seen.started, 2);
    intptr_t client = connect_to(server);
    put(client, "hello");
    expect(client, "hello");
    server_stop(server);
    cr_assert_eq(seen.stopped, 2);
    peer_close(client);
}

Test(server, a_start_that_waited_and_failed_fails_the_start)
{
    struct seen seen = {.waits = true, .fails_waiting = true};
    fails_to_start(&seen, "worker 0 has waited in vain");
    cr_assert_eq(seen.started, 1);
    cr_assert_eq(seen.stopped, 2, "both let go of their state");
}

Test(server, a_start_that_waits_for_ever_is_called_off_when_another_worker_fails)
{
    struct seen seen = {.waits = true, .fail_start = true};
    fails_to_start(&seen, "worker 1 does not want to");
    cr_assert_eq(seen.started, 0);
    cr_assert_eq(seen.stopped, 1);
}

Test(server, a_port_that_is_taken_fails_the_start)
{
    struct config config = config_of("127.0.0.1:0");
    struct seen first_seen = {.started = 0}, second_seen = {.started = 0};
    struct script script = script_of(&first_seen);
    struct error error = {.kind = ERROR_NONE};
    struct server *server = begin(&config, &script);
    cr_assert(server_address(server, 0, &config.listeners[0].address));
    struct script second = script_of(&second_seen);
    cr_assert_null(server_start(&config, &second, &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "another program listens there"));
    cr_assert_eq(second_seen.started, second_seen.stopped);
    server_stop(server);
}

/* A test that this makes fail does not end. */
Test(server, a_worker_waits_unless_it_has_something_to_do)
{
    struct config config = config_of("127.0.0.1:0");
    struct seen seen = {.started = 0};
    struct script script = script_of(&seen);
    set(&config, "workers", "1");
    finish(&config);
    struct server *server = begin(&config, &script);
    intptr_t client = connect_to(server);
    while (!server_worker_waits(server, 0)) sched_yield();
    seen.asks_itself = server;
    put(client, "hello");
    expect(client, "hello");
    cr_assert_eq(seen.received, 1);
    while (!server_worker_waits(server, 0)) sched_yield();
    server_stop(server);
    peer_close(client);
}

static void *abort_from_another_thread(void *argument)
{
    server_abort(argument);
    server_abort(argument);
    return NULL;
}

Test(server, is_ended_by_an_abort_from_another_thread)
{
    struct config config = config_of("127.0.0.1:0");
    struct seen seen = {.started = 0};
    struct script script = script_of(&seen);
    pthread_t thread;
    struct server *server = begin(&config, &script);
    intptr_t client = connect_to(server);
    put(client, "hello");
    expect(client, "hello");
    cr_assert_eq(pthread_create(&thread, NULL, abort_from_another_thread, server), 0);
    pthread_join(thread, NULL);
    server_stop(server);
    cr_assert_eq(seen.disconnected, 1);
    peer_close(client);
}
