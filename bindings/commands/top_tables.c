/* Tables of workers, handlers and listeners. */
#include "commands/top_text.h"
#include "commands/top_view.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- workers ---- */

static const struct top_column worker_columns[] = {
    {.title = "WORKER", .width = 6}, {.title = "CONNECTIONS", .width = 11},
    {.title = "IN/S", .width = 6},   {.title = "OUT/S", .width = 6},
    {.title = "BUSY", .width = 5},   {.title = "TURN P99", .width = 8},
    {.title = "LUA", .width = 6},
};
enum { WORKERS_WIDTH = 56 };

static enum top_style style_of_busy(double busy)
{
    return busy >= 0.95 ? TOP_BAD : busy >= 0.8 ? TOP_WARN : TOP_PLAIN;
}

static void draw_worker(const struct top_view *view, const struct top_table *table, int row,
                        uint32_t index)
{
    const struct top_worker *now = &view->model.now.workers[index];
    const struct top_worker *rate = &view->model.rate.workers[index];
    char number[TOP_NUMBER_MAX];
    struct top_cell cells[COUNT(worker_columns)] = {{.style = TOP_PLAIN}};
    top_cell(&cells[0], "%u", index + 1);
    top_cell(&cells[1], "%s", top_count(now->connections, number));
    top_cell(&cells[2], "%s", top_rate(rate->packets_received, number));
    top_cell(&cells[3], "%s", top_rate(rate->packets_sent, number));
    if (rate->busy >= 0)
        top_cell(&cells[4], "%.0f%%", rate->busy < 1 ? 100 * rate->busy : 100.0);
    else
        top_cell(&cells[4], "-");
    cells[4].style = style_of_busy(rate->busy);
    top_cell(&cells[5], "%s", top_time(now->turn_p99, number));
    top_cell(&cells[6], "%s", top_bytes(now->lua_memory, number));
    top_table_row(table, row, cells, TOP_PLAIN);
}

/* ---- handlers ---- */

static const struct top_column handler_columns[] = {
    {.title = "HANDLER", .width = 14, .left = true},
    {.title = "CALLS/S", .width = 7},
    {.title = "FAILED", .width = 6},
    {.title = "P50", .width = 6},
    {.title = "P99", .width = 6},
    {.title = "MAX", .width = 6},
};
enum { HANDLERS_WIDTH = 50 };

static void draw_handler(const struct top_view *view, const struct top_table *table, int row,
                         uint32_t index)
{
    const struct top_handler *now = &view->model.now.handlers[index];
    const struct top_calls *rate = &view->model.rate.handlers[index].of;
    char number[TOP_NUMBER_MAX];
    struct top_cell cells[COUNT(handler_columns)] = {{.style = TOP_PLAIN}};
    top_cell(&cells[0], "%s", now->name);
    top_cell(&cells[1], "%s", top_rate(rate->calls, number));
    top_cell(&cells[2], "%s", top_count(now->of.failed, number));
    cells[2].style = rate->failed > 0 ? TOP_BAD : TOP_PLAIN;
    top_cell(&cells[3], "%s", top_time(now->of.p50, number));
    top_cell(&cells[4], "%s", top_time(now->of.p99, number));
    top_cell(&cells[5], "%s", top_time(now->of.max, number));
    top_table_row(table, row, cells, TOP_PLAIN);
}

/* ---- listeners ---- */

static const struct top_column listener_columns[] = {
    {.title = "LISTENER", .width = 8},
    {.title = "ADDRESS", .width = 21, .left = true},
    {.title = "STATE", .width = 6, .left = true},
    {.title = "CONNECTIONS", .width = 11},
    {.title = "ACCEPTED/S", .width = 10},
    {.title = "REFUSED", .width = 7},
};
enum { LISTENER_ADDRESS = 1, ADDRESS_MOST = 48 };

/* As wide as they are, within reason. */
static int width_of_addresses(const struct top_sample *now)
{
    int width = 0;
    for (uint32_t i = 0; i < now->listener_count; i++)
        if ((int)strlen(now->listeners[i].address) > width)
            width = (int)strlen(now->listeners[i].address);
    return width < ADDRESS_MOST ? width : ADDRESS_MOST;
}

static void draw_listener(const struct top_view *view, const struct top_table *table, int row,
                          uint32_t index)
{
    const struct top_listener *now = &view->model.now.listeners[index];
    const struct top_accepts *rate = &view->model.rate.listeners[index].of;
    char number[TOP_NUMBER_MAX];
    struct top_cell cells[COUNT(listener_columns)] = {{.style = TOP_PLAIN}};
    top_cell(&cells[0], "%u", index + 1);
    top_cell(&cells[1], "%s", now->address);
    top_cell(&cells[2], "%s", now->is_open ? "open" : "closed");
    cells[2].style = now->is_open ? TOP_PLAIN : TOP_WARN;
    top_cell(&cells[3], "%s", top_count(now->of.connections, number));
    top_cell(&cells[4], "%s", top_rate(rate->accepted, number));
    top_cell(&cells[5], "%s", top_count(now->of.refused, number));
    top_table_row(table, row, cells, TOP_PLAIN);
}

/* ---- all three ---- */

typedef void draw_one(const struct top_view *view, const struct top_table *table, int row,
                      uint32_t index);

