/* Heads of HTTP requests:
 *
 *     input:  pieces of the stream, their count first | the stream
 */
#include "frame/http_head.h"
#include "frame/http_query.h"
#include "frame/http_text.h"
#include "fuzz_pieces.h"

/* ---- what is found ---- */

static bool is_inside(struct span part, struct span whole)
{
    return part.data >= whole.data && part.size <= whole.size &&
           (size_t)(part.data - whole.data) <= whole.size - part.size;
}

enum {
    ELEMENTS_MAX = 16
}; /* of a list that are looked for: each costs as much as the list is long */

static void check_list(const struct http_head *head, const struct http_field *field)
{
    struct span list = field->value, element;
    char name[HTTP_HEAD_MAX], word[HTTP_HEAD_MAX];
    memcpy(name, field->name.data, field->name.size);
    name[field->name.size] = '\0';
    for (int i = 0; i < ELEMENTS_MAX && http_list_next(&list, &element); i++) {
        check(is_inside(element, field->value));
        check(element.size != 0);
        check(!http_is_blank(element.data[0]));
        check(!http_is_blank(element.data[element.size - 1]));
        memcpy(word, element.data, element.size);
        word[element.size] = '\0';
        check(http_head_has(head, name, word));
    }
    check(http_head_count(head, name) != 0);
    check(http_head_field(head, name).data != NULL);
}

static void check_body(const struct http_head *head)
{
    uint64_t size;
    bool known = http_head_length(head, &size);
    uint32_t lengths = http_head_count(head, "content-length");
    if (http_head_field(head, "transfer-encoding").data != NULL || lengths > 1) check(!known);
    if (!known || lengths == 0) check(size == 0);
}

static void check_target(const struct http_head *head)
{
    char room[64];
    check(is_inside(head->path, head->target));
    check(head->path.size != 0);
    check(head->path.data[0] == '/' || http_is(head->path, "*"));
    check(memchr(head->path.data, '?', head->path.size) == NULL);
    if (head->query.data != NULL) {
        check(is_inside(head->query, head->target));
        check(head->query.data[-1] == '?');
    }
    http_query(head->query, "a", room, sizeof room);
    check(http_segment_count(head->path) != 0 || http_is(head->path, "*"));
}

static void check_head(const struct http_head *head, struct span input)
{
    struct span bytes = span_first(input, head->size), name;
    uint16_t port;
    check(head->size <= input.size);
    check(head->size <= HTTP_HEAD_MAX);
    check(memcmp(bytes.data + bytes.size - 4, "\r\n\r\n", 4) == 0);
    check(is_inside(head->method, bytes));
    check(head->method.size != 0);
    check(is_inside(head->target, bytes));
    check_target(head);
    check(head->minor <= 1);
    check(head->host.data != NULL || head->minor == 0);
    if (head->host.data != NULL) {
        check(is_inside(head->host, bytes));
        check(http_host_read(head->host, &name, &port));
        check(is_inside(name, head->host));
    }
    check(head->field_count <= HTTP_FIELDS_MAX);
    for (uint32_t i = 0; i < head->field_count; i++) {
        check(is_inside(head->fields[i].name, bytes));
        check(is_inside(head->fields[i].value, bytes));
        check_list(head, &head->fields[i]);
    }
    check_body(head);
    if (http_head_has(head, "connection", "close")) check(!http_head_keeps_alive(head));
}

static void check_refusal(const struct http_head *head, enum http_verdict verdict)
{
    check(head->why != NULL);
    check((verdict == HTTP_TOO_LONG) == (head->status == 414 || head->status == 431));
    if (verdict == HTTP_BAD)
        check(head->status == 400 || head->status == 501 || head->status == 505);
}

static enum http_verdict read(struct http_head *head, struct span input)
{
    enum http_verdict verdict = http_head_read(head, input);
    if (verdict == HTTP_HEAD) check_head(head, input);
    if (verdict == HTTP_BAD || verdict == HTTP_TOO_LONG) check_refusal(head, verdict);
    return verdict;
}

