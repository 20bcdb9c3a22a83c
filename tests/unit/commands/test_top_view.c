/* What is drawn, on a canvas of characters. */
#include "commands/top_view.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ROWS_MAX = 64, COLUMNS_MAX = 200 };

static struct paper {
    char cells[ROWS_MAX][COLUMNS_MAX + 1];
    uint8_t styles[ROWS_MAX][COLUMNS_MAX];
    int rows, columns;
} paper;

static size_t fit(void *context, int columns, const char *text)
{
    (void)context;
    size_t size = strlen(text);
    return size < (size_t)columns ? size : (size_t)columns;
}

static void put(void *context, int row, int column, int columns, enum top_style style,
                const char *text)
{
    size_t size = strlen(text);
    (void)context;
    cr_assert(row >= 0 && row < paper.rows);
    cr_assert(column >= 0 && columns > 0 && column + columns <= paper.columns);
    memset(&paper.cells[row][column], ' ', (size_t)columns);
    memcpy(&paper.cells[row][column], text, size < (size_t)columns ? size : (size_t)columns);
    for (int i = 0; i < columns; i++) {
        paper.styles[row][column + i] = (uint8_t)style;
        cr_assert((unsigned char)paper.cells[row][column + i] >= ' ');
    }
}

static struct top_view view = {.where = "127.0.0.1:7001"};

static void draw(int columns, int rows)
{
    const struct top_canvas canvas = {.rows = rows, .columns = columns, .fit = fit, .put = put};
    paper.rows = rows;
    paper.columns = columns;
    for (int i = 0; i < rows; i++) {
        memset(paper.cells[i], ' ', (size_t)columns);
        paper.cells[i][columns] = '\0';
    }
    top_view_draw(&view, &canvas);
}

/* The row that has this in it, from that one on; -1: none has. */
static int row_from(int row, const char *text)
{
    for (; row < paper.rows; row++)
        if (strstr(paper.cells[row], text) != NULL) return row;
    return -1;
}

static int row_of(const char *text)
{
    return row_from(0, text);
}

static void shows(const char *text)
{
    if (row_of(text) >= 0) return;
    for (int i = 0; i < paper.rows; i++) fprintf(stderr, "|%s|\n", paper.cells[i]);
    cr_assert(false, "\"%s\" is not shown", text);
}

static void shows_not(const char *text)
{
    cr_assert_eq(row_of(text), -1, "\"%s\" is shown", text);
}

static enum top_style style_of(const char *text)
{
    int row = row_of(text);
    cr_assert(row >= 0, "\"%s\" is not shown", text);
    return paper.styles[row][strstr(paper.cells[row], text) - paper.cells[row]];
}

/* A server with so many workers that has been asked twice. */
static void serve(int workers)
{
    static const char figures[] =
        "connections 200\nconnections_max 400\nblocks 1000\nblocks_used 950\nblocks_lowest 7\n"
        "memory_used 1024\nmemory_max 2048\nlua_memory 1048576\nlua_memory_max 1073741824\n"
        "queued_bytes 12345\nmailbox 3\ngeneration 4\ndraining 0\nrefused 5\n"
        "jobs.threads 4\njobs.busy 2\njobs.queued 9\nversion 0.1.0\n"
        "listener.1 127.0.0.1:7000 open\nlistener.1.accepted 1\nlistener.1.refused 0\n"
        "listener.1.connections 200\n"
        "on_connect.calls 3\non_connect.failed 0\non_connect.time.p50 0.000007\n"
        "on_connect.time.p99 0.000070\non_connect.time.max 0.0007\n";
    for (int i = 0; i < 2; i++) {
        char text[16384];
        int used = snprintf(text, sizeof text,
                            "%suptime %d\npackets_received %d\npackets_sent %d\n"
                            "bytes_received %d\nbytes_sent %d\naccepted %d\n"
                            "on_receive.calls %d\non_receive.failed %d\n",
                            figures, 3600 + 2 * i, 246 * i, 20000 * i, 4096 * i, 20480 * i, 6 * i,
                            1000 + 246 * i, 40 + 10 * i);
        for (int j = 1; j <= workers; j++)
            used += snprintf(text + used, sizeof text - (size_t)used,
                             "worker.%d.connections 100\nworker.%d.packets_received %d\n"
                             "worker.%d.packets_sent 0\nworker.%d.busy %d.9\n"
                             "worker.%d.turn.p99 0.0012\nworker.%d.lua_memory 524288\n",
                             j, j, 100 * i, j, j, j == 2 ? 3 * i : 0, j, j);
        cr_assert(top_model_take(&view.model, span_text(text)));
    }
}

