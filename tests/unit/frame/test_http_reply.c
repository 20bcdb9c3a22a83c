/* Heads of HTTP responses: RFC 9112 section 4; fields are those of test_http_head.c. */
#include "frame/http_reply.h"
#include "frame/http_text.h"
#include "http_try.h"

static struct http_reply reply;

static enum http_verdict reads(const char *text)
{
    reply.head.scanned = 0;
    return http_reply_read(&reply, span_text(text));
}

static void takes(const char *text, uint16_t status, const char *reason)
{
    cr_assert_eq(reads(text), HTTP_HEAD, "%s: %s", text, reply.head.why);
    cr_assert_eq(reply.status, status);
    http_reads(reply.reason, reason);
    cr_assert_eq(reply.head.size, strlen(text));
}

static void refuses(const char *text, const char *why)
{
    cr_assert_eq(reads(text), HTTP_BAD, "%s", text);
    cr_assert_not_null(strstr(reply.head.why, why), "%s", reply.head.why);
}

Test(http_reply, has_a_status_and_perhaps_a_reason)
{
    takes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101,
          "Switching Protocols");
    http_reads(http_head_field(&reply.head, "upgrade"), "websocket");
    takes("HTTP/1.1 200 \r\n\r\n", 200, "");
    takes("HTTP/1.1 599\r\n\r\n", 599, "");
    takes("HTTP/1.0 100 Go on\r\n\r\n", 100, "Go on");
    cr_assert_eq(reply.head.minor, 0);
    takes("HTTP/1.7 403 N\xc3\xa4\r\n\r\n", 403, "N\xc3\xa4");
    cr_assert_eq(reply.head.minor, 1);
}

Test(http_reply, is_refused_without_a_status)
{
    static const char *const lines[] = {
        "HTTP/1.1\r\n",        "HTTP/1.1 \r\n",         "HTTP/1.1 20\r\n",
        "HTTP/2.0 200 OK\r\n", "HTTP/1.1\t200 OK\r\n",  "http/1.1 200 OK\r\n",
        "HTTP/1. 200 OK\r\n",  "SSH-2.0-OpenSSH_9\r\n", "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        refuses(lines[i], "does not begin with HTTP/1.1 and a status");
    refuses("HTTP/1.1 2x0 OK\r\n", "three digits");
    refuses("HTTP/1.1 099 OK\r\n", "100 to 599");
    refuses("HTTP/1.1 600 OK\r\n", "100 to 599");
    refuses("HTTP/1.1 2000 OK\r\n", "100 to 599");
    refuses("HTTP/1.1 200 OK\n", "LF alone");
}

/* Nothing of a request is asked of it: no Host. And its size is limited, too. */
Test(http_reply, is_read_as_strictly_as_a_request)
{
    static char big[HTTP_HEAD_MAX + 1];
    refuses("HTTP/1.1 200 OK\r\n folded\r\n\r\n", "begins with a blank");
    refuses("HTTP/1.1 200 OK\r\nName : value\r\n\r\n", "name, a colon and a value");
    memset(big, 'x', HTTP_HEAD_MAX);
    memcpy(big, "HTTP/1.1 200 ", 13);
    cr_assert_eq(reads(big), HTTP_TOO_LONG);
    big[HTTP_HEAD_MAX - 1] = '\0';
    cr_assert_eq(reads(big), HTTP_MORE);
}
