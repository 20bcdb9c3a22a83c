#include "commands/top_paint.h"

#include "base/check.h"

#include <stdarg.h>
#include <string.h>

enum { WRAPPED_MAX = 2048 }; /* bytes in a row */

void top_put(const struct top_canvas *canvas, int row, int column, int columns,
             enum top_style style, const char *text)
{
    if (row < 0 || row >= canvas->rows || column < 0) return;
    if (columns > canvas->columns - column) columns = canvas->columns - column;
    if (columns > 0) canvas->put(canvas->context, row, column, columns, style, text);
}

void top_put_row(const struct top_canvas *canvas, int row, enum top_style style, const char *text)
{
    top_put(canvas, row, 0, canvas->columns, style, text);
}

/* How much of a text to put into a row that has room for `most`: up to a space, if one is near. */
static size_t whole_words(const char *text, size_t most)
{
    if (text[most] == '\0') return most;
    for (size_t size = most; size > most / 2; size--)
        if (text[size - 1] == ' ') return size;
    return most;
}

int top_put_wrapped(const struct top_canvas *canvas, int row, int rows, int skip,
                    enum top_style style, const char *text)
{
    int taken = 0;
    do {
        size_t size = canvas->fit(canvas->context, canvas->columns, text);
        char part[WRAPPED_MAX];
        check(size > 0 || *text == '\0');
        size = whole_words(text, size < sizeof part ? size : sizeof part - 1);
        memcpy(part, text, size);
        part[size] = '\0';
        if (taken >= skip && taken - skip < rows)
            top_put_row(canvas, row + taken - skip, style, part);
        text += size;
        taken++;
    } while (*text != '\0');
    return taken;
}

/* ---- tables ---- */

struct top_table top_table_at(const struct top_canvas *canvas, int begin, int end,
                              const struct top_column *columns, int count)
{
    struct top_table table = {.canvas = canvas, .columns = columns, .begin = begin, .end = end};
    int used = begin, wide = 0;
    check(count <= TOP_TABLE_COLUMNS_MAX);
    while (table.count < count && used + columns[table.count].width <= end) {
        wide += columns[table.count].wide;
        used += columns[table.count++].width + 1;
    }
    int left = end - (used - 1), at = begin;
    for (int i = 0; i < table.count; i++) {
        int more = columns[i].wide && left > 0 ? left / wide : 0;
        wide -= columns[i].wide;
        left -= more;
        table.at[i] = at;
        table.width[i] = columns[i].width + more;
        at += table.width[i] + 1;
    }
    return table;
}

static void put_cell(const struct top_table *table, int row, int index, enum top_style style,
                     const char *text)
{
    char aligned[sizeof(struct top_cell)];
    int width = table->width[index];
    if (!table->columns[index].left && width < (int)sizeof aligned) {
        snprintf(aligned, sizeof aligned, "%*s", width, text);
        text = aligned;
    }
    top_put(table->canvas, row, table->at[index], width, style, text);
}

void top_table_titles(const struct top_table *table, int row, int sorted, bool descending)
{
    char text[32];
    top_put(table->canvas, row, table->begin, table->end - table->begin, TOP_TITLE, "");
    for (int i = 0; i < table->count; i++) {
        const char *mark = i != sorted ? "" : descending ? "v" : "^";
        snprintf(text, sizeof text, "%s%s", table->columns[i].title, mark);
        put_cell(table, row, i, i == sorted ? TOP_SORTED : TOP_TITLE, text);
    }
}

void top_table_row(const struct top_table *table, int row, const struct top_cell *cells,
                   enum top_style style)
{
    top_put(table->canvas, row, table->begin, table->end - table->begin, style, "");
    for (int i = 0; i < table->count; i++)
        put_cell(table, row, i, style != TOP_PLAIN ? style : cells[i].style, cells[i].text);
}

void top_cell(struct top_cell *cell, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cell->text, sizeof cell->text, format, arguments);
    va_end(arguments);
}
