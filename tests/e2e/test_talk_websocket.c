/* `moonport talk ws://...`: a client of WebSocket for a person or a pipe. */
#include "harness_process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFIG \
    "return { listen = { { address = '127.0.0.1:0', framing = 'websocket' } }, workers = 1 }\n"

#define SERVES \
    "function on_connect(conn)\n" \
    "  local request = conn.request\n" \
    "  if request.path == '/no' then return conn:refuse(403, 'Not you.\\nreally') end\n" \
    "  if request.path == '/asked' then\n" \
    "    conn:protocol('chat')\n" \
    "    conn:send(request.target .. ' ' .. tostring(request.cookies.id))\n" \
    "  end\n" \
    "  if request.path == '/leave' then conn:send('hi') conn:close('gone fishing', 4001) end\n" \
    "end\n" \
    "function on_receive(conn, packet, kind)\n" \
    "  if packet == '/close' then return conn:close('', 1000) end\n" \
    "  if packet == '/abort' then return conn:abort() end\n" \
    "  conn:send(kind .. ' ' .. packet, kind)\n" \
    "end\n" \
    "function on_disconnect(conn, reason, code) print(reason .. ' ' .. tostring(code)) end\n"

static struct server begin(void)
{
    return server_begin(&(struct begin){.script = SERVES, .config = CONFIG});
}

static void expect_talk(uint16_t port, const char *path, const char *const *flags,
                        const char *input, int status, const char *printed, const char *said)
{
    char address[64], *out, *err;
    snprintf(address, sizeof address, "ws://127.0.0.1:%u%s", port, path);
    const char *words[8] = {"talk", address};
    for (int i = 0; flags[i] != NULL; i++) words[2 + i] = flags[i];
    int ended = program_run_input(&out, &err, input, words);
    program_ended(ended, status, out, printed, err, said);
}

Test(talk_websocket, lines_are_messages_both_ways)
{
    struct server server = begin();
    expect_talk(server.port, "/", NO_FLAGS, "hello\n\\xff\\n\n\nlast", 0,
                "text hello\nbinary \\xff\\n\ntext \ntext last\n", NULL);
    char *out = server_out(&server);
    cr_assert_str_eq(out, "eof 1000\n", "it has said goodbye");
    free(out);
    server_end(&server);
}

Test(talk_websocket, a_large_message_comes_back)
{
    enum { SIZE = 60000 };
    static char input[SIZE + 1], printed[SIZE + 10];
    struct server server = begin();
    memset(input, 'x', SIZE);
    snprintf(printed, sizeof printed, "text %s\n", input);
    expect_talk(server.port, "/", NO_FLAGS, input, 0, printed, NULL);
    server_end(&server);
}

Test(talk_websocket, path_protocol_and_header_are_asked_for)
{
    struct server server = begin();
    expect_talk(server.port, "/asked?a=1",
                WORDS("--protocol", "chat.v2, chat", "--header=Cookie: id=7"), "", 0,
                "/asked?a=1 7\n", NULL);
    server_end(&server);
}

Test(talk_websocket, a_refusal_is_told)
{
    struct server server = begin();
    expect_talk(server.port, "/no", NO_FLAGS, "hello\n", SYSTEM, "",
                "moonport: the server refused: 403 Not you.\n");
    server_end(&server);
}

Test(talk_websocket, a_close_is_told_with_its_code_and_reason)
{
    struct server server = begin();
    expect_talk(server.port, "/leave", NO_FLAGS, "", 0, "hi\n",
                "(closed by the server: 4001: gone fishing)\n");
    expect_talk(server.port, "/", NO_FLAGS, "one\n/close\n", 0, "text one\n", NULL);
    expect_talk(server.port, "/", NO_FLAGS, "/close\n", 0, "",
                "(closed by the server: 1000 normal; no message came)\n");
    server_end(&server);
}

Test(talk_websocket, a_connection_that_ends_without_a_close_was_lost)
{
    struct server server = begin();
    char address[64], *out, *err;
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/", server.port);
    int ended = program_run_input(&out, &err, "/abort\n", WORDS("talk", address));
    cr_assert_eq(ended, SYSTEM, "%s", err);
    free(out);
    free(err);
    server_end(&server);
}

Test(talk_websocket, wrong_words_are_told)
{
    program_fail(USAGE, WORDS("talk", "http://127.0.0.1/"), "write ws:// instead", "talk: ");
    program_fail(USAGE, WORDS("talk", "ws://example.com/"), "names other than localhost", "");
    program_fail(USAGE, WORDS("talk", "ws://127.0.0.1/", "--framing", "line"),
                 "leave out --framing", "talk: ");
    program_fail(USAGE, WORDS("talk", "127.0.0.1:7000", "--framing=websocket"),
                 "moonport talk ws://127.0.0.1:7000/", "talk: ");
    program_fail(USAGE, WORDS("talk", "127.0.0.1:7000", "--protocol=x"), "are for WebSocket",
                 "ws://127.0.0.1:7000/");
    program_fail(USAGE, WORDS("talk", "ws://127.0.0.1/", "--header", "Cookie"),
                 "--header is a name, a colon and a value", "talk: ");
}

/* ---- a server that does what no server of ours does ---- */

/* Answers whoever comes with these bytes, and ends. */
static void expect_of(const char *bytes, size_t size, int status, const char *said)
{
    char address[64], out[300], err[300], directory[200], request[1000];
    uint16_t port;
    if (on_windows()) cr_skip_test("NOT TESTED: it is written for sockets of Linux");
    directory_new(directory, sizeof directory);
    snprintf(out, sizeof out, "%s/out", directory);
    snprintf(err, sizeof err, "%s/err", directory);
    int listener = listen_anywhere(&port);
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/", port);
    pid_t talk = process_start(WORDS(getenv("MOONPORT_PROGRAM"), "talk", address), -1, out, err);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 20000 * patience()), 1, "nobody connects");
    int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ssize_t got = recv(handle, request, sizeof request - 1, 0);
    cr_assert_gt(got, 0);
    client_send(handle, bytes, size);
    shutdown(handle, SHUT_WR);
    cr_assert_eq(process_await(talk), status);
    char *text = file_read(err);
    cr_assert_not_null(strstr(text, said), "%s", text);
    free(text);
    close(handle);
    close(listener);
    tree_remove(directory);
}

#define EXPECT_OF(bytes, status, said) expect_of(bytes, sizeof(bytes) - 1, status, said)

Test(talk_websocket, a_server_that_is_none_is_told)
{
    EXPECT_OF("SSH-2.0-OpenSSH_9.2p1\r\n", INPUT,
              "speaks no WebSocket here: the answer does not begin with HTTP/1.1 and a status");
    EXPECT_OF("", INPUT, "speaks no WebSocket here: the connection ended before an answer\n");
    EXPECT_OF("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", SYSTEM,
              "the server refused: 200 OK\n");
    EXPECT_OF("HTTP/1.1 301 Moved\r\nLocation: ws://other/\x1b\r\n\r\n", INPUT, "control byte");
    EXPECT_OF("HTTP/1.1 301 Moved\r\nLocation: ws://other/\xc2\x9b\r\n\r\n", SYSTEM,
              "refused: 301 Moved; it says that this is at ws://other/\\xc2\\x9b\n");
    EXPECT_OF("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
              INPUT, "Sec-WebSocket-Accept is not the answer to the key");
}
