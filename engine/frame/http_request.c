#include "frame/http_request.h"

#include "frame/http_text.h"

static uint16_t refuse(uint16_t status, const char *text, const char **why)
{
    *why = text;
    return status;
}

static uint16_t judge_codings(const struct http_head *head, const char **why)
{
    struct span codings = http_head_field(head, "transfer-encoding"), coding;
    uint32_t count = 0, chunked = 0;
    bool last = false;
    if (head->minor == 0) return refuse(400, "a Transfer-Encoding with HTTP/1.0", why);
    if (http_head_count(head, "content-length") != 0)
        return refuse(400, "both a Content-Length and a Transfer-Encoding", why);
    if (http_head_count(head, "transfer-encoding") != 1)
        return refuse(400, "more than one Transfer-Encoding", why);
    if (http_is_like(codings, "chunked")) return 0;
    for (; http_list_next(&codings, &coding); count++) {
        last = http_is_like(coding, "chunked");
        chunked += last;
    }
    /* One element, and the field is not the word alone: an empty one beside it, which some proxies stumble over. */
    if (!last || chunked != 1 || count == 1)
        return refuse(400, "a Transfer-Encoding that does not end in \"chunked\", once", why);
    return refuse(501, "a Transfer-Encoding other than \"chunked\"", why);
}

static uint16_t judge_body(const struct http_head *head, uint64_t body_max,
                           struct http_request *request, const char **why)
{
    if (http_head_count(head, "transfer-encoding") != 0) {
        request->chunked = true;
        return judge_codings(head, why);
    }
    if (!http_head_length(head, &request->length))
        return refuse(400, "a Content-Length that is not one number", why);
    if (request->length > body_max) return refuse(413, "the body is larger than max_packet", why);
    return 0;
}

static uint16_t judge_expectation(const struct http_head *head, struct http_request *request,
                                  const char **why)
{
    uint32_t count = http_head_count(head, "expect");
    if (count == 0 || head->minor == 0) return 0;
    if (count > 1 || !http_is_like(http_head_field(head, "expect"), "100-continue"))
        return refuse(417, "an Expect other than 100-continue", why);
    request->waits = request->chunked || request->length != 0;
    return 0;
}

uint16_t http_request_judge(const struct http_head *head, uint64_t body_max,
                            struct http_request *request, const char **why)
{
    *request = (struct http_request){.is_head = http_is(head->method, "HEAD"),
                                     .is_old = head->minor == 0,
                                     .keeps = http_head_keeps_alive(head)};
    uint16_t status = judge_body(head, body_max, request, why);
    return status != 0 ? status : judge_expectation(head, request, why);
}
