/* Peers that speak something else, servers that speak several things, packets that never end. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, HALF_OPEN = 40, PIECE = 100, BIG_PIECE = 1 << 20 };

#define TELLS_REASONS \
    "function on_disconnect(conn, reason) server.log('info', 'gone: %s', reason) end\n"
static const char echo[] =
    TELLS_REASONS "function on_receive(conn, packet) conn:send(packet) end\n";

/* ---- errors ---- */

/* What it sends is refused with this reason, and the log shows it; others notice nothing. */
static void refuse(const char *framing, const void *bytes, size_t size, const char *reason,
                   const char *shown)
{
    struct server server = server_begin(&(struct begin){
        .script = echo,
        .config = "return { max_packet = '1M', listen = { '127.0.0.1:0',\n"
                  "    { address = '127.0.0.1:0', framing = 'length' } } }\n",
        .flags = {"--framing", framing},
    });
    int other = client_connect_to("127.0.0.1", server_port(&server, 1));
    int client = client_connect(&server);
    client_put_text(other, "before");
    client_expect(other, "before");
    client_send(client, bytes, size);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, reason);
    server_expect_log(&server, shown);
    client_put_text(other, "after");
    client_expect(other, "after");
    close(client);
    close(other);
    server_end(&server);
}

static void refuse_text(const char *framing, const char *text, const char *reason,
                        const char *shown)
{
    refuse(framing, text, strlen(text), reason, shown);
}

Test(framing, tells_http_from_packets)
{
    refuse_text("length", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "gone: oversize",
                "first bytes: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a; this looks like "
                "HTTP");
}

Test(framing, tells_tls_from_packets)
{
    refuse("length", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, "gone: oversize",
           "first bytes: 16 03 01 02 00 01 00 01 fc 03 03; this looks like TLS");
}

Test(framing, tells_text_from_packets)
{
    refuse_text("length", "hello, server\n", "gone: oversize",
                "first bytes: 68 65 6c 6c 6f 2c 20 73 65 72 76 65 72 0a; this looks like text");
}

Test(framing, tells_a_big_endian_length)
{
    refuse("length", "\0\0\0\x05x", 5, "gone: oversize",
           "first bytes: 00 00 00 05 78; the length looks big-endian");
}

Test(framing, tells_a_little_endian_length)
{
    refuse("length,order=big", "\x05\0\0\0x", 5, "gone: oversize",
           "first bytes: 05 00 00 00 78; the length looks little-endian");
}

Test(framing, tells_a_length_that_does_not_count_its_header)
{
    refuse("length", "\x01\0\0\0x", 5, "gone: framing",
           "first bytes: 01 00 00 00 78; the length may not count its header");
}

Test(framing, tells_a_later_length_that_does_not_count_its_header)
{
    refuse("length", "\x05\0\0\0hello", 9, "gone: oversize",
           "first bytes: 65 6c 6c 6f; perhaps the length before it does not count its header");
}

Test(framing, tells_a_later_length_that_counts_its_header)
{
    refuse("length,counts_header=false", "\x09\0\0\0hello\xff\xff\xff\x7f\xff\xff\xff\x7f", 17,
           "gone: oversize",
           "first bytes: ff ff ff 7f; perhaps the length before it counts its header");
}

/* It is closed for another reason, and had sent a part of a packet. */
static void leave_midway(const char *framing, const void *bytes, size_t size, const char *shown)
{
    struct server server =
        server_begin(&(struct begin){.script = echo, .flags = {"--framing", framing}});
    int client = client_connect(&server);
    client_send(client, bytes, size);
    shutdown(client, SHUT_WR);
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, shown);
    close(client);
    server_end(&server);
}

Test(framing, tells_of_a_packet_that_never_was_complete)
{
    leave_midway("length", "hi\n", 3,
                 "closed (eof) with an unfinished packet, 3 of 4 bytes so far; "
                 "first bytes: 68 69 0a; this looks like text");
    leave_midway("length", "\x09\0\0\0hell", 8, "with an unfinished packet, 8 of 9 bytes so far");
    leave_midway("line", "\x09\0\0\0hello", 9, "this does not look like text");
}

Test(framing, tells_of_a_packet_that_a_silent_peer_has_begun)
{
    struct server server =
        server_begin(&(struct begin){.script = echo, .flags = {"--idle-timeout", "0.2"}});
    static const char told[] = "closed (idle) with an unfinished packet, 3 of 4 bytes so far";
    while (server_log_count(&server, told) == 0) { /* one that comes late is idle before */
        int client = client_connect(&server);
        send(client, "hi\n", 3, MSG_NOSIGNAL);
        cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
        close(client);
    }
    server_end(&server);
}

/* As clients do that reconnect again and again. */
Test(framing, tells_once_of_many_who_leave_inside_a_packet)
{
    struct server server =
        server_begin(&(struct begin){.script = echo, .flags = {"--workers", "1"}});
    for (int i = 0; i < 40; i++) {
        int client = client_connect(&server);
        client_send(client, "hi\n", 3);
        shutdown(client, SHUT_WR);
        cr_assert_eq(client_await_end(client), CLIENT_EOF);
        close(client);
    }
    server_expect_log(&server, "with an unfinished packet, 3 of 4 bytes so far");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_eq(server_log_count(&server, "unfinished packet"), 1);
    server_end(&server);
}