static void connect(int count)
{
    char text[16384];
    int used =
        snprintf(text, sizeof text, "id\taddress\tworker\tlistener\tage\tidle\tqueued\tstate\n");
    for (int i = 1; i <= count; i++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%d\t10.0.0.%d:5000\t1\t1\t3720.5\t%d.5\t2048\topen, paused\n", 1000 + i,
                         i, i);
    cr_assert(top_view_take_rows(&view, span_text(text)));
}

Test(top_view, all_is_shown_on_80_columns)
{
    serve(2);
    connect(3);
    draw(80, 24);
    shows(" moonport 0.1.0  127.0.0.1:7001  up 1h00m  generation 4");
    shows("200/400");
    shows("950/1000 low 7");
    shows("1.0K/2.0K");
    shows("1.0M/1.0G");
    shows("in     123 packets/s, 2.0KB/s");
    shows("out    10.0k packets/s, 10.0KB/s");
    shows("errors 5.0/s, 50 so far");
    shows("accepted    3.0/s, 5 refused");
    shows("jobs   2 of 4 busy, 9 queued");
    shows("unsent 12.1KB, mailbox 3");
    shows("     1         100     50    0.0    0%    1.2ms   512K");
    shows("     2         100     50    0.0  100%");
    shows("on_receive         123     50      -      -      -");
    shows("on_connect         0.0      0    7us   70us  700us");
    shows("       1 127.0.0.1:7000        open           200        0.0       0");
    shows("1001   10.0.0.1:5000          1h02m     1s    2.0K       1 open, paused");
    shows("e errors");
    shows_not("R re"); /* it has no room for "reload" */
    cr_assert_eq(style_of("950/1000"), TOP_BOLD);
    cr_assert_eq(style_of("|||||||"), TOP_BAD); /* of blocks; connections have half */
    cr_assert_eq(style_of("5.0/s, 50"), TOP_BAD);
    cr_assert_eq(style_of("100%"), TOP_BAD);
    cr_assert_eq(style_of("1001"), TOP_SELECTED);
    cr_assert_eq(style_of("1002"), TOP_PLAIN);
    cr_assert_eq(style_of("ID^"), TOP_SORTED);
}

Test(top_view, bars_are_as_long_as_what_is_used)
{
    serve(1);
    draw(80, 24);
    shows("connections [||||   ] 200/400");
    shows("blocks      [|||||||] 950/1000 low 7");
    shows("memory      [||||   ]");
    shows("Lua memory  [|      ]"); /* a thousandth is not nothing */
    draw(120, 40);
    shows("connections [||||   ] 200/400");
}

Test(top_view, workers_and_handlers_are_beside_each_other_where_there_is_room)
{
    serve(2);
    draw(80, 24);
    cr_assert(row_of("WORKER CONN") < row_of("HANDLER"));
    draw(120, 40);
    cr_assert_eq(row_of("WORKER CONN"), row_of("HANDLER"));
    cr_assert_eq(row_of("     2         100"), row_of("on_connect"));
}

