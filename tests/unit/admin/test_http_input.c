#include "admin/http_input.h"

#include <criterion/criterion.h>
#include <string.h>

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"

static struct http_input input;
static struct http_head head;
static const char *why;

static void add(const char *text)
{
    cr_assert(http_input_add(&input, span_text(text)));
}

static void expect(const char *method, const char *path)
{
    cr_assert_eq(http_input_next(&input, &head, &why), 200);
    cr_assert_eq(head.method.size, strlen(method));
    cr_assert(memcmp(head.method.data, method, strlen(method)) == 0);
    cr_assert_eq(head.path.size, strlen(path));
    cr_assert(memcmp(head.path.data, path, strlen(path)) == 0);
    http_input_take(&input, &head);
}

Test(http_input, gives_one_request_after_another)
{
    add(GET POST GET);
    expect("GET", "/a");
    expect("POST", "/b");
    expect("GET", "/a");
    cr_assert_eq(http_input_next(&input, &head, &why), 0);
    cr_assert_eq(input.size, 0);
}

Test(http_input, a_request_may_come_in_any_pieces)
{
    static const char text[] = POST GET;
    for (size_t i = 0; i < sizeof POST - 1; i++) {
        cr_assert_eq(http_input_next(&input, &head, &why), 0, "after %zu bytes", i);
        cr_assert(http_input_add(&input, span_of(text + i, 1)));
    }
    expect("POST", "/b");
    add(GET);
    expect("GET", "/a");
}

static int status_of(const char *text)
{
    input.size = input.scanned = 0;
    add(text);
    return http_input_next(&input, &head, &why);
}

Test(http_input, a_body_has_one_length_that_is_small)
{
    cr_assert_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n"), 0);
    cr_assert_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n"), 413);
    cr_assert_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"), 411);
    cr_assert_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
                 411);
    cr_assert_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: "
                           "100-continue\r\n\r\n"),
                 417);
}

Test(http_input, what_is_no_request_is_refused)
{
    cr_assert_eq(status_of("reload\n"), 400);
    cr_assert(strlen(why) > 0);
    cr_assert_eq(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
}

Test(http_input, more_than_there_is_room_for_is_not_taken)
{
    static char many[HTTP_INPUT_MAX];
    memset(many, 'a', sizeof many);
    cr_assert(http_input_add(&input, span_of(many, sizeof many - 1)));
    cr_assert_not(http_input_add(&input, span_of(many, 2)));
    cr_assert_eq(input.size, sizeof many - 1);
    cr_assert_eq(http_input_next(&input, &head, &why), 414);
}
