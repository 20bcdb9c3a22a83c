#include "frame/websocket_settings.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct websocket_settings settings;

/* A text of so many bytes, all of them `byte` but the first. */
static char *long_text(char first, char byte, size_t size)
{
    static char text[1000];
    memset(text, byte, size);
    text[0] = first;
    text[size] = '\0';
    return text;
}

typedef const char *setter(struct websocket_settings *settings, const char *text);

static void takes(setter *set, const char *text)
{
    const char *expected = set(&settings, text);
    cr_assert_null(expected, "\"%s\": expected %s", text, expected);
}

/* And nothing has changed. */
static void refuses(setter *set, const char *text)
{
    struct websocket_settings before = settings;
    const char *expected = set(&settings, text);
    cr_assert_not_null(expected, "\"%s\"", text);
    cr_assert_gt(strlen(expected), 5);
    cr_assert(websocket_settings_are_same(&before, &settings));
}

Test(websocket_settings, by_default_anybody_may_connect_anywhere)
{
    settings = websocket_settings_default();
    cr_assert_str_eq(settings.path, "");
    cr_assert_str_eq(settings.origins, "");
    cr_assert_str_eq(settings.protocols, "");
    cr_assert_str_eq(settings.public_dir, "");
    cr_assert_eq(settings.ping_s, 30);
    cr_assert_not(settings.healthz);
    cr_assert_null(settings.site);
    cr_assert(websocket_has_path(&settings, span_text("/any")));
    cr_assert(websocket_has_origin(&settings, span_text("what is this")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("chat")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("")));
}

/* ---- path ---- */

