#include "admin/admin.h"

#include "admin/door.h"
#include "admin/http_input.h"
#include "admin/runner.h"
#include "reload/options.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    /* Places: as many connections may wait for an answer as the runners take, and SILENT_MAX for nothing: one more
     * closes the oldest. The rest is for those that are being closed, which takes a moment. */
    CONNECTIONS = 256,
    SILENT_MAX = 64,
    BLOCKS = 1024,
    PIECE =
        64 << 10, /* bytes sent at once; with more of them unread, no further request is answered */
    MEMORY = 64 << 20,
    ANSWER_MAX = 16 << 20,
    PATIENCE_S = 10, /* with who is silent, and for a request to come whole */
    DRAIN_S = 2,
    TRIES = 100,
    TRY_MS = 50,
};
#define SECOND UINT64_C(1000000000)

static const char log_name[] = "admin";
static const char late_text[] = "the request did not come whole";

struct visitor {
    bool asked;   /* another thread answers its request */
    bool keeps;   /* the present request lets the connection stay open ... */
    bool head;    /* ... and wants no body */
    bool aborted; /* to make room; its place is not free yet */
    /* Since when it has been known that bytes of a request are here, but not all of them; 0: none are. */
    uint64_t begun_ns;
    struct http_input input;
};

struct admin {
    struct server *server;
    struct worker *worker;
    struct script script;
    struct door door;
    void *context; /* of routes and each_second */
    void (*each_second)(void *context);
    struct wheel_timer timer;
    uint64_t patience_ns;
    struct runner *runners[ROUTE_THREADS]; /* none for AT_ONCE */
    /* "": the token is in no file. Until then, the thread that opens it has it, and afterwards its own. */
    char token_path[TOKEN_PATH_MAX];
    _Atomic bool has_left_token;
};

/* NULL: there was no memory for it, and it is being closed. */
static struct visitor *visitor_of(const struct link *link)
{
    return link_data(link);
}

/* ---- answers ---- */

static bool send_all(struct link *link, struct span bytes)
{
    while (bytes.size > 0) {
        struct span piece = span_first(bytes, PIECE);
        if (link_send(link, piece) != SEND_OK) return false;
        bytes = span_skip(bytes, piece.size);
    }
    return true;
}

/* Sends the answer, and frees its body. An answer that cannot be sent whole ends the connection at once. */
static void send_answer(struct link *link, const struct visitor *visitor,
                        struct admin_answer *answer)
{
    struct buffer head = {.data = NULL};
    if (answer->failed) {
        free(answer->body.data);
        memset(answer, 0, sizeof *answer);
        answer->status = 500;
    }
    bool fine = door_write_head(&head, answer, visitor->keeps) &&
                send_all(link, buffer_bytes(&head)) &&
                (visitor->head || send_all(link, buffer_bytes(&answer->body)));
    free(head.data);
    free(answer->body.data);
    if (!fine)
        link_abort(link, NULL);
    else if (!visitor->keeps)
        link_close(link, NULL);
}

static void refuse(struct link *link, struct visitor *visitor, int status, const char *why)
{
    struct admin_answer answer = {.status = 0};
    visitor->keeps = visitor->head = false;
    answer_refusal(&answer, status, why);
    send_answer(link, visitor, &answer);
}

static void log_asked(struct link *link, const struct admin_request *request, int status)
{
    char peer[ADDRESS_TEXT_MAX];
    struct address address;
    bool acts = request->route->access == ACCESS_ACT;
    if (!log_wants(acts ? LOG_INFO : LOG_DEBUG)) return;
    link_peer(link, &address);
    log_line(acts ? LOG_INFO : LOG_DEBUG, "%s %s for %s: %d", request->route->method, request->path,
             address_format(&address, peer), status == 0 ? 200 : status);
}

/* ---- requests ---- */

static struct access_peer origin_of(const struct link *link)
{
    struct address peer;
    link_peer(link, &peer);
    return (struct access_peer){.is_unix = peer.family == ADDRESS_UNIX,
                                .is_loopback = address_is_loopback(&peer)};
}

