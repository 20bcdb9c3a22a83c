#include "admin/http_input.h"

#include "base/check.h"

bool http_input_add(struct http_input *input, struct span bytes)
{
    if (bytes.size > sizeof input->bytes - input->size) return false;
    memcpy(input->bytes + input->size, bytes.data, bytes.size);
    input->size += bytes.size;
    return true;
}

/* Whether the body of a request with this head can be read; `size` is its length. */
static int judge_body(const struct http_head *head, uint64_t *size, const char **why)
{
    if (!http_head_length(head, size)) {
        *why = "a body needs one Content-Length";
        return 411;
    }
    if (*size > HTTP_BODY_MAX) {
        *why = "the body is too long";
        return 413;
    }
    if (http_head_field(head, "expect").data != NULL) {
        *why = "send the body without asking first";
        return 417;
    }
    return 200;
}

int http_input_next(struct http_input *input, struct http_head *head, const char **why)
{
    uint64_t body = 0;
    head->scanned = input->scanned;
    enum http_verdict verdict = http_head_read(head, span_of(input->bytes, input->size));
    if (verdict == HTTP_MORE) {
        input->scanned = head->scanned;
        return 0;
    }
    if (verdict != HTTP_HEAD) {
        *why = head->why;
        return head->status;
    }
    int status = judge_body(head, &body, why);
    return status == 200 && input->size < head->size + body ? 0 : status;
}

void http_input_take(struct http_input *input, const struct http_head *head)
{
    uint64_t body = 0;
    check(http_head_length(head, &body));
    size_t size = head->size + (size_t)body;
    check(size <= input->size);
    input->size -= size;
    input->scanned = 0;
    memmove(input->bytes, input->bytes + size, input->size);
}
