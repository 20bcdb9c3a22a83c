/* The command line: what it takes, what it says, and the exit status. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

/* A script directory that would echo, with some more words. */
static void expect_of_flags(int status, const char *const *flags, const char *first,
                            const char *second)
{
    const char *words[16] = {NULL};
    char *directory = directory_make("main.lua", ECHO, NULL);
    words[0] = directory;
    for (int i = 0; flags[i] != NULL; i++) words[i + 1] = flags[i];
    program_fail(status, words, first, second);
    directory_remove(directory);
}

static void expect_of_script(int status, const char *script, const char *first, const char *second)
{
    char *directory = directory_make("main.lua", script, NULL);
    const char *words[] = {directory, "--listen",  "127.0.0.1:0", "--backend",
                           backend(), "--workers", "2",           NULL};
    program_fail(status, words, first, second);
    directory_remove(directory);
}

/* ---- words ---- */

Test(command, without_arguments_it_explains_itself)
{
    program_fail(USAGE, (const char *[]){NULL}, "moonport DIR [FLAGS]", "Exit status:");
}

Test(command, help_and_version_are_printed)
{
    static const char *const settings[] = {
        "--listen",        "--framing",    "--workers", "--idle-timeout",
        "--drain-timeout", "--max-packet", "--backend", "--log"};
    char *out, *err;
    cr_assert_eq(program_run(&out, &err, WORDS("--help")), 0);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cr_assert_not_null(strstr(out, settings[i]), "no %s in:\n%s", settings[i], out);
    cr_assert_not_null(strstr(out, "moonport talk ADDRESS"));
    cr_assert_not_null(strstr(out, "0: one per processor [0]\n"), "%s", out);
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
    cr_assert_eq(program_run(&out, &err, WORDS("--version")), 0);
    cr_assert_eq(strncmp(out, "moonport ", 9), 0, "%s", out);
    cr_assert_not_null(strstr(out, "Lua"), "%s", out);
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
}

/* A word that is a command, or nearly one, may be a directory all the same. */
Test(command, a_directory_may_be_called_like_a_command)
{
    char *directory =
        directory_make_of(FILES("help/none.lua", "", "tset/none.lua", "", "none.lua", ""));
    cr_assert_eq(chdir(directory), 0);
    program_fail(INPUT, WORDS("help"), "help/main.lua", "");
    program_fail(INPUT, WORDS("tset"), "tset/main.lua", "");
    program_fail(USAGE, WORDS("serv"), "there is no directory serv", "did you mean serve?");
    cr_assert_eq(chdir("/"), 0);
    directory_remove(directory);
}