Test(framing, refuses_a_varint_without_an_end)
{
    refuse("length,size=varint", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11,
           "gone: framing", "first bytes: 80 80 80 80 80 80 80 80 80 80 01");
}

Test(framing, refuses_a_line_that_is_too_long)
{
    refuse_text("line,max=10", "01234567890", "gone: oversize",
                "first bytes: 30 31 32 33 34 35 36 37 38 39 30");
}

Test(framing, answers_what_came_before_the_error)
{
    struct server server = server_begin(&(struct begin){.script = echo});
    int client = client_connect(&server);
    client_send(client, "\x07\0\0\0one\x07\0\0\0two\x03\0\0\0", 18);
    client_expect(client, "one");
    client_expect(client, "two");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "first bytes: 03 00 00 00");
    server_expect_log(&server, "gone: framing");
    close(client);
    server_end(&server);
}

/* ---- several framings ---- */

Test(framing, every_listener_may_have_its_own)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet) conn:send(packet .. '!') end\n",
        .config = "return {\n"
                  "  framing = { 'length', size = 2, order = 'big' },\n"
                  "  listen = {\n"
                  "    { address = '127.0.0.1:0', framing = 'line' },\n"
                  "    '127.0.0.1:0',\n"
                  "    { address = '[::1]:0', framing = { 'length', counts_header = false } },\n"
                  "    { address = '127.0.0.1:0', framing = 'line,delimiter=;' },\n"
                  "  },\n"
                  "}\n",
    });
    char answer[8];
    int line = client_connect_to("127.0.0.1", server_port(&server, 0));
    int own = client_connect_to("127.0.0.1", server_port(&server, 1));
    int plain = client_connect_to("::1", server_port(&server, 2));
    int parted = client_connect_to("127.0.0.1", server_port(&server, 3));
    client_send(plain, "\x03\0\0\0abc", 7);
    client_send_text(line, "def\n");
    client_send(own, "\0\5ghi", 5);
    client_send_text(parted, "jkl;");
    client_expect_line(line, "def!");
    client_receive(plain, answer, 8);
    cr_assert(memcmp(answer, "\x04\0\0\0abc!", 8) == 0);
    client_receive(own, answer, 6);
    cr_assert(memcmp(answer, "\0\6ghi!", 6) == 0);
    client_receive(parted, answer, 5);
    cr_assert(memcmp(answer, "jkl!;", 5) == 0);
    close(line);
    close(own);
    close(plain);
    close(parted);
    server_end(&server);
}

/* From the next packet on, even when that has arrived together with the last of the old kind. */
static const char switcher[] = "function on_receive(conn, packet)\n"
                               "  local kind, spec = packet:match('^switch (%a+) ?(.*)$')\n"
                               "  if not kind then return conn:send('<' .. packet .. '>') end\n"
                               "  conn:send('to ' .. kind)\n"
                               "  if kind == 'short' then spec = { 'length', size = 2 }\n"
                               "  else spec = kind end\n"
                               "  assert(conn:framing(spec))\n"
                               "end\n";

static const struct {
    const char *bytes;
    size_t size;
} switched[] = {
    {"one\nswitch length\n", 18},     {"\x07\0\0\0two", 7}, {"\x10\0\0\0switch short", 16},
    {"\5\0abc\x0d\0switch line", 18}, {"three\r\n", 7},
};

static const char switched_answer[] = "<one>\nto length\n"
                                      "\x09\0\0\0<two>\x0c\0\0\0to short"
                                      "\7\0<abc>\x09\0to line"
                                      "<three>\n";

static void expect_switched(int client)
{
    char answer[sizeof switched_answer - 1];
    client_receive(client, answer, sizeof answer);
    cr_assert(memcmp(answer, switched_answer, sizeof answer) == 0);
}

Test(framing, can_change_in_the_middle_of_a_stream)
{
    struct server server =
        server_begin(&(struct begin){.script = switcher, .flags = {"--framing", "line"}});
    char all[128];
    size_t size = 0;
    for (size_t i = 0; i < sizeof switched / sizeof *switched; i++) {
        memcpy(all + size, switched[i].bytes, switched[i].size);
        size += switched[i].size;
    }
    int client = client_connect(&server);
    client_send(client, all, size);
    expect_switched(client);
    for (size_t i = 0; i < size / 2; i++) client_send(client, all + i, 1);
    client_send(client, all + size / 2, size - size / 2);
    expect_switched(client);
    close(client);
    server_end(&server);
}

