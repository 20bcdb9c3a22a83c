/* `moonport top`, in a terminal that tmux shows. */
#include "harness_process.h"
#include "tmux.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What begins it, and tells how it ended and how it left the terminal. */
static struct {
    char directory[256], before[300], after[300], pid[300], err[300];
} top;

static void need_top(void)
{
    char *out, *err;
    need_tmux();
    cr_assert_neq(program_run(&out, &err, WORDS("top")), 0);
    bool draws = strstr(err, "without ncurses") == NULL;
    free(out);
    free(err);
    if (!draws) cr_skip_test("NOT TESTED: moonport was built without ncurses");
}

static void begin(const char *address, const char *environment)
{
    char command[4096];
    directory_new(top.directory, sizeof top.directory);
    snprintf(top.before, sizeof top.before, "%s/before", top.directory);
    snprintf(top.after, sizeof top.after, "%s/after", top.directory);
    snprintf(top.pid, sizeof top.pid, "%s/pid", top.directory);
    snprintf(top.err, sizeof top.err, "%s/err", top.directory);
    snprintf(command, sizeof command,
             "trap : INT\n"
             "echo in front\n"
             "stty -g >'%s'\n"
             "%s sh -c 'echo $$ >%s.new; mv %s.new %s; exec \"$0\" top --admin \"$1\"' '%s' '%s' "
             "2>'%s'\n"
             "echo \"ended: $?\"\n"
             "stty -g >'%s'\n"
             "cat '%s'\n"
             "echo \"it is over\"\n"
             "exec cat\n",
             top.before, environment, top.pid, top.pid, top.pid, getenv("MOONPORT_PROGRAM"),
             address, top.err, top.after, top.err);
    tmux_begin(100, 30, command);
}

static void begin_at(const struct server *server)
{
    char address[64];
    server_admin(server, address, sizeof address);
    begin(address, "");
    tmux_expect("WORKER");
}

/* It has ended so, and left the terminal as it was. */
static void end(const char *status)
{
    char *before, *after, *err;
    tmux_expect(status);
    tmux_expect("it is over");
    tmux_expect("in front");
    tmux_expect_gone("WORKER");
    after = file_read(top.after);
    before = file_read(top.before);
    err = file_read(top.err);
    cr_assert_str_eq(after, before);
    cr_assert_null(sanitizer_complaint(err), "%s", err);
    free(before);
    free(after);
    free(err);
    tmux_end();
    tree_remove(top.directory);
}

static void quit(void)
{
    tmux_press("q");
    end("ended: 0");
}

static struct server serve(void)
{
    need_top();
    return server_begin(&(struct begin){
        .script = ECHO, .admin = true, .flags = {"--workers", "1", "--reload", "signal"}});
}

/* Before one looks at the screen again: fails if that goes on for too long. */
static void be_patient(uint64_t began_ms)
{
    cr_assert(now_ms() - began_ms < (uint64_t)(20000 * patience()), "nothing changes on:\n%s",
              tmux_screen());
    for (int i = 0; i < 10; i++) nap();
}

/* The number behind a name, such as calls a second behind that of a handler; -1: it is not there, or no number. */
static double number_behind(const char *name)
{
    const char *found = strstr(tmux_screen(), name);
    char *end;
    if (found == NULL) return -1;
    double number = strtod(found + strlen(name), &end);
    return end == found + strlen(name) ? -1 : number;
}

Test(top, numbers_move_under_load)
{
    struct server server = serve();
    int client = client_connect(&server);
    begin_at(&server);
    tmux_expect("moonport 0.1.0  127.0.0.1:");
    tmux_expect("generation 1");
    for (uint64_t began_ms = now_ms(); number_behind("on_receive") <= 0; be_patient(began_ms))
        client_ask(client, "packet", "packet");
    tmux_expect(" 1/"); /* connections */
    for (uint64_t began_ms = now_ms(); number_behind("on_receive") != 0;) be_patient(began_ms);
    close(client);
    tmux_expect(" 0/");
    quit();
    server_end(&server);
}

