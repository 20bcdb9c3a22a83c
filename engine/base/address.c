#include "base/address.h"

#include "base/address_system.h"
#include "base/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_PREFIX "unix:"
#define EXAMPLE "write it like 127.0.0.1:7000, [::1]:7000 or unix:/run/server.sock"

enum { HOST_SIZE = INET6_ADDRSTRLEN };
static_assert(HOST_SIZE + sizeof "[]:65535" <= ADDRESS_TEXT_MAX, "any host with its port");
static_assert(sizeof UNIX_PREFIX + sizeof((struct address *)0)->path <= ADDRESS_TEXT_MAX,
              "any path with its prefix");

__attribute__((format(printf, 3, 4))) static bool refuse(struct error *error, const char *text,
                                                         const char *why, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(reason, sizeof reason, why, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "address \"%.200s\": %s; " EXAMPLE, text, reason);
}

static bool parse_unix(const char *text, struct address *address, struct error *error)
{
    const char *path = text + strlen(UNIX_PREFIX);
    size_t size = strlen(path);
    if (size == 0) return refuse(error, text, "the path of the socket is missing");
    if (size >= sizeof address->path)
        return refuse(error, text, "the path is %zu bytes long, but the system takes at most %zu",
                      size, sizeof address->path - 1);
    address->family = ADDRESS_UNIX;
    memcpy(address->path, path, size);
    return true;
}

/* The host is text[0 .. size), without brackets. An empty host means every address: all zeros. */
static bool parse_host(const char *text, size_t size, struct address *address)
{
    char host[HOST_SIZE];
    if (size >= sizeof host) return false;
    memcpy(host, text, size);
    host[size] = '\0';

    if (address->family == ADDRESS_IPV6) return inet_pton(AF_INET6, host, address->ip) == 1;
    if (size == 0 || strcmp(host, "*") == 0) return true;
    if (strcmp(host, "localhost") == 0) return inet_pton(AF_INET, "127.0.0.1", address->ip) == 1;
    return inet_pton(AF_INET, host, address->ip) == 1;
}

static bool parse_port(const char *port, const char *text, struct address *address,
                       struct error *error)
{
    int64_t value;
    if (*port == '\0') return refuse(error, text, "the port is missing");
    if (!settings_integer(port, &value))
        return refuse(error, text, "\"%.100s\" is not a port number", port);
    if (value < 0 || value > UINT16_MAX)
        return refuse(error, text, "a port is a number from 0 (any free one) to 65535");
    address->port = (uint16_t)value;
    return true;
}

bool address_parse(const char *text, struct address *address, struct error *error)
{
    memset(address, 0, sizeof *address);
    if (*text == '\0') return refuse(error, text, "it is empty");
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return parse_unix(text, address, error);

    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL) return refuse(error, text, "the closing bracket is missing");
        address->family = ADDRESS_IPV6;
        if (!parse_host(text + 1, (size_t)(end - text - 1), address))
            return refuse(error, text, "what stands in the brackets is not an IPv6 address");
        if (end[1] != ':')
            return refuse(error, text, "a colon and the port must follow the bracket");
        return parse_port(end + 2, text, address, error);
    }

    if (strchr(text, ',') != NULL)
        return refuse(error, text,
                      "one address stands here: for more, listen can be a list in "
                      "config.lua, or --listen be given several times");
    const char *scheme_end = strstr(text, "://");
    if (scheme_end != NULL)
        return refuse(error, text, "leave out the %.*s of it", (int)(scheme_end + 3 - text), text);
    address->family = ADDRESS_IPV4;
    const char *colon = strchr(text, ':');
    if (colon == NULL) {
        if (strspn(text, "0123456789") == strlen(text))
            return parse_port(text, text, address, error);
        return refuse(error, text, "the port is missing");
    }
    if (strchr(colon + 1, ':') != NULL)
        return refuse(error, text, "an IPv6 address stands in brackets in front of its port");
    if (!parse_host(text, (size_t)(colon - text), address))
        return refuse(error, text,
                      "\"%.*s\" is not an IPv4 address (names other than localhost are not "
                      "looked up)",
                      (int)(colon - text < 100 ? colon - text : 100), text);
    return parse_port(colon + 1, text, address, error);
}

const char *address_format_host(const struct address *address, char *text)
{
    *text = '\0';
    switch (address->family) {
    case ADDRESS_IPV4: inet_ntop(AF_INET, address->ip, text, ADDRESS_TEXT_MAX); break;
    case ADDRESS_IPV6: inet_ntop(AF_INET6, address->ip, text, ADDRESS_TEXT_MAX); break;
    case ADDRESS_UNIX: snprintf(text, ADDRESS_TEXT_MAX, "%s", address->path); break;
    }
    return text;
}

const char *address_format(const struct address *address, char *text)
{
    char host[ADDRESS_TEXT_MAX];
    address_format_host(address, host);
    *text = '\0';
    switch (address->family) {
    case ADDRESS_IPV4:
        snprintf(text, ADDRESS_TEXT_MAX, "%.*s:%u", HOST_SIZE, host, address->port);
        break;
    case ADDRESS_IPV6:
        snprintf(text, ADDRESS_TEXT_MAX, "[%.*s]:%u", HOST_SIZE, host, address->port);
        break;
    case ADDRESS_UNIX:
        snprintf(text, ADDRESS_TEXT_MAX, UNIX_PREFIX "%.*s", (int)sizeof address->path, host);
        break;
    }
    return text;
}

bool address_is_same(const struct address *one, const struct address *other)
{
    char text[ADDRESS_TEXT_MAX], other_text[ADDRESS_TEXT_MAX];
    return strcmp(address_format(one, text), address_format(other, other_text)) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t loopback[sizeof address->ip] = {[sizeof address->ip - 1] = 1};
    switch (address->family) {
    case ADDRESS_IPV4: return address->ip[0] == 127;
    case ADDRESS_IPV6: return memcmp(address->ip, loopback, sizeof loopback) == 0;
    default: return false;
    }
}

void address_pack(const struct address *address, struct address_packed *packed)
{
    *packed = (struct address_packed){.family = address->family, .port = address->port};
    if (address->family != ADDRESS_UNIX)
        memcpy(packed->ip, address->ip, sizeof packed->ip);
    else if (address->path[0] != '\0')
        packed->path = strdup(address->path);
}

void address_unpack(const struct address_packed *packed, struct address *address)
{
    *address = (struct address){.family = packed->family, .port = packed->port};
    if (packed->family != ADDRESS_UNIX)
        memcpy(address->ip, packed->ip, sizeof packed->ip);
    else if (packed->path != NULL)
        snprintf(address->path, sizeof address->path, "%s", packed->path);
}

void address_free(struct address_packed *packed)
{
    if (packed->family == ADDRESS_UNIX) free(packed->path);
    *packed = (struct address_packed){.family = ADDRESS_NONE};
}
