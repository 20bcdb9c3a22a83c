#include "admin/program_figures.h"
#include "admin/render.h"
#include "admin/show.h"
#include "base/clock.h"
#include "run/script_errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static uint64_t workers_of(const struct control *control)
{
    return server_config(control->server)->workers;
}

static uint32_t listeners_of(const struct control *control)
{
    return server_listener_count(control->server);
}

/* ---- JSON ---- */

static void put_probation(struct json *json, const struct control *control)
{
    struct probation_state state;
    reloader_probation(control->reloader, &state);
    if (state.generation == 0) {
        json_null(json, "probation");
    } else {
        json_open(json, "probation", '{');
        json_count(json, "generation", state.generation);
        json_seconds(json, "seconds_left", state.left_ns);
        json_count(json, "calls", state.calls);
        json_count(json, "failed", state.failed);
        json_close(json, '}');
    }
    if (state.taken_back == 0) {
        json_null(json, "taken_back");
    } else {
        json_open(json, "taken_back", '{');
        json_count(json, "generation", state.taken_back);
        json_string(json, "why", state.why);
        json_close(json, '}');
    }
}

static void put_program(struct json *json, struct control *control)
{
    struct program_stats stats;
    program_stats(control, &stats);
    json_string(json, "version", MOONPORT_VERSION);
    json_string(json, "backend", server_backend(control->server));
    json_count(json, "pid", (uint64_t)getpid());
    json_time(json, "now", clock_unix_us());
    json_string(json, "directory", control->project->line.directory);
    json_truth(json, "draining", stats.draining != 0);
    json_count(json, "generation", stats.generation);
    put_probation(json, control);
}

static void put_stats(struct json *json, struct control *control)
{
    struct server_stats stats;
    struct program_stats program;
    struct job_stats jobs;
    server_stats(control->server, &stats);
    program_stats(control, &program);
    job_stats(control, &jobs);
    json_seconds(json, "uptime", stats.uptime_ns);
    json_open(json, "stats", '{');
    render_json(json, &stats, server_figures, SERVER_FIGURES);
    render_json(json, &program, program_figures, PROGRAM_FIGURES);
    json_open(json, "jobs", '{');
    render_json(json, &jobs, job_figures, JOB_FIGURES);
    json_close(json, '}');
    json_close(json, '}');
}

