#include "frame/http_files.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct http_files *files;
static struct http_head head;
static struct http_answer answer;
static char room[HTTP_FILES_FIELDS];

static void add(const char *path, const char *content)
{
    cr_assert(http_files_add(files, path, content, strlen(content)), "%s", path);
}

/* index.html, a.css, empty, game/index.html, game/a b.js, "%61", "deep/er/file", "..", "caf\xc3\xa9" */
static void begin(void)
{
    files = http_files_make();
    cr_assert_not_null(files);
    add("index.html", "<p>first");
    add("a.css", "a{}");
    add("empty.txt", "");
    add("game/index.html", "<p>game");
    add("game/a b.js", "1");
    add("%61", "percent");
    add("deep/er/file", "deep");
    add("caf\xc3\xa9", "coffee");
    add("what?/index.html", "<p>what");
}

/* False: there is nothing. The fields each have their line end. */
static bool ask_with(const char *method, const char *target, const char *fields)
{
    static char text[HTTP_HEAD_MAX + 1];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, fields);
    head.scanned = 0;
    cr_assert_eq(http_head_read(&head, span_text(text)), HTTP_HEAD, "%s: %s", target, head.why);
    answer.status = 999;
    memset(room, 'x', sizeof room);
    bool found = http_files_answer(files, &head, &answer, room);
    if (!found) cr_assert_eq(answer.status, 999);
    return found;
}

static bool ask(const char *target)
{
    return ask_with("GET", target, "");
}

static void shows(const char *target, const char *content)
{
    cr_assert(ask(target), "%s", target);
    cr_assert_eq(answer.status, 200, "%s: %u", target, answer.status);
    cr_assert_eq(answer.body.size, strlen(content), "%s", target);
    cr_assert_eq(memcmp(answer.body.data, content, answer.body.size), 0, "%s", target);
}

static void leads(const char *target, const char *elsewhere)
{
    char fields[HTTP_FILES_FIELDS];
    snprintf(fields, sizeof fields, "Cache-Control: no-cache\r\nLocation: %s\r\n", elsewhere);
    cr_assert(ask(target), "%s", target);
    cr_assert_eq(answer.status, 301, "%s: %u", target, answer.status);
    cr_assert_str_eq(answer.headers, fields);
    cr_assert_gt(answer.body.size, 0);
}

Test(http_files, a_file_is_found_by_its_path)
{
    begin();
    shows("/index.html", "<p>first");
    cr_assert_str_eq(answer.type, "text/html; charset=utf-8");
    shows("/a.css", "a{}");
    cr_assert_str_eq(answer.type, "text/css; charset=utf-8");
    shows("/empty.txt", "");
    shows("/deep/er/file", "deep");
    shows("/a.css?v=1", "a{}");
    shows("http://h/a.css", "a{}");
    cr_assert_eq(http_files_count(files), 9);
    cr_assert_eq(http_files_size(files), 43);
    http_files_drop(files);
}

/* RFC 3986 sections 2.1 and 2.4. */
Test(http_files, a_path_is_decoded_once)
{
    begin();
    shows("/game/a%20b.js", "1");
    shows("/%61.css", "a{}");
    shows("/%2561", "percent");
    shows("/caf%c3%a9", "coffee");
    cr_assert_not(ask("/%252561"));
    cr_assert_not(ask("/%61"));
    http_files_drop(files);
}

Test(http_files, a_directory_shows_its_page)
{
    begin();
    shows("/", "<p>first");
    shows("/?a", "<p>first");
    shows("http://h", "<p>first");
    shows("/game/", "<p>game");
    shows("/%67ame/", "<p>game");
    shows("/what%3f/", "<p>what");
    leads("/game", "/game/");
    leads("/%67ame", "/game/");
    leads("/game?a=b&c", "/game/?a=b&c");
    leads("/game?", "/game/?");
    leads("/what%3F", "/what%3F/");
    cr_assert_not(ask("/deep"));
    cr_assert_not(ask("/deep/"));
    cr_assert_not(ask("/deep/er/"));
    cr_assert_not(ask("/index.html/"));
    http_files_drop(files);
}

