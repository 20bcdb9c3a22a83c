#include "admin/answer.h"

#include "base/settings.h"
#include "frame/http_query.h"

#include <stdarg.h>
#include <stdio.h>

const char answer_json[] = "application/json";
const char answer_text[] = "text/plain; charset=utf-8";
const char answer_html[] = "text/html; charset=utf-8";

void answer_add(struct admin_answer *answer, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof line) size = (int)sizeof line - 1;
    if (!buffer_add_bytes(&answer->body, span_of(line, (size_t)size))) answer->failed = true;
}

void answer_refusal(struct admin_answer *answer, int status, const char *text)
{
    answer->status = status;
    answer->type = answer_text;
    answer_add(answer, "%s\n", text);
}

void answer_result(struct admin_answer *answer, const struct admin_request *request, bool fine,
                   const char *text)
{
    struct json json = {.out = &answer->body};
    answer->status = fine ? 200 : 409;
    if (!request->wants_json) {
        answer->type = answer_text;
        if (!buffer_add_bytes(&answer->body, span_text(text))) answer->failed = true;
        return;
    }
    answer->type = answer_json;
    json_open(&json, NULL, '{');
    json_truth(&json, "ok", fine);
    json_string(&json, "text", text);
    json_close(&json, '}');
    answer->failed = answer->failed || json.failed;
}

bool request_parameter(const struct admin_request *request, const char *name, char *value,
                       size_t size)
{
    struct span query = span_text(request->query);
    return http_query_count(query, name) == 0 || http_query(query, name, value, size);
}

bool request_number(const struct admin_request *request, const char *name, uint64_t *value)
{
    char text[32];
    int64_t number;
    struct span query = span_text(request->query);
    if (http_query_count(query, name) == 0) return true;
    if (!http_query(query, name, text, sizeof text) || !settings_integer(text, &number) ||
        number < 0)
        return false;
    *value = (uint64_t)number;
    return true;
}
