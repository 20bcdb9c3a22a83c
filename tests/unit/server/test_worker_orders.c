/* What the control thread wants of workers that have much to read, on a whole server. */
#include "base/clock.h"
#include "server_talk.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { WORKERS = 2, POSTS = 1000, GREETINGS = 32 }; /* more than the system takes */
enum { PACKET_MOST = 2 << 20 };                     /* bytes */
#define LONG_NS UINT64_C(12000000)                  /* more than a turn may take */
#define FOR_EVER UINT64_MAX

/* The last worker reads the mail of the first, slowly. */
enum { SPEAKER, READER };
static atomic_int messages, messages_at_packet, messages_at_task, connected_count;
static _Atomic uint64_t message_ns, reader_id;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stuck, greets;

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)context;
    (void)error;
    return worker;
}

static enum script_verdict connected(void *state, struct link *link)
{
    static const char greeting[1 << 20];
    if (worker_index(state) == READER) reader_id = link_id(link);
    for (int i = 0; greets && i < GREETINGS; i++)
        cr_assert_eq(link_send(link, span_of(greeting, sizeof greeting)), SEND_OK);
    atomic_fetch_add(&connected_count, 1);
    return SCRIPT_YES;
}

static void received(void *state, struct link *link, struct span packet)
{
    (void)state;
    messages_at_packet = messages;
    link_send(link, packet);
}

static void message(void *state, uint32_t from, struct span bytes)
{
    (void)state, (void)from, (void)bytes;
    uint64_t end_ns = clock_after_ns(message_ns);
    while (clock_now_ns() < end_ns) continue;
    atomic_fetch_add(&messages, 1);
}

static const struct script script = {
    .worker_start = start, .connected = connected, .received = received, .message = message};

/* A server with a connection on each of its workers, of which it returns the reader's. */
static intptr_t begin_with(struct server **server, uint64_t drain_ns, intptr_t *other)
{
    struct config config = config_of("127.0.0.1:0");
    intptr_t clients[WORKERS];
    int of_reader = 0;
    bool found = false;
    config.workers = WORKERS;
    config.drain_timeout_ns = drain_ns;
    config.max_packet = PACKET_MOST;
    config.hard_mark = 64 << 20;
    *server = begin(&config, &script);
    for (int i = 0; i < WORKERS; i++) {
        clients[i] = connect_to(*server);
        while (connected_count <= i) sched_yield();
        if (reader_id != 0 && !found) of_reader = i;
        found = reader_id != 0;
    }
    cr_assert(found);
    *other = clients[1 - of_reader];
    return clients[of_reader];
}

static void get_stuck(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) != READER) return;
    stuck = true;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void post_many(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) != SPEAKER) return;
    for (int i = 0; i < POSTS; i++)
        cr_assert_eq(worker_post(worker, READER, span_of("x", 1)), SEND_OK);
}

/* Of both workers, or as many of them as can: the reader runs it when it is free again. */
static void order(struct server *server, void (*run)(void *, struct worker *, void *),
                  uint64_t patience_ns)
{
    const struct server_task task = {.run = run};
    server_run_on_workers(server, &task, patience_ns, NULL);
}

static atomic_bool spoken;

static void note_spoken(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) == SPEAKER) spoken = true;
}

/* The reader comes to nothing before pthread_mutex_unlock(&gate), and has mail then. */
static void hold_reader(struct server *server, void (*speak)(void *, struct worker *, void *))
{
    pthread_mutex_lock(&gate);
    order(server, get_stuck, 0);
    while (!stuck) sched_yield();
    order(server, speak, 0);
    order(server, note_spoken, 0);
    while (!spoken) sched_yield();
}

static void note_messages(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) == READER) messages_at_task = messages;
}

Test(worker_orders, a_task_overtakes_all_messages)
{
    struct server *server;
    intptr_t other, client = begin_with(&server, 3600 * UINT64_C(1000000000), &other);
    hold_reader(server, post_many);
    messages_at_task = -1;
    order(server, note_messages, 0);
    pthread_mutex_unlock(&gate);
    while (messages < POSTS) sched_yield();
    cr_assert_eq(messages_at_task, 0);
    server_stop(server);
    peer_close(client);
    peer_close(other);
}

/* They have been harvested, and are read one a turn. */
Test(worker_orders, a_task_overtakes_messages_that_wait_for_a_later_turn)
{
    enum { HARVESTED = 20 }; /* by then all have been */
    struct server *server;
    intptr_t other, client = begin_with(&server, UINT64_C(400000000), &other);
    message_ns = LONG_NS;
    hold_reader(server, post_many);
    pthread_mutex_unlock(&gate);
    while (messages < HARVESTED) sched_yield();
    order(server, note_messages, FOR_EVER);
    cr_assert(messages_at_task < POSTS);
    server_stop(server);
    peer_close(client);
    peer_close(other);
}

