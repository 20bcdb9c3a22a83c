/* What comes first on a connection of a listener for WebSockets, with any settings, and files beside it:
 *
 *     input:  a byte: what there is | path, origins, protocols, up to a NUL each | pieces of the stream, their count first |
 *             the stream
 */
#include "frame/http_site.h"
#include "frame/http_text.h"
#include "frame/websocket_greet.h"
#include "fuzz_pieces.h"

enum { HAS_SITE = 1, HAS_HEALTH = 2 };

static struct websocket_settings settings;
static struct http_site site;
static const char *const contents[] = {"<p>", "js", "<b>", "%", ""};

static void make_site(void)
{
    static const char *const paths[] = {"index.html", "a.js", "b/index.html", "%61", "b/c d"};
    struct http_files *files = http_files_make();
    check(files != NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        check(http_files_add(files, paths[i], contents[i], strlen(contents[i])));
    http_site_open(&site);
    http_site_put(&site, files);
}

/* What is refused changes nothing. */
static void set(const char *(*setter)(struct websocket_settings *settings, const char *text),
                struct span text)
{
    char *value = fuzz_text(text);
    struct websocket_settings before = settings;
    if (setter(&settings, value) != NULL) check(websocket_settings_are_same(&before, &settings));
    free(value);
}

/* ---- what it comes to ---- */

static struct greeting whole, split;

/* Nothing that somebody has sent ends a head before its end. */
static void check_written(const char *room, size_t size)
{
    check(size > 4);
    check(strlen(room) == size);
    const char *end = strstr(room, "\r\n\r\n");
    check(end != NULL);
    if (whole.continues) end = strstr(end + 4, "\r\n\r\n");
    check(end == room + size - 4);
}

static void check_websocket(const struct greeting *greeting)
{
    const struct http_head *head = &greeting->head;
    char room[2 * HTTP_HEAD_MAX];
    uint64_t body;
    check(http_is(head->method, "GET"));
    check(head->minor == 1);
    check(http_head_has(head, "upgrade", "websocket"));
    check(http_head_has(head, "connection", "upgrade"));
    check(greeting->key.size == 24);
    check(http_head_length(head, &body));
    check(body == 0);
    check(websocket_has_path(&settings, head->path));
    if (http_head_count(head, "origin") != 0)
        check(websocket_has_origin(&settings, http_head_field(head, "origin")));
    if (greeting->protocol.data != NULL) {
        check(websocket_offered(head, greeting->protocol).size > 0);
        check(websocket_has_protocol(&settings, greeting->protocol));
    }
    size_t size =
        websocket_welcome(greeting, greeting->protocol, span_of(NULL, 0), NULL, room, sizeof room);
    check_written(room, size);
    check(websocket_welcome(greeting, greeting->protocol, span_of(NULL, 0), NULL, room, size) == 0);
}

static bool is_content(struct span body)
{
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
        if (fuzz_same(body, span_text(contents[i]))) return true;
    return false;
}

static void check_answer(const struct greeting *greeting)
{
    const struct http_answer *answer = &greeting->answer;
    char room[HTTP_FILES_FIELDS + 1024];
    check(answer->status >= 200);
    check(strcmp(http_phrase(answer->status), "Unknown") != 0);
    check(greeting->why != NULL);
    check_written(room, http_answer_write(answer, room, sizeof room));
    if (answer->status == 426) check(strstr(room, "\r\nUpgrade: websocket\r\n") != NULL);
    if (answer->status == 405) check(strstr(room, "\r\nAllow: GET") != NULL);
    if (greeting->files == NULL || answer->status != 200) return;
    check(is_content(answer->body));
    check(settings.site != NULL);
}

static enum greet_verdict greet(struct greeting *greeting, struct span input)
{
    enum greet_verdict verdict = websocket_greet(greeting, &settings, input);
    if (verdict == GREET_WEBSOCKET && greeting == &whole) check_websocket(greeting);
    if (verdict == GREET_ANSWER && greeting == &whole) check_answer(greeting);
    if (verdict != GREET_ANSWER) check(greeting->files == NULL);
    return verdict;
}

static void check_same(enum greet_verdict verdict)
{
    if (verdict == GREET_WEBSOCKET) {
        check(split.head.size == whole.head.size);
        check(fuzz_same(split.key, whole.key));
        check(fuzz_same(split.protocol, whole.protocol));
        check(split.continues == whole.continues);
    } else if (verdict == GREET_ANSWER) {
        check(split.answer.status == whole.answer.status);
        check(fuzz_same(split.answer.body, whole.answer.body));
        check(split.answer.without_body == whole.answer.without_body);
        check(split.why == whole.why);
        check(split.is_worth_a_line == whole.is_worth_a_line);
    }
}

static void check_pieces(struct span stream, struct pieces pieces, enum greet_verdict expected)
{
    enum greet_verdict verdict = GREET_MORE, before = GREET_MORE;
    size_t scanned = 0;
    for (size_t arrived = 0; arrived < stream.size; before = verdict) {
        /* Larger and larger ones, so that a long stream does not take long. */
        arrived += arrived / 32 + pieces_next(&pieces, stream.size - arrived);
        if (arrived > stream.size) arrived = stream.size;
        struct span copy = fuzz_copy(span_first(stream, arrived));
        memset(&split, 0xa5, sizeof split);
        split.head.scanned = scanned;
        verdict = greet(&split, copy);
        scanned = split.head.scanned;
        check(before == GREET_MORE || verdict == before);
        check_same(verdict);
        greeting_end(&split);
        free(copy.data);
    }
    check(verdict == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    uint8_t has = fuzz_byte(&input);
    settings = websocket_settings_default();
    set(websocket_set_path, fuzz_until(&input, '\0'));
    set(websocket_set_origins, fuzz_until(&input, '\0'));
    set(websocket_set_protocols, fuzz_until(&input, '\0'));
    settings.healthz = (has & HAS_HEALTH) != 0;
    make_site();
    if ((has & HAS_SITE) != 0) settings.site = &site;
    struct pieces pieces = pieces_take(&input);
    struct span stream = fuzz_copy(input);
    memset(&whole, 0xa5, sizeof whole);
    whole.head.scanned = 0;
    enum greet_verdict verdict = greet(&whole, stream);
    check_pieces(stream, pieces, verdict);
    greeting_end(&whole);
    http_site_close(&site);
    free(stream.data);
    return 0;
}
