#include "admin/show.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_recent.h"

#include <stdio.h>
#include <time.h>

struct reading {
    struct admin_answer *answer;
    struct json json;
    uint64_t after; /* the number that was asked for */
    uint64_t next;  /* the first line's number; 0: there is none */
};

static void put_json(void *context, const struct log_recent_line *line)
{
    struct reading *reading = context;
    struct json *json = &reading->json;
    if (reading->next == 0) reading->next = line->number;
    json_open(json, NULL, '{');
    json_count(json, "number", line->number);
    json_time(json, "time", line->time_us);
    json_string(json, "level", log_level_text(line->level));
    json_text(json, "text", line->text);
    json_close(json, '}');
}

static void write_json(struct reading *reading)
{
    struct json *json = &reading->json;
    reading->answer->type = answer_json;
    json->out = &reading->answer->body;
    json_open(json, NULL, '{');
    json_open(json, "lines", '[');
    uint64_t last = log_recent_read(reading->after, put_json, reading);
    json_close(json, ']');
    json_count(json, "last", last);
    json_truth(json, "lost", reading->next > reading->after + 1);
    json_close(json, '}');
    if (json->failed) reading->answer->failed = true;
}

/* As it stands in the log. */
static void put_line(void *context, const struct log_recent_line *line)
{
    struct reading *reading = context;
    struct buffer *body = &reading->answer->body;
    struct tm at = {0};
    char time[40];
    clock_local_time((time_t)(line->time_us / 1000000), &at);
    strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &at);
    if (!buffer_add(body, "%s.%03d %-5s ", time, (int)(line->time_us / 1000 % 1000),
                    log_level_text(line->level)) ||
        !buffer_add_bytes(body, line->text) || !buffer_add_bytes(body, span_text("\n")))
        reading->answer->failed = true;
}

void show_log(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context;
    struct reading reading = {.answer = answer};
    if (!request_number(request, "after", &reading.after)) {
        answer_refusal(answer, 400, "after is the number of a line");
        return;
    }
    if (request->wants_json)
        write_json(&reading);
    else
        log_recent_read(reading.after, put_line, &reading);
}
