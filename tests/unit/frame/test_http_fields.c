#include "http_try.h"

/* A head with these fields. */
#define with(...) http_takes("GET / HTTP/1.1\r\nHost: h\r\n" __VA_ARGS__)

Test(http_fields, a_field_is_found_in_any_case)
{
    with("X-Moonport: 1\r\nX-Moonport-Other: 2\r\nempty:\r\n\r\n");
    http_reads(http_head_field(&head, "x-moonport"), "1");
    http_reads(http_head_field(&head, "X-MOONPORT-OTHER"), "2");
    http_reads(http_head_field(&head, "Empty"), "");
    cr_assert_null(http_head_field(&head, "x-moon").data);
    cr_assert_null(http_head_field(&head, "x-moonport ").data);
    cr_assert_null(http_head_field(&head, "").data);
}

Test(http_fields, of_several_the_first_is_found_and_all_are_counted)
{
    with("A: 1\r\nb: x\r\na: 2\r\nA: 3\r\n\r\n");
    http_reads(http_head_field(&head, "a"), "1");
    cr_assert_eq(http_head_count(&head, "a"), 3);
    cr_assert_eq(http_head_count(&head, "B"), 1);
    cr_assert_eq(http_head_count(&head, "c"), 0);
}

/* ---- lists ---- */

/* Each element in brackets. */
static const char *elements_of(const char *text)
{
    static char shown[256];
    struct span copy = http_copy(span_text(text)), list = copy, element;
    size_t used = 0;
    shown[0] = '\0';
    while (http_list_next(&list, &element))
        used += (size_t)snprintf(shown + used, sizeof shown - used, "[%.*s]", (int)element.size,
                                 (const char *)element.data);
    free(copy.data);
    return shown;
}

Test(http_fields, a_list_has_elements_that_are_not_empty)
{
    cr_assert_str_eq(elements_of("a"), "[a]");
    cr_assert_str_eq(elements_of("a,b"), "[a][b]");
    cr_assert_str_eq(elements_of(" a ,\t,, b c\t, "), "[a][b c]");
    cr_assert_str_eq(elements_of(""), "");
    cr_assert_str_eq(elements_of(" , ,"), "");
}

Test(http_fields, a_comma_in_quotes_divides_nothing)
{
    cr_assert_str_eq(elements_of("a; b=\"c, d\", e"), "[a; b=\"c, d\"][e]");
    cr_assert_str_eq(elements_of("\"a\\\", b\", c"), "[\"a\\\", b\"][c]");
    cr_assert_str_eq(elements_of("\"a\\\\\", b"), "[\"a\\\\\"][b]");
    cr_assert_str_eq(elements_of("a\\, b"), "[a\\][b]");
    cr_assert_str_eq(elements_of("a, \"b, c"), "[a][\"b, c]");
    cr_assert_str_eq(elements_of("\"a\\"), "[\"a\\]");
}

Test(http_fields, a_word_is_looked_for_in_all_fields_of_that_name)
{
    with("Connection: keep-alive, X\r\nconnection:,Upgrade\r\nOther: close\r\n\r\n");
    cr_assert(http_head_has(&head, "connection", "upgrade"));
    cr_assert(http_head_has(&head, "Connection", "Keep-Alive"));
    cr_assert(http_head_has(&head, "connection", "x"));
    cr_assert(!http_head_has(&head, "connection", "close"));
    cr_assert(!http_head_has(&head, "connection", ""));
}

Test(http_fields, a_part_of_a_word_is_not_the_word)
{
    with("Connection: upgrade-insecure, my upgrade, \"upgrade\", upgrad\r\n\r\n");
    cr_assert(!http_head_has(&head, "connection", "upgrade"));
}

/* ---- the body: RFC 9112 section 6.3 ---- */

#define has_length(expected, ...) \
    do { \
        uint64_t size = 1; \
        with(__VA_ARGS__); \
        cr_assert(http_head_length(&head, &size)); \
        cr_assert_eq(size, expected); \
    } while (0)

#define has_no_length(...) \
    do { \
        uint64_t size = 1; \
        with(__VA_ARGS__); \
        cr_assert(!http_head_length(&head, &size)); \
        cr_assert_eq(size, 0); \
    } while (0)

Test(http_fields, the_length_of_the_body_is_a_number)
{
    has_length(0, "\r\n");
    has_length(0, "Content-Length: 0\r\n\r\n");
    has_length(17, "content-length: \t017 \r\n\r\n");
    has_length(UINT64_C(18446744073709551615), "Content-Length: 18446744073709551615\r\n\r\n");
    has_no_length("Content-Length: 18446744073709551616\r\n\r\n");
    has_no_length("Content-Length: 18446744073709551620\r\n\r\n");
    has_no_length("Content-Length: 99999999999999999999\r\n\r\n");
    has_no_length("Content-Length:\r\n\r\n");
    has_no_length("Content-Length: -1\r\n\r\n");
    has_no_length("Content-Length: +1\r\n\r\n");
    has_no_length("Content-Length: 0x1\r\n\r\n");
    has_no_length("Content-Length: 1 2\r\n\r\n");
    has_no_length("Content-Length: 1, 1\r\n\r\n");
}

Test(http_fields, what_contradicts_itself_has_no_length)
{
    has_no_length("Content-Length: 1\r\nContent-Length: 1\r\n\r\n");
    has_no_length("Content-Length: 1\r\nContent-Length: 2\r\n\r\n");
    has_no_length("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    has_no_length("Transfer-Encoding: chunked\r\n\r\n");
    has_no_length("Transfer-Encoding:\r\n\r\n");
}

/* ---- RFC 9112 section 9.3 ---- */

static bool keeps(int minor, const char *fields)
{
    http_takes("GET / HTTP/1.%d\r\nHost: h\r\n%s\r\n", minor, fields);
    return http_head_keeps_alive(&head);
}

Test(http_fields, a_connection_is_kept_as_the_version_and_the_peer_say)
{
    cr_assert(keeps(1, ""));
    cr_assert(keeps(1, "Connection: upgrade\r\n"));
    cr_assert(!keeps(1, "Connection: close\r\n"));
    cr_assert(!keeps(1, "Connection: upgrade, CLOSE\r\n"));
    cr_assert(!keeps(1, "Connection: keep-alive\r\nConnection: close\r\n"));
    cr_assert(!keeps(0, ""));
    cr_assert(keeps(0, "Connection: Keep-Alive\r\n"));
    cr_assert(!keeps(0, "Connection: keep-alive, close\r\n"));
    cr_assert(!keeps(0, "Keep-Alive: timeout=5\r\n"));
}
