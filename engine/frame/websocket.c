/* websocket.c - the codec "websocket" (RFC 6455): its packets are messages, in frames that it reads and writes.
 *
 * A message of one frame is handed on where it landed. Of one in fragments the session keeps what has come. The bytes of
 * an unfinished frame are unmasked and checked as they come, each once; `done` counts them. */
#include "base/piece.h"
#include "frame/websocket_deflate.h"

#include <assert.h>

enum {
    FRAGMENTS_MAX = 16384, /* of one message: each costs time, be it empty */
    PAGED_FROM = 8192,
};

static struct websocket_session *of(struct session *session)
{
    return container_of(session, struct websocket_session, session);
}

static void rest(struct session *session)
{
    struct websocket_session *own = of(session);
    if (session->is_open) websocket_drop_head(own);
    if (own->opcode == 0 && !websocket_inflates(own)) websocket_drop_message(own);
}

/* ---- the way in ---- */

/* The first bit says that a message is compressed, if that was agreed on, in the first of its frames (RFC 7692 section
 * 6). */
static const char *judge_reserved(const struct websocket_session *own,
                                  const struct ws_header *header)
{
    if (own->deflate == NULL) return "a reserved bit is set, and no extension was agreed on";
    if (header->reserved != WS_RSV1) return "a reserved bit is set that no extension uses";
    if (header->opcode == WS_CONTINUATION)
        return "a continuation says that it is compressed, as only the first frame may";
    return header->opcode & WS_CONTROL ? "a control frame is compressed" : NULL;
}

/* What is wrong with the frame, for this connection and now (sections 5.1, 5.2, 5.4); NULL: nothing. */
static const char *judge(const struct websocket_session *own, const struct ws_header *header)
{
    const char *why = header->reserved == 0 ? NULL : judge_reserved(own, header);
    if (why != NULL) return why;
    if (!header->masked) return "a frame is not masked, as all from a client must be";
    if (header->opcode & WS_CONTROL) return NULL;
    if (header->opcode == WS_CONTINUATION)
        return own->opcode == 0 ? "a continuation, and no message was begun" : NULL;
    return own->opcode != 0 ? "a message begins before the last one has ended" : NULL;
}

static bool is_compressed(const struct websocket_session *own, const struct ws_header *header)
{
    if (header->opcode == WS_CONTINUATION) return own->is_compressed;
    return (header->reserved & WS_RSV1) != 0;
}

/* Unmasks what has newly come of the frame's payload, and checks it if it is text. */
static bool take_payload(struct websocket_session *own, const struct ws_header *header,
                         struct span payload)
{
    bool is_data = !(header->opcode & WS_CONTROL);
    uint8_t opcode = header->opcode == WS_CONTINUATION ? own->opcode : header->opcode;
    if (payload.size <= own->done) return true;
    struct span fresh = span_skip(payload, own->done);
    ws_mask(fresh.data, fresh.size, header->mask, own->done);
    own->done = payload.size;
    if (!is_data || opcode != WS_TEXT || is_compressed(own, header)) return true;
    return utf8_check(&own->utf8, fresh);
}

static void reply_with(struct session_reply *reply, uint8_t opcode, struct span payload)
{
    uint8_t size = ws_header_write(reply->bytes, opcode, true, 0, payload.size, NULL);
    if (payload.size > 0) memcpy(reply->bytes + size, payload.data, payload.size);
    reply->size = size + payload.size;
}

/* Section 5.5.1: a close frame is answered with one of the same code. */
static enum frame_verdict take_close(struct span payload, struct frame_cut *cut,
                                     struct session_reply *reply)
{
    struct span reason;
    const char *why;
    uint8_t room[WS_CONTROL_MAX];
    if (!ws_close_read(payload, &cut->code, &reason, &why))
        return websocket_fail(cut, cut->code, why);
    reply_with(reply, WS_CLOSE, span_of(room, ws_close_write(room, cut->code, (struct span){0})));
    return FRAME_ENDED;
}

static enum frame_verdict take_control(uint8_t opcode, struct span payload, struct frame_cut *cut,
                                       struct session_reply *reply)
{
    if (opcode == WS_CLOSE) return take_close(payload, cut, reply);
    if (opcode == WS_PING) reply_with(reply, WS_PONG, payload);
    return FRAME_CONSUMED;
}

