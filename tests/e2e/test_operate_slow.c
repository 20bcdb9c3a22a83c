/* The admin answers, whatever else is connected: to the server, and to itself. */
#include "operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SLOW = 600, IDLE = 10000, IDLE_ON_WINE = 2000, OTHER_FILES = 100 };

/* Of each kind many more than the admin has places for. */
static void ask_beside_slow_ones(const char *address)
{
    static const char *const beginnings[] = {
        "",
        "GET /metrics HTTP/1.1\r\nHost: x",
        "POST /reload HTTP/1.1\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", /* whose answer nobody reads */
        "no request\r\n"};
    static int peers[SLOW];
    for (int i = 0; i < SLOW; i++) {
        peers[i] = client_connect_to("127.0.0.1", (uint16_t)atoi(strrchr(address, ':') + 1));
        client_send_text(peers[i], beginnings[i % 6]);
        if (i % 100 == 99) expect_told(address, WORDS("stats"), "connections");
    }
    expect_told(address, WORDS("connections"), "id\t");
    expect_told(address, WORDS("reload"), "generation 2 runs");
    for (int i = 0; i < SLOW; i++) close(peers[i]);
}

static struct server begin(char address[64], const char *most)
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO,
        .admin = true,
        .flags = {"--workers", "1", "--admin-token", TOKEN, "--max-connections", most}});
    server_admin(&server, address, 64);
    return server;
}

Test(operate_slow, the_admin_answers_beside_those_who_say_nothing_or_say_it_slowly)
{
    char address[64];
    struct server server = begin(address, "100");
    ask_beside_slow_ones(address);
    server_end(&server);
}

Test(operate_slow, the_admin_answers_beside_ten_thousand_idle_connections_and_slow_ones)
{
    static int idle[IDLE];
    int count = on_windows() ? IDLE_ON_WINE : IDLE;
    char address[64], text[64];
    struct rlimit files;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < (rlim_t)count + SLOW + OTHER_FILES)
        cr_skip_test("NOT TESTED: too few files may be open here (ulimit -n)");
    struct server server = begin(address, "10000");
    for (int i = 0; i < count; i++) idle[i] = client_connect(&server);
    client_ask(idle[count - 1], "hello", "hello");
    ask_beside_slow_ones(address);
    snprintf(text, sizeof text, "\nconnections                  %d\n", count);
    expect_told(address, WORDS("stats"), text);
    for (int i = 0; i < count; i += count / 10) client_ask(idle[i], "hello", "hello");
    for (int i = 0; i < count; i++) close(idle[i]);
    server_end(&server);
}
