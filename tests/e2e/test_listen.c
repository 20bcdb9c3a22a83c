/* Where a server listens, and how scripts see where a connection came from. */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tells what a conn knows, in the framing of its listener. */
#define TELLS_WHERE \
    "function on_receive(conn, packet)\n" \
    "  conn:send(('%s %s %d %s'):format(packet, conn.ip, conn.port, conn.listener))\n" \
    "end\n"

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int handle = socket(AF_INET6, SOCK_STREAM, 0);
    if (handle < 0) return false;
    bool bound = bind(handle, (struct sockaddr *)&address, sizeof address) == 0;
    close(handle);
    return bound;
}

static unsigned own_port(int client)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    cr_assert_eq(getsockname(client, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* The server listens on `listen` ("[::1]") with any port; the client comes from there, too. */
static void expect_where(int client, const char *ip, const char *listen, uint16_t port)
{
    char expected[128];
    snprintf(expected, sizeof expected, "where? %s %u %s:%u", ip, own_port(client), listen, port);
    client_put_text(client, "where?");
    client_expect(client, expected);
    close(client);
}

static char *path_in(const char *directory, const char *name, char *path)
{
    snprintf(path, 90, "%s/%s", directory, name);
    return path;
}

Test(listen, ipv4_addresses_are_told)
{
    struct server server = server_begin(&(struct begin){.script = TELLS_WHERE});
    expect_where(client_connect(&server), "127.0.0.1", "127.0.0.1", server.port);
    server_end(&server);
}

Test(listen, ipv6_addresses_are_told)
{
    if (!has_ipv6()) cr_skip("NOT TESTED: this machine has no ::1");
    struct server server =
        server_begin(&(struct begin){.script = TELLS_WHERE, .listen = "[::1]:0"});
    expect_where(client_connect_to("::1", server.port), "::1", "[::1]", server.port);
    server_end(&server);
}

Test(listen, every_address_may_be_meant)
{
    static const char *const everywhere[] = {"0.0.0.0:0", "*:0", ":0", "0"};
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        struct server server =
            server_begin(&(struct begin){.script = TELLS_WHERE, .listen = everywhere[i]});
        expect_where(client_connect(&server), "127.0.0.1", "0.0.0.0", server.port);
        server_end(&server);
    }
    struct server server =
        server_begin(&(struct begin){.script = TELLS_WHERE, .listen = "localhost:0"});
    expect_where(client_connect(&server), "127.0.0.1", "127.0.0.1", server.port);
    server_end(&server);
}

Test(listen, every_ipv6_address_is_no_ipv4_address)
{
    if (!has_ipv6()) cr_skip("NOT TESTED: this machine has no ::1");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct server server = server_begin(&(struct begin){.script = TELLS_WHERE, .listen = "[::]:0"});
    expect_where(client_connect_to("::1", server.port), "::1", "[::]", server.port);
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(server.port);
    cr_assert_eq(connect(handle, (struct sockaddr *)&address, sizeof address), -1);
    cr_assert_eq(errno, ECONNREFUSED);
    close(handle);
    server_end(&server);
}

Test(listen, a_unix_socket_serves_as_well)
{
    need_unix_sockets();
    char path[90], listen[100], expected[128];
    char *directory = directory_make(NULL, NULL);
    snprintf(listen, sizeof listen, "unix:%s", path_in(directory, "socket", path));
    struct server server = server_begin(&(struct begin){.script = TELLS_WHERE, .listen = listen});
    snprintf(expected, sizeof expected, "where?  0 %s", listen);
    int clients[20];
    for (int i = 0; i < 20; i++) {
        clients[i] = client_connect_unix(path);
        client_put_text(clients[i], "where?");
    }
    for (int i = 0; i < 20; i++) {
        client_expect(clients[i], expected);
        close(clients[i]);
    }
    server_end(&server);
    directory_remove(directory);
}

/* The bits of its file when it listens, and a client is served if they let this user in. */
static unsigned mode_of_socket(const char *setting, mode_t mask)
{
    char path[90], config[300];
    struct stat status;
    char *directory = directory_make(NULL, NULL);
    snprintf(config, sizeof config, "return { listen = { address = 'unix:%s'%s } }",
             path_in(directory, "socket", path), setting);
    mode_t before = umask(mask);
    struct server server = server_begin(&(struct begin){.script = ECHO, .config = config});
    umask(before);
    cr_assert_eq(stat(path, &status), 0);
    int client = client_connect_unix(path);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
    directory_remove(directory);
    return status.st_mode & 07777;
}

Test(listen, a_unix_socket_has_the_mode_it_is_given_whatever_the_umask)
{
    need_unix_sockets();
    cr_assert_eq(mode_of_socket(", mode = '0660'", 0077), 0660);
    cr_assert_eq(mode_of_socket(", mode = 600", 0), 0600);
    cr_assert_eq(mode_of_socket("", 0027), 0750, "without a mode, the umask says");
}

Test(listen, every_ipv4_and_every_ipv6_address_are_two_listeners_that_may_share_a_port)
{
    if (!has_ipv6()) cr_skip_test("this machine has no IPv6");
    struct server server =
        server_begin(&(struct begin){.script = TELLS_WHERE, .listen = "0.0.0.0:0"});
    uint16_t port = server.port;
    server_end(&server);
    char config[120];
    snprintf(config, sizeof config, "return { listen = { '0.0.0.0:%u', '[::]:%u' } }", port, port);
    server = server_begin(&(struct begin){.script = TELLS_WHERE, .config = config});
    expect_where(client_connect_to("127.0.0.1", port), "127.0.0.1", "0.0.0.0", port);
    expect_where(client_connect_to("::1", port), "::1", "[::]", port);
    server_end(&server);
}

Test(listen, a_unix_socket_carries_large_packets)
{
    need_unix_sockets();
    enum { SIZE = 5 << 20 };
    static uint8_t packet[SIZE];
    char path[90], listen[100];
    char *directory = directory_make(NULL, NULL);
    snprintf(listen, sizeof listen, "unix:%s", path_in(directory, "socket", path));
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet) conn:send(packet) end\n", .listen = listen});
    int client = client_connect_unix(path);
    for (int round = 0; round < 3; round++) {
        size_t size;
        fill_random((uint64_t)round, packet, SIZE);
        client_put(client, packet, SIZE);
        uint8_t *got = client_take(client, &size);
        cr_assert_eq(size, SIZE);
        cr_assert_eq(memcmp(got, packet, SIZE), 0);
        free(got);
    }
    close(client);
    server_end(&server);
    directory_remove(directory);
}

