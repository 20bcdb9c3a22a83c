/* One listener for WebSockets and for a framing of native clients: how a peer begins decides which it has. */
#include "harness.h"
#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DETECTS(other) \
    "return { workers = 1, listen = { { address = '127.0.0.1:0',\n" \
    "  detect = { { 'websocket', path = '/chat' }, " other " } } } }\n"

#define REQUEST \
    "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static const char serves[] =
    "function on_connect(conn) conn:send(conn.request and 'browser' or 'native') end\n"
    "function on_receive(conn, packet) broadcast('<' .. packet .. '>') end\n";

/* Reads a head to its end. */
static void expect_head(int client, const char *begin)
{
    char head[2048];
    size_t size = 0;
    do {
        cr_assert(size < sizeof head - 1);
        client_receive(client, head + size, 1);
        head[++size] = '\0';
    } while (strstr(head, "\r\n\r\n") == NULL);
    cr_assert_eq(strncmp(head, begin, strlen(begin)), 0, "%s", head);
}

static void expect_text(int client, const char *text)
{
    char bytes[64];
    size_t size = strlen(text);
    client_receive(client, bytes, size);
    cr_assert(memcmp(bytes, text, size) == 0, "%.*s, and not %s", (int)size, bytes, text);
}

static struct server begin(const char *config)
{
    return server_begin(&(struct begin){.script = serves, .config = config});
}

static void finish(struct server *server, const int *clients, int count)
{
    for (int i = 0; i < count; i++) close(clients[i]);
    server_end(server);
}

Test(detect, browsers_and_native_clients_share_a_port)
{
    struct server server = begin(DETECTS("'length'"));
    server_expect_log(&server, "(websocket or length)");
    int clients[] = {client_connect(&server), client_connect(&server)};
    client_send_text(clients[0], REQUEST);
    expect_head(clients[0], "HTTP/1.1 101 ");
    expect_text(clients[0], "\x81\x07"
                            "browser");
    client_put_text(clients[1], "hello");
    client_expect(clients[1], "native");
    client_expect(clients[1], "<hello>");
    expect_text(clients[0], "\x81\x07<hello>");
    client_send(clients[0], "\x81\x82\0\0\0\0hi", 8);
    expect_text(clients[0], "\x81\x04<hi>");
    client_expect(clients[1], "<hi>");
    finish(&server, clients, 2);
}

Test(detect, plain_http_is_answered_in_http)
{
    struct server server = begin(DETECTS("'length'"));
    int clients[] = {client_connect(&server), client_connect(&server)};
    client_send_text(clients[0], "GET /chat HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_head(clients[0], "HTTP/1.1 426 ");
    client_send_text(clients[1], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    expect_head(clients[1], "HTTP/1.1 40");
    finish(&server, clients, 2);
}

Test(detect, bytes_may_come_one_by_one)
{
    static const char packet[] = "\x09\0\0\0hello";
    struct server server = begin(DETECTS("'length'"));
    int clients[] = {client_connect(&server), client_connect(&server)};
    for (size_t i = 0; i < sizeof packet - 1; i++) client_send(clients[0], packet + i, 1);
    client_expect(clients[0], "native");
    client_expect(clients[0], "<hello>");
    for (size_t i = 0; i < sizeof REQUEST - 1; i++) client_send(clients[1], &REQUEST[i], 1);
    expect_head(clients[1], "HTTP/1.1 101 ");
    finish(&server, clients, 2);
}

/* Its first byte is a G: 71 bytes in all. */
Test(detect, a_length_may_begin_like_a_method)
{
    char bytes[71] = "G\0\0\0";
    struct server server = begin(DETECTS("'length'"));
    int clients[] = {client_connect(&server)};
    memset(bytes + 4, 'x', sizeof bytes - 4);
    client_send(clients[0], bytes, 1);
    client_send(clients[0], bytes + 1, sizeof bytes - 1);
    client_expect(clients[0], "native");
    free(client_take(clients[0], &(size_t){0}));
    finish(&server, clients, 1);
}

Test(detect, a_silent_client_hears_the_server_first)
{
    struct server server = begin(DETECTS("'line'"));
    int clients[] = {client_connect(&server)};
    client_expect_line(clients[0], "native");
    client_send_line(clients[0], "GET / HTTP/1.1");
    client_expect_line(clients[0], "<GET / HTTP/1.1>");
    finish(&server, clients, 1);
}

Test(detect, a_client_that_ends_its_stream_is_answered_at_once)
{
    struct server server = begin(DETECTS("'raw'"));
    int clients[] = {client_connect(&server)};
    client_send_text(clients[0], "P");
    shutdown(clients[0], SHUT_WR);
    expect_text(clients[0], "native<P>");
    finish(&server, clients, 1);
}

Test(detect, the_keys_of_the_websocket_may_stand_beside_it)
{
    struct server server =
        begin("return { listen = { { address = '127.0.0.1:0', detect = { 'websocket', 'line' },\n"
              "  path = '/here', origins = { 'http://one', 'http://two' } } } }\n");
    int clients[] = {client_connect(&server)};
    client_send_text(clients[0], REQUEST);
    expect_head(clients[0], "HTTP/1.1 404 ");
    finish(&server, clients, 1);
}

static void refuses(const char *detect, const char *why)
{
    char config[512], *directory, *out, *err;
    snprintf(config, sizeof config, "return { listen = { { address = '127.0.0.1:0', %s } } }\n",
             detect);
    directory = directory_make("main.lua", ECHO, "config.lua", config, NULL);
    int status = program_run(&out, &err, WORDS("check", directory));
    cr_assert_neq(status, 0, "%s", detect);
    cr_assert(strstr(err, why) != NULL || strstr(out, why) != NULL, "%s: %s%s", detect, out, err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(detect, what_cannot_be_told_apart_is_refused)
{
    refuses("detect = { 'length', 'websocket' }",
            "\"websocket\" stands first, and behind it another framing");
    refuses("detect = { 'line', 'length' }", "not \"line\" and \"length\"");
    refuses("detect = { 'websocket', 'websocket' }", "not \"websocket\" and \"websocket\"");
    refuses("detect = 'websocket;line'", "detect: expected two framings");
    refuses("detect = { 'websocket' }", "detect: expected two framings");
    refuses("detect = { 'websocket', 'line', 'raw' }", "detect: expected two framings");
    refuses("detect = { 'websocket', 'lines' }", "lines");
    refuses("detect = { 'websocket', 'line' }, framing = 'line'",
            "a listener has framing or detect, not both");
    refuses("detect = { 'websocket', 'line' }, strip = false", "strip");
    refuses("framing = 'websocket', origins = { 'http://a', 5 }", "element 2 is number");
    refuses("framing = 'websocket', origins = { 'http://a|b' }", "expected text without \"|\"");
    refuses("framing = 'line', path = '/'", "path");
}

Test(detect, a_test_connects_as_a_browser)
{
    offline_pass(serves, DETECTS("'line'"),
                 "test(\"both\", function()\n"
                 "  local ann = test.connect({ path = '/chat' })\n"
                 "  ann:receive('hello')\n"
                 "  test.equal(ann.sent, { 'browser', '<hello>' })\n"
                 "end)\n");
}
