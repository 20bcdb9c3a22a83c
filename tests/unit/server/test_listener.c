/* Listeners that are closed and opened while the server runs, on each backend. */
#include "server/offline.h"
#include "server_talk.h"

#include <pthread.h>
#include <stdatomic.h>

static const char *const backends[] = {"epoll", "uring", "iocp"};

static atomic_int served;

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)worker, (void)error;
    return context;
}

static void received(void *state, struct link *link, struct span packet)
{
    (void)state;
    atomic_fetch_add(&served, 1);
    cr_assert_eq(link_send(link, packet), SEND_OK);
}

static struct script script = {.context = &script, .worker_start = start, .received = received};

static struct config config_on(const char *backend)
{
    struct config config = config_of("127.0.0.1:0");
    struct error error;
    config.listener_count = 0;
    for (int i = 0; i < 2; i++)
        cr_assert_not_null(config_add_listener(&config, "127.0.0.1:0", &error), "%s", error.text);
    set(&config, "backend", backend);
    finish(&config);
    return config;
}

/* NULL: this system does not have the backend. */
static struct server *begin_on(const char *backend)
{
    struct config config = config_on(backend);
    enum port_backend chosen;
    char why[256];
    bool has_it = port_choose(config.backend, &chosen, why, sizeof why);
    return has_it ? begin(&config, &script) : NULL;
}

/* On each backend that this system has. */
static void on_each(void (*test)(struct server *server))
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        struct server *server = begin_on(backends[i]);
        if (server == NULL) continue;
        test(server);
        server_stop(server);
    }
}

static uint16_t port_of(const struct server *server, uint32_t index)
{
    struct address address;
    cr_assert(server_address(server, index, &address));
    return address.port;
}

static void open_it(struct server *server, uint32_t index)
{
    struct error error;
    cr_assert(server_listener_open(server, index, &error), "%s", error.text);
}

static void close_it(struct server *server, uint32_t index)
{
    struct error error;
    cr_assert(server_listener_close(server, index, &error), "%s", error.text);
}

static struct server_listener_stats stats_of(const struct server *server, uint32_t index)
{
    struct server_listener_stats stats;
    cr_assert(server_listener_stats(server, index, &stats));
    return stats;
}

static intptr_t served_on(uint16_t port)
{
    intptr_t client = peer_connect(port);
    put(client, "hello");
    expect(client, "hello");
    return client;
}

static void closes_and_opens(struct server *server)
{
    uint16_t port = port_of(server, 0), other = port_of(server, 1);
    intptr_t before = served_on(port);
    cr_assert(stats_of(server, 0).is_open);
    close_it(server, 0);
    cr_assert_not(stats_of(server, 0).is_open);
    cr_assert_eq(peer_try_to_connect(port), -1);
    put(before, "hello again");
    expect(before, "hello again");
    peer_close(served_on(other));

    bool stays = !peer_holds_its_port();
    if (!stays) peer_reset(before);
    open_it(server, 0);
    cr_assert_eq(port_of(server, 0), port, "it has the port that it had");
    cr_assert(stats_of(server, 0).is_open);
    intptr_t after = served_on(port);
    if (stays) {
        put(before, "still here");
        expect(before, "still here");
        peer_close(before);
    }
    peer_close(after);
}

Test(listener, a_closed_one_takes_nobody_and_keeps_those_who_are_there)
{
    on_each(closes_and_opens);
}

static void repeats(struct server *server)
{
    open_it(server, 0);
    close_it(server, 0);
    close_it(server, 0);
    for (int round = 0; round < 20; round++) {
        open_it(server, 0);
        open_it(server, 0);
        peer_reset(served_on(port_of(server, 0)));
        close_it(server, 0);
    }
    cr_assert_eq(stats_of(server, 0).accepted, 20);
    cr_assert_eq(stats_of(server, 1).accepted, 0);
}

Test(listener, what_it_is_already_it_stays)
{
    on_each(repeats);
}

static void counts(struct server *server)
{
    struct server_listener_stats stats;
    cr_assert_eq(server_listener_count(server), 2);
    cr_assert_not(server_listener_stats(server, 2, &stats));
    intptr_t clients[3];
    for (int i = 0; i < 3; i++) clients[i] = served_on(port_of(server, i > 0));
    stats = stats_of(server, 0);
    cr_assert_eq(stats.accepted, 1);
    cr_assert_eq(stats.connections, 1);
    cr_assert_eq(stats.refused, 0);
    cr_assert_str_eq(stats.framing, "length");
    cr_assert_eq(stats.address.port, port_of(server, 0));
    stats = stats_of(server, 1);
    cr_assert_eq(stats.accepted, 2);
    cr_assert_eq(stats.connections, 2);
    close_it(server, 1);
    cr_assert_eq(stats_of(server, 1).connections, 2);
    peer_reset(clients[1]);
    while (stats_of(server, 1).connections > 1) continue;
    stats = stats_of(server, 1);
    cr_assert_eq(stats.connections, 1);
    cr_assert_eq(stats.accepted, 2);
    for (int i = 0; i < SERVER_LISTENER_FIGURES; i++)
        cr_assert(strlen(server_listener_figures[i].name) > 0 &&
                  strlen(server_listener_figures[i].help) > 0);
    cr_assert_eq(figure_of(&stats, &server_listener_figures[0]), 2);
    cr_assert_eq(figure_of(&stats, &server_listener_figures[1]), 0);
    cr_assert_eq(figure_of(&stats, &server_listener_figures[2]), 1);
    peer_close(clients[0]);
    peer_close(clients[2]);
}

Test(listener, each_has_figures_of_its_own)
{
    on_each(counts);
}

