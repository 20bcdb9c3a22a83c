/* Groups of real connections, over two workers. */
#include "server/server_control.h"
#include "server_talk.h"

#include <sched.h>
#include <stdatomic.h>

enum { CLIENTS = 4 };

static enum script_verdict verdict = SCRIPT_YES;
static _Atomic(struct group *) room; /* held by the test */
static atomic_int disconnected_count, message_count;

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)context;
    (void)error;
    return worker;
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct worker *worker = state;
    struct group *group = server_group(worker_server(worker), span_text("room"));
    cr_assert_eq(worker_group_add(worker, group, link), SEND_OK);
    cr_assert_eq(worker_group_add(worker, group, link), SEND_OK);
    group_drop(group);
    return verdict;
}

/* "leave" leaves, "close" and "abort" end it, anything else goes to all others in the room. */
static void received(void *state, struct link *link, struct span packet)
{
    struct worker *worker = state;
    size_t count;
    if (packet.size == 5 && memcmp(packet.data, "leave", 5) == 0) {
        cr_assert(worker_group_remove(worker, room, link));
        cr_assert_not(worker_group_remove(worker, room, link));
        link_send(link, span_text("left"));
    } else if (packet.size == 5 && memcmp(packet.data, "close", 5) == 0) {
        link_close(link, NULL);
        cr_assert_eq(worker_group_add(worker, room, link), SEND_CLOSED);
    } else if (packet.size == 5 && memcmp(packet.data, "abort", 5) == 0) {
        link_abort(link, NULL);
        cr_assert_eq(worker_group_add(worker, room, link), SEND_CLOSED);
    } else {
        cr_assert_eq(worker_group_broadcast(worker, room, packet, PACKET_PLAIN, link, &count),
                     SEND_OK);
    }
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    struct worker *worker = state;
    (void)reason;
    cr_assert_not(worker_group_remove(worker, room, link), "it has left by itself");
    atomic_fetch_add(&disconnected_count, 1);
}

static void message(void *state, uint32_t from, struct span bytes)
{
    (void)state, (void)from, (void)bytes;
    atomic_fetch_add(&message_count, 1);
}

static const struct script script = {.worker_start = start,
                                     .message = message,
                                     .connected = connected,
                                     .received = received,
                                     .disconnected = disconnected};

static struct server *start_server(const struct config *config)
{
    struct server *server = begin(config, &script);
    room = server_group(server, span_text("room"));
    cr_assert_not_null(room);
    return server;
}

static size_t groups_of(struct server *server)
{
    pthread_mutex_lock(&server->groups.mutex);
    size_t count = server->groups.group_count;
    pthread_mutex_unlock(&server->groups.mutex);
    return count;
}

/* The group goes with its last holder, which may be a worker that has not quite let go. */
static void stop_server(struct server *server)
{
    group_drop(room);
    while (groups_of(server) > 0) sched_yield();
    server_stop(server);
}

static void await_count(uint32_t count)
{
    while (group_count(room) != count) sched_yield();
}

/* Two on each worker, all in the room. */
static void connect_all(const struct server *server, intptr_t clients[CLIENTS])
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = connect_to(server);
        await_count(i + 1);
    }
    cr_assert_eq(group_count_on(room, 0), CLIENTS / 2);
    cr_assert_eq(group_count_on(room, 1), CLIENTS / 2);
}

static void run_on_all(struct server *server,
                       void (*run)(void *context, struct worker *worker, void *state))
{
    const struct server_task task = {.run = run};
    cr_assert(server_run_on_workers(server, &task, UINT64_MAX, NULL));
}

Test(worker_fanout, a_group_reaches_its_members_on_all_workers_but_the_one_who_speaks)
{
    intptr_t clients[CLIENTS];
    struct config config = config_of("127.0.0.1:0");
    struct server *server = start_server(&config);
    connect_all(server, clients);
    for (int from = 0; from < CLIENTS; from++) {
        put(clients[from], "hello");
        for (int to = 0; to < CLIENTS; to++)
            if (to != from) expect(clients[to], "hello");
    }
    put(clients[3], "leave");
    expect(clients[3], "left"); /* and not its own hello */
    cr_assert_eq(group_count(room), CLIENTS - 1);
    put(clients[0], "news");
    expect(clients[1], "news");
    expect(clients[2], "news");
    put(clients[3], "from outside");
    for (int to = 0; to < 3; to++) expect(clients[to], "from outside"); /* 3 got no news */
    for (int i = 0; i < CLIENTS; i++) peer_close(clients[i]);
    await_count(0);
    stop_server(server);
}