Test(command, help_is_given_wherever_it_is_asked_for)
{
    static const struct {
        const char *words[3], *first;
    } asked[] = {
        {{"help"}, "moonport - a TCP server"},
        {{"serve", "--help"}, "moonport - a TCP server"},
        {{"x", "--help"}, "moonport - a TCP server"},
        {{"check", "--help"}, "moonport check DIR [FLAGS]\n"},
        {{"check", "x", "--help"}, "moonport check DIR [FLAGS]\n"},
        {{"test", "-h"}, "moonport test DIR [FLAGS]\n"},
        {{"talk", "--help"}, "moonport talk ADDRESS"},
        {{"reload", "--help"}, "moonport reload"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char *out, *err;
        const char *const *words = asked[i].words;
        cr_assert_eq(program_run(&out, &err, WORDS(words[0], words[1], words[2])), 0);
        cr_assert_eq(strncmp(out, asked[i].first, strlen(asked[i].first)), 0, "%s: %s", words[0],
                     out);
        cr_assert_not_null(strstr(out, "Exit status:"), "%s: %s", words[0], out);
        cr_assert_str_eq(err, "");
        free(out);
        free(err);
    }
}

Test(command, an_unknown_flag_names_the_nearest)
{
    expect_of_flags(USAGE, WORDS("--wrokers", "2"), "--wrokers", "did you mean --workers?");
    expect_of_flags(USAGE, WORDS("--idle-timout=2"), "--idle-timout",
                    "did you mean --idle-timeout?");
    expect_of_flags(USAGE, WORDS("--lisen", "1"), "--lisen", "did you mean --listen?");
    expect_of_flags(USAGE, WORDS("--port", "7000"), "--port", "did you mean --listen?");
    expect_of_flags(USAGE, WORDS("--bind=0.0.0.0"), "--bind", "did you mean --listen?");
    expect_of_flags(USAGE, WORDS("--threads", "2"), "--threads", "did you mean --workers?");
    expect_of_flags(USAGE, WORDS("--log-level", "2"), "--log-level", "did you mean --log?");
    expect_of_flags(USAGE, WORDS("--on-en", "close"), "--on-en", "did you mean --on-end?");
    expect_of_flags(USAGE, WORDS("--nothing-like-it"), "--nothing-like-it", "moonport --help");
    expect_of_flags(USAGE, WORDS("-w"), "-w", "moonport --help");
    program_fail(USAGE, WORDS("--wrokers", "2"), "--wrokers", "did you mean --workers?");
    program_fail(USAGE, WORDS("-version"), "-version", "did you mean --version");
}

Test(command, a_flag_needs_a_value_that_fits)
{
    expect_of_flags(USAGE, WORDS("--workers"), "--workers", "needs a value");
    expect_of_flags(USAGE, WORDS("--listen"), "--listen", "needs a value");
    expect_of_flags(USAGE, WORDS("--workers", "many"), "\"many\"", "a whole number");
    expect_of_flags(USAGE, WORDS("--workers=1000"), "\"1000\"", "from 0 to 128");
    expect_of_flags(USAGE, WORDS("--workers="), "workers", "a whole number");
    expect_of_flags(USAGE, WORDS("--idle-timeout", "-1"), "\"-1\"", "seconds");
    expect_of_flags(USAGE, WORDS("--max-packet", "16X"), "\"16X\"", "a size");
    expect_of_flags(USAGE, WORDS("--recv-depth", "3"), "\"3\"", "a power of two");
    expect_of_flags(USAGE, WORDS("--log", "loud"), "\"loud\"", "error|warn|info|debug");
    expect_of_flags(USAGE, WORDS("--framing", "lines"), "lines", "line");
}

Test(command, one_directory_is_served)
{
    program_fail(USAGE, WORDS("one", "two"), "two directories", "one and two");
    program_fail(USAGE, WORDS("serve"), "which directory?", "main.lua");
    program_fail(USAGE, WORDS("--workers", "2"), "which directory?", "main.lua");
    program_fail(USAGE, WORDS("check"), "which directory?", "moonport check DIR loads");
    program_fail(USAGE, WORDS("test"), "which directory?", "moonport test DIR loads");
    program_fail(INPUT, WORDS("/nowhere/at/all"), "/nowhere/at/all", "No such file");

    char *directory = directory_make("main.lua", ECHO, NULL);
    char path[300];
    snprintf(path, sizeof path, "%s/main.lua", directory);
    program_fail(INPUT, WORDS(path), path, "name the directory");
    remove(path);
    program_fail(INPUT, WORDS(directory), path, "No such file");
    directory_remove(directory);
}

Test(command, separators_behind_a_directory_do_not_matter)
{
    char *out, *err, path[300], expected[300];
    char *directory = directory_make("main.lua", ECHO, NULL);
    snprintf(path, sizeof path, "%s//", directory);
    snprintf(expected, sizeof expected, "%s: no errors in 1 file\n", directory);
    cr_assert_eq(program_run(&out, &err, WORDS("check", path)), 0, "%s", err);
    cr_assert_str_eq(out, expected);
    free(out);
    free(err);
    directory_remove(directory);
    if (on_windows()) return; /* where the root has other names */
    program_fail(INPUT, WORDS("/"), "//main.lua: No such file", "handlers are expected there");
}

/* Each setting may be given more than once; the last one counts. */
Test(command, no_more_than_255_flags_are_taken)
{
    enum { MOST = 255 };
    const char *words[MOST + 3];
    char *directory = directory_make("main.lua", ECHO, NULL);
    words[0] = directory;
    for (int i = 1; i <= MOST; i++) words[i] = "--workers=2";
    words[MOST] = "--workers=many";
    words[MOST + 1] = NULL;
    program_fail(USAGE, words, "workers = \"many\"", "a whole number");
    words[MOST + 1] = "--workers=2";
    words[MOST + 2] = NULL;
    program_fail(USAGE, words, "too many flags", "too many flags");
    directory_remove(directory);
}

/* ---- main.lua ---- */

Test(command, a_broken_script_is_told_with_its_line)
{
    expect_of_script(INPUT, "local x = 1\nlocal y = = 2\n", "main.lua:2:", "near '='");
    expect_of_script(INPUT, "function on_receive()\n\n", "main.lua:3:", "'end' expected");
    expect_of_script(INPUT, "\nerror('no luck')\n", "main.lua:2: no luck", "traceback");
    expect_of_script(INPUT, "\n\nlocal x = nothing.field\n", "main.lua:3:", "nothing");
    expect_of_script(INPUT, "return 42\n", "main.lua returned a number", "a table of handlers");
    expect_of_script(INPUT, "on_receive = 5\n", "on_receive is a number", "a function");
    expect_of_script(INPUT, "on_receive = false\n", "on_receive is a boolean", "a function");
    expect_of_script(INPUT, "return { on_start = 'x' }\n", "on_start is a string", "a function");
    expect_of_script(INPUT, "error({})\n", "moonport: ", "table");
}

Test(command, what_is_wrong_is_said_once)
{
    char *out, *err;
    char *directory = directory_make("main.lua", "error('no luck')\n", NULL);
    cr_assert_eq(program_run(&out, &err,
                             WORDS(directory, "--listen", "127.0.0.1:0", "--backend", backend(),
                                   "--workers", "4")),
                 INPUT);
    cr_assert_eq(count_of(err, "no luck"), 1, "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(command, a_misspelt_handler_stops_the_start)
{
    char *out, *err;
    char *directory = directory_make("main.lua",
                                     "function on_recieve() end\nfunction on_conect() end\n"
                                     "function onDrain() end\n",
                                     NULL);
    const char *words[] = {directory, "--listen", "127.0.0.1:0", NULL};
    cr_assert_eq(program_run(&out, &err, words), 1);
    cr_assert_not_null(
        strstr(err, "main.lua:1: nothing calls on_recieve: did you mean on_receive?"), "%s", err);
    cr_assert_not_null(strstr(err, "main.lua:2: nothing calls on_conect: did you mean on_connect?"),
                       "%s", err);
    cr_assert_not_null(strstr(err, "main.lua:3: nothing calls onDrain: did you mean on_drain?"),
                       "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
}

Test(command, a_script_without_on_receive_is_warned_of_once)
{
    struct server server = server_begin(
        &(struct begin){.script = "function on_connect() end\n", .flags = {"--workers", "2"}});
    server_expect_log(&server, "defines no on_receive: packets are discarded\n");
    cr_assert_eq(server_log_count(&server, "no on_receive"), 1);
    server_end(&server);
}

Test(command, handlers_of_other_programs_are_warned_of_once)
{
    struct server server =
        server_begin(&(struct begin){.script = "function on_message() end\nfunction on_data() end\n"
                                               "function on_error() end\n",
                                     .flags = {"--workers", "2"}});
    server_expect_log(&server, "packets are discarded; on_message gets what server.post sends\n");
    server_expect_log(&server, "main.lua:2: nothing calls on_data: did you mean on_receive?\n");
    server_expect_log(&server, "main.lua:3: nothing calls on_error: an error in a handler is "
                               "logged, and closes its connection\n");
    cr_assert_eq(server_log_count(&server, "nothing calls"), 2);
    server_end(&server);
}

static void expect_echo_of(const char *script, const char *config)
{
    struct server server = server_begin(&(struct begin){.script = script, .config = config});
    int client = client_connect(&server);
    client_put_text(client, "hello");
    client_expect(client, "hello");
    close(client);
    server_end(&server);
}

Test(command, line_ends_may_be_those_of_windows)
{
    expect_echo_of("-- echo\r\nfunction on_receive(conn, packet)\r\n  conn:send(packet)\r\nend\r\n",
                   "return {\r\n  workers = 1,\r\n}\r\n");
}

/* As Lua itself takes its files. */
Test(command, a_byte_order_mark_or_a_first_line_for_the_shell_does_not_matter)
{
    expect_echo_of("\xef\xbb\xbf" ECHO, "\xef\xbb\xbfreturn { workers = 1 }\n");
    expect_echo_of("#!/usr/bin/env moonport\n" ECHO, "return { workers = 1 }\n");
}

/* ---- addresses ---- */

Test(command, a_wrong_address_is_told)
{
    expect_of_flags(USAGE, WORDS("--listen", "nowhere"), "\"nowhere\"", "the port is missing");
    expect_of_flags(USAGE, WORDS("--listen", "127.0.0.1:70000"), "70000", "65535");
    expect_of_flags(USAGE, WORDS("--listen", "example.org:80"), "example.org", "not looked up");
    expect_of_flags(USAGE, WORDS("--listen", "[::1"), "bracket", "write it like");
    expect_of_flags(USAGE, WORDS("--listen", "::1:7000"), "brackets", "write it like");
    expect_of_flags(USAGE, WORDS("--listen", "unix:"), "the path", "write it like");
    expect_of_flags(USAGE, WORDS("--listen", ""), "it is empty", "write it like");
}

Test(command, a_taken_port_is_told)
{
    char address[32];
    struct server server = server_begin(&(struct begin){.script = ECHO});
    snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
    expect_of_flags(SYSTEM, WORDS("--backend", backend(), "--listen", address),
                    "Address already in use", "choose another address");
    expect_of_flags(SYSTEM,
                    WORDS("--backend", backend(), "--listen", "127.0.0.1:0", "--listen", address),
                    address, "choose another address");
    int client = client_connect(&server);
    client_put_text(client, "hello");
    client_expect(client, "hello");
    close(client);
    server_end(&server);
}

Test(command, what_the_system_refuses_is_told)
{
    /* 203.0.113.0/24 is for documentation (RFC 5737). */
    expect_of_flags(SYSTEM, WORDS("--backend", backend(), "--listen", "203.0.113.7:0"),
                    "cannot listen on 203.0.113.7", "does not have that address");
    expect_of_flags(SYSTEM, WORDS("--backend", backend(), "--listen", "unix:/nowhere/at/all.sock"),
                    "unix:/nowhere/at/all.sock",
                    on_windows() ? "unix sockets are for Linux"
                                 : "directory of the socket does not exist");
}

/* ---- unix sockets ---- */

static void make_stale_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(handle, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(handle, 1), 0);
    close(handle);
}

Test(command, only_a_dead_servers_socket_is_replaced)
{
    need_unix_sockets();
    struct stat status;
    char path[90], listen[100];
    char *directory = directory_make("precious", "a file", NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(listen, sizeof listen, "unix:%s", path);
    make_stale_socket(path);
    struct server server = server_begin(&(struct begin){.script = ECHO, .listen = listen});
    expect_of_flags(SYSTEM, WORDS("--backend", backend(), "--listen", listen), listen,
                    "choose another address");
    int client = client_connect_unix(path);
    client_put_text(client, "hello");
    client_expect(client, "hello");
    close(client);
    server_end(&server);
    cr_assert_eq(access(path, F_OK), -1, "the socket's file was left behind");

    snprintf(path, sizeof path, "%s/precious", directory);
    snprintf(listen, sizeof listen, "unix:%s", path);
    expect_of_flags(SYSTEM, WORDS("--backend", backend(), "--listen", listen), listen,
                    "choose another path");
    cr_assert_eq(stat(path, &status), 0);
    cr_assert(S_ISREG(status.st_mode) && status.st_size == 6);
    directory_remove(directory);
}

/* ---- names of files ---- */

/* Whatever the code page of the system is. */
Test(command, directories_and_modules_may_be_called_in_any_script)
{
    static const char name[] = "\u6f22\u5b57";
    char path[300], *out, *err;
    snprintf(path, sizeof path, "%s/main.lua", name);
    char *base =
        directory_make_of(FILES(path,
                                "local moon = require '\u6708'\n"
                                "function on_receive(conn, packet) conn:send(moon .. packet) end\n",
                                "\u6f22\u5b57/\u6708.lua", "return '\u6708'\n"));
    snprintf(path, sizeof path, "%s/%s", base, name);
    cr_assert_eq(program_run(&out, &err, WORDS("check", path)), 0, "%s", err);
    cr_assert_not_null(strstr(out, "\u6f22\u5b57: no errors in 2 files\n"), "%s", out);
    setenv("MOONPORT_SCRIPTS", base, 1); /* for the harness */
    struct server server = server_begin(&(struct begin){.example = name});
    int client = client_connect(&server);
    client_ask(client, "?", "\u6708?");
    script_write(&server, "\u6708.lua", "return '\u661f'\n");
    server_expect_log(&server, "generation 2 runs: \u6708.lua\n");
    client_ask(client, "?", "\u661f?");
    close(client);
    server_end(&server);
    directory_remove(base);
    free(out);
    free(err);
}

/* ---- being asked to end before it has begun ---- */

Test(command, a_script_that_does_not_get_ready_can_be_stopped)
{
    static const char script[] = "function on_start()\n"
                                 "  server.log('info', 'begun')\n"
                                 "  while true do end\n"
                                 "end\n";
    struct server server =
        server_start(&(struct begin){.script = script, .flags = {"--workers", "1"}});
    server_expect_log(&server, "begun\n");
    server_signal(&server, SIGTERM);
    server_signal(&server, SIGINT);
    int status = server_wait(&server);
    cr_assert(status != 0 || on_windows(), "it says that it has served");
    server_end(&server);
}
