#include "commands/top_view.h"

#include "base/text.h"
#include "commands/top_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- the head ---- */

/* Where there is no room for all, its name is left out. */
static void draw_head(const struct top_view *view, const struct top_canvas *canvas)
{
    const struct top_sample *now = &view->model.now;
    char name[64], place[512], age[TOP_NUMBER_MAX];
    struct text text = text_in(place, sizeof place);
    snprintf(name, sizeof name, " moonport %s ", now->version);
    text_add(&text, " %s", view->where);
    if (view->model.has_now) {
        if (now->whole.draining > 0) text_add(&text, "  DRAINING");
        text_add(&text, "  up %s  generation %.0f", top_age(now->whole.uptime, age),
                 now->whole.generation);
    }
    if (view->filter[0] != '\0') text_add(&text, "  filter \"%s\"", view->filter);
    int width = (int)(text.used + strlen(name)) <= canvas->columns ? (int)strlen(name) : 0;
    top_put_row(canvas, 0, TOP_HEAD, name);
    top_put(canvas, 0, width, canvas->columns - width, TOP_HEAD, place);
}

enum { TROUBLE_ROWS = 3, NEWS_ROWS = 2 };

/* That what is shown is old, and why. */
static int draw_trouble(const struct top_view *view, const struct top_canvas *canvas, int row)
{
    char place[sizeof view->trouble + 64];
    struct text text = text_in(place, sizeof place);
    if (view->trouble[0] == '\0' && view->silent_s < TOP_SILENCE_S) return row;
    text_add(&text, "no answer for %" PRIu64 " s", view->silent_s);
    if (view->trouble[0] != '\0') text_add(&text, ": %s", view->trouble);
    int rows = top_put_wrapped(canvas, row, TROUBLE_ROWS, 0, TOP_BAD, place);
    return row + (rows < TROUBLE_ROWS ? rows : TROUBLE_ROWS);
}

/* How the newest scripts are getting on. */
static int draw_news(const struct top_canvas *canvas, int row, enum top_style style,
                     const char *news)
{
    if (news[0] == '\0') return row;
    int rows = top_put_wrapped(canvas, row, NEWS_ROWS, 0, style, news);
    return row + (rows < NEWS_ROWS ? rows : NEWS_ROWS);
}

/* ---- connections ---- */

static const struct connection_column {
    struct top_column shape;
    const char *name;
    const char *(*write)(double, char *); /* NULL: as it comes */
} connection_columns[] = {
    {{.title = "ID", .width = 6, .left = true}, "id", NULL},            /* or as wide as they are */
    {{.title = "ADDRESS", .width = 21, .left = true}, "address", NULL}, /* the same */
    {{.title = "AGE", .width = 6}, "age", top_age},
    {{.title = "IDLE", .width = 6}, "idle", top_age},
    {{.title = "QUEUED", .width = 7}, "queued", top_bytes},
    {{.title = "WORKER", .width = 7}, "worker", NULL},
    {{.title = "STATE", .width = 10, .left = true, .wide = true}, "state", NULL},
    {{.title = "LISTENER", .width = 9}, "listener", NULL},
};
enum { COLUMNS = COUNT(connection_columns) };

static void draw_connection(const struct top_list *list, const struct top_table *table, int row,
                            uint32_t index, bool is_selected)
{
    struct top_cell cells[COLUMNS] = {{.style = TOP_PLAIN}};
    for (int i = 0; i < table->count; i++) {
        char number[TOP_NUMBER_MAX];
        const struct connection_column *column = &connection_columns[i];
        const char *text = top_list_cell(list, index, column->name);
        if (column->write != NULL && text[0] != '\0')
            text = column->write(strtod(text, NULL), number);
        top_cell(&cells[i], "%s", text);
    }
    top_table_row(table, row, cells, is_selected ? TOP_SELECTED : TOP_PLAIN);
}

