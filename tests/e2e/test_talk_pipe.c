/* `moonport talk` without a terminal: lines come from a pipe or a file, packets go to one, and what was
 * wrong is told at the end by the exit status. */
#include "harness_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What it printed for this input; that must be all, and so must what it said. */
static void expect_talk(const struct server *server, const char *flag, const char *input,
                        int status, const char *printed, const char *said)
{
    char address[32], *out, *err;
    snprintf(address, sizeof address, "127.0.0.1:%u", server->port);
    int ended = program_run_input(&out, &err, input, WORDS("talk", address, flag));
    program_ended(ended, status, out, printed, err, said);
}

/* ---- what it is told ---- */

Test(talk, wrong_words_are_told)
{
    static const char address[] = "127.0.0.1:7000";
    program_fail(USAGE, WORDS("talk", "--fram", "line", address), "no such option: --fram;",
                 "did you mean --framing?");
    program_fail(USAGE, WORDS("talk", "--max=1K", address), "no such option: --max;",
                 "did you mean --max-packet?");
    program_fail(USAGE, WORDS("talk", address, "--framing"), "--framing needs a value", "talk: ");
    program_fail(USAGE, WORDS("talk", address, "7001"), "one address is enough",
                 "127.0.0.1:7000 and 7001");
    program_fail(USAGE, WORDS("talk", address, "--max-packet", "0"), "--max-packet is a number",
                 "not \"0\"");
    program_fail(USAGE, WORDS("talk", address, "--max-packet", "much"), "--max-packet is a number",
                 "not \"much\"");
}

Test(talk, says_why_a_socket_cannot_be_reached)
{
    need_unix_sockets();
    program_fail(SYSTEM, WORDS("talk", "unix:/nowhere/at/all.sock"),
                 "cannot connect to unix:/nowhere/at/all.sock", "no server has made that socket");
}

/* ---- lines ---- */

Test(talk, a_line_that_is_no_packet_is_not_sent_and_the_others_are)
{
    struct server server =
        server_begin(&(struct begin){.script = ECHO, .flags = {"--framing", "fixed,size=4"}});
    expect_talk(&server, "--framing=fixed,size=4", "four\ntoolong\nmore\n", USAGE, "four\nmore\n",
                "line 2 was not sent: it has 7 bytes, but a packet is exactly 4 bytes long\n");
    server_end(&server);
}

/* Each of its bytes takes four characters, and no line end comes. */
Test(talk, a_line_may_be_longer_than_its_packet)
{
    enum { SIZE = 100 };
    char input[4 * SIZE + 1] = "", printed[SIZE + 2] = "";
    struct server server = server_begin(&(struct begin){.script = ECHO});
    for (int i = 0; i < SIZE; i++) strcat(input, "\\x41");
    memset(printed, 'A', SIZE);
    printed[SIZE] = '\n';
    expect_talk(&server, "--max-packet=100", input, 0, printed, NULL);
    server_end(&server);
}

/* A talk whose lines are typed piece by piece. */
struct typing {
    pid_t talk;
    int keys;
    char directory[200], out[300], err[300];
};

static struct typing typing_begin(uint16_t port, const char *flag, const char *out)
{
    struct typing typing;
    char address[32];
    int ends[2];
    if (on_windows()) cr_skip_test("NOT TESTED: it is written for pipes of Linux");
    directory_new(typing.directory, sizeof typing.directory);
    snprintf(typing.out, sizeof typing.out, "%s/out", typing.directory);
    snprintf(typing.err, sizeof typing.err, "%s/err", typing.directory);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    typing.talk = process_start(WORDS(getenv("MOONPORT_PROGRAM"), "talk", address, flag), ends[0],
                                out == NULL ? typing.out : out, typing.err);
    close(ends[0]);
    typing.keys = ends[1];
    return typing;
}

static void type(const struct typing *typing, const char *keys)
{
    size_t size = strlen(keys);
    cr_assert_eq(write(typing->keys, keys, size), (ssize_t)size);
}

