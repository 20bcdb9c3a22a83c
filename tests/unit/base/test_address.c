#include "base/address.h"
#include "random.h"

#include <criterion/criterion.h>
#include <string.h>

static struct address parse(const char *text)
{
    struct address address;
    struct error error = {0};
    cr_assert(address_parse(text, &address, &error), "\"%s\": %s", text, error.text);
    return address;
}

static const char *again(const char *text)
{
    static char formatted[ADDRESS_TEXT_MAX];
    struct address address = parse(text);
    return address_format(&address, formatted);
}

static void refused(const char *text, const char *why)
{
    struct address address;
    struct error error = {0};
    cr_assert_not(address_parse(text, &address, &error), "\"%s\" is no address", text);
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_not_null(strstr(error.text, why), "\"%s\" should say: %s", error.text, why);
    cr_assert_not_null(strstr(error.text, "127.0.0.1:7000"), "\"%s\" has an example", error.text);
}

Test(address, an_ipv4_host_is_in_network_order_and_its_port_in_ours)
{
    struct address address = parse("192.168.2.1:7000");
    cr_assert_eq(address.family, ADDRESS_IPV4);
    cr_assert_eq(address.port, 7000);
    cr_assert_eq(memcmp(address.ip, "\xc0\xa8\x02\x01", 4), 0);
}

Test(address, an_ipv6_host_stands_in_brackets)
{
    struct address address = parse("[2001:db8::7]:65535");
    cr_assert_eq(address.family, ADDRESS_IPV6);
    cr_assert_eq(address.port, 65535);
    cr_assert_eq(memcmp(address.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16), 0);
}

Test(address, without_a_host_it_is_every_ipv4_address)
{
    cr_assert_str_eq(again("7000"), "0.0.0.0:7000");
    cr_assert_str_eq(again(":7000"), "0.0.0.0:7000");
    cr_assert_str_eq(again("*:7000"), "0.0.0.0:7000");
    cr_assert_str_eq(again("0"), "0.0.0.0:0");
}

Test(address, localhost_is_the_one_name_that_is_known)
{
    cr_assert_str_eq(again("localhost:7000"), "127.0.0.1:7000");
    refused("example.com:7000", "\"example.com\" is not an IPv4 address");
    refused("localhosts:7000", "\"localhosts\"");
}