Test(worker_orders, messages_that_take_long_do_not_keep_packets_waiting)
{
    struct server *server;
    intptr_t other, client = begin_with(&server, UINT64_C(1000000000), &other);
    message_ns = LONG_NS;
    hold_reader(server, post_many);
    put(client, "hello");
    pthread_mutex_unlock(&gate);
    expect(client, "hello");
    cr_assert(messages_at_packet < 8, "%d were read before a packet that had come with them",
              messages_at_packet);
    server_stop(server);
    peer_close(client);
    peer_close(other);
}

Test(worker_orders, messages_that_take_long_do_not_keep_the_server_from_ending)
{
    char byte;
    struct server *server;
    intptr_t other, client = begin_with(&server, UINT64_C(400000000), &other);
    message_ns = LONG_NS;
    hold_reader(server, post_many);
    server_drain(server);
    pthread_mutex_unlock(&gate);
    cr_assert_eq(peer_receive(client, &byte, 1), 0, "the end");
    peer_close(client);
    peer_close(other);
    server_stop(server);
    cr_assert(messages > 0, "some time it has for them");
    cr_assert(messages < POSTS);
}

/* They are taken by the workers in turn; one of them stands behind messages that nobody reads any more. */
Test(worker_orders, connections_that_no_worker_has_come_to_are_closed_at_the_end)
{
    char byte;
    struct server *server;
    struct server_stats stats;
    intptr_t other, client = begin_with(&server, UINT64_C(400000000), &other), late[WORKERS];
    message_ns = LONG_NS;
    hold_reader(server, post_many);
    for (int i = 0; i < WORKERS; i++) late[i] = connect_to(server);
    do server_stats(server, &stats);
    while (stats.accepted < 2 * WORKERS);
    server_drain(server);
    pthread_mutex_unlock(&gate);
    server_stop(server);
    cr_assert(messages < POSTS);
    cr_assert_eq(connected_count, 2 * WORKERS - 1);
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(peer_receive(late[i], &byte, 1), 0, "the end");
        peer_close(late[i]);
    }
    peer_close(client);
    peer_close(other);
}

static void do_nothing(void *context, struct worker *worker, void *state)
{
    (void)context, (void)worker, (void)state;
}

/* They are taken by the workers in turn, and read nothing of what they are greeted with. */
Test(worker_orders, connections_that_come_behind_an_abort_do_not_keep_the_server)
{
    struct server *server;
    struct server_stats stats;
    intptr_t other, client = begin_with(&server, 3600 * UINT64_C(1000000000), &other),
                    late[WORKERS];
    hold_reader(server, do_nothing);
    greets = true;
    for (int i = 0; i < WORKERS; i++) late[i] = connect_to(server);
    do server_stats(server, &stats);
    while (stats.accepted < 2 * WORKERS);
    server_drain(server);
    server_abort(server);
    pthread_mutex_unlock(&gate);
    server_stop(server);
    peer_close(client);
    peer_close(other);
    for (int i = 0; i < WORKERS; i++) peer_close(late[i]);
}

static void send_to_readers_client(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    if (worker_index(worker) == SPEAKER)
        cr_assert_eq(worker_send(worker, reader_id, span_of("from afar", 9), PACKET_PLAIN),
                     SEND_OK);
}

Test(worker_orders, what_was_sent_to_a_connection_before_the_end_still_goes_out)
{
    char byte;
    struct server *server;
    intptr_t other, client = begin_with(&server, 3600 * UINT64_C(1000000000), &other);
    hold_reader(server, send_to_readers_client);
    server_drain(server);
    cr_assert_eq(peer_receive(other, &byte, 1), 0, "the end has come to the workers");
    pthread_mutex_unlock(&gate);
    expect(client, "from afar");
    cr_assert_eq(peer_receive(client, &byte, 1), 0);
    peer_close(client);
    peer_close(other);
    server_stop(server);
}

static void send_the_largest_and_more(void *context, struct worker *worker, void *state)
{
    static const uint8_t bytes[PACKET_MOST + 1];
    (void)context, (void)state;
    if (worker_index(worker) != SPEAKER) return;
    cr_assert_eq(worker_send(worker, reader_id, span_of(bytes, PACKET_MOST + 1), PACKET_PLAIN),
                 SEND_TOO_BIG);
    cr_assert_eq(worker_send(worker, reader_id, span_of(bytes, PACKET_MOST), PACKET_PLAIN),
                 SEND_OK);
}

Test(worker_orders, a_packet_for_another_worker_that_is_too_large_is_refused_at_once)
{
    static uint8_t bytes[4 + PACKET_MOST];
    struct server *server;
    intptr_t other, client = begin_with(&server, UINT64_C(1000000000), &other);
    order(server, send_the_largest_and_more, FOR_EVER);
    peer_receive_all(client, bytes, sizeof bytes);
    peer_close(client);
    peer_close(other);
    server_stop(server);
}