static void await_text(const char *path, const char *text)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    for (;; nap()) {
        char *all = file_read(path);
        bool found = strstr(all, text) != NULL;
        cr_assert(found || now_ms() < deadline_ms, "no \"%s\" in \"%s\"", text, all);
        free(all);
        if (found) return;
    }
}

/* At the end of what is typed. */
static void typing_end(struct typing *typing, int status, const char *printed)
{
    close(typing->keys);
    int ended = process_await(typing->talk);
    char *out = file_read(typing->out), *err = file_read(typing->err);
    cr_assert_eq(ended, status, "status %d: %s", ended, err);
    cr_assert_str_eq(out, printed, "\"%s\"", out);
    cr_assert_null(sanitizer_complaint(err), "%s", err);
    free(out);
    free(err);
    tree_remove(typing->directory);
}

Test(talk, lines_may_come_in_pieces)
{
    struct server server = server_begin(&(struct begin){.script = ECHO});
    struct typing typing = typing_begin(server.port, NULL, NULL);
    type(&typing, "first\na long beginn");
    await_text(typing.out, "first\n");
    for (int i = 0; i < 100; i++) nap(); /* so that it is seen that no line end has come */
    type(&typing, "ing\nb\nc\nand the e");
    await_text(typing.out, "a long beginning\nb\nc\n");
    for (int i = 0; i < 100; i++) nap();
    type(&typing, "nd\n");
    typing_end(&typing, 0, "first\na long beginning\nb\nc\nand the end\n");
    server_end(&server);
}

Test(talk, the_rest_of_a_line_that_is_too_long_is_dropped)
{
    char large[501] = "";
    struct server server = server_begin(&(struct begin){.script = ECHO});
    struct typing typing = typing_begin(server.port, "--max-packet=100", NULL);
    memset(large, 'x', sizeof large - 1);
    type(&typing, large);
    await_text(typing.err, "line 1 was not sent: ");
    type(&typing, large); /* told once */
    type(&typing, "and the rest of it\nnext\n");
    await_text(typing.out, "next\n");
    large[101] = '\n';
    large[102] = '\0';
    type(&typing, large);
    await_text(typing.err, "line 3 was not sent: ");
    type(&typing, "last\n");
    await_text(typing.out, "last\n");
    char *err = file_read(typing.err);
    cr_assert_null(strstr(strstr(err, "line 1 ") + 1, "line 1 "), "%s", err);
    free(err);
    typing_end(&typing, USAGE, "next\nlast\n");
    server_end(&server);
}

Test(talk, ends_when_nobody_takes_what_it_prints)
{
    struct server server = server_begin(&(struct begin){.script = ECHO});
    struct typing typing = typing_begin(server.port, NULL, "/dev/full");
    type(&typing, "hello\n");
    cr_assert_eq(process_await(typing.talk), SYSTEM);
    await_text(typing.err, "moonport: cannot print: No space left on device\n");
    close(typing.keys);
    tree_remove(typing.directory);
    server_end(&server);
}

/* ---- packets ---- */

/* Sends these bytes to whoever comes, as they are, and closes. */
static struct server begin_saying(const char *bytes)
{
    char script[300];
    snprintf(script, sizeof script,
             "function on_connect(conn)\n"
             "  conn:send('%s')\n"
             "  conn:close()\n"
             "end\n"
             "function on_receive() end\n",
             bytes);
    return server_begin(&(struct begin){.script = script, .flags = {"--framing", "raw"}});
}

Test(talk, half_a_packet_at_the_end_is_an_error)
{
    struct server server = begin_saying("\\5\\0\\0\\0x\\9\\0\\0\\0he");
    expect_talk(&server, NULL, "", INPUT, "x\n", "the last packet is unfinished, 6 bytes so far; ");
    server_end(&server);
    server = begin_saying("\\9\\0\\0\\0he");
    expect_talk(&server, NULL, "", INPUT, "", "the last packet is unfinished, 6 bytes so far; ");
    server_end(&server);
}

