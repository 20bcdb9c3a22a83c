/* What the system around a server does to it: a log that takes nothing, peers that are stopped, a
 * sudden death. */
#include "fault.h"
#include "harness_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- peers that are stopped ---- */

enum { STOPPED = 5, HEADER = 4, NUMBERED = 32000, PACKETS = 400, EARLY = 5 };
enum fate { GOT_ALL = 10, GOT_WRONG, GOT_A_PART };

/* Everybody but who asks gets a numbered packet. */
static const char pushes[] =
    "local number = 0\n"
    "local function fill(n) return ('%05d'):format(n):rep(6400) end\n"
    "function on_disconnect(conn, reason) server.log('info', 'ended %s', reason) end\n"
    "function on_receive(conn, packet)\n"
    "  if packet ~= 'push' then return conn:send(packet) end\n"
    "  broadcast(fill(number), { except = conn })\n"
    "  number = number + 1\n"
    "  conn:send(('%d'):format(server.stats().memory_used))\n"
    "end\n";

struct peer {
    pid_t process;
    int early; /* a pipe that it closes when it has the first packets */
};

/* Being stopped ends a call that has a time limit. */
static bool take_whole(int client, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = recv(client, bytes + done, size - done, 0);
        if (count == 0 || (count < 0 && errno != EINTR)) return false;
        if (count > 0) done += (size_t)count;
    }
    return true;
}

/* In a process of its own, in which no assertion of a test works. */
static enum fate hear(int client, int early)
{
    static char bytes[HEADER + NUMBERED], expected[6];
    for (int number = 0; number < PACKETS; number++) {
        if (!take_whole(client, bytes, sizeof bytes)) return GOT_A_PART;
        snprintf(expected, sizeof expected, "%05d", number);
        for (int i = HEADER; i < HEADER + NUMBERED; i += 5)
            if (memcmp(bytes + i, expected, 5) != 0) return GOT_WRONG;
        if (number + 1 == EARLY) close(early);
    }
    return GOT_ALL;
}

static struct peer start_peer(const struct server *server)
{
    int client = client_connect(server), early[2];
    cr_assert(client_is_served(client));
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int)), 0);
    cr_assert_eq(pipe(early), 0);
    pid_t process = fork();
    cr_assert(process >= 0);
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(early[0]);
        _exit((int)hear(client, early[1]));
    }
    close(early[1]);
    close(client);
    return (struct peer){.process = process, .early = early[0]};
}

static void stop_peer(const struct peer *peer)
{
    int status;
    char byte;
    cr_assert_eq(read(peer->early, &byte, 1), 0);
    close(peer->early);
    kill(peer->process, SIGSTOP);
    cr_assert_eq(waitpid(peer->process, &status, WUNTRACED), peer->process);
    cr_assert(WIFSTOPPED(status), "it has ended with %d", WEXITSTATUS(status));
}

static enum fate let_go_on(const struct peer *peer)
{
    int status;
    kill(peer->process, SIGCONT);
    cr_assert_eq(waitpid(peer->process, &status, 0), peer->process);
    cr_assert(WIFEXITED(status));
    return (enum fate)WEXITSTATUS(status);
}

/* Returns the bytes of memory that were in use then. */
static size_t push_packets(int asking, int count)
{
    size_t memory = 0;
    for (int i = 0; i < count; i++) {
        client_put_text(asking, "push");
        char *answer = (char *)client_take(asking, &(size_t){0});
        memory = strtoul(answer, NULL, 10);
        free(answer);
        cr_assert(client_is_served(asking));
    }
    return memory;
}

static void await_no_memory(int asking)
{
    while (push_packets(asking, 1) > 0) nap();
}