Test(worker_fanout, a_connection_leaves_its_groups_however_it_ends)
{
    intptr_t clients[CLIENTS];
    char byte;
    struct config config = config_of("127.0.0.1:0");
    struct server *server = start_server(&config);
    connect_all(server, clients);
    put(clients[0], "close");
    await_count(3);
    put(clients[1], "abort");
    await_count(2);
    peer_reset(clients[2]);
    await_count(1);
    server_drain(server);
    await_count(0);
    cr_assert_eq(peer_receive(clients[0], &byte, 1), 0);
    for (int i = 0; i < CLIENTS; i++)
        if (i != 2) peer_close(clients[i]);
    while (server_is_active(server)) sched_yield();
    cr_assert_eq(disconnected_count, CLIENTS);
    stop_server(server);
}

static atomic_size_t queued;

static void say_news(void *context, struct worker *worker, void *state)
{
    size_t count;
    (void)context;
    (void)state;
    if (worker_index(worker) != 0) return;
    cr_assert_eq(
        worker_group_broadcast(worker, room, span_text("news"), PACKET_PLAIN, NULL, &count),
        SEND_OK);
    queued += count;
    cr_assert_eq(worker_post(worker, WORKER_ALL, span_text("said")), SEND_OK);
}

static void accept_all(void *context, struct worker *worker, void *state)
{
    (void)context;
    (void)state;
    struct link *link = NULL;
    while ((link = worker_next(worker, link)) != NULL) link_decide(link, SCRIPT_YES);
}

Test(worker_fanout, a_member_gets_nothing_before_it_has_been_accepted)
{
    intptr_t clients[CLIENTS];
    struct config config = config_of("127.0.0.1:0");
    verdict = SCRIPT_WAIT;
    struct server *server = start_server(&config);
    connect_all(server, clients);
    run_on_all(server, say_news);
    cr_assert_eq(queued, 0);
    while (message_count < 2) sched_yield(); /* which came to each worker behind the news */
    run_on_all(server, accept_all);
    put(clients[0], "hello");
    for (int i = 1; i < CLIENTS; i++) expect(clients[i], "hello");
    run_on_all(server, say_news);
    cr_assert_eq(queued, CLIENTS / 2, "those of the worker who says it");
    for (int i = 0; i < CLIENTS; i++) expect(clients[i], "news");
    for (int i = 0; i < CLIENTS; i++) peer_close(clients[i]);
    await_count(0);
    stop_server(server);
}

static void flood(void *context, struct worker *worker, void *state)
{
    enum { BYTES = 1 << 20 };
    static uint8_t bytes[BYTES];
    size_t count;
    (void)context;
    (void)state;
    if (worker_index(worker) != 0) return;
    while (group_count_on(room, 0) > 0) {
        enum send_result result =
            worker_group_broadcast(worker, room, span_of(bytes, BYTES), PACKET_PLAIN, NULL, &count);
        cr_assert(result == SEND_OK || result == SEND_FULL);
        cr_assert_eq(group_count_on(room, 0), count, "who is full is closed, and has left");
    }
}

Test(worker_fanout, members_that_a_broadcast_closes_leave_while_it_goes_on)
{
    intptr_t clients[CLIENTS];
    struct config config = config_of("127.0.0.1:0");
    struct server *server = start_server(&config);
    connect_all(server, clients);
    run_on_all(server, flood); /* nobody reads it */
    cr_assert_eq(group_count_on(room, 0), 0);
    for (int i = 0; i < CLIENTS; i++) peer_close(clients[i]);
    await_count(0);
    stop_server(server);
}

Test(worker_fanout, a_group_is_framed_for_each_of_its_members)
{
    intptr_t first, second;
    char line[5] = "";
    struct address address;
    struct config config;
    struct error error;
    log_set_level(LOG_ERROR);
    config_init(&config);
    cr_assert_not_null(config_add_listener(&config, "127.0.0.1:0", &error));
    struct config_listener *lines = config_add_listener(&config, "127.0.0.1:0", &error);
    cr_assert_not_null(lines);
    cr_assert(config_listener_set(lines, "framing", "line", &error), "%s", error.text);
    cr_assert(config_set(&config, "workers", "1", &error));
    cr_assert(config_set(&config, "log", "error", &error));
    cr_assert(config_finish(&config, &error), "%s", error.text);
    struct server *server = start_server(&config);
    cr_assert(server_address(server, 1, &address));
    first = connect_to(server);
    second = peer_connect(address.port);
    await_count(2);
    run_on_all(server, say_news);
    expect(first, "news");
    peer_receive_all(second, line, 5);
    cr_assert(memcmp(line, "news\n", 5) == 0);
    peer_close(first);
    peer_close(second);
    await_count(0);
    stop_server(server);
}
