/* What scripts print: where it goes, and that nobody waits for whoever reads it. */
#include "harness_process.h"
#include "terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A word is what to write by, or is answered. The number is how many lines. */
#define PRINTS \
    "local text = ('x'):rep(1023)\n" \
    "local ways = {\n" \
    "  print = function() print(text) end,\n" \
    "  write = function() io.write(text, '\\n') end,\n" \
    "  stdout = function() io.stdout:write(text, '\\n') end,\n" \
    "  output = function() io.output():write(text, '\\n') end,\n" \
    "  stderr = function() io.stderr:write(text, '\\n') end,\n" \
    "  whole = function(count) print((text .. '\\n'):rep(count)) return true end,\n" \
    "}\n" \
    "function on_receive(conn, packet)\n" \
    "  local way, count = packet:match('^(%a+) (%d+)$')\n" \
    "  if not way then return conn:send(packet) end\n" \
    "  for _ = 1, count do if ways[way](tonumber(count)) then break end end\n" \
    "  conn:send('written')\n" \
    "end\n"

static char taken[4 << 20];

/* All that the pipe holds now. */
static size_t take(int reader)
{
    size_t size = 0;
    ssize_t count;
    while ((count = read(reader, taken + size, sizeof taken - 1 - size)) > 0) size += (size_t)count;
    taken[size] = '\0';
    return size;
}

static void nobody_waits(const char *way, bool of_errors)
{
    char path[300], ask[64], *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/pipe", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert(reader >= 0);
    struct begin begin = {.script = PRINTS, .flags = {"--workers", "1", "--handler-timeout", "30"}};
    *(of_errors ? &begin.log : &begin.out) = path;
    struct server server = of_errors ? server_start(&begin) : server_begin(&begin);
    if (of_errors) {
        const char *at = NULL;
        for (; at == NULL; usleep(1000)) {
            take(reader);
            at = strstr(taken, "listening on 127.0.0.1:");
        }
        server.port = (uint16_t)atoi(at + strlen("listening on 127.0.0.1:"));
    }
    int client = client_connect(&server), other = client_connect(&server);
    snprintf(ask, sizeof ask, "%s 1024", way);
    client_put_text(client, ask);
    client_ask(other, "is anybody there?", "is anybody there?");
    client_expect(client, "written");
    size_t held = take(reader);
    cr_assert(held > 4096 && held < 1 << 20, "%zu bytes", held);
    snprintf(ask, sizeof ask, "%s 1", way);
    client_ask(client, ask, "written");
    cr_assert(take(reader) >= 1024, "it does not go on");
    cr_assert_not_null(strstr(taken, "xxx\n"));
    if (!of_errors) server_expect_log(&server, "lines that scripts have printed could not be");
    close(client);
    close(other);
    server_end(&server);
    close(reader);
    directory_remove(directory);
}

static void need_pipes(void)
{
    if (on_windows()) cr_skip_test("a pipe does not say there what room it has");
}

Test(print, nobody_waits_for_a_pipe_that_nobody_reads)
{
    need_pipes();
    nobody_waits("print", false);
    nobody_waits("write", false);
    nobody_waits("stdout", false);
    nobody_waits("output", false);
    nobody_waits("whole", false);
}

Test(print, nobody_waits_for_standard_error_either)
{
    need_pipes();
    nobody_waits("stderr", true);
}

/* It has room for a byte when it has none for a line. */
Test(print, nobody_waits_for_a_terminal_that_nobody_reads)
{
    need_pipes();
    char path[64];
    int terminal = terminal_open(path, sizeof path);
    struct server server =
        server_begin(&(struct begin){.script = PRINTS, .out = path, .flags = {"--workers", "1"}});
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "print 1024", "written");
    client_ask(other, "is anybody there?", "is anybody there?");
    do { /* it is read again: the next line tells of those that were lost */
        terminal_read(terminal);
        client_ask(client, "print 1", "written");
    } while (server_log_count(&server, "lines that scripts have printed could not be") == 0);
    close(client);
    close(other);
    server_end(&server);
    close(terminal);
}