Test(http_files, a_query_without_room_is_left_behind)
{
    char target[4096] = "/game?";
    begin();
    memset(target + 6, 'q', 3000);
    leads(target, "/game/");
    target[6 + 1000] = '\0';
    cr_assert(ask(target));
    cr_assert_not_null(strstr(answer.headers, "/game/?qqq"));
    for (size_t size = 1400; size < 1540; size++) {
        memset(target + 6, 'q', size);
        target[6 + size] = '\0';
        cr_assert(ask(target));
        const char *end = strstr(answer.headers, "\r\nLocation: /game/");
        cr_assert_not_null(end);
        cr_assert_str_eq(answer.headers + strlen(answer.headers) - 2, "\r\n");
    }
    http_files_drop(files);
}

Test(http_files, nothing_else_is_found)
{
    static const char *const targets[] = {
        "/..",
        "/../index.html",
        "/game/../index.html",
        "/game/..%2findex.html",
        "/%2e%2e/index.html",
        "/game/%2e%2e/index.html",
        "/game/%2E./a.css",
        "/./index.html",
        "/%2e/index.html",
        "//index.html",
        "//",
        "//game",
        "/game//",
        "/game//index.html",
        "/game%2findex.html",
        "/game%2Findex.html",
        "/game%2f",
        "/%2findex.html",
        "/index.html%00",
        "/%00",
        "/index%00.html",
        "/a.css/",
        "/a.css/index.html",
        "/A.CSS",
        "/a.cs",
        "/a.csss",
        "/a.css.",
        "/a.css%20",
        "/game\\index.html",
        "/..\\index.html",
        "/%5c..%5cindex.html",
        "/a.css::$DATA",
        "/C:/index.html",
        "/.",
        "/game/.",
        "/index.html;a=b",
        "/etc/passwd",
        "/%ff",
        "/caf\x65",
    };
    begin();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        cr_assert_not(ask(targets[i]), "%s", targets[i]);
    cr_assert_not(ask_with("OPTIONS", "*", ""));
    http_files_drop(files);
}

Test(http_files, a_path_that_is_too_long_is_none)
{
    char path[HTTP_FILE_PATH_MAX + 2], target[4096];
    files = http_files_make();
    memset(path, 'a', HTTP_FILE_PATH_MAX);
    path[HTTP_FILE_PATH_MAX] = '\0';
    add(path, "long");
    snprintf(target, sizeof target, "/%s", path);
    shows(target, "long");
    snprintf(target, sizeof target, "/%sa", path);
    cr_assert_not(ask(target));
    snprintf(target, sizeof target, "/%s/", path);
    cr_assert_not(ask(target));
    memset(target + 1, 'b', 4000);
    target[4001] = '\0';
    cr_assert_not(ask(target));
    http_files_drop(files);
}

/* In the longest Location there is. */
Test(http_files, a_directory_with_a_long_name_shows_its_page)
{
    static const char page[] = "/index.html";
    char path[HTTP_FILE_PATH_MAX + 1], target[1024] = "/", location[1024] = "/";
    size_t name = HTTP_FILE_PATH_MAX - strlen(page);
    files = http_files_make();
    memset(path, '\xff', name);
    memcpy(path + name, page, sizeof page);
    add(path, "long");
    for (size_t i = 0; i < name; i++) {
        memcpy(target + 1 + 3 * i, "%ff", 4);
        memcpy(location + 1 + 3 * i, "%FF", 4);
    }
    strcat(location, "/");
    leads(target, location);
    shows(location, "long");
    http_files_drop(files);
}

/* RFC 9110 section 9.3.2. */
Test(http_files, a_head_is_told_what_a_get_is)
{
    begin();
    cr_assert(ask_with("HEAD", "/a.css", ""));
    cr_assert_eq(answer.status, 200);
    cr_assert(answer.without_body);
    cr_assert_eq(answer.body.size, 3);
    cr_assert(ask_with("HEAD", "/game", ""));
    cr_assert_eq(answer.status, 301);
    cr_assert(answer.without_body);
    cr_assert(ask("/a.css"));
    cr_assert_not(answer.without_body);
    http_files_drop(files);
}

/* ---- conditions ---- */

static char tag[64];

/* Takes the tag of the last answer. */
static void take_tag(void)
{
    const char *begin = strstr(answer.headers, "ETag: ");
    cr_assert_not_null(begin);
    snprintf(tag, sizeof tag, "%.*s", (int)strcspn(begin + 6, "\r"), begin + 6);
}

