/* What a view asks for, what becomes of the answers, and what keys change. */
#include "base/text.h"
#include "commands/top_text.h"
#include "commands/top_view.h"

#include <inttypes.h>

/* Columns by which the server sorts, in the order in which they are shown. */
static const struct order {
    const char *name;
    bool descends; /* at first: the largest are what somebody looks for */
} orders[] = {
    {"id", false},    {"address", false}, {"age", true},       {"idle", true},
    {"queued", true}, {"worker", false},  {"listener", false},
};
enum { ORDERS = sizeof orders / sizeof *orders };

const char *top_view_sort(const struct top_view *view)
{
    return orders[view->sort].name;
}

__attribute__((format(printf, 2, 3))) static void say(struct top_view *view, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(view->message, sizeof view->message, format, arguments);
    va_end(arguments);
    view->is_bad = false;
    view->message_s = 0;
}

enum { MESSAGE_S = 8 };

void top_view_tick(struct top_view *view)
{
    if (++view->message_s >= MESSAGE_S) view->message[0] = '\0';
}

/* ---- questions ---- */

static bool shows_connections(const struct top_view *view)
{
    return view->mode == TOP_OVERVIEW || view->mode == TOP_CONNECTIONS;
}

enum { LIMIT_LEAST = 100, LIMIT_MOST = 1000 };

bool top_view_ask_connections(const struct top_view *view, struct admin_question *question)
{
    char limit[16];
    if (!shows_connections(view)) return false;
    uint32_t count = view->selected + 3 * view->rows_shown; /* pages further down are there */
    if (count < LIMIT_LEAST) count = LIMIT_LEAST;
    if (count > LIMIT_MOST || view->to_end) count = LIMIT_MOST;
    snprintf(limit, sizeof limit, "%" PRIu32, count);
    snprintf(question->target, sizeof question->target, "/connections");
    return admin_http_add(question, "sort", top_view_sort(view)) &&
           admin_http_add(question, "order", view->descending ? "desc" : "asc") &&
           admin_http_add(question, "limit", limit) &&
           (view->filter[0] == '\0' || admin_http_add(question, "filter", view->filter));
}

bool top_view_ask_lines(const struct top_view *view, struct admin_question *question)
{
    if (view->mode != TOP_LOG && view->mode != TOP_ERRORS) return false;
    snprintf(question->target, sizeof question->target, "%s",
             view->mode == TOP_LOG ? "/log" : "/errors");
    return true;
}

/* ---- answers ---- */

static const char *id_of(const struct top_view *view, uint32_t row)
{
    return top_list_cell(&view->connections, row, "id");
}

/* In the first row the selection is of what comes there, in others of the connection that is there now. */
static void select_row(struct top_view *view, uint32_t row)
{
    view->selected = row;
    view->held[0] = '\0';
    if (row > 0) snprintf(view->held, sizeof view->held, "%s", id_of(view, row));
}

static bool take_connections(struct top_view *view, struct span body)
{
    if (!top_list_take(&view->connections, body)) return false;
    uint32_t rows = view->connections.rows, row = 0;
    while (view->held[0] != '\0' && row < rows && strcmp(id_of(view, row), view->held) != 0) row++;
    if (view->held[0] != '\0' && row < rows) view->selected = row;
    if (view->held[0] != '\0' && row == rows) view->held[0] = '\0';
    if (view->selected >= rows) view->selected = rows > 0 ? rows - 1 : 0;
    if (view->to_end) select_row(view, rows > 0 ? rows - 1 : 0);
    view->to_end = false;
    return true;
}

bool top_view_take_rows(struct top_view *view, struct span body)
{
    if (shows_connections(view)) return take_connections(view, body);
    return top_list_take_lines(&view->lines, body);
}

void top_view_trouble(struct top_view *view, const char *why)
{
    top_clean(span_text(why), view->trouble, sizeof view->trouble);
}

