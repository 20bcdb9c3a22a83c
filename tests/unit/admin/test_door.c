#include "admin/door.h"
#include "frame/http_answer.h"
#include "http_try.h"

#include <stdlib.h>
#include <time.h>

#define TOKEN "0123456789abcdef0123456789abcdef"
#define HOST "Host: 127.0.0.1:7001\r\n"

static void act(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context, (void)request, (void)answer;
}

static const struct admin_route routes[] = {
    {"GET", "/", ACCESS_PAGE, ROUTE_AT_ONCE, act},
    {"GET", "/stats", ACCESS_READ, ROUTE_AT_ONCE, act},
    {"POST", "/reload", ACCESS_ACT, ROUTE_CHANGE, act},
    {NULL, NULL, 0, 0, NULL},
};
static const struct door door = {.access = {.token = TOKEN, .cookie = "moonport-7001"},
                                 .routes = routes};
static const struct access_peer peer = {.is_loopback = true};
static struct admin_request request;
static struct admin_answer answer;

static bool admit(const char *line, const char *fields)
{
    struct http_head head;
    http_try(&head, line, fields);
    free(answer.body.data);
    answer = (struct admin_answer){.status = 0};
    return door_admit(&door, &head, &peer, &request, &answer);
}

static bool says(const char *text)
{
    struct buffer *body = &answer.body;
    cr_assert(buffer_add(body, "%c", '\0'));
    body->end--;
    return strstr((const char *)body->data, text) != NULL;
}

Test(door, lets_in_who_has_the_token)
{
    cr_assert(admit("GET /stats.json?a=b", HOST "Authorization: Bearer " TOKEN "\r\n"));
    cr_assert_eq(request.route, &routes[1]);
    cr_assert(request.wants_json);
    cr_assert_str_eq(request.query, "a=b");
    cr_assert_not(request.by_page);
    cr_assert(admit("GET /", HOST "Cookie: moonport-7001=" TOKEN "\r\n"));
    cr_assert(request.by_page);
    cr_assert_str_eq(request.query, "");
}

Test(door, says_why_not)
{
    cr_assert_not(admit("GET /stats", HOST));
    cr_assert_eq(answer.status, 401);
    cr_assert_str_eq(answer.fields, "WWW-Authenticate: Bearer\r\n");
    cr_assert_not(admit("GET /nothing", HOST));
    cr_assert_eq(answer.status, 404);
    cr_assert_not(admit("GET /reload", HOST));
    cr_assert_eq(answer.status, 405);
    cr_assert_str_eq(answer.fields, "Allow: POST\r\n");
    cr_assert_not(admit("POST /reload", HOST "Authorization: Bearer " TOKEN "\r\n"));
    cr_assert_eq(answer.status, 403);
    cr_assert_not(admit("GET /stats", "Host: evil.example\r\n"));
    cr_assert_eq(answer.status, 421);
}

Test(door, a_query_that_is_too_long_is_refused)
{
    static char line[REQUEST_QUERY_MAX + 64] = "GET /stats?";
    size_t begin = strlen(line);
    memset(line + begin, 'a', REQUEST_QUERY_MAX - 1);
    cr_assert(admit(line, HOST "Authorization: Bearer " TOKEN "\r\n"));
    cr_assert_eq(strlen(request.query), REQUEST_QUERY_MAX - 1);
    line[begin + REQUEST_QUERY_MAX - 1] = 'a';
    cr_assert_not(admit(line, HOST "Authorization: Bearer " TOKEN "\r\n"));
    cr_assert_eq(answer.status, 414);
}

Test(door, a_browser_with_the_token_in_the_address_gets_a_cookie)
{
    cr_assert_not(admit("GET /?token=" TOKEN, HOST));
    cr_assert_eq(answer.status, 303);
    cr_assert_str_eq(answer.fields, "Location: /\r\nSet-Cookie: moonport-7001=" TOKEN
                                    "; HttpOnly; SameSite=Strict; Path=/\r\n");
}

Test(door, a_browser_without_the_token_is_told_where_it_stands)
{
    cr_assert_not(admit("GET /", HOST));
    cr_assert_eq(answer.status, 401);
    cr_assert_str_eq(answer.type, answer_html);
    cr_assert(says("?token="));
    cr_assert_not(says(TOKEN));
    cr_assert_not(admit("GET /?token=0123456789abcdef", HOST));
    cr_assert_eq(answer.status, 401);
    cr_assert_not(admit("GET /?token=" TOKEN, "Host: evil.example\r\n"));
    cr_assert_eq(answer.status, 421);
    cr_assert_str_eq(answer.fields, "");
    cr_assert_not(admit("GET /stats?token=" TOKEN, HOST));
    cr_assert_eq(answer.status, 401, "only the page takes it there");
}

Test(door, the_head_of_an_answer_has_what_a_browser_and_a_proxy_need)
{
    struct buffer out = {.data = NULL};
    struct admin_answer some = {.status = 409, .type = answer_json, .fields = "X-A: b\r\n"};
    cr_assert(buffer_add(&some.body, "12345"));
    cr_assert(door_write_head(&out, &some, false));
    cr_assert(buffer_add(&out, "%c", '\0'));
    const char *head = (const char *)out.data;
    cr_assert(strncmp(head, "HTTP/1.1 409 Conflict\r\nDate: ", 29) == 0, "%s", head);
    static const char *const fields[] = {
        "\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 5\r\n",
        "\r\nCache-Control: no-store\r\n",        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nX-Frame-Options: DENY\r\n",          "\r\nX-A: b\r\nConnection: close\r\n\r\n"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_assert_not_null(strstr(head, fields[i]), "%s is not in %s", fields[i], head);
    out.begin = out.end = 0;
    cr_assert(door_write_head(&out, &(struct admin_answer){.status = 0}, true));
    cr_assert(buffer_add(&out, "%c", '\0'));
    head = (const char *)out.data;
    cr_assert(strncmp(head, "HTTP/1.1 200 OK\r\n", 17) == 0, "%s", head);
    cr_assert_null(strstr(head, "Connection:"));
    free(out.data);
    free(some.body.data);
}

static bool has_date(const char *head, time_t now)
{
    char date[HTTP_DATE_SIZE], line[80];
    http_date_write((uint64_t)now, date);
    snprintf(line, sizeof line, "\r\nDate: %s\r\n", date);
    return strstr(head, line) != NULL;
}

Test(door, the_head_has_the_date)
{
    struct buffer out = {.data = NULL};
    const time_t before = time(NULL);
    bool found = false;
    cr_assert(door_write_head(&out, &(struct admin_answer){.status = 0}, true));
    cr_assert(buffer_add(&out, "%c", '\0'));
    for (time_t now = before; now <= time(NULL); now++)
        found = found || has_date((const char *)out.data, now);
    cr_assert(found, "%s", (const char *)out.data);
    free(out.data);
}
