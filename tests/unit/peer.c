#include "peer.h"

#include "base/address_system.h"

#include <criterion/criterion.h>
#include <string.h>

/* The same calls everywhere, but for their types. */
#ifdef _WIN32
#define MSG_NOSIGNAL 0
typedef int size_type;
typedef const char *option_value;
#else
typedef size_t size_type;
typedef const void *option_value;
#endif

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static intptr_t new_socket(void)
{
    peer_start();
    intptr_t handle = (intptr_t)socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    cr_assert(handle >= 0, "no socket");
    return handle;
}

intptr_t peer_connect(uint16_t port)
{
    intptr_t peer = peer_try_to_connect(port);
    cr_assert(peer >= 0, "nobody listens on port %u", port);
    return peer;
}

static bool connect_to(intptr_t peer, uint16_t port)
{
    enum { NO_DELAY = 1 /* TCP_NODELAY, everywhere */ };
    const int on = 1;
    struct sockaddr_in to = loopback(port);
    if (connect((system_socket)peer, (struct sockaddr *)&to, sizeof to) != 0) return false;
    setsockopt((system_socket)peer, IPPROTO_TCP, NO_DELAY, (option_value)&on, sizeof on);
    return true;
}

intptr_t peer_try_to_connect(uint16_t port)
{
    intptr_t peer = new_socket();
    if (connect_to(peer, port)) return peer;
    peer_close(peer);
    return -1;
}

intptr_t peer_bind(uint8_t host)
{
    intptr_t peer = new_socket();
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f000000u + host);
    cr_assert_eq(bind((system_socket)peer, (const struct sockaddr *)&from, sizeof from), 0);
    return peer;
}

void peer_connect_bound(intptr_t peer, uint16_t port)
{
    cr_assert(connect_to(peer, port), "nobody listens on port %u", port);
}

struct address peer_address(intptr_t peer)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    struct address address = {.family = ADDRESS_IPV4};
    cr_assert_eq(getsockname((system_socket)peer, (struct sockaddr *)&own, &size), 0);
    memcpy(address.ip, &own.sin_addr, 4);
    address.port = ntohs(own.sin_port);
    return address;
}

void peer_pair(intptr_t ends[2])
{
    const struct sockaddr_in any = loopback(0);
    struct address address;
    intptr_t listening = new_socket();
    cr_assert_eq(bind((system_socket)listening, (const struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(listen((system_socket)listening, 1), 0);
    cr_assert(address_of_socket(listening, &address));
    ends[1] = peer_connect(address.port);
    ends[0] = (intptr_t)accept((system_socket)listening, NULL, NULL);
    cr_assert(ends[0] >= 0, "nobody was accepted");
    peer_close(listening);
}

bool peer_try_to_send(intptr_t peer, const void *data, size_t size)
{
    const char *left = data;
    while (size > 0) {
        ptrdiff_t sent = send((system_socket)peer, left, (size_type)size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        left += sent;
        size -= (size_t)sent;
    }
    return true;
}

void peer_send(intptr_t peer, const void *data, size_t size)
{
    cr_assert(peer_try_to_send(peer, data, size), "sending %zu bytes fails", size);
}

ptrdiff_t peer_receive(intptr_t peer, void *data, size_t size)
{
    return recv((system_socket)peer, data, (size_type)size, 0);
}

void peer_receive_all(intptr_t peer, void *data, size_t size)
{
    char *left = data;
    while (size > 0) {
        ptrdiff_t received = peer_receive(peer, left, size);
        cr_assert(received > 0, "receiving fails with %zu bytes to come", size);
        left += received;
        size -= (size_t)received;
    }
}

void peer_finish(intptr_t peer)
{
    enum { NO_MORE_SENDS = 1 /* SHUT_WR, SD_SEND */ };
    shutdown((system_socket)peer, NO_MORE_SENDS);
}

void peer_reset(intptr_t peer)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt((system_socket)peer, SOL_SOCKET, SO_LINGER, (option_value)&at_once, sizeof at_once);
    peer_close(peer);
}
