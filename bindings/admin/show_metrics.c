#include "admin/program_figures.h"
#include "admin/render.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>

enum { LABEL_MAX = 2 * RENDER_PLAIN_MAX * ADDRESS_TEXT_MAX };

/* Snapshots of all parts of a kind, each with its label. */
struct parts {
    struct render_part *list;
    char (*labels)[LABEL_MAX];
    size_t count;
};

static bool make_parts(struct parts *parts, size_t count)
{
    parts->count = 0;
    parts->list = calloc(count, sizeof *parts->list);
    parts->labels = calloc(count, sizeof *parts->labels);
    return parts->list != NULL && parts->labels != NULL;
}

static void drop_parts(struct parts *parts)
{
    free(parts->list);
    free(parts->labels);
}

static void add_part(struct parts *parts, const void *snapshot)
{
    parts->list[parts->count].labels = parts->labels[parts->count];
    parts->list[parts->count].snapshot = snapshot;
    parts->count++;
}

static void write_server(struct control *control, struct admin_answer *answer)
{
    struct server_stats stats;
    struct program_stats program;
    struct job_stats jobs;
    const struct render_part whole[] = {{"", &stats}, {"", &program}, {"", &jobs}};
    server_stats(control->server, &stats);
    program_stats(control, &program);
    job_stats(control, &jobs);
    render_metrics(answer, "", &whole[0], 1, server_figures, SERVER_FIGURES);
    render_metrics(answer, "", &whole[1], 1, program_figures, PROGRAM_FIGURES);
    render_metrics(answer, "jobs_", &whole[2], 1, job_figures, JOB_FIGURES);
}

static void write_handlers(const struct control *control, struct admin_answer *answer)
{
    struct parts parts = {.count = 0};
    struct meter_sum *sums = calloc(METER_KINDS, sizeof *sums);
    if (sums == NULL || !make_parts(&parts, METER_KINDS)) {
        answer->failed = true;
    } else {
        for (uint32_t kind = 0; kind < METER_KINDS; kind++) {
            handler_stats(control, kind, &sums[kind]);
            snprintf(parts.labels[parts.count], LABEL_MAX, "handler=\"%s\"", run_names[kind]);
            add_part(&parts, &sums[kind]);
        }
        render_metrics(answer, "handler_", parts.list, parts.count, handler_figures,
                       HANDLER_FIGURES);
    }
    drop_parts(&parts);
    free(sums);
}

/* Those that say something of one worker; the others are in the whole's. */
static void write_workers(const struct control *control, struct admin_answer *answer)
{
    uint32_t workers = server_config(control->server)->workers;
    struct parts parts = {.count = 0}, lua_parts = {.count = 0};
    struct server_stats *stats = calloc(workers, sizeof *stats);
    struct worker_lua_stats *lua = calloc(workers, sizeof *lua);
    bool made = make_parts(&parts, workers);
    if (stats == NULL || lua == NULL || !make_parts(&lua_parts, workers) || !made) {
        answer->failed = true;
    } else {
        for (uint32_t i = 0; i < workers; i++) {
            snprintf(parts.labels[i], LABEL_MAX, "worker=\"%u\"", i + 1);
            snprintf(lua_parts.labels[i], LABEL_MAX, "worker=\"%u\"", i + 1);
            server_worker_stats(control->server, i, &stats[i]);
            worker_lua_stats(control, i, &lua[i]);
            add_part(&parts, &stats[i]);
            add_part(&lua_parts, &lua[i]);
        }
        for (const struct figure *figure = server_figures; figure < server_figures + SERVER_FIGURES;
             figure++)
            if (figure->add != NULL && figure->labels == NULL)
                render_metrics(answer, "worker_", parts.list, workers, figure, 1);
        render_metrics(answer, "worker_", lua_parts.list, workers, worker_lua_figures,
                       WORKER_LUA_FIGURES);
    }
    drop_parts(&parts);
    drop_parts(&lua_parts);
    free(stats);
    free(lua);
}

static void label_listener(char *place, uint32_t index, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    struct text label = text_in(place, LABEL_MAX);
    text_add(&label, "listener=\"%u\",", index + 1);
    render_label(&label, "address", span_text(address_format(address, text)));
}

static void write_listeners(const struct control *control, struct admin_answer *answer)
{
    struct server_listener_stats stats[CONFIG_LISTENERS_MAX];
    struct parts parts = {.count = 0};
    uint32_t count = server_listener_count(control->server);
    if (!make_parts(&parts, count)) answer->failed = true;
    for (uint32_t i = 0; i < count && !answer->failed; i++) {
        server_listener_stats(control->server, i, &stats[i]);
        label_listener(parts.labels[i], i, &stats[i].address);
        add_part(&parts, &stats[i]);
    }
    if (parts.count > 0)
        render_metrics(answer, "listener_", parts.list, parts.count, server_listener_figures,
                       SERVER_LISTENER_FIGURES);
    drop_parts(&parts);
}

void show_metrics(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    struct control *control = context;
    (void)request;
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    render_metric_head(answer, "moonport_info", "always 1, with the version", "gauge");
    answer_add(answer, "moonport_info{version=\"%s\",backend=\"%s\"} 1\n", MOONPORT_VERSION,
               server_backend(control->server));
    write_server(control, answer);
    write_handlers(control, answer);
    write_workers(control, answer);
    write_listeners(control, answer);
}
