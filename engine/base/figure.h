/* figure.h - tables of figures. A row describes one field of a snapshot of figures: its name, kind, unit and help, and
 * how it is read. All code that shows figures (to scripts, as text, as JSON, to Prometheus) walks the rows, and reads
 * the values with the functions below. */
#ifndef MOONPORT_FIGURE_H
#define MOONPORT_FIGURE_H

#include "base/check.h"
#include "base/histogram.h"
#include "base/span.h"

enum figure_kind {
    FIGURE_COUNTER, /* it only grows */
    FIGURE_GAUGE,
    FIGURE_TIMES, /* durations; the field is a struct histogram_sum */
};

enum figure_unit { FIGURE_NUMBER, FIGURE_BYTES, FIGURE_NS };

/* The labels of a figure that has several values, one for each label: for example, one for each reason to close a
 * connection. */
struct figure_labels {
    const char *name; /* what a label is: "reason" */
    size_t (*count)(const void *field);
    uint64_t (*value)(const void *field, size_t index, struct span *label); /* index < count */
};

struct figure {
    const char *name; /* without its unit */
    const char *help; /* a few words */
    uint8_t kind, unit;
    uint16_t field;                     /* offset in the snapshot */
    const struct figure_labels *labels; /* NULL: one value; unless the kind is TIMES, a uint64_t */

    /* Adds the figure of one part of the whole (of one worker) to the field. NULL: only the whole has it. */
    void (*add)(const void *part, void *field);
};

static inline const void *figure_field(const void *snapshot, const struct figure *figure)
{
    return (const char *)snapshot + figure->field;
}

/* The value of a figure without labels, except of kind TIMES. */
static inline uint64_t figure_of(const void *snapshot, const struct figure *figure)
{
    check(figure->labels == NULL);
    check(figure->kind != FIGURE_TIMES);
    return *(const uint64_t *)figure_field(snapshot, figure);
}

/* For figures with labels: the number of values, and one value with its label. The label's bytes are valid as long as
 * the snapshot. */
static inline size_t figure_count(const void *snapshot, const struct figure *figure)
{
    return figure->labels->count(figure_field(snapshot, figure));
}

static inline uint64_t figure_labelled(const void *snapshot, const struct figure *figure,
                                       size_t index, struct span *label)
{
    return figure->labels->value(figure_field(snapshot, figure), index, label);
}

/* For figures of kind TIMES. */
static inline const struct histogram_sum *figure_times(const void *snapshot,
                                                       const struct figure *figure)
{
    check(figure->kind == FIGURE_TIMES);
    return figure_field(snapshot, figure);
}

/* The quantiles that are shown of such a figure: returns one of them, in nanoseconds, and its name: "p50" "p99" "max".
 * index < FIGURE_QUANTILES. */
enum { FIGURE_QUANTILES = 3 };
uint64_t figure_quantile(const struct histogram_sum *times, int index, const char **name);

#endif
