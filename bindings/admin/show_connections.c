#include "admin/control.h"
#include "admin/render.h"
#include "admin/show.h"
#include "link/table.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIMIT = 100, LIMIT_MAX = 1000 };

/* ---- the question ---- */

struct view {
    struct survey_question question;
    uint64_t offset, limit;
};

/* Whether the answer comes in that order, or the other way round. */
static bool read_order(const struct admin_request *request, struct survey_question *question)
{
    char word[16] = "id", order[16] = "asc";
    if (!request_parameter(request, "sort", word, sizeof word) ||
        !request_parameter(request, "order", order, sizeof order))
        return false;
    question->descending = strcmp(order, "desc") == 0;
    return (question->descending || strcmp(order, "asc") == 0) &&
           survey_order_of(word, &question->order);
}

static bool read_view(const struct admin_request *request, struct view *view, const char **why)
{
    *view = (struct view){.question = {.step = SURVEY_STEP}, .limit = LIMIT};
    *why = "sort is one of id, address, worker, listener, age, idle, queued; order is asc or desc";
    if (!read_order(request, &view->question)) return false;
    *why = "filter is a text of at most 127 bytes";
    if (!request_parameter(request, "filter", view->question.filter, sizeof view->question.filter))
        return false;
    *why = "offset and limit are numbers, 10000 in all at most: use sort and filter";
    if (!request_number(request, "offset", &view->offset) ||
        !request_number(request, "limit", &view->limit))
        return false;
    if (view->limit > LIMIT_MAX) view->limit = LIMIT_MAX;
    view->question.most = (uint32_t)(view->offset + view->limit);
    return view->offset <= SURVEY_MOST && view->offset + view->limit <= SURVEY_MOST;
}

/* ---- the answer ---- */

static void write_row(struct json *json, const struct survey_row *row)
{
    char address[ADDRESS_TEXT_MAX];
    json_open(json, NULL, '{');
    json_count(json, "id", row->id);
    json_string(json, "address", address_format(&row->peer, address));
    json_count(json, "worker", row->worker);
    json_count(json, "listener", row->listener);
    json_seconds(json, "age", row->age_ns);
    json_seconds(json, "idle", row->idle_ns);
    json_count(json, "queued", row->queued);
    json_string(json, "state", row->state);
    json_truth(json, "waiting", row->waits);
    json_truth(json, "paused", row->paused);
    json_close(json, '}');
}