/* Lets the route act, here or on its thread. */
static void act(struct admin *admin, struct link *link, struct visitor *visitor,
                const struct admin_request *request)
{
    struct admin_answer answer = {.status = 0};
    const struct admin_route *route = request->route;
    if (route->thread == ROUTE_AT_ONCE) {
        route->act(admin->context, request, &answer);
        log_asked(link, request, answer.status);
        send_answer(link, visitor, &answer);
        return;
    }
    const struct runner_task task = {
        .request = *request, .context = admin->context, .asker = link_id(link)};
    struct runner *runner = admin->runners[route->thread];
    visitor->asked = runner_ask(runner, &task);
    if (visitor->asked) {
        link_hold(link);
        return;
    }
    answer_refusal(&answer, 503,
                   runner_has_ended(runner) ? "the server is stopping"
                                            : "too many requests wait: ask again");
    send_answer(link, visitor, &answer);
}

/* Answers the next request, if it is whole. False: there is none, or nothing more is read. */
static bool answer_next(struct admin *admin, struct link *link, struct visitor *visitor)
{
    struct http_head head;
    struct admin_request request;
    struct admin_answer answer = {.status = 0};
    const char *why = "";
    int status = http_input_next(&visitor->input, &head, &why);
    if (status == 0) return false;
    visitor->begun_ns = 0;
    if (status != 200) {
        refuse(link, visitor, status, why);
        return false;
    }
    const struct access_peer peer = origin_of(link);
    visitor->keeps = head.minor > 0 && http_head_keeps_alive(&head); /* HTTP/1.0 cannot know */
    visitor->head = head.method.size == 4 && memcmp(head.method.data, "HEAD", 4) == 0;
    bool granted = door_admit(&admin->door, &head, &peer, &request, &answer);
    http_input_take(&visitor->input, &head);
    if (granted)
        act(admin, link, visitor, &request);
    else
        send_answer(link, visitor, &answer);
    return true;
}

/* One request after another, as long as their answers are read. */
static void answer_all(struct admin *admin, struct link *link)
{
    struct visitor *visitor = visitor_of(link);
    bool whole = true;
    while (whole && link_is_open(link) && !visitor->asked && link_pending(link) <= PIECE)
        whole = answer_next(admin, link, visitor);
    /* Those that have come whole wait for us. */
    if (!whole && visitor->begun_ns == 0 && visitor->input.size > 0)
        visitor->begun_ns = worker_now(admin->worker);
}

/* ---- the script ---- */

/* Ends requests that take too long to come. */
static void end_late(struct admin *admin)
{
    uint64_t now_ns = worker_now(admin->worker);
    struct link *link = worker_next(admin->worker, NULL), *next;
    for (; link != NULL; link = next) {
        struct visitor *visitor = visitor_of(link);
        next = worker_next(admin->worker, link);
        bool late = visitor->begun_ns != 0 && now_ns - visitor->begun_ns > admin->patience_ns;
        if (!late) continue;
        if (link_pending(link) > 0)
            link_abort(link, NULL); /* it does not read its answers, either */
        else
            refuse(link, visitor, 408, late_text);
    }
}

static void write_token(struct admin *admin)
{
    struct error error;
    const struct address address = admin_address(admin);
    if (!token_write(&address, admin->door.access.token, admin->token_path, &error))
        log_line(LOG_WARN,
                 "the token is in no file, so moonport reload and the like need it in "
                 "MOONPORT_TOKEN: %s",
                 error.text);
}

/* Systems remove what is old from /tmp, and the folder of a user who has logged out. */
static void keep_token(struct admin *admin)
{
    if (atomic_load(&admin->has_left_token) && !token_is_there(admin->token_path))
        write_token(admin);
}

static void look_each_second(struct wheel_timer *timer)
{
    struct admin *admin = container_of(timer, struct admin, timer);
    end_late(admin);
    keep_token(admin);
    if (admin->each_second != NULL) admin->each_second(admin->context);
    worker_timer_start(admin->worker, &admin->timer, SECOND);
}

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct admin *admin = context;
    (void)error;
    admin->worker = worker;
    wheel_timer_init(&admin->timer, look_each_second);
    worker_timer_start(worker, &admin->timer, SECOND);
    return admin;
}

static void stop(void *state)
{
    struct admin *admin = state;
    worker_timer_stop(admin->worker, &admin->timer);
}

/* Which are to make room first: those that have been answered and linger, or else those that are silent, or else
 * those that are being sent an answer. */
enum worth { WORTH_NOTHING, WORTH_LITTLE, WORTH_SOME };

static enum worth worth_of(const struct link *link)
{
    if (link_pending(link) > 0) return WORTH_SOME;
    return link_is_open(link) ? WORTH_LITTLE : WORTH_NOTHING;
}