/* ---- the same however it comes ---- */

static struct http_head whole, split;

static void check_same(struct span one, struct span other)
{
    check((one.data == NULL) == (other.data == NULL));
    check(fuzz_same(one, other));
}

static void check_same_fields(void)
{
    check(split.minor == whole.minor);
    check(split.field_count == whole.field_count);
    for (uint32_t i = 0; i < whole.field_count; i++) {
        check_same(split.fields[i].name, whole.fields[i].name);
        check_same(split.fields[i].value, whole.fields[i].value);
    }
}

static void check_same_heads(enum http_verdict verdict)
{
    if (verdict == HTTP_HEAD) {
        check(split.size == whole.size);
        check_same(split.method, whole.method);
        check_same(split.path, whole.path);
        check_same(split.query, whole.query);
        check_same(split.host, whole.host);
        check_same_fields();
    } else if (verdict != HTTP_MORE) {
        check(split.status == whole.status);
        check(split.why == whole.why);
    }
}

/* Small pieces at first, then larger ones, so that a long head does not take long. */
static size_t grow(struct pieces *pieces, size_t arrived, size_t size)
{
    size_t next = arrived + arrived / 32 + pieces_next(pieces, size - arrived);
    return next < size ? next : size;
}

/* What has come is the same read at once, and going on where the last piece ended; and a verdict stays. */
static void check_pieces(struct span stream, struct pieces pieces, enum http_verdict expected)
{
    enum http_verdict verdict = HTTP_MORE, before = HTTP_MORE;
    size_t scanned = 0;
    for (size_t arrived = 0; arrived < stream.size; before = verdict) {
        arrived = grow(&pieces, arrived, stream.size);
        struct span copy = fuzz_copy(span_first(stream, arrived));
        memset(&split, 0xa5, sizeof split);
        split.scanned = scanned;
        verdict = read(&split, copy);
        scanned = split.scanned;
        check(before == HTTP_MORE || verdict == before);
        check(verdict == HTTP_MORE || verdict == expected);
        check_same_heads(verdict);
        struct http_head again = {.scanned = 0};
        check(http_head_read(&again, copy) == verdict);
        free(copy.data);
    }
    check(verdict == expected);
}

/* ---- written out again ---- */

static void append(struct span *text, struct span part)
{
    memcpy(text->data + text->size, part.data, part.size);
    text->size += part.size;
}

/* In the usual form, what was read is read as the same. */
static void check_again(void)
{
    uint8_t *room = malloc(HTTP_HEAD_MAX + 3 * HTTP_FIELDS_MAX);
    check(room != NULL);
    struct span text = span_of(room, 0);
    append(&text, whole.method);
    append(&text, span_text(" "));
    append(&text, whole.target);
    append(&text, span_text(whole.minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"));
    for (uint32_t i = 0; i < whole.field_count; i++) {
        append(&text, whole.fields[i].name);
        append(&text, span_text(":"));
        append(&text, whole.fields[i].value);
        append(&text, span_text("\r\n"));
    }
    append(&text, span_text("\r\n"));
    check(text.size <= whole.size);
    struct span copy = fuzz_copy(text);
    split.scanned = 0;
    check(read(&split, copy) == HTTP_HEAD);
    check(split.size == text.size);
    check_same(split.path, whole.path);
    check_same(split.query, whole.query);
    check_same(split.host, whole.host);
    check_same_fields();
    free(copy.data);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct pieces pieces = pieces_take(&input);
    struct span stream = fuzz_copy(input);
    memset(&whole, 0xa5, sizeof whole);
    whole.scanned = 0;
    enum http_verdict verdict = read(&whole, stream);
    if (verdict == HTTP_MORE) check(stream.size < HTTP_HEAD_MAX);
    if (verdict == HTTP_TOO_LONG && whole.status == 414) check(stream.size >= HTTP_HEAD_MAX);
    check_pieces(stream, pieces, verdict);
    if (verdict == HTTP_HEAD) check_again();
    free(stream.data);
    return 0;
}
