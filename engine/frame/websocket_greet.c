#include "frame/websocket_greet.h"

#include "base/base64.h"
#include "base/text.h"
#include "frame/http_path.h"
#include "frame/http_site.h"
#include "frame/http_text.h"
#include "frame/websocket_key.h"

static const char upgrade[] = "Upgrade: websocket\r\n";
static const char upgrade_version[] = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

/* ---- answers ---- */

/* `text` is for the person who sees it, with a line end. */
static enum greet_verdict answer(struct greeting *greeting, uint16_t status, const char *text,
                                 const char *headers)
{
    greeting->answer = (struct http_answer){
        .status = status,
        .type = "text/plain; charset=utf-8",
        .body = span_text(text),
        .headers = headers,
        .without_body = http_is(greeting->head.method, "HEAD"),
    };
    return GREET_ANSWER;
}

static enum greet_verdict refuse(struct greeting *greeting, uint16_t status, const char *why,
                                 const char *text, const char *headers)
{
    greeting->why = why;
    greeting->is_worth_a_line = true;
    return answer(greeting, status, text, headers);
}

/* What http_head.h refuses. TLS begins with a record of type 22 (RFC 8446 section 5.1). */
static enum greet_verdict refuse_head(struct greeting *greeting, struct span input)
{
    const struct http_head *head = &greeting->head;
    greeting->head.method = span_of(NULL, 0); /* of a head that is wrong nothing counts */
    if (input.data[0] == 22)
        return refuse(greeting, 400, "it speaks TLS, which this port does not",
                      "This port does not speak TLS: use ws:// and http://.\n", NULL);
    switch (head->status) {
    case 414:
        return refuse(greeting, 414, head->why, "The address is too long: shorten it.\n", NULL);
    case 431:
        return refuse(greeting, 431, head->why,
                      "The head of the request is too large: send fewer or shorter cookies.\n",
                      NULL);
    case 501:
        return refuse(greeting, 501, head->why, "This is no proxy: send GET or HEAD.\n", NULL);
    case 505: return refuse(greeting, 505, head->why, "Use HTTP/1.1.\n", NULL);
    default:
        return refuse(greeting, 400, head->why,
                      "This is no request that HTTP/1.1 allows: look at what the client sends.\n",
                      NULL);
    }
}

/* ---- a handshake ---- */

static bool has(const struct http_head *head, const char *name)
{
    return http_head_count(head, name) != 0;
}

/* Also one that a proxy in front has taken the Upgrade from, as most do unless they are told not to. */
static bool is_handshake(const struct http_head *head)
{
    return http_head_has(head, "upgrade", "websocket") || has(head, "sec-websocket-key") ||
           has(head, "sec-websocket-version");
}

/* All of what a client asks for (RFC 6455 section 11.3.4); false: it is no list of tokens. `chosen`: the first that the
 * listener has. */
static bool read_protocols(const struct http_head *head, const struct websocket_settings *settings,
                           struct span *chosen)
{
    size_t count = 0;
    *chosen = span_of(NULL, 0);
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span list = head->fields[i].value, element;
        if (!http_is_like(head->fields[i].name, "sec-websocket-protocol")) continue;
        for (; http_list_next(&list, &element); count++) {
            for (size_t at = 0; at < element.size; at++)
                if (!http_is_token(element.data[at])) return false;
            if (chosen->data == NULL && websocket_has_protocol(settings, element))
                *chosen = element;
        }
    }
    return count != 0 || !has(head, "sec-websocket-protocol");
}

/* None of these does more than wait for 100 (RFC 9110 section 10.1.1). */
static bool knows_expectation(const struct http_head *head)
{
    uint32_t count = http_head_count(head, "expect");
    return count == 0 ||
           (count == 1 && http_is_like(http_head_field(head, "expect"), "100-continue"));
}

static bool has_key(struct greeting *greeting)
{
    uint8_t bytes[WEBSOCKET_KEY_BYTES];
    greeting->key = http_head_field(&greeting->head, "sec-websocket-key");
    return http_head_count(&greeting->head, "sec-websocket-key") == 1 &&
           base64_decode(greeting->key, bytes, sizeof bytes);
}

