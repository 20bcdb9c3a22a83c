#include "frame/http_origin.h"

#include "frame/http_text.h"

#include <criterion/criterion.h>

static struct http_origin origin;

static bool reads(const char *text)
{
    return http_origin_read(span_text(text), &origin);
}

/* RFC 6454 sections 4 and 6.1. */
Test(http_origin, an_origin_is_a_scheme_a_host_and_a_port)
{
    cr_assert(reads("https://example.com"));
    cr_assert(http_is(origin.scheme, "https"));
    cr_assert(http_is(origin.host, "example.com"));
    cr_assert_eq(origin.port, 443);
    cr_assert(reads("http://[::1]:8000"));
    cr_assert(http_is(origin.host, "::1"));
    cr_assert_eq(origin.port, 8000);
    cr_assert(reads("http://a") && origin.port == 80);
    cr_assert(reads("ws://a") && origin.port == 80);
    cr_assert(reads("wss://a") && origin.port == 443);
    cr_assert(reads("a+b-c.1://d") && origin.port == 0);
    cr_assert(reads("file://") && origin.host.size == 0);
    cr_assert(reads("null") && origin.scheme.size == 0);
}

Test(http_origin, anything_else_is_none)
{
    static const char *const bad[] = {
        "",          "a",          "://a",      "1a://b",       "a b://c",
        "http:/a",   "http//a",    "http:a",    "http://a/",    "http://a b",
        "http://a?", "http://a:b", "http://:1", "http://a:1:2", "Null",
        "null ",     "http",       "http:",     "http:/",       "http://a, http://b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(reads(bad[i]), "%s", bad[i]);
}

static bool is(const char *one, const char *other)
{
    struct http_origin first, second;
    cr_assert(http_origin_read(span_text(one), &first));
    cr_assert(http_origin_read(span_text(other), &second));
    cr_assert_eq(http_origin_is(&second, &first), http_origin_is(&first, &second));
    return http_origin_is(&first, &second);
}

/* RFC 6454 section 5. */
Test(http_origin, the_same_are_those_with_the_same_parts)
{
    cr_assert(is("http://a", "HTTP://A:80"));
    cr_assert(is("https://a:443", "https://a"));
    cr_assert(is("null", "null"));
    cr_assert_not(is("http://a", "https://a"));
    cr_assert_not(is("http://a:443", "https://a"));
    cr_assert_not(is("http://a", "http://a:81"));
    cr_assert_not(is("http://a", "http://ab"));
    cr_assert_not(is("http://ab", "http://ac"));
    cr_assert_not(is("null", "file://"));
}
