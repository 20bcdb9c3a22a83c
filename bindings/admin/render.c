#include "admin/render.h"

#include "admin/decimal.h"
#include "base/address.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>

enum { NAME_WIDTH = 28, BUCKET_CLASSES = 2 * HISTOGRAM_STEPS, LABELS_MAX = 512 };

/* ---- JSON ---- */

static void put_value(struct json *json, const char *name, const struct figure *figure,
                      uint64_t value)
{
    if (figure->unit == FIGURE_NS)
        json_seconds(json, name, value);
    else
        json_count(json, name, value);
}

/* A label as the name of a member: it may be of any bytes. */
static void put_label(struct json *json, struct span word, const struct figure *figure,
                      uint64_t value)
{
    json_text(json, NULL, word);
    json->follows = false;
    if (!buffer_add(json->out, ":")) json->failed = true;
    put_value(json, NULL, figure, value);
}

static void put_labels(struct json *json, const void *snapshot, const struct figure *figure)
{
    json_open(json, figure->name, '{');
    for (size_t i = 0; i < figure_count(snapshot, figure); i++) {
        struct span word;
        uint64_t value = figure_labelled(snapshot, figure, i, &word);
        put_label(json, word, figure, value);
    }
    json_close(json, '}');
}

/* Differences between two answers tell what was lately. */
void render_classes_json(struct json *json, const char *name, const struct histogram_sum *times)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        if (times->classes[i] == 0) continue;
        json_open(json, NULL, '[');
        json_seconds(json, NULL, histogram_end_ns(i));
        json_count(json, NULL, times->classes[i]);
        json_close(json, ']');
    }
    json_close(json, ']');
}

void render_times_json(struct json *json, const char *name, const struct histogram_sum *times)
{
    json_open(json, name, '{');
    for (int i = 0; i < FIGURE_QUANTILES; i++) {
        const char *quantile;
        uint64_t value_ns = figure_quantile(times, i, &quantile);
        json_seconds(json, quantile, value_ns);
    }
    json_count(json, "count", times->count);
    render_classes_json(json, "classes", times);
    json_close(json, '}');
}

void render_json(struct json *json, const void *snapshot, const struct figure *figures,
                 size_t count)
{
    for (const struct figure *figure = figures; figure < figures + count; figure++) {
        if (figure->labels != NULL)
            put_labels(json, snapshot, figure);
        else if (figure->kind == FIGURE_TIMES)
            render_times_json(json, figure->name, figure_times(snapshot, figure));
        else
            put_value(json, figure->name, figure, figure_of(snapshot, figure));
    }
}

/* ---- lines ---- */

/* Neither a control character (those of one byte, and U+0080 to U+009F) nor invalid. */
static bool is_visible(struct span text, size_t size)
{
    return size > 0 && text.data[0] >= ' ' && text.data[0] != 0x7f &&
           !(text.data[0] == 0xc2 && text.data[1] < 0xa0);
}

/* The character or byte at the front of the text; returns how many bytes it has. */
static size_t add_plain(struct text *out, struct span text, const char *hidden)
{
    size_t size = utf8_size(text);
    if (is_visible(text, size) && strchr(hidden, text.data[0]) == NULL) {
        text_add(out, "%.*s", (int)size, text.data);
        return size;
    }
    text_add(out, "\\x%02x", text.data[0]);
    return 1;
}

const char *render_plain(struct span text, char *room, size_t size)
{
    struct text out = text_in(room, size);
    while (text.size > 0) text = span_skip(text, add_plain(&out, text, " \\"));
    return room;
}

const char *render_shown(struct span text, char *room, size_t size)
{
    struct text out = text_in(room, size);
    while (text.size > 0) text = span_skip(text, add_plain(&out, text, ""));
    return room;
}

void render_line(struct admin_answer *answer, const char *name, const char *format, ...)
{
    char value[RENDER_PLAIN_MAX * ADDRESS_TEXT_MAX + 16];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    answer_add(answer, "%-*s %s\n", NAME_WIDTH, name, value);
}

