/* render.h - figures (base/figure.h) in the forms that the admin shows: JSON, lines of text, and the text format of
 * Prometheus. Pure. */
#ifndef MOONPORT_RENDER_H
#define MOONPORT_RENDER_H

#include "admin/answer.h"
#include "base/figure.h"
#include "base/text.h"

/* Of an object that is open: a member for each figure, named as it is. Labels make an object of it; times become
 * { p50, p99, max, count, classes }. Durations are in seconds. */
void render_json(struct json *json, const void *snapshot, const struct figure *figures,
                 size_t count);
void render_times_json(struct json *json, const char *name, const struct histogram_sum *times);

/* The classes of a histogram that are not empty: [[seconds, count], ...], each with the first duration above it. */
void render_classes_json(struct json *json, const char *name, const struct histogram_sum *times);

/* Text of any bytes, as it can stand in a line between blanks: what is no visible character, a blank or a backslash is
 * written as \xNN, RENDER_PLAIN_MAX bytes for one. Returns room; what has none in it is left out. */
enum { RENDER_PLAIN_MAX = 4 };
const char *render_plain(struct span text, char *room, size_t size);

/* The same for a person, at the end of a line: blanks and backslashes stay. */
const char *render_shown(struct span text, char *room, size_t size);

/* A line for each: prefix and name, spaces, value. A label, or a quantile, stands behind the name and a point. */
void render_text(struct admin_answer *answer, const char *prefix, const void *snapshot,
                 const struct figure *figures, size_t count);
__attribute__((format(printf, 3, 4))) void render_line(struct admin_answer *answer,
                                                       const char *name, const char *format, ...);

/* One place where a figure's value is read, in metrics: `labels` is "", or such as worker="1". */
struct render_part {
    const char *labels;
    const void *snapshot;
};

/* The metrics "moonport_" + prefix + name, with base units and "_total" as Prometheus has them; one value for each
 * part. */
void render_metrics(struct admin_answer *answer, const char *prefix,
                    const struct render_part *parts, size_t part_count,
                    const struct figure *figures, size_t count);

/* Adds name="value" as metrics have labels; the value may be of any bytes, and different ones look different. */
void render_label(struct text *labels, const char *name, struct span value);

/* For metrics that are no figures: the lines # HELP and # TYPE. type: "gauge" "counter" "histogram". */
void render_metric_head(struct admin_answer *answer, const char *name, const char *help,
                        const char *type);

/* The lines of a histogram, whose head was written. */
void render_histogram(struct admin_answer *answer, const char *name, const char *labels,
                      const struct histogram_sum *times);

#endif