Test(websocket_settings, a_path_is_one_of_an_address)
{
    static const char *const good[] = {"/",      "/chat", "/a/b", "/a%20b", "/ch\xc3\xa4t",
                                       "/a%2fb", ""};
    static const char *const bad[] = {"chat",  "/a b",  "/a?b", "/a#b",   "/a%",      "/a%4",
                                      "/a%zz", "/a%00", "/a\n", "/a\x7f", "http://h/"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) takes(websocket_set_path, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(websocket_set_path, bad[i]);
    takes(websocket_set_path, long_text('/', 'a', WEBSOCKET_PATH_MAX));
    cr_assert_eq(strlen(settings.path), WEBSOCKET_PATH_MAX);
    refuses(websocket_set_path, long_text('/', 'a', WEBSOCKET_PATH_MAX + 1));
}

static bool has_path(const char *path)
{
    return websocket_has_path(&settings, span_text(path));
}

Test(websocket_settings, a_path_is_compared_decoded_once)
{
    takes(websocket_set_path, "/ch\xc3\xa4t");
    cr_assert(has_path("/ch%C3%a4t"));
    cr_assert(has_path("/%63h%C3%a4t"));
    cr_assert_not(has_path("/ch%25C3%25a4t"));
    cr_assert_not(has_path("/chat"));
    takes(websocket_set_path, "/a%2fb");
    cr_assert(has_path("/a%2Fb"));
    cr_assert(has_path("/%61%2fb"));
    cr_assert_not(has_path("/a/b"));
    cr_assert_not(has_path("/a%252fb"));
    takes(websocket_set_path, "/a/b");
    cr_assert_not(has_path("/a%2fb"));
    cr_assert_not(has_path("/a/b/"));
    cr_assert_not(has_path("/a/"));
    cr_assert_not(has_path("/a//b"));
    cr_assert_not(has_path("/A/b"));
    cr_assert_not(has_path(""));
}

/* ---- origins ---- */

Test(websocket_settings, origins_are_as_browsers_send_them)
{
    static const char *const good[] = {"https://example.com",
                                       "null",
                                       "http://localhost:8000|https://a.b|null",
                                       "http://[::1]:80",
                                       "file://",
                                       "chrome-extension://abc",
                                       ""};
    static const char *const bad[] = {"example.com",
                                      "*",
                                      "https://*.example.com",
                                      "https://example.com/",
                                      "https://example.com/a",
                                      "https://a:65536",
                                      "https://a b",
                                      "https://a@b",
                                      "1s://a",
                                      "://a",
                                      "NULL",
                                      "|",
                                      "null|",
                                      "|null",
                                      "null||null",
                                      "null, null",
                                      "https://a|b",
                                      "https:/a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) takes(websocket_set_origins, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(websocket_set_origins, bad[i]);
    char *text = long_text('h', 'a', WEBSOCKET_ORIGINS_MAX);
    memcpy(text, "h://", 4);
    takes(websocket_set_origins, text);
    cr_assert_str_eq(settings.origins, text);
    text = long_text('h', 'a', WEBSOCKET_ORIGINS_MAX + 1);
    memcpy(text, "h://", 4);
    refuses(websocket_set_origins, text);
}

static bool has_origin(const char *origin)
{
    return websocket_has_origin(&settings, span_text(origin));
}

Test(websocket_settings, origins_are_the_same_by_scheme_host_and_port)
{
    takes(websocket_set_origins,
          "https://Example.com|http://b:80|http://c:8000|x://d|http://[::1]");
    static const char *const same[] = {"https://example.com", "HTTPS://EXAMPLE.COM:443", "http://b",
                                       "http://b:80",         "http://c:8000",           "x://d",
                                       "http://[::1]:80"};
    static const char *const other[] = {"http://example.com",
                                        "https://example.com:80",
                                        "https://example.com.a",
                                        "https://a.example.com",
                                        "https://b",
                                        "http://c",
                                        "http://c:80",
                                        "x://d:80",
                                        "null",
                                        "",
                                        "https://example.com/",
                                        "https://",
                                        "http://[::2]",
                                        "example.com"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        cr_assert(has_origin(same[i]), "%s", same[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        cr_assert_not(has_origin(other[i]), "%s", other[i]);
    takes(websocket_set_origins, "wss://a|null");
    cr_assert(has_origin("wss://a:443"));
    cr_assert(has_origin("null"));
    cr_assert_not(has_origin("ws://a:443"));
    cr_assert_not(has_origin("Null"));
    takes(websocket_set_origins, "ws://a:80|file://");
    cr_assert(has_origin("ws://a"));
    cr_assert(has_origin("file://"));
    cr_assert_not(has_origin("null"));
}

/* ---- protocols ---- */

Test(websocket_settings, protocols_are_tokens)
{
    static const char *const good[] = {"chat", "chat.v2|chat", "a!#$%&'*+-.^_`~b", "a|b|c", ""};
    static const char *const bad[] = {"a b", "a,b", "a/b",      "a||b", "|a",
                                      "a|",  "|",   "\xc3\xa4", "a|b;c"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) takes(websocket_set_protocols, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(websocket_set_protocols, bad[i]);
    takes(websocket_set_protocols, long_text('a', 'b', WEBSOCKET_PROTOCOLS_MAX));
    refuses(websocket_set_protocols, long_text('a', 'b', WEBSOCKET_PROTOCOLS_MAX + 1));
}

Test(websocket_settings, a_protocol_is_known_by_its_whole_name)
{
    takes(websocket_set_protocols, "chat.v2|chat");
    cr_assert(websocket_has_protocol(&settings, span_text("chat")));
    cr_assert(websocket_has_protocol(&settings, span_text("chat.v2")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("chat.v")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("chat.v2|chat")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("Chat")));
    cr_assert_not(websocket_has_protocol(&settings, span_text("")));
}

/* ---- the others ---- */

Test(websocket_settings, pings_are_seconds_apart)
{
    takes(websocket_set_ping, "0");
    cr_assert_eq(settings.ping_s, 0);
    takes(websocket_set_ping, "86400");
    cr_assert_eq(settings.ping_s, 86400);
    static const char *const bad[] = {"86401", "-1", "1.5", "", "30s", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(websocket_set_ping, bad[i]);
}

Test(websocket_settings, health_is_told_or_not)
{
    takes(websocket_set_healthz, "true");
    cr_assert(settings.healthz);
    takes(websocket_set_healthz, "off");
    cr_assert_not(settings.healthz);
    refuses(websocket_set_healthz, "maybe");
}

Test(websocket_settings, a_public_directory_is_below_that_of_the_scripts)
{
    static const char *const good[] = {"public", "web/public", "a b/c", "a.b/c..", "\xc3\xa4", ""};
    static const char *const bad[] = {".",    "..",  "/",    "/public", "../public", "a/../b",
                                      "a/.",  "a/",  "a//b", ".git",    "a/.git",    "a\\b",
                                      "C:/a", "C:a", "a\nb", "a\x7f",   "./a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) takes(websocket_set_public, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(websocket_set_public, bad[i]);
    takes(websocket_set_public, long_text('a', 'b', WEBSOCKET_PUBLIC_MAX));
    refuses(websocket_set_public, long_text('a', 'b', WEBSOCKET_PUBLIC_MAX + 1));
}

Test(websocket_settings, each_setting_makes_a_difference_but_not_what_comes_of_it)
{
    static setter *const setters[] = {websocket_set_path,      websocket_set_origins,
                                      websocket_set_protocols, websocket_set_ping,
                                      websocket_set_healthz,   websocket_set_public};
    static const char *const values[] = {"/a", "null", "a", "1", "true", "a"};
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
        struct websocket_settings one = websocket_settings_default(), other = one;
        cr_assert(websocket_settings_are_same(&one, &other));
        cr_assert_null(setters[i](&one, values[i]));
        cr_assert_not(websocket_settings_are_same(&one, &other), "%zu", i);
        cr_assert_null(setters[i](&other, values[i]));
        cr_assert(websocket_settings_are_same(&one, &other));
    }
    struct websocket_settings one = websocket_settings_default(), other = one;
    other.site = (struct http_site *)&one;
    cr_assert(websocket_settings_are_same(&one, &other));
}
