#include "frame/http_site.h"
#include "greet_try.h"

#define ANSWERS(status, why, text) \
    { \
        why, BYTES(text), GREET_ANSWER, status \
    }
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: example.com\r\n"

static struct http_site site;

/* With the files index.html, chat.js and game/index.html. */
static void begin_with_files(void)
{
    struct http_files *files = http_files_make();
    cr_assert_not_null(files);
    cr_assert(http_files_add(files, "index.html", "<p>", 3));
    cr_assert(http_files_add(files, "chat.js", "js", 2));
    cr_assert(http_files_add(files, "game/index.html", "<b>", 3));
    greet_begin();
    http_site_open(&site);
    http_site_put(&site, files);
    settings.site = &site;
}

static void end_files(void)
{
    greeting_end(&greeting);
    http_site_close(&site);
}

static const struct greet_case without_files[] = {
    ANSWERS(426, "9110 15.5.22: where the WebSocket is", GET("/chat") END),
    ANSWERS(426, "9110 15.5.22: with a query", GET("/chat?a") END),
    ANSWERS(426, "3986 2.4: decoded", GET("/ch%61t") END),
    ANSWERS(426, "9110 9.3.2: HEAD", HEAD("/chat") END),
    ANSWERS(426, "9110 7.8: another protocol", GET("/chat") CONNECTION "Upgrade: h2c\r\n" END),
    ANSWERS(426, "9110 7.8: Connection alone", GET("/chat") CONNECTION END),
    ANSWERS(426, "HTTP/1.0", "GET /chat HTTP/1.0\r\n\r\n"),
    ANSWERS(404, "9110 15.5.5: nowhere", GET("/") END),
    ANSWERS(404, "9110 15.5.5: a longer path", GET("/chat/") END),
    ANSWERS(404, "9110 15.5.5: no files", GET("/index.html") END),
    ANSWERS(405, "9110 15.5.6: POST", "POST /chat HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(405, "9110 15.5.6: before its body",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"),
    ANSWERS(405, "9110 15.5.6: PUT", "PUT /a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(405, "9110 15.5.6: DELETE", "DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(405, "9110 15.5.6: TRACE", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(405, "9110 15.5.6: OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(405, "9110 9.1: to the letter", "Get / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(413, "9110 15.5.14: a body", GET("/chat") "Content-Length: 1\r\n" END),
    ANSWERS(413, "9110 15.5.14: a large one",
            GET("/") "Content-Length: 18446744073709551615\r\n" END),
    ANSWERS(400, "9110 8.6: larger than any",
            GET("/") "Content-Length: 18446744073709551616\r\n" END),
    ANSWERS(400, "9112 6.1: a transfer coding", GET("/") "Transfer-Encoding: chunked\r\n" END),
    ANSWERS(400, "9112 6.3: two lengths",
            GET("/") "Content-Length: 1\r\nContent-Length: 1\r\n" END),
    ANSWERS(404, "9110 8.6: a length of 0", GET("/") "Content-Length: 0\r\n" END),
    ANSWERS(417, "9110 10.1.1", GET("/") "Expect: x\r\n" END),
    ANSWERS(404, "9110 10.1.1: nothing to wait for", GET("/") "Expect: 100-continue\r\n" END),
    ANSWERS(200, "health", GET("/healthz") END),
    ANSWERS(200, "health, encoded", GET("/%68ealthz?a") END),
    ANSWERS(200, "health: HEAD", HEAD("/healthz") END),
    ANSWERS(200, "health: HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n"),
    ANSWERS(404, "health: another path", GET("/healthz/") END),
    ANSWERS(400, "a head that is wrong", GET("/healthz") "A\r\n" END),
};

Test(websocket_greet_http, other_requests_get_small_answers)
{
    greet_begin();
    greet_try_all(without_files);
}

static const struct greet_case with_files[] = {
    ANSWERS(200, "a directory", GET("/") END),
    ANSWERS(200, "a file", GET("/chat.js") END),
    ANSWERS(200, "HEAD", HEAD("/chat.js") END),
    ANSWERS(200, "HTTP/1.0", "GET /chat.js HTTP/1.0\r\n\r\n"),
    ANSWERS(200, "another protocol", GET("/chat.js") CONNECTION "Upgrade: h2c\r\n" END),
    ANSWERS(200, "another page's", GET("/chat.js") "Origin: https://evil.org\r\n" END),
    ANSWERS(304, "any content", GET("/chat.js") "If-None-Match: *\r\n" END),
    ANSWERS(301, "to a directory", GET("/game") END),
    ANSWERS(404, "no such file", GET("/chat.css") END),
    ANSWERS(404, "above", GET("/../chat.js") END),
    ANSWERS(404, "above, encoded", GET("/%2e%2e/chat.js") END),
    ANSWERS(426, "where the WebSocket is", GET("/chat") END),
    ANSWERS(405, "POST", "POST /chat.js HTTP/1.1\r\nHost: h\r\n\r\n"),
    ANSWERS(413, "a body", GET("/chat.js") "Content-Length: 1\r\n" END),
    ANSWERS(404, "a handshake with a file", GET("/chat.js") HANDSHAKE END),
    ANSWERS(426, "half of a handshake with a file", GET("/chat.js") KEY END),
    ANSWERS(200, "health", GET("/healthz") END),
    {"a handshake", BYTES(GET("/chat") HANDSHAKE END), GREET_WEBSOCKET, 0},
};

Test(websocket_greet_http, files_are_shown_beside_the_websocket)
{
    begin_with_files();
    greet_try_all(with_files);
    end_files();
}

Test(websocket_greet_http, answers_have_what_they_must)
{
    greet_begin();
    greet(BYTES(GET("/chat") END));
    cr_assert_str_eq(greeting.answer.headers, "Upgrade: websocket\r\n");
    cr_assert_not(greeting.is_worth_a_line);
    cr_assert_not_null(greeting.why);
    cr_assert_not(greeting.answer.without_body);
    greet(BYTES(HEAD("/chat") END));
    cr_assert(greeting.answer.without_body);
    greet(BYTES("PUT / HTTP/1.1\r\nHost: h\r\n\r\n"));
    cr_assert_str_eq(greeting.answer.headers, "Allow: GET, HEAD\r\n");
    greet(BYTES(GET("/") "Transfer-Encoding: x\r\n" END));
    cr_assert(greeting.is_worth_a_line);
    greet(BYTES(GET("/healthz") END));
    cr_assert(greet_answers("ok\n"));
    cr_assert_str_eq(greeting.answer.type, "text/plain; charset=utf-8");
}

Test(websocket_greet_http, health_is_told_if_it_is_asked_for)
{
    greet_begin();
    settings.healthz = false;
    cr_assert_eq(greet(BYTES(GET("/healthz") END)), GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, 404);
}

Test(websocket_greet_http, a_file_stays_while_it_is_sent)
{
    begin_with_files();
    greet_once(span_text(GET("/chat.js") END));
    cr_assert_str_eq(greeting.answer.type, "text/javascript; charset=utf-8");
    cr_assert_not_null(greeting.files);
    http_site_put(&site, NULL);
    cr_assert(greet_answers("js"));
    greeting_end(&greeting);
    cr_assert_null(greeting.files);
    greeting_end(&greeting);
    greet_once(span_text(GET("/chat.js") END));
    cr_assert_eq(greeting.answer.status, 404);
    end_files();
}

Test(websocket_greet_http, a_websocket_at_any_path_is_everywhere_but_beside_files)
{
    begin_with_files();
    cr_assert_null(websocket_set_path(&settings, ""));
    greet(BYTES(GET("/chat") END));
    cr_assert_eq(greeting.answer.status, 404);
    cr_assert_eq(greet(BYTES(GET("/chat.js") HANDSHAKE END)), GREET_WEBSOCKET);
    cr_assert_eq(greet(BYTES(GET("/") HANDSHAKE END)), GREET_WEBSOCKET);
    settings.site = NULL;
    greet(BYTES(GET("/favicon.ico") END));
    cr_assert_eq(greeting.answer.status, 426);
    end_files();
}

/* What is written is read as it was meant. */
Test(websocket_greet_http, an_answer_is_written_with_its_fields)
{
    char room[2000];
    begin_with_files();
    greet_once(span_text(GET("/game?x") END));
    size_t size = http_answer_write(&greeting.answer, room, sizeof room);
    cr_assert_eq(size, strlen(room));
    cr_assert_not_null(strstr(room, "HTTP/1.1 301 Moved Permanently\r\n"));
    cr_assert_not_null(strstr(room, "\r\nLocation: /game/?x\r\n\r\n"));
    greet_once(span_text(GET("/chat.js") "If-None-Match: *\r\n" END));
    cr_assert_gt(http_answer_write(&greeting.answer, room, sizeof room), 0);
    cr_assert_null(strstr(room, "\r\nContent-"));
    end_files();
}