static bool has_version(const struct http_head *head)
{
    return http_head_count(head, "sec-websocket-version") == 1 &&
           http_is(http_head_field(head, "sec-websocket-version"), "13");
}

static enum greet_verdict refuse_upgrade(struct greeting *greeting, const char *why)
{
    return refuse(greeting, 426, why,
                  "A WebSocket needs HTTP/1.1 and \"Upgrade: websocket\": a proxy in front must be "
                  "set up to pass them on.\n",
                  upgrade);
}

static bool may_connect(const struct http_head *head, const struct websocket_settings *settings)
{
    uint32_t count = http_head_count(head, "origin");
    if (count == 0) return true;
    return count == 1 && websocket_has_origin(settings, http_head_field(head, "origin"));
}

/* Whom it lets in is decided last: the request is right. */
static enum greet_verdict admit(struct greeting *greeting,
                                const struct websocket_settings *settings)
{
    if (!websocket_has_path(settings, greeting->head.path))
        return refuse(greeting, 404, "the WebSocket is at another path",
                      "There is no WebSocket at this address: look at its path.\n", NULL);
    if (!may_connect(&greeting->head, settings))
        return refuse(greeting, 403, "its Origin is not one of the setting origins",
                      "Pages of this origin may not connect: add it to the setting origins.\n",
                      NULL);
    greeting->continues = has(&greeting->head, "expect");
    return GREET_WEBSOCKET;
}

static enum greet_verdict read_handshake(struct greeting *greeting,
                                         const struct websocket_settings *settings)
{
    const struct http_head *head = &greeting->head;
    uint64_t body;
    if (!http_is(head->method, "GET"))
        return refuse(greeting, 405, "a handshake is not a GET", "A WebSocket begins with GET.\n",
                      "Allow: GET\r\n");
    if (head->minor == 0) return refuse_upgrade(greeting, "a handshake with HTTP/1.0");
    if (!http_head_has(head, "upgrade", "websocket"))
        return refuse_upgrade(greeting, "a handshake without \"Upgrade: websocket\"");
    if (!http_head_has(head, "connection", "upgrade"))
        return refuse(greeting, 400, "a handshake without \"Connection: Upgrade\"",
                      "A WebSocket needs \"Connection: Upgrade\": a proxy in front must be set up "
                      "to pass it on.\n",
                      NULL);
    if (!has_version(head))
        return refuse(greeting, 426, "Sec-WebSocket-Version is not 13",
                      "Use version 13 of the WebSocket protocol.\n", upgrade_version);
    if (!has_key(greeting))
        return refuse(greeting, 400, "Sec-WebSocket-Key is not 16 bytes of base64, once",
                      "Sec-WebSocket-Key must be there once, 16 bytes as base64.\n", NULL);
    if (!read_protocols(head, settings, &greeting->protocol))
        return refuse(greeting, 400, "Sec-WebSocket-Protocol is not a list of names",
                      "Sec-WebSocket-Protocol must be a list of names.\n", NULL);
    if (!http_head_length(head, &body) || body != 0)
        return refuse(greeting, 400, "a handshake with a body",
                      "A WebSocket begins without a body.\n", NULL);
    if (!knows_expectation(head))
        return refuse(greeting, 417, "a handshake that expects what is not known",
                      "Send no Expect, or 100-continue.\n", NULL);
    return admit(greeting, settings);
}

/* ---- anything else ---- */

/* The files that were asked for, or how one gets to them. */
static bool answer_file(struct greeting *greeting, const struct websocket_settings *settings)
{
    if (settings->site == NULL) return false;
    struct http_files *files = http_site_take(settings->site);
    if (files == NULL) return false;
    greeting->files = files;
    if (http_files_answer(files, &greeting->head, &greeting->answer, greeting->fields)) return true;
    greeting_end(greeting);
    return false;
}

