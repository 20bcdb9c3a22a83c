/* figure.h - what is counted, described once: a row of a table says what one field of a snapshot means, and how it is
 * read. All code that shows figures (for scripts, as text, as JSON, for Prometheus) goes by such rows, and gets the
 * values with the functions here. */
#ifndef MOONPORT_FIGURE_H
#define MOONPORT_FIGURE_H

#include "base/check.h"
#include "base/histogram.h"
#include "base/span.h"

enum figure_kind {
    FIGURE_COUNTER, /* it only grows */
    FIGURE_GAUGE,
    FIGURE_TIMES, /* how long something took: the field is a struct histogram_sum */
};

enum figure_unit { FIGURE_NUMBER, FIGURE_BYTES, FIGURE_NS };

/* For a figure that has a value for each of several words, such as each reason to close a connection. */
struct figure_labels {
    const char *name; /* what the words are: "reason" */
    size_t (*count)(const void *field);
    uint64_t (*value)(const void *field, size_t index, struct span *word); /* index < count */
};

struct figure {
    const char *name; /* without its unit */
    const char *help; /* a few words */
    uint8_t kind, unit;
    uint16_t field;                     /* its place in the snapshot */
    const struct figure_labels *labels; /* NULL: it has one value, a uint64_t in the snapshot */

    /* Adds what one part of the whole (a worker) has counted to the field. NULL: no part has it alone. */
    void (*add)(const void *part, void *field);
};

static inline const void *figure_field(const void *snapshot, const struct figure *figure)
{
    return (const char *)snapshot + figure->field;
}

/* The value of a figure that has one. */
static inline uint64_t figure_of(const void *snapshot, const struct figure *figure)
{
    check(figure->labels == NULL);
    check(figure->kind != FIGURE_TIMES);
    return *(const uint64_t *)figure_field(snapshot, figure);
}

/* Of a figure with labels: how many values it has now, and each with its word, which is valid as long as the
 * snapshot. */
static inline size_t figure_count(const void *snapshot, const struct figure *figure)
{
    return figure->labels->count(figure_field(snapshot, figure));
}

static inline uint64_t figure_labelled(const void *snapshot, const struct figure *figure,
                                       size_t index, struct span *word)
{
    return figure->labels->value(figure_field(snapshot, figure), index, word);
}

/* Of a figure of the kind FIGURE_TIMES. */
static inline const struct histogram_sum *figure_times(const void *snapshot,
                                                       const struct figure *figure)
{
    check(figure->kind == FIGURE_TIMES);
    return figure_field(snapshot, figure);
}

/* What is shown of such times: the value of a quantile, and its name: "p50" "p99" "max". */
enum { FIGURE_QUANTILES = 3 };
uint64_t figure_quantile(const struct histogram_sum *times, int index, const char **name);

#endif