Test(framing, that_cannot_be_is_an_error_of_the_script)
{
    struct server server = server_begin(&(struct begin){
        .script = TELLS_REASONS "function on_receive(conn, packet)\n"
                                "  local fine, why = pcall(conn.framing, conn, packet)\n"
                                "  conn:send(fine and 'fine' or why)\n"
                                "end\n",
        .flags = {"--framing", "line"},
    });
    char answer[512] = "";
    int client = client_connect(&server);
    client_send_text(client, "lime\n");
    for (size_t i = 0; i == 0 || answer[i - 1] != '\n'; i++) client_receive(client, answer + i, 1);
    cr_assert_not_null(strstr(answer, "line"), "%s", answer);
    client_send_text(client, "line\n");
    client_expect_line(client, "fine");
    close(client);
    server_expect_log(&server, "gone: eof");
    server_end(&server);
}

Test(framing, that_a_script_chooses_takes_no_larger_packets_than_the_others)
{
    struct server server = server_begin(&(struct begin){
        .script = TELLS_REASONS "function on_receive(conn, packet)\n"
                                "  conn:framing('line')\n"
                                "  conn:send(tostring(#packet))\n"
                                "end\n",
        .flags = {"--framing", "line", "--max-packet", "100"},
    });
    char line[102];
    int client = client_connect(&server);
    memset(line, 'x', sizeof line);
    line[100] = '\n';
    client_send_text(client, "first\n");
    client_expect_line(client, "5");
    client_send(client, line, 101);
    client_expect_line(client, "100");
    line[100] = 'x';
    line[101] = '\n';
    client_send(client, line, 102);
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    close(client);
    server_expect_log(&server, "gone: oversize");
    server_end(&server);
}

/* ---- packets that are announced and do not come ---- */

static const char figures[] = "function on_receive(conn, packet)\n"
                              "  local stats = server.stats()\n"
                              "  conn:send(packet == 'figures'\n"
                              "    and ('%d %d'):format(stats.bytes_received, stats.memory_used)\n"
                              "    or tostring(#packet))\n"
                              "end\n";

struct asking {
    int client;
    size_t sent; /* bytes, for all questions */
};

static size_t ask(struct asking *asking, size_t *received)
{
    size_t used, size;
    client_put_text(asking->client, "figures");
    asking->sent += HEADER + strlen("figures");
    char *answer = (char *)client_take(asking->client, &size);
    cr_assert_eq(sscanf(answer, "%zu %zu", received, &used), 2);
    free(answer);
    return used;
}

/* The bytes used at the end of a turn that came after so many had been received from others. */
static size_t memory_when(struct asking *asking, size_t received_from_others)
{
    size_t received;
    do ask(asking, &received);
    while (received < received_from_others + asking->sent);
    return ask(asking, &received);
}

static void announce(int client, size_t size, size_t sent)
{
    uint8_t *bytes = calloc(1, HEADER + sent);
    cr_assert_not_null(bytes);
    for (int i = 0; i < HEADER; i++) bytes[i] = (uint8_t)((HEADER + size) >> 8 * i);
    client_send(client, bytes, HEADER + sent);
    free(bytes);
}

Test(framing, takes_memory_for_what_has_arrived_not_for_what_is_announced)
{
    struct server server =
        server_begin(&(struct begin){.script = figures, .flags = {"--workers", "1"}});
    size_t announced = 16 << 20, total = HALF_OPEN * (HEADER + PIECE);
    uint8_t *rest = calloc(1, announced);
    struct asking asking = {.client = client_connect(&server)};
    int slow[HALF_OPEN];
    for (int i = 0; i < HALF_OPEN; i++) {
        slow[i] = client_connect(&server);
        announce(slow[i], announced, PIECE);
    }
    cr_assert_eq(memory_when(&asking, total), 0, "a few bytes fit into the blocks");
    client_send(slow[0], rest, BIG_PIECE);
    total += BIG_PIECE;
    size_t used = memory_when(&asking, total);
    cr_assert(used >= BIG_PIECE && used <= 4 * BIG_PIECE, "%zu bytes are used", used);
    client_send(slow[0], rest, announced - PIECE - BIG_PIECE);
    client_expect(slow[0], "16777216");
    total += announced - PIECE - BIG_PIECE;
    while (memory_when(&asking, total) > 0) continue;
    for (int i = 0; i < HALF_OPEN; i++) close(slow[i]);
    close(asking.client);
    free(rest);
    server_end(&server);
}

Test(framing, a_nul_may_be_a_delimiter)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  conn:send(packet:upper())\n"
                                  "  if packet == 'other' then\n"
                                  "    assert(conn:framing { 'line', delimiter = ';\\0' })\n"
                                  "  end\n"
                                  "end\n",
                        .config = "return { framing = { 'line', delimiter = '\\0' } }\n"});
    char bytes[9];
    int client = client_connect(&server);
    client_send(client, "one\0other\0two;\0", 15);
    client_receive(client, bytes, 4);
    cr_assert_arr_eq(bytes, "ONE", 4);
    client_receive(client, bytes, 6);
    cr_assert_arr_eq(bytes, "OTHER", 6);
    client_receive(client, bytes, 5);
    cr_assert_arr_eq(bytes, "TWO;\0", 5);
    close(client);
    server_end(&server);
}
