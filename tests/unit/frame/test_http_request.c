/* What a head says of the body behind it: RFC 9112 section 6, RFC 9110 sections 8.6 and 10.1.1. */
#include "frame/http_request.h"

#include "http_try.h"

enum { BODY_MAX = 1000 };

static struct http_request request;
static const char *why;

/* With these fields. */
static uint16_t judge(const char *line, const char *fields)
{
    cr_assert_eq(http_try_text("%s\r\nHost: h\r\n%s\r\n", line, fields), HTTP_HEAD, "%s", fields);
    why = NULL;
    return http_request_judge(&head, BODY_MAX, &request, &why);
}

static void has_body(const char *fields, uint64_t length, bool chunked)
{
    uint16_t status = judge("POST / HTTP/1.1", fields);
    cr_assert_eq(status, 0, "%s: %u", fields, status);
    cr_assert_eq(request.length, length);
    cr_assert_eq(request.chunked, chunked);
}

static void refused_as(const char *line, const char *fields, uint16_t status)
{
    uint16_t told = judge(line, fields);
    cr_assert_eq(told, status, "%s: %u", fields, told);
    cr_assert_not_null(why);
}

#define refused(fields, status) refused_as("POST / HTTP/1.1", fields, status)

/* RFC 9112 section 6.3. */
Test(http_request, has_a_body_of_known_length)
{
    has_body("", 0, false);
    has_body("Content-Length: 0\r\n", 0, false);
    has_body("Content-Length: 5\r\n", 5, false);
    has_body("content-length:\t0005 \r\n", 5, false);
    has_body("Content-Length: 1000\r\n", 1000, false);
    has_body("Transfer-Encoding: chunked\r\n", 0, true);
    has_body("TRANSFER-ENCODING: CHUNKED\r\n", 0, true);
}

/* RFC 9110 section 15.5.14. */
Test(http_request, has_a_body_no_larger_than_it_may_be)
{
    refused("Content-Length: 1001\r\n", 413);
    refused("Content-Length: 18446744073709551615\r\n", 413);
    refused("Content-Length: 1001\r\nExpect: 100-continue\r\n", 413);
}

/* RFC 9110 section 8.6, RFC 9112 section 6.3, 5th: a length that is none, or two of them. */
Test(http_request, has_one_number_as_its_length)
{
    static const char *const lengths[] = {"",
                                          "-1",
                                          "+5",
                                          "5 5",
                                          "0x5",
                                          "5,",
                                          "5, 5",
                                          "5;a=b",
                                          "five",
                                          "5.0",
                                          "\"5\"",
                                          "1e3",
                                          "18446744073709551616"};
    char fields[100];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        snprintf(fields, sizeof fields, "Content-Length: %s\r\n", lengths[i]);
        refused(fields, 400);
    }
    refused("Content-Length: 5\r\nContent-Length: 5\r\n", 400);
    refused("Content-Length: 5\r\nContent-Length: 6\r\n", 400);
    refused("Content-Length: 0\r\ncontent-length:\r\n", 400);
}

/* RFC 9112 section 6.3, 3rd: a request with both "might indicate an attempt to perform request smuggling". */
Test(http_request, has_not_two_lengths)
{
    refused("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400);
    refused("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400);
    refused("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", 400);
    refused("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", 400);
}

/* RFC 9112 section 6.1; 6.3, 4th: what does not end in "chunked" has no length. The variants are those that proxies have been
 * led astray with. */
Test(http_request, has_no_other_coding)
{
    static const char *const codings[] = {
        "",          "identity",    "gzip",        "chunked, gzip",   "chunked, identity",
        "xchunked",  "chunked;a=b", "\"chunked\"", "chunked chunked", "chunked, chunked",
        ", chunked", "chunked,",    "cow",         "chunked\t,\t",    "gzip, chunked, chunked",
        "chun ked",  "gzip;chunked"};
    char fields[100];
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        snprintf(fields, sizeof fields, "Transfer-Encoding: %s\r\n", codings[i]);
        refused(fields, 400);
    }
    refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400);
    refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400);
    refused("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400);
    refused("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", 400);
    refused_as("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n", 400);
    refused("Transfer-Encoding: gzip, chunked\r\n", 501);
}

/* RFC 9110 section 10.1.1. */
Test(http_request, waits_if_it_says_so_and_has_a_body)
{
    judge("POST / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 5\r\n");
    cr_assert(request.waits);
    judge("POST / HTTP/1.1", "expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n");
    cr_assert(request.waits);
    judge("POST / HTTP/1.1", "Content-Length: 5\r\n");
    cr_assert_not(request.waits);
    judge("POST / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n");
    cr_assert_not(request.waits);
    cr_assert_eq(judge("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 5\r\n"), 0);
    cr_assert_not(request.waits);
    cr_assert_eq(judge("POST / HTTP/1.0", "Expect: more\r\nContent-Length: 5\r\n"), 0);
    refused("Expect: more\r\n", 417);
    refused("Expect: 100-continue\r\nExpect: 100-continue\r\n", 417);
    refused("Expect: 100-continue, more\r\n", 417);
}

/* RFC 9112 section 9.3. */
Test(http_request, says_how_it_is_answered)
{
    judge("GET / HTTP/1.1", "");
    cr_assert(request.keeps && !request.is_old && !request.is_head);
    judge("HEAD / HTTP/1.1", "Connection: close\r\n");
    cr_assert(!request.keeps && !request.is_old && request.is_head);
    judge("GET / HTTP/1.1", "Connection: TE, Close\r\n");
    cr_assert_not(request.keeps);
    judge("GET / HTTP/1.0", "");
    cr_assert(!request.keeps && request.is_old);
    judge("GET / HTTP/1.0", "Connection: Keep-Alive\r\n");
    cr_assert(request.keeps && request.is_old);
    judge("head / HTTP/1.1", "");
    cr_assert_not(request.is_head);
}