/* One that is always behind takes a line and loses the next, all the time. */
Test(print, lost_lines_are_told_of_once_in_a_while)
{
    need_pipes();
    enum { ROUNDS = 100 };
    char path[300], *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/pipe", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct server server =
        server_begin(&(struct begin){.script = PRINTS, .out = path, .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    uint64_t begun_ms = now_ms();
    for (int i = 0; i < ROUNDS; i++) {
        client_ask(client, "print 128", "written");
        cr_assert(take(reader) > 0);
    }
    int seconds = (int)((now_ms() - begun_ms) / 1000);
    int told = server_log_count(&server, "lines that scripts have printed could not be");
    cr_assert(told > 0 && told <= seconds + 1, "%d times within %d s", told, seconds);
    close(client);
    server_end(&server);
    close(reader);
    directory_remove(directory);
}

/* What is still lost at the end is told of there; and lines are whole whatever was lost. */
Test(print, lost_lines_are_counted_and_the_others_are_whole)
{
    need_pipes();
    enum { LINES = 1024, LINE = 1024 };
    char path[300], told[100], *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/pipe", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct server server =
        server_begin(&(struct begin){.script = PRINTS, .out = path, .flags = {"--workers", "1"}});
    int client = client_connect(&server);
    client_ask(client, "print 1024", "written");
    size_t size = take(reader);
    cr_assert_eq(size % LINE, 0, "%zu bytes", size);
    for (size_t i = LINE - 1; i < size; i += LINE) cr_assert_eq(taken[i], '\n');
    size_t lost = LINES - size / LINE;
    client_ask(client, "print 1024", "written"); /* as much again, of which the first tells */
    snprintf(told, sizeof told, "%zu lines that scripts have printed could not be written", lost);
    server_expect_log(&server, told);
    close(client);
    server_signal(&server, 15);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_eq(server_log_count(&server, told), 2, "%s", server_log(&server));
    server_end(&server);
    close(reader);
    directory_remove(directory);
}

Test(print, it_goes_to_standard_output_as_lua_writes_it)
{
    struct server server = server_begin_script(
        "print()\n"
        "print('one', 2, true, nil, setmetatable({}, { __tostring = function() return 'X' end }))\n"
        "io.write('half ')\n"
        "io.write('a ', 1, ' line', '\\n')\n"
        "assert(io.write() == io.stdout and io.stdout:write('') == io.stdout)\n"
        "io.stdout:write('by ', 'file\\n'):write('chained\\n')\n"
        "io.stderr:write('to the log\\n')\n"
        "local fine, text = pcall(io.write, 'x', {})\n"
        "print(fine, text:match('bad argument #%d'))\n"
        "fine, text = pcall(function() io.stdout:write({}) end)\n"
        "print(fine, text:match('bad argument #%d'))\n"
        "print(pcall(print, setmetatable({}, { __tostring = function() return {} end })))\n"
        "local name = os.tmpname()\n"
        "local file = assert(io.open(name, 'w'))\n"
        "assert(file:write('in ', 'a file\\n'))\n"
        "io.output(file)\n"
        "assert(io.write('and ', 'more\\n'))\n"
        "io.output():close()\n"
        "print((pcall(io.write, 'x')))\n"
        "io.output(io.stdout)\n"
        "for line in io.lines(name) do print(line) end\n"
        "os.remove(name)\n"
        "print('a\\0b')\n" ECHO);
    int client = client_connect(&server);
    client_ask(client, "up", "up");
    char *out = server_out(&server);
    static const char before[] = "\n"
                                 "one\t2\ttrue\tnil\tX\n"
                                 "half a 1 line\n"
                                 "by file\n"
                                 "chained\n"
                                 "false\tbad argument #2\n"
                                 "false\tbad argument #1\n"
                                 "false\t'__tostring' must return a string\n"
                                 "false\n"
                                 "in a file\n"
                                 "and more\n"
                                 "a";
    cr_assert_str_eq(out, before);
    if (!on_windows())
        cr_assert_str_eq(out + sizeof before, "b\n"); /* the harness reads text there */
    server_expect_log(&server, "to the log\n");
    free(out);
    close(client);
    server_end(&server);
}