static enum frame_verdict deliver(struct websocket_session *own, uint8_t opcode,
                                  struct span message, struct frame_cut *cut)
{
    own->opcode = 0;
    own->fragments = 0;
    if (own->utf8 != 0) return websocket_fail(cut, WS_NOT_VALID, "a text ends within a character");
    cut->packet = message;
    cut->kind = opcode == WS_TEXT ? PACKET_TEXT : PACKET_BINARY;
    return FRAME_PACKET;
}

static enum frame_verdict keep_payload(struct websocket_session *own,
                                       const struct ws_header *header, struct span payload,
                                       uint64_t most, struct frame_cut *cut)
{
    uint8_t opcode = header->opcode == WS_CONTINUATION ? own->opcode : header->opcode;
    const struct deflate_frame frame = {
        .payload = payload, .is_last = header->fin, .is_text = opcode == WS_TEXT, .most = most};
    if (is_compressed(own, header)) return websocket_inflate(own, &frame, cut);
    return websocket_append(own, payload, most) ? FRAME_CONSUMED : FRAME_STARVED;
}

static enum frame_verdict take_data(struct websocket_session *own, const struct ws_header *header,
                                    struct span payload, uint64_t most, struct frame_cut *cut)
{
    bool is_first = header->opcode != WS_CONTINUATION;
    if (is_first && header->fin && !is_compressed(own, header))
        return deliver(own, header->opcode, payload, cut);
    if (own->fragments == FRAGMENTS_MAX)
        return websocket_fail(cut, WS_POLICY, "a message has more than 16384 fragments");
    enum frame_verdict verdict = keep_payload(own, header, payload, most, cut);
    if (verdict != FRAME_CONSUMED) return verdict;
    own->fragments++;
    if (is_first) {
        own->opcode = header->opcode;
        own->is_compressed = header->reserved != 0;
    }
    if (!header->fin) return FRAME_CONSUMED;
    return deliver(own, own->opcode, span_of(own->message, own->size), cut);
}

/* What was not to be compressed is a little larger then. */
static uint64_t payload_max(const struct websocket_session *own, const struct frame *frame,
                            const struct ws_header *header)
{
    uint64_t most = frame->packet_max;
    if (is_compressed(own, header)) return most + most / 8 + 64;
    return own->opcode == 0 ? most : most - own->size; /* the last message may not be dropped yet */
}

/* Whether the message would be larger than it may be. */
static bool is_too_big(const struct websocket_session *own, const struct frame *frame,
                       const struct ws_header *header, struct frame_cut *cut)
{
    if (header->opcode & WS_CONTROL || header->size <= payload_max(own, frame, header))
        return false;
    websocket_too_big(cut, header->size + own->size);
    return true;
}

static enum frame_verdict next(struct session *session, const struct frame *frame,
                               struct frame_cursor *cursor, struct span input,
                               struct frame_cut *cut, struct session_reply *reply)
{
    struct websocket_session *own = of(session);
    struct ws_header header;
    rest(session);
    enum ws_verdict verdict = ws_header_read(&header, input);
    if (verdict == WS_MORE) {
        cursor->wanted = header.header_size;
        return FRAME_MORE;
    }
    const char *why = verdict == WS_BAD ? header.why : judge(own, &header);
    if (why != NULL) return websocket_fail(cut, WS_PROTOCOL_ERROR, why);
    if (is_too_big(own, frame, &header, cut)) return FRAME_ERROR;

    struct span payload = span_skip(input, header.header_size);
    if (payload.size > header.size) payload.size = (size_t)header.size;
    if (!take_payload(own, &header, payload))
        return websocket_fail(cut, WS_NOT_VALID, "a text is not UTF-8");
    cut->consumed = header.header_size + (size_t)header.size;
    cursor->wanted = cut->consumed;
    if (payload.size < header.size) return FRAME_MORE;
    enum frame_verdict result = header.opcode & WS_CONTROL
                                    ? take_control(header.opcode, payload, cut, reply)
                                    : take_data(own, &header, payload, frame->packet_max, cut);
    if (result != FRAME_STARVED) own->done = 0;
    return result;
}

static bool peek(const struct session *session, const struct frame *frame, struct span input)
{
    const struct websocket_session *own =
        container_of(session, const struct websocket_session, session);
    struct ws_header header;
    struct frame_cut cut;
    if (!session->is_greeted) return true; /* perhaps */
    enum ws_verdict verdict = ws_header_read(&header, input);
    if (verdict != WS_HEADER) return verdict == WS_BAD;
    if (judge(own, &header) != NULL || is_too_big(own, frame, &header, &cut)) return true;
    return input.size - header.header_size >= header.size;
}

