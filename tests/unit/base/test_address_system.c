/* Addresses as the system has them. */
#include "base/address_system.h"

#include <criterion/criterion.h>
#include <string.h>

static struct address parse(const char *text)
{
    struct address address;
    struct error error = {0};
    cr_assert(address_parse(text, &address, &error), "\"%s\": %s", text, error.text);
    return address;
}

Test(address_system, every_byte_of_an_address_counts_there_and_back)
{
    static const char *const texts[] = {
        "1.2.3.4:5",
        "255.0.0.254:65535",
        "0.0.0.0:0",
        "[1:2:3:4:5:6:7:8]:4660",
        "[ff02::fb]:1",
        "[::1]:7000",
        "unix:/run/moonport.sock",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct address address = parse(texts[i]);
        char text[ADDRESS_TEXT_MAX];
        union address_system system;
        struct address again;
        memset(&system, 0xaa, sizeof system);
        memset(&again, 0xaa, sizeof again);
        socklen_t size = address_to_system(&address, &system);
        cr_assert(size > 0);
        cr_assert((size_t)size <= sizeof system);
        address_from_system(&system, size, &again);
        cr_assert_str_eq(address_format(&again, text), texts[i]);
        cr_assert_eq(again.port, address.port);
        cr_assert_eq(memcmp(again.ip, address.ip, sizeof again.ip), 0);
    }
}

/* In the order of the network, whatever the processor's is. */
Test(address_system, the_system_has_them_in_network_order)
{
    union address_system system;
    struct address address = parse("1.2.3.4:4660");
    address_to_system(&address, &system);
    cr_assert_eq(system.ipv4.sin_family, AF_INET);
    cr_assert_eq(memcmp(&system.ipv4.sin_port, "\x12\x34", 2), 0);
    cr_assert_eq(memcmp(&system.ipv4.sin_addr, "\1\2\3\4", 4), 0);
    address = parse("[1:2:3:4:5:6:7:8]:4660");
    address_to_system(&address, &system);
    cr_assert_eq(system.ipv6.sin6_family, AF_INET6);
    cr_assert_eq(memcmp(&system.ipv6.sin6_port, "\x12\x34", 2), 0);
    cr_assert_eq(memcmp(&system.ipv6.sin6_addr, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x8", 16), 0);
}

/* A unix socket without a name, as a client's is. */
Test(address_system, what_has_no_name_is_a_unix_socket_without_a_path)
{
    union address_system system;
    struct address address;
    memset(&system, 0, sizeof system);
    system.any.sa_family = AF_UNIX;
    address_from_system(&system, sizeof system.any.sa_family, &address);
    cr_assert_eq(address.family, ADDRESS_UNIX);
    cr_assert_str_eq(address.path, "");
}
