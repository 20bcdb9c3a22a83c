#include "commands/top.h"

#include "base/clock.h"
#include "base/settings.h"
#include "commands/talk.h"
#include "commands/top_ask.h"
#include "commands/top_screen.h"
#include "commands/top_view.h"
#include "reload/options.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
#define AGAIN_NS SECOND /* from question to question */
#define OPEN_NS \
    (SECOND / 2) /* for so long the screen waits for the first answer, which may be a refusal */

static const char help[] =
    "moonport top [--admin ADDRESS]\n"
    "\n"
    "Shows a running server in this terminal: its figures, workers, handlers, listeners and\n"
    "connections, anew each second. h tells the keys: they sort and filter the connections, close\n"
    "one, show the log and errors of scripts, reload and roll back. q quits.\n"
    "\n"
    "  --admin ADDRESS   the server's setting admin (default " OPTIONS_ADMIN ")\n"
    "\n"
    "The server wants to be shown its token. It leaves one for its own user, which is found by\n"
    "itself; anybody else sets MOONPORT_TOKEN to it. When the server ends, this waits until it is\n"
    "there again. NO_COLOR=1 leaves colors out.\n"
    "\n"
    "Exit status: 0 it was quit, 1 the server does not let it look, 2 usage, or this is no\n"
    "terminal, 3 no server was reached, or this program cannot draw.\n";

/* What is asked at once, each on its own: figures; rows, which wait for busy workers; and what it is told to do. */
enum { STATS, ROWS, ACT, ASKS };

static struct top {
    struct top_view view;
    struct top_ask asks[ASKS];
    struct admin_question question; /* without a target */
    uint64_t due_ns[ACT];           /* when it asks again */
    uint64_t answered_ns;           /* when figures came last; at first, when they were asked for */
    uint64_t ticked_ns;
    bool anew; /* the screen is to be drawn whole */
    bool quits;
    struct error end; /* why there is nothing to be seen; of kind NONE: there is */
} top;

/* ---- the command line ---- */

static bool refuse(const char *word, struct error *error)
{
    static const char *const known[] = {"--admin", "--help"};
    const char *nearest = word[0] == '-' ? settings_nearest(word, known, 2) : NULL;
    return error_set(error, ERROR_USAGE, "top: what is %s?%s%s%s try moonport top --help", word,
                     nearest != NULL ? " Did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
}

static bool read_words(int count, char **words, bool *helps, struct error *error)
{
    static const char option[] = "--admin=";
    const char *address = OPTIONS_ADMIN;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return *helps = true;
        if (strcmp(words[i], "--admin") == 0)
            address = words[++i]; /* NULL behind the last */
        else if (strncmp(words[i], option, strlen(option)) == 0)
            address = words[i] + strlen(option);
        else
            return refuse(words[i], error);
        if (address == NULL)
            return error_set(error, ERROR_USAGE,
                             "top: --admin needs an address, for example " OPTIONS_ADMIN);
    }
    if (!address_parse(address, &top.question.address, error)) return false;
    talk_prefer_loopback(&top.question.address);
    address_format(&top.question.address, top.question.where);
    address_format(&top.question.address, top.view.where);
    return true;
}

/* ---- answers ---- */

static bool is_first(void)
{
    return !top.view.model.has_now;
}

/* There are no figures. At first that is the end. */
static void take_failure(const struct error *error)
{
    if (is_first()) top.end = *error;
    top_view_trouble(&top.view, error->text);
}

static void refuse_stats(const struct admin_reply *reply, struct error *error)
{
    struct span body = buffer_bytes(&reply->body);
    if (reply->status == 401)
        admin_http_want_token(&top.question, error);
    else if (reply->status == 200)
        error_set(error, ERROR_INPUT, "the server at %s gives no figures: is it another version?",
                  top.question.where);
    else
        error_set(error, ERROR_INPUT, "the server at %s refuses (%d): %.*s", top.question.where,
                  reply->status, (int)(body.size < 1000 ? body.size : 1000), (char *)body.data);
}

static void take_stats(const struct admin_reply *reply, struct error *error)
{
    bool fine = error->kind == ERROR_NONE && reply->status == 200 &&
                top_model_take(&top.view.model, buffer_bytes(&reply->body));
    if (fine) {
        top.answered_ns = clock_now_ns();
        top_view_trouble(&top.view, "");
        return;
    }
    if (error->kind == ERROR_NONE) refuse_stats(reply, error);
    take_failure(error);
}

/* What it shows may be something else by now: then it asks anew. */
static bool want_rows(struct admin_question *question)
{
    *question = top.question;
    return top_view_ask_connections(&top.view, question) || top_view_ask_lines(&top.view, question);
}

