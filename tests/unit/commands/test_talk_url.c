#include "commands/talk_url.h"

#include <criterion/criterion.h>
#include <string.h>

static struct talk_url url;

static void reads(const char *word, const char *host, const char *address, const char *target)
{
    struct error error;
    cr_assert(talk_url_is(word), "%s", word);
    cr_assert(talk_url_read(word, &url, &error), "%s: %s", word, error.text);
    cr_assert_str_eq(url.host, host);
    cr_assert_str_eq(url.address, address);
    cr_assert_str_eq(url.target, target);
}

static void is_of(const char *word, bool is_websocket, bool is_tls, const char *name)
{
    struct error error;
    cr_assert(talk_url_read(word, &url, &error), "%s: %s", word, error.text);
    cr_assert_eq(url.is_websocket, is_websocket);
    cr_assert_eq(url.is_tls, is_tls);
    cr_assert_str_eq(url.name, name);
}

static void refuses(const char *word, const char *why)
{
    struct error error;
    cr_assert(talk_url_is(word), "%s", word);
    cr_assert_not(talk_url_read(word, &url, &error), "%s", word);
    cr_assert_eq(error.kind, ERROR_USAGE);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
}

Test(talk_url, has_host_port_and_path)
{
    reads("ws://127.0.0.1:7000/chat", "127.0.0.1:7000", "127.0.0.1:7000", "/chat");
    reads("WS://localhost", "localhost", "localhost:80", "/");
    reads("ws://localhost:80/", "localhost", "localhost:80", "/");
    reads("ws://localhost:/", "localhost", "localhost:80", "/");
    reads("ws://localhost:8000?a=b", "localhost:8000", "localhost:8000", "/?a=b");
    reads("ws://[::1]:7000/a/b?c", "[::1]:7000", "[::1]:7000", "/a/b?c");
    reads("ws://[::1]", "[::1]", "[::1]:80", "/");
}

Test(talk_url, has_the_port_that_is_usual)
{
    reads("wss://localhost", "localhost", "localhost:443", "/");
    reads("wss://localhost:443/a", "localhost", "localhost:443", "/a");
    reads("wss://localhost:80/a", "localhost:80", "localhost:80", "/a");
    reads("ws://localhost:443/", "localhost:443", "localhost:443", "/");
    reads("wss://[::1]:/", "[::1]", "[::1]:443", "/");
    reads("tls://localhost:7000", "localhost:7000", "localhost:7000", "/");
    reads("TLS://[::1]:7000/", "[::1]:7000", "[::1]:7000", "/");
}

Test(talk_url, says_what_is_spoken_and_with_whom)
{
    is_of("ws://localhost:7000/", true, false, "localhost");
    is_of("wss://127.0.0.1/", true, true, "127.0.0.1");
    is_of("wss://h:1/", true, true, "h");
    is_of("tls://[::1]:7000", false, true, "::1");
    is_of("tls://[]:7000", false, true, "[]");
    is_of("tls://[a:7000", false, true, "[a");
}

Test(talk_url, encodes_what_an_address_cannot_have)
{
    reads("ws://h/a b\xc3\xa4<\"%41", "h", "h:80", "/a%20b%C3%A4%3C%22%41");
    reads("ws://h/\x7f!~", "h", "h:80", "/%7F!~");
}

Test(talk_url, is_told_from_other_addresses)
{
    static const char *const others[] = {"127.0.0.1:7000", "unix:/a://b", "://", "[::1]:7000",
                                         "7000",           "localhost",   "",    "a/b://c"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_not(talk_url_is(others[i]), "%s", others[i]);
}

Test(talk_url, that_is_wrong_is_told)
{
    refuses("tls://h", "has no port");
    refuses("tls://h:", "has no port");
    refuses("tls://h:1/path", "only WebSockets have a path");
    refuses("tls://h:1?a", "only WebSockets have a path");
    refuses("tls://", "no host; for example tls://127.0.0.1:7000");
    refuses("http://h/", "write ws://");
    refuses("https://h/", "write wss://");
    refuses("tcp://h/", "begins with ws://, wss:// or tls://");
    refuses("ws:///path", "no host");
    refuses("ws://:7000/path", "no host");
    refuses("ws://me@h/", "user name");
    refuses("ws://h/#there", "#");
    refuses("ws://h#there", "#");
}

Test(talk_url, may_be_just_so_long)
{
    static char word[TALK_TARGET_MAX + 100];
    size_t size = (size_t)sprintf(word, "ws://h");
    memset(word + size, 'x', TALK_TARGET_MAX);
    word[size] = '/';
    cr_assert(talk_url_read(word, &url, &(struct error){.kind = ERROR_NONE}));
    cr_assert_eq(strlen(url.target), TALK_TARGET_MAX);
    word[size + TALK_TARGET_MAX] = 'x';
    refuses(word, "path is too long");
    memset(word, 0, sizeof word);
    size = (size_t)sprintf(word, "ws://");
    memset(word + size, 'h', TALK_HOST_MAX);
    cr_assert(talk_url_read(word, &url, &(struct error){.kind = ERROR_NONE}));
    word[size + TALK_HOST_MAX] = 'h';
    refuses(word, "host is too long");
}
