#include "frame/http_reply.h"

#include "base/check.h"
#include "frame/http_text.h"

enum { VERSION_SIZE = 8, STATUS_END = VERSION_SIZE + 4 };

static const char *read_status_line(struct http_head *head, struct span line)
{
    struct http_reply *reply = container_of(head, struct http_reply, head);
    const uint8_t *bytes = line.data;
    if (line.size < STATUS_END || memcmp(bytes, "HTTP/1.", VERSION_SIZE - 1) != 0 ||
        !http_is_digit(bytes[7]) || bytes[8] != ' ')
        return "the answer does not begin with HTTP/1.1 and a status";
    uint16_t status = 0;
    for (size_t i = VERSION_SIZE + 1; i < STATUS_END; i++) {
        if (!http_is_digit(bytes[i])) return "the status is not a number of three digits";
        status = (uint16_t)(status * 10 + (bytes[i] - '0'));
    }
    struct span reason = span_skip(line, STATUS_END);
    if (status < 100 || status > 599 || (reason.size != 0 && reason.data[0] != ' '))
        return "the status is not a number from 100 to 599";
    head->method = span_first(line, VERSION_SIZE);
    head->minor = bytes[7] != '0';
    reply->status = status;
    reply->reason = http_trim(reason);
    return NULL;
}

static const char *check_nothing(struct http_head *head)
{
    (void)head;
    return NULL;
}

enum http_verdict http_reply_read(struct http_reply *reply, struct span input)
{
    static const struct http_head_kind kind = {read_status_line, check_nothing};
    reply->status = 0;
    reply->reason = span_of(NULL, 0);
    return http_head_read_as(&reply->head, &kind, input);
}
