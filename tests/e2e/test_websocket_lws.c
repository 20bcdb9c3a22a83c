/* WebSockets with the programs that libwebsockets has for tests: its client, and its server with `moonport talk`.
 *
 * The client has two connections: "lws-mirror-protocol" sends texts like "c #00FF00 12 34 5;" as fast as it can, and
 * "dumb-increment-protocol" logs what it gets. It always offers compression, without a context of its own. Version 4.1 does
 * not end when a message comes uncompressed on a connection that compresses (its issue 2794): there, the server's messages
 * have the 100 bytes from which on they are compressed. */
#include "packages.h"

#include "harness_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENT "/usr/bin/libwebsockets-test-client"
#define SERVER "/usr/bin/libwebsockets-test-server"
#define PACKAGE "libwebsockets-test-server"
#define PROTOCOLS "websocket,protocols=dumb-increment-protocol|lws-mirror-protocol"
#define LOG "15" /* what it logs: errors, warnings, notices, and what it does */
#define LOG_COMPRESSION "143"

static struct server serve(const char *framing, const char *script)
{
    need_program(CLIENT, PACKAGE);
    return server_begin(
        &(struct begin){.script = script, .flags = {"--framing", framing, "--workers", "1", NULL}});
}

/* It runs to its end, and has then logged this. Free it. */
static char *run_client(struct server *server, const char *flags, const char *logged)
{
    char line[400], path[300];
    snprintf(path, sizeof path, "%s/said", server->directory);
    snprintf(line, sizeof line, "exec " CLIENT " ws://127.0.0.1:%u/ %s 2>&1", server->port, flags);
    int status = process_shell(line, path);
    char *said = file_read(path);
    cr_assert(status == 0 && strstr(said, logged) != NULL, "status %d\n%s", status, said);
    return said;
}

/* ---- its texts, and long answers ---- */

#define ANSWERS \
    "local count = 0\n" \
    "function on_receive(conn, packet, kind)\n" \
    "  assert(kind == 'text' and packet:find('^c #%x+ %d+ %d+ %d+;$'), packet)\n" \
    "  count = count + 1\n" \
    "  if count == 200 then conn:close('enough', 4002) end\n" \
    "  if count < 200 then conn:send(packet:rep(count % 50 == 0 and 5000 or 7 + count)) end\n" \
    "end\n" \
    "function on_disconnect(_, reason, code) print(reason .. ' ' .. code .. ' ' .. count) end\n"

static void answers(const char *framing, const char *flags, const char *logged)
{
    struct server server = serve(framing, ANSWERS);
    char *said = run_client(&server, flags, "scheduling return close as ack");
    cr_assert_not_null(strstr(said, logged), "%s", said);
    free(said);
    char *out = server_out(&server);
    cr_assert_str_eq(out, "enough 4002 200\n");
    free(out);
    server_end(&server);
}

Test(websocket_lws, its_texts_are_answered)
{
    answers(PROTOCOLS, "--once --justmirror -d " LOG, "mirror: LWS_CALLBACK_CLOSED");
}

Test(websocket_lws, its_texts_are_answered_compressed)
{
    answers(PROTOCOLS ",compress=true", "--once --justmirror -d " LOG_COMPRESSION, "inflate ret 0");
}

Test(websocket_lws, its_texts_are_answered_with_a_context)
{
    answers(PROTOCOLS ",compress=takeover", "--once --justmirror -d " LOG_COMPRESSION,
            "inflate ret 0");
}

/* ---- what it gets ---- */

/* The texts, in the pieces of at most 20 bytes that it logs them in. */
static void expect_pieces(const char *said, const char *const *pieces)
{
    char line[64];
    for (; *pieces != NULL; pieces++) {
        snprintf(line, sizeof line, ": rx %zu '%s'\n", strlen(*pieces), *pieces);
        const char *found = strstr(said, line);
        cr_assert_not_null(found, "%s is missing in\n%s", line, said);
        said = found + strlen(line);
    }
}

/* When one connection has ended, so does the other, and with it the client. */
#define SAYS \
    "local other, over\n" \
    "local function finish() other:send('x') other:close('over', 4003) end\n" \
    "function on_connect(conn)\n" \
    "  if conn.request.protocols[1]:find('mirror') then\n" \
    "    other = conn\n" \
    "    return over and finish()\n" \
    "  end\n" \
    "  conn:send('1')\n" \
    "  conn:send('k\xc3\xa4se')\n" \
    "  conn:send(('abc'):rep(15))\n" \
    "  conn:close('bye', 4001)\n" \
    "end\n" \
    "function on_disconnect(conn)\n" \
    "  over = true\n" \
    "  if other and conn ~= other then finish() end\n" \
    "end\n"

