#include "commands/talk_url.h"

#include "base/text.h"

#include <string.h>

static const struct scheme {
    const char *text;
    bool is_websocket, is_tls;
    const char *port; /* the usual one; NULL: there is none */
    const char *example;
} schemes[] = {
    {"ws://", true, false, "80", "ws://127.0.0.1:7000/chat"},
    {"wss://", true, true, "443", "wss://127.0.0.1:7000/chat"},
    {"tls://", false, true, NULL, "tls://127.0.0.1:7000"},
};
enum { SCHEMES = sizeof schemes / sizeof *schemes };

/* Schemes may be in any case (RFC 3986 section 3.1). Returns how long it is; 0: the word has another one. */
static size_t match_scheme(const char *word, const char *scheme)
{
    size_t i = 0;
    for (; scheme[i] != '\0'; i++) {
        int letter = word[i] >= 'A' && word[i] <= 'Z' ? word[i] + ('a' - 'A') : word[i];
        if (letter != scheme[i]) return 0;
    }
    return i;
}

bool talk_url_is(const char *word)
{
    const char *end = strstr(word, "://");
    return end != NULL && end != word && strcspn(word, ":/[") == (size_t)(end - word);
}

static bool refuse(const struct scheme *scheme, struct error *error, const char *why)
{
    return error_set(error, ERROR_USAGE, "talk: %s; for example %s", why, scheme->example);
}

static const struct scheme *find_scheme(const char *word, const char **rest, struct error *error)
{
    for (const struct scheme *scheme = schemes; scheme < schemes + SCHEMES; scheme++) {
        size_t size = match_scheme(word, scheme->text);
        *rest = word + size;
        if (size > 0) return scheme;
    }
    if (match_scheme(word, "http://") > 0)
        refuse(&schemes[0], error, "talk speaks no HTTP, but WebSocket: write ws:// instead");
    else if (match_scheme(word, "https://") > 0)
        refuse(&schemes[1], error, "talk speaks no HTTP, but WebSocket: write wss:// instead");
    else
        refuse(&schemes[0], error,
               "an address begins with ws://, wss:// or tls://, or it has no scheme");
    return NULL;
}

/* Where the port is in "[::1]:7000"; NULL: none is named. */
static const char *find_port(const char *host)
{
    const char *bracket = strrchr(host, ']');
    return strchr(bracket != NULL ? bracket : host, ':');
}

static void set_name(struct talk_url *url, size_t size)
{
    bool has_brackets = size > 2 && url->host[0] == '[' && url->host[size - 1] == ']';
    const char *name = has_brackets ? url->host + 1 : url->host;
    if (has_brackets) size -= 2;
    memcpy(url->name, name, size);
    url->name[size] = '\0';
}

static bool read_host(const struct scheme *scheme, const char *bytes, size_t size,
                      struct talk_url *url, struct error *error)
{
    if (memchr(bytes, '@', size) != NULL)
        return refuse(scheme, error, "the address has a user name, which nobody would ask for");
    if (size == 0 || bytes[0] == ':') return refuse(scheme, error, "the address has no host");
    if (size > TALK_HOST_MAX) return refuse(scheme, error, "the host is too long");
    memcpy(url->host, bytes, size);
    url->host[size] = '\0';
    const char *port = find_port(url->host);
    bool named = port != NULL && port[1] != '\0';
    if (!named && scheme->port == NULL) return refuse(scheme, error, "the address has no port");
    size_t host_size = port != NULL ? (size_t)(port - url->host) : size;
    struct text text = text_in(url->address, sizeof url->address);
    text_add(&text, "%.*s:%s", (int)host_size, url->host, named ? port + 1 : scheme->port);
    set_name(url, host_size);
    bool usual = !named || (scheme->port != NULL && strcmp(port + 1, scheme->port) == 0);
    if (usual) url->host[host_size] = '\0';
    return true;
}

/* Of what RFC 3986 section 2 does not allow, that which a server may refuse. */
static bool read_target(const struct scheme *scheme, const char *rest, struct talk_url *url,
                        struct error *error)
{
    struct text text = text_in(url->target, sizeof url->target);
    if (!scheme->is_websocket && *rest != '\0' && strcmp(rest, "/") != 0)
        return refuse(scheme, error, "only WebSockets have a path: wss://, or no path");
    if (*rest != '/') text_add(&text, "/");
    for (; *rest != '\0'; rest++) {
        unsigned char byte = (unsigned char)*rest;
        if (byte == '#')
            return refuse(scheme, error, "an address of WebSocket has no \"#\": write %23");
        bool plain = byte > ' ' && byte < 0x7f && strchr("\"<>", byte) == NULL;
        text_add(&text, plain ? "%c" : "%%%02X", byte);
    }
    return !text.cut || refuse(scheme, error, "the path is too long");
}

bool talk_url_read(const char *word, struct talk_url *url, struct error *error)
{
    const char *rest;
    const struct scheme *scheme = find_scheme(word, &rest, error);
    if (scheme == NULL) return false;
    url->is_websocket = scheme->is_websocket;
    url->is_tls = scheme->is_tls;
    size_t size = strcspn(rest, "/?#");
    return read_host(scheme, rest, size, url, error) &&
           read_target(scheme, rest + size, url, error);
}