Test(top_view, tables_that_are_too_long_leave_room_for_connections)
{
    serve(40);
    connect(3);
    draw(80, 24);
    shows("more workers: w shows them");
    shows("     1         100");
    shows_not("    40         100");
    shows("on_receive");
    shows("1001");
    view.mode = TOP_WORKERS;
    draw(80, 24);
    shows_not("    40         100");
    shows_not("1001");
    shows_not("more workers");
    cr_assert_eq(view.rows_shown, 0);
    view.line = 1000;
    draw(80, 24);
    shows("    40         100");
    shows("127.0.0.1:7000");
    shows_not("     1         100");
}

Test(top_view, on_a_small_screen_the_last_ones_are_left_out)
{
    serve(2);
    connect(5);
    draw(50, 12);
    shows("127.0.0.1:7001  up 1h00m");
    shows_not("moonport 0.1.0");
    shows("123/s, 2.0KB/s");
    shows("on_receive");
    shows_not("unsent");
    shows_not("LISTENER");
    shows("1001   10.0.0.1:5000");
    shows_not("STATE");
    view.mode = TOP_CONNECTIONS;
    draw(50, 12);
    shows("1005");
    shows_not("on_receive");
}

Test(top_view, no_size_breaks_it)
{
    serve(9);
    connect(30);
    snprintf(view.trouble, sizeof view.trouble, "%0300d", 7);
    snprintf(view.model.now.probation, TOP_NEWS_MAX, "%0300d", 7);
    snprintf(view.model.now.taken_back, TOP_NEWS_MAX, "%0300d", 7);
    snprintf(view.message, sizeof view.message, "%0400d", 7);
    for (int mode = TOP_OVERVIEW; mode <= TOP_HELP; mode++)
        for (int rows = 1; rows < 42; rows++)
            for (int columns = 1; columns < 130; columns += 1 + columns / 40) {
                view.mode = (uint8_t)mode;
                draw(columns, rows);
            }
    view.mode = TOP_OVERVIEW;
    draw(39, 30);
    shows("39x30 is too small: top needs 40x10");
    draw(40, 9);
    shows("is too small");
    draw(40, 10);
    shows_not("is too small");
}

Test(top_view, the_selected_connection_is_on_the_screen)
{
    serve(1);
    connect(60);
    view.mode = TOP_CONNECTIONS;
    for (uint32_t i = 0; i < 60; i++) {
        char id[16];
        view.selected = (i * 37) % 60;
        draw(60, 10);
        snprintf(id, sizeof id, "%u", 1001 + view.selected);
        cr_assert_eq(style_of(id), TOP_SELECTED);
        cr_assert_eq(view.rows_shown, 6);
    }
    view.first = 0;
    view.selected = 6; /* just below */
    draw(60, 10);
    cr_assert_eq(view.first, 1);
    shows("2 to 7 of 60");
}

Test(top_view, says_that_there_is_no_answer)
{
    draw(80, 24);
    shows_not("no answer");
    view.silent_s = TOP_SILENCE_S - 1;
    draw(80, 24);
    shows_not("no answer");
    view.silent_s = 17;
    draw(80, 24);
    shows("no answer for 17 s");
    top_view_trouble(&view, "it is \033[31mgone, and here is a reason that is so long that one row "
                            "of this screen is not enough for it");
    view.silent_s = 1;
    draw(80, 24);
    shows("no answer for 1 s: it is \\x1b[31mgone, and");
    shows("enough for it");
    cr_assert_eq(style_of("no answer"), TOP_BAD);
}

