#include "frame/http_head.h"
#include "frame/http_text.h"

static const char *check_characters(struct span target)
{
    for (size_t i = 0; i < target.size; i++) {
        uint8_t byte = target.data[i];
        if (byte <= ' ' || byte >= 0x7f || strchr("\"#<>", byte) != NULL)
            return "the target has a character that must be encoded";
        if (byte == '%' && http_triplet(span_skip(target, i)) < 0)
            return "the target has a % without two hexadecimal digits";
    }
    return NULL;
}

/* "/path?query"; of an address without a path, `root` is the path. */
static void divide(struct http_head *head, struct span text, struct span root)
{
    size_t path = http_span_until(text, '?');
    head->path = path == 0 ? root : span_first(text, path);
    if (path < text.size) head->query = span_skip(text, path + 1);
}

static size_t scheme_size(struct span target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i]);
        if (http_is_like(span_first(target, size), schemes[i])) return size;
    }
    return 0;
}

static const char *read_address(struct http_head *head)
{
    struct span name;
    uint16_t port;
    size_t scheme = scheme_size(head->target);
    if (scheme == 0) return "the target is neither a path nor an address";
    struct span text = span_skip(head->target, scheme);
    size_t path = http_span_until(text, '/'), query = http_span_until(text, '?');
    size_t size = path < query ? path : query;
    head->host = span_first(text, size);
    if (!http_host_read(head->host, &name, &port)) return "the target has no valid host";
    /* An empty path is the same as "/" (RFC 9110 section 4.2.3): the last byte of the scheme is one. */
    divide(head, span_skip(text, size), span_of(text.data - 1, 1));
    return NULL;
}

const char *http_target_read(struct http_head *head)
{
    const char *why = check_characters(head->target);
    if (why != NULL) return why;
    if (http_is(head->method, "CONNECT")) {
        head->status = 501;
        return "CONNECT is for proxies";
    }
    if (http_is(head->target, "*")) {
        head->path = head->target;
        return http_is(head->method, "OPTIONS") ? NULL : "the target * is for OPTIONS only";
    }
    if (head->target.size == 0 || head->target.data[0] != '/') return read_address(head);
    divide(head, head->target, head->target);
    return NULL;
}

static bool is_in_name(struct span host, size_t at)
{
    uint8_t byte = host.data[at];
    if (byte == '%') return http_triplet(span_skip(host, at)) >= 0;
    return http_is_one_of(byte, "-._~!$&'()*+,;="); /* unreserved and sub-delims */
}

static bool is_in_brackets(uint8_t byte)
{
    return http_hex(byte) >= 0 || byte == ':' || byte == '.';
}

/* What is behind the name. A colon with no port behind it is valid (RFC 3986 section 3.2.3). */
static bool read_port(struct span rest, uint16_t *port)
{
    uint32_t number = 0;
    *port = 0;
    if (rest.size == 0) return true;
    if (rest.data[0] != ':' || rest.size > strlen(":65535")) return false;
    for (size_t i = 1; i < rest.size; i++) {
        if (!http_is_digit(rest.data[i])) return false;
        number = number * 10 + (rest.data[i] - '0');
    }
    *port = (uint16_t)number;
    return number <= UINT16_MAX;
}

bool http_host_read(struct span host, struct span *name, uint16_t *port)
{
    size_t size = 0;
    if (host.size != 0 && host.data[0] == '[') {
        size = 1;
        while (size < host.size && is_in_brackets(host.data[size])) size++;
        if (size == host.size || host.data[size] != ']') return false;
        *name = span_of(host.data + 1, size - 1);
        size++;
    } else {
        while (size < host.size && is_in_name(host, size)) size++;
        *name = span_first(host, size);
    }
    return name->size != 0 && read_port(span_skip(host, size), port);
}