static void take_rows(const struct admin_reply *reply, const struct error *error)
{
    struct admin_question wanted;
    struct span body = buffer_bytes(&reply->body);
    bool wants = want_rows(&wanted);
    if (!wants || strcmp(wanted.target, top.asks[ROWS].question.target) != 0) {
        top.due_ns[ROWS] = 0;
    } else if (error->kind == ERROR_NONE && reply->status != 200) {
        if (reply->status != 401) top_view_tell(&top.view, false, body);
    } else if (error->kind == ERROR_NONE) {
        top_view_take_rows(&top.view, body);
    } /* else: the figures do not come either, and say so */
}

static void take_result(const struct admin_reply *reply, const struct error *error)
{
    if (error->kind != ERROR_NONE)
        top_view_tell(&top.view, false, span_text(error->text));
    else
        top_view_tell(&top.view, reply->status == 200, buffer_bytes(&reply->body));
    top.due_ns[STATS] = top.due_ns[ROWS] = 0;
}

static void take_answers(void)
{
    for (int i = 0; i < ASKS; i++) {
        struct admin_reply reply;
        struct error error;
        if (!top_ask_take(&top.asks[i], &reply, &error)) continue;
        if (i == STATS) take_stats(&reply, &error);
        if (i == ROWS) take_rows(&reply, &error);
        if (i == ACT) take_result(&reply, &error);
        free(reply.body.data);
    }
}

/* ---- questions ---- */

static void ask_stats(void)
{
    struct admin_question question = top.question;
    snprintf(question.target, sizeof question.target, "/stats");
    if (top_ask_send(&top.asks[STATS], &question)) top.due_ns[STATS] = clock_after_ns(AGAIN_NS);
}

static void ask_rows(void)
{
    struct admin_question question;
    if (!is_first() && want_rows(&question) && !top_ask_send(&top.asks[ROWS], &question)) return;
    top.due_ns[ROWS] = clock_after_ns(AGAIN_NS);
}

static void act(struct admin_question *question)
{
    question->method = "POST";
    if (!top_ask_send(&top.asks[ACT], question))
        top_view_tell(&top.view, false, span_text("the server has not answered the last one yet"));
}

static void ask_due(void)
{
    if (clock_now_ns() >= top.due_ns[STATS]) ask_stats();
    if (clock_now_ns() >= top.due_ns[ROWS]) ask_rows();
}

/* ---- the loop ---- */

static void tick(void)
{
    uint64_t now_ns = clock_now_ns();
    top.view.silent_s = (now_ns - top.answered_ns) / SECOND;
    if (now_ns - top.ticked_ns < SECOND) return;
    top.ticked_ns = now_ns;
    top_view_tick(&top.view);
}

static void take_key(int key)
{
    struct admin_question question = top.question;
    switch (top_view_key(&top.view, key, &question)) {
    case TOP_WISH_NONE: break;
    case TOP_WISH_QUIT: top.quits = true; break;
    case TOP_WISH_ASK: top.due_ns[ROWS] = 0; break;
    case TOP_WISH_ACT: act(&question); break;
    case TOP_WISH_PAINT: top.anew = true; break;
    }
}

static int milliseconds_left(void)
{
    uint64_t now_ns = clock_now_ns(), next_ns = top.ticked_ns + SECOND;
    for (int i = 0; i < ACT; i++)
        if (top.due_ns[i] < next_ns && top_ask_is_idle(&top.asks[i])) next_ns = top.due_ns[i];
    return next_ns > now_ns ? (int)((next_ns - now_ns) / 1000000 + 1) : 0;
}

static void draw(void)
{
    const struct top_canvas canvas = top_screen_begin();
    top_view_draw(&top.view, &canvas);
    top_screen_show(top.anew);
    top.anew = false;
}

static void run(void)
{
    while (!top.quits && top.end.kind == ERROR_NONE && top_screen_signal() == 0) {
        take_answers();
        ask_due();
        tick();
        draw();
        for (int key = top_screen_key(milliseconds_left()); key != TOP_KEY_NONE && !top.quits;
             key = top_screen_key(0))
            take_key(key);
    }
}

/* ---- all ---- */

static bool begin(struct error *error)
{
    if (!top_screen_check(error)) return false;
    top.question.method = "GET";
    top.answered_ns = top.ticked_ns = clock_now_ns();
    for (int i = 0; i < ASKS; i++)
        if (!top_ask_start(&top.asks[i], top_screen_wake, error)) return false;
    ask_stats();
    top_ask_await(&top.asks[STATS], clock_after_ns(OPEN_NS));
    take_answers();
    *error = top.end;
    return error->kind == ERROR_NONE && top_screen_open(error);
}

int top_main(int count, char **words)
{
    struct error error = {.kind = ERROR_NONE};
    bool helps = false;
    if (read_words(count, words, &helps, &error) && !helps && begin(&error)) {
        run();
        top_screen_close();
        if (top_screen_signal() != 0) top_screen_die(top_screen_signal());
        error = top.end;
    }
    if (helps) fputs(help, stdout);
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    return (int)error.kind;
}
