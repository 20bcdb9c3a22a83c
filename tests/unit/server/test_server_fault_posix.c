/* A whole server on ports whose system calls fail: it serves everybody all the same. */
#include "capture.h"
#include "port_fault_posix.h"
#include "server_talk.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)worker, (void)error;
    return context;
}

static void received(void *state, struct link *link, struct span packet)
{
    (void)state;
    cr_assert_eq(link_send(link, packet), SEND_OK);
}

static enum log_level level = LOG_ERROR;

static void serve(const char *backend, int clients)
{
    enum { CLIENTS_MAX = 50, PACKETS = 20 };
    struct script script = {.context = &script, .worker_start = start, .received = received};
    struct config config = config_of("127.0.0.1:0");
    log_set_level(level);
    enum port_backend chosen;
    char why[256];
    intptr_t peers[CLIENTS_MAX];
    set(&config, "backend", backend);
    if (!port_choose(config.backend, &chosen, why, sizeof why)) cr_skip_test("%s", why);
    struct server *server = begin(&config, &script);
    for (int i = 0; i < clients; i++) peers[i] = connect_to(server);
    for (int packet = 0; packet < PACKETS; packet++) {
        for (int i = 0; i < clients; i++) put(peers[i], "all the same");
        for (int i = 0; i < clients; i++) expect(peers[i], "all the same");
    }
    for (int i = 0; i < clients; i++) peer_close(peers[i]);
    server_stop(server);
}

Test(server_fault, accepts_when_descriptors_are_back)
{
    fault_fail(FAULT_ACCEPT, FAULT_ANY, EMFILE, 3);
    serve("epoll", 5);
    cr_assert_eq(fault_left(FAULT_ACCEPT), 0);
}

Test(server_fault, accepts_those_who_stay_when_many_have_left)
{
    fault_fail(FAULT_ACCEPT, FAULT_ANY, ECONNABORTED, 100);
    serve("epoll", 5);
    cr_assert_eq(fault_left(FAULT_ACCEPT), 0);
}

Test(server_fault, serves_when_the_kernel_stops_after_each_completion)
{
    capture_begin();
    level = LOG_WARN;
    fault_stop_multishots();
    serve("uring", 50);
    const char *log = capture_end();
    cr_assert_null(strstr(log, "cannot accept"), "that it stops is no failure: %s", log);
}

Test(server_fault, serves_though_waits_are_interrupted)
{
    fault_fail(FAULT_WAIT, FAULT_ANY, EINTR, 500);
    serve("epoll", 10);
}

Test(server_fault, serves_though_the_kernel_is_busy)
{
    fault_fail(FAULT_WAIT, FAULT_ANY, EBUSY, 500);
    serve("uring", 10);
}

Test(server_fault, loses_nothing_of_sends_that_fall_short)
{
    fault_shorten(FAULT_SEND, FAULT_ANY, 3, 2000);
    serve("epoll", 10);
    fault_shorten(FAULT_SEND, FAULT_ANY, 3, 2000);
    serve("uring", 10);
}

/* ---- why a connection ended ---- */

static char reason[32];
static atomic_int ended;

static void disconnected(void *state, struct link *link, const char *why)
{
    (void)state, (void)link;
    snprintf(reason, sizeof reason, "%s", why);
    atomic_store(&ended, 1);
}

/* A client asks, and that call fails. */
static void expect_reason(enum fault_call call, int number, const char *wanted)
{
    struct script script = {.context = &script,
                            .worker_start = start,
                            .received = received,
                            .disconnected = disconnected};
    struct config config = config_of("127.0.0.1:0");
    const struct timespec moment = {.tv_nsec = 1000000};
    set(&config, "backend", "epoll");
    struct server *server = begin(&config, &script);
    intptr_t peer = connect_to(server);
    atomic_store(&ended, 0);
    fault_fail(call, FAULT_ANY, number, 1);
    peer_send(peer, "\x09\0\0\0hello", 9);
    for (int i = 0; i < 10000 && !atomic_load(&ended); i++) nanosleep(&moment, NULL);
    cr_assert(atomic_load(&ended));
    cr_assert_str_eq(reason, wanted);
    cr_assert_eq(fault_left(call), 0);
    peer_close(peer);
    server_stop(server);
}

Test(server_fault, tells_why_it_could_not_receive)
{
    expect_reason(FAULT_RECV, ECONNRESET, "reset");
    expect_reason(FAULT_RECV, ECONNABORTED, "reset");
    expect_reason(FAULT_RECV, ETIMEDOUT, "timeout");
    expect_reason(FAULT_RECV, ENOMEM, "memory");
}

Test(server_fault, tells_why_it_could_not_send)
{
    expect_reason(FAULT_SEND, EPIPE, "reset");
    expect_reason(FAULT_SEND, ETIMEDOUT, "timeout");
    expect_reason(FAULT_SEND, EHOSTUNREACH, "timeout");
}