Test(address, every_form_comes_back_as_it_was)
{
    static const char *const cases[] = {
        "127.0.0.1:7000",    "255.255.255.255:0",     "[::]:7000",     "[::1]:1",
        "[fe80::1:2]:65535", "unix:/run/server.sock", "unix:relative", "unix:/with:colon and space",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(again(cases[i]), cases[i]);
}

Test(address, only_the_host_can_be_had)
{
    char text[ADDRESS_TEXT_MAX];
    struct address four = parse("10.0.0.1:1"), six = parse("[::1]:1"), path = parse("unix:/a/b");
    cr_assert_str_eq(address_format_host(&four, text), "10.0.0.1");
    cr_assert_str_eq(address_format_host(&six, text), "::1");
    cr_assert_str_eq(address_format_host(&path, text), "/a/b");
}

Test(address, what_has_no_name_formats_as_little)
{
    char text[ADDRESS_TEXT_MAX] = "left over";
    struct address unnamed = {.family = ADDRESS_UNIX}, none = {.family = ADDRESS_NONE};
    cr_assert_str_eq(address_format(&unnamed, text), "unix:");
    cr_assert_str_eq(address_format_host(&unnamed, text), "");
    cr_assert_str_eq(address_format(&none, text), "");
    cr_assert_str_eq(address_format_host(&none, text), "");
}

Test(address, a_bad_port_is_refused_with_the_reason)
{
    refused("", "it is empty");
    refused("127.0.0.1", "the port is missing");
    refused("localhost", "the port is missing");
    refused("127.0.0.1:", "the port is missing");
    refused(":", "the port is missing");
    refused("[::1]:", "the port is missing");
    refused("127.0.0.1:seven", "\"seven\" is not a port number");
    refused("127.0.0.1:70 ", "\"70 \" is not a port number");
    refused("127.0.0.1:65536", "65535");
    refused("127.0.0.1:-1", "65535");
    refused("65536", "65535");
    refused("99999999999999999999", "not a port number");
}

Test(address, a_bad_host_is_refused_with_the_reason)
{
    refused("127.0.0:7000", "\"127.0.0\" is not an IPv4 address");
    refused("256.0.0.1:7000", "\"256.0.0.1\"");
    refused("127.0.0.1.1:7000", "not an IPv4 address");
    refused(" 127.0.0.1:7000", "not an IPv4 address");
    refused("::1:7000", "in brackets");
    refused(":::7000", "in brackets");
    refused("[::1:7000", "closing bracket");
    refused("[::1]", "must follow the bracket");
    refused("[::1]7000", "must follow the bracket");
    refused("[]:7000", "not an IPv6 address");
    refused("[127.0.0.1]:7000", "not an IPv6 address");
    refused("[localhost]:7000", "not an IPv6 address");
    refused("[1:2:3:4:5:6:7:8:9]:7000", "not an IPv6 address");
}

Test(address, a_unix_path_is_as_long_as_the_system_takes)
{
    char text[200] = "unix:", formatted[ADDRESS_TEXT_MAX];
    memset(text + 5, 'p', 107);
    struct address address = parse(text);
    cr_assert_eq(strlen(address.path), 107);
    cr_assert_str_eq(address_format(&address, formatted), text);
    cr_assert_str_eq(address_format_host(&address, formatted), text + 5);

    text[5 + 107] = 'p';
    refused(text, "108 bytes long");
    refused("unix:", "path of the socket is missing");
}

/* As long as the longest there is, and longer by one, by two, ... */
Test(address, a_host_that_is_too_long_is_refused_whole)
{
    for (size_t size = 40; size < 60; size++) {
        char text[80];
        memset(text, '1', size);
        memcpy(text + size, ":7000", sizeof ":7000");
        refused(text, "is not an IPv4 address");
        text[0] = '[';
        memset(text + 1, '1', size);
        memcpy(text + 1 + size, "]:7000", sizeof "]:7000");
        refused(text, "is not an IPv6 address");
    }
}

Test(address, an_address_of_any_length_is_refused_whole)
{
    char text[5000];
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = '\0';
    refused(text, "not a port number");
    text[4000] = ':';
    refused(text, "not an IPv4 address");
    text[0] = '[';
    text[3999] = ']';
    refused(text, "not an IPv6 address");
}

Test(address, any_address_survives_the_way_to_text_and_back)
{
    const uint64_t seed = 7000;
    uint64_t state = seed;
    for (int round = 0; round < 20000; round++) {
        struct address address, parsed;
        struct error error = {0};
        char text[ADDRESS_TEXT_MAX];
        memset(&address, 0, sizeof address);
        address.family = random_next(&state) % 2 == 0 ? ADDRESS_IPV4 : ADDRESS_IPV6;
        address.port = (uint16_t)random_next(&state);
        /* Zeros are common, so that runs of them are shortened to "::". */
        uint64_t zeros = random_next(&state) & random_next(&state);
        for (int i = 0; i < (address.family == ADDRESS_IPV4 ? 4 : 16); i++)
            address.ip[i] = zeros >> i & 1 ? 0 : (uint8_t)random_next(&state);

        address_format(&address, text);
        cr_assert(address_parse(text, &parsed, &error), "seed %llu: %s: %s",
                  (unsigned long long)seed, text, error.text);
        cr_assert_eq(memcmp(&address, &parsed, sizeof address), 0, "seed %llu: %s",
                     (unsigned long long)seed, text);
    }
}

Test(address, packed_and_unpacked_it_is_the_same)
{
    static const char *const texts[] = {"10.1.2.3:4567", "[2001:db8::7]:65535", "unix:/run/x.sock",
                                        "unix:/a/path/that/is/longer/than/any/number"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address, again;
        struct address_packed packed;
        struct error error;
        cr_assert(address_parse(texts[i], &address, &error));
        address_pack(&address, &packed);
        address_unpack(&packed, &again);
        cr_assert(address_is_same(&address, &again), "%s", texts[i]);
        address_free(&packed);
        cr_assert_eq(packed.family, ADDRESS_NONE);
    }
}

Test(address, a_peer_without_a_name_takes_no_memory)
{
    struct address address = {.family = ADDRESS_UNIX}, again;
    struct address_packed packed;
    address_pack(&address, &packed);
    cr_assert_null(packed.path);
    address_unpack(&packed, &again);
    cr_assert_eq(again.family, ADDRESS_UNIX);
    cr_assert_str_eq(again.path, "");
    address_free(&packed);
}

Test(address, the_loopback_is_of_this_machine_for_itself)
{
    static const char *const own[] = {"127.0.0.1:1", "127.9.8.7:1", "localhost:1", "[::1]:1"};
    static const char *const others[] = {"0.0.0.0:1", "128.0.0.1:1", "10.0.0.127:1", "[::]:1",
                                         "[::2]:1",   "[fe80::1]:1", "unix:/127"};
    struct address address;
    struct error error;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        cr_assert(address_parse(own[i], &address, &error));
        cr_assert(address_is_loopback(&address), "%s", own[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_assert(address_parse(others[i], &address, &error));
        cr_assert_not(address_is_loopback(&address), "%s", others[i]);
    }
}
