#include "admin/route.h"
#include "http_try.h"

#include <criterion/criterion.h>

static void act(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    (void)context, (void)request, (void)answer;
}

static const struct admin_route routes[] = {
    {"GET", "/", ACCESS_PAGE, ROUTE_AT_ONCE, act},
    {"GET", "/stats", ACCESS_READ, ROUTE_AT_ONCE, act},
    {"GET", "/log", ACCESS_READ, ROUTE_AT_ONCE, act},
    {"POST", "/log", ACCESS_ACT, ROUTE_AT_ONCE, act},
    {"POST", "/listeners/N/open", ACCESS_ACT, ROUTE_LOOK, act},
    {"POST", "/listeners/N/close", ACCESS_ACT, ROUTE_LOOK, act},
    {NULL, NULL, 0, 0, NULL},
};

static struct admin_request request;
static const char *allow;

static int find(const char *line)
{
    struct http_head head;
    allow = "";
    http_try(&head, line, "Host: x\r\n");
    return route_find(routes, &head, &request, &allow);
}

static void expect(const char *line, int index, uint64_t number, bool json)
{
    cr_assert_eq(find(line), 200, "%s", line);
    cr_assert_eq(request.route - routes, index, "%s", line);
    cr_assert_eq(request.number, number, "%s", line);
    cr_assert_eq(request.wants_json, json, "%s", line);
}

Test(route, finds_by_method_and_path)
{
    expect("GET /", 0, 0, false);
    expect("GET /stats", 1, 0, false);
    expect("HEAD /stats", 1, 0, false);
    expect("GET /log", 2, 0, false);
    expect("POST /log", 3, 0, false);
    expect("GET /stats?a=b", 1, 0, false);
}

Test(route, a_suffix_or_the_accept_field_asks_for_json)
{
    struct http_head head;
    expect("GET /stats.json", 1, 0, true);
    http_try(&head, "GET /stats", "Host: x\r\nAccept: text/html, application/json\r\n");
    cr_assert_eq(route_find(routes, &head, &request, &allow), 200);
    cr_assert(request.wants_json);
    cr_assert_eq(find("GET /.json"), 404);
}

Test(route, a_number_is_part_of_the_path)
{
    expect("POST /listeners/1/open", 4, 1, false);
    expect("POST /listeners/4503599627370497/close", 5, UINT64_C(4503599627370497), false);
    cr_assert_eq(find("POST /listeners//open"), 404);
    cr_assert_eq(find("POST /listeners/x/open"), 404);
    cr_assert_eq(find("POST /listeners/1"), 404);
    cr_assert_eq(find("POST /listeners/1/opened"), 404);
    cr_assert_eq(find("POST /listeners/-1/open"), 404);
    cr_assert_eq(find("POST /listeners/9999999999999999999/open"), 404);
}

Test(route, says_what_is_not_there_and_what_is_by_another_method)
{
    cr_assert_eq(find("GET /nothing"), 404);
    cr_assert_eq(find("GET /stats/"), 404);
    cr_assert_eq(find("GET /Stats"), 404);
    cr_assert_eq(find("POST /stats"), 405);
    cr_assert_str_eq(allow, "GET");
    cr_assert_eq(find("GET /listeners/1/open"), 405);
    cr_assert_str_eq(allow, "POST");
    cr_assert_eq(find("DELETE /log"), 405);
    cr_assert_eq(find("PUT /log"), 405);
    cr_assert_eq(find("G /log"), 405);
    cr_assert_eq(find("get /log"), 405);
}