/* Scrolls so that the selected row is on the screen. */
static void scroll(struct top_view *view, uint32_t room)
{
    uint32_t rows = view->connections.rows;
    if (view->selected < view->first) view->first = view->selected;
    if (view->selected >= view->first + room) view->first = view->selected - room + 1;
    if (view->first + room > rows) view->first = rows > room ? rows - room : 0;
}

/* Which of them are shown, if that is not all, and what the server says about them. */
static void draw_note(const struct top_view *view, const struct top_canvas *canvas, int row)
{
    const struct top_list *list = &view->connections;
    char place[sizeof list->note + 64];
    struct text text = text_in(place, sizeof place);
    uint32_t behind = view->first + view->rows_shown;
    text_add(&text, "%" PRIu32 " to %" PRIu32 " of %" PRIu64, view->first + 1,
             behind < list->rows ? behind : list->rows, list->rows + list->more);
    if (list->note[0] != '\0') text_add(&text, "; %s", list->note);
    top_put_row(canvas, row, list->note[0] != '\0' ? TOP_WARN : TOP_DIM, place);
}

enum { WIDENED = 2, WIDTH_MOST = 48 };

/* The first columns are as wide as what is in them. */
static void widen(struct top_column *shape, const struct top_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->rows; i++) {
        size_t size = strlen(top_list_cell(list, i, name));
        if (size > WIDTH_MOST) size = WIDTH_MOST;
        if ((int)size > shape->width) shape->width = (int)size;
    }
}

void top_draw_connections(struct top_view *view, const struct top_canvas *canvas, int row, int end)
{
    const struct top_list *list = &view->connections;
    struct top_column shapes[COLUMNS];
    int sorted = -1;
    if (end - row < 2 || !view->model.has_now) return;
    for (int i = 0; i < COLUMNS; i++) {
        shapes[i] = connection_columns[i].shape;
        if (i < WIDENED) widen(&shapes[i], list, connection_columns[i].name);
        if (strcmp(connection_columns[i].name, top_view_sort(view)) == 0) sorted = i;
    }
    int shown = COLUMNS - (view->model.now.listener_count < 2); /* the last has them */
    struct top_table table = top_table_at(canvas, 0, canvas->columns, shapes, shown);
    top_table_titles(&table, row++, sorted, view->descending);
    bool is_all = list->more == 0 && list->rows <= (uint32_t)(end - row) && list->note[0] == '\0';
    bool has_note = !is_all && end - row > 1;
    view->rows_shown = (uint32_t)(end - row - has_note);
    scroll(view, view->rows_shown);
    if (has_note) draw_note(view, canvas, --end);
    for (uint32_t i = view->first; i < list->rows && row < end; i++)
        draw_connection(list, &table, row++, i, i == view->selected);
    if (list->rows == 0)
        top_put_row(canvas, row, TOP_DIM,
                    view->filter[0] != '\0' ? "no connection fits the filter" : "no connection");
}

/* ---- lines ---- */

/* Of a log the end is shown, unless somebody has scrolled. */
void top_draw_lines(struct top_view *view, const struct top_canvas *canvas, int row, int end)
{
    const struct top_list *list = &view->lines;
    int skip, total = 0, room = end - row;
    if (room < 1) return;
    for (uint32_t i = 0; i < list->rows; i++)
        total += top_put_wrapped(canvas, 0, 0, 0, TOP_PLAIN, list->cells[i]);
    view->lines_shown = (uint32_t)room;
    view->lines_total = (uint32_t)total;
    uint32_t last = total > room ? (uint32_t)(total - room) : 0;
    if (view->line > last || (view->mode == TOP_LOG && !view->stays)) view->line = last;
    skip = (int)view->line;
    for (uint32_t i = 0; i < list->rows && row < end; i++) {
        int rows = top_put_wrapped(canvas, row, end - row, skip, TOP_PLAIN, list->cells[i]);
        row += rows > skip ? rows - skip : 0;
        skip = rows > skip ? 0 : skip - rows;
    }
    if (list->rows == 0) top_put_row(canvas, row, TOP_DIM, "nothing");
}

