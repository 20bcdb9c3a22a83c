#include "admin/access.h"

#include "base/address.h"

#include <stdio.h>
#include <strings.h>

static bool is_text(struct span span, const char *text)
{
    return span.size == strlen(text) &&
           (span.size == 0 || strncasecmp((const char *)span.data, text, span.size) == 0);
}

/* ---- Host ---- */

static bool is_address(struct span host)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address;
    struct error error;
    if (host.size == 0 || host.size > 64) return false;
    bool has_colon = memchr(host.data, ':', host.size) != NULL;
    snprintf(text, sizeof text, has_colon ? "[%.*s]:1" : "%.*s:1", (int)host.size, host.data);
    return strspn(text, "0123456789abcdefABCDEF:.[]") == strlen(text) &&
           address_parse(text, &address, &error) && address.family != ADDRESS_UNIX;
}

static bool is_listed(const char *names, struct span host)
{
    while (*names != '\0') {
        size_t size = strcspn(names, ", ");
        if (size == host.size && strncasecmp(names, (const char *)host.data, size) == 0)
            return true;
        names += size;
        names += strspn(names, ", ");
    }
    return false;
}

static bool is_own_host(const struct access *access, struct span authority)
{
    struct span host;
    uint16_t port;
    return http_host_read(authority, &host, &port) &&
           (is_address(host) || is_text(host, "localhost") || is_listed(access->names, host));
}

/* ---- Origin ---- */

/* An Origin is scheme "://" authority, or "null" (RFC 6454, section 7). A proxy may have added TLS. */
static bool is_same_origin(struct span origin, struct span authority)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        if (origin.size == size + authority.size && memcmp(origin.data, schemes[i], size) == 0 &&
            strncasecmp((const char *)origin.data + size, (const char *)authority.data,
                        authority.size) == 0)
            return true;
    }
    return false;
}

/* Browsers say with Sec-Fetch-Site where a request comes from, even when they send no Origin. */
static bool is_from_elsewhere(const struct http_head *head, struct span authority)
{
    struct span origin = http_head_field(head, "origin");
    struct span site = http_head_field(head, "sec-fetch-site");
    if (origin.data != NULL && !is_same_origin(origin, authority)) return true;
    return site.data != NULL && !is_text(site, "same-origin") && !is_text(site, "none");
}

/* ---- the token ---- */

static struct span trimmed(struct span text)
{
    while (text.size > 0 && text.data[0] == ' ') text = span_skip(text, 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ') text.size--;
    return text;
}

/* The value of the page's cookie; data NULL: there is none (RFC 6265, section 4.2.1). */
static struct span cookie_of(const struct access *access, const struct http_head *head)
{
    struct span cookies = http_head_field(head, "cookie");
    size_t name_size = strlen(access->cookie);
    while (cookies.data != NULL && cookies.size > 0) {
        const uint8_t *end = memchr(cookies.data, ';', cookies.size);
        size_t size = end == NULL ? cookies.size : (size_t)(end - cookies.data);
        struct span pair = trimmed(span_first(cookies, size));
        if (pair.size > name_size && pair.data[name_size] == '=' &&
            memcmp(pair.data, access->cookie, name_size) == 0)
            return span_skip(pair, name_size + 1);
        cookies = span_skip(cookies, end == NULL ? size : size + 1);
    }
    return span_of(NULL, 0);
}

static struct span bearer_of(const struct http_head *head)
{
    static const char scheme[] = "Bearer ";
    struct span field = http_head_field(head, "authorization");
    size_t size = sizeof scheme - 1;
    if (field.data == NULL || field.size <= size ||
        strncasecmp((const char *)field.data, scheme, size) != 0)
        return span_of(NULL, 0);
    return trimmed(span_skip(field, size));
}

static bool has_token(const struct access *access, const struct http_head *head, bool *by_page)
{
    struct span bearer = bearer_of(head), cookie = cookie_of(access, head);
    *by_page = bearer.data == NULL && cookie.data != NULL;
    struct span given = *by_page ? cookie : bearer;
    return given.data != NULL && token_matches(access->token, given);
}

int access_check(const struct access *access, const struct http_head *head, enum access_kind kind,
                 const struct access_peer *peer, bool *by_page, const char **why)
{
    struct span authority = head->host;
    *by_page = false;
    if (!peer->is_unix && !is_own_host(access, authority)) {
        *why = "this server has no such name: use its address, or add the name to admin_names";
        return 421;
    }
    if (kind != ACCESS_OPEN && kind != ACCESS_PAGE && is_from_elsewhere(head, authority)) {
        *why = "a page from elsewhere may not do this";
        return 403;
    }
    if (kind == ACCESS_ACT && http_head_field(head, "x-moonport").data == NULL) {
        *why = "an action needs the header X-Moonport: 1";
        return 403;
    }
    bool granted = has_token(access, head, by_page) || peer->is_unix ||
                   (kind == ACCESS_OPEN && peer->is_loopback);
    *why = "this needs the token: Authorization: Bearer TOKEN (the start of the server tells it)";
    return granted ? 200 : 401;
}
