#include "frame/websocket_client.h"

#include "base/check.h"
#include "base/text.h"
#include "base/utf8_check.h"
#include "frame/http_reply.h"
#include "frame/http_text.h"

/* ---- the request: section 4.1 ---- */

/* Without a control byte; `lines`: but for line ends. */
static bool is_plain(const char *text, bool lines)
{
    if (text == NULL) return true;
    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        bool of_line = lines && (byte == '\r' || byte == '\n');
        if ((byte < ' ' && byte != '\t' && !of_line) || byte == 0x7f) return false;
    }
    return true;
}

static bool is_target(const char *target)
{
    return target[0] == '/' && is_plain(target, false) && strchr(target, ' ') == NULL;
}

static void add_field(struct text *text, const char *name, const char *value)
{
    if (value != NULL) text_add(text, "%s: %s\r\n", name, value);
}

size_t websocket_client_ask(struct websocket_client *client, const struct websocket_asking *asking,
                            const uint8_t random[WEBSOCKET_KEY_BYTES], uint64_t message_max,
                            char *room, size_t size)
{
    char key[WEBSOCKET_KEY_SIZE + 1];
    const char *protocols = asking->protocols == NULL ? "" : asking->protocols;
    *client = (struct websocket_client){.message_max = message_max};
    bool fits = strlen(protocols) <= WEBSOCKET_PROTOCOLS_MAX && is_plain(asking->host, false) &&
                is_target(asking->target) && is_plain(asking->origin, false) &&
                is_plain(asking->protocols, false) && is_plain(asking->headers, true);
    if (!fits || size == 0) return 0;
    memcpy(client->protocols, protocols, strlen(protocols) + 1);
    size_t key_size = base64_encode(span_of(random, WEBSOCKET_KEY_BYTES), key);
    websocket_key_accept(span_of(key, key_size), client->accept);
    struct text text = text_in(room, size);
    text_add(&text,
             "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n",
             asking->target, asking->host, key);
    add_field(&text, "Origin", asking->origin);
    add_field(&text, "Sec-WebSocket-Protocol", asking->protocols);
    text_add(&text, "%s\r\n", asking->headers == NULL ? "" : asking->headers);
    return text.cut ? 0 : text.used;
}

/* ---- the answer ---- */

static enum websocket_answered bad(struct websocket_answer *answer, const char *why)
{
    answer->why = why;
    return WEBSOCKET_BAD;
}

static bool is_asked(const char *protocols, struct span protocol)
{
    struct span list = span_text(protocols), element;
    while (http_list_next(&list, &element))
        if (element.size == protocol.size && memcmp(element.data, protocol.data, element.size) == 0)
            return true;
    return false;
}

static enum websocket_answered accept(const struct websocket_client *client,
                                      const struct http_head *head, size_t size,
                                      struct websocket_answer *answer)
{
    if (!http_is_like(http_head_field(head, "upgrade"), "websocket"))
        return bad(answer, "the answer has no \"Upgrade: websocket\"");
    if (!http_head_has(head, "connection", "upgrade"))
        return bad(answer, "the answer has no \"Connection: Upgrade\"");
    if (http_head_count(head, "sec-websocket-accept") != 1 ||
        !http_is(http_head_field(head, "sec-websocket-accept"), client->accept))
        return bad(answer, "Sec-WebSocket-Accept is not the answer to the key: something between, "
                           "such as a cache, may have answered");
    struct span protocol = http_head_field(head, "sec-websocket-protocol");
    if (http_head_field(head, "sec-websocket-extensions").size != 0)
        return bad(answer, "the server uses an extension that was not asked for");
    if (protocol.data != NULL && (http_head_count(head, "sec-websocket-protocol") != 1 ||
                                  !is_asked(client->protocols, protocol)))
        return bad(answer, "the server speaks a protocol that was not asked for");
    answer->size = size;
    answer->protocol = protocol;
    return WEBSOCKET_OPEN;
}

/* Whether somebody is to read it as it is. */
static bool is_plain_text(const struct http_head *head)
{
    struct span type = http_head_field(head, "content-type");
    type.size = http_span_until(type, ';');
    return http_is_like(http_trim(type), "text/plain");
}

/* The first line of the body. False: more of it may come. Of a body in chunks the first chunk is taken, behind the line that
 * has its size (RFC 9112 section 7.1). */
static bool read_line(const struct http_head *head, struct span body, bool ended, struct span *line)
{
    uint64_t size;
    if (!http_head_length(head, &size) || http_head_count(head, "content-length") == 0)
        size = UINT64_MAX;
    if (http_head_has(head, "transfer-encoding", "chunked")) {
        size_t skipped = http_span_until(body, '\n');
        body = span_skip(body, skipped < body.size ? skipped + 1 : skipped);
    }
    if (body.size > size) body.size = (size_t)size;
    *line = span_first(body, http_span_until(body, '\n'));
    bool whole = ended || line->size < body.size || body.size == size;
    if (!whole && body.size < WEBSOCKET_TOLD_MAX) return false;
    while (line->size != 0 &&
           (line->data[line->size - 1] == '\r' || http_is_blank(line->data[line->size - 1])))
        line->size--;
    *line = span_cut_text(*line, WEBSOCKET_TOLD_MAX);
    return true;
}