static const struct part {
    const struct top_column *columns;
    int count;
    draw_one *draw;
    const char *many;
} parts[] = {
    {worker_columns, COUNT(worker_columns), draw_worker, "workers"},
    {handler_columns, COUNT(handler_columns), draw_handler, "handlers"},
    {listener_columns, COUNT(listener_columns), draw_listener, "listeners"},
};
enum { PARTS = COUNT(parts), HEIGHT_LEAST = 2 };

/* In columns [begin, end_column) and rows [row, end): titles, and as many rows as there is room for. */
static void draw_part(const struct top_view *view, const struct top_canvas *canvas, int which,
                      int count, int begin, int end_column, int row, int end)
{
    const struct part *part = &parts[which];
    struct top_column columns[TOP_TABLE_COLUMNS_MAX];
    char text[64];
    int room = end - row - 1, width = width_of_addresses(&view->model.now);
    if (room < 1 || count == 0) return;
    memcpy(columns, part->columns, (size_t)part->count * sizeof *columns);
    if (part->draw == draw_listener && width > columns[LISTENER_ADDRESS].width)
        columns[LISTENER_ADDRESS].width = width;
    struct top_table table = top_table_at(canvas, begin, end_column, columns, part->count);
    top_table_titles(&table, row, -1, false);
    int shown = count <= room ? count : room == 1 ? 1 : room - 1;
    for (int i = 0; i < shown; i++) part->draw(view, &table, row + 1 + i, (uint32_t)i);
    if (shown == count || room == 1) return;
    snprintf(text, sizeof text, "and %d more %s: w shows them", count - shown, part->many);
    top_put(canvas, row + 1 + shown, begin, end_column - begin, TOP_DIM, text);
}

/* Takes rows from the tallest until all fit; then the last ones are left out. */
static void shorten(int heights[], int count, int room)
{
    while (count > 0) {
        int sum = 0, tallest = 0;
        for (int i = 0; i < count; i++) {
            sum += heights[i];
            if (heights[i] > heights[tallest]) tallest = i;
        }
        if (sum <= room) return;
        if (heights[tallest] > HEIGHT_LEAST)
            heights[tallest]--;
        else
            heights[--count] = 0;
    }
}

/* Draws tables with these heights below each other, the first two beside each other if they are so. */
static int draw_parts(const struct top_view *view, const struct top_canvas *canvas, int row,
                      const int heights[PARTS], const int counts[PARTS], bool beside)
{
    for (int i = 0; i < PARTS; i++) {
        int behind = row + heights[i];
        int edge = i == 0 && beside ? WORKERS_WIDTH : canvas->columns;
        draw_part(view, canvas, i, counts[i], 0, edge, row, behind);
        if (i == 0 && beside)
            draw_part(view, canvas, 1, counts[1], edge + 2, canvas->columns, row, behind);
        row = behind;
    }
    return row;
}

/* Returns the height of all. */
static int find_heights(const struct top_view *view, const struct top_canvas *canvas,
                        int heights[PARTS], int counts[PARTS], bool *beside)
{
    const struct top_sample *now = &view->model.now;
    int sum = 0;
    counts[0] = (int)now->worker_count;
    counts[1] = (int)now->handler_count;
    counts[2] = (int)now->listener_count;
    for (int i = 0; i < PARTS; i++) heights[i] = counts[i] > 0 ? counts[i] + 1 : 0;
    *beside = canvas->columns >= WORKERS_WIDTH + HANDLERS_WIDTH + 2 && counts[1] > 0;
    if (*beside) {
        if (heights[1] > heights[0]) heights[0] = heights[1];
        heights[1] = 0;
    }
    for (int i = 0; i < PARTS; i++) sum += heights[i];
    return sum;
}

int top_draw_tables(const struct top_view *view, const struct top_canvas *canvas, int row, int end)
{
    int heights[PARTS], counts[PARTS], room = end - row;
    bool beside;
    find_heights(view, canvas, heights, counts, &beside);
    shorten(heights, PARTS, room - room / 3); /* a third is for connections */
    return draw_parts(view, canvas, row, heights, counts, beside);
}

/* ---- all of them, scrolled ---- */

/* A window onto a taller canvas. */
struct window {
    const struct top_canvas *canvas;
    int first, rows; /* where it is on that */
    int skipped;     /* rows of the taller one above it */
};

static void put_in_window(void *context, int row, int column, int columns, enum top_style style,
                          const char *text)
{
    const struct window *window = context;
    row -= window->skipped;
    if (row >= 0 && row < window->rows)
        top_put(window->canvas, window->first + row, column, columns, style, text);
}

void top_draw_all_tables(struct top_view *view, const struct top_canvas *canvas, int row, int end)
{
    int heights[PARTS], counts[PARTS], room = end - row;
    bool beside;
    if (room < 1) return;
    int height = find_heights(view, canvas, heights, counts, &beside);
    uint32_t last = height > room ? (uint32_t)(height - room) : 0;
    if (view->line > last) view->line = last;
    view->lines_total = (uint32_t)height;
    view->lines_shown = (uint32_t)room;
    struct window window = {canvas, row, room, (int)view->line};
    const struct top_canvas taller = {
        .rows = height, .columns = canvas->columns, .put = put_in_window, .context = &window};
    draw_parts(view, &taller, 0, heights, counts, beside);
}