static void put_line(struct admin_answer *answer, const char *name, const struct figure *figure,
                     uint64_t value)
{
    uint64_t us = (value + 500) / 1000;
    if (figure->unit == FIGURE_NS)
        render_line(answer, name, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
    else
        render_line(answer, name, "%" PRIu64, value);
}

/* The values of all words that found no place of their own have an empty word. */
static void put_label_lines(struct admin_answer *answer, const char *prefix, const void *snapshot,
                            const struct figure *figure)
{
    char name[256], plain[160];
    for (size_t i = 0; i < figure_count(snapshot, figure); i++) {
        struct span word;
        uint64_t value = figure_labelled(snapshot, figure, i, &word);
        if (word.size == 0) word = span_text("(others)");
        snprintf(name, sizeof name, "%s%s.%s", prefix, figure->name,
                 render_plain(word, plain, sizeof plain));
        put_line(answer, name, figure, value);
    }
}

static void put_time_lines(struct admin_answer *answer, const char *prefix, const void *snapshot,
                           const struct figure *figure)
{
    char name[160];
    const char *quantile;
    for (int i = 0; i < FIGURE_QUANTILES; i++) {
        uint64_t value_ns = figure_quantile(figure_times(snapshot, figure), i, &quantile);
        snprintf(name, sizeof name, "%s%s.%s", prefix, figure->name, quantile);
        put_line(answer, name, figure, value_ns);
    }
}

void render_text(struct admin_answer *answer, const char *prefix, const void *snapshot,
                 const struct figure *figures, size_t count)
{
    char name[160];
    for (const struct figure *figure = figures; figure < figures + count; figure++) {
        snprintf(name, sizeof name, "%s%s", prefix, figure->name);
        if (figure->labels != NULL)
            put_label_lines(answer, prefix, snapshot, figure);
        else if (figure->kind == FIGURE_TIMES)
            put_time_lines(answer, prefix, snapshot, figure);
        else
            put_line(answer, name, figure, figure_of(snapshot, figure));
    }
}

/* ---- metrics: https://prometheus.io/docs/instrumenting/exposition_formats ---- */

void render_metric_head(struct admin_answer *answer, const char *name, const char *help,
                        const char *type)
{
    answer_add(answer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* In a label, a backslash and a quote are escaped by a backslash, and a line end would be. */
void render_label(struct text *labels, const char *name, struct span value)
{
    char plain[RENDER_PLAIN_MAX + 1];
    text_add(labels, "%s=\"", name);
    while (value.size > 0) {
        struct text one = text_in(plain, sizeof plain);
        value = span_skip(value, add_plain(&one, value, "\\"));
        text_add(labels, "%s%s", plain[0] == '\\' || plain[0] == '"' ? "\\" : "", plain);
    }
    text_add(labels, "\"");
}

static void put_metric(struct admin_answer *answer, const char *name, const char *labels,
                       const struct figure *figure, uint64_t value)
{
    bool has = labels[0] != '\0';
    char text[DECIMAL_MAX];
    answer_add(answer, "%s%s%s%s %s\n", name, has ? "{" : "", labels, has ? "}" : "",
               decimal(value, figure->unit == FIGURE_NS ? 9 : 0, text));
}

void render_histogram(struct admin_answer *answer, const char *name, const char *labels,
                      const struct histogram_sum *times)
{
    const char *comma = labels[0] != '\0' ? "," : "";
    char text[DECIMAL_MAX];
    uint64_t below = 0;
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        below += times->classes[i];
        if (i % BUCKET_CLASSES != HISTOGRAM_STEPS - 1) continue;
        answer_add(answer, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
                   decimal(histogram_end_ns(i), 9, text), below);
    }
    const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";
    answer_add(answer, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma,
               times->count);
    answer_add(answer, "%s_sum%s%s%s %s\n", name, open, labels, close,
               decimal(times->total_ns, 9, text));
    answer_add(answer, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, times->count);
}

static void put_labelled(struct admin_answer *answer, const char *name,
                         const struct render_part *part, const struct figure *figure)
{
    for (size_t i = 0; i < figure_count(part->snapshot, figure); i++) {
        struct span word;
        char place[LABELS_MAX];
        uint64_t value = figure_labelled(part->snapshot, figure, i, &word);
        struct text labels = text_in(place, sizeof place);
        if (part->labels[0] != '\0') text_add(&labels, "%s,", part->labels);
        render_label(&labels, figure->labels->name, word);
        put_metric(answer, name, place, figure, value);
    }
}

/* Units are in the name, base units (https://prometheus.io/docs/practices/naming). */
static void name_metric(char *name, size_t size, const char *prefix, const struct figure *figure)
{
    static const char *const units[] = {
        [FIGURE_NUMBER] = "", [FIGURE_BYTES] = "bytes", [FIGURE_NS] = "seconds"};
    const char *unit = units[figure->unit];
    bool has_unit = strstr(figure->name, unit) != NULL; /* "" is in every name */
    snprintf(name, size, "moonport_%s%s%s%s%s", prefix, figure->name, has_unit ? "" : "_",
             has_unit ? "" : unit, figure->kind == FIGURE_COUNTER ? "_total" : "");
}

void render_metrics(struct admin_answer *answer, const char *prefix,
                    const struct render_part *parts, size_t part_count,
                    const struct figure *figures, size_t count)
{
    static const char *const types[] = {
        [FIGURE_COUNTER] = "counter", [FIGURE_GAUGE] = "gauge", [FIGURE_TIMES] = "histogram"};
    char name[128];
    for (const struct figure *figure = figures; figure < figures + count; figure++) {
        name_metric(name, sizeof name, prefix, figure);
        render_metric_head(answer, name, figure->help, types[figure->kind]);
        for (const struct render_part *part = parts; part < parts + part_count; part++) {
            if (figure->labels != NULL)
                put_labelled(answer, name, part, figure);
            else if (figure->kind == FIGURE_TIMES)
                render_histogram(answer, name, part->labels, figure_times(part->snapshot, figure));
            else
                put_metric(answer, name, part->labels, figure, figure_of(part->snapshot, figure));
        }
    }
}
