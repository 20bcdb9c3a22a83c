/* The scripts that people start from, the example in C, and `moonport talk`. */
#include "harness.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- scripts/ ---- */

Test(examples, are_short)
{
    static const char *const names[] = {"echo", "chat", "ticker"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        int lines = 0, c;
        snprintf(path, sizeof path, "%s/%s/main.lua", getenv("MOONPORT_SCRIPTS"), names[i]);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file, "%s", path);
        while ((c = fgetc(file)) != EOF) lines += c == '\n';
        fclose(file);
        cr_assert(lines > 0 && lines < 30, "%s has %d lines", path, lines);
    }
}

/* Whoever tries one out reads its code meanwhile, or thinks. */
Test(examples, let_a_client_be_silent)
{
    static const char *const names[] = {"echo", "chat", "ticker"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512], text[1024];
        snprintf(path, sizeof path, "%s/%s/config.lua", getenv("MOONPORT_SCRIPTS"), names[i]);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file, "%s", path);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        cr_assert_not_null(strstr(text, "idle_timeout = 0,"), "%s: %s", path, text);
    }
}

static void echo(const struct server *server)
{
    static uint8_t packet[300000];
    int client = client_connect(server);
    client_put_text(client, "hello");
    client_expect(client, "hello");
    for (size_t size = 0; size <= sizeof packet; size = size * 3 + 1) {
        size_t got_size;
        fill_random(size, packet, size);
        client_put(client, packet, size);
        uint8_t *got = client_take(client, &got_size);
        cr_assert_eq(got_size, size);
        cr_assert_eq(memcmp(got, packet, size), 0);
        free(got);
    }
    close(client);
}

Test(examples, echo_sends_every_packet_back)
{
    struct server server = server_begin(&(struct begin){.example = "echo"});
    echo(&server);
    server_end(&server);
}

Test(examples, the_example_in_c_echoes_too)
{
    struct server server =
        server_begin(&(struct begin){.echo_in_c = true, .flags = {"--workers", "2"}});
    for (int i = 0; i < 3; i++) echo(&server);
    server_end(&server);
}

/* Who the chat says one is. */
static int enter_chat(const struct server *server, char *name)
{
    int client = client_connect(server);
    const char *line = client_take_line(client);
    cr_assert_eq(sscanf(line, "you are %31[^;]", name), 1, "%s", line);
    cr_assert_eq(strncmp(name, "guest-", 6), 0, "%s", line);
    return client;
}

Test(examples, chat_passes_on_what_one_says)
{
    char first_name[32], second_name[32], line[128];
    struct server server =
        server_begin(&(struct begin){.example = "chat", .flags = {"--workers", "2"}});
    int first = enter_chat(&server, first_name);
    int second = enter_chat(&server, second_name);
    cr_assert_str_neq(first_name, second_name, "both are %s", first_name);
    snprintf(line, sizeof line, "* %s is here", second_name);
    client_expect_line(first, line);

    client_send_line(second, "hello");
    snprintf(line, sizeof line, "%s: hello", second_name);
    client_expect_line(first, line);

    client_send_line(first, "/name anna");
    snprintf(line, sizeof line, "* %s is now anna", first_name);
    client_expect_line(first, line);
    client_expect_line(second, line);
    client_send_line(first, "good day");
    client_expect_line(second, "anna: good day");

    client_send_text(second, "over\r\n/quit\r\nlost\r\n"); /* as telnet ends its lines */
    cr_assert_eq(client_await_end(second), CLIENT_EOF);
    snprintf(line, sizeof line, "%s: over", second_name);
    client_expect_line(first, line);
    snprintf(line, sizeof line, "* %s left (quit)", second_name);
    client_expect_line(first, line);
    close(second);

    int third = enter_chat(&server, second_name);
    snprintf(line, sizeof line, "* %s is here", second_name);
    client_expect_line(first, line);
    close(first);
    client_expect_line(third, "* anna left (eof)");
    close(third);
    server_end(&server);
}

Test(examples, ticker_tells_everybody_the_time)
{
    int clients[4];
    struct server server =
        server_begin(&(struct begin){.example = "ticker", .flags = {"--workers", "2"}});
    for (int i = 0; i < 4; i++) clients[i] = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            int hour, minute, second, size = 0;
            const char *line = client_take_line(clients[i]);
            cr_assert_eq(sscanf(line, "%2d:%2d:%2d%n", &hour, &minute, &second, &size), 3, "%s",
                         line);
            cr_assert(size == 8 && line[8] == '\0', "%s", line);
        }
    }
    client_send_line(clients[0], "hello");
    const char *line;
    do line = client_take_line(clients[0]);
    while (isdigit((unsigned char)line[0])); /* the time, again */
    cr_assert_str_eq(line, "you said: hello");
    for (int i = 0; i < 4; i++) close(clients[i]);
    server_end(&server);
}

/* ---- talk ---- */

static void expect_talk(uint16_t port, const char *flag, const char *input, const char *output)
{
    char address[32], *out, *err;
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    int status = program_run_input(&out, &err, input, WORDS("talk", address, flag));
    cr_assert_eq(status, 0, "status %d: %s", status, err);
    cr_assert_str_eq(out, output, "\"%s\"", out);
    free(out);
    free(err);
}

Test(examples, talk_sends_lines_and_prints_packets)
{
    struct server server = server_begin(&(struct begin){.example = "echo"});
    expect_talk(server.port, NULL, "ping\n", "ping\n");
    expect_talk(server.port, NULL, "one\ntwo\r\n\nwithout an end", "one\ntwo\n\nwithout an end\n");
    expect_talk(server.port, NULL, "a\\x00b\\n\\\\\n", "a\\x00b\\n\\\\\n");
    expect_talk(server.port, NULL, "", "");
    server_end(&server);
}

Test(examples, talk_speaks_other_framings)
{
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, packet) conn:send(packet:upper()) end\n",
        .flags = {"--framing", "line"}});
    expect_talk(server.port, "--framing=line", "ping\npong\n", "PING\nPONG\n");
    expect_talk(server.port, "--framing=raw", "ping", "PING\\n\n");
    server_end(&server);
}

Test(examples, talk_ends_when_the_server_closes)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  conn:send('bye, ' .. packet)\n"
                                               "  conn:close()\n"
                                               "end\n"});
    expect_talk(server.port, NULL, "me\nmore\n", "bye, me\n");
    server_end(&server);
}

Test(examples, talk_says_why_it_cannot)
{
    char address[32], *out, *err;
    struct server server = server_begin(&(struct begin){.example = "echo"});
    snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
    server_end(&server);
    cr_assert_eq(program_run_input(&out, &err, "ping\n", WORDS("talk", address)), 3, "%s", err);
    cr_assert_not_null(strstr(err, address), "%s", err);
    cr_assert_str_eq(out, "");
    free(out);
    free(err);
    cr_assert_eq(program_run_input(&out, &err, "", WORDS("talk")), 2, "%s", err);
    cr_assert_not_null(strstr(err, "moonport talk 127.0.0.1:7000"), "%s", err);
    free(out);
    free(err);
    cr_assert_eq(program_run_input(&out, &err, "", WORDS("talk", "nowhere")), 2, "%s", err);
    cr_assert_not_null(strstr(err, "nowhere"), "%s", err);
    free(out);
    free(err);
}