Test(top_view, says_how_the_newest_scripts_are_getting_on)
{
    cr_assert(top_model_take(&view.model, span_text("uptime 1\n"
                                                    "probation generation 7 is on probation\n")));
    draw(80, 24);
    cr_assert_eq(row_of("generation 7 is on probation"), 1);
    cr_assert_eq(style_of("generation 7 is on"), TOP_WARN);
    cr_assert(top_model_take(&view.model, span_text("uptime 2\n"
                                                    "taken_back a reason \033 that is longer than "
                                                    "a row of the screen, and goes on behind its "
                                                    "end, and takes more than two of them, so "
                                                    "that the end of it has no room and is "
                                                    "cut off there\n")));
    draw(80, 24);
    shows_not("generation 7 is on probation");
    cr_assert_eq(row_of("a reason \\x1b that"), 1);
    cr_assert_eq(style_of("a reason"), TOP_BAD);
    cr_assert_eq(row_of("takes more than two"), 2);
    shows_not("cut off there");
    cr_assert_eq(row_of("connections"), 3); /* the gauges follow at once */
    cr_assert(top_model_take(&view.model, span_text("uptime 3\n")));
    draw(80, 24);
    shows_not("a reason");
}

Test(top_view, says_that_it_drains_and_what_the_filter_is)
{
    cr_assert(top_model_take(&view.model, span_text("uptime 1\ndraining 1\n")));
    snprintf(view.filter, sizeof view.filter, "10.1.");
    draw(80, 24);
    shows("DRAINING");
    shows("filter \"10.1.\"");
    shows("no connection fits the filter");
}

Test(top_view, notes_of_the_server_are_below_the_connections)
{
    serve(1);
    cr_assert(top_view_take_rows(&view, span_text("id\taddress\n7\ta\n# 93 more: see --limit\n"
                                                  "# worker 2 is busy\n")));
    draw(80, 24);
    shows("1 to 1 of 94; worker 2 is busy");
    cr_assert_eq(style_of("1 to 1"), TOP_WARN);
}

Test(top_view, long_lines_are_wrapped_between_words)
{
    view.mode = TOP_ERRORS;
    cr_assert(
        top_view_take_rows(&view, span_text("this first line has many more words than one row "
                                            "of it can hold\nsecond\n")));
    draw(40, 12);
    cr_assert_eq(row_of("this first line has many more words "), 1);
    cr_assert_eq(row_of("than one row of it can hold"), 2);
    cr_assert_eq(row_of("second"), 3);
    cr_assert_eq(view.lines_total, 3);
}

Test(top_view, a_log_shows_its_end_unless_it_is_scrolled)
{
    char text[4096];
    int used = 0;
    for (int i = 1; i <= 100; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "line %d.\n", i);
    view.mode = TOP_LOG;
    cr_assert(top_view_take_rows(&view, span_text(text)));
    draw(80, 12);
    shows("line 100.");
    shows("line 91.");
    shows_not("line 90.");
    view.stays = true;
    view.line = 3;
    draw(80, 12);
    shows("line 4.");
    shows("line 13.");
    shows_not("line 14.");
    view.mode = TOP_ERRORS; /* the newest come first there */
    view.line = 0;
    draw(80, 12);
    shows("line 1.");
}

Test(top_view, questions_and_messages_are_at_the_bottom)
{
    view.prompt = TOP_ASK_FILTER;
    snprintf(view.typed, sizeof view.typed, "10.");
    draw(80, 24);
    cr_assert_eq(row_of("filter: 10._"), 23);
    view.prompt = TOP_ASK_CLOSE;
    snprintf(view.closing, sizeof view.closing, "17");
    draw(80, 24);
    cr_assert_eq(row_of("close connection 17? y/n"), 23);
    view.prompt = TOP_ASK_ROLLBACK;
    draw(80, 24);
    cr_assert_eq(row_of("before this generation? y/n"), 23);
    view.prompt = TOP_NO_PROMPT;
    top_view_tell(&view, false, span_text("it cannot\n"));
    draw(80, 24);
    cr_assert_eq(row_of("it cannot"), 23);
    cr_assert_eq(style_of("it cannot"), TOP_BAD);
    for (int i = 0; i < 20; i++) top_view_tick(&view);
    draw(80, 24);
    shows_not("it cannot");
    cr_assert_eq(row_of("q quit"), 23);
}
