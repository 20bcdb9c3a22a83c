/* greet_try.h - for the tests of what comes first on a connection: each head at once, cut in two at every place, and byte
 * by byte, which must not change what becomes of it.
 *
 * Every input is handed over at the very end of an allocation of its own, so that the address sanitizer sees a read
 * beyond it. */
#ifndef MOONPORT_TEST_GREET_TRY_H
#define MOONPORT_TEST_GREET_TRY_H

#include "base/check.h"
#include "frame/websocket_greet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* What the last try has come to; its input stays until the next one. */
static struct greeting greeting;
static struct websocket_settings settings;

#define BYTES(text) (text), sizeof(text) - 1

/* Parts of heads. */
#define GET(path) "GET " path " HTTP/1.1\r\nHost: example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HANDSHAKE UPGRADE CONNECTION VERSION KEY
#define END "\r\n"

static inline struct span greet_copy(struct span bytes)
{
    uint8_t *copy = malloc(bytes.size);
    check(copy != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(copy, bytes.data, bytes.size);
    return span_of(copy, bytes.size);
}

static inline bool greet_same(struct span one, struct span other)
{
    return (one.data == NULL) == (other.data == NULL) && one.size == other.size &&
           (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

static inline const char *greet_text(const char *text)
{
    return text == NULL ? "" : text;
}

static inline void greet_check_same(const struct greeting *other, enum greet_verdict verdict)
{
    if (verdict == GREET_WEBSOCKET) {
        cr_assert_eq(other->head.size, greeting.head.size);
        cr_assert(greet_same(other->key, greeting.key));
        cr_assert(greet_same(other->protocol, greeting.protocol));
        cr_assert_eq(other->continues, greeting.continues);
    } else if (verdict == GREET_ANSWER) {
        cr_assert_eq(other->answer.status, greeting.answer.status);
        cr_assert(greet_same(other->answer.body, greeting.answer.body));
        cr_assert_str_eq(greet_text(other->answer.headers), greet_text(greeting.answer.headers));
        cr_assert_str_eq(greet_text(other->answer.type), greet_text(greeting.answer.type));
        cr_assert_eq(other->answer.without_body, greeting.answer.without_body);
        cr_assert_str_eq(other->why, greeting.why);
        cr_assert_eq(other->is_worth_a_line, greeting.is_worth_a_line);
    }
}

/* What has come, where nothing but `scanned` is left of the last time. Returns the verdict. */
static inline enum greet_verdict greet_arrive(struct span arrived, size_t *scanned)
{
    struct span copy = greet_copy(arrived);
    struct greeting slow;
    memset(&slow, 0xa5, sizeof slow);
    slow.head.scanned = *scanned;
    enum greet_verdict verdict = websocket_greet(&slow, &settings, copy);
    *scanned = slow.head.scanned;
    greet_check_same(&slow, verdict);
    greeting_end(&slow);
    free(copy.data);
    return verdict;
}

static inline void greet_by_bytes(struct span bytes, enum greet_verdict expected)
{
    enum greet_verdict verdict = GREET_MORE, before = GREET_MORE;
    size_t scanned = 0;
    for (size_t size = 1; size <= bytes.size; size++, before = verdict) {
        verdict = greet_arrive(span_first(bytes, size), &scanned);
        cr_assert(before == GREET_MORE || verdict == before, "a verdict has changed");
    }
    cr_assert_eq(verdict, expected, "%d, and slowly %d", (int)expected, (int)verdict);
}

static inline void greet_in_two(struct span bytes, enum greet_verdict expected)
{
    for (size_t cut = 0; cut < bytes.size; cut++) {
        size_t scanned = 0;
        enum greet_verdict first = greet_arrive(span_first(bytes, cut), &scanned);
        enum greet_verdict verdict = greet_arrive(bytes, &scanned);
        cr_assert(first == GREET_MORE || first == expected, "cut at %zu", cut);
        cr_assert_eq(verdict, expected, "%d, and cut at %zu %d", (int)expected, cut, (int)verdict);
    }
}

/* At once only: for long ones. */
static inline enum greet_verdict greet_once(struct span bytes)
{
    static uint8_t *last;
    struct span copy = greet_copy(bytes);
    free(last);
    last = copy.data;
    greeting_end(&greeting);
    greeting.head.scanned = 0;
    return websocket_greet(&greeting, &settings, copy);
}

static inline enum greet_verdict greet(const char *text, size_t size)
{
    struct span bytes = span_of(text, size);
    enum greet_verdict verdict = greet_once(bytes);
    greet_by_bytes(bytes, verdict);
    greet_in_two(bytes, verdict);
    return verdict;
}

/* A head and what must become of it. */
struct greet_case {
    const char *why; /* the section of the RFC, and what is tried */
    const char *bytes;
    size_t size;
    enum greet_verdict verdict;
    uint16_t status; /* of an answer */
};

static inline void greet_try(const struct greet_case *row)
{
    enum greet_verdict verdict = greet(row->bytes, row->size);
    cr_assert_eq(verdict, row->verdict, "%s: %d and not %d", row->why, (int)verdict,
                 (int)row->verdict);
    if (verdict == GREET_ANSWER)
        cr_assert_eq(greeting.answer.status, row->status, "%s: %u and not %u", row->why,
                     greeting.answer.status, row->status);
}

#define greet_try_all(rows) \
    for (size_t at = 0; at < sizeof(rows) / sizeof *(rows); at++) greet_try(&(rows)[at])

static inline bool greet_answers(const char *text)
{
    struct span body = greeting.answer.body, wanted = span_text(text);
    return greet_same(body, wanted);
}

/* With all that can be set. */
static inline void greet_begin(void)
{
    settings = websocket_settings_default();
    cr_assert_null(websocket_set_path(&settings, "/chat"));
    cr_assert_null(
        websocket_set_origins(&settings, "https://example.com|http://localhost:8000|null"));
    cr_assert_null(websocket_set_protocols(&settings, "chat.v2|chat"));
    cr_assert_null(websocket_set_healthz(&settings, "true"));
}

#endif
