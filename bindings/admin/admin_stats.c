#include "admin/admin_stats.h"

#include "base/text.h"
#include "server.h"

#include <inttypes.h>

enum { NAME_WIDTH = 20 };

static void add_jobs(struct text *lines, struct jobs *jobs)
{
    const struct jobs_figures figures = jobs_figures(jobs);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"threads", figures.threads}, {"busy", figures.busy}, {"queued", figures.queued},
                  {"lost", figures.lost},       {"done", figures.done}, {"failed", figures.failed}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        text_add(lines, "jobs.%-*s %" PRIu64 "\n", NAME_WIDTH - 5, counts[i].name, counts[i].value);
    text_add(lines, "jobs.%-*s %.3f\n", NAME_WIDTH - 5, "seconds", (double)figures.time_ns / 1e9);
}

bool admin_stats_tell(void *context, char *text, size_t size)
{
    const struct admin_stats *what = context;
    struct server_stats stats;
    struct text lines = text_in(text, size);
    server_stats(what->server, &stats);
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        uint64_t value = figure_of(&stats, figure);
        text_add(&lines, "%-*s ", NAME_WIDTH, figure->name);
        if (figure->unit == FIGURE_NS)
            text_add(&lines, "%.3f\n", (double)value / 1e9);
        else
            text_add(&lines, "%" PRIu64 "\n", value);
    }
    for (int i = 0; i < LINK_REASONS; i++)
        text_add(&lines, "closed.%-*s %" PRIu64 "\n", NAME_WIDTH - 7, link_reason_text(i),
                 stats.closed[i]);
    add_jobs(&lines, what->jobs);
    return true;
}
