#include "admin/control.h"

#include "admin/show.h"
#include "base/log.h"
#include "reload/report.h"
#include "system/system.h"

enum {
    TEXT_MAX = 64 << 10, /* of a result */
    QUIET_S = 2,         /* a connection that was just accepted may not be counted yet */
};

/* ---- code ---- */

static enum history_by by_of(const struct admin_request *request)
{
    return request->by_page ? HISTORY_PAGE : HISTORY_COMMAND;
}

static void reload(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    static char text[TEXT_MAX]; /* one thread carries out changes */
    struct control *control = context;
    text[0] = '\0';
    bool fine = reloader_reload(control->reloader, by_of(request), text, sizeof text);
    answer_result(answer, request, fine, text);
}

static void roll_back(void *context, const struct admin_request *request,
                      struct admin_answer *answer)
{
    static char text[TEXT_MAX]; /* and one goes back */
    struct control *control = context;
    text[0] = '\0';
    bool fine = reloader_rollback(control->reloader, by_of(request), text, sizeof text);
    answer_result(answer, request, fine, text);
}

/* ---- the end ---- */

static void drain(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    struct control *control = context;
    struct error error;
    char text[256];
    uint32_t count = server_listener_count(control->server);
    atomic_store(&control->draining, true);
    for (uint32_t i = 0; i < count; i++) server_listener_close(control->server, i, &error);
    struct server_stats stats;
    server_stats(control->server, &stats);
    snprintf(
        text, sizeof text,
        "draining: %llu connection%s left; when the last has ended, so does the server; opening "
        "a listener calls it off\n",
        (unsigned long long)stats.connections, stats.connections == 1 ? "" : "s");
    log_line(LOG_INFO, "%.*s", (int)strlen(text) - 1, text); /* without its line end */
    answer_result(answer, request, true, text);
}

static void stop(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context;
    answer_result(answer, request, true,
                  "stopping: every queue is flushed first; asked once more, after a second, it "
                  "stops at once\n");
    system_ask_to_stop();
}

void control_each_second(void *context)
{
    struct control *control = context;
    struct server_stats stats;
    server_stats(control->server, &stats);
    bool quiet = atomic_load(&control->draining) && stats.connections == 0;
    control->quiet_s = quiet ? control->quiet_s + 1 : 0;
    if (control->quiet_s != QUIET_S) return;
    log_line(LOG_INFO, "drained: no connection is left");
    system_ask_to_stop();
}

/* ---- listeners ---- */

static bool has_listener(const struct control *control, const struct admin_request *request,
                         struct admin_answer *answer)
{
    uint32_t count = server_listener_count(control->server);
    if (request->number >= 1 && request->number <= count) return true;
    answer_refusal(answer, 404, "there is no listener of that number");
    return false;
}

static bool open_or_close(struct control *control, const struct admin_request *request,
                          struct admin_answer *answer, bool open)
{
    struct error error = {.kind = ERROR_NONE};
    struct server_listener_stats stats;
    char text[ADDRESS_TEXT_MAX + sizeof error.text], where[ADDRESS_TEXT_MAX];
    uint32_t index = (uint32_t)request->number - 1;
    bool fine = open ? server_listener_open(control->server, index, &error)
                     : server_listener_close(control->server, index, &error);
    server_listener_stats(control->server, index, &stats);
    address_format(&stats.address, where);
    if (fine)
        snprintf(text, sizeof text, "listener %u, %s, is %s\n", index + 1, where,
                 open ? "open" : "closed: its connections stay");
    else
        snprintf(text, sizeof text, "%s\n", error.text);
    answer_result(answer, request, fine, text);
    return fine;
}

static void open_listener(void *context, const struct admin_request *request,
                          struct admin_answer *answer)
{
    struct control *control = context;
    if (!has_listener(control, request, answer)) return;
    /* Before it is open, so that it does not end with a connection that comes at once. */
    bool drained = atomic_exchange(&control->draining, false);
    if (!open_or_close(control, request, answer, true) && drained)
        atomic_store(&control->draining, true);
}

static void close_listener(void *context, const struct admin_request *request,
                           struct admin_answer *answer)
{
    if (has_listener(context, request, answer)) open_or_close(context, request, answer, false);
}

/* ---- the log's level ---- */

static void set_level(void *context, const struct admin_request *request,
                      struct admin_answer *answer)
{
    enum log_level level;
    char name[16] = "", text[64];
    (void)context;
    if (!request_parameter(request, "level", name, sizeof name) || !log_level_of(name, &level)) {
        answer_refusal(answer, 400, "level is one of error, warn, info, debug");
        return;
    }
    log_set_level(level);
    snprintf(text, sizeof text, "the log has lines up to %s\n", name);
    answer_result(answer, request, true, text);
}

/* ---- health ---- */

static void tell_health(void *context, const struct admin_request *request,
                        struct admin_answer *answer)
{
    (void)context, (void)request;
    answer_add(answer, "ok\n");
}

/* Not while it drains, stops, or has no open listener. */
static void tell_ready(void *context, const struct admin_request *request,
                       struct admin_answer *answer)
{
    const struct control *control = context;
    bool ready = false;
    (void)request;
    uint32_t count = server_listener_count(control->server);
    for (uint32_t i = 0; i < count; i++) {
        struct server_listener_stats stats;
        ready = ready || (server_listener_stats(control->server, i, &stats) && stats.is_open);
    }
    ready = ready && !atomic_load(&control->draining);
    answer->status = ready ? 200 : 503;
    answer_add(answer, ready ? "ready\n" : "not ready: it accepts no connections\n");
}

/* ---- all ---- */

const struct admin_route control_routes[] = {
    {"GET", "/", ACCESS_PAGE, ROUTE_AT_ONCE, show_page},
    {"GET", "/healthz", ACCESS_OPEN, ROUTE_AT_ONCE, tell_health},
    {"GET", "/readyz", ACCESS_OPEN, ROUTE_AT_ONCE, tell_ready},
    {"GET", "/metrics", ACCESS_OPEN, ROUTE_AT_ONCE, show_metrics},
    {"GET", "/stats", ACCESS_READ, ROUTE_AT_ONCE, show_stats},
    {"GET", "/connections", ACCESS_READ, ROUTE_LOOK, show_connections},
    {"GET", "/errors", ACCESS_READ, ROUTE_AT_ONCE, show_errors},
    {"GET", "/log", ACCESS_READ, ROUTE_AT_ONCE, show_log},
    {"GET", "/profile", ACCESS_READ, ROUTE_LOOK, show_profile},
    {"POST", "/profile", ACCESS_ACT, ROUTE_LOOK, start_profile},
    {"POST", "/reload", ACCESS_ACT, ROUTE_CHANGE, reload},
    {"POST", "/rollback", ACCESS_ACT, ROUTE_BACK, roll_back},
    {"POST", "/drain", ACCESS_ACT, ROUTE_LOOK, drain},
    {"POST", "/stop", ACCESS_ACT, ROUTE_AT_ONCE, stop},
    {"POST", "/listeners/N/open", ACCESS_ACT, ROUTE_LOOK, open_listener},
    {"POST", "/listeners/N/close", ACCESS_ACT, ROUTE_LOOK, close_listener},
    {"POST", "/connections/N/close", ACCESS_ACT, ROUTE_LOOK, close_connection},
    {"POST", "/log", ACCESS_ACT, ROUTE_AT_ONCE, set_level},
    {NULL, NULL, 0, 0, NULL},
};
