/* Listeners that are closed and opened while the server runs: unix sockets, and a system that fails. */
#include "port_fault_posix.h"
#include "server_talk.h"
#include "temporary.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

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

static struct script script = {.context = &script, .worker_start = start, .received = received};

static void open_it(struct server *server)
{
    struct error error;
    cr_assert(server_listener_open(server, 0, &error), "%s", error.text);
}

static void close_it(struct server *server)
{
    struct error error;
    cr_assert(server_listener_close(server, 0, &error), "%s", error.text);
}

/* ---- unix sockets ---- */

static intptr_t connect_to_path(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(client >= 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&to, sizeof to), 0, "%s", strerror(errno));
    return client;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return status.st_mode & 07777;
}

Test(listener, the_file_of_a_unix_socket_goes_and_comes_with_it)
{
    char directory[TEMPORARY_PATH_MAX], path[TEMPORARY_PATH_MAX + 8], name[TEMPORARY_PATH_MAX + 16];
    struct config config = config_of("127.0.0.1:0");
    struct server_listener_stats stats;
    struct stat status;
    struct error error;
    cr_assert(temporary_directory(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(name, sizeof name, "unix:%s", path);
    config.listener_count = 0;
    struct config_listener *listener = config_add_listener(&config, name, &error);
    cr_assert_not_null(listener, "%s", error.text);
    cr_assert(config_listener_set(listener, "mode", "0620", &error), "%s", error.text);
    finish(&config);
    struct server *server = begin(&config, &script);
    cr_assert_eq(mode_of(path), 0620);
    intptr_t before = connect_to_path(path);
    put(before, "hello");
    expect(before, "hello");
    for (int round = 0; round < 3; round++) {
        close_it(server);
        cr_assert_neq(lstat(path, &status), 0, "it is gone");
        put(before, "still here");
        expect(before, "still here");
        open_it(server);
        cr_assert_eq(mode_of(path), 0620);
        intptr_t after = connect_to_path(path);
        put(after, "hello");
        expect(after, "hello");
        peer_close(after);
    }
    cr_assert(server_listener_stats(server, 0, &stats));
    cr_assert_str_eq(stats.address.path, path);
    cr_assert_eq(stats.accepted, 4);

    close_it(server);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    cr_assert_not(server_listener_open(server, 0, &error));
    cr_assert_not_null(strstr(error.text, "a file that is no socket stands there"), "%s",
                       error.text);
    peer_close(before);
    server_stop(server);
    cr_assert_eq(lstat(path, &status), 0, "a file that is not the server's stays");
    cr_assert(temporary_remove(directory));
}

/* ---- a system that fails ---- */

static struct server *begin_on(const char *backend)
{
    struct config config = config_of("127.0.0.1:0");
    enum port_backend chosen;
    char why[256];
    set(&config, "backend", backend);
    if (!port_choose(config.backend, &chosen, why, sizeof why)) cr_skip_test("%s", why);
    return begin(&config, &script);
}

static void expect_service(const struct server *server)
{
    intptr_t client = connect_to(server);
    put(client, "hello");
    expect(client, "hello");
    peer_close(client);
}

/* There is nothing to wait for then. */
Test(listener, is_closed_while_there_are_no_descriptors)
{
    fault_fail(FAULT_ACCEPT, FAULT_ANY, EMFILE, 1000000);
    struct server *server = begin_on("epoll");
    intptr_t waiting = connect_to(server);
    while (fault_left(FAULT_ACCEPT) == 1000000) continue;
    char byte;
    close_it(server);
    cr_assert(peer_receive(waiting, &byte, 1) <= 0, "nobody has taken it");
    peer_close(waiting);
    open_it(server);
    close_it(server);
    server_stop(server);
}

Test(listener, is_opened_and_accepts_when_descriptors_are_back)
{
    fault_fail(FAULT_ACCEPT, FAULT_ANY, EMFILE, 1);
    struct server *server = begin_on("epoll");
    intptr_t waiting = connect_to(server);
    while (fault_left(FAULT_ACCEPT) == 1) continue;
    close_it(server);
    peer_close(waiting);
    open_it(server);
    expect_service(server);
    server_stop(server);
}

/* Accepting ends by itself each time: it must not begin again on a socket that was closed. */
Test(listener, is_closed_and_opened_though_the_kernel_stops_after_each_completion)
{
    fault_stop_multishots();
    struct server *server = begin_on("uring");
    for (int round = 0; round < 20; round++) {
        expect_service(server);
        close_it(server);
        open_it(server);
    }
    server_stop(server);
}
