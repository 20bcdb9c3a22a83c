/* scripts/webchat with clients that nobody here has written: python3-websockets, beside a client of lines. Its page is
 * tested by tests/page. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's, which has Debian's modules. */
#define PYTHON "/usr/bin/python3"

struct chat {
    char directory[200], scripts[300];
    struct server server;
    uint16_t lines; /* the port for terminals */
};

/* A copy of it, at ports that are free. */
static struct chat chat_begin(const char *workers)
{
    struct chat chat;
    char line[1024], out[300];
    directory_new(chat.directory, sizeof chat.directory);
    snprintf(chat.scripts, sizeof chat.scripts, "%s/webchat", chat.directory);
    snprintf(out, sizeof out, "%s/copy", chat.directory);
    snprintf(line, sizeof line,
             "cp -r '%s/webchat' '%s' && sed -i 's/127.0.0.1:700[02]/127.0.0.1:0/' '%s/config.lua'",
             getenv("MOONPORT_SCRIPTS"), chat.scripts, chat.scripts);
    cr_assert_eq(process_shell(line, out), 0);
    chat.server =
        server_begin(&(struct begin){.directory = chat.scripts, .flags = {"--workers", workers}});
    chat.lines = server_port(&chat.server, 1);
    return chat;
}

static void chat_end(struct chat *chat)
{
    server_end(&chat->server);
    tree_remove(chat->directory);
}

static int connect_line(const struct chat *chat, const char *greeting)
{
    int client = client_connect_to("127.0.0.1", chat->lines);
    client_expect_line(client, greeting);
    client_expect_line(client,
                       "* /name NEW, /room NEW, /who, /rooms, /quit; all else is said to the room");
    return client;
}

Test(webchat, terminals_talk_over_all_workers)
{
    struct chat chat = chat_begin("2");
    int ann = connect_line(&chat, "* you are guest-1 in lobby, with 1: guest-1");
    int bob = connect_line(&chat, "* you are guest-2 in lobby, with 2: guest-1, guest-2");
    client_expect_line(ann, "* guest-2 is here");
    client_send_line(ann, "/name Ann");
    client_expect_line(ann, "* guest-1 is now Ann");
    client_expect_line(bob, "* guest-1 is now Ann");
    client_send_line(bob, "hello");
    client_expect_line(ann, "guest-2: hello");
    close(bob);
    client_expect_line(ann, "* guest-2 left");
    close(ann);
    chat_end(&chat);
}

/* It expects what stands here, says what stands here, and hears the code of the close. */
static const char guest[] =
    "import asyncio, json, sys, websockets\n"
    "async def main():\n"
    "  async with websockets.connect('ws://127.0.0.1:%u/chat?name=Py') as socket:\n"
    "    async def expect(kind, **fields):\n"
    "      message = json.loads(await asyncio.wait_for(socket.recv(), 60))\n"
    "      assert message == dict(fields, kind=kind), message\n"
    "    await expect('room', room='lobby', name='Py', people=['Py', 'guest-1'], count=2)\n"
    "    await expect('said', name='guest-1', text='<b>hello</b> \"you\"')\n"
    "    await socket.send('hi \\N{SLIGHTLY SMILING FACE}')\n"
    "    await expect('said', name='Py', text='hi \\N{SLIGHTLY SMILING FACE}')\n"
    "    await expect('left', name='guest-1')\n"
    "    await socket.send('/quit')\n"
    "    await socket.wait_closed()\n"
    "    assert (socket.close_code, socket.close_reason) == (1000, 'quit')\n"
    "asyncio.run(main())\n";

Test(webchat, a_client_of_python_and_a_terminal_are_in_one_room)
{
    char script[sizeof guest + 16], out[300], err[300];
    if (process_shell(PYTHON " -c 'import websockets' 2>&1", "/dev/null") != 0)
        cr_skip_test("NOT TESTED: python3-websockets is not here");
    struct chat chat = chat_begin("2");
    snprintf(script, sizeof script, guest, chat.server.port);
    snprintf(out, sizeof out, "%s/out", chat.directory);
    snprintf(err, sizeof err, "%s/err", chat.directory);
    int client = connect_line(&chat, "* you are guest-1 in lobby, with 1: guest-1");
    pid_t python = process_start(WORDS(PYTHON, "-c", script), -1, out, err);
    client_expect_line(client, "* Py is here");
    client_send_line(client, "<b>hello</b> \"you\"");
    client_expect_line(client, "guest-1: <b>hello</b> \"you\"");
    client_expect_line(client, "Py: hi \xf0\x9f\x99\x82");
    client_send_line(client, "/quit");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    int status = process_await(python);
    char *said = file_read(err);
    cr_assert_eq(status, 0, "%s", said);
    free(said);
    close(client);
    chat_end(&chat);
}

Test(webchat, moonport_talk_joins_in_lines)
{
    char address[100], *out, *err;
    struct chat chat = chat_begin("1");
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/chat?name=Ann&plain=1", chat.server.port);
    int ended = program_run_input(&out, &err, "hello\n", WORDS("talk", address));
    program_ended(ended, 0, out,
                  "* you are Ann in lobby, with 1: Ann\n"
                  "* /name NEW, /room NEW, /who, /rooms, /quit; all else is said to the room\n"
                  "Ann: hello\n",
                  err, NULL);
    snprintf(address, sizeof address, "ws://127.0.0.1:%u/other", chat.server.port);
    ended = program_run_input(&out, &err, "", WORDS("talk", address));
    program_ended(ended, SYSTEM, out, "", err,
                  "refused: 404 There is no WebSocket at this address");
    chat_end(&chat);
}

Test(webchat, its_own_tests_pass)
{
    char path[512], *out, *err;
    snprintf(path, sizeof path, "%s/webchat", getenv("MOONPORT_SCRIPTS"));
    cr_assert_eq(program_run(&out, &err, WORDS("test", path)), 0, "%s%s", out, err);
    cr_assert_not_null(strstr(out, " passed, 0 failed\n"), "%s", out);
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
}

/* ---- its page, as bytes ---- */

static char *fetch(const struct chat *chat, const char *path)
{
    static char answer[100000];
    char request[300];
    size_t size = 0;
    ssize_t got;
    int client = client_connect_to("127.0.0.1", chat->server.port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    client_send_text(client, request);
    while ((got = read(client, answer + size, sizeof answer - 1 - size)) > 0) size += (size_t)got;
    close(client);
    answer[size] = '\0';
    return answer;
}

Test(webchat, its_page_comes_from_the_same_port)
{
    struct chat chat = chat_begin("1");
    cr_assert_not_null(strstr(fetch(&chat, "/"), "<title>webchat</title>"));
    cr_assert_not_null(strstr(fetch(&chat, "/chat.js"), "Content-Type: text/javascript"));
    cr_assert_not_null(strstr(fetch(&chat, "/chat.css"), "Content-Type: text/css"));
    cr_assert_not_null(strstr(fetch(&chat, "/main.lua"), "HTTP/1.1 404"));
    cr_assert_not_null(strstr(fetch(&chat, "/../main.lua"), "HTTP/1.1 40"));
    chat_end(&chat);
}
