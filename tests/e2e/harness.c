#include "harness_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORD_SIZE = 64, SERVERS_MAX = 16, LOG_PATIENCE_MS = 30000, BYTES_SHOWN = 16000 };

/* Those that run, so that a test which fails shows what they said. */
static struct server running[SERVERS_MAX];

static void base_of(const struct server *server, char *base, size_t size)
{
    snprintf(base, size, "%s", server->log_path);
    *strrchr(base, '/') = '\0';
}

static void show_running(void)
{
    for (int i = 0; i < SERVERS_MAX; i++) {
        char base[300];
        if (running[i].pid == 0) continue;
        char *log = server_log(&running[i]);
        size_t size = strlen(log);
        fprintf(stderr, "---- the server of this test said:\n%s----\n",
                log + (size > BYTES_SHOWN ? size - BYTES_SHOWN : 0));
        free(log);
        kill(running[i].pid, SIGKILL);
        running[i].pid = 0;
        base_of(&running[i], base, sizeof base);
        tree_remove(base);
    }
}

static struct server *entry_of(pid_t pid)
{
    for (int i = 0; i < SERVERS_MAX; i++)
        if (running[i].pid == pid) return &running[i];
    cr_assert(false, "more than %d servers in one test", SERVERS_MAX);
    return NULL;
}

struct command {
    const char *words[WORDS_MAX];
    char names[WORDS_MAX][WORD_SIZE];
    int count;
};

static void add_word(struct command *command, const char *word)
{
    cr_assert(command->count + 1 < WORDS_MAX);
    command->words[command->count++] = word;
}

/* "--idle-timeout" for moonport, "idle_timeout" for the example in C. */
static void add_flag(struct command *command, const char *word, bool plain)
{
    char *name = command->names[command->count];
    if (!plain || strncmp(word, "--", 2) != 0) {
        add_word(command, word);
        return;
    }
    snprintf(name, WORD_SIZE, "%s", word + 2);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-') *c = '_';
    add_word(command, name);
}

/* Does the test itself say something of this setting? */
static bool is_given(const struct begin *begin, const char *setting, const char *flag)
{
    bool given = begin->config != NULL && strstr(begin->config, setting) != NULL;
    size_t size = strlen(flag);
    for (int i = 0; begin->flags[i] != NULL; i++) {
        const char *word = begin->flags[i];
        given =
            given || (strncmp(word, flag, size) == 0 && (word[size] == '\0' || word[size] == '='));
    }
    return given;
}

static void compose(struct command *command, const struct begin *begin, const struct server *server)
{
    bool configured = begin->directory != NULL ||
                      (begin->config != NULL && strstr(begin->config, "listen") != NULL);
    const char *listen = begin->listen != NULL ? begin->listen : "127.0.0.1:0";
    if (begin->echo_in_c) {
        add_word(command, getenv("MOONPORT_ECHO"));
        add_word(command, listen);
    } else {
        add_word(command, getenv("MOONPORT_PROGRAM"));
        add_word(command, server->directory);
        if (begin->listen != NULL || !configured) {
            add_word(command, "--listen");
            add_word(command, listen);
        }
        if (!is_given(begin, "admin", "--admin")) {
            add_word(command, "--admin");
            add_word(command, begin->admin ? "127.0.0.1:0" : "false");
        }
        if (begin->example == NULL && !is_given(begin, "handler_timeout", "--handler-timeout")) {
            add_word(command, "--handler-timeout"); /* however slow the machine is */
            add_word(command, "60");
        }
        if (begin->example == NULL && !is_given(begin, "idle_timeout", "--idle-timeout")) {
            add_word(command, "--idle-timeout"); /* as above */
            add_word(command, "1000");
        }
    }
    add_flag(command, "--backend", begin->echo_in_c);
    add_word(command, backend());
    for (int i = 0; begin->flags[i] != NULL; i++)
        add_flag(command, begin->flags[i], begin->echo_in_c);
}

static void lay_out(struct server *server, const struct begin *begin)
{
    char base[200];
    directory_new(base, sizeof base);
    snprintf(server->log_path, sizeof server->log_path, "%s/err", base);
    snprintf(server->out_path, sizeof server->out_path, "%s/out", base);
    if (begin->example != NULL) {
        snprintf(server->directory, sizeof server->directory, "%s/%s", getenv("MOONPORT_SCRIPTS"),
                 begin->example);
        return;
    }
    if (begin->directory != NULL) {
        snprintf(server->directory, sizeof server->directory, "%s", begin->directory);
        return;
    }
    snprintf(server->directory, sizeof server->directory, "%s/script", base);
    cr_assert_eq(mkdir(server->directory, 0700), 0);
    if (begin->script != NULL) file_write(server->directory, "main.lua", begin->script);
    if (begin->module != NULL) file_write(server->directory, "module.lua", begin->module);
    if (begin->config != NULL) file_write(server->directory, "config.lua", begin->config);
}

static pid_t start_process(const struct server *server, const struct begin *begin,
                           const struct command *command)
{
    const char *log = begin->log != NULL ? begin->log : server->log_path;
    const char *out = begin->out != NULL ? begin->out : server->out_path;
    process_limit_files(begin->files);
    pid_t pid = process_start(command->words, -1, out, log);
    process_limit_files(0);
    return pid;
}