/* Of two connections the older one, and the younger. */
static void find_ids(char ids[2][24])
{
    tmux_expect("ID");
    tmux_expect("127.0.0.1:");
    const char *row = strchr(strstr(tmux_screen(), "ID^"), '\n') + 1;
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sscanf(row, "%23[0-9]", ids[i]), 1, "%s", row);
        row = strchr(row, '\n') + 1;
    }
}

static void connect_two(const struct server *server, int clients[2])
{
    for (int i = 0; i < 2; i++) {
        clients[i] = client_connect(server);
        client_ask(clients[i], "packet", "packet");
    }
}

/* The first connection that is listed is this one. */
static void expect_first(const char *title, const char *id)
{
    for (uint64_t began_ms = now_ms();; be_patient(began_ms)) {
        const char *row = strstr(tmux_screen(), title);
        if (row != NULL && strncmp(strchr(row, '\n') + 1, id, strlen(id)) == 0) return;
    }
}

Test(top, connections_are_sorted_by_any_column)
{
    struct server server = serve();
    char ids[2][24], other[32];
    int clients[2];
    connect_two(&server, clients);
    begin_at(&server);
    tmux_expect(" 2/");
    find_ids(ids);
    tmux_press("r");
    expect_first("IDv", ids[1]);
    tmux_press(">");
    tmux_expect("ADDRESS^");
    tmux_press(">");
    expect_first("AGEv", ids[0]);
    tmux_press("r");
    expect_first("AGE^", ids[1]);
    tmux_press("<");
    tmux_expect("ADDRESS^");
    tmux_press("/");
    tmux_expect("filter: _");
    for (const char *c = ids[1]; *c != '\0'; c++) tmux_press((const char[]){*c, '\0'});
    tmux_press("Enter");
    tmux_expect("filter \"");
    snprintf(other, sizeof other, "\n%s ", ids[0]);
    tmux_expect_gone(other);
    tmux_expect(ids[1]);
    quit();
    for (int i = 0; i < 2; i++) close(clients[i]);
    server_end(&server);
}

Test(top, a_key_closes_the_selected_connection)
{
    struct server server = serve();
    char ids[2][24], question[64];
    int clients[2];
    connect_two(&server, clients);
    begin_at(&server);
    tmux_expect(" 2/");
    find_ids(ids);
    snprintf(question, sizeof question, "close connection %s? y/n", ids[1]);
    tmux_press("Down");
    tmux_press("k");
    tmux_expect(question);
    tmux_press("n");
    tmux_expect("nothing was done");
    client_ask(clients[1], "still", "still");
    tmux_press("k");
    tmux_expect(question);
    tmux_press("y");
    tmux_expect("is closed");
    cr_assert_eq(client_await_end(clients[1]), CLIENT_EOF);
    client_ask(clients[0], "still", "still");
    tmux_expect(" 1/");
    quit();
    for (int i = 0; i < 2; i++) close(clients[i]);
    server_end(&server);
}

Test(top, it_reloads_and_rolls_back)
{
    struct server server = serve();
    begin_at(&server);
    script_write(&server, "main.lua", ECHO "-- changed\n");
    tmux_press("R");
    tmux_expect("  generation 2");
    tmux_press("B");
    tmux_expect("y/n");
    tmux_press("y");
    tmux_expect("  generation 3");
    script_write(&server, "main.lua", "function on_receive(\n");
    tmux_press("R");
    tmux_expect("main.lua:");
    tmux_press("Escape");
    tmux_expect("WORKER");
    quit();
    server_end(&server);
}

Test(top, it_tells_how_a_probation_goes)
{
    struct server server = serve();
    int client = client_connect(&server);
    begin_at(&server);
    script_write(&server, "config.lua", "return { probation = 1000 }\n");
    script_write(&server, "main.lua", "function on_receive() error('no luck') end\n");
    tmux_press("R");
    tmux_expect("generation 2 is on probation for ");
    tmux_expect(" s more: 0 of 0 calls have failed");
    client_put_text(client, "packet");
    tmux_expect(" s more: 1 of 1 calls have failed");
    for (int i = 0; i < 2; i++) client_put_text(client, "packet");
    tmux_expect(
        "generation 2 was taken back: on_receive has failed in 3 of 3 calls of generation 2");
    tmux_expect_gone("is on probation");
    close(client);
    quit();
    server_end(&server);
}