/* Those that wait for nothing must not keep others out: of too many, the oldest of those that matter least goes. */
static void make_room(struct admin *admin, const struct link *newest)
{
    struct link *least = NULL, *other = NULL;
    uint32_t count = 0;
    while ((other = worker_next_any(admin->worker, other)) != NULL) {
        const struct visitor *visitor = visitor_of(other);
        if (visitor == NULL || visitor->aborted || (visitor->asked && link_is_open(other)))
            continue;
        count++;
        if (other != newest && (least == NULL || worth_of(other) < worth_of(least))) least = other;
    }
    if (count <= SILENT_MAX) return;
    visitor_of(least)->aborted = true;
    link_abort(least, NULL);
}

/* Browsers send a cookie to all ports of a host, so that those of several servers need different names. */
static void name_cookie(struct admin *admin)
{
    struct access *access = &admin->door.access;
    struct address address;
    check(server_address(worker_server(admin->worker), 0, &address)); /* now its port is known */
    snprintf(access->cookie, sizeof access->cookie, "moonport-%u", address.port);
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct admin *admin = state;
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (admin->door.access.cookie[0] == '\0') name_cookie(admin);
    if (visitor == NULL) return SCRIPT_NO;
    link_set_data(link, visitor);
    make_room(admin, link);
    return SCRIPT_YES;
}

static void released(void *state, struct link *link)
{
    (void)state;
    free(visitor_of(link));
}

static enum script_verdict idle(void *state, struct link *link, double seconds)
{
    struct visitor *visitor = visitor_of(link);
    (void)state, (void)seconds;
    if (visitor->begun_ns != 0)
        refuse(link, visitor, 408, late_text);
    else
        link_close(link, NULL);
    return SCRIPT_YES;
}

static void received(void *state, struct link *link, struct span piece)
{
    struct admin *admin = state;
    struct visitor *visitor = visitor_of(link);
    while (piece.size > 0 && link_is_open(link)) {
        struct span part = span_first(piece, sizeof visitor->input.bytes - visitor->input.size);
        if (part.size == 0) { /* more requests at once than anybody needs */
            link_abort(link, NULL);
            return;
        }
        http_input_add(&visitor->input, part);
        piece = span_skip(piece, part.size);
        answer_all(admin, link);
    }
}

static void drained(void *state, struct link *link)
{
    answer_all(state, link);
}

/* ---- answers from other threads ---- */

struct delivery {
    const struct runner_task *task;
    struct admin_answer *answer;
};

/* On the admin's thread; the connection that asked may be gone. */
static void deliver(void *context, struct worker *worker, void *state)
{
    const struct delivery *delivery = context;
    struct admin *admin = state;
    struct link *link = worker_find(worker, delivery->task->asker);
    if (link == NULL) {
        free(delivery->answer->body.data);
        return;
    }
    struct visitor *visitor = visitor_of(link);
    visitor->asked = false;
    log_asked(link, &delivery->task->request, delivery->answer->status);
    send_answer(link, visitor, delivery->answer);
    if (!link_is_open(link)) return;
    link_release(link);
    answer_all(admin, link);
}

/* On a runner's thread. The admin's thread never blocks, so this is short; it is tried again if there is no
 * memory for it. */
static void done(void *context, const struct runner_task *task, struct admin_answer *answer)
{
    const struct admin *admin = context;
    struct delivery delivery = {.task = task, .answer = answer};
    const struct server_task letter = {.run = deliver, .context = &delivery};
    struct server *server = worker_server(admin->worker); /* admin->server may not be known yet */
    const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
    bool sent = false;
    for (int i = 0; i < TRIES && !sent; i++) {
        sent = server_run_on_workers(server, &letter, UINT64_MAX, NULL);
        if (!sent) nanosleep(&pause, NULL);
    }
    if (!sent) free(answer->body.data);
}

/* ---- opening ---- */

static uint64_t patience_of(const struct admin_setup *setup)
{
    return (setup->patience_s != 0 ? setup->patience_s : PATIENCE_S) * SECOND;
}