/* Where a WebSocket may be at any path, a path without a file is nevertheless no WebSocket's. */
static bool is_of_websocket(const struct websocket_settings *settings, struct span path)
{
    bool anywhere = settings->path[0] == '\0';
    return anywhere ? settings->site == NULL : websocket_has_path(settings, path);
}

static enum greet_verdict answer_request(struct greeting *greeting,
                                         const struct websocket_settings *settings)
{
    const struct http_head *head = &greeting->head;
    uint64_t body;
    greeting->why = "a request that is no WebSocket";
    if (!http_is(head->method, "GET") && !http_is(head->method, "HEAD"))
        return answer(greeting, 405, "Only GET and HEAD are answered here.\n",
                      "Allow: GET, HEAD\r\n");
    if (!http_head_length(head, &body))
        return refuse(greeting, 400, "a body of unknown size", "Send no body.\n", NULL);
    if (body != 0) return answer(greeting, 413, "Send no body.\n", NULL);
    if (!knows_expectation(head))
        return answer(greeting, 417, "Send no Expect, or 100-continue.\n", NULL);
    if (settings->healthz && http_path_is(head->path, span_text("/healthz")))
        return answer(greeting, 200, "ok\n", "Cache-Control: no-store\r\n");
    if (answer_file(greeting, settings)) return GREET_ANSWER;
    if (is_of_websocket(settings, head->path))
        return answer(greeting, 426,
                      "Here is a WebSocket: connect to it with new WebSocket(\"ws://...\").\n",
                      upgrade);
    return answer(greeting, 404, "There is nothing at this address.\n", NULL);
}

static void begin(struct greeting *greeting)
{
    greeting->key = greeting->protocol = span_of(NULL, 0);
    greeting->continues = greeting->is_worth_a_line = false;
    greeting->answer = (struct http_answer){.status = 0};
    greeting->why = NULL;
    greeting->files = NULL;
}

enum greet_verdict websocket_greet(struct greeting *greeting,
                                   const struct websocket_settings *settings, struct span input)
{
    begin(greeting);
    switch (http_head_read(&greeting->head, input)) {
    case HTTP_MORE: return GREET_MORE;
    case HTTP_HEAD: break;
    case HTTP_BAD:
    case HTTP_TOO_LONG: return refuse_head(greeting, input);
    }
    return is_handshake(&greeting->head) ? read_handshake(greeting, settings)
                                         : answer_request(greeting, settings);
}

void greeting_end(struct greeting *greeting)
{
    if (greeting->files != NULL) http_files_drop(greeting->files);
    greeting->files = NULL;
}

/* ---- the answer to a handshake ---- */

struct span websocket_offered(const struct http_head *head, struct span protocol)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span list = head->fields[i].value, element;
        if (!http_is_like(head->fields[i].name, "sec-websocket-protocol")) continue;
        while (http_list_next(&list, &element))
            if (element.size == protocol.size &&
                memcmp(element.data, protocol.data, element.size) == 0)
                return element;
    }
    return (struct span){NULL, 0};
}

static void add_field(struct text *text, const char *name, struct span value)
{
    if (value.size == 0) return;
    text_add(text, "%s: %.*s\r\n", name, (int)value.size, (const char *)value.data);
}

size_t websocket_welcome(const struct greeting *greeting, struct span protocol,
                         struct span extensions, const char *headers, char *room, size_t size)
{
    char accept[WEBSOCKET_ACCEPT_SIZE + 1];
    if (size == 0) return 0;
    struct text text = text_in(room, size);
    websocket_key_accept(greeting->key, accept);
    if (greeting->continues) text_add(&text, "HTTP/1.1 100 Continue\r\n\r\n");
    text_add(&text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n",
             accept);
    add_field(&text, "Sec-WebSocket-Protocol", protocol);
    add_field(&text, "Sec-WebSocket-Extensions", extensions);
    text_add(&text, "%s\r\n", headers == NULL ? "" : headers);
    return text.cut ? 0 : text.used;
}