Test(websocket_lws, it_hears_each_text_and_the_close)
{
    struct server server = serve(PROTOCOLS, SAYS);
    char *said = run_client(&server, "--once --nomirror -d " LOG, "mirror: LWS_CALLBACK_CLOSED");
    expect_pieces(
        said, WORDS("1", "k\xc3\xa4se", "abcabcabcabcabcabcab", "cabcabcabcabcabcabca", "bcabc"));
    free(said);
    server_end(&server);
}

Test(websocket_lws, a_text_that_is_none_is_1007)
{
    const char *const framings[] = {PROTOCOLS, PROTOCOLS ",compress=true"};
    for (int i = 0; i < 2; i++) {
        struct server server = serve(framings[i], ECHO);
        free(run_client(&server, "--echo -d " LOG,
                        "scheduling return close as ack")); /* of random bytes */
        server_expect_log(&server, "a text is not UTF-8");
        server_end(&server);
    }
}

Test(websocket_lws, it_answers_pings)
{
    char address[64], log[300];
    struct server server = serve(PROTOCOLS ",ping=1", ECHO);
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/", server.port);
    snprintf(log, sizeof log, "%s/said", server.directory);
    pid_t client = process_start_of_linux(
        WORDS(CLIENT, address, "--justmirror", "--nomirror", "-d", LOG), log);
    for (bool answered = false; !answered; nap()) {
        char *said = file_read(log);
        answered = strstr(said, "issuing pong") != NULL;
        cr_assert(answered || !process_has_ended(client), "%s", said);
        free(said);
    }
    cr_assert_eq(kill(client, SIGINT), 0);
    cr_assert_eq(process_await(client), 0);
    server_end(&server);
}

/* ---- its server ---- */

struct lws {
    pid_t pid;
    uint16_t port;
    char directory[200];
};

static bool is_ready(const struct lws *lws, const char *log)
{
    for (;; nap()) {
        char *said = file_read(log);
        bool ready = strstr(said, "-> OPERATIONAL") != NULL;
        free(said);
        if (ready || process_has_ended(lws->pid)) return ready && !process_has_ended(lws->pid);
    }
}

/* It does not say which port it has chosen, so it is told one that was free: the next if it is no longer. */
static struct lws lws_begin(void)
{
    struct lws lws = {.pid = 0};
    char port[8], log[220];
    need_program(SERVER, PACKAGE);
    directory_new(lws.directory, sizeof lws.directory);
    for (int i = 0; i < 5; i++) {
        snprintf(log, sizeof log, "%s/%d", lws.directory, i);
        close(listen_anywhere(&lws.port));
        snprintf(port, sizeof port, "%u", lws.port);
        lws.pid = process_start_of_linux(WORDS(SERVER, "-p", port, "-n", "-d", LOG), log);
        if (is_ready(&lws, log)) return lws;
        process_await(lws.pid);
    }
    cr_assert(false, "it does not start: %s", file_read(log));
    return lws;
}

static void lws_end(const struct lws *lws)
{
    cr_assert_eq(kill(lws->pid, SIGINT), 0);
    cr_assert_eq(process_await(lws->pid), 0);
    tree_remove(lws->directory);
}

static void expect_talk(const struct lws *lws, const char *protocol, const char *input, int status,
                        const char *printed, const char *said)
{
    char address[64], *out, *err;
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/", lws->port);
    int ended =
        program_run_input(&out, &err, input, WORDS("talk", address, "--protocol", protocol));
    program_ended(ended, status, out, printed, err, said);
}

Test(websocket_lws, we_talk_with_its_server)
{
    enum { LONG = 3000 }; /* what is above 4096 it sends back in pieces */
    static char text[LONG + 100];
    struct lws lws = lws_begin();
    snprintf(text, sizeof text, "hello\nk\xc3\xa4se\n%0*d\nlast\n", LONG, 7);
    expect_talk(&lws, "lws-mirror-protocol", text, 0, text, NULL);
    lws_end(&lws);
}

Test(websocket_lws, its_server_closes_and_we_say_why)
{
    struct lws lws = lws_begin();
    expect_talk(&lws, "dumb-increment-protocol", "closeme\\n\n", 0, "0\n",
                "(closed by the server: 1001 going away: seeya)\n");
    lws_end(&lws);
}

Test(websocket_lws, its_server_knows_no_such_protocol)
{
    struct lws lws = lws_begin();
    expect_talk(&lws, "unheard-of", "hello\n", INPUT, "",
                "speaks no WebSocket here: the connection ended before an answer\n");
    lws_end(&lws);
}
