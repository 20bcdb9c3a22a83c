/* Bodies in chunks, section by section of RFC 9112. Each is read at once, divided in two at each point, and byte by byte,
 * which must come to the same. */
#include "frame/http_chunks.h"

#include "base/check.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <stdlib.h>

struct result {
    char data[256];
    size_t size, used;
    enum http_chunk_verdict verdict;
    uint16_t status;
    const char *why;
};

/* Hands over a piece, at the very end of an allocation; until there is a verdict. */
static void read_piece(struct http_chunks *chunks, struct span piece, struct result *result)
{
    struct http_chunk_step step;
    uint8_t *copy = malloc(piece.size);
    check(copy != NULL);
    memcpy(copy, piece.data, piece.size);
    for (size_t at = 0; at < piece.size; at += step.used) {
        result->verdict = http_chunks_read(chunks, span_of(copy + at, piece.size - at), &step);
        result->status = step.status;
        result->why = step.why;
        if (result->verdict == HTTP_CHUNK_BAD) break;
        check(step.used > 0);
        result->used += step.used;
        if (result->verdict == HTTP_CHUNK_DATA) {
            cr_assert(step.data.size > 0 && result->size + step.data.size < sizeof result->data);
            memcpy(result->data + result->size, step.data.data, step.data.size);
            result->size += step.data.size;
        }
        if (result->verdict == HTTP_CHUNK_END) break;
    }
    free(copy);
}

static bool goes_on(const struct result *result)
{
    return result->verdict == HTTP_CHUNK_MORE || result->verdict == HTTP_CHUNK_DATA;
}

static struct result read_in_two(struct span text, size_t first)
{
    struct http_chunks chunks = {0};
    struct result result = {.verdict = HTTP_CHUNK_MORE};
    if (first > 0) read_piece(&chunks, span_first(text, first), &result);
    if (goes_on(&result) && first < text.size) read_piece(&chunks, span_skip(text, first), &result);
    return result;
}

static struct result read_slowly(struct span text)
{
    struct http_chunks chunks = {0};
    struct result result = {.verdict = HTTP_CHUNK_MORE};
    for (size_t at = 0; at < text.size && goes_on(&result); at++)
        read_piece(&chunks, span_of(text.data + at, 1), &result);
    return result;
}

static void same(const struct result *one, const struct result *other)
{
    cr_assert_eq(goes_on(one), goes_on(other));
    if (!goes_on(one)) cr_assert_eq(one->verdict, other->verdict);
    cr_assert_eq(one->size, other->size);
    cr_assert_eq(memcmp(one->data, other->data, one->size), 0);
    if (one->verdict == HTTP_CHUNK_END) cr_assert_eq(one->used, other->used);
    if (one->verdict != HTTP_CHUNK_BAD) return;
    cr_assert_eq(one->status, other->status);
    cr_assert_eq(one->why, other->why);
}

static struct result read_all(struct span text)
{
    struct result whole = read_in_two(text, text.size), slow = read_slowly(text);
    same(&whole, &slow);
    for (size_t first = 0; first < text.size; first++) {
        struct result two = read_in_two(text, first);
        same(&whole, &two);
    }
    return whole;
}

static void gives(const char *text, const char *data, const char *behind)
{
    struct result result = read_all(span_text(text));
    cr_assert_eq(result.verdict, HTTP_CHUNK_END, "\"%s\": %s", text,
                 result.why == NULL ? "goes on" : result.why);
    cr_assert_eq(result.size, strlen(data), "\"%s\"", text);
    cr_assert_eq(memcmp(result.data, data, result.size), 0, "\"%s\"", text);
    cr_assert_str_eq(text + result.used, behind);
}

static void refuses(const char *text, const char *why)
{
    struct result result = read_all(span_text(text));
    cr_assert_eq(result.verdict, HTTP_CHUNK_BAD, "\"%s\"", text);
    cr_assert_eq(result.status, 400);
    cr_assert_not_null(strstr(result.why, why), "\"%s\": %s", text, result.why);
}

#define LAST "0\r\n\r\n"

/* Section 7.1: chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF. */
Test(http_chunks, are_put_together)
{
    gives(LAST, "", "");
    gives("5\r\nhello\r\n" LAST, "hello", "");
    gives("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n" LAST, "hello world", "");
    gives("2\r\n\r\n\r\n" LAST, "\r\n", "");
    gives("5\r\n0\r\n\r\n\r\n" LAST, "0\r\n\r\n", "");
}

Test(http_chunks, do_not_use_what_follows_the_body)
{
    gives("1\r\na\r\n" LAST "GET / HTTP/1.1\r\n", "a", "GET / HTTP/1.1\r\n");
    gives(LAST "\r\n", "", "\r\n");
    gives("0\r\nA: b\r\n\r\nPOST", "", "POST");
}

/* chunk-size = 1*HEXDIG, of either case. */
Test(http_chunks, have_sizes_in_hexadecimal)
{
    gives("a\r\n0123456789\r\n" LAST, "0123456789", "");
    gives("A\r\n0123456789\r\n" LAST, "0123456789", "");
    gives("10\r\n0123456789abcdef\r\n" LAST, "0123456789abcdef", "");
    gives("0000000000000001\r\na\r\n0000000000000000\r\n\r\n", "a", "");
    gives("00\r\n\r\n", "", "");
}

/* Section 7.1: "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to
 * integer conversion overflows". */