static bool is_silent(const struct server *server)
{
    char *log = server_log(server), *out = server_out(server);
    bool silent = log[0] == '\0' && out[0] == '\0';
    free(log);
    free(out);
    return silent;
}

/* Waits until it says something, or ends without a word. */
static bool was_not_loaded(const struct server *server)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(LOG_PATIENCE_MS * patience());
    while (is_silent(server) && !process_has_ended(server->pid) && now_ms() < deadline_ms) nap();
    if (!process_has_ended(server->pid) || !is_silent(server)) return false;
    int status = process_await(server->pid);
    cr_assert(process_was_not_loaded(status, "", ""), "it ended without a word: status %d", status);
    return true;
}

struct server server_start(const struct begin *begin)
{
    struct server server = {.pid = 0};
    struct command command = {.count = 0};
    lay_out(&server, begin);
    compose(&command, begin, &server);
    server.pid = start_process(&server, begin, &command);
    bool is_heard = on_windows() && begin->log == NULL && begin->out == NULL;
    for (int i = 0; i < LOADS_MAX && is_heard && was_not_loaded(&server); i++) {
        fprintf(stderr, "%s was not loaded: it is started again\n", command.words[0]);
        server.pid = start_process(&server, begin, &command);
    }
    atexit(show_running);
    *entry_of(0) = server;
    return server;
}

struct server server_begin(const struct begin *begin)
{
    struct server server = server_start(begin);
    server.port = server_port(&server, 0);
    return server;
}

struct server server_begin_script(const char *script)
{
    return server_begin(&(struct begin){.script = script, .flags = {"--workers", "1"}});
}

int server_log_count(const struct server *server, const char *text)
{
    char *log = server_log(server);
    int count = 0;
    for (const char *place = log; (place = strstr(place, text)) != NULL; place += strlen(text))
        count++;
    free(log);
    return count;
}

/* The place of the n-th occurrence, from 0. */
static const char *find(const char *log, const char *text, int number)
{
    const char *place = strstr(log, text);
    for (; place != NULL && number > 0; number--) place = strstr(place + strlen(text), text);
    return place;
}

uint16_t server_port(const struct server *server, int listener)
{
    static const char before[] = "listening on ";
    server_expect_log_count(server, before, listener + 1);
    char *log = server_log(server);
    const char *address = find(log, before, listener) + strlen(before);
    size_t size = strcspn(address, " ");
    while (size > 0 && address[size - 1] != ':') size--;
    uint16_t port = strncmp(address, "unix:", 5) == 0 ? 0 : (uint16_t)atoi(address + size);
    free(log);
    return port;
}

void server_admin(const struct server *server, char *address, size_t size)
{
    static const char before[] = "admin on ";
    server_expect_log(server, before);
    char *log = server_log(server);
    const char *text = strstr(log, before) + strlen(before);
    if (strncmp(text, "http://", 7) == 0)
        snprintf(address, size, "%.*s", (int)strcspn(text + 7, "/"), text + 7);
    else /* a unix socket */
        snprintf(address, size, "%.*s", (int)strcspn(text, "\r\n"), text);
    free(log);
}

void script_write(const struct server *server, const char *name, const char *text)
{
    file_write(server->directory, name, text);
}

void server_end(struct server *server)
{
    char base[300];
    if (server->pid != 0) {
        server_signal(server, SIGTERM);
        int status = server_wait(server);
        cr_assert_eq(status, 0, "the server ended with status %d:\n%s", status, server_log(server));
    }
    char *log = server_log(server);
    const char *complaint = sanitizer_complaint(log);
    cr_assert_null(complaint, "the server's log has \"%s\":\n%s", complaint, log);
    free(log);
    base_of(server, base, sizeof base);
    tree_remove(base);
}

void server_signal(const struct server *server, int signal)
{
    cr_assert(server->pid > 0);
    if (on_windows() && signal == SIGTERM) signal = SIGINT; /* its console knows ^C */
    if (patience() == THREAD_SANITIZED) /* it keeps one back from a thread that calls nothing */
        cr_assert_eq(syscall(SYS_tgkill, server->pid, server->pid, signal), 0);
    else
        cr_assert_eq(kill(server->pid, signal), 0);
}

void server_signal_again(const struct server *server, int signal)
{
    const uint64_t apart_ms = 1100;
    for (uint64_t end_ms = now_ms() + apart_ms; now_ms() < end_ms;) nap();
    server_signal(server, signal);
}

int server_wait(struct server *server)
{
    int status = process_await(server->pid);
    cr_assert(status >= 0, "the server does not end:\n%s", server_log(server));
    entry_of(server->pid)->pid = 0;
    server->pid = 0;
    return status;
}

char *server_log(const struct server *server)
{
    return file_read(server->log_path);
}

char *server_out(const struct server *server)
{
    return file_read(server->out_path);
}

void server_expect_log(const struct server *server, const char *text)
{
    server_expect_log_count(server, text, 1);
}

void server_expect_log_count(const struct server *server, const char *text, int count)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(LOG_PATIENCE_MS * patience());
    for (;; nap()) {
        bool over = process_has_ended(server->pid) || now_ms() >= deadline_ms;
        char *log = server_log(server);
        bool found = find(log, text, count - 1) != NULL;
        cr_assert(found || !over, "%s before the log had \"%s\" %d times:\n%s",
                  process_has_ended(server->pid) ? "it ended" : "waited in vain", text, count, log);
        free(log);
        if (found) return;
    }
}
