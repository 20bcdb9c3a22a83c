#include "admin/admin_stats.h"

#include "base/text.h"
#include "server.h"

#include <inttypes.h>
#include <string.h>

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

static void add_times(struct text *lines, const char *name, const struct histogram_sum *times)
{
    for (int i = 0; i < FIGURE_QUANTILES; i++) {
        const char *quantile;
        uint64_t time_ns = figure_quantile(times, i, &quantile);
        text_add(lines, "%s.%-*s %.6f\n", name, NAME_WIDTH - 1 - (int)strlen(name), quantile,
                 (double)time_ns / 1e9);
    }
}

/* Escapes bytes that would break the line or its two columns: the word may come from a peer. */
static void print_word(struct text *text, struct span word)
{
    if (word.size == 0) text_add(text, "(others)");
    for (size_t i = 0; i < word.size; i++) {
        uint8_t byte = word.data[i];
        bool plain = byte > ' ' && byte < 0x7f && byte != '\\';
        text_add(text, plain ? "%c" : "\\x%02x", byte);
    }
}

static void add_labelled(struct text *lines, const struct server_stats *stats,
                         const struct figure *figure)
{
    size_t count = figure_count(stats, figure);
    for (size_t i = 0; i < count; i++) {
        char place[160];
        struct text name = text_in(place, sizeof place);
        struct span word;
        uint64_t value = figure_labelled(stats, figure, i, &word);
        text_add(&name, "%s.", figure->name);
        print_word(&name, word);
        text_add(lines, "%-*s %" PRIu64 "\n", NAME_WIDTH, place, value);
    }
}

static void add_figure(struct text *lines, const struct server_stats *stats,
                       const struct figure *figure)
{
    if (figure->labels != NULL)
        add_labelled(lines, stats, figure);
    else if (figure->kind == FIGURE_TIMES)
        add_times(lines, figure->name, figure_times(stats, figure));
    else if (figure->unit == FIGURE_NS)
        text_add(lines, "%-*s %.3f\n", NAME_WIDTH, figure->name,
                 (double)figure_of(stats, figure) / 1e9);
    else
        text_add(lines, "%-*s %" PRIu64 "\n", NAME_WIDTH, figure->name, figure_of(stats, figure));
}

static void add_listener(struct text *lines, uint32_t number,
                         const struct server_listener_stats *stats)
{
    char address[ADDRESS_TEXT_MAX], place[32];
    struct text name = text_in(place, sizeof place);
    text_add(&name, "listener.%u.", number);
    const int width = NAME_WIDTH - (int)name.used;
    text_add(lines, "%s%-*s %s\n", place, width, "address",
             address_format(&stats->address, address));
    text_add(lines, "%s%-*s %s\n", place, width, "framing", stats->framing);
    text_add(lines, "%s%-*s %d\n", place, width, "open", stats->is_open);
    for (int i = 0; i < SERVER_LISTENER_FIGURES; i++) {
        const struct figure *figure = &server_listener_figures[i];
        text_add(lines, "%s%-*s %" PRIu64 "\n", place, width, figure->name,
                 figure_of(stats, figure));
    }
}

bool admin_stats_tell(void *context, char *text, size_t size)
{
    const struct admin_stats *what = context;
    struct server_stats stats;
    struct text lines = text_in(text, size);
    server_stats(what->server, &stats);
    for (int i = 0; i < SERVER_FIGURES; i++) add_figure(&lines, &stats, &server_figures[i]);
    add_jobs(&lines, what->jobs);
    struct server_listener_stats listener;
    for (uint32_t i = 0; server_listener_stats(what->server, i, &listener); i++)
        add_listener(&lines, i + 1, &listener);
    return true;
}
