#include "admin/route.h"

#include <ctype.h>
#include <stdio.h>

static const char json_suffix[] = ".json";

static struct span without_suffix(struct span path, bool *json)
{
    size_t size = sizeof json_suffix - 1;
    *json = path.size > size + 1 && memcmp(path.data + path.size - size, json_suffix, size) == 0;
    return *json ? span_first(path, path.size - size) : path;
}

/* Reads the digits at the front of the path. False: there are none, or too many. */
static bool take_number(struct span *path, uint64_t *number)
{
    size_t digits = 0;
    *number = 0;
    while (digits < path->size && isdigit(path->data[digits])) {
        if (digits == 18) return false;
        *number = *number * 10 + (uint64_t)(path->data[digits++] - '0');
    }
    *path = span_skip(*path, digits);
    return digits > 0;
}

static bool fits(const char *pattern, struct span path, uint64_t *number)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == 'N') {
            if (!take_number(&path, number)) return false;
            continue;
        }
        if (path.size == 0 || path.data[0] != (uint8_t)*pattern) return false;
        path = span_skip(path, 1);
    }
    return path.size == 0;
}

static bool is_method(const struct admin_route *route, struct span method)
{
    struct span own = span_text(route->method);
    if (method.size == 4 && memcmp(method.data, "HEAD", 4) == 0) method = span_text("GET");
    return method.size == own.size && memcmp(method.data, own.data, own.size) == 0;
}

/* Which form is preferred: the page asks for JSON, the command line for text. */
static bool accepts_json(const struct http_head *head)
{
    return http_head_has(head, "accept", "application/json");
}

int route_find(const struct admin_route *routes, const struct http_head *head,
               struct admin_request *request, const char **allow)
{
    bool json;
    struct span path = without_suffix(head->path, &json);
    int status = 404;
    for (const struct admin_route *route = routes; route->method != NULL; route++) {
        uint64_t number = 0;
        if (!fits(route->path, path, &number)) continue;
        if (is_method(route, head->method)) {
            *request = (struct admin_request){.route = route, .number = number};
            request->wants_json = json || accepts_json(head);
            snprintf(request->path, sizeof request->path, "%.*s", (int)path.size, path.data);
            return 200;
        }
        *allow = route->method;
        status = 405;
    }
    return status;
}
