#include "frame/http_answer.h"

#include <criterion/criterion.h>
#include <stdio.h>

static char room[1000];

static const char *written(const struct http_answer *answer)
{
    size_t size = http_answer_write(answer, room, sizeof room);
    cr_assert_eq(size, strlen(room));
    return room;
}

#define CLOSES "X-Content-Type-Options: nosniff\r\nConnection: close\r\n"

Test(http_answer, a_head_tells_of_its_body)
{
    struct http_answer answer = {.status = 404, .type = "text/plain", .body = span_text("no\n")};
    cr_assert_str_eq(
        written(&answer),
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n" CLOSES
        "\r\n");
    answer = (struct http_answer){.status = 200, .headers = "ETag: \"a\"\r\nA: b\r\n"};
    cr_assert_str_eq(written(&answer), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" CLOSES
                                       "ETag: \"a\"\r\nA: b\r\n\r\n");
}

/* RFC 9110 section 9.3.2. */
Test(http_answer, a_head_without_its_body_is_the_same)
{
    struct http_answer answer = {.status = 200, .type = "a/b", .body = span_text("body")};
    char with[1000];
    snprintf(with, sizeof with, "%s", written(&answer));
    answer.without_body = true;
    cr_assert_str_eq(written(&answer), with);
}

/* RFC 9110 sections 15.3.5, 15.4.5 and 8.6. */
Test(http_answer, what_has_no_body_tells_of_none)
{
    struct http_answer answer = {.status = 304, .type = "a/b", .headers = "ETag: \"a\"\r\n"};
    cr_assert_str_eq(written(&answer),
                     "HTTP/1.1 304 Not Modified\r\n" CLOSES "ETag: \"a\"\r\n\r\n");
    answer = (struct http_answer){.status = 204};
    cr_assert_str_eq(written(&answer), "HTTP/1.1 204 No Content\r\n" CLOSES "\r\n");
}

/* RFC 9110 sections 7.8 and 15.5.22. */
Test(http_answer, connection_names_upgrade_where_it_is_required)
{
    struct http_answer answer = {.status = 426, .headers = "Upgrade: websocket\r\n"};
    cr_assert_str_eq(written(&answer),
                     "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n"
                     "X-Content-Type-Options: nosniff\r\nConnection: close, Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\n");
}

Test(http_answer, an_answer_may_have_a_date)
{
    struct http_answer answer = {.status = 204, .date_s = 784111777};
    cr_assert_str_eq(written(&answer), "HTTP/1.1 204 No Content\r\n"
                                       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" CLOSES "\r\n");
}

Test(http_answer, a_head_that_does_not_fit_is_none)
{
    const struct http_answer answer = {.status = 200, .type = "a/b", .headers = "A: b\r\n"};
    size_t size = strlen(written(&answer));
    for (size_t less = 0; less <= size; less++)
        cr_assert_eq(http_answer_write(&answer, room, less), 0, "%zu", less);
    cr_assert_eq(http_answer_write(&answer, room, size + 1), size);
}

Test(http_answer, statuses_have_phrases)
{
    cr_assert_str_eq(http_phrase(101), "Switching Protocols");
    cr_assert_str_eq(http_phrase(413), "Content Too Large");
    cr_assert_str_eq(http_phrase(505), "HTTP Version Not Supported");
    cr_assert_str_eq(http_phrase(299), "Unknown");
    cr_assert_str_eq(http_phrase(0), "Unknown");
}

/* RFC 9110 section 5.6.7; leap years are those of the calendar of Gregory. */
Test(http_answer, dates_are_those_of_the_calendar)
{
    static const struct {
        uint64_t unix_s;
        const char *text;
    } dates[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {86399, "Thu, 01 Jan 1970 23:59:59 GMT"},
        {86400, "Fri, 02 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {978307199, "Sun, 31 Dec 2000 23:59:59 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {1795996800, "Mon, 30 Nov 2026 00:00:00 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        char text[HTTP_DATE_SIZE];
        http_date_write(dates[i].unix_s, text);
        cr_assert_str_eq(text, dates[i].text);
    }
}