static void finds_its_address_in_use(struct server *server)
{
    struct error error = {.kind = ERROR_NONE};
    struct config config = config_of("127.0.0.1:0");
    close_it(server, 0);
    config.listeners[0].address.port = port_of(server, 0);
    struct server *other = begin(&config, &script);
    cr_assert_not(server_listener_open(server, 0, &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_not_null(strstr(error.text, "cannot listen on 127.0.0.1:"), "%s", error.text);
    cr_assert_not(stats_of(server, 0).is_open);
    server_stop(other);
    open_it(server, 0);
    peer_close(served_on(port_of(server, 0)));
}

Test(listener, an_address_that_another_has_taken_meanwhile_is_an_error)
{
    on_each(finds_its_address_in_use);
}

static void is_not_there(struct server *server)
{
    struct error error = {.kind = ERROR_NONE};
    cr_assert_not(server_listener_open(server, 2, &error));
    cr_assert_eq(error.kind, ERROR_USAGE);
    cr_assert_str_eq(error.text, "there is no listener 3: there are 2");
    error.kind = ERROR_NONE;
    cr_assert_not(server_listener_close(server, UINT32_MAX, &error));
    cr_assert_eq(error.kind, ERROR_USAGE);
}

Test(listener, one_that_is_not_there_is_an_error)
{
    on_each(is_not_there);
}

static void ends(struct server *server)
{
    struct error error = {.kind = ERROR_NONE};
    close_it(server, 0);
    server_drain(server);
    while (server_is_active(server)) continue;
    cr_assert_not(server_listener_open(server, 0, &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    cr_assert_str_eq(error.text, "the server is ending");
    close_it(server, 0);
    close_it(server, 1);
    cr_assert_not(stats_of(server, 1).is_open);
}

Test(listener, a_server_that_is_ending_opens_none_and_has_closed_all)
{
    on_each(ends);
}

Test(listener, a_server_without_a_network_does_not_close_what_it_does_not_have)
{
    struct config config = config_of("127.0.0.1:7000");
    struct error error = {.kind = ERROR_NONE};
    struct offline *offline = offline_open(&config, &script, &error);
    cr_assert_not_null(offline, "%s", error.text);
    struct server *server = worker_server(offline_worker(offline));
    cr_assert(stats_of(server, 0).is_open);
    cr_assert_not(server_listener_close(server, 0, &error));
    cr_assert_eq(error.kind, ERROR_SYSTEM);
    open_it(server, 0);
    cr_assert_not_null(offline_connect(offline, 0, NULL));
    cr_assert_eq(stats_of(server, 0).accepted, 1);
    cr_assert_eq(stats_of(server, 0).connections, 1);
    offline_close(offline);
}

/* ---- at once ---- */

enum { CLIENTS = 4, ROUNDS = 60 };

static atomic_bool over;
static atomic_int echoed;

/* Comes again and again. Whoever is accepted is served, whatever becomes of the listener meanwhile; whoever is not
 * gets no byte. */
static void *come(void *argument)
{
    const uint16_t port = *(const uint16_t *)argument;
    while (!atomic_load(&over)) {
        char bytes[9];
        intptr_t client = peer_try_to_connect(port);
        if (client < 0) continue;
        if (peer_try_to_send(client, "\x09\0\0\0hello", 9) && peer_receive(client, bytes, 9) == 9)
            atomic_fetch_add(&echoed, 1);
        peer_reset(client);
    }
    return NULL;
}

static void *turn_over(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct error error;
        cr_assert(server_listener_close(argument, 0, &error), "%s", error.text);
        while (!server_listener_open(argument, 0, &error)) cr_assert(peer_holds_its_port());
    }
    return NULL;
}

static void serves_all_it_accepts(struct server *server)
{
    uint16_t port = port_of(server, 0);
    pthread_t clients[CLIENTS], turners[2];
    atomic_store(&over, false);
    atomic_store(&served, 0);
    atomic_store(&echoed, 0);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert_eq(pthread_create(&clients[i], NULL, come, &port), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&turners[i], NULL, turn_over, server), 0);
    for (int i = 0; i < 2; i++) pthread_join(turners[i], NULL);
    atomic_store(&over, true);
    for (int i = 0; i < CLIENTS; i++) pthread_join(clients[i], NULL);
    while (stats_of(server, 0).connections > 0) continue;
    cr_assert(stats_of(server, 0).is_open);
    cr_assert_eq(atomic_load(&served), atomic_load(&echoed), "each who was heard was answered");
    cr_assert(stats_of(server, 0).accepted >= (uint64_t)atomic_load(&echoed));
    peer_close(served_on(port));
}

Test(listener, whoever_was_accepted_is_served_though_it_is_closed_and_opened_all_the_time)
{
    on_each(serves_all_it_accepts);
}

static atomic_int rounds;
static int rounds_wanted;

/* Until the server ends; whatever it asks for is answered. */
static void *turn_over_to_the_end(void *argument)
{
    struct error error;
    while (server_listener_close(argument, 0, &error) && server_listener_open(argument, 0, &error))
        atomic_fetch_add(&rounds, 1);
    cr_assert_str_eq(error.text, "the server is ending");
    return NULL;
}

static void is_asked_while_it_ends(struct server *server)
{
    pthread_t turner;
    int begun = atomic_load(&rounds);
    cr_assert_eq(pthread_create(&turner, NULL, turn_over_to_the_end, server), 0);
    while (atomic_load(&rounds) < begun + rounds_wanted) continue;
    server_drain(server);
    pthread_join(turner, NULL);
    while (server_is_active(server)) continue;
    cr_assert_not(stats_of(server, 0).is_open);
}

Test(listener, what_is_asked_while_it_ends_is_answered)
{
    for (rounds_wanted = 0; rounds_wanted < 5; rounds_wanted++) on_each(is_asked_while_it_ends);
}
