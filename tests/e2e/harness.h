/* harness.h - starts the real program, talks to it, and sees how it ends. All that knows how a
 * server is started is in harness.c, so that the same tests can run against another platform's.
 *
 *     struct server server = server_begin(&(struct begin){.script = "function on_start()..."});
 *     int client = client_connect(&server);
 *     ...
 *     server_end(&server);              the exit status is checked, and what it logged is at hand
 */
#ifndef MOONPORT_HARNESS_H
#define MOONPORT_HARNESS_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How to start it. What is 0 or NULL is left to the default. */
struct begin {
    const char *script;    /* main.lua as text, written to a fresh directory; or */
    const char *example;   /* a directory of MOONPORT_SCRIPTS: "chat" */
    const char *directory; /* one that the test has made, whose config.lua says where to listen */
    const char *module;    /* module.lua beside it, as text */
    const char *config;    /* config.lua as text */
    const char *flags[32]; /* more of the command line: "--workers", "2", ..., NULL at the end */
    const char *listen;    /* default "127.0.0.1:0", or what the config says about it */
    const char *log;       /* where its stderr goes instead; the test then sees none of it */
    const char *out;       /* and its stdout */
    unsigned files;        /* how many it may open, on Linux */
    bool admin;            /* it takes commands: server_admin */
    bool echo_in_c;        /* the C example instead of moonport; takes the same flags */
};

struct server {
    pid_t pid;
    uint16_t port;       /* of the first listener, as its log says; 0 for a unix socket */
    char directory[256]; /* of the script */
    char log_path[300];  /* what it wrote on stderr */
    char out_path[300];  /* and on stdout */
};

/* Starts it and waits until it is listening; the test fails if it is not. The other does not wait,
 * and knows no port. */
struct server server_begin(const struct begin *begin);
struct server server_start(const struct begin *begin);

/* The port of the listener with this number, from 0. */
uint16_t server_port(const struct server *server, int listener);

/* Where it takes commands, "127.0.0.1:PORT". */
void server_admin(const struct server *server, char *address, size_t size);

/* Writes a file of its script anew, in place, as an editor does. */
void script_write(const struct server *server, const char *name, const char *text);

/* With this main.lua and one worker, so that connections share a state. */
struct server server_begin_script(const char *script);

/* Asks it to stop (TERM), waits, checks that it exits with 0 and that no sanitizer complained, and
 * removes the directory. After server_wait it only does what is left of that. */
void server_end(struct server *server);

/* Sends a signal; waits for the end and returns the exit status (128 + n after signal n). */
void server_signal(const struct server *server, int signal);
void server_signal_again(const struct server *server,
                         int signal); /* later: it counts for a second one */
int server_wait(struct server *server);

/* Everything it has logged (stderr) or printed (stdout) so far; free it. */
char *server_log(const struct server *server);
char *server_out(const struct server *server);

/* How often the text stands in the log by now. */
int server_log_count(const struct server *server, const char *text);

/* Waits until the log contains the text (at most 30 s, far more under sanitizers); fails the test
 * if it does not come. The count variant waits for so many occurrences. */
void server_expect_log(const struct server *server, const char *text);
void server_expect_log_count(const struct server *server, const char *text, int count);

/* The least that a main.lua may be. */
#define ECHO "function on_receive(conn, packet) conn:send(packet) end\n"

enum { INPUT = 1, USAGE = 2, SYSTEM = 3 }; /* exit statuses */

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_FLAGS ((const char *const[]){NULL})

/* Runs the program to its end with these words behind its name (NULL at the end); what it wrote
 * is in *out and *err, to be freed. Returns the exit status. */
int program_run(char **out, char **err, const char *const *words);
int program_run_input(char **out, char **err, const char *input, const char *const *words);

/* It has ended with that status, printed just this, and said this on stderr (a part of it; NULL: nothing).
 * Frees both texts. */
void program_ended(int ended, int status, char *out, const char *printed, char *err,
                   const char *said);

/* It must end with that status, say both of this on stderr, and nothing on stdout. */
void program_fail(int status, const char *const *words, const char *first, const char *second);

/* A directory with these files (name, text, ..., NULL), for program_run and directory_remove. */
char *directory_make(const char *name, const char *text, ...);
void directory_remove(char *directory);

/* The same; the names may be in directories of it. */
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL}) /* name, text, ... */
char *directory_make_of(const char *const *files);

/* ---- a client; sockets are blocking, with a receive timeout so that no test hangs ---- */

int client_connect(const struct server *server);
int client_connect_to(const char *host, uint16_t port); /* IPv4 or IPv6 */
int client_connect_unix(const char *path);

/* A round trip with an echo, which a refused connection does not get. */
bool client_is_served(int client);

/* One that left is known to have left before its place is free: this tries until it is. */
int client_connect_until_served(const struct server *server);

void client_send(int client, const void *data, size_t size); /* all of it */
void client_send_text(int client, const char *text);

/* Exactly so many bytes; fails the test at the end of the stream or a timeout. */
void client_receive(int client, void *data, size_t size);

/* How the connection ends from the peer's side: reads and throws away until then. */
enum client_end { CLIENT_EOF, CLIENT_RESET, CLIENT_TIMEOUT };
enum client_end client_await_end(int client);

/* Packets with the default framing. client_take returns a malloc'ed packet. */
void client_put(int client, const void *data, size_t size);
void client_put_text(int client, const char *text);
uint8_t *client_take(int client, size_t *size);
void client_expect(int client, const char *text);                      /* the next packet is this */
void client_ask(int client, const char *question, const char *answer); /* sends one, expects one */

/* Sends one; the answer has this in it. */
void client_ask_for_part(int client, const char *question, const char *part);

/* The next so many packets are a megabyte each, of 'A', of 'B', ...; then the connection ends. */
void client_expect_megabytes_to_the_end(int client, int count);

/* Lines. client_take_line returns one without its end, good until the next is taken. */
void client_send_line(int client, const char *line);
char *client_take_line(int client);
void client_expect_line(int client, const char *text);

/* For a server that is not ours: a socket that listens on 127.0.0.1. */
int listen_anywhere(uint16_t *port);

/* Reproducible bytes: the same seed gives the same. */
void fill_random(uint64_t seed, void *data, size_t size);

/* How many times longer to be patient: 1, or more when the server is built with a sanitizer, or run by Wine; the most
 * for the sanitizer of threads. */
enum { THREAD_SANITIZED = 10 };
int patience(void);

/* "uring", "epoll" or "iocp": what this run is about (MOONPORT_BACKEND). */
const char *backend(void);
bool on_windows(void);

/* Skips the test, and says so, where nothing serves them. */
void need_unix_sockets(void);

/* The same with LuaJIT, and why. */
bool has_luajit(void);
void need_lua_5_4(const char *why);

#endif
