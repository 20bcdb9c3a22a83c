#include "frame/http_head.h"

#include "base/check.h"
#include "frame/http_text.h"

/* All of these return why they refuse, or NULL. The status is 400 unless they set another. */

/* Whether a byte can be where it is in a head, whatever its line means. */
static const char *byte_fault(struct span bytes, size_t at)
{
    uint8_t byte = bytes.data[at];
    bool returned = at > 0 && bytes.data[at - 1] == '\r';
    if (byte == '\n') return returned ? NULL : "a line ends with LF alone; it must be CRLF";
    if (returned) return "a CR is not followed by LF";
    bool control = (byte < ' ' && byte != '\t' && byte != '\r') || byte == 0x7f;
    return control ? "the head has a control byte" : NULL;
}

static const char *read_version(struct http_head *head, struct span version)
{
    if (version.size != strlen("HTTP/1.1") || memcmp(version.data, "HTTP/", 5) != 0 ||
        !http_is_digit(version.data[5]) || version.data[6] != '.' ||
        !http_is_digit(version.data[7]))
        return "the request line is not a method, a target and an HTTP version";
    if (version.data[5] != '1') {
        head->status = 505;
        return "the HTTP version is not 1.0 or 1.1";
    }
    head->minor = version.data[7] != '0';
    return NULL;
}

/* The bytes up to the next space, which is taken, too. */
static struct span take_word(struct span *line)
{
    struct span word = span_first(*line, http_span_until(*line, ' '));
    *line = span_skip(*line, word.size < line->size ? word.size + 1 : word.size);
    return word;
}

static size_t token_size(struct span text)
{
    size_t size = 0;
    while (size < text.size && http_is_token(text.data[size])) size++;
    return size;
}

static const char *read_request_line(struct http_head *head, struct span line)
{
    head->method = take_word(&line);
    head->target = take_word(&line);
    if (head->method.size == 0 || token_size(head->method) != head->method.size)
        return "the request line does not begin with a method";
    const char *why = read_version(head, line);
    return why != NULL ? why : http_target_read(head);
}

static const char *read_field(struct http_head *head, struct span line)
{
    if (http_is_blank(line.data[0])) return "a line of the head begins with a blank";
    size_t name = token_size(line);
    if (name == 0 || name == line.size || line.data[name] != ':')
        return "a line of the head is not a name, a colon and a value";
    if (head->field_count == HTTP_FIELDS_MAX) {
        head->status = 431;
        return "the head has too many fields";
    }
    head->fields[head->field_count++] = (struct http_field){
        .name = span_first(line, name),
        .value = http_trim(span_skip(line, name + 1)),
    };
    return NULL;
}

static const char *check_host(struct http_head *head)
{
    struct span name, host = http_head_field(head, "host");
    uint16_t port;
    uint32_t count = http_head_count(head, "host");
    if (count > 1) return "the head has more than one Host";
    if (count == 0) return head->minor == 0 ? NULL : "the head has no Host";
    if (!http_host_read(host, &name, &port)) return "Host is not a host";
    if (head->host.data == NULL) head->host = host;
    return NULL;
}

static void begin(struct http_head *head)
{
    head->method = head->target = head->path = head->query = head->host = span_of(NULL, 0);
    head->minor = 0;
    head->field_count = 0;
    head->size = 0;
    head->status = 400;
    head->why = NULL;
}

static const struct http_head_kind request = {read_request_line, check_host};

/* A line that has ended. */
static const char *read_line(struct http_head *head, const struct http_head_kind *kind,
                             struct span line, size_t end)
{
    if (head->method.data == NULL) return kind->read_first(head, line);
    if (line.size != 0) return read_field(head, line);
    head->size = end;
    return kind->check_all(head);
}

static enum http_verdict refuse(struct http_head *head, const char *why)
{
    head->why = why;
    return head->status == 431 || head->status == 414 ? HTTP_TOO_LONG : HTTP_BAD;
}

/* What is wrong is found in the order of the bytes: it is the same however they come. */
static enum http_verdict read_lines(struct http_head *head, const struct http_head_kind *kind,
                                    struct span bytes)
{
    size_t line = bytes.size >= 2 && memcmp(bytes.data, "\r\n", 2) == 0 ? 2 : 0;
    for (size_t at = line; at < bytes.size; at++) {
        const char *why = byte_fault(bytes, at);
        if (why == NULL && bytes.data[at] == '\n') {
            why = read_line(head, kind, span_of(bytes.data + line, at - 1 - line), at + 1);
            line = at + 1;
        }
        if (why != NULL) return refuse(head, why);
        if (head->size != 0) return HTTP_HEAD;
    }
    if (bytes.size < HTTP_HEAD_MAX) return HTTP_MORE;
    head->status = head->method.data == NULL ? 414 : 431;
    return refuse(head, "the head is too long");
}

/* While no line has ended, only the new bytes are looked at. */
static enum http_verdict read_rest(struct http_head *head, struct span bytes)
{
    for (size_t at = head->scanned; at < bytes.size; at++) {
        const char *why = byte_fault(bytes, at);
        if (why != NULL) return refuse(head, why);
    }
    return HTTP_MORE;
}

enum http_verdict http_head_read_as(struct http_head *head, const struct http_head_kind *kind,
                                    struct span input)
{
    struct span bytes = span_first(input, HTTP_HEAD_MAX);
    check(head->scanned <= bytes.size);
    begin(head);
    if (bytes.size == 0) return HTTP_MORE;

    struct span fresh = span_skip(bytes, head->scanned);
    bool ends_line = http_span_until(fresh, '\n') < fresh.size;
    enum http_verdict verdict = ends_line || bytes.size == HTTP_HEAD_MAX
                                    ? read_lines(head, kind, bytes)
                                    : read_rest(head, bytes);
    /* Whoever passes refused bytes again must hear the same: they stay unread. */
    if (verdict == HTTP_MORE) head->scanned = bytes.size;
    if (verdict == HTTP_HEAD) head->scanned = 0;
    return verdict;
}

enum http_verdict http_head_read(struct http_head *head, struct span input)
{
    return http_head_read_as(head, &request, input);
}