static bool configure(struct config *config, const struct admin_setup *setup, struct error *error)
{
    char text[ADDRESS_TEXT_MAX];
    config_init(config);
    config->name = log_name;
    config->backend = (uint8_t)setup->backend;
    config->workers = 1;
    config->max_connections = CONNECTIONS;
    config->blocks = BLOCKS;
    config->recv_depth = 1;
    config->max_packet = PIECE;
    config->memory = MEMORY;
    config->hard_mark = ANSWER_MAX;
    config->idle_timeout_ns = patience_of(setup);
    config->drain_timeout_ns = DRAIN_S * SECOND;
    config->end_timeout_ns = SETTING_TEN_YEARS; /* after its end, a client is still answered */
    struct config_listener *listener;
    if (!config_set(config, "framing", "raw", error)) return false;
    listener = config_add_listener(config, address_format(&setup->address, text), error);
    if (listener == NULL) return false;
    listener->address.mode = setup->address.mode;
    return config_finish(config, error);
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

static void announce(const struct admin *admin, bool is_own_token)
{
    char where[ADDRESS_TEXT_MAX];
    struct address address = admin_address(admin);
    address_format(&address, where);
    if (address.family == ADDRESS_UNIX)
        log_line(LOG_INFO, "admin on %s", where);
    else if (is_own_token)
        log_line(LOG_INFO, "admin on http://%s/?token= with your admin_token", where);
    else
        log_line(LOG_INFO, "admin on http://%s/?token=%s", where, admin->door.access.token);
    if (address.family != ADDRESS_UNIX && !address_is_loopback(&address))
        log_line(LOG_WARN,
                 "admin on %s: others on the network reach it, and HTTP does not hide the token "
                 "from them; with 127.0.0.1 only this machine does",
                 where);
}

/* Fills in who may ask. */
static bool open_door(struct admin *admin, const struct admin_setup *setup, struct error *error)
{
    struct access *access = &admin->door.access;
    admin->door.routes = setup->routes;
    admin->context = setup->context;
    admin->each_second = setup->each_second;
    snprintf(access->names, sizeof access->names, "%s", setup->names);
    snprintf(access->token, sizeof access->token, "%s", setup->token);
    return access->token[0] != '\0' || token_make(access->token) ||
           error_set(error, ERROR_SYSTEM, "the system has no random numbers");
}

static void leave_token(struct admin *admin)
{
    if (admin_address(admin).family == ADDRESS_UNIX) return; /* it asks for none */
    write_token(admin);
    atomic_store(&admin->has_left_token, true);
}

static void free_admin(struct admin *admin)
{
    for (int i = 0; i < ROUTE_THREADS; i++)
        if (admin->runners[i] != NULL) runner_close(admin->runners[i]);
    free(admin);
}

static bool open_runners(struct admin *admin, struct error *error)
{
    for (int i = ROUTE_AT_ONCE + 1; i < ROUTE_THREADS; i++) {
        admin->runners[i] = runner_open(done, admin);
        if (admin->runners[i] == NULL) return error_set(error, ERROR_SYSTEM, "no memory");
    }
    return true;
}

struct admin *admin_open(const struct admin_setup *setup, struct error *error)
{
    struct config config;
    struct error reason = {.kind = ERROR_SYSTEM, .text = "no memory"};
    char other[ADDRESS_TEXT_MAX];
    struct admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL) goto failed;
    admin->patience_ns = patience_of(setup);
    admin->script = (struct script){.context = admin,
                                    .worker_start = start,
                                    .worker_stop = stop,
                                    .connected = connected,
                                    .released = released,
                                    .received = received,
                                    .drained = drained,
                                    .idle = idle};
    if (!open_door(admin, setup, &reason) || !open_runners(admin, &reason) ||
        !configure(&config, setup, &reason))
        goto failed;
    admin->server = server_start(&config, &admin->script, &reason);
    if (admin->server == NULL) goto failed;
    leave_token(admin);
    announce(admin, setup->token[0] != '\0');
    return admin;

failed:
    error_set(error, reason.kind, "admin: %.1800s; set admin = \"%s\" or admin = false",
              reason.text, suggest(&setup->address, other));
    if (admin != NULL) free_admin(admin);
    return NULL;
}

void admin_close(struct admin *admin)
{
    for (int i = 0; i < ROUTE_THREADS; i++)
        if (admin->runners[i] != NULL) runner_end(admin->runners[i]);
    server_stop(admin->server);
    token_remove(admin->token_path, admin->door.access.token);
    free_admin(admin);
}

struct address admin_address(const struct admin *admin)
{
    struct address address = {.family = ADDRESS_NONE};
    check(server_address(admin->server, 0, &address));
    return address;
}

const char *admin_token(const struct admin *admin)
{
    return admin->door.access.token;
}
