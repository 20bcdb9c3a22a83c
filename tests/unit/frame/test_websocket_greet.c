#include "greet_try.h"

/* ---- what begins a WebSocket ---- */

#define TAKES(why, text) \
    { \
        why, BYTES(text), GREET_WEBSOCKET, 0 \
    }
#define ASKS(why, text) \
    { \
        why, BYTES(text), GREET_MORE, 0 \
    }
#define REFUSES(status, why, text) \
    { \
        why, BYTES(text), GREET_ANSWER, status \
    }

static const struct greet_case good[] = {
    TAKES("6455 1.3: the handshake of the RFC",
          "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          "Origin: https://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
          "Sec-WebSocket-Version: 13\r\n\r\n"),
    TAKES("6455 4.2.1: without Origin", GET("/chat") HANDSHAKE END),
    TAKES("6455 4.2.1-3: in any case",
          GET("/chat") "Upgrade: WebSocket\r\n" CONNECTION VERSION KEY END),
    TAKES("6455 4.2.1-3: in capitals",
          GET("/chat") "Upgrade: WEBSOCKET\r\n" CONNECTION VERSION KEY END),
    TAKES("9110 5.1: names in any case",
          "GET /chat HTTP/1.1\r\nhOsT: h\r\nuPGRADE: websocket\r\nCONNECTION: upgrade\r\n"
          "sec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
    TAKES("9110 7.8: Upgrade is a list",
          GET("/chat") "Upgrade: h2c, websocket\r\n" CONNECTION VERSION KEY END),
    TAKES("9110 5.3: Upgrade over two lines",
          GET("/chat") "Upgrade: h2c\r\n" UPGRADE CONNECTION VERSION KEY END),
    TAKES("9110 5.6.1.2: empty elements of Upgrade",
          GET("/chat") "Upgrade: , ,websocket,\r\n" CONNECTION VERSION KEY END),
    TAKES("9110 7.6.1: Connection is a list, as Firefox sends it",
          GET("/chat") UPGRADE "Connection: keep-alive, Upgrade\r\n" VERSION KEY END),
    TAKES("9110 5.3: Connection over two lines",
          GET("/chat") UPGRADE "Connection: keep-alive\r\nConnection: Upgrade\r\n" VERSION KEY END),
    TAKES("9110 5.6.1.2: empty elements of Connection",
          GET("/chat") UPGRADE "Connection: ,,upgrade ,\t\r\n" VERSION KEY END),
    TAKES("9110 5.5: tabs and spaces around values",
          GET("/chat") "Upgrade:\t websocket "
                       "\t\r\nConnection:Upgrade\r\nSec-WebSocket-Version:\t13 \r\n"
                       "Sec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ==\t\r\n" END),
    TAKES("9110 5.5: bytes above 127 elsewhere",
          GET("/chat") HANDSHAKE "Cookie: n=\xc3\xa4\xff\r\n" END),
    TAKES("9112 2.2: one empty line first", "\r\n" GET("/chat") HANDSHAKE END),
    TAKES("9110 2.5: a higher minor version", "GET /chat HTTP/1.9\r\nHost: h\r\n" HANDSHAKE END),
    TAKES("9112 3.2.2: a whole address",
          "GET http://example.com/chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    TAKES("6455 4.2.1-1: with a query", GET("/chat?room=1&n=a%20b") HANDSHAKE END),
    TAKES("3986 2.4: the path is decoded", GET("/%63h%61t") HANDSHAKE END),
    TAKES("4648 4: a key of any characters", GET("/chat") UPGRADE CONNECTION VERSION
          "Sec-WebSocket-Key: ++//AZaz09AZaz09AZaz0w==\r\n" END),
    TAKES("4648 3.5: bits that mean nothing", GET("/chat") UPGRADE CONNECTION VERSION
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZb==\r\n" END),
    TAKES("9110 8.6: a length of 0", GET("/chat") HANDSHAKE "Content-Length: 0\r\n" END),
    TAKES("9110 10.1.1: waits for 100", GET("/chat") HANDSHAKE "Expect: 100-continue\r\n" END),
    TAKES("9110 10.1.1: in any case", GET("/chat") HANDSHAKE "expect: 100-Continue\r\n" END),
    TAKES("6455 10.2: Origin of a list",
          GET("/chat") HANDSHAKE "Origin: http://localhost:8000\r\n" END),
    TAKES("6454 4: a port that is the scheme's",
          GET("/chat") HANDSHAKE "Origin: https://example.com:443\r\n" END),
    TAKES("6454 4: scheme and host in any case",
          GET("/chat") HANDSHAKE "Origin: HTTPS://Example.COM\r\n" END),
    TAKES("6454 6.1: null", GET("/chat") HANDSHAKE "Origin: null\r\n" END),
    TAKES("6455 11.3.4: a protocol", GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: chat\r\n" END),
    TAKES("6455 11.3.4: over several lines", GET("/chat") HANDSHAKE
          "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c\r\n" END),
    TAKES("6455 11.3.4: none that is known",
          GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: mqtt\r\n" END),
    TAKES("6455 4.2.1-9: extensions are somebody else's",
          GET("/chat") HANDSHAKE "Sec-WebSocket-Extensions: permessage-deflate; x\r\n" END),
    TAKES("6455 4.2.1-10: other fields", GET("/chat") HANDSHAKE "X-A: b\r\nUser-Agent: c\r\n" END),
    TAKES("6455 4.1: frames right behind it",
          GET("/chat") HANDSHAKE END "\x81\x80\x01\x02\x03\x04"),
};

Test(websocket_greet, takes_what_is_a_handshake)
{
    greet_begin();
    greet_try_all(good);
}

static const struct greet_case unfinished[] = {
    ASKS("nothing", ""),
    ASKS("an empty line", "\r\n"),
    ASKS("a method", "GET"),
    ASKS("a line", "GET /chat HTTP/1.1\r\n"),
    ASKS("all but the empty line", GET("/chat") HANDSHAKE),
    ASKS("half of the empty line", GET("/chat") HANDSHAKE "\r"),
};

Test(websocket_greet, waits_for_the_end_of_the_head)
{
    greet_begin();
    greet_try_all(unfinished);
    struct span whole = span_text(GET("/chat") HANDSHAKE END);
    for (size_t size = 0; size < whole.size; size++)
        cr_assert_eq(greet_once(span_first(whole, size)), GREET_MORE, "%zu", size);
}

/* ---- what does not ---- */

static const struct greet_case heads[] = {
    REFUSES(400, "9112 3: no request line", "\r\n\r\n"),
    REFUSES(400, "9112 3: two words", "GET /chat\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3: four words", "GET /chat x HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3: two spaces", "GET  /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 2.3: the version in small letters",
            "GET /chat http/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(505, "9110 15.6.6: HTTP/2.0", "GET /chat HTTP/2.0\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(505, "9113 3.4: the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    REFUSES(505, "9110 15.6.6: HTTP/0.9", "GET /chat HTTP/0.9\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(501, "9110 9.3.6: CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"),
    REFUSES(400, "9112 3.2.4: an asterisk", "GET * HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3.2: no path", "GET chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "3986 2.1: half a triplet", "GET /chat%4 HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "3986 2: a fragment", "GET /chat#a HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "3986 2: bytes above 127",
            "GET /ch\xc3\xa4t HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3.2: no Host", "GET /chat HTTP/1.1\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3.2: two Hosts", GET("/chat") "Host: example.com\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3.2: an empty Host", "GET /chat HTTP/1.1\r\nHost:\r\n" HANDSHAKE END),
    REFUSES(400, "9110 4.2.4: a Host with a user",
            "GET /chat HTTP/1.1\r\nHost: a@h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 3.2: a Host with a path",
            "GET /chat HTTP/1.1\r\nHost: h/a\r\n" HANDSHAKE END),
    REFUSES(400, "9112 5.1: a space before the colon", GET("/chat") "Upgrade : websocket\r\n" END),
    REFUSES(400, "9112 2.2: a space first", "GET /chat HTTP/1.1\r\n Host: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 5.2: a folded line", GET("/chat") "Upgrade:\r\n websocket\r\n" END),
    REFUSES(400, "9110 5.5: NUL", GET("/chat") HANDSHAKE "A: b\0c\r\n" END),
    REFUSES(400, "9110 5.5: a control byte", GET("/chat") HANDSHAKE "A: b\x01\r\n" END),
    REFUSES(400, "9112 2.2: a CR alone", GET("/chat") HANDSHAKE "A: b\rc\r\n" END),
    REFUSES(400, "9112 2.2: an LF alone", "GET /chat HTTP/1.1\nHost: h\r\n" HANDSHAKE END),
    REFUSES(400, "9112 2.2: LF alone at the end", GET("/chat") HANDSHAKE "\n"),
    REFUSES(400, "9112 5: a line without a colon", GET("/chat") HANDSHAKE "A\r\n" END),
    REFUSES(400, "9112 5: a line without a name", GET("/chat") HANDSHAKE ": b\r\n" END),
    REFUSES(400, "8446 5.1: TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    REFUSES(400, "frames at once", "\x81\x05hello"),
};

static const struct greet_case fields[] = {
    REFUSES(405, "6455 4.2.1-1: POST", "POST /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(405, "6455 4.2.1-1: HEAD", "HEAD /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(405, "6455 4.2.1-1: OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(405, "9110 9.1: methods to the letter",
            "get /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(426, "9110 7.8: HTTP/1.0", "GET /chat HTTP/1.0\r\nHost: h\r\n" HANDSHAKE END),
    REFUSES(426, "9110 7.8: HTTP/1.0 without Host", "GET /chat HTTP/1.0\r\n" HANDSHAKE END),
    REFUSES(426, "6455 4.2.1-3: no Upgrade", GET("/chat") CONNECTION VERSION KEY END),
    REFUSES(426, "9110 7.8: as proxies leave it",
            GET("/chat") "Connection: close\r\n" VERSION KEY END),
    REFUSES(426, "6455 4.2.1-3: an empty one",
            GET("/chat") "Upgrade:\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "6455 4.2.1-3: another",
            GET("/chat") "Upgrade: h2c\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "6455 4.2.1-3: a longer word",
            GET("/chat") "Upgrade: websockets\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "6455 4.2.1-3: a shorter word",
            GET("/chat") "Upgrade: websocke\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "9110 7.8: with a version",
            GET("/chat") "Upgrade: websocket/13\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "9110 5.6.4: in quotes",
            GET("/chat") "Upgrade: \"websocket\"\r\n" CONNECTION VERSION KEY END),
    REFUSES(426, "9110 5.6.1: two words",
            GET("/chat") "Upgrade: websocket x\r\n" CONNECTION VERSION KEY END),
    REFUSES(400, "6455 4.2.1-4: no Connection", GET("/chat") UPGRADE VERSION KEY END),
    REFUSES(400, "6455 4.2.1-4: an empty one",
            GET("/chat") UPGRADE "Connection:\r\n" VERSION KEY END),
    REFUSES(400, "6455 4.2.1-4: keep-alive",
            GET("/chat") UPGRADE "Connection: keep-alive\r\n" VERSION KEY END),
    REFUSES(400, "6455 4.2.1-4: a word that has it",
            GET("/chat") UPGRADE "Connection: upgrade-insecure\r\n" VERSION KEY END),
    REFUSES(400, "6455 4.2.1-4: in a quoted text",
            GET("/chat") UPGRADE "Connection: \"a, upgrade\"\r\n" VERSION KEY END),
    REFUSES(426, "6455 4.2.1-6: no version", GET("/chat") UPGRADE CONNECTION KEY END),
    REFUSES(426, "6455 4.2.2-4: version 8",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n" END),
    REFUSES(426, "6455 4.4: version 14",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 14\r\n" END),
    REFUSES(426, "6455 4.2.1-6: version 013",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\r\n" END),
    REFUSES(426, "6455 4.2.1-6: version 130",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 130\r\n" END),
    REFUSES(426, "6455 4.2.1-6: version +13",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: +13\r\n" END),
    REFUSES(426, "6455 4.2.1-6: version 13.0",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13.0\r\n" END),
    REFUSES(426, "6455 4.2.1-6: an empty one",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version:\r\n" END),
    REFUSES(426, "6455 4.2.1-6: a list",
            GET("/chat") UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n" END),
    REFUSES(426, "6455 11.3.5: twice", GET("/chat") HANDSHAKE VERSION END),
    REFUSES(400, "6455 4.2.1-5: no key", GET("/chat") UPGRADE CONNECTION VERSION END),
    REFUSES(400, "6455 11.3.1: two keys", GET("/chat") HANDSHAKE KEY END),
    REFUSES(400, "6455 4.2.1-5: an empty key",
            GET("/chat") UPGRADE CONNECTION VERSION "Sec-WebSocket-Key:\r\n" END),
    REFUSES(400, "6455 4.2.1-5: 15 bytes",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n" END),
    REFUSES(400, "6455 4.2.1-5: 17 bytes",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=\r\n" END),
    REFUSES(400, "4648 3.2: no padding",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n" END),
    REFUSES(400, "4648 3.2: half of it",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" END),
    REFUSES(400, "4648 3.2: more of it",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n" END),
    REFUSES(400, "4648 3.3: a character of others",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n" END),
    REFUSES(400, "4648 5: the alphabet of addresses",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub2_-ZQ==\r\n" END),
    REFUSES(400, "4648 3.3: a space in it",
            GET("/chat") UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBs SBub25jZQ==\r\n" END),
    REFUSES(400, "6455 11.3.4: an empty list",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol:\r\n" END),
    REFUSES(400, "6455 11.3.4: commas alone",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: ,,\r\n" END),
    REFUSES(400, "6455 4.2.1-8: no token",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: chat, a/b\r\n" END),
    REFUSES(400, "6455 4.2.1-8: two words",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: chat v2\r\n" END),
    REFUSES(400, "6455 4.2.1-8: quotes",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: \"chat\"\r\n" END),
    REFUSES(400, "6455 4.2.1-8: bytes above 127",
            GET("/chat") HANDSHAKE "Sec-WebSocket-Protocol: ch\xc3\xa4t\r\n" END),
    REFUSES(400, "9112 6.3: a body", GET("/chat") HANDSHAKE "Content-Length: 2\r\n" END "ok"),
    REFUSES(400, "9112 6.3: a body that has not come",
            GET("/chat") HANDSHAKE "Content-Length: 1\r\n" END),
    REFUSES(400, "9112 6.3: two lengths",
            GET("/chat") HANDSHAKE "Content-Length: 0\r\nContent-Length: 0\r\n" END),
    REFUSES(400, "9110 8.6: no number", GET("/chat") HANDSHAKE "Content-Length: -0\r\n" END),
    REFUSES(400, "9110 8.6: an empty one", GET("/chat") HANDSHAKE "Content-Length:\r\n" END),
    REFUSES(400, "9112 6.1: a transfer coding",
            GET("/chat") HANDSHAKE "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n"),
    REFUSES(400, "9112 6.1: with a length",
            GET("/chat") HANDSHAKE "Transfer-Encoding: identity\r\nContent-Length: 0\r\n" END),
    REFUSES(417, "9110 10.1.1: another expectation", GET("/chat") HANDSHAKE "Expect: x\r\n" END),
    REFUSES(417, "9110 10.1.1: an empty one", GET("/chat") HANDSHAKE "Expect:\r\n" END),
    REFUSES(417, "9110 10.1.1: two",
            GET("/chat") HANDSHAKE "Expect: 100-continue\r\nExpect: x\r\n" END),
    REFUSES(404, "6455 4.2.2-5: another path", GET("/") HANDSHAKE END),
    REFUSES(404, "6455 4.2.2-5: a longer one", GET("/chat/") HANDSHAKE END),
    REFUSES(404, "6455 4.2.2-5: a shorter one", GET("/cha") HANDSHAKE END),
    REFUSES(404, "3986 6.2.2.1: in capitals", GET("/CHAT") HANDSHAKE END),
    REFUSES(404, "3986 2.4: decoded twice", GET("/%2563hat") HANDSHAKE END),
    REFUSES(404, "3986 2.2: %2f is no slash", GET("/chat%2f") HANDSHAKE END),
    REFUSES(404, "3986 5.2.4: dots", GET("/a/../chat") HANDSHAKE END),
    REFUSES(404, "3986 3.3: two slashes", GET("//chat") HANDSHAKE END),
    REFUSES(404, "3986 2.1: NUL", GET("/chat%00") HANDSHAKE END),
    REFUSES(403, "6455 4.2.2-4: another Origin",
            GET("/chat") HANDSHAKE "Origin: https://example.org\r\n" END),
    REFUSES(403, "6454 5: another scheme",
            GET("/chat") HANDSHAKE "Origin: http://example.com\r\n" END),
    REFUSES(403, "6454 5: another port",
            GET("/chat") HANDSHAKE "Origin: https://example.com:8443\r\n" END),
    REFUSES(403, "6454 5: no port", GET("/chat") HANDSHAKE "Origin: http://localhost\r\n" END),
    REFUSES(403, "6454 5: below it",
            GET("/chat") HANDSHAKE "Origin: https://a.example.com\r\n" END),
    REFUSES(403, "6454 5: that begins so",
            GET("/chat") HANDSHAKE "Origin: https://example.com.evil.org\r\n" END),
    REFUSES(403, "6454 5: that ends so",
            GET("/chat") HANDSHAKE "Origin: https://evilexample.com\r\n" END),
    REFUSES(403, "6454 6.1: with a path",
            GET("/chat") HANDSHAKE "Origin: https://example.com/\r\n" END),
    REFUSES(403, "6454 7.1: several",
            GET("/chat") HANDSHAKE "Origin: https://example.com https://evil.org\r\n" END),
    REFUSES(403, "6454 7.1: an empty one", GET("/chat") HANDSHAKE "Origin:\r\n" END),
    REFUSES(403, "6454 7.1: in capitals", GET("/chat") HANDSHAKE "Origin: NULL\r\n" END),
    REFUSES(403, "6454 7.3: two",
            GET("/chat") HANDSHAKE
            "Origin: https://example.com\r\nOrigin: https://example.com\r\n" END),
    REFUSES(403, "the separator of the setting",
            GET("/chat") HANDSHAKE "Origin: https://example.com|null\r\n" END),
};

Test(websocket_greet, refuses_heads_that_are_wrong)
{
    greet_begin();
    greet_try_all(heads);
}

Test(websocket_greet, refuses_handshakes_that_are_wrong)
{
    greet_begin();
    greet_try_all(fields);
}

Test(websocket_greet, says_of_each_refusal_what_to_do)
{
    greet_begin();
    for (size_t at = 0; at < sizeof fields / sizeof *fields; at++) {
        greet_once(span_of(fields[at].bytes, fields[at].size));
        struct span body = greeting.answer.body;
        cr_assert(greeting.is_worth_a_line, "%s", fields[at].why);
        cr_assert_not_null(greeting.why);
        cr_assert_gt(body.size, 10);
        cr_assert_eq(memchr(body.data, '\n', body.size), body.data + body.size - 1);
        cr_assert_str_eq(greeting.answer.type, "text/plain; charset=utf-8");
    }
}

static void refuses_with(const char *text, uint16_t status, const char *headers)
{
    cr_assert_eq(greet(text, strlen(text)), GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, status);
    cr_assert_str_eq(greeting.answer.headers, headers);
}

Test(websocket_greet, refusals_have_the_fields_that_they_must)
{
    greet_begin();
    refuses_with("PUT /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END, 405, "Allow: GET\r\n");
    refuses_with(GET("/chat") CONNECTION VERSION KEY END, 426, "Upgrade: websocket\r\n");
    refuses_with(GET("/chat") UPGRADE CONNECTION KEY END, 426,
                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    cr_assert_eq(greet(BYTES("HEAD /chat HTTP/1.1\r\nHost: h\r\n" HANDSHAKE END)), GREET_ANSWER);
    cr_assert(greeting.answer.without_body);
    cr_assert_eq(greet(BYTES("\x16\x03\x01\x02")), GREET_ANSWER);
    cr_assert_str_eq(greeting.why, "it speaks TLS, which this port does not");
    cr_assert_eq(greet(BYTES("\x15\x03\x01\x02")), GREET_ANSWER);
    cr_assert(strcmp(greeting.why, "it speaks TLS, which this port does not") != 0);
}

Test(websocket_greet, the_first_thing_that_is_wrong_decides)
{
    greet_begin();
    refuses_with("PUT / HTTP/1.0\r\nOrigin: x\r\nSec-WebSocket-Key: x\r\n\r\n", 405,
                 "Allow: GET\r\n");
    greet(BYTES("GET / HTTP/1.0\r\nOrigin: x\r\nSec-WebSocket-Key: x\r\n\r\n"));
    cr_assert_eq(greeting.answer.status, 426);
    greet(BYTES(GET("/") UPGRADE "Origin: x\r\n" END));
    cr_assert_eq(greeting.answer.status, 400);
    greet(BYTES(GET("/") UPGRADE CONNECTION "Origin: x\r\n" END));
    cr_assert_eq(greeting.answer.status, 426);
    greet(BYTES(GET("/") HANDSHAKE "Origin: x\r\nExpect: x\r\nContent-Length: 1\r\n" END));
    cr_assert_eq(greeting.answer.status, 400);
    greet(BYTES(GET("/") HANDSHAKE "Origin: x\r\nExpect: x\r\n" END));
    cr_assert_eq(greeting.answer.status, 417);
    greet(BYTES(GET("/") HANDSHAKE "Origin: x\r\n" END));
    cr_assert_eq(greeting.answer.status, 404);
    greet(BYTES(GET("/chat") HANDSHAKE "Origin: x\r\n" END));
    cr_assert_eq(greeting.answer.status, 403);
}

/* ---- sizes ---- */

/* A head with a field whose value has so many bytes. */
static enum greet_verdict greet_long(const char *before, size_t value, const char *behind)
{
    static char text[20000];
    size_t size = strlen(before);
    memcpy(text, before, size);
    memset(text + size, 'a', value);
    memcpy(text + size + value, behind, strlen(behind));
    return greet_once(span_of(text, size + value + strlen(behind)));
}

Test(websocket_greet, a_head_has_a_bound)
{
    static const char before[] = GET("/chat") HANDSHAKE "Cookie: a=";
    greet_begin();
    size_t most = HTTP_HEAD_MAX - strlen(before) - 4;
    cr_assert_eq(greet_long(before, most, "\r\n\r\n"), GREET_WEBSOCKET);
    cr_assert_eq(greeting.head.size, HTTP_HEAD_MAX);
    cr_assert_eq(greet_long(before, most + 1, "\r\n\r\n"), GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, 431);
    cr_assert_eq(greet_long("GET /", 8000, " HTTP/1.1\r\nHost: h\r\n\r\n"), GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, 404);
    cr_assert_eq(greet_long("GET /", HTTP_HEAD_MAX, " HTTP/1.1\r\nHost: h\r\n\r\n"), GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, 414);
}

/* ---- protocols ---- */

static struct span protocol_of(const char *lines)
{
    char text[600];
    snprintf(text, sizeof text, GET("/chat") HANDSHAKE "%s" END, lines);
    cr_assert_eq(greet(text, strlen(text)), GREET_WEBSOCKET, "%s", lines);
    return greeting.protocol;
}

Test(websocket_greet, the_first_protocol_of_the_client_that_is_known_is_chosen)
{
    greet_begin();
    cr_assert_null(protocol_of("").data);
    cr_assert_null(protocol_of("Sec-WebSocket-Protocol: mqtt\r\n").data);
    cr_assert_null(protocol_of("Sec-WebSocket-Protocol: Chat, chat2, cha\r\n").data);
    cr_assert(greet_same(protocol_of("Sec-WebSocket-Protocol: mqtt, chat, chat.v2\r\n"),
                         span_text("chat")));
    cr_assert(greet_same(protocol_of("Sec-WebSocket-Protocol: ,, chat.v2 ,chat\r\n"),
                         span_text("chat.v2")));
    cr_assert(greet_same(protocol_of("sec-websocket-protocol: a\r\nSec-WebSocket-Protocol: b\r\n"
                                     "Sec-WebSocket-Protocol: chat.v2\r\n"),
                         span_text("chat.v2")));
    cr_assert_null(websocket_set_protocols(&settings, ""));
    cr_assert_null(protocol_of("Sec-WebSocket-Protocol: chat\r\n").data);
}

Test(websocket_greet, what_is_offered_is_what_the_client_asks_for)
{
    greet_begin();
    protocol_of("Sec-WebSocket-Protocol: a, b\r\nsec-websocket-protocol: c.d\r\n");
    cr_assert(websocket_offered(&greeting.head, span_text("a")).size > 0);
    cr_assert(websocket_offered(&greeting.head, span_text("b")).size > 0);
    cr_assert(websocket_offered(&greeting.head, span_text("c.d")).size > 0);
    cr_assert_eq(websocket_offered(&greeting.head, span_text("A")).size, 0);
    cr_assert_eq(websocket_offered(&greeting.head, span_text("a, b")).size, 0);
    cr_assert_eq(websocket_offered(&greeting.head, span_text("c")).size, 0);
    cr_assert_eq(websocket_offered(&greeting.head, span_text("")).size, 0);
    protocol_of("X-Protocol: a\r\n");
    cr_assert_eq(websocket_offered(&greeting.head, span_text("a")).size, 0);
}

/* ---- settings that let everybody in ---- */

Test(websocket_greet, by_default_any_path_and_any_origin_will_do)
{
    settings = websocket_settings_default();
    cr_assert_eq(greet(BYTES(GET("/a%2fb/%00") HANDSHAKE "Origin: https://evil.org\r\n" END)),
                 GREET_WEBSOCKET);
    cr_assert_eq(greet(BYTES(GET("/") HANDSHAKE "Origin: what is this\r\n" END)), GREET_WEBSOCKET);
    cr_assert_eq(greet(BYTES(GET("/") HANDSHAKE "Origin: null\r\nOrigin: null\r\n" END)),
                 GREET_ANSWER);
    cr_assert_eq(greeting.answer.status, 403);
}

/* ---- the answer to a handshake ---- */

static const char *welcome(const char *protocol, const char *extensions, const char *headers)
{
    static char room[1000];
    size_t size = websocket_welcome(&greeting, span_text(protocol), span_text(extensions), headers,
                                    room, sizeof room);
    cr_assert_eq(size, strlen(room));
    return room;
}

#define WELCOME \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

Test(websocket_greet, a_welcome_proves_that_the_request_was_read)
{
    greet_begin();
    cr_assert_eq(greet(BYTES(GET("/chat") HANDSHAKE END)), GREET_WEBSOCKET);
    cr_assert_str_eq(welcome("", "", NULL), WELCOME "\r\n");
    cr_assert_str_eq(welcome("chat", "", ""), WELCOME "Sec-WebSocket-Protocol: chat\r\n\r\n");
    cr_assert_str_eq(welcome("", "permessage-deflate", "Set-Cookie: a=b\r\n"), WELCOME
                     "Sec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n\r\n");
    cr_assert_eq(greet(BYTES(GET("/chat") HANDSHAKE "Expect: 100-continue\r\n" END)),
                 GREET_WEBSOCKET);
    cr_assert_str_eq(welcome("", "", NULL), "HTTP/1.1 100 Continue\r\n\r\n" WELCOME "\r\n");
}

Test(websocket_greet, a_welcome_that_does_not_fit_is_none)
{
    char room[400];
    greet_begin();
    cr_assert_eq(greet(BYTES(GET("/chat") HANDSHAKE END)), GREET_WEBSOCKET);
    size_t size = strlen(WELCOME "\r\n");
    struct span none = span_of(NULL, 0);
    cr_assert_eq(websocket_welcome(&greeting, none, none, NULL, room, size + 1), size);
    cr_assert_eq(websocket_welcome(&greeting, none, none, NULL, room, size), 0);
    cr_assert_eq(websocket_welcome(&greeting, none, none, NULL, room, 0), 0);
}
