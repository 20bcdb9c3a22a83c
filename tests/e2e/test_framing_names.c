/* Clients that speak one of the framings with names: what they are answered, and what the log says when they break it.
 * A script that answers each packet with itself in brackets shows where packets were cut. */
#include "harness_process.h"
#include "offline_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES(text) (text), sizeof(text) - 1

static const char brackets[] =
    "function on_disconnect(conn, reason) server.log('info', 'gone: %s', reason) end\n"
    "function on_receive(conn, packet) conn:send('<' .. packet .. '>') end\n";

/* The client sends all of it at once and then byte by byte, and gets the same answer. */
static void answers(const char *config, const char *bytes, size_t size, const char *answer,
                    size_t answer_size)
{
    char text[256], *received = malloc(answer_size);
    cr_assert_not_null(received);
    snprintf(text, sizeof text, "return { framing = %s }\n", config);
    struct server server = server_begin(&(struct begin){.script = brackets, .config = text});
    int client = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; round == 1 && i < size; i++) client_send(client, bytes + i, 1);
        if (round == 0) client_send(client, bytes, size);
        client_receive(client, received, answer_size);
        cr_assert(memcmp(received, answer, answer_size) == 0, "%s, round %d: %.*s", config, round,
                  (int)answer_size, received);
    }
    close(client);
    server_end(&server);
    free(received);
}

Test(framing, by_several_delimiters)
{
    answers("{ 'delimiter', '\\r\\n', '\\n', ';' }", BYTES("one\r\ntwo\nthree;\r\n"),
            BYTES("<one>\r\n<two>\r\n<three>\r\n<>\r\n"));
    answers("[[delimiter,by=;|\\r\\n]]", BYTES("one\r\ntwo;"), BYTES("<one>;<two>;"));
    answers("{ 'delimiter', '\\0', '|', strip = false }", BYTES("one\0two|"),
            BYTES("<one\0>\0<two|>\0"));
}

Test(framing, of_netstrings)
{
    answers("'netstring'", BYTES("12:hello world!,0:,"), BYTES("14:<hello world!>,2:<>,"));
}

Test(framing, of_erlang_and_skynet)
{
    answers("'erlang'", BYTES("\0\0\0\5hello\0\0\0\0"), BYTES("\0\0\0\7<hello>\0\0\0\2<>"));
    answers("{ 'erlang', size = 2 }", BYTES("\0\5hello"), BYTES("\0\7<hello>"));
    answers("{ 'erlang', size = 1 }", BYTES("\5hello"), BYTES("\7<hello>"));
    answers("'skynet'", BYTES("\0\5hello\0\0"), BYTES("\0\7<hello>\0\2<>"));
}

/* The first byte of an answer is a packet's first byte, whatever it says. */
Test(framing, of_mqtt)
{
    answers("'mqtt'", BYTES("\xc0\x00\x30\x05hello"), BYTES("<\x02\xc0><\x07\x30hello>"));
}

Test(framing, of_hpsocket)
{
    answers("{ 'hpsocket', flag = 0x169 }", BYTES("\x05\x00\x40\x5ahello"),
            BYTES("\x07\x00\x40\x5a<hello>"));
    answers("'hpsocket'", BYTES("\x05\x00\x40\x5ahello"), BYTES("\x07\x00\x00\x00<hello>"));
}

/* ---- errors ---- */

static void breaks(const char *framing, const char *bytes, size_t size, const char *reason,
                   const char *shown)
{
    struct server server =
        server_begin(&(struct begin){.script = brackets, .flags = {"--framing", framing}});
    int client = client_connect(&server);
    client_send(client, bytes, size);
    cr_assert_neq(client_await_end(client), CLIENT_TIMEOUT);
    server_expect_log(&server, reason);
    server_expect_log(&server, shown);
    close(client);
    server_end(&server);
}

Test(framing, tells_what_is_wrong_with_a_netstring)
{
    breaks("netstring", BYTES("5:hello;"), "gone: framing",
           "closed: a netstring ends in a comma, here is ';'; first bytes: 35 3a 68");
    breaks("netstring", BYTES("07:"), "gone: framing",
           "closed: a netstring's length has no leading zeros, here '7' follows a 0");
    breaks("netstring,max=10", BYTES("11:"), "gone: oversize",
           "closed: the packet is larger than max_packet (length 11, max_packet 10)");
}

Test(framing, tells_which_flag_came)
{
    breaks("hpsocket,flag=0x169", BYTES("\x05\x00\x40\x7e"), "gone: framing",
           "closed: the flag of the header is 505 (0x1f9), expected 361 (0x169)");
}

Test(framing, tells_of_a_length_that_mqtt_does_not_have)
{
    breaks("mqtt", BYTES("\x30\x80\x80\x80\x80\x01"), "gone: framing",
           "closed: the remaining length of a packet has more than 4 bytes");
}

Test(framing, tells_mqtt_and_netstrings_from_packets)
{
    breaks("length,max=1K", BYTES("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04name"),
           "gone: oversize", "this looks like MQTT: framing = \"mqtt\"?");
    breaks("line,max=10", BYTES("12:hello world!,"), "gone: oversize",
           "this looks like a netstring: framing = \"netstring\"?");
}

/* ---- where framings are named ---- */

