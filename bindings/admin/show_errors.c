#include "admin/control.h"
#include "admin/show.h"
#include "base/clock.h"
#include "run/script_errors.h"

#include <inttypes.h>
#include <time.h>

static void put_json(void *context, const struct script_error *error)
{
    struct json *json = context;
    json_open(json, NULL, '{');
    json_string(json, "handler", error->handler);
    json_string(json, "place", error->place);
    json_string(json, "message", error->message);
    json_count(json, "count", error->count);
    json_time(json, "first", error->first_us);
    json_time(json, "last", error->last_us);
    json_count(json, "generation", error->generation);
    json_count(json, "worker", error->worker);
    json_count(json, "connection", error->connection);
    json_string(json, "traceback", error->traceback);
    json_close(json, '}');
}

static void format_time(uint64_t time_us, char *text, size_t size)
{
    struct tm at = {0};
    clock_local_time((time_t)(time_us / 1000000), &at);
    strftime(text, size, "%Y-%m-%d %H:%M:%S", &at);
}

static void put_text(void *context, const struct script_error *error)
{
    struct admin_answer *answer = context;
    char first[40], last[40];
    format_time(error->first_us, first, sizeof first);
    format_time(error->last_us, last, sizeof last);
    answer_add(answer, "%s: %s%s%s\n", error->handler, error->place,
               error->place[0] != '\0' ? ": " : "", error->message);
    answer_add(answer, "    %" PRIu64 " time%s, first %s, last %s, generation %" PRIu64,
               error->count, error->count == 1 ? "" : "s", first, last, error->generation);
    if (error->worker != 0) answer_add(answer, ", worker %u", error->worker);
    if (error->connection != 0) answer_add(answer, ", connection %" PRIu64, error->connection);
    answer_add(answer, "\n");
    if (error->traceback[0] == '\0') return;
    if (!buffer_add_bytes(&answer->body, span_text(error->traceback))) answer->failed = true;
    answer_add(answer, "\n\n");
}

void show_errors(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    struct script_errors *errors = ((struct control *)context)->project->program.errors;
    struct json json = {.out = &answer->body};
    if (!request->wants_json) {
        if (script_errors_list(errors, put_text, answer) == 0)
            answer_add(answer, "no script errors\n");
        return;
    }
    answer->type = answer_json;
    json_open(&json, NULL, '{');
    json_open(&json, "errors", '[');
    script_errors_list(errors, put_json, &json);
    json_close(&json, ']');
    json_close(&json, '}');
    answer->failed = answer->failed || json.failed;
}
