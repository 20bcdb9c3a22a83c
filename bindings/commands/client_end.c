#include "commands/client_end.h"

#include "base/check.h"

bool client_end_is_websocket(const struct client_end *end)
{
    return end->frame->kind == FRAME_WEBSOCKET;
}

/* A client of HTTP gets the bytes as they come, and sends them as they are. */
static const struct frame *frame_of(struct client_end *end, const struct frame *frame)
{
    if (frame->kind != FRAME_HTTP) return frame;
    struct error ignored;
    end->bytes = frame_default(frame->packet_max);
    check(frame_set_kind(&end->bytes, "raw", &ignored) && frame_finish(&end->bytes, &ignored));
    return &end->bytes;
}

/* ---- the beginning ---- */

bool client_end_open(struct client_end *end, const struct frame *frame,
                     const struct websocket_asking *asking,
                     bool (*random)(void *bytes, size_t size), struct buffer *out,
                     struct error *error)
{
    uint8_t key[WEBSOCKET_KEY_BYTES];
    *end = (struct client_end){.served = frame, .random = random};
    end->frame = frame_of(end, frame);
    end->is_open = !client_end_is_websocket(end);
    if (end->is_open) return true;
    if (!random(key, sizeof key))
        return error_set(error, ERROR_SYSTEM, "the system has no random numbers");
    if (!buffer_reserve(out, WEBSOCKET_ASK_MAX))
        return error_set(error, ERROR_SYSTEM, "the system has no more memory");
    size_t size = websocket_client_ask(&end->websocket, asking, key, frame->packet_max,
                                       (char *)out->data + out->end, WEBSOCKET_ASK_MAX);
    out->end += size;
    return size != 0 || error_set(error, ERROR_USAGE,
                                  "path, protocols and headers are %d bytes of text at most, "
                                  "without control characters; a path has no spaces",
                                  WEBSOCKET_ASK_MAX);
}

static enum client_verdict read_answer(struct client_end *end, struct span input, bool ended,
                                       struct client_news *news)
{
    switch (websocket_client_answer(&end->websocket, input, ended, &news->answer)) {
    case WEBSOCKET_MORE: return CLIENT_MORE;
    case WEBSOCKET_OPEN:
        end->is_open = true;
        news->consumed = news->answer.size;
        return CLIENT_OPENED;
    case WEBSOCKET_REFUSED: end->is_over = true; return CLIENT_REFUSED;
    default: end->is_over = true; return CLIENT_BROKEN;
    }
}

/* ---- packets ---- */

void client_end_set_frame(struct client_end *end, const struct frame *frame)
{
    if (frame == end->served) return;
    if (frame->kind == FRAME_WEBSOCKET) end->is_over = true;
    end->served = frame;
    end->frame = frame_of(end, frame);
    end->cursor = (struct frame_cursor){0};
}

static enum client_verdict next_message(struct client_end *end, struct span input,
                                        struct client_news *news, struct buffer *out)
{
    uint8_t mask[4];
    struct session_reply reply;
    if (!end->random(mask, sizeof mask)) return CLIENT_FAILED;
    enum frame_verdict verdict =
        websocket_client_next(&end->websocket, input, mask, &news->cut, &reply);
    news->consumed = news->cut.consumed;
    news->packet = news->cut.packet;
    news->kind = news->cut.kind;
    news->code = news->cut.code;
    end->is_over = end->websocket.is_over;
    if (!buffer_add_bytes(out, span_of(reply.bytes, reply.size))) return CLIENT_FAILED;
    switch (verdict) {
    case FRAME_PACKET: return CLIENT_PACKET;
    case FRAME_MORE: return CLIENT_MORE;
    case FRAME_CONSUMED: return CLIENT_USED;
    case FRAME_ENDED: return CLIENT_CLOSED;
    default: return CLIENT_BROKEN;
    }
}

/* Of a framing in Lua, only the server knows where packets end: what has come is one. */
static enum client_verdict next_packet(struct client_end *end, struct span input,
                                       struct client_news *news)
{
    if (end->frame->kind == FRAME_SCRIPTED) {
        news->packet = input;
        news->consumed = input.size;
        return input.size > 0 ? CLIENT_PACKET : CLIENT_MORE;
    }
    switch (frame_next(end->frame, &end->cursor, input, &news->cut)) {
    case FRAME_PACKET:
        end->cursor = (struct frame_cursor){0};
        news->packet = news->cut.packet;
        news->consumed = news->cut.consumed;
        return CLIENT_PACKET;
    case FRAME_MORE: return CLIENT_MORE;
    default: return CLIENT_BROKEN;
    }
}

enum client_verdict client_end_next(struct client_end *end, struct span input, bool ended,
                                    struct client_news *news, struct buffer *out)
{
    *news = (struct client_news){.consumed = 0};
    check(!end->is_over);
    if (!end->is_open) return read_answer(end, input, ended, news);
    if (!client_end_is_websocket(end)) return next_packet(end, input, news);
    enum client_verdict verdict = next_message(end, input, news, out);
    if (verdict == CLIENT_FAILED) end->is_over = true;
    return verdict;
}

static bool wrap_message(struct client_end *end, struct span packet, enum packet_kind kind,
                         struct buffer *out, enum frame_fault *fault)
{
    uint8_t mask[4];
    size_t size = 0;
    if (!end->random(mask, sizeof mask)) return false;
    if (!buffer_reserve(out, packet.size + WS_HEADER_MAX)) return false;
    *fault = packet.size > end->frame->packet_max
                 ? FRAME_TOO_BIG
                 : websocket_client_wrap(packet, kind, mask, out->data + out->end, &size);
    out->end += size;
    return true;
}

bool client_end_wrap(struct client_end *end, struct span packet, enum packet_kind kind,
                     struct buffer *out, enum frame_fault *fault)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    check(end->is_open);
    if (client_end_is_websocket(end)) return wrap_message(end, packet, kind, out, fault);
    *fault = frame_wrap(end->frame, packet, header, parts, &count);
    if (*fault != FRAME_NO_FAULT) return true;
    for (int i = 0; i < count; i++)
        if (!buffer_add_bytes(out, parts[i])) return false;
    return true;
}

bool client_end_close(struct client_end *end, uint16_t code, struct span reason, struct buffer *out)
{
    uint8_t mask[4];
    struct session_reply reply;
    if (!client_end_is_websocket(end) || !end->is_open || end->is_over) return true;
    if (!end->random(mask, sizeof mask)) return false;
    websocket_client_close(&end->websocket, code, reason, mask, &reply);
    return buffer_add_bytes(out, span_of(reply.bytes, reply.size));
}
