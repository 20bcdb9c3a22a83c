/* top_view.h - what `moonport top` shows, and what its keys change. Pure: answers of the server are put into it, keys
 * are given to it, and it is drawn on a canvas (top_paint.h). The owner frees its lists. */
#ifndef MOONPORT_TOP_VIEW_H
#define MOONPORT_TOP_VIEW_H

#include "base/error.h"
#include "commands/admin_http.h"
#include "commands/top_list.h"
#include "commands/top_model.h"
#include "commands/top_paint.h"

enum { TOP_COLUMNS_LEAST = 40, TOP_ROWS_LEAST = 10 };

/* Keys, besides those that are a character. */
enum top_key {
    TOP_KEY_NONE = 0,
    TOP_KEY_ENTER = '\n',
    TOP_KEY_ESCAPE = 27,
    TOP_KEY_DELETE = 127,
    TOP_KEY_UP = 256,
    TOP_KEY_DOWN,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
};

enum top_mode {
    TOP_OVERVIEW,    /* all, as far as there is room */
    TOP_CONNECTIONS, /* them alone */
    TOP_WORKERS,     /* all workers, handlers and listeners */
    TOP_LOG,         /* from here on: lines */
    TOP_ERRORS,
    TOP_ANSWER, /* of several lines, to something it was told to do */
    TOP_HELP,
};

enum top_prompt { TOP_NO_PROMPT, TOP_ASK_FILTER, TOP_ASK_CLOSE, TOP_ASK_ROLLBACK };

enum { TOP_FILTER_MAX = 64, TOP_ID_MAX = 24, TOP_MESSAGE_MAX = 512, TOP_SILENCE_S = 3 };

/* Zeroed but for `where` it is the one to begin with. */
struct top_view {
    char where[ADDRESS_TEXT_MAX]; /* the server's admin address */
    struct top_model model;
    struct top_list connections, lines; /* lines: of the mode, if that has some */
    char trouble[sizeof((struct error *)0)
                     ->text]; /* why there was no answer, the last time; "": there was */
    uint64_t silent_s;        /* for so long there has been no answer */

    uint8_t mode, prompt; /* enum top_mode, enum top_prompt */
    uint8_t sort;         /* the column, see top_keys.c */
    bool descending;
    char filter[TOP_FILTER_MAX], typed[TOP_FILTER_MAX]; /* typed: at its prompt */
    char held
        [TOP_ID_MAX]; /* the connection that is selected, wherever it goes; "": what is in that row */
    uint32_t selected, first;      /* rows of connections */
    bool to_end;                   /* the last row is selected when it is there */
    uint32_t line;                 /* the first row of lines that is shown */
    bool stays;                    /* in the log: new lines do not scroll it */
    char closing[TOP_ID_MAX];      /* about which it is asked */
    char message[TOP_MESSAGE_MAX]; /* what became of something */
    bool is_bad;                   /* it failed */
    uint32_t message_s;            /* for so long it has been shown */

    /* As it was drawn last, in rows. */
    uint32_t rows_shown;  /* of connections; 0: there is no table */
    uint32_t lines_shown; /* of lines; */
    uint32_t lines_total; /* wrapped */
};

/* ---- what it wants to know ---- */

/* The targets of its questions, without those of /stats. The first is false, and the target as it was, unless its mode
 * shows connections; the second, unless it shows lines. */
bool top_view_ask_connections(const struct top_view *view, struct admin_question *question);
bool top_view_ask_lines(const struct top_view *view, struct admin_question *question);

/* Takes the answer's body to the one of these that its mode wants. False: it is none such. */
bool top_view_take_rows(struct top_view *view, struct span body);

/* Why there are no figures; "": there are. */
void top_view_trouble(struct top_view *view, const char *why);

/* Shows what became of something that it was told to do. */
void top_view_tell(struct top_view *view, bool fine, struct span text);

/* Once a second: messages go after a while. */
void top_view_tick(struct top_view *view);

/* ---- keys ---- */

enum top_wish {
    TOP_WISH_NONE,
    TOP_WISH_QUIT,
    TOP_WISH_ASK,   /* it shows something else, about which the server is to be asked at once */
    TOP_WISH_ACT,   /* the server is to be told; the target is in the question */
    TOP_WISH_PAINT, /* all anew, for something has written over it */
};
enum top_wish top_view_key(struct top_view *view, int key, struct admin_question *question);

/* The column by which connections are sorted, as the server names it. */
const char *top_view_sort(const struct top_view *view);

/* ---- drawing ---- */

void top_view_draw(struct top_view *view, const struct top_canvas *canvas);

/* Parts of it, each in a file of its own. They draw into the rows [row, end) and return the row behind. */
int top_draw_gauges(const struct top_model *model, const struct top_canvas *canvas, int row,
                    int end);
int top_draw_tables(const struct top_view *view, const struct top_canvas *canvas, int row, int end);
void top_draw_all_tables(struct top_view *view, const struct top_canvas *canvas, int row, int end);
void top_draw_connections(struct top_view *view, const struct top_canvas *canvas, int row, int end);
void top_draw_lines(struct top_view *view, const struct top_canvas *canvas, int row, int end);

#endif