static const char help[] =
    "< >       sort the connections by the column before, or behind; r reverses\n"
    "/         show those whose address, id or state has a text in it; Esc: all\n"
    "arrows    select a connection, or scroll; PgUp PgDn Home End, too\n"
    "k         close the selected connection, when what is queued has been sent\n"
    "c         the connections alone, and back\n"
    "w         all workers, handlers and listeners, and back\n"
    "l         the log's recent lines, and back\n"
    "e         errors of scripts, with their tracebacks, and back\n"
    "R         reload the scripts\n"
    "B         roll back: to the scripts before the last reload\n"
    "^L        draw the screen anew\n"
    "q         quit\n"
    "\n"
    "Rates are of the last second; P50, P99 and MAX of all since the start.\n"
    "IN and OUT are packets. BUSY: the part of the time in which it did not wait.\n"
    "Of blocks, low is how few were free at the worst moment.\n";

static void show_mode(struct top_view *view, enum top_mode mode)
{
    top_list_free(&view->lines);
    view->mode = mode;
    view->line = 0;
    view->stays = false;
    if (mode == TOP_HELP) top_list_take_lines(&view->lines, span_text(help));
}

void top_view_tell(struct top_view *view, bool fine, struct span text)
{
    while (text.size > 0 && text.data[text.size - 1] == '\n') text.size--;
    if (text.size > 0 && memchr(text.data, '\n', text.size) != NULL) {
        struct top_list lines = {.rows = 0};
        if (!top_list_take_lines(&lines, text)) return;
        show_mode(view, TOP_ANSWER);
        view->lines = lines;
        text.size = 0;
    }
    top_clean(text, view->message, sizeof view->message);
    view->is_bad = !fine;
    view->message_s = 0;
}

/* ---- moving ---- */

static uint32_t moved(uint32_t from, int64_t by, uint32_t most)
{
    int64_t to = (int64_t)from + by;
    return to < 0 ? 0 : to > most ? most : (uint32_t)to;
}

/* By how many rows a key moves, on a page of so many. False: it does not. */
static bool moves(int key, uint32_t page, int64_t *by)
{
    int64_t rows = page > 1 ? page - 1 : 1;
    switch (key) {
    case TOP_KEY_UP: *by = -1; break;
    case TOP_KEY_DOWN: *by = 1; break;
    case TOP_KEY_PAGE_UP: *by = -rows; break;
    case TOP_KEY_PAGE_DOWN: *by = rows; break;
    case TOP_KEY_HOME: *by = INT32_MIN; break;
    case TOP_KEY_END: *by = INT32_MAX; break;
    default: return false;
    }
    return true;
}

static enum top_wish move_selection(struct top_view *view, int key)
{
    int64_t by;
    uint32_t rows = view->connections.rows;
    if (!moves(key, view->rows_shown, &by) || rows == 0 || view->rows_shown == 0)
        return TOP_WISH_NONE;
    select_row(view, moved(view->selected, by, rows - 1));
    bool has_more = view->connections.more > 0 && rows < LIMIT_MOST;
    view->to_end = key == TOP_KEY_END && has_more;
    return has_more && view->selected + view->rows_shown >= rows ? TOP_WISH_ASK : TOP_WISH_NONE;
}

static void move_lines(struct top_view *view, int key)
{
    int64_t by;
    if (!moves(key, view->lines_shown, &by)) return;
    uint32_t last =
        view->lines_total > view->lines_shown ? view->lines_total - view->lines_shown : 0;
    view->line = moved(view->line, by, last);
    view->stays = view->line < last;
}

/* ---- sorting ---- */

static enum top_wish sorted(struct top_view *view)
{
    view->held[0] = '\0';
    view->selected = view->first = 0;
    say(view, "sorted by %s, the %s first", top_view_sort(view),
        view->descending ? "largest" : "smallest");
    return TOP_WISH_ASK;
}

static enum top_wish sort_by(struct top_view *view, int step)
{
    view->sort = (uint8_t)((view->sort + ORDERS + step) % ORDERS);
    view->descending = orders[view->sort].descends;
    return sorted(view);
}

/* ---- prompts ---- */

static enum top_wish set_filter(struct top_view *view, const char *filter)
{
    snprintf(view->filter, sizeof view->filter, "%s", filter);
    view->held[0] = '\0';
    view->selected = view->first = 0;
    return TOP_WISH_ASK;
}