static void stop_and_go(const char *config, enum fate fate)
{
    struct peer peers[STOPPED];
    struct server server = server_begin(
        &(struct begin){.script = pushes, .config = config, .flags = {"--workers", "1"}});
    int asking = client_connect(&server);
    for (int i = 0; i < STOPPED; i++) peers[i] = start_peer(&server);
    push_packets(asking, EARLY);
    for (int i = 0; i < STOPPED; i++) stop_peer(&peers[i]);
    size_t memory = push_packets(asking, PACKETS - EARLY);
    if (fate == GOT_ALL) cr_assert_gt(memory, 0, "nothing waited in the server");
    if (fate == GOT_A_PART) server_expect_log_count(&server, "ended slow\n", STOPPED);
    int fresh = client_connect(&server);
    cr_assert(client_is_served(fresh));
    close(fresh);
    for (int i = 0; i < STOPPED; i++) {
        enum fate seen = let_go_on(&peers[i]);
        cr_assert_eq(seen, fate, "peer %d: %d", i, (int)seen);
    }
    await_no_memory(asking);
    if (fate == GOT_ALL) cr_assert_eq(server_log_count(&server, "ended slow\n"), 0);
    close(asking);
    server_end(&server);
}

Test(fault, stopped_processes_get_all_in_order_when_they_go_on)
{
    stop_and_go("return { idle_timeout = 0 }", GOT_ALL);
}

Test(fault, stopped_processes_that_are_owed_too_much_end_as_slow)
{
    stop_and_go("return { idle_timeout = 0, max_packet = '64K', hard_mark = '256K' }", GOT_A_PART);
}

/* ---- a log that takes nothing ---- */

enum { LINES = 300, LINE_SIZE = 1000, CLIENTS = 4 };
static const char talkative[] = "function on_receive(conn, packet)\n"
                                "  server.log('info', '%s', ('x'):rep(1000))\n"
                                "  conn:send(packet)\n"
                                "end\n";

/* It tells nobody when it listens. */
static int connect_when_it_listens(pid_t process, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
        cr_assert_not(process_has_ended(process), "it did not even start");
        nap();
    }
    close(client);
    return client_connect_unix(path);
}

/* It listens a moment before it is ready to be told to stop, and nothing tells when it is. */
static void await_readiness(pid_t process)
{
    char path[64];
    unsigned long long caught = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    for (; (caught >> (SIGTERM - 1) & 1) == 0; nap()) {
        cr_assert_not(process_has_ended(process));
        char *text = file_read(path);
        const char *line = strstr(text, "SigCgt:");
        if (line != NULL) sscanf(line, "SigCgt: %llx", &caught);
        free(text);
    }
}

struct logged {
    struct server server;
    char *directory, path[100];
    int clients[CLIENTS];
};

static struct logged begin_logged(const char *log)
{
    char listen[110];
    struct logged logged = {.directory = directory_make(NULL, NULL)};
    snprintf(logged.path, sizeof logged.path, "%s/socket", logged.directory);
    snprintf(listen, sizeof listen, "unix:%s", logged.path);
    logged.server = server_start(&(struct begin){
        .script = talkative, .log = log, .listen = listen, .flags = {"--workers", "2"}});
    for (int i = 0; i < CLIENTS; i++)
        logged.clients[i] = connect_when_it_listens(logged.server.pid, logged.path);
    return logged;
}

/* Each has a line logged; far more than a pipe holds. */
static void talk(const struct logged *logged)
{
    for (int i = 0; i < LINES; i++) cr_assert(client_is_served(logged->clients[i % CLIENTS]));
}

static void end_logged(struct logged *logged)
{
    int fresh = client_connect_unix(logged->path);
    cr_assert(client_is_served(fresh));
    close(fresh);
    for (int i = 0; i < CLIENTS; i++) close(logged->clients[i]);
    await_readiness(logged->server.pid);
    server_end(&logged->server); /* which looks at its exit status */
    directory_remove(logged->directory);
}

Test(fault, a_full_disk_under_the_log_stops_nothing)
{
    need_unix_sockets();
    struct logged logged = begin_logged("/dev/full");
    talk(&logged);
    end_logged(&logged);
}

