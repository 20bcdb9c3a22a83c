/* More connections than anybody needs, and more than there are descriptors for. */
#include "fault.h"
#include "harness_process.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { STORM = 21000, BATCH = 500, SLOWER_ON_WINE = 7 };
enum { FILES = 64, WAITING = 100, STEPS = 8, BUSY_TICKS = 30 };

/* ---- connections that come and go ---- */

/* In each of the ways to go at once. */
static void connect_and_go(const struct server *server, int number)
{
    int client = client_connect(server);
    switch (number % 4) {
    case 0: close(client); break;
    case 1: fault_reset(client); break;
    case 2:
        client_send(client, "\x9\0", 2);
        close(client);
        break;
    default: client_put_text(client, "who will hear the answer?"); close(client);
    }
}

static void expect_served(const struct server *server)
{
    int client = client_connect(server);
    cr_assert(client_is_served(client));
    close(client);
}

/* A newcomer behind each batch waits until those before it have been accepted. */
static void storm(const struct server *server, int count)
{
    for (int done = 0; done < count; done += BATCH) {
        for (int i = 0; i < BATCH; i++) connect_and_go(server, i);
        expect_served(server);
    }
}

Test(fault, a_storm_of_connections_leaves_nothing)
{
    int times = on_windows() ? SLOWER_ON_WINE : patience();
    int count = STORM / ROUNDS / times / BATCH * BATCH;
    struct growth growth = {.count = 0};
    struct server server = fault_begin("return { max_connections = 4000 }");
    int watching = fault_watch(&server);
    int descriptors = on_windows() ? 0 : fault_descriptors(&server);
    uint64_t began_ms = now_ms(), storm_ms = 0;
    fault_note_memory(&server, &growth);
    for (int round = 1; round <= ROUNDS; round++) {
        uint64_t round_ms = now_ms();
        storm(&server, count);
        storm_ms += now_ms() - round_ms;
        fault_await_rest(watching);
        fault_note_memory(&server, &growth);
    }
    if (!on_windows()) fault_await_descriptors(&server, descriptors);
    cr_log_info("%d connections in %u ms, %u ms with all that followed", count * ROUNDS,
                (unsigned)storm_ms, (unsigned)(now_ms() - began_ms));
    cr_assert_eq(server_log_count(&server, "refused "), 0);
    fault_check_growth(&growth, 0);
    expect_served(&server);
    close(watching);
    server_end(&server);
}

/* ---- no descriptors ---- */

static void need_limits_of_linux(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: limits of descriptors are for Linux");
}

static void connect_too_many(const struct server *server, int *clients)
{
    for (int i = 0; i < WAITING; i++) {
        clients[i] = client_connect(server);
        client_put_text(clients[i], "served at last");
    }
    server_expect_log(server, "warn  cannot accept: ");
}

Test(fault, without_descriptors_others_wait_and_nothing_spins)
{
    need_limits_of_linux();
    int clients[WAITING], first = 0;
    struct server server = fault_begin_with_files(FILES);
    int watching = fault_watch(&server);
    int descriptors = fault_descriptors(&server);
    connect_too_many(&server, clients);

    for (int i = 0; i < 100; i++) cr_assert(client_is_served(watching));
    long ticks = fault_ticks(&server);
    poll(NULL, 0, 1000);
    ticks = fault_ticks(&server) - ticks;
    cr_assert(ticks < BUSY_TICKS, "%ld ticks of CPU time for nothing", ticks);

    for (; first < STEPS; first++) { /* each makes room for one of those who wait */
        client_expect(clients[first], "served at last");
        close(clients[first]);
        fault_await_ended(watching, "eof", first + 1);
    }
    for (int i = first; i < WAITING; i++) {
        client_expect(clients[i], "served at last");
        close(clients[i]);
    }
    fault_await_rest(watching);
    cr_assert_eq(server_log_count(&server, "cannot accept"), 1, "one line an episode");
    fault_await_descriptors(&server, descriptors);
    expect_served(&server);
    close(watching);
    server_end(&server);
}

Test(fault, a_server_without_descriptors_stops_when_it_is_told)
{
    need_limits_of_linux();
    int clients[WAITING];
    struct server server = fault_begin_with_files(FILES);
    connect_too_many(&server, clients);
    server_end(&server);
    for (int i = 0; i < WAITING; i++) close(clients[i]);
}
