/* Gauges, which go down and then across. */
#include "commands/top_text.h"
#include "commands/top_view.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum {
    GAUGES = 10,
    GAUGE_LEAST = 25,  /* columns that one takes, */
    GAUGE_BARRED = 38, /* with a bar, */
    GAUGE_MOST = 60,   /* and at most */
    ACROSS_MOST = 3,   /* side by side */
    TEXT_WIDTH = 18,   /* that a bar leaves, at least */
    BAR_MOST = 24,
    SMALL_ROWS = 16, /* of a screen that has only so many of them: */
    SMALL_GAUGE_ROWS = 3,
};

struct gauge {
    const char *label;
    double part; /* of all that there is; NAN: there is no bar */
    bool is_bad;
    char text[128], brief[64]; /* brief: where there is no room for it */
};

static void fill_part(struct gauge *gauge, const char *label, double part, double all,
                      const char *(*write)(double, char *))
{
    char one[TOP_NUMBER_MAX], two[TOP_NUMBER_MAX];
    gauge->label = label;
    gauge->part = all > 0 ? part / all : NAN;
    snprintf(gauge->brief, sizeof gauge->brief, "%s/%s", write(part, one), write(all, two));
    memcpy(gauge->text, gauge->brief, sizeof gauge->brief);
}

static void fill_traffic(struct gauge *gauge, const char *label, double packets, double bytes)
{
    char one[TOP_NUMBER_MAX], two[TOP_NUMBER_MAX];
    gauge->label = label;
    top_rate(packets, one);
    top_bytes(bytes, two);
    snprintf(gauge->text, sizeof gauge->text, "%s packets/s, %sB/s", one, two);
    snprintf(gauge->brief, sizeof gauge->brief, "%s/s, %sB/s", one, two);
}

/* Of a rate, and something else that is not in the brief text. */
__attribute__((format(printf, 4, 5))) static void fill_rate(struct gauge *gauge, const char *label,
                                                            double rate, const char *format, ...)
{
    char one[TOP_NUMBER_MAX];
    va_list arguments;
    gauge->label = label;
    int size = snprintf(gauge->brief, sizeof gauge->brief, "%s/s", top_rate(rate, one));
    memcpy(gauge->text, gauge->brief, sizeof gauge->brief);
    va_start(arguments, format);
    vsnprintf(gauge->text + size, sizeof gauge->text - (size_t)size, format, arguments);
    va_end(arguments);
}

static void fill_blocks(struct gauge *gauge, const struct top_whole *now)
{
    char one[TOP_NUMBER_MAX];
    fill_part(gauge, "blocks", now->blocks_used, now->blocks, top_count);
    snprintf(gauge->text, sizeof gauge->text, "%s low %s", gauge->brief,
             top_count(now->blocks_lowest, one));
}

static void fill_jobs(struct gauge *gauge, const struct top_whole *now)
{
    char one[TOP_NUMBER_MAX], two[TOP_NUMBER_MAX], three[TOP_NUMBER_MAX];
    gauge->label = "jobs";
    snprintf(gauge->brief, sizeof gauge->brief, "%s/%s, %s queued", top_count(now->jobs_busy, one),
             top_count(now->jobs_threads, two), top_count(now->jobs_queued, three));
    snprintf(gauge->text, sizeof gauge->text, "%s of %s busy, %s queued", one, two, three);
}

static void fill_unsent(struct gauge *gauge, const struct top_whole *now)
{
    char one[TOP_NUMBER_MAX], two[TOP_NUMBER_MAX];
    gauge->label = "unsent";
    snprintf(gauge->brief, sizeof gauge->brief, "%sB", top_bytes(now->queued_bytes, one));
    snprintf(gauge->text, sizeof gauge->text, "%sB, mailbox %s", one, top_count(now->mailbox, two));
}