static void write_json(struct admin_answer *answer, const struct view *view,
                       const struct survey_answer *found, uint32_t workers)
{
    struct json json = {.out = &answer->body};
    answer->type = answer_json;
    json_open(&json, NULL, '{');
    json_count(&json, "total", found->total);
    json_count(&json, "matching", found->matching);
    json_count(&json, "offset", view->offset);
    json_open(&json, "workers_missing", '[');
    for (uint32_t i = 0; i < workers; i++)
        if (found->missing[i]) json_count(&json, NULL, i + 1);
    json_close(&json, ']');
    json_open(&json, "connections", '[');
    for (size_t i = view->offset; i < found->count; i++) write_row(&json, &found->rows[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    answer->failed = answer->failed || json.failed;
}

/* A duration in seconds, with one decimal. */
static void add_seconds(struct admin_answer *answer, uint64_t duration_ns)
{
    uint64_t tenths = duration_ns / 100000000;
    answer_add(answer, "\t%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

static void write_line(struct admin_answer *answer, const struct survey_row *row)
{
    char address[ADDRESS_TEXT_MAX], plain[RENDER_PLAIN_MAX * ADDRESS_TEXT_MAX];
    address_format(&row->peer, address);
    answer_add(answer, "%" PRIu64 "\t%s\t%u\t%u", row->id,
               render_plain(span_text(address), plain, sizeof plain), row->worker, row->listener);
    add_seconds(answer, row->age_ns);
    add_seconds(answer, row->idle_ns);
    answer_add(answer, "\t%" PRIu64 "\t%s%s%s\n", row->queued, row->state,
               row->waits ? ", a handler waits" : "", row->paused ? ", paused" : "");
}

static void write_text(struct admin_answer *answer, const struct view *view,
                       const struct survey_answer *found, uint32_t workers)
{
    answer_add(answer, "id\taddress\tworker\tlistener\tage\tidle\tqueued\tstate\n");
    for (size_t i = view->offset; i < found->count; i++) write_line(answer, &found->rows[i]);
    for (uint32_t i = 0; i < workers; i++)
        if (found->missing[i])
            answer_add(answer, "# worker %u is busy: connections of it are missing\n", i + 1);
    if (found->matching > found->count)
        answer_add(answer, "# %" PRIu64 " more: see --limit, --offset, --filter\n",
                   found->matching - found->count);
}

void show_connections(void *context, const struct admin_request *request,
                      struct admin_answer *answer)
{
    struct control *control = context;
    struct survey_answer found;
    struct view view;
    const char *why;
    if (!read_view(request, &view, &why)) {
        answer_refusal(answer, 400, why);
        return;
    }
    if (!survey_ask(control->server, &view.question, &control->owed, &found)) {
        answer->failed = true;
        return;
    }
    uint32_t workers = server_config(control->server)->workers;
    if (request->wants_json)
        write_json(answer, &view, &found, workers);
    else
        write_text(answer, &view, &found, workers);
    free(found.rows);
}

/* ---- closing one ---- */

#define PATIENCE_NS UINT64_C(1500000000)

enum closing_result { CLOSING_NOT_RUN, CLOSING_NONE, CLOSING_FLUSHES, CLOSING_AT_ONCE };

/* Held by the thread that asks, and by the task until its worker is done with it. */
struct closing {
    _Atomic uint32_t holders;
    uint64_t id;
    _Atomic uint8_t result;        /* enum closing_result */
    bool only[CONFIG_WORKERS_MAX]; /* the worker that has it */
};

static void drop(void *context)
{
    struct closing *closing = context;
    if (atomic_fetch_sub(&closing->holders, 1) == 1) free(closing);
}

/* One that is being closed already, and does not read what is left for it, is closed at once. */
static void close_here(void *context, struct worker *worker, void *state)
{
    struct closing *closing = context;
    struct link *link = worker_find_any(worker, closing->id);
    enum closing_result result = CLOSING_NONE;
    (void)state;
    if (link != NULL && link_is_open(link)) {
        link_close(link, "admin");
        result = CLOSING_FLUSHES;
    } else if (link != NULL) {
        link_abort(link, NULL);
        result = CLOSING_AT_ONCE;
    }
    atomic_store(&closing->result, (uint8_t)result);
}

static enum closing_result close_by_id(struct server *server, struct closing *closing)
{
    uint32_t worker = table_worker_of(closing->id);
    const struct server_task task = {
        .run = close_here, .release = drop, .context = closing, .only = closing->only};
    if (worker >= server_config(server)->workers) return CLOSING_NONE;
    closing->only[worker] = true;
    atomic_fetch_add(&closing->holders, 1);
    server_run_on_workers(server, &task, PATIENCE_NS, NULL);
    return (enum closing_result)atomic_load(&closing->result);
}

void close_connection(void *context, const struct admin_request *request,
                      struct admin_answer *answer)
{
    static const char *const ends[] = {
        [CLOSING_NOT_RUN] = "is closed when its worker, which is busy, gets to it",
        [CLOSING_NONE] = "is none of this server's: it has ended",
        [CLOSING_FLUSHES] = "is closed, when what is queued has been sent",
        [CLOSING_AT_ONCE] = "is closed at once, without what is queued",
    };
    struct control *control = context;
    char text[128];
    struct closing *closing = calloc(1, sizeof *closing);
    if (closing == NULL) {
        answer->failed = true;
        return;
    }
    atomic_init(&closing->holders, 1);
    closing->id = request->number;
    enum closing_result result = close_by_id(control->server, closing);
    drop(closing);
    snprintf(text, sizeof text, "connection %" PRIu64 " %s\n", request->number, ends[result]);
    answer_result(answer, request, result != CLOSING_NONE, text);
}
