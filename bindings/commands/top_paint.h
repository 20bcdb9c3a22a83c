/* top_paint.h - what `moonport top` draws with: cells of text on a canvas, which is a terminal, or a test's. Pure. */
#ifndef MOONPORT_TOP_PAINT_H
#define MOONPORT_TOP_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum top_style {
    TOP_PLAIN,
    TOP_BOLD,
    TOP_DIM,
    TOP_HEAD,     /* a bar over all columns */
    TOP_TITLE,    /* of a table's column; */
    TOP_SORTED,   /* of the one by which it is sorted */
    TOP_SELECTED, /* the row that keys are about */
    TOP_GOOD,
    TOP_WARN,
    TOP_BAD,
    TOP_STYLES
};

struct top_canvas {
    int rows, columns; /* 1 at least */

    /* How many bytes at the front of the text fit into so many columns; at least one character's, so that whoever
     * goes on behind them gets to the end. */
    size_t (*fit)(void *context, int columns, const char *text);

    /* Writes as much of the text as fits, and blanks behind it, to fill these columns. They are on the canvas. */
    void (*put)(void *context, int row, int column, int columns, enum top_style style,
                const char *text);
    void *context;
};

/* The same, but what lies outside of the canvas is left out. */
void top_put(const struct top_canvas *canvas, int row, int column, int columns,
             enum top_style style, const char *text);

/* A whole row. */
void top_put_row(const struct top_canvas *canvas, int row, enum top_style style, const char *text);

/* How many rows the text takes if it is wrapped, at least one; draws those that fit into `rows`, without the first
 * `skip` of them. rows 0: only counts. */
int top_put_wrapped(const struct top_canvas *canvas, int row, int rows, int skip,
                    enum top_style style, const char *text);

/* ---- tables ---- */

enum { TOP_TABLE_COLUMNS_MAX = 12 };

struct top_column {
    const char *title;
    int width;
    bool left; /* it is aligned so; numbers are not */
    bool wide; /* it takes what columns are left over */
};

struct top_cell {
    char text[136];
    enum top_style style;
};

/* Where a table's columns are: those that have no room are left out, from the last on. */
struct top_table {
    const struct top_canvas *canvas;
    const struct top_column *columns;
    int count; /* of those that are shown */
    int begin, end, at[TOP_TABLE_COLUMNS_MAX], width[TOP_TABLE_COLUMNS_MAX];
};
struct top_table top_table_at(const struct top_canvas *canvas, int begin, int end,
                              const struct top_column *columns, int count);

/* sorted: the index of a column, or -1; descending: so. */
void top_table_titles(const struct top_table *table, int row, int sorted, bool descending);

/* style: of the whole row; TOP_PLAIN: cells have their own. */
void top_table_row(const struct top_table *table, int row, const struct top_cell *cells,
                   enum top_style style);

/* Sets a cell's text. */
__attribute__((format(printf, 2, 3))) void top_cell(struct top_cell *cell, const char *format, ...);

#endif
