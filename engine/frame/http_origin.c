#include "frame/http_origin.h"

#include "frame/http_head.h"
#include "frame/http_text.h"

static uint16_t default_port(struct span scheme)
{
    if (http_is_like(scheme, "http") || http_is_like(scheme, "ws")) return 80;
    if (http_is_like(scheme, "https") || http_is_like(scheme, "wss")) return 443;
    return 0;
}

/* RFC 3986 section 3.1. */
static size_t scheme_size(struct span text)
{
    size_t size = 0;
    if (text.size == 0 || http_is_digit(text.data[0])) return 0;
    while (size < text.size && http_is_one_of(text.data[size], "+-.")) size++;
    return size;
}

bool http_origin_read(struct span text, struct http_origin *origin)
{
    *origin = (struct http_origin){.scheme = span_first(text, 0), .host = span_first(text, 0)};
    if (http_is(text, "null")) return true;
    size_t size = scheme_size(text);
    if (size == 0 || !http_is(span_first(span_skip(text, size), 3), "://")) return false;
    origin->scheme = span_first(text, size);
    struct span rest = span_skip(text, size + 3);
    if (rest.size != 0 && !http_host_read(rest, &origin->host, &origin->port)) return false;
    if (origin->port == 0) origin->port = default_port(origin->scheme);
    return true;
}

static bool is_like(struct span one, struct span other)
{
    if (one.size != other.size) return false;
    for (size_t i = 0; i < one.size; i++)
        if (http_lower(one.data[i]) != http_lower(other.data[i])) return false;
    return true;
}

bool http_origin_is(const struct http_origin *one, const struct http_origin *other)
{
    return is_like(one->scheme, other->scheme) && is_like(one->host, other->host) &&
           one->port == other->port;
}