static void fill_gauges(const struct top_model *model, struct gauge gauges[GAUGES])
{
    const struct top_whole *now = &model->now.whole, *rate = &model->rate.whole;
    char one[TOP_NUMBER_MAX];
    for (int i = 0; i < GAUGES; i++) gauges[i] = (struct gauge){.part = NAN};
    fill_part(&gauges[0], "connections", now->connections, now->connections_max, top_count);
    fill_blocks(&gauges[1], now);
    fill_part(&gauges[2], "memory", now->memory_used, now->memory_max, top_bytes);
    fill_part(&gauges[3], "Lua memory", now->lua_memory, now->lua_memory_max, top_bytes);
    fill_rate(&gauges[4], "accepted", rate->accepted, ", %s refused", top_count(now->refused, one));
    gauges[4].is_bad = rate->refused > 0;
    fill_traffic(&gauges[5], "in", rate->packets_received, rate->bytes_received);
    fill_traffic(&gauges[6], "out", rate->packets_sent, rate->bytes_sent);
    fill_rate(&gauges[7], "errors", rate->failed, ", %s so far", top_count(now->failed, one));
    gauges[7].is_bad = rate->failed > 0;
    fill_jobs(&gauges[8], now);
    fill_unsent(&gauges[9], now);
}

static enum top_style style_of(double part)
{
    return part >= 0.9 ? TOP_BAD : part >= 0.7 ? TOP_WARN : TOP_GOOD;
}

/* Returns its columns. */
static int draw_bar(const struct top_canvas *canvas, double part, int row, int column, int room)
{
    static const char bars[] = "||||||||||||||||||||||||";
    static_assert(sizeof bars - 1 >= BAR_MOST, "it is long enough");
    int width = room < BAR_MOST ? room : BAR_MOST, inside = width - 2;
    int length = (int)(part * inside + 0.5);
    if (length > inside) length = inside;
    if (length == 0 && part > 0) length = 1;
    top_put(canvas, row, column, 1, TOP_PLAIN, "[");
    top_put(canvas, row, column + 1, inside, style_of(part), bars + (sizeof bars - 1 - length));
    top_put(canvas, row, column + width - 1, 1, TOP_PLAIN, "]");
    return width + 1;
}

static void draw_gauge(const struct top_canvas *canvas, const struct gauge *gauge, int label_width,
                       int row, int column, int width)
{
    int at = column + label_width, end = column + width - 1;
    top_put(canvas, row, column, label_width, TOP_DIM, gauge->label);
    if (width >= GAUGE_BARRED && gauge->part >= 0)
        at += draw_bar(canvas, gauge->part, row, at, end - at - TEXT_WIDTH);
    bool fits = (int)strlen(gauge->text) <= end - at;
    top_put(canvas, row, at, end - at, gauge->is_bad ? TOP_BAD : TOP_BOLD,
            fits ? gauge->text : gauge->brief);
}

static int least(int one, int other)
{
    return one < other ? one : other;
}

static int width_of_labels(const struct gauge *gauges, int count)
{
    int width = 0;
    for (int i = 0; i < count; i++)
        if ((int)strlen(gauges[i].label) > width) width = (int)strlen(gauges[i].label);
    return width;
}

int top_draw_gauges(const struct top_model *model, const struct top_canvas *canvas, int row,
                    int end)
{
    struct gauge gauges[GAUGES];
    fill_gauges(model, gauges);
    bool barred = canvas->columns >= 2 * GAUGE_BARRED;
    int across = least(canvas->columns / (barred ? GAUGE_BARRED : GAUGE_LEAST), ACROSS_MOST);
    if (across < 1) across = 1;
    int width = least(canvas->columns / across, GAUGE_MOST);
    int down = (GAUGES + across - 1) / across, shown = least(down, end - row);
    if (canvas->rows < SMALL_ROWS) shown = least(shown, SMALL_GAUGE_ROWS);
    for (int i = 0; i < GAUGES; i++) {
        int first = i / down * down;
        int label_width = width_of_labels(&gauges[first], least(down, GAUGES - first)) + 1;
        if (i - first >= shown) continue;
        draw_gauge(canvas, &gauges[i], label_width, row + i - first, i / down * width, width);
    }
    return row + shown;
}
