#include "admin/admin.h"

#include "admin/runner.h"
#include "base/text.h"
#include "reload/options.h"
#include "server.h"

#include <stdlib.h>
#include <time.h>

enum {
    CONNECTIONS = 64,
    SILENT_MAX = 16, /* connections without a command; one more closes the oldest */
    BLOCKS = 256,
    ANSWER_MAX = RUNNER_HEAD_MAX + ADMIN_TEXT_MAX + 1, /* with a line end after the text */
    IDLE_S = 5,
    DRAIN_S = 2,
    TRIES = 100,
    TRY_MS = 50,
};

static const char *format_peer(const struct link *link, char *text)
{
    struct address peer;
    link_peer(link, &peer);
    return address_format(&peer, text);
}

static const char log_name[] = "admin";

/* The part of a connection's first line received so far. */
struct line {
    bool has_asked; /* it was a command, which is running */
    size_t size;
    char bytes[ADMIN_LINE_MAX];
};

struct admin {
    struct server *server;
    struct worker *worker;
    struct script script;
    const struct admin_command *commands;
    struct runner *runner;
    struct line lines[CONNECTIONS];               /* by the connection's slot */
    char place[RUNNER_HEAD_MAX + ADMIN_TEXT_MAX]; /* of a quick command's text */
};

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct admin *admin = context;
    (void)error;
    admin->worker = worker;
    return admin;
}

static struct line *line_of(struct admin *admin, const struct link *link)
{
    check(link_slot(link) < CONNECTIONS);
    return &admin->lines[link_slot(link)];
}

/* Connections without a command must not keep others out: the oldest is closed. */
static enum script_verdict connected(void *state, struct link *link)
{
    struct admin *admin = state;
    struct link *oldest = NULL, *other = NULL;
    uint32_t count = 0;
    *line_of(admin, link) = (struct line){.size = 0};
    while ((other = worker_next(admin->worker, other)) != NULL) {
        if (line_of(admin, other)->has_asked) continue;
        if (oldest == NULL) oldest = other;
        count++;
    }
    if (count > SILENT_MAX) link_abort(oldest, NULL);
    return SCRIPT_YES;
}

/* Sends the whole answer; nothing more is read from this connection. */
static void answer(struct link *link, const char *bytes, size_t size)
{
    link_send(link, span_of(bytes, size));
    link_close(link, NULL);
}

static void refuse(struct link *link)
{
    char peer[ADDRESS_TEXT_MAX];
    log_line(LOG_DEBUG, "%s sent no command", format_peer(link, peer));
    answer(link, "error\n", strlen("error\n"));
}

static void answer_result(struct link *link, const struct runner_result *result)
{
    char peer[ADDRESS_TEXT_MAX];
    log_line(LOG_DEBUG, "%s for %s: %s", result->command->name, format_peer(link, peer),
             result->fine ? "ok" : "error");
    const char *head = result->fine ? "ok\n" : "error\n";
    size_t head_size = strlen(head);
    char *begin = result->text - head_size;
    memcpy(begin, head, head_size); /* NOLINT(bugprone-not-null-terminated-result): text follows */
    char *end = result->text + strnlen(result->text, ADMIN_TEXT_MAX);
    if (end[-1] != '\n') *end++ = '\n'; /* replaces the NUL */
    answer(link, begin, (size_t)(end - begin));
}

/* Runs on the admin's thread; the connection that asked may be gone. */
static void deliver(void *context, struct worker *worker, void *state)
{
    const struct runner_result *result = context;
    struct link *link = worker_find(worker, result->asker);
    (void)state;
    if (link != NULL) answer_result(link, result);
}

/* Runs on the runner's thread. The admin's thread never blocks, so this is short; it is tried again if there is
 * no memory for it. */
static void done(void *context, const struct runner_result *result)
{
    const struct admin *admin = context;
    const struct server_task task = {.run = deliver, .context = (void *)result};
    struct server *server = worker_server(admin->worker); /* admin->server may not be known yet */
    const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
    for (int i = 0; i < TRIES && !server_run_on_workers(server, &task, UINT64_MAX, NULL); i++)
        nanosleep(&pause, NULL);
}

static void run(struct admin *admin, const struct admin_command *command, struct link *link)
{
    static const char busy[] = "error\ntoo many commands wait: ask again\n";
    struct runner_result result;
    if (command->is_quick) {
        runner_run(command, admin->place, &result);
        answer_result(link, &result);
        return;
    }
    line_of(admin, link)->has_asked = true;
    if (runner_ask(admin->runner, command, link_id(link)))
        link_hold(link);
    else
        answer(link, busy, strlen(busy));
}

