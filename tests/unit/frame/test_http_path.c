#include "frame/http_path.h"

#include <criterion/criterion.h>

static char room[64];

static bool is(const char *one, const char *other)
{
    bool same = http_path_is(span_text(one), span_text(other));
    cr_assert_eq(http_path_is(span_text(other), span_text(one)), same, "%s, %s", one, other);
    return same;
}

/* RFC 3986 sections 2.2 and 2.4. */
Test(http_path, paths_are_the_same_decoded_once)
{
    cr_assert(is("", ""));
    cr_assert(is("/a", "/%61"));
    cr_assert(is("/%c3%A4", "/\xc3\xa4"));
    cr_assert(is("/%2f", "/%2F"));
    cr_assert(is("/%25", "/%25"));
    cr_assert_not(is("/%2f", "//"));
    cr_assert_not(is("/%252f", "/%2f"));
    cr_assert_not(is("/%2541", "/A"));
    cr_assert_not(is("/a", "/b"));
    cr_assert_not(is("/a", "/a/"));
    cr_assert_not(is("/a", "/a%"));
    cr_assert_not(is("/%", "/%"));
    cr_assert_not(is("/%4", "/%4"));
    cr_assert_not(is("/%zz", "/%zz"));
}

static bool decode(const char *path)
{
    return http_path_decode(span_text(path), room, sizeof room);
}

static void decodes(const char *path, const char *expected)
{
    cr_assert(decode(path), "%s", path);
    cr_assert_str_eq(room, expected);
}

Test(http_path, names_are_decoded_once)
{
    decodes("", "");
    decodes("a/b", "a/b");
    decodes("%61%2e%2E/+", "a../+");
    decodes("%2561", "%61");
    decodes("%c3%a4", "\xc3\xa4");
    static const char *const bad[] = {"%00", "a%00b", "%2f", "a%2Fb", "%",
                                      "%4",  "a%4",   "%zz", "%4z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(decode(bad[i]), "%s", bad[i]);
        cr_assert_str_eq(room, "");
    }
    cr_assert_not(http_path_decode(span_of("a\0b", 3), room, sizeof room));
}

Test(http_path, what_does_not_fit_is_not_cut)
{
    cr_assert(http_path_decode(span_text("a%62c"), room, 4));
    cr_assert_str_eq(room, "abc");
    cr_assert_not(http_path_decode(span_text("a%62c"), room, 3));
    cr_assert_str_eq(room, "");
    cr_assert(http_path_decode(span_text(""), room, 1));
    cr_assert_not(http_path_decode(span_text("a"), room, 1));
    cr_assert(http_path_encode(span_text("a b"), room, 6));
    cr_assert_str_eq(room, "a%20b");
    cr_assert_not(http_path_encode(span_text("a b"), room, 5));
    cr_assert_str_eq(room, "");
    cr_assert_not(http_path_encode(span_text("ab"), room, 2));
}

Test(http_path, each_byte_comes_back)
{
    for (int byte = 1; byte < 256; byte++) {
        char text[] = {'/', (char)byte, 'x', '\0'}, back[8];
        cr_assert(http_path_encode(span_text(text), room, sizeof room));
        for (const char *at = room; *at != '\0'; at++)
            cr_assert(*at > ' ' && *at < 0x7f && strchr("\"#<>?\\^`{|}", *at) == NULL, "%d", byte);
        cr_assert(http_path_decode(span_text(room), back, sizeof back));
        cr_assert_str_eq(back, text);
    }
}