static enum top_wish edit_filter(struct top_view *view, int key)
{
    size_t size = strlen(view->typed);
    switch (key) {
    case TOP_KEY_ESCAPE: view->prompt = TOP_NO_PROMPT; return TOP_WISH_NONE;
    case TOP_KEY_DELETE:
        if (size > 0) view->typed[size - 1] = '\0';
        return TOP_WISH_NONE;
    case 'U' - '@': view->typed[0] = '\0'; return TOP_WISH_NONE;
    case TOP_KEY_ENTER: view->prompt = TOP_NO_PROMPT; return set_filter(view, view->typed);
    default:
        if (key >= ' ' && key < TOP_KEY_DELETE && size < sizeof view->typed - 1) {
            view->typed[size] = (char)key;
            view->typed[size + 1] = '\0';
        }
        return TOP_WISH_NONE;
    }
}

static enum top_wish confirm(struct top_view *view, int key, struct admin_question *question)
{
    bool closes = view->prompt == TOP_ASK_CLOSE;
    view->prompt = TOP_NO_PROMPT;
    if (key != 'y' && key != 'Y') {
        say(view, "nothing was done");
        return TOP_WISH_NONE;
    }
    if (closes)
        snprintf(question->target, sizeof question->target, "/connections/%s/close", view->closing);
    else
        snprintf(question->target, sizeof question->target, "/rollback");
    return TOP_WISH_ACT;
}

/* Of what is on the screen, and no other. */
static void ask_close(struct top_view *view)
{
    if (view->rows_shown == 0 || view->connections.rows == 0) {
        say(view, "no connection is shown here: c shows them");
        return;
    }
    const char *id = id_of(view, view->selected);
    if (strlen(id) >= sizeof view->closing || strspn(id, "0123456789") != strlen(id)) return;
    memcpy(view->closing, id, strlen(id) + 1);
    memcpy(view->held, id, strlen(id) + 1);
    view->prompt = TOP_ASK_CLOSE;
}

/* ---- all ---- */

/* The mode of that letter; the same once more leads back. */
static bool change_mode(struct top_view *view, int key)
{
    static const struct {
        int key;
        uint8_t mode;
    } modes[] = {{'c', TOP_CONNECTIONS}, {'w', TOP_WORKERS}, {'l', TOP_LOG},
                 {'e', TOP_ERRORS},      {'h', TOP_HELP},    {'?', TOP_HELP}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (modes[i].key != key) continue;
        show_mode(view, view->mode == modes[i].mode ? TOP_OVERVIEW : modes[i].mode);
        return true;
    }
    if (key != TOP_KEY_ESCAPE || view->mode == TOP_OVERVIEW) return false;
    show_mode(view, TOP_OVERVIEW);
    return true;
}

static enum top_wish list_key(struct top_view *view, int key)
{
    switch (key) {
    case '<': return sort_by(view, -1);
    case '>': return sort_by(view, 1);
    case 'r': view->descending = !view->descending; return sorted(view);
    case '/':
        view->prompt = TOP_ASK_FILTER;
        memcpy(view->typed, view->filter, sizeof view->typed);
        return TOP_WISH_NONE;
    case 'k': ask_close(view); return TOP_WISH_NONE;
    case TOP_KEY_ESCAPE: return set_filter(view, "");
    default: return move_selection(view, key);
    }
}

enum top_wish top_view_key(struct top_view *view, int key, struct admin_question *question)
{
    if (view->prompt == TOP_ASK_FILTER) return edit_filter(view, key);
    if (view->prompt != TOP_NO_PROMPT) return confirm(view, key, question);
    view->message[0] = '\0';
    if (change_mode(view, key)) return TOP_WISH_ASK;
    switch (key) {
    case 'q': return TOP_WISH_QUIT;
    case 'L' - '@': return TOP_WISH_PAINT;
    case 'B': view->prompt = TOP_ASK_ROLLBACK; return TOP_WISH_NONE;
    case 'R':
        snprintf(question->target, sizeof question->target, "/reload");
        say(view, "reloading ...");
        return TOP_WISH_ACT;
    default: break;
    }
    if (shows_connections(view)) return list_key(view, key);
    move_lines(view, key);
    return TOP_WISH_NONE;
}
