/* `moonport talk` in a terminal: a person types, and the server says something meanwhile. What stands on
 * the screen is judged by what the program writes to it. */
#include "harness_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Answers with the packet, with its size if it is long, and pushes to all when it is asked to; nothing to
 * "nothing". */
#define SCRIPT \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'push' then broadcast('pushed\\nin between') return end\n" \
    "  if packet == 'nothing' then return end\n" \
    "  if packet == 'end' then for c in server.connections() do c:close() end return end\n" \
    "  conn:send(#packet < 1000 and packet:upper() or #packet .. ' bytes')\n" \
    "end\n"

enum { SCREEN_MAX = 1 << 20 };

struct terminal {
    struct server server;
    pid_t talk;
    int screen, device; /* the two sides of it */
    char log[300], directory[256];
    char *shown; /* all that was written to it */
    size_t size, seen;
};

static void need_terminal(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: a console of Windows cannot be driven from here");
}

static void need_line_editing(void)
{
    char *out, *err;
    need_terminal();
    cr_assert_eq(program_run(&out, &err, WORDS("talk", "--help")), 0);
    bool edits = strstr(out, "(libedit)") != NULL;
    free(out);
    free(err);
    if (!edits) cr_skip_test("NOT TESTED: moonport was built without libedit");
}

static void read_screen(struct terminal *terminal)
{
    struct pollfd input = {.fd = terminal->screen, .events = POLLIN};
    if (poll(&input, 1, 20) <= 0) return;
    size_t room = SCREEN_MAX - 1 - terminal->size;
    ssize_t got = read(terminal->screen, terminal->shown + terminal->size, room);
    if (got > 0) terminal->size += (size_t)got;
    terminal->shown[terminal->size] = '\0';
}

/* Waits until this is written, behind what was expected before. */
static void expect_shown(struct terminal *terminal, const char *text)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    const char *at;
    while ((at = strstr(terminal->shown + terminal->seen, text)) == NULL) {
        cr_assert(now_ms() < deadline_ms, "no \"%s\" in \"%s\"", text,
                  terminal->shown + terminal->seen);
        read_screen(terminal);
    }
    terminal->seen = (size_t)(at - terminal->shown) + strlen(text);
}

static void type(struct terminal *terminal, const char *keys)
{
    for (size_t size = strlen(keys); size > 0;) {
        struct pollfd output = {.fd = terminal->screen, .events = POLLOUT};
        read_screen(terminal);
        if (poll(&output, 1, 1000) <= 0) continue;
        ssize_t written = write(terminal->screen, keys, size < 1000 ? size : 1000);
        cr_assert(written > 0);
        keys += written;
        size -= (size_t)written;
    }
}

static bool echoes(const struct terminal *terminal)
{
    struct termios mode;
    cr_assert_eq(tcgetattr(terminal->device, &mode), 0);
    return (mode.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
}

/* out: where it prints; NULL: in the terminal. */
static struct terminal terminal_begin_printing(const char *kind, const char *out)
{
    char address[32];
    struct terminal terminal = {.server = server_begin_script(SCRIPT)};
    terminal.shown = calloc(1, SCREEN_MAX);
    terminal.screen = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(terminal.screen >= 0);
    cr_assert_eq(grantpt(terminal.screen), 0);
    cr_assert_eq(unlockpt(terminal.screen), 0);
    const char *name = ptsname(terminal.screen);
    terminal.device = open(name, O_RDWR | O_NOCTTY);
    cr_assert(terminal.device >= 0);
    ioctl(terminal.device, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = 80});
    cr_assert(echoes(&terminal));

    directory_new(terminal.directory, sizeof terminal.directory);
    snprintf(terminal.log, sizeof terminal.log, "%s/stderr", terminal.directory);
    snprintf(address, sizeof address, "127.0.0.1:%u", terminal.server.port);
    setenv("TERM", kind, 1);
    terminal.talk = process_start(WORDS(getenv("MOONPORT_PROGRAM"), "talk", address),
                                  terminal.device, out == NULL ? name : out, terminal.log);
    return terminal;
}

static struct terminal terminal_begin(const char *kind)
{
    return terminal_begin_printing(kind, NULL);
}

static void terminal_end(struct terminal *terminal, int status)
{
    cr_assert_eq(process_await(terminal->talk), status);
    cr_assert(echoes(terminal), "the terminal was left without an echo");
    char *err = file_read(terminal->log);
    cr_assert_null(sanitizer_complaint(err), "%s", err);
    free(err);
    close(terminal->screen);
    close(terminal->device);
    free(terminal->shown);
    tree_remove(terminal->directory);
    server_end(&terminal->server);
}