static void put_handlers(struct json *json, const struct control *control)
{
    json_open(json, "handlers", '{');
    for (uint32_t kind = 0; kind < METER_KINDS; kind++) {
        struct meter_sum sum;
        handler_stats(control, kind, &sum);
        if (sum.calls == 0) continue;
        json_open(json, run_names[kind], '{');
        json_count(json, "calls", sum.calls);
        json_count(json, "failed", sum.failed);
        json_count(json, "interrupted", sum.interrupted);
        for (int i = 0; i < FIGURE_QUANTILES; i++) {
            const char *name;
            uint64_t value_ns = figure_quantile(&sum.time, i, &name);
            json_seconds(json, name, value_ns);
        }
        render_classes_json(json, "classes", &sum.time);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void put_worker(struct json *json, const struct control *control, uint32_t index)
{
    struct server_stats stats;
    struct worker_lua_stats lua;
    uint32_t kind = 0;
    uint64_t longest_ns;
    server_worker_stats(control->server, index, &stats);
    worker_lua_stats(control, index, &lua);
    json_open(json, NULL, '{');
    json_count(json, "number", index + 1);
    render_json(json, &stats, server_figures, SERVER_FIGURES);
    render_json(json, &lua, worker_lua_figures, WORKER_LUA_FIGURES);
    if (slowest_handler(control, index, &kind, &longest_ns)) {
        json_open(json, "slowest", '{');
        json_string(json, "handler", run_names[kind]);
        json_seconds(json, "seconds", longest_ns);
        json_close(json, '}');
    } else {
        json_null(json, "slowest");
    }
    json_close(json, '}');
}

static void put_listener(struct json *json, const struct control *control, uint32_t index)
{
    struct server_listener_stats stats;
    char address[ADDRESS_TEXT_MAX];
    server_listener_stats(control->server, index, &stats);
    json_open(json, NULL, '{');
    json_count(json, "number", index + 1);
    json_string(json, "address", address_format(&stats.address, address));
    json_string(json, "framing", stats.framing);
    json_truth(json, "open", stats.is_open);
    json_count(json, "accepted", stats.accepted);
    json_count(json, "refused", stats.refused);
    json_count(json, "connections", stats.connections);
    json_close(json, '}');
}

static bool put_generation(void *context, const struct history_entry *entry)
{
    struct json *json = context;
    json_open(json, NULL, '{');
    if (entry->generation == 0)
        json_null(json, "generation");
    else
        json_count(json, "generation", entry->generation);
    json_time(json, "time", (uint64_t)(entry->time * 1e6));
    json_string(json, "by", history_by_text(entry->by));
    json_string(json, "files", entry->files);
    json_string(json, "outcome", history_outcome_text(entry->outcome));
    json_string(json, "text", entry->text);
    json_close(json, '}');
    return true;
}

static void put_errors(struct json *json, const struct control *control)
{
    struct script_errors_sum errors;
    script_errors_sum(control->project->program.errors, &errors);
    json_open(json, "errors", '{');
    json_count(json, "distinct", errors.distinct);
    json_count(json, "total", errors.total);
    if (errors.last_us == 0)
        json_null(json, "last");
    else
        json_time(json, "last", errors.last_us);
    json_close(json, '}');
}

static void write_json(struct control *control, struct admin_answer *answer)
{
    struct json json = {.out = &answer->body};
    answer->type = answer_json;
    json_open(&json, NULL, '{');
    put_program(&json, control);
    put_stats(&json, control);
    put_handlers(&json, control);
    json_open(&json, "workers", '[');
    for (uint32_t i = 0; i < workers_of(control); i++) put_worker(&json, control, i);
    json_close(&json, ']');
    json_open(&json, "listeners", '[');
    for (uint32_t i = 0; i < listeners_of(control); i++) put_listener(&json, control, i);
    json_close(&json, ']');
    json_open(&json, "generations", '[');
    reloader_history(control->reloader, put_generation, &json);
    json_close(&json, ']');
    put_errors(&json, control);
    json_string(&json, "log_level", log_level_text(log_get_level()));
    json_close(&json, '}');
    answer->failed = answer->failed || json.failed;
}

/* ---- text ---- */

/* Neither line is there if there is nothing to say. */
static void write_probation(struct admin_answer *answer, const struct control *control)
{
    struct probation_state state;
    char plain[RENDER_PLAIN_MAX * sizeof state.why];
    reloader_probation(control->reloader, &state);
    if (state.generation != 0)
        render_line(answer, "probation",
                    "generation %" PRIu64 " is on probation for %" PRIu64 " s more: %" PRIu64
                    " of %" PRIu64 " calls have failed",
                    state.generation, (state.left_ns + SECOND - 1) / SECOND, state.failed,
                    state.calls);
    if (state.taken_back != 0)
        render_line(answer, "taken_back", "generation %" PRIu64 " was taken back: %s",
                    state.taken_back, render_shown(span_text(state.why), plain, sizeof plain));
}

static void write_handlers(struct admin_answer *answer, const struct control *control)
{
    char prefix[64];
    for (uint32_t kind = 0; kind < METER_KINDS; kind++) {
        struct meter_sum sum;
        handler_stats(control, kind, &sum);
        if (sum.calls == 0) continue;
        snprintf(prefix, sizeof prefix, "%s.", run_names[kind]);
        render_text(answer, prefix, &sum, handler_figures, HANDLER_FIGURES);
    }
}

static void write_listeners(struct admin_answer *answer, const struct control *control)
{
    char name[32], address[ADDRESS_TEXT_MAX], plain[RENDER_PLAIN_MAX * ADDRESS_TEXT_MAX];
    for (uint32_t i = 0; i < listeners_of(control); i++) {
        struct server_listener_stats stats;
        server_listener_stats(control->server, i, &stats);
        snprintf(name, sizeof name, "listener.%u", i + 1);
        address_format(&stats.address, address);
        render_line(answer, name, "%s %s", render_plain(span_text(address), plain, sizeof plain),
                    stats.is_open ? "open" : "closed");
        snprintf(name, sizeof name, "listener.%u.framing", i + 1);
        render_line(answer, name, "%s", stats.framing);
        snprintf(name, sizeof name, "listener.%u.open", i + 1);
        render_line(answer, name, "%d", stats.is_open);
        snprintf(name, sizeof name, "listener.%u.accepted", i + 1);
        render_line(answer, name, "%" PRIu64, stats.accepted);
        snprintf(name, sizeof name, "listener.%u.refused", i + 1);
        render_line(answer, name, "%" PRIu64, stats.refused);
        snprintf(name, sizeof name, "listener.%u.connections", i + 1);
        render_line(answer, name, "%" PRIu64, stats.connections);
    }
}

/* Figures that a worker has alone. */
static void write_worker(struct admin_answer *answer, const struct control *control, uint32_t index)
{
    struct server_stats stats;
    struct worker_lua_stats lua;
    char prefix[32];
    server_worker_stats(control->server, index, &stats);
    worker_lua_stats(control, index, &lua);
    snprintf(prefix, sizeof prefix, "worker.%u.", index + 1);
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        if (figure->add != NULL && figure->labels == NULL)
            render_text(answer, prefix, &stats, figure, 1);
    }
    render_text(answer, prefix, &lua, worker_lua_figures, WORKER_LUA_FIGURES);
}

static void write_text(struct control *control, struct admin_answer *answer)
{
    struct server_stats stats;
    struct program_stats program;
    struct job_stats jobs;
    server_stats(control->server, &stats);
    program_stats(control, &program);
    job_stats(control, &jobs);
    render_line(answer, "version", "%s", MOONPORT_VERSION);
    render_text(answer, "", &stats, server_figures, SERVER_FIGURES);
    render_text(answer, "", &program, program_figures, PROGRAM_FIGURES);
    render_text(answer, "jobs.", &jobs, job_figures, JOB_FIGURES);
    write_probation(answer, control);
    write_handlers(answer, control);
    write_listeners(answer, control);
    for (uint32_t i = 0; i < workers_of(control); i++) write_worker(answer, control, i);
}

void show_stats(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    if (request->wants_json)
        write_json(context, answer);
    else
        write_text(context, answer);
}