static enum websocket_answered refuse(const struct http_reply *reply, struct span body, bool ended,
                                      struct websocket_answer *answer)
{
    if (is_plain_text(&reply->head) && !read_line(&reply->head, body, ended, &answer->text))
        return WEBSOCKET_MORE;
    if (answer->text.size == 0) answer->text = span_cut_text(reply->reason, WEBSOCKET_TOLD_MAX);
    if (reply->status / 100 == 3) answer->location = http_head_field(&reply->head, "location");
    return WEBSOCKET_REFUSED;
}

enum websocket_answered websocket_client_answer(const struct websocket_client *client,
                                                struct span input, bool ended,
                                                struct websocket_answer *answer)
{
    struct http_reply reply;
    size_t size = 0;
    *answer = (struct websocket_answer){.size = 0};
    for (int interim = 0; interim <= WEBSOCKET_INTERIM_MAX; interim++, size += reply.head.size) {
        struct span rest = span_skip(input, size);
        reply.head.scanned = 0;
        enum http_verdict verdict = http_reply_read(&reply, rest);
        if (verdict == HTTP_MORE)
            return ended ? bad(answer, "the connection ended before an answer") : WEBSOCKET_MORE;
        if (verdict != HTTP_HEAD) return bad(answer, reply.head.why);
        answer->status = reply.status;
        if (reply.status == 101) return accept(client, &reply.head, size + reply.head.size, answer);
        if (reply.status >= 200)
            return refuse(&reply, span_skip(rest, reply.head.size), ended, answer);
    }
    return bad(answer, "too many answers come before the one that counts");
}

/* ---- from the server: sections 5, 6.2, 7 ---- */

static void reply_with(struct session_reply *reply, uint8_t opcode, struct span payload,
                       const uint8_t mask[4])
{
    uint8_t size = ws_header_write(reply->bytes, opcode, true, 0, payload.size, mask);
    if (payload.size != 0) memcpy(reply->bytes + size, payload.data, payload.size);
    ws_mask(reply->bytes + size, payload.size, mask, 0);
    reply->size = size + payload.size;
}

void websocket_client_close(struct websocket_client *client, uint16_t code, struct span reason,
                            const uint8_t mask[4], struct session_reply *reply)
{
    uint8_t room[WS_CONTROL_MAX];
    reply->size = 0;
    if (client->is_closing) return;
    client->is_closing = true;
    reply_with(reply, WS_CLOSE, span_of(room, ws_close_write(room, code, reason)), mask);
}

/* Where one frame is looked at. */
struct look {
    struct span input;
    struct ws_header header;
    struct span payload;
    const uint8_t *mask;
    struct frame_cut *cut;
    struct session_reply *reply;
};

static enum frame_verdict fail(struct websocket_client *client, const struct look *look,
                               uint16_t code, const char *why)
{
    look->cut->fault = why == NULL ? FRAME_TOO_BIG : FRAME_PROTOCOL;
    look->cut->why = why;
    look->cut->code = code;
    websocket_client_close(client, code, span_text(why == NULL ? "" : why), look->mask,
                           look->reply);
    client->is_over = true;
    return FRAME_ERROR;
}

/* What is wrong with the frame, now (sections 5.1, 5.2, 5.4); NULL: nothing. */
static const char *judge(const struct websocket_client *client, const struct ws_header *header)
{
    if (header->reserved != 0) return "a reserved bit is set, and no extension was agreed on";
    if (header->masked) return "a frame is masked, as none from a server may be";
    if (header->opcode & WS_CONTROL) return NULL;
    if (header->opcode == WS_CONTINUATION)
        return client->opcode == 0 ? "a continuation, and no message was begun" : NULL;
    return client->opcode != 0 ? "a message begins before the last one has ended" : NULL;
}

/* So many bytes more are in the way of the message. They are not taken out until they are more than it, so that moving
 * costs no more than receiving. */
static enum frame_verdict use(struct websocket_client *client, const struct look *look, size_t size)
{
    uint8_t *front = look->input.data;
    client->gap += size;
    if (client->gap < client->held) return FRAME_CONSUMED;
    if (client->held != 0) memmove(front + client->gap, front, client->held);
    look->cut->consumed = client->gap;
    client->gap = 0;
    return FRAME_CONSUMED;
}

/* Section 5.5.1. */
static enum frame_verdict take_close(struct websocket_client *client, const struct look *look)
{
    struct frame_cut *cut = look->cut;
    const char *why;
    if (!ws_close_read(look->payload, &cut->code, &cut->packet, &why))
        return fail(client, look, cut->code, why);
    websocket_client_close(client, cut->code, span_of(NULL, 0), look->mask, look->reply);
    client->is_over = true;
    return FRAME_ENDED;
}

