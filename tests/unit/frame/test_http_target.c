#include "http_try.h"

#define takes_target(target) http_takes("GET %s HTTP/1.1\r\nHost: field:1\r\n\r\n", target)
#define refuses_target(target) http_refuses(400, "GET %s HTTP/1.1\r\nHost: field:1\r\n\r\n", target)

/* ---- forms: RFC 9112 section 3.2 ---- */

Test(http_target, a_path_and_a_query)
{
    takes_target("/");
    http_reads(head.path, "/");
    cr_assert_null(head.query.data);
    http_reads(head.host, "field:1");
    takes_target("/a/b?c=d?e/f");
    http_reads(head.path, "/a/b");
    http_reads(head.query, "c=d?e/f");
    takes_target("/?");
    http_reads(head.path, "/");
    http_reads(head.query, "");
    takes_target("//other/x");
    http_reads(head.path, "//other/x");
    http_reads(head.host, "field:1");
}

Test(http_target, an_address_names_the_host_that_counts)
{
    takes_target("http://name:80/a?b");
    http_reads(head.target, "http://name:80/a?b");
    http_reads(head.host, "name:80");
    http_reads(head.path, "/a");
    http_reads(head.query, "b");
    takes_target("HTTPS://[::1]/");
    http_reads(head.host, "[::1]");
    http_reads(head.path, "/");
    takes_target("https://name?b/c");
    http_reads(head.host, "name");
    http_reads(head.path, "/");
    http_reads(head.query, "b/c");
    takes_target("http://name");
    http_reads(head.path, "/");
    cr_assert_null(head.query.data);
    http_takes("GET http://name/ HTTP/1.0\r\n\r\n");
    http_reads(head.host, "name");
}

Test(http_target, other_addresses_are_refused)
{
    static const char *const targets[] = {
        "ftp://name/",
        "ws://name/",
        "http:/name/",
        "http:name",
        "http://",
        "http:///a",
        "http://?q",
        "http://user@name/",
        "http://:80/",
        "http://na\\me",
        "http://name:x/",
        "name",
        "name:443",
        "a/b",
        "?q",
        "https:",
        "http://name:65536",
        "http",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) refuses_target(targets[i]);
}

Test(http_target, an_asterisk_is_for_options)
{
    http_takes("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    http_reads(head.path, "*");
    cr_assert_null(head.query.data);
    refuses_target("*");
    http_refuses(400, "options * HTTP/1.1\r\nHost: h\r\n\r\n");
    http_refuses(400, "OPTION * HTTP/1.1\r\nHost: h\r\n\r\n");
    http_refuses(400, "OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n");
    http_refuses(400, "OPTIONS *?q HTTP/1.1\r\nHost: h\r\n\r\n");
    http_takes("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n");
}

Test(http_target, connect_is_for_proxies)
{
    http_refuses(501, "CONNECT name:443 HTTP/1.1\r\nHost: name\r\n\r\n");
    http_refuses(501, "CONNECT / HTTP/1.1\r\nHost: name\r\n\r\n");
    http_takes(
        "connect / HTTP/1.1\r\nHost: name\r\n\r\n"); /* another method: RFC 9110 section 9.1 */
}

/* ---- characters: RFC 3986 section 2 ---- */

Test(http_target, each_character_is_visible_and_cannot_be_mistaken)
{
    for (int byte = 0; byte < 256; byte++) {
        uint8_t text[] = "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n";
        bool good = byte > ' ' && byte < 0x7f && byte != '"' && byte != '#' && byte != '<' &&
                    byte != '>' && byte != '%';
        text[5] = (uint8_t)byte;
        cr_assert_eq(http_try(span_of(text, sizeof text - 1)), good ? HTTP_HEAD : HTTP_BAD, "%d",
                     byte);
        text[5] = 'a';
        text[7] = (uint8_t)byte;
        cr_assert_eq(http_try(span_of(text, sizeof text - 1)), good ? HTTP_HEAD : HTTP_BAD, "%d",
                     byte);
    }
}

Test(http_target, a_percent_sign_begins_a_triplet)
{
    takes_target("/%41%aF%00%2f?%09");
    http_reads(head.path, "/%41%aF%00%2f");
    static const char *const targets[] = {"/%",    "/%4", "/%4/1", "/%g1",  "/%1g",
                                          "/%%41", "/?%", "/?%4",  "/?%@1", "/?%1G"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) refuses_target(targets[i]);
}

/* ---- hosts ---- */

static void divides(const char *text, const char *expected, uint16_t expected_port)
{
    struct span name, host = http_copy(span_text(text));
    uint16_t port;
    cr_assert(http_host_read(host, &name, &port), "%s", text);
    http_reads(name, expected);
    cr_assert_eq(port, expected_port, "%s: %u", text, port);
    free(host.data);
}

Test(http_target, a_host_is_divided_into_name_and_port)
{
    divides("localhost", "localhost", 0);
    divides("localhost:7001", "localhost", 7001);
    divides("127.0.0.1:1", "127.0.0.1", 1);
    divides("[::1]", "::1", 0);
    divides("[2001:DB8::ffff:1.2.3.4]:65535", "2001:DB8::ffff:1.2.3.4", 65535);
    divides("a-b_c.d~e!$&'()*+,;=Z9", "a-b_c.d~e!$&'()*+,;=Z9", 0);
    divides("%41%2f:08", "%41%2f", 8);
    divides("name:", "name", 0);
}

Test(http_target, what_is_no_host_is_refused)
{
    static const char *const hosts[] = {
        "",    ":",      ":80",   "a:b",      "a:65536", "a:000080", "a:+1", "a:1:2",
        "a b", "a/b",    "a@b",   "a?",       "a\\b",    "a\"b",     "[]",   "[::1",
        "::1", "[::1]x", "[::1x", "[::1x:80", "[::1]80", "[::1]:x",  "[g]",  "[a%25b]",
        "%4",  "%",      "a%zz",  "\xc3\xa4", "a[b]",    "[",
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct span name, host = http_copy(span_text(hosts[i]));
        uint16_t port;
        cr_assert(!http_host_read(host, &name, &port), "%s", hosts[i]);
        free(host.data);
    }
    struct span name;
    uint16_t port;
    cr_assert(!http_host_read(span_of("a\0", 2), &name, &port));
    cr_assert(!http_host_read(span_of("%41", 2), &name, &port));
    cr_assert(!http_host_read(span_of(NULL, 0), &name, &port));
}
