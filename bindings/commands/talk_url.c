#include "commands/talk_url.h"

#include "base/text.h"

#include <string.h>

static const char example[] = "for example ws://127.0.0.1:7000/chat";

/* Schemes may be in any case (RFC 3986 section 3.1). Returns what is behind it, or NULL. */
static const char *skip_scheme(const char *word, const char *scheme)
{
    for (; *scheme != '\0'; scheme++, word++)
        if ((*word >= 'A' && *word <= 'Z' ? *word + ('a' - 'A') : *word) != *scheme) return NULL;
    return word;
}

bool talk_url_is(const char *word)
{
    const char *end = strstr(word, "://");
    return end != NULL && end != word && strcspn(word, ":/[") == (size_t)(end - word);
}

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_USAGE, "talk: %s; %s", why, example);
}

static bool check_scheme(const char *word, const char **rest, struct error *error)
{
    *rest = skip_scheme(word, "ws://");
    if (*rest != NULL) return true;
    if (skip_scheme(word, "wss://") != NULL)
        return refuse(error, "wss:// needs TLS, which talk does not speak yet; use ws://, perhaps "
                             "behind a program that adds TLS");
    if (skip_scheme(word, "http://") != NULL || skip_scheme(word, "https://") != NULL)
        return refuse(error, "talk speaks no HTTP, but WebSocket: write ws:// instead");
    return refuse(error, "an address begins with ws://, or it has no scheme");
}

/* Where the port is in "[::1]:7000"; NULL: none is named. */
static const char *find_port(const char *host)
{
    const char *bracket = strrchr(host, ']');
    return strchr(bracket != NULL ? bracket : host, ':');
}

static bool read_host(const char *bytes, size_t size, struct talk_url *url, struct error *error)
{
    if (memchr(bytes, '@', size) != NULL)
        return refuse(error, "the address has a user name, which WebSocket does not know");
    if (size == 0 || bytes[0] == ':') return refuse(error, "the address has no host");
    if (size > TALK_HOST_MAX) return refuse(error, "the host is too long");
    memcpy(url->host, bytes, size);
    url->host[size] = '\0';
    const char *port = find_port(url->host);
    bool named = port != NULL && port[1] != '\0';
    struct text text = text_in(url->address, sizeof url->address);
    text_add(&text, "%.*s:%s", (int)(port != NULL ? (size_t)(port - url->host) : size), url->host,
             named ? port + 1 : "80");
    if (port != NULL && (!named || strcmp(port, ":80") == 0)) url->host[port - url->host] = '\0';
    return true;
}

/* Of what RFC 3986 section 2 does not allow, that which a server may refuse. */
static bool read_target(const char *rest, struct talk_url *url, struct error *error)
{
    struct text text = text_in(url->target, sizeof url->target);
    if (*rest != '/') text_add(&text, "/");
    for (; *rest != '\0'; rest++) {
        unsigned char byte = (unsigned char)*rest;
        if (byte == '#') return refuse(error, "an address of WebSocket has no \"#\": write %23");
        bool plain = byte > ' ' && byte < 0x7f && strchr("\"<>", byte) == NULL;
        text_add(&text, plain ? "%c" : "%%%02X", byte);
    }
    return !text.cut || refuse(error, "the path is too long");
}

bool talk_url_read(const char *word, struct talk_url *url, struct error *error)
{
    const char *rest;
    if (!check_scheme(word, &rest, error)) return false;
    size_t size = strcspn(rest, "/?#");
    return read_host(rest, size, url, error) && read_target(rest + size, url, error);
}