Test(listen, each_listener_has_its_framing)
{
    char path[90], third[100] = "127.0.0.1:0", config[400], expected[128];
    char *directory = directory_make(NULL, NULL);
    path_in(directory, "socket", path);
    if (!on_windows()) snprintf(third, sizeof third, "unix:%s", path);
    snprintf(config, sizeof config,
             "return {\n"
             "  listen = {\n"
             "    '127.0.0.1:0',\n"
             "    { address = '127.0.0.1:0', framing = 'line' },\n"
             "    { address = '%s', framing = { 'fixed', size = 6 } },\n"
             "  },\n"
             "  framing = 'length', workers = 2,\n"
             "}\n",
             third);
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  conn:send(packet)\n"
                                  "  server.log('info', '%s on %s', packet, conn.listener)\n"
                                  "end\n",
                        .config = config});
    uint16_t line_port = server_port(&server, 1);
    cr_assert_neq(server.port, line_port);
    server_expect_log(&server, "(length)\n");
    server_expect_log(&server, "(line)\n");
    server_expect_log(&server, "(fixed)\n");

    int client = client_connect(&server);
    client_put_text(client, "by length");
    client_expect(client, "by length");
    close(client);
    snprintf(expected, sizeof expected, "by length on 127.0.0.1:%u\n", server.port);
    server_expect_log(&server, expected);

    client = client_connect_to("127.0.0.1", line_port);
    client_send_text(client, "by line\r\n");
    client_expect_line(client, "by line");
    close(client);
    snprintf(expected, sizeof expected, "by line on 127.0.0.1:%u\n", line_port);
    server_expect_log(&server, expected);

    char six[6];
    if (on_windows()) snprintf(third, sizeof third, "127.0.0.1:%u", server_port(&server, 2));
    client = on_windows() ? client_connect_to("127.0.0.1", server_port(&server, 2))
                          : client_connect_unix(path);
    client_send_text(client, "by six");
    client_receive(client, six, sizeof six);
    cr_assert_arr_eq(six, "by six", sizeof six);
    close(client);
    snprintf(expected, sizeof expected, "by six on %s\n", third);
    server_expect_log(&server, expected);
    server_end(&server);
    directory_remove(directory);
}

Test(listen, many_listeners_are_served_up_to_a_limit)
{
    enum { LISTENERS = 32 };
    char config[2000] = "return { listen = {", *out, *err;
    for (int i = 0; i < LISTENERS; i++) strcat(config, " '127.0.0.1:0',");
    size_t size = strlen(config);
    strcat(config, " } }\n");
    struct server server = server_begin(&(struct begin){.script = TELLS_WHERE, .config = config});
    for (int i = 0; i < LISTENERS; i++) {
        uint16_t port = server_port(&server, i);
        expect_where(client_connect_to("127.0.0.1", port), "127.0.0.1", "127.0.0.1", port);
    }
    server_end(&server);

    strcpy(config + size, " '127.0.0.1:0' } }\n");
    char *directory = directory_make("main.lua", TELLS_WHERE, "config.lua", config, NULL);
    const char *words[] = {directory, "--backend", backend(), NULL};
    cr_assert_eq(program_run(&out, &err, words), 1, "%s", err);
    cr_assert_not_null(strstr(err, "listen has at most 32 addresses"), "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(listen, connected_at_is_on_the_servers_clock)
{
    struct server server = server_begin(&(struct begin){
        .script =
            "local before = server.now()\n"
            "function on_receive(conn)\n"
            "  local fine = before <= conn.connected_at and conn.connected_at <= server.now()\n"
            "    and server.now() < before + 1000 and before == before\n"
            "  conn:send(fine and 'fine' or conn.connected_at .. ' of ' .. server.now())\n"
            "end\n"});
    for (int i = 0; i < 3; i++) {
        int client = client_connect(&server);
        client_put_text(client, "?");
        client_expect(client, "fine");
        close(client);
    }
    server_end(&server);
}
