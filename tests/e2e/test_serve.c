/* What a server says before it serves: of blocks, files and the address for commands; and what it does
 * about them. */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server begin_with(const char *config, unsigned files)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO, .config = config, .files = files, .flags = {"--workers", "1"}});
    server_expect_log(&server, "info  serving "); /* which it says last */
    return server;
}

/* ---- blocks ---- */

static int count_of_blocks(const char *config)
{
    struct server server = begin_with(config, 0);
    int count = server_log_count(&server, "connections could use 2016 at once; receiving pauses");
    cr_assert_eq(server_log_count(&server, "blocks = "), count);
    server_end(&server);
    return count;
}

Test(serve, blocks_are_spoken_of_only_if_there_may_be_too_few)
{
    cr_assert_eq(count_of_blocks("return { max_connections = 1000, blocks = 2016 }"), 0);
    cr_assert_eq(count_of_blocks("return { max_connections = 1000, blocks = 2015 }"), 1);
}

/* ---- files ---- */

static void need_limits(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: limits of files are for Linux");
}

Test(serve, too_few_files_are_warned_of_and_enough_are_not)
{
    static const char config[] = "return { max_connections = 1000 }";
    need_limits();
    struct server server = begin_with(config, 2023);
    server_expect_log(&server, "only 2023 files may be open, too few for max_connections = 1000");
    server_expect_log(&server, "(ulimit -n 2024)");
    server_end(&server);
    server = begin_with(config, 2024);
    cr_assert_eq(server_log_count(&server, "files may be open"), 0);
    server_end(&server);
}

static void expect_files(const char *config, const char *count)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn)\n"
                                               "  local pipe = io.popen('ulimit -S -n')\n"
                                               "  conn:send((pipe:read('*l')))\n"
                                               "  pipe:close()\n"
                                               "end\n",
                                     .config = config,
                                     .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    client_ask(client, "how many files?", count);
    cr_assert_eq(server_log_count(&server, "files may be open"), 0);
    close(client);
    server_end(&server);
}

Test(serve, the_limit_of_files_is_raised_as_far_as_it_has_to_be_and_never_lowered)
{
    struct rlimit limit;
    need_limits();
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2024) cr_skip_test("NOT TESTED: the limit cannot be raised here");
    limit.rlim_cur = 1500;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_files("return { max_connections = 1000 }", "2024");
    expect_files("return { max_connections = 10 }", "1500");
}

/* ---- the address for commands ---- */

/* A socket that listens on this port, unless somebody else's does. */
static int take_port(uint16_t port)
{
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert(handle >= 0);
    if (bind(handle, (struct sockaddr *)&address, sizeof address) == 0)
        cr_assert_eq(listen(handle, 1), 0);
    return handle;
}

Test(serve, a_server_does_without_the_default_address_for_commands_if_that_is_taken)
{
    int taken = take_port(7001);
    struct server server = begin_with("-- admin: as it is by default\nreturn {}\n", 0);
    server_expect_log(&server, "warn  moonport reload cannot reach this server: admin: ");
    int client = client_connect(&server);
    cr_assert(client_is_served(client));
    close(client);
    server_signal(&server, 15);
    cr_assert_eq(server_wait(&server), 0);
    server_expect_log(&server, "info  stopped\n");
    server_end(&server);
    close(taken);
}

Test(serve, an_address_for_commands_that_was_asked_for_is_a_must)
{
    char taken[32];
    struct server server = server_begin(&(struct begin){.script = ECHO});
    snprintf(taken, sizeof taken, "127.0.0.1:%u", server.port);
    char *directory = directory_make("main.lua", ECHO, NULL);
    program_fail(
        SYSTEM,
        WORDS(directory, "--backend", backend(), "--listen", "127.0.0.1:0", "--admin", taken),
        "moonport: admin: ", "or admin = false");
    directory_remove(directory);
    server_end(&server);
}