Test(framing, is_shown_by_the_name_that_was_asked_for)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn)\n"
                  "  local names = {}\n"
                  "  for i, listener in ipairs(server.stats().listeners) do\n"
                  "    names[i] = listener.framing\n"
                  "  end\n"
                  "  conn:send(table.concat(names, ' '))\n"
                  "end\n",
        .config = "return { framing = 'skynet', listen = { { address = '127.0.0.1:0', framing = "
                  "'line' }, '127.0.0.1:0',\n"
                  "  { address = '127.0.0.1:0', framing = { 'erlang', size = 2 } },\n"
                  "  { address = '127.0.0.1:0', framing = { 'delimiter', ';' } } } }\n",
    });
    int client = client_connect_to("127.0.0.1", server_port(&server, 0));
    client_send_text(client, "names\n");
    client_expect_line(client, "line skynet erlang delimiter");
    close(client);
    server_end(&server);
}

Test(framing, of_a_connection_may_become_any_of_them)
{
    struct server server = server_begin(&(struct begin){
        .script = "local specs = { 'netstring', { 'hpsocket', flag = 1 },\n"
                  "  { 'delimiter', ';', '!' }, 'mqtt', { 'erlang', size = 1 }, 'line' }\n"
                  "function on_receive(conn, packet)\n"
                  "  conn:send(packet)\n"
                  "  conn.data.next = (conn.data.next or 0) + 1\n"
                  "  assert(conn:framing(specs[conn.data.next]))\n"
                  "end\n",
        .flags = {"--framing", "line"}});
    static const char sent[] = "a\n1:b,\x01\x00\x40\x00"
                               "cd!\xc0\x01"
                               "e\x01"
                               "f";
    static const char expected[] = "a\n1:b,\x01\x00\x40\x00"
                                   "cd;\xc0\x01"
                                   "e\x01"
                                   "f";
    char answer[sizeof expected - 1];
    int client = client_connect(&server);
    client_send(client, sent, sizeof sent - 1);
    client_receive(client, answer, sizeof answer);
    cr_assert(memcmp(answer, expected, sizeof answer) == 0);
    close(client);
    server_end(&server);
}

/* A wrong type or name is the script's error, a wrong value an answer. */
Test(framing, that_is_no_list_of_delimiters_is_told)
{
    struct server server = server_begin(&(struct begin){
        .script = "local specs = { { 'delimiter', 5 }, { 'delimiter', ';', by = '!' },\n"
                  "  { 'delimiter', ';', [4] = '!' }, { 'line', ';' }, { 'delimiter' },\n"
                  "  { 'delimiter', '' }, { 'hpsocket', flag = 1024 }, { 'erlang', order = "
                  "'little' },\n"
                  "  { [3] = '!', [2] = ';', [1] = 'delimiter' } }\n"
                  "function on_receive(conn, packet)\n"
                  "  local fine, set, code, why =\n"
                  "    pcall(conn.framing, conn, specs[tonumber(packet)])\n"
                  "  conn:send(fine and (set and 'set' or code .. ': ' .. why) or 'error: ' .. "
                  "set)\n"
                  "end\n",
        .flags = {"--framing", "line"}});
    static const char *const expected[] = {
        "framing: delimiter 1 is a number, expected text",
        "framing: the delimiters are a list or by =, and not both",
        "framing: a table of named settings is expected",
        "framing: a table of named settings is expected",
        "badframing: delimiter framing needs 1 to 8 delimiters",
        "badframing: delimiter framing: delimiter 1: expected at least 1 byte",
        "badframing: hpsocket framing: flag is a number, 0 to 1023, not \"1024\"",
        "badframing: erlang framing: order must be big; for another, use length framing",
    };
    int client = client_connect(&server);
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
        char number[8], answer[512] = "";
        snprintf(number, sizeof number, "%u\n", i + 1);
        client_send_text(client, number);
        for (size_t size = 0; size == 0 || answer[size - 1] != '\n'; size++)
            client_receive(client, answer + size, 1);
        cr_assert_not_null(strstr(answer, expected[i]), "%u: %s", i + 1, answer);
        cr_assert_eq(strncmp(answer, "error: ", 7) == 0, i < 4, "%u: %s", i + 1, answer);
    }
    char answer[9] = "";
    client_send_text(client, "9\n9!");
    client_receive(client, answer, 8);
    cr_assert_str_eq(answer, "set;set;");
    close(client);
    server_end(&server);
}

/* ---- the client, and tests of scripts ---- */

Test(framing, is_spoken_by_talk)
{
    static const char *const framings[] = {"delimiter,by=;|!", "netstring", "erlang,size=2",
                                           "skynet",           "mqtt",      "hpsocket,flag=0x169"};
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++) {
        char address[32], *out, *err;
        struct server server =
            server_begin(&(struct begin){.script = ECHO, .flags = {"--framing", framings[i]}});
        snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
        const char *words[] = {"talk", address, "--framing", framings[i], NULL};
        int status = program_run_input(&out, &err, "hello\n\\x30\\x00x\n", words);
        cr_assert_eq(status, 0, "%s: %s", framings[i], err);
        cr_assert_str_eq(out, "hello\n0\\x00x\n", "%s: %s", framings[i], out);
        free(out);
        free(err);
        server_end(&server);
    }
}

Test(framing, is_spoken_by_the_clients_of_a_test)
{
    static const char *const configs[] = {
        "return { framing = { 'delimiter', ';', '!' } }\n",
        "return { framing = 'netstring' }\n",
        "return { framing = { 'erlang', size = 1 } }\n",
        "return { framing = 'skynet' }\n",
        "return { framing = 'mqtt' }\n",
        "return { framing = { 'hpsocket', flag = 7 } }\n",
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        offline_pass(brackets, configs[i],
                     "test(\"brackets\", function()\n"
                     "  local conn = test.connect()\n"
                     "  conn:receive('one')\n"
                     "  conn:receive('two')\n"
                     "  test.equal(conn:take(), { '<one>', '<two>' })\n"
                     "end)\n");
}