Test(talk, what_is_no_packet_is_told_and_those_before_it_are_printed)
{
    struct server server = begin_saying("\\5\\0\\0\\0x\\1\\0\\0\\0and more");
    expect_talk(&server, NULL, "", INPUT, "x\n", "the server broke the framing: ");
    server_end(&server);
}

Test(talk, says_that_no_answer_came_if_none_has)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_receive(conn, packet)\n"
                                  "  if packet == 'answer' then conn:send('here it is') end\n"
                                  "  conn:close()\n"
                                  "end\n"});
    expect_talk(&server, NULL, "hello\n", 0, "", "(closed by the server; no answer came)\n");
    expect_talk(&server, NULL, "answer\n", 0, "here it is\n", NULL);
    server_end(&server);
}

Test(talk, waits_longer_for_the_first_answer_but_not_for_ever)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_receive(conn, packet)\n"
                                               "  server.sleep(packet == 'soon' and 1.3 or 1000)\n"
                                               "  conn:send(packet)\n"
                                               "end\n",
                                     .flags = {"--drain-timeout", "30"}});
    expect_talk(&server, NULL, "soon\n", 0, "soon\n", NULL);
    expect_talk(&server, NULL, "late\n", 0, "", "no answer came within 3 seconds\n");
    server_end(&server);
}

/* ---- a server that does what no server of ours does ---- */

static int accept_one(int listener)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 20000 * patience()), 1, "nobody connects");
    int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert(handle >= 0);
    return handle;
}

/* More than all buffers hold, which are taken only when the program can send no more. */
Test(talk, all_of_a_large_input_is_sent_to_a_server_that_takes_it_late)
{
    enum { LINES = 160, LINE = 99999, PIECE = 65536 };
    static char line[LINE + 2], piece[PIECE];
    char directory[200], path[300], out[300], err[300], address[32];
    uint16_t port;
    if (on_windows()) cr_skip_test("NOT TESTED: it is written for sockets of Linux");
    directory_new(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/lines", directory);
    snprintf(out, sizeof out, "%s/out", directory);
    snprintf(err, sizeof err, "%s/err", directory);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    memset(line, 'x', LINE);
    line[LINE] = '\n';
    for (int i = 0; i < LINES; i++) cr_assert(fputs(line, file) >= 0);
    cr_assert_eq(fclose(file), 0);
    int input = open(path, O_RDONLY | O_CLOEXEC), listener = listen_anywhere(&port);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    pid_t talk = process_start(WORDS(getenv("MOONPORT_PROGRAM"), "talk", address), input, out, err);
    int handle = accept_one(listener);
    size_t size = 0;
    ssize_t count;
    off_t before = -1, at; /* where it reads: the descriptor is the same there */
    for (; (at = lseek(input, 0, SEEK_CUR)) < LINES * (LINE + 1); before = at, nap()) {
        if (at != before) continue;
        cr_assert_gt(count = recv(handle, piece, sizeof piece, 0), 0);
        size += (size_t)count;
    }
    for (int i = 0; i < 50; i++) nap(); /* so that it sees the end of its input */
    while ((count = recv(handle, piece, sizeof piece, 0)) > 0) size += (size_t)count;
    cr_assert_eq(count, 0);
    cr_assert_eq(size, LINES * (LINE + 4), "%zu bytes", size);
    client_send(handle, "\6\0\0\0ok", 6);
    close(handle);
    cr_assert_eq(process_await(talk), 0);
    char *printed = file_read(out);
    cr_assert_str_eq(printed, "ok\n");
    free(printed);
    close(input);
    close(listener);
    tree_remove(directory);
}

Test(talk, a_connection_that_is_reset_was_lost)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    struct typing typing = typing_begin(port, NULL, NULL);
    int handle = accept_one(listener);
    client_send(handle, "\5\0\0\0x", 5);
    await_text(typing.out, "x\n");
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(handle);
    await_text(typing.err, "moonport: the connection was lost: Connection reset by peer\n");
    typing_end(&typing, SYSTEM, "x\n");
    close(listener);
}