static uint16_t status_with(const char *format)
{
    char fields[512];
    /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
    snprintf(fields, sizeof fields, format, tag);
    cr_assert(ask_with("GET", "/a.css", fields));
    cr_assert_not_null(strstr(answer.headers, tag));
    if (answer.status == 304) cr_assert_eq(answer.body.size, 0);
    return answer.status;
}

/* RFC 9110 sections 8.8.3.2, 13.1.2 and 15.4.5. */
Test(http_files, what_the_peer_has_is_not_sent_again)
{
    begin();
    cr_assert(ask("/a.css"));
    take_tag();
    cr_assert_eq(status_with("If-None-Match: %s\r\n"), 304);
    cr_assert_str_eq(answer.headers + strlen(answer.headers) - 27,
                     "\r\nCache-Control: no-cache\r\n");
    cr_assert_eq(status_with("if-none-match:%s\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: W/%s\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: \"a\", %s\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: \"a,b\",,W/\"c\" , W/%s\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: \"a\"\r\nIf-None-Match: %s\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: *\r\n"), 304);
    cr_assert_eq(status_with("If-None-Match: \"a\"\r\n"), 200);
    cr_assert_eq(status_with("If-None-Match: w/%s\r\n"), 200);
    cr_assert_eq(status_with("If-None-Match: W/W/%s\r\n"), 200);
    cr_assert_eq(status_with("If-None-Match: x%s\r\n"), 200);
    cr_assert_eq(status_with("If-None-Match:\r\n"), 200);
    cr_assert_eq(status_with("If-None-Match: \"*\"\r\n"), 200);
    cr_assert_eq(status_with("If-Match: %s\r\n"), 200);
    cr_assert_eq(status_with("If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n"), 200);
    cr_assert_eq(status_with("Range: bytes=0-0\r\n"), 200);
    http_files_drop(files);
}

Test(http_files, a_tag_is_that_of_the_content)
{
    char first[64];
    files = http_files_make();
    add("a", "content");
    add("b", "content");
    add("c", "contenT");
    add("d", "content ");
    cr_assert(ask("/a"));
    take_tag();
    snprintf(first, sizeof first, "%s", tag);
    cr_assert(tag[0] == '"' && tag[strlen(tag) - 1] == '"' && strlen(tag) > 10);
    cr_assert(ask("/b"));
    take_tag();
    cr_assert_str_eq(tag, first);
    cr_assert(ask("/c"));
    take_tag();
    cr_assert(strcmp(tag, first) != 0);
    cr_assert(ask("/d"));
    take_tag();
    cr_assert(strcmp(tag, first) != 0);
    http_files_drop(files);
}

/* ---- many, and several holders ---- */

Test(http_files, many_are_all_found)
{
    enum { MANY = 5000 };
    files = http_files_make();
    cr_assert_not(ask("/0"));
    for (int i = 0; i < MANY; i++) {
        char path[16], content[16];
        snprintf(path, sizeof path, "%d/%d", i % 7, i);
        snprintf(content, sizeof content, "<%d>", i);
        add(path, content);
    }
    cr_assert_eq(http_files_count(files), MANY);
    for (int i = 0; i < MANY; i++) {
        char target[16], content[16];
        snprintf(target, sizeof target, "/%d/%d", i % 7, i);
        snprintf(content, sizeof content, "<%d>", i);
        shows(target, content);
        snprintf(target, sizeof target, "/%d/%d", (i + 1) % 7, i);
        cr_assert_not(ask(target));
    }
    http_files_drop(files);
}

Test(http_files, the_last_holder_lets_go_of_them)
{
    begin();
    http_files_hold(files);
    http_files_drop(files);
    shows("/a.css", "a{}");
    http_files_drop(files);
}

Test(http_files, they_are_the_same_by_path_and_content)
{
    struct http_files *first;
    begin();
    first = files;
    begin();
    cr_assert(http_files_are_same(first, files));
    add("z", "");
    cr_assert_not(http_files_are_same(first, files));
    http_files_drop(files);
    static const char *const others[][2] = {{"a", "xy"}, {"b", "xy"}, {"a", "xz"}, {"a", "x"}};
    for (size_t i = 0; i < 4; i++) {
        http_files_drop(first);
        first = http_files_make();
        cr_assert(http_files_add(first, "a", "xy", 2));
        files = http_files_make();
        add(others[i][0], others[i][1]);
        cr_assert_eq(http_files_are_same(first, files), i == 0);
        http_files_drop(files);
    }
    http_files_drop(first);
}