Test(http_chunks, have_sizes_that_do_not_overflow)
{
    struct http_chunks chunks = {0};
    struct http_chunk_step step;
    const char *text = "ffffffffffffffff\r\na";
    cr_assert_eq(http_chunks_read(&chunks, span_text(text), &step), HTTP_CHUNK_DATA);
    cr_assert_eq(step.data.size, 1);
    cr_assert_eq(chunks.left, UINT64_MAX - 1);
    refuses("00000000000000001\r\na\r\n", "too long");
    refuses("10000000000000001\r\n", "too long");
}

Test(http_chunks, have_sizes_and_nothing_else_in_front)
{
    refuses("\r\n", "does not begin with its size");
    refuses("hello", "does not begin with its size");
    refuses(";a\r\n", "does not begin with its size");
    refuses(" 1\r\n", "does not begin with its size");
    refuses("+1\r\n", "does not begin with its size");
    refuses("-1\r\n", "does not begin with its size");
    refuses("0x1\r\n", "not a hexadecimal number");
    refuses("1_0\r\n", "not a hexadecimal number");
    refuses("1g\r\n", "not a hexadecimal number");
    refuses("1,\r\n", "not a hexadecimal number");
}

/* Sections 2.2 and 7.1: lines end in CRLF. What takes less is how requests are smuggled past a proxy. */
Test(http_chunks, have_lines_that_end_in_crlf)
{
    refuses("1\na\r\n" LAST, "not a hexadecimal number");
    refuses("1\ra\r\n" LAST, "not followed by LF");
    refuses("1\r\r\na\r\n" LAST, "not followed by LF");
    refuses("1\r\na\n" LAST, "longer than its size");
    refuses("1\r\na\rX", "not followed by LF");
    refuses("1\r\nab\r\n" LAST, "longer than its size");
    refuses("1\r\na" LAST, "longer than its size");
    refuses("0\n\r\n", "not a hexadecimal number");
    refuses("0\r\n\n", "not a name");
    refuses("0\r\n\rX", "not followed by LF");
    refuses("2\r\na\r\n0\r\n\r\n", "longer than its size");
    refuses("1\r\na\r\n\r\n" LAST, "does not begin with its size");
}

/* Section 7.1.1: "A recipient MUST ignore unrecognized chunk extensions." */
Test(http_chunks, may_have_extensions)
{
    gives("1;a=b\r\na\r\n0;last\r\n\r\n", "a", "");
    gives("1;\r\na\r\n" LAST, "a", "");
    gives("1;a=\"b;c\"\r\na\r\n" LAST, "a", "");
    gives("1 \t ;a\r\na\r\n" LAST, "a", "");
    gives("1;a;b=c ; d\r\na\r\n" LAST, "a", "");
    refuses("1 \r\na\r\n" LAST, "followed by a blank");
    refuses("1 1\r\n", "followed by a blank");
    refuses("1;a\nb\r\n", "control byte");
    refuses("1;a\x01\r\n", "control byte");
    refuses("1;\x7f\r\n", "control byte");
    refuses("1;a\rb\r\n", "not followed by LF");
}

/* Section 7.1.2: "A recipient that removes the chunked coding from a message MAY selectively retain or discard the
 * received trailer fields." */
Test(http_chunks, may_have_trailers)
{
    gives("1\r\na\r\n0\r\nA: b\r\nExpires:\r\nC:d\t\xc3\xa4\r\n\r\n", "a", "");
    refuses("0\r\nA b\r\n\r\n", "not a name");
    refuses("0\r\nA : b\r\n\r\n", "not a name");
    refuses("0\r\n A: b\r\n\r\n", "not a name");
    refuses("0\r\n: b\r\n\r\n", "not a name");
    refuses("0\r\nA: b\r\n c\r\n\r\n", "not a name");
    refuses("0\r\nA: b\nC: d\r\n\r\n", "control byte");
    refuses("0\r\nA: \x01\r\n\r\n", "control byte");
    refuses("0\r\nA\r\n\r\n", "not a name");
    refuses("0\r\nA: b\rC: d\r\n", "not followed by LF");
}

static enum http_chunk_verdict repeat(struct http_chunks *chunks, const char *text, size_t times,
                                      uint16_t *status)
{
    enum http_chunk_verdict verdict = HTTP_CHUNK_MORE;
    for (size_t i = 0; i < times && verdict != HTTP_CHUNK_BAD; i++) {
        struct http_chunk_step step;
        struct span rest = span_text(text);
        while (rest.size > 0 && verdict != HTTP_CHUNK_BAD) {
            verdict = http_chunks_read(chunks, rest, &step);
            rest = span_skip(rest, step.used);
            *status = step.status;
        }
    }
    return verdict;
}

/* Section 7.1.1: "A server ought to limit the total length of chunk extensions received in a request." */
Test(http_chunks, have_no_end_of_extensions_or_trailers)
{
    struct http_chunks chunks = {0};
    uint16_t status = 0;
    repeat(&chunks, "1;a\r\nx\r\n", HTTP_EXTENSIONS_MAX / 2, &status);
    cr_assert_eq(repeat(&chunks, "1;", 1, &status), HTTP_CHUNK_MORE);
    cr_assert_eq(repeat(&chunks, "a", 1, &status), HTTP_CHUNK_BAD);
    cr_assert_eq(status, 431);

    chunks = (struct http_chunks){0};
    repeat(&chunks, "0\r\n", 1, &status);
    repeat(&chunks, "A: b\r\n", HTTP_TRAILERS_MAX / 6, &status);
    cr_assert_eq(repeat(&chunks, "A:", 1, &status), HTTP_CHUNK_MORE);
    cr_assert_eq(repeat(&chunks, "b", 1, &status), HTTP_CHUNK_BAD);
    cr_assert_eq(status, 431);
    static_assert(HTTP_TRAILERS_MAX % 6 == 2, "two bytes more fit");
}