static void push(struct terminal *terminal)
{
    int client = client_connect(&terminal->server);
    client_put_text(client, "push");
    client_expect(client, "pushed\nin between");
    close(client);
}

Test(talk, tells_what_is_typed_from_what_is_received)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "hello\\nyou\r");
    expect_shown(&terminal, "> hello\\nyou\r\n");
    expect_shown(&terminal, "< HELLO\\nYOU\r\n");
    expect_shown(&terminal, "> ");
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, a_push_leaves_what_is_being_typed_whole)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "good d");
    expect_shown(&terminal, "good d");
    push(&terminal);
    expect_shown(&terminal, "< pushed\\nin between\r\n");
    expect_shown(&terminal, "> good d");
    type(&terminal, "\x02\x02ish\x05y\r"); /* two to the left; to the end */
    expect_shown(&terminal, "> goodish dy\r\n");
    expect_shown(&terminal, "< GOODISH DY\r\n");
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, earlier_lines_come_back)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "one\rtwo\r");
    expect_shown(&terminal, "< TWO\r\n");
    push(&terminal);
    expect_shown(&terminal, "in between\r\n");
    expect_shown(&terminal, "> ");
    type(&terminal, "\x1b[A\x1b[A more\r");
    expect_shown(&terminal, "< ONE MORE\r\n");
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, lines_that_come_at_once_are_sent_although_nobody_answers_the_first)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "nothing\rnothing\rthe last\r");
    expect_shown(&terminal, "< THE LAST\r\n");
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

/* A terminal that edits lines itself holds 4095 bytes. */
Test(talk, a_line_may_be_longer_than_a_terminal_holds)
{
    need_line_editing();
    static char line[20001];
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    memset(line, 'y', sizeof line - 1);
    type(&terminal, line);
    type(&terminal, "\r");
    expect_shown(&terminal, "< 20000 bytes\r\n");
    type(&terminal, "and on\r");
    expect_shown(&terminal, "< AND ON\r\n");
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, leaves_the_terminal_as_it_was_when_it_is_ended)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "half");
    expect_shown(&terminal, "half");
    cr_assert_not(echoes(&terminal));
    kill(terminal.talk, SIGTERM);
    terminal_end(&terminal, 128 + SIGTERM);
}

Test(talk, ends_with_the_server_whatever_is_being_typed)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "half");
    expect_shown(&terminal, "half");
    server_signal(&terminal.server, SIGTERM);
    cr_assert_eq(server_wait(&terminal.server), 0);
    terminal_end(&terminal, 0);
}

/* A key that is none yet, and what completes it. */
Test(talk, shows_what_is_received_within_a_key)
{
    static const char *const keys[][2] = {
        {"\x1b", "f"}, {"\x12", "\x07"}, {"\x16", "x"}, {"\x18", "x"}, {"\xc3", "\xa9"}};
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        type(&terminal, "half");
        expect_shown(&terminal, "half");
        type(&terminal, keys[i][0]);
        usleep(50000); /* that it is read alone */
        push(&terminal);
        expect_shown(&terminal, "< pushed\\nin between\r\n");
        expect_shown(&terminal, "> half");
        type(&terminal, keys[i][1]);
        type(&terminal, "\x15whole\r");
        expect_shown(&terminal, "< WHOLE\r\n");
    }
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, ends_with_the_server_within_a_key)
{
    need_line_editing();
    struct terminal terminal = terminal_begin("xterm");
    expect_shown(&terminal, "> ");
    type(&terminal, "half\x1b");
    expect_shown(&terminal, "half");
    usleep(50000);
    int client = client_connect(&terminal.server);
    client_put_text(client, "end");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    terminal_end(&terminal, 0);
}

Test(talk, works_in_a_terminal_that_cannot_move_its_cursor)
{
    need_terminal();
    struct terminal terminal = terminal_begin("dumb");
    type(&terminal, "hello\n");
    expect_shown(&terminal, "< HELLO\r\n");
    cr_assert(echoes(&terminal));
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
}

Test(talk, what_goes_to_a_file_has_no_marks)
{
    need_terminal();
    char directory[200], path[300], *printed;
    directory_new(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/out", directory);
    struct terminal terminal = terminal_begin_printing("xterm", path);
    type(&terminal, "hello\n");
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    while (strcmp(printed = file_read(path), "HELLO\n") != 0) {
        cr_assert(now_ms() < deadline_ms, "\"%s\"", printed);
        free(printed);
        read_screen(&terminal);
    }
    free(printed);
    type(&terminal, "\x04");
    terminal_end(&terminal, 0);
    tree_remove(directory);
}
