#include "admin/access.h"
#include "http_try.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define COOKIE "Cookie: moonport-7001=" TOKEN "\r\n"
#define HOST "Host: 127.0.0.1:7001\r\n"
#define ACTS "X-Moonport: 1\r\n"

static const struct access access_ = {
    .token = TOKEN, .names = "box.example , other", .cookie = "moonport-7001"};
static const struct access_peer loopback = {.is_loopback = true}, away = {.is_unix = false},
                                by_file = {.is_unix = true};
static bool by_page;

static int check_of(enum access_kind kind, const struct access_peer *peer, const char *fields)
{
    struct http_head head;
    const char *why;
    http_try(&head, kind == ACCESS_ACT ? "POST /reload" : "GET /stats", fields);
    return access_check(&access_, &head, kind, peer, &by_page, &why);
}

Test(access, the_host_is_an_address_localhost_or_a_configured_name)
{
    static const char *const own[] = {"127.0.0.1:7001", "127.0.0.1",        "[::1]:7001",
                                      "10.1.2.3:80",    "localhost:7001",   "LOCALHOST",
                                      "box.example",    "Box.Example:7001", "other:1"};
    static const char *const strange[] = {
        "evil.example", "evil.example:7001", "box.example.evil", "127.0.0.1.evil.example", "box",
        "ther",         "1.2.3.4.5",         "localhost.evil"};
    char fields[256];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        snprintf(fields, sizeof fields, "Host: %s\r\n" BEARER, own[i]);
        cr_assert_eq(check_of(ACCESS_READ, &loopback, fields), 200, "%s", own[i]);
    }
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        snprintf(fields, sizeof fields, "Host: %s\r\n" BEARER, strange[i]);
        cr_assert_eq(check_of(ACCESS_READ, &loopback, fields), 421, "%s", strange[i]);
        cr_assert_eq(check_of(ACCESS_OPEN, &loopback, fields), 421, "%s", strange[i]);
        cr_assert_eq(check_of(ACCESS_PAGE, &loopback, fields), 421, "%s", strange[i]);
    }
}

Test(access, the_token_comes_as_bearer_or_as_the_page_s_cookie)
{
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST BEARER), 200);
    cr_assert_not(by_page);
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST COOKIE), 200);
    cr_assert(by_page);
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST "Cookie: a=b; moonport-7001=" TOKEN "\r\n"),
                 200);
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST "authorization: bearer " TOKEN "\r\n"), 200);
    cr_assert_eq(check_of(ACCESS_PAGE, &loopback, HOST COOKIE), 200);
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST BEARER COOKIE), 200);
    cr_assert_not(by_page, "the command line has no cookie to begin with");
}

Test(access, without_the_token_nothing_is_read)
{
    static const char *const wrong[] = {
        "",
        "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n",
        "Authorization: Bearer 0123456789abcdef\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic " TOKEN "\r\n",
        "Authorization: Digest " TOKEN "\r\n",
        "Authorization: Bearer " TOKEN "0\r\n",
        "Cookie: moonport-7002=" TOKEN "\r\n",
        "Cookie: xmoonport-7001=" TOKEN "\r\n",
        "Cookie: moonport-7001=\r\n",
        "Cookie: moonport-7001\r\n",
        "X-Token: " TOKEN "\r\n",
    };
    char fields[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(fields, sizeof fields, HOST "%s", wrong[i]);
        cr_assert_eq(check_of(ACCESS_READ, &loopback, fields), 401, "%s", wrong[i]);
        cr_assert_eq(check_of(ACCESS_PAGE, &loopback, fields), 401, "%s", wrong[i]);
        cr_assert_eq(check_of(ACCESS_OPEN, &away, fields), 401, "%s", wrong[i]);
        snprintf(fields, sizeof fields, HOST ACTS "%s", wrong[i]);
        cr_assert_eq(check_of(ACCESS_ACT, &loopback, fields), 401, "%s", wrong[i]);
    }
    cr_assert_eq(check_of(ACCESS_OPEN, &loopback, HOST), 200);
    cr_assert_eq(check_of(ACCESS_OPEN, &away, HOST BEARER), 200);
}

Test(access, an_empty_token_lets_nobody_in)
{
    static const struct access open = {.cookie = "moonport-7001"};
    struct http_head head;
    const char *why;
    http_try(&head, "GET /stats", HOST "Authorization: Bearer x\r\nCookie: moonport-7001=\r\n");
    cr_assert_eq(access_check(&open, &head, ACCESS_READ, &loopback, &by_page, &why), 401);
    http_try(&head, "GET /stats", HOST "Cookie: moonport-7001=\r\n");
    cr_assert_eq(access_check(&open, &head, ACCESS_READ, &loopback, &by_page, &why), 401);
}

Test(access, an_action_shows_that_no_other_page_has_sent_it)
{
    cr_assert_eq(check_of(ACCESS_ACT, &loopback, HOST BEARER ACTS), 200);
    cr_assert_eq(check_of(ACCESS_ACT, &loopback, HOST BEARER), 403);
    cr_assert_eq(check_of(ACCESS_ACT, &loopback, HOST COOKIE), 403);
    cr_assert_eq(
        check_of(ACCESS_ACT, &loopback, HOST COOKIE ACTS "Origin: http://127.0.0.1:7001\r\n"), 200);
}

Test(access, a_page_from_elsewhere_gets_nothing)
{
    static const char *const elsewhere[] = {
        "Origin: http://evil.example\r\n",    "Origin: http://127.0.0.1:8000\r\n",
        "Origin: https://127.0.0.1\r\n",      "Origin: null\r\n",
        "Origin: file://127.0.0.1:7001\r\n",  "Origin: 127.0.0.1:7001\r\n",
        "Origin: http://127.0.0.1:70011\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    };
    char fields[256];
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        snprintf(fields, sizeof fields, HOST COOKIE ACTS "%s", elsewhere[i]);
        cr_assert_eq(check_of(ACCESS_ACT, &loopback, fields), 403, "%s", elsewhere[i]);
        cr_assert_eq(check_of(ACCESS_READ, &loopback, fields), 403, "%s", elsewhere[i]);
        cr_assert_eq(check_of(ACCESS_PAGE, &loopback, fields), 200,
                     "a link from there leads to the page: %s", elsewhere[i]);
    }
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST COOKIE "Sec-Fetch-Site: same-origin\r\n"),
                 200);
    cr_assert_eq(check_of(ACCESS_READ, &loopback, HOST COOKIE "Sec-Fetch-Site: none\r\n"), 200);
}

/* A proxy in front of it may add TLS. */
Test(access, a_page_of_its_own_may_have_come_by_https)
{
    cr_assert_eq(check_of(ACCESS_ACT, &loopback,
                          "Host: box.example\r\nOrigin: https://box.example\r\n" COOKIE ACTS),
                 200);
    cr_assert_eq(check_of(ACCESS_READ, &loopback,
                          "Host: Box.example:81\r\nOrigin: https://box.example:81\r\n" COOKIE),
                 200);
}

Test(access, a_unix_socket_asks_for_no_token)
{
    cr_assert_eq(check_of(ACCESS_READ, &by_file, "Host: localhost\r\n"), 200);
    cr_assert_eq(check_of(ACCESS_ACT, &by_file, "Host: localhost\r\n" ACTS), 200);
    cr_assert_eq(check_of(ACCESS_ACT, &by_file, "Host: localhost\r\n"), 403);
}