/* ---- the bottom ---- */

/* As many as fit, whole: two spaces are between them. */
static void draw_keys(const struct top_canvas *canvas, int row, const char *keys)
{
    char text[256];
    size_t size = strlen(keys), room = (size_t)canvas->columns;
    if (size > room)
        for (size = room; size > 0 && strncmp(keys + size, "  ", 2) != 0;) size--;
    snprintf(text, sizeof text, "%.*s", (int)size, keys);
    top_put_row(canvas, row, TOP_DIM, text);
}

static void draw_bottom(const struct top_view *view, const struct top_canvas *canvas)
{
    static const char *const keys[] = {
        [TOP_OVERVIEW] =
            ("q quit  h help  < > sort  r reverse  / filter  k close  l log  e errors  "
             "R reload  c connections  w workers  B roll back"),
        [TOP_CONNECTIONS] = "q quit  h help  c all  < > sort  r reverse  / filter  k close",
        [TOP_WORKERS] = "q quit  h help  w all  c connections  l log  e errors",
        [TOP_LOG] = "q quit  h help  l back  arrows, PgUp, PgDn, Home, End scroll",
        [TOP_ERRORS] = "q quit  h help  e back  arrows, PgUp, PgDn, Home, End scroll",
        [TOP_ANSWER] = "q quit  h help  Esc back  arrows, PgUp, PgDn scroll",
        [TOP_HELP] = "q quit  h back",
    };
    char text[TOP_MESSAGE_MAX];
    int row = canvas->rows - 1;
    switch (view->prompt) {
    case TOP_ASK_FILTER: snprintf(text, sizeof text, "filter: %s_", view->typed); break;
    case TOP_ASK_CLOSE:
        snprintf(text, sizeof text, "close connection %s? y/n", view->closing);
        break;
    case TOP_ASK_ROLLBACK:
        snprintf(text, sizeof text, "go back to the scripts before this generation? y/n");
        break;
    default:
        if (view->message[0] == '\0') {
            draw_keys(canvas, row, keys[view->mode]);
            return;
        }
        top_put_row(canvas, row, view->is_bad ? TOP_BAD : TOP_BOLD, view->message);
        return;
    }
    top_put_row(canvas, row, TOP_BOLD, text);
}

/* ---- all ---- */

static void draw_too_small(const struct top_canvas *canvas)
{
    char text[64];
    snprintf(text, sizeof text, "%dx%d is too small: top needs %dx%d", canvas->columns,
             canvas->rows, TOP_COLUMNS_LEAST, TOP_ROWS_LEAST);
    top_put_wrapped(canvas, 0, canvas->rows, 0, TOP_BOLD, text);
}

void top_view_draw(struct top_view *view, const struct top_canvas *canvas)
{
    int end = canvas->rows - 1;
    view->rows_shown = view->lines_shown = 0;
    if (canvas->columns < TOP_COLUMNS_LEAST || canvas->rows < TOP_ROWS_LEAST) {
        draw_too_small(canvas);
        return;
    }
    draw_head(view, canvas);
    int row = draw_trouble(view, canvas, 1);
    row = draw_news(canvas, row, TOP_WARN, view->model.now.probation);
    row = draw_news(canvas, row, TOP_BAD, view->model.now.taken_back);
    if (view->mode == TOP_OVERVIEW && view->model.has_now)
        row = top_draw_gauges(&view->model, canvas, row, end);
    if (view->mode == TOP_OVERVIEW) row = top_draw_tables(view, canvas, row, end);
    if (view->mode == TOP_WORKERS) top_draw_all_tables(view, canvas, row, end);
    if (view->mode == TOP_OVERVIEW || view->mode == TOP_CONNECTIONS)
        top_draw_connections(view, canvas, row, end);
    if (view->mode >= TOP_LOG) top_draw_lines(view, canvas, row, end);
    draw_bottom(view, canvas);
}