static char *read_pipe(int pipe)
{
    enum { HELD_MAX = 1 << 20 };
    char *text = malloc(HELD_MAX + 1);
    cr_assert_not_null(text);
    size_t size = 0;
    ssize_t count;
    while ((count = read(pipe, text + size, HELD_MAX - size)) > 0) size += (size_t)count;
    text[size] = '\0';
    return text;
}

Test(fault, a_log_that_nobody_reads_stops_nothing)
{
    need_unix_sockets();
    char path[100];
    char *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/pipe", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct logged logged = begin_logged(path);
    talk(&logged);
    free(read_pipe(pipe));
    cr_assert(client_is_served(logged.clients[0]));
    char *text = read_pipe(pipe);
    cr_assert_not_null(strstr(text, "lines of this log could not be written\n"), "%s", text);
    free(text);
    talk(&logged);
    end_logged(&logged);
    close(pipe);
    directory_remove(directory);
}

static void expect_null(pid_t process, int descriptor)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)process, descriptor);
    cr_assert_gt(readlink(path, target, sizeof target - 1), 0);
    cr_assert_str_eq(target, "/dev/null", "descriptor %d is %s", descriptor, target);
}

Test(fault, without_standard_descriptors_nothing_else_takes_their_place)
{
    need_unix_sockets();
    char path[100], listen[110];
    char *directory = directory_make("main.lua", talkative, NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(listen, sizeof listen, "unix:%s", path);
    const char *program[] = {"/bin/sh",
                             "-c",
                             "exec \"$0\" \"$@\" <&- >&- 2>&-",
                             getenv("MOONPORT_PROGRAM"),
                             directory,
                             "--listen",
                             listen,
                             "--admin",
                             "false",
                             "--backend",
                             backend(),
                             NULL};
    pid_t process = process_start(program, -1, "/dev/null", "/dev/null");
    int client = connect_when_it_listens(process, path);
    for (int i = 0; i < LINES; i++) cr_assert(client_is_served(client));
    for (int i = 0; i <= STDERR_FILENO; i++) expect_null(process, i);
    close(client);
    await_readiness(process);
    kill(process, SIGTERM);
    cr_assert_eq(process_await(process), 0);
    directory_remove(directory);
}

/* ---- a sudden death ---- */

enum { KILLED = 40, LIVES = 4 };

/* In all the states that a connection may be left in. */
static void leave_hanging(int client, int number)
{
    cr_assert(client_is_served(client));
    switch (number % 4) {
    case 0: break;
    case 1: client_send(client, "\x9\0", 2); break;
    case 2: client_put_text(client, "nobody reads the answer"); break;
    default: shutdown(client, SHUT_WR);
    }
}

static int connect_to_either(const struct server *server, const char *path, int number)
{
    return number / 4 % 2 == 0 || on_windows() ? client_connect(server) : client_connect_unix(path);
}

Test(fault, a_server_that_was_killed_serves_again_at_once_where_it_was)
{
    int clients[KILLED * LIVES], count = 0;
    char path[100], config[300];
    char *directory = directory_make(NULL, NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    unsigned port = 0;
    for (int life = 0; life < LIVES; life++) {
        if (on_windows())
            snprintf(config, sizeof config, "return { listen = '127.0.0.1:%u' }", port);
        else
            snprintf(config, sizeof config, "return { listen = { '127.0.0.1:%u', 'unix:%s' } }",
                     port, path);
        struct server server = server_begin(&(struct begin){.script = ECHO, .config = config});
        port = server.port;
        if (!on_windows()) server_port(&server, 1);
        for (int i = 0; i < KILLED; i++) {
            clients[count] = connect_to_either(&server, path, i);
            leave_hanging(clients[count++], i);
        }
        server_signal(&server, SIGKILL);
        cr_assert_eq(server_wait(&server), 128 + SIGKILL);
        server_end(&server);
    }
    for (int i = 0; i < count; i++) {
        /* Wine's own server may keep the socket of a process that was killed. */
        if (!on_windows()) cr_assert_neq(client_await_end(clients[i]), CLIENT_TIMEOUT);
        close(clients[i]);
    }
    directory_remove(directory);
}
