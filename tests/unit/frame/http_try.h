/* http_try.h - for the tests of HTTP: a head is read at once and byte by byte, which must tell the same.
 *
 * Every input is handed over at the very end of an allocation of its own, so that the address sanitizer sees a read
 * beyond it. */
#ifndef MOONPORT_TEST_HTTP_TRY_H
#define MOONPORT_TEST_HTTP_TRY_H

#include "base/check.h"
#include "frame/http_head.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

/* What the last try has read. */
static struct http_head head;

static inline struct span http_copy(struct span bytes)
{
    uint8_t *copy = malloc(bytes.size);
    check(copy != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(copy, bytes.data, bytes.size);
    return span_of(copy, bytes.size);
}

static inline bool same_part(struct span one, struct span other)
{
    return (one.data == NULL) == (other.data == NULL) && one.size == other.size &&
           (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

/* Reads what has come, where nothing but `scanned` is left of the last time. */
static inline enum http_verdict http_go_on(struct http_head *slow, struct span arrived)
{
    size_t scanned = slow->scanned;
    memset(slow, 0xa5, sizeof *slow);
    slow->scanned = scanned;
    return http_head_read(slow, arrived);
}

static inline void http_check_same(const struct http_head *slow, enum http_verdict verdict)
{
    if (verdict == HTTP_BAD || verdict == HTTP_TOO_LONG) {
        cr_assert_eq(slow->status, head.status, "%u, and slowly %u", head.status, slow->status);
        cr_assert_str_eq(slow->why, head.why);
    }
    if (verdict != HTTP_HEAD) return;
    cr_assert_eq(slow->size, head.size);
    cr_assert_eq(slow->minor, head.minor);
    cr_assert_eq(slow->field_count, head.field_count);
    cr_assert(same_part(slow->method, head.method) && same_part(slow->target, head.target));
    cr_assert(same_part(slow->path, head.path) && same_part(slow->query, head.query));
    cr_assert(same_part(slow->host, head.host));
    for (uint32_t i = 0; i < head.field_count; i++) {
        cr_assert(same_part(slow->fields[i].name, head.fields[i].name));
        cr_assert(same_part(slow->fields[i].value, head.fields[i].value));
    }
}

/* In pieces of at most so many bytes. A verdict comes once, at the end or before, and stays. */
static inline void http_try_slowly(struct span bytes, enum http_verdict expected, size_t piece)
{
    struct http_head slow = {.scanned = 0};
    enum http_verdict verdict = HTTP_MORE, before = HTTP_MORE;
    for (size_t arrived = 0; arrived < bytes.size; before = verdict) {
        arrived = bytes.size - arrived < piece ? bytes.size : arrived + piece;
        struct span copy = http_copy(span_first(bytes, arrived));
        verdict = http_go_on(&slow, copy);
        cr_assert(before == HTTP_MORE || verdict == before, "a verdict has changed");
        if (verdict != HTTP_MORE) http_check_same(&slow, verdict);
        free(copy.data);
    }
    cr_assert_eq(verdict, expected, "%d, and slowly %d", (int)expected, (int)verdict);
}

static inline enum http_verdict http_try(struct span bytes)
{
    static uint8_t *last;
    struct span copy = http_copy(bytes);
    free(last);
    last = copy.data;
    head.scanned = 0;
    enum http_verdict verdict = http_head_read(&head, copy);
    http_try_slowly(copy, verdict, 1);
    return verdict;
}

/* printf, and tries it. */
#define http_try_text(...) http_try(http_text(__VA_ARGS__))

__attribute__((format(printf, 1, 2))) static inline struct span http_text(const char *format, ...)
{
    static char text[20000];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    check(size >= 0);
    check((size_t)size < sizeof text);
    return span_of(text, (size_t)size);
}

#define http_reads(part, expected) \
    cr_assert(same_part(part, span_text(expected)), "\"%.*s\" and not \"%s\"", (int)(part).size, \
              (const char *)(part).data, expected)

#define http_refuses(expected, ...) \
    do { \
        enum http_verdict refused = http_try_text(__VA_ARGS__); \
        cr_assert(refused == HTTP_BAD || refused == HTTP_TOO_LONG, "%d", (int)refused); \
        cr_assert_eq(head.status, expected, "%u: %s", head.status, head.why); \
        cr_assert_eq(refused == HTTP_TOO_LONG, head.status == 414 || head.status == 431); \
    } while (0)

#define http_takes(...) \
    do { \
        enum http_verdict taken = http_try_text(__VA_ARGS__); \
        cr_assert_eq(taken, HTTP_HEAD, "%d: %s", (int)taken, head.why == NULL ? "" : head.why); \
    } while (0)

#endif
