#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_PATIENCE_S = 30, HEADER = 4, PACKET_MOST = 64 << 20 };

static int open_socket(int family)
{
    struct timeval limit = {.tv_sec = CLIENT_PATIENCE_S * patience()};
    int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(client >= 0, "socket: %s", strerror(errno));
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (family != AF_UNIX) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return client;
}

int client_connect(const struct server *server)
{
    return client_connect_to("127.0.0.1", server->port);
}

int client_connect_to(const char *host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
    cr_assert(is_v4 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1, "%s is no address", host);
    int client = open_socket(is_v4 ? AF_INET : AF_INET6);
    int failed = is_v4 ? connect(client, (struct sockaddr *)&v4, sizeof v4)
                       : connect(client, (struct sockaddr *)&v6, sizeof v6);
    cr_assert_eq(failed, 0, "connect to %s, port %u: %s", host, port, strerror(errno));
    return client;
}

int client_connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int client = open_socket(AF_UNIX);
    int failed = connect(client, (struct sockaddr *)&address, sizeof address);
    cr_assert_eq(failed, 0, "connect to %s: %s", path, strerror(errno));
    return client;
}

void client_send(int client, const void *data, size_t size)
{
    const uint8_t *left = data;
    while (size > 0) {
        ssize_t sent = send(client, left, size, MSG_NOSIGNAL);
        cr_assert(sent > 0, "sending, with %zu bytes left: %s", size, strerror(errno));
        left += sent;
        size -= (size_t)sent;
    }
}

void client_send_text(int client, const char *text)
{
    client_send(client, text, strlen(text));
}

void client_receive(int client, void *data, size_t size)
{
    uint8_t *left = data;
    while (size > 0) {
        ssize_t received = recv(client, left, size, 0);
        cr_assert(received > 0, "receiving, with %zu bytes to come: %s", size,
                  received == 0 ? "the stream has ended" : strerror(errno));
        left += received;
        size -= (size_t)received;
    }
}

enum client_end client_await_end(int client)
{
    char thrown_away[4096];
    ssize_t received;
    do received = recv(client, thrown_away, sizeof thrown_away, 0);
    while (received > 0);
    if (received == 0) return CLIENT_EOF;
    return errno == EAGAIN ? CLIENT_TIMEOUT : CLIENT_RESET;
}

static void store_length(uint8_t *header, size_t size)
{
    for (int i = 0; i < HEADER; i++) header[i] = (uint8_t)(size >> 8 * i);
}

void client_put(int client, const void *data, size_t size)
{
    uint8_t *packet = malloc(HEADER + size);
    cr_assert_not_null(packet);
    store_length(packet, HEADER + size);
    if (size > 0) memcpy(packet + HEADER, data, size);
    client_send(client, packet, HEADER + size);
    free(packet);
}

void client_put_text(int client, const char *text)
{
    client_put(client, text, strlen(text));
}

uint8_t *client_take(int client, size_t *size)
{
    uint8_t header[HEADER];
    size_t length = 0;
    client_receive(client, header, HEADER);
    for (int i = 0; i < HEADER; i++) length |= (size_t)header[i] << 8 * i;
    cr_assert(length >= HEADER && length <= PACKET_MOST, "a packet of length %zu", length);
    *size = length - HEADER;
    uint8_t *packet = malloc(*size + 1);
    cr_assert_not_null(packet);
    client_receive(client, packet, *size);
    packet[*size] = '\0';
    return packet;
}

void client_expect(int client, const char *text)
{
    size_t size;
    char *packet = (char *)client_take(client, &size);
    cr_assert(size == strlen(text) && memcmp(packet, text, size) == 0,
              "expected the packet \"%s\", got \"%s\" (%zu bytes)", text, packet, size);
    free(packet);
}

char *client_take_line(int client)
{
    static char line[4096];
    size_t size = 0;
    do {
        cr_assert(size + 1 < sizeof line, "a line without an end");
        client_receive(client, line + size, 1);
    } while (line[size++] != '\n');
    line[size - 1] = '\0';
    return line;
}

void client_expect_line(int client, const char *text)
{
    const char *line = client_take_line(client);
    cr_assert_str_eq(line, text, "expected the line \"%s\", got \"%s\"", text, line);
}

void client_send_line(int client, const char *line)
{
    client_send_text(client, line);
    client_send_text(client, "\n");
}

void fill_random(uint64_t seed, void *data, size_t size)
{
    uint8_t *bytes = data;
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32);
    }
}

void client_ask(int client, const char *question, const char *answer)
{
    client_put_text(client, question);
    client_expect(client, answer);
}

void client_ask_for_part(int client, const char *question, const char *part)
{
    char answer[1024];
    size_t size;
    client_put_text(client, question);
    uint8_t *packet = client_take(client, &size);
    snprintf(answer, sizeof answer, "%.*s", (int)size, (char *)packet);
    free(packet);
    cr_assert_not_null(strstr(answer, part), "%s: \"%s\", without \"%s\"", question, answer, part);
}

bool client_is_served(int client)
{
    char answer[6];
    if (send(client, "\6\0\0\0ok", sizeof answer, MSG_NOSIGNAL) != sizeof answer) return false;
    return recv(client, answer, sizeof answer, MSG_WAITALL) == sizeof answer;
}

int client_connect_until_served(const struct server *server)
{
    for (;;) {
        int client = client_connect(server);
        if (client_is_served(client)) return client;
        close(client);
    }
}

void client_expect_megabytes_to_the_end(int client, int count)
{
    for (int i = 0; i < count; i++) {
        size_t size;
        uint8_t *packet = client_take(client, &size);
        cr_assert_eq(size, (size_t)1 << 20);
        for (size_t k = 0; k < size; k++) cr_assert_eq(packet[k], 'A' + i);
        free(packet);
    }
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
}

int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(listener >= 0);
    cr_assert_eq(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int)), 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return listener;
}