/* Sections 5.5.2 and 5.5.3. Whoever has said that it ends sends nothing more (5.5.1). */
static enum frame_verdict take_control(struct websocket_client *client, const struct look *look)
{
    if (look->header.opcode == WS_CLOSE) return take_close(client, look);
    if (look->header.opcode == WS_PING && !client->is_closing)
        reply_with(look->reply, WS_PONG, look->payload, look->mask);
    return use(client, look, look->header.header_size + look->payload.size);
}

/* The fragments of a message are joined at the front. */
static struct span join(struct websocket_client *client, const struct look *look)
{
    uint8_t *end = look->input.data + client->held;
    if (look->payload.size != 0) memmove(end, look->payload.data, look->payload.size);
    client->held += look->payload.size;
    return span_first(look->input, client->held);
}

static enum frame_verdict take_data(struct websocket_client *client, const struct look *look)
{
    const struct ws_header *header = &look->header;
    struct frame_cut *cut = look->cut;
    if (header->opcode != WS_CONTINUATION) client->opcode = header->opcode;
    if (client->opcode == WS_TEXT && !utf8_check(&client->utf8, look->payload))
        return fail(client, look, WS_NOT_VALID, "a text is not UTF-8");
    if (header->fin && client->utf8 != 0)
        return fail(client, look, WS_NOT_VALID, "a text ends within a character");
    size_t used = client->held + client->gap + header->header_size + look->payload.size;
    if (!header->fin) {
        join(client, look);
        return use(client, look, header->header_size);
    }
    cut->packet = client->held == 0 ? look->payload : join(client, look);
    cut->kind = client->opcode == WS_TEXT ? PACKET_TEXT : PACKET_BINARY;
    cut->consumed = used;
    client->held = client->gap = 0;
    client->opcode = 0;
    return FRAME_PACKET;
}

enum frame_verdict websocket_client_next(struct websocket_client *client, struct span input,
                                         const uint8_t mask[4], struct frame_cut *cut,
                                         struct session_reply *reply)
{
    struct look look = {.input = input, .mask = mask, .cut = cut, .reply = reply};
    struct ws_header *header = &look.header;
    check(!client->is_over);
    check(input.size >= client->held + client->gap);
    *cut = (struct frame_cut){.consumed = 0};
    reply->size = 0;
    struct span rest = span_skip(input, client->held + client->gap);
    enum ws_verdict verdict = ws_header_read(header, rest);
    if (verdict == WS_MORE) return FRAME_MORE;
    const char *why = verdict == WS_BAD ? header->why : judge(client, header);
    if (why != NULL) return fail(client, &look, WS_PROTOCOL_ERROR, why);
    bool is_data = (header->opcode & WS_CONTROL) == 0;
    if (is_data &&
        (header->size > client->message_max || client->held > client->message_max - header->size)) {
        cut->declared = client->held + header->size;
        return fail(client, &look, WS_TOO_BIG, NULL);
    }
    look.payload = span_skip(rest, header->header_size);
    if (look.payload.size < header->size) return FRAME_MORE;
    look.payload.size = (size_t)header->size;
    return is_data ? take_data(client, &look) : take_control(client, &look);
}

/* ---- to the server: sections 5.3, 5.6, 6.1 ---- */

static bool is_text(struct span packet)
{
    uint8_t state = 0;
    return utf8_check(&state, packet) && state == 0;
}

enum frame_fault websocket_client_wrap(struct span packet, enum packet_kind kind,
                                       const uint8_t mask[4], uint8_t *room, size_t *size)
{
    bool text = kind != PACKET_BINARY && is_text(packet);
    if (kind == PACKET_TEXT && !text) return FRAME_BAD_TEXT;
    uint8_t opcode = text ? WS_TEXT : WS_BINARY;
    uint8_t header = ws_header_write(room, opcode, true, 0, packet.size, mask);
    if (packet.size != 0) memcpy(room + header, packet.data, packet.size);
    ws_mask(room + header, packet.size, mask, 0);
    *size = header + packet.size;
    return FRAME_NO_FAULT;
}

/* ---- words: section 7.4.1 ---- */

const char *websocket_code_text(uint16_t code)
{
    switch (code) {
    case WS_NORMAL: return "normal";
    case WS_GOING_AWAY: return "going away";
    case WS_PROTOCOL_ERROR: return "protocol error";
    case WS_NOT_ACCEPTED: return "this kind of message is not accepted";
    case WS_NO_CODE: return "without a code";
    case WS_NO_CLOSE: return "without a close frame";
    case WS_NOT_VALID: return "not what it says that it is";
    case WS_POLICY: return "against the server's rules";
    case WS_TOO_BIG: return "too large";
    case WS_NO_EXTENSION: return "an extension is missing";
    case WS_INTERNAL_ERROR: return "the server has failed";
    case WS_RESTART: return "the server restarts";
    case WS_TRY_LATER: return "try again later";
    case WS_BAD_GATEWAY: return "what is behind the server has failed";
    default: return "";
    }
}