/* ---- the way out ---- */

static bool is_text(struct span packet)
{
    uint8_t state = 0;
    return utf8_check(&state, packet) && state == 0;
}

static enum frame_fault wrap(struct session *session, const struct frame *frame, struct span packet,
                             enum packet_kind kind, uint8_t *header, struct span *parts, int *count)
{
    struct websocket_session *own = of(session);
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    bool text = kind != PACKET_BINARY && is_text(packet);
    if (kind == PACKET_TEXT && !text) return FRAME_BAD_TEXT;
    uint8_t opcode = text ? WS_TEXT : WS_BINARY, reserved = 0;
    struct span less = {NULL, 0};
    if (own->deflate != NULL) less = websocket_compress(own, packet);
    if (less.size > 0) {
        packet = less;
        reserved = WS_RSV1;
    }
    parts[0] = span_of(header, ws_header_write(header, opcode, true, reserved, packet.size, NULL));
    parts[1] = packet;
    *count = packet.size > 0 ? 2 : 1;
    return FRAME_NO_FAULT;
}

static void wrapped(struct session *session, bool sent)
{
    struct websocket_session *own = of(session);
    if (own->deflate != NULL) websocket_sent(own, sent);
}

/* Of those that compress without a context, all with the same window share: each window has a place of its own in the
 * framing. */
static const void *share(const struct session *session, const struct frame *frame)
{
    const struct websocket_deflate *deflate =
        container_of(session, const struct websocket_session, session)->deflate;
    if (deflate == NULL) return frame;
    if (deflate->terms.server_takeover) return NULL;
    return (const uint8_t *)frame + deflate->terms.server_bits;
}
static_assert(sizeof(struct frame) > DEFLATE_BITS_MAX, "there is a place for each");

static uint64_t ping_after_ns(const struct frame *frame)
{
    return (uint64_t)frame->websocket.ping_s * UINT64_C(1000000000);
}

static void ping(const struct frame *frame, struct session_reply *reply)
{
    (void)frame;
    reply_with(reply, WS_PING, (struct span){0});
}

static void farewell(const struct frame *frame, uint16_t code, struct span words,
                     struct session_reply *reply)
{
    uint8_t room[WS_CONTROL_MAX];
    (void)frame;
    reply_with(reply, WS_CLOSE, span_of(room, ws_close_write(room, code, words)));
}

/* ---- the life of a session ---- */

static struct session *open_session(const struct frame *frame, struct budget *budget)
{
    struct websocket_session *own = piece_take(budget, sizeof *own, 0, PAGED_FROM);
    (void)frame;
    if (own == NULL) return NULL;
    *own = (struct websocket_session){
        .session = {.codec = &websocket_session_codec, .budget = budget}};
    return &own->session;
}

static void close_session(struct session *session)
{
    struct websocket_session *own = of(session);
    websocket_drop_head(own);
    websocket_drop_message(own);
    websocket_drop_deflate(own);
    piece_give(session->budget, own, sizeof *own, PAGED_FROM);
}

const struct session_codec websocket_session_codec = {
    .open = open_session,
    .close = close_session,
    .recognize = websocket_session_recognize,
    .greet = websocket_session_greet,
    .welcome = websocket_session_welcome,
    .next = next,
    .peek = peek,
    .rest = rest,
    .wrap = wrap,
    .wrapped = wrapped,
    .share = share,
    .ping_after_ns = ping_after_ns,
    .ping = ping,
    .farewell = farewell,
    .request = websocket_session_request,
    .choose = websocket_session_choose,
    .answer = websocket_session_answer,
};

static bool finish(struct frame *frame, struct error *error)
{
    (void)frame, (void)error;
    return true;
}

/* Without a session: only a server can speak it. */
static enum frame_verdict next_alone(const struct frame *frame, struct frame_cursor *cursor,
                                     struct span input, struct frame_cut *cut)
{
    (void)frame, (void)cursor, (void)input;
    return websocket_fail(cut, 0, "only a server speaks this framing");
}

static enum frame_fault wrap_alone(const struct frame *frame, struct span packet, uint8_t *header,
                                   struct span *parts, int *count)
{
    (void)frame, (void)packet, (void)header, (void)parts, (void)count;
    return FRAME_BAD_SIZE;
}

const struct frame_codec frame_websocket_codec = {.name = "websocket",
                                                  .next = next_alone,
                                                  .wrap = wrap_alone,
                                                  .finish = finish,
                                                  .sessions = &websocket_session_codec};