static const struct admin_command *find(const struct admin *admin, struct span name)
{
    for (const struct admin_command *known = admin->commands; known->name != NULL; known++)
        if (strlen(known->name) == name.size && memcmp(known->name, name.data, name.size) == 0)
            return known;
    return NULL;
}

/* Receives a piece of the first line. */
static void received(void *state, struct link *link, struct span piece)
{
    struct admin *admin = state;
    struct line *line = line_of(admin, link);
    const uint8_t *end = memchr(piece.data, '\n', piece.size);
    if (end != NULL) piece = span_first(piece, (size_t)(end - piece.data));
    if (piece.size > sizeof line->bytes - line->size) {
        refuse(link);
        return;
    }
    memcpy(line->bytes + line->size, piece.data, piece.size);
    line->size += piece.size;
    if (end == NULL) return;
    if (line->size > 0 && line->bytes[line->size - 1] == '\r') line->size--;
    const struct admin_command *command = find(admin, span_of(line->bytes, line->size));
    if (command != NULL)
        run(admin, command, link);
    else
        refuse(link);
}

/* ---- opening ---- */

static bool configure(struct config *config, const struct address *address,
                      enum port_backend backend, struct error *error)
{
    char text[ADDRESS_TEXT_MAX];
    config_init(config);
    config->name = log_name;
    config->backend = (uint8_t)backend;
    config->workers = 1;
    config->max_connections = CONNECTIONS;
    config->blocks = BLOCKS;
    config->recv_depth = 1;
    config->max_packet = ANSWER_MAX;
    config->memory = 4 << 20;
    config->idle_timeout_ns = IDLE_S * UINT64_C(1000000000);
    config->drain_timeout_ns = DRAIN_S * UINT64_C(1000000000);
    config->end_timeout_ns = SETTING_TEN_YEARS; /* after its end, a client is still answered */
    return config_set(config, "framing", "raw", error) &&
           config_add_listener(config, address_format(address, text), error) != NULL &&
           config_finish(config, error);
}

/* Suggests another address that may be free. */
static const char *suggest(const struct address *taken, char *text)
{
    struct address other = *taken;
    bool is_ordinary = taken->port >= 1024 && taken->port < UINT16_MAX;
    if (taken->family == ADDRESS_UNIX || !is_ordinary) return OPTIONS_ADMIN;
    other.port++;
    return address_format(&other, text);
}

static bool is_everybodys(const struct address *address)
{
    static const uint8_t loopback[sizeof address->ip] = {[sizeof address->ip - 1] = 1};
    switch (address->family) {
    case ADDRESS_IPV4: return address->ip[0] != 127;
    case ADDRESS_IPV6: return memcmp(address->ip, loopback, sizeof loopback) != 0;
    default: return false;
    }
}

static void announce(const struct admin *admin)
{
    char where[ADDRESS_TEXT_MAX], place[256];
    struct address address = admin_address(admin);
    struct text names = text_in(place, sizeof place);
    for (const struct admin_command *one = admin->commands; one->name != NULL; one++)
        text_add(&names, "%s%s", names.used > 0 ? ", " : "", one->name);
    log_line(LOG_INFO, "admin on %s (moonport %s)", address_format(&address, where), names.bytes);
    if (is_everybodys(&address))
        log_line(LOG_WARN,
                 "admin on %s: anybody who can reach that address can do this; with 127.0.0.1 only "
                 "this machine can",
                 where);
}

struct admin *admin_open(const struct address *address, enum port_backend backend,
                         const struct admin_command *commands, struct error *error)
{
    struct config config;
    struct error reason = {.kind = ERROR_SYSTEM};
    char other[ADDRESS_TEXT_MAX];
    struct admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL) {
        error_set(&reason, ERROR_SYSTEM, "no memory");
        goto failed;
    }
    admin->commands = commands;
    admin->script = (struct script){
        .context = admin, .worker_start = start, .connected = connected, .received = received};
    if (!configure(&config, address, backend, &reason)) goto failed;
    admin->runner = runner_open(done, admin);
    if (admin->runner == NULL) {
        error_set(&reason, ERROR_SYSTEM, "no memory");
        goto failed;
    }
    admin->server = server_start(&config, &admin->script, &reason);
    if (admin->server == NULL) goto failed;
    announce(admin);
    return admin;

failed:
    error_set(error, reason.kind, "admin: %.1800s; set admin = \"%s\" or admin = false",
              reason.text, suggest(address, other));
    if (admin != NULL && admin->runner != NULL) runner_close(admin->runner);
    free(admin);
    return NULL;
}

void admin_close(struct admin *admin)
{
    runner_end(admin->runner);
    server_stop(admin->server);
    runner_close(admin->runner);
    free(admin);
}

struct address admin_address(const struct admin *admin)
{
    struct address address = {.family = ADDRESS_NONE};
    check(server_address(admin->server, 0, &address));
    return address;
}