Test(top, it_waits_for_a_server_that_ends)
{
    char directory[256], address[300];
    need_top();
    directory_new(directory, sizeof directory);
    snprintf(address, sizeof address, "unix:%s/admin", directory);
    const struct begin how = {.script = ECHO, .flags = {"--admin", address}};
    struct server server = server_begin(&how);
    int client = client_connect(&server);
    client_ask(client, "packet", "packet");
    begin(address, "");
    tmux_expect(" 1/");
    close(client);
    server_end(&server);
    tmux_expect("no answer for");
    tmux_expect("WORKER"); /* as it was */
    server = server_begin(&how);
    tmux_expect_gone("no answer for");
    tmux_expect(" 0/");
    server_signal(&server, SIGKILL);
    server_wait(&server);
    tmux_expect("no answer for");
    tmux_press("h");
    tmux_expect("close the selected connection");
    quit();
    server_end(&server);
    tree_remove(directory);
}

Test(top, it_follows_the_size_of_the_terminal)
{
    struct server server = serve();
    int client = client_connect(&server);
    client_ask(client, "packet", "packet");
    begin_at(&server);
    tmux_expect("\nHANDLER"); /* below the workers */
    tmux_resize(140, 40);
    tmux_expect("LUA    HANDLER");
    tmux_resize(38, 9);
    tmux_expect("38x9 is too small");
    tmux_resize(50, 12);
    tmux_expect("\nHANDLER");
    quit();
    close(client);
    server_end(&server);
}

Test(top, signals_end_it_and_the_terminal_is_restored)
{
    struct server server = serve();
    begin_at(&server);
    tmux_press("C-c");
    end("ended: 130");
    begin_at(&server);
    char *text = file_read(top.pid);
    cr_assert_eq(kill((pid_t)atoi(text), SIGTERM), 0);
    free(text);
    end("ended: 143");
    server_end(&server);
}

Test(top, keys_are_answered_while_a_server_hangs)
{
    uint16_t port;
    char address[32];
    need_top();
    int listener = listen_anywhere(&port);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    begin(address, "");
    tmux_expect("no answer for");
    tmux_press("h");
    tmux_expect("close the selected connection");
    quit();
    close(listener);
}

Test(top, whoever_lacks_the_token_is_told_what_to_do)
{
    struct server server = serve();
    char address[64];
    server_admin(&server, address, sizeof address);
    begin(address, "MOONPORT_TOKEN=none");
    tmux_expect("wants its token: run this as the server's user");
    end("ended: 1");
    begin(address, "TERM=dumb");
    tmux_expect("cannot draw on a terminal of the type \"dumb\"");
    end("ended: 3");
    server_end(&server);
}

Test(top, a_server_that_is_not_there_is_an_error)
{
    uint16_t port;
    char address[32];
    need_top();
    int listener = listen_anywhere(&port);
    close(listener);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    begin(address, "");
    tmux_expect("cannot reach a server at");
    end("ended: 3");
}

Test(top, what_is_no_terminal_is_refused)
{
    char *out, *err;
    int status = program_run(&out, &err, WORDS("top"));
    if (on_windows())
        program_ended(status, SYSTEM, out, "", err, "there is none on Windows");
    else if (strstr(err, "without ncurses") != NULL)
        program_ended(status, SYSTEM, out, "", err, "on the server's page");
    else
        program_ended(status, USAGE, out, "", err,
                      "for pipes and programs there is moonport stats");
}

Test(top, its_command_line_is_read)
{
    char *out, *err;
    program_fail(USAGE, WORDS("top", "--amdin", "7001"), "top: what is --amdin?",
                 "Did you mean --admin?");
    program_fail(USAGE, WORDS("top", "--admin"), "top: --admin needs an address", "for example");
    program_fail(USAGE, WORDS("top", "7001"), "top: what is 7001?", "moonport top --help");
    program_fail(INPUT, WORDS("top", "--admin=1:2:3"), "1:2:3", "");
    cr_assert_eq(program_run(&out, &err, WORDS("top", "--help")), 0);
    cr_assert_not_null(strstr(out, "moonport top [--admin ADDRESS]"));
    cr_assert_str_eq(err, "");
    free(out);
    free(err);
}
