/* websocket.c - the codec "websocket" (RFC 6455): its packets are messages, in frames that it reads and writes.
 *
 * A message of one frame is handed on where it landed. Of one in fragments the session keeps what has come. The bytes of
 * an unfinished frame are unmasked and checked as they come, each once; `done` counts them. */
#include "base/piece.h"
#include "base/utf8_check.h"
#include "frame/websocket_session.h"
#include "frame/ws_frame.h"

enum {
    FRAGMENTS_MAX = 16384, /* of one message: each costs time, be it empty */
    MESSAGE_MIN = 256,
    PAGED_FROM = 8192,
};

static struct websocket_session *of(struct session *session)
{
    return container_of(session, struct websocket_session, session);
}

/* ---- what the session keeps of a message ---- */

static void drop_message(struct websocket_session *own)
{
    struct session *session = &own->session;
    if (own->message != NULL) piece_give(session->budget, own->message, session->held, PAGED_FROM);
    own->message = NULL;
    session->held = own->size = 0;
}

static bool append(struct websocket_session *own, struct span bytes, uint64_t most)
{
    struct session *session = &own->session;
    size_t wanted = own->size + bytes.size, size = session->held;
    if (wanted > size) {
        if (size < MESSAGE_MIN) size = MESSAGE_MIN;
        while (size < wanted) size *= 2;
        if (size > most) size = wanted > most ? wanted : (size_t)most;
        uint8_t *grown = own->message == NULL ? piece_take(session->budget, size, 0, PAGED_FROM)
                                              : piece_grow(session->budget, own->message,
                                                           session->held, size, 0, PAGED_FROM);
        if (grown == NULL) return false;
        own->message = grown;
        session->held = size;
    }
    if (bytes.size > 0) memcpy(own->message + own->size, bytes.data, bytes.size);
    own->size = wanted;
    return true;
}

static void rest(struct session *session)
{
    struct websocket_session *own = of(session);
    if (own->opcode == 0) drop_message(own);
}

/* ---- the way in ---- */

static enum frame_verdict fail(struct frame_cut *cut, uint16_t code, const char *why)
{
    cut->fault = FRAME_PROTOCOL;
    cut->code = code;
    cut->why = why;
    return FRAME_ERROR;
}

/* What is wrong with the frame, for this connection and now (sections 5.1, 5.2, 5.4); NULL: nothing. */
static const char *judge(const struct websocket_session *own, const struct ws_header *header)
{
    if (header->reserved != 0) return "a reserved bit is set, and no extension was agreed on";
    if (!header->masked) return "a frame is not masked, as all from a client must be";
    if (header->opcode & WS_CONTROL) return NULL;
    if (header->opcode == WS_CONTINUATION)
        return own->opcode == 0 ? "a continuation, and no message was begun" : NULL;
    return own->opcode != 0 ? "a message begins before the last one has ended" : NULL;
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
    return !is_data || opcode != WS_TEXT || utf8_check(&own->utf8, fresh);
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
    if (!ws_close_read(payload, &cut->code, &reason, &why)) return fail(cut, cut->code, why);
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
    if (own->utf8 != 0) return fail(cut, WS_NOT_VALID, "a text ends within a character");
    cut->packet = message;
    cut->kind = opcode == WS_TEXT ? PACKET_TEXT : PACKET_BINARY;
    return FRAME_PACKET;
}

static enum frame_verdict take_data(struct websocket_session *own, const struct ws_header *header,
                                    struct span payload, uint64_t most, struct frame_cut *cut)
{
    bool is_first = header->opcode != WS_CONTINUATION;
    if (is_first && header->fin) return deliver(own, header->opcode, payload, cut);
    if (own->fragments == FRAGMENTS_MAX)
        return fail(cut, WS_POLICY, "a message has more than 16384 fragments");
    if (!append(own, payload, most)) return FRAME_STARVED;
    own->fragments++;
    if (is_first) own->opcode = header->opcode;
    if (!header->fin) return FRAME_CONSUMED;
    return deliver(own, own->opcode, span_of(own->message, own->size), cut);
}

/* Whether the message would be larger than it may be. */
static bool is_too_big(const struct websocket_session *own, const struct frame *frame,
                       const struct ws_header *header, struct frame_cut *cut)
{
    size_t size = header->opcode & WS_CONTROL ? 0 : own->size;
    if (size <= frame->packet_max && header->size <= frame->packet_max - size) return false;
    if (header->opcode & WS_CONTROL) return false;
    cut->fault = FRAME_TOO_BIG;
    cut->code = WS_TOO_BIG;
    cut->declared = header->size + size;
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
    if (verdict == WS_MORE) cursor->wanted = header.header_size;
    if (verdict == WS_MORE) return FRAME_MORE;
    const char *why = verdict == WS_BAD ? header.why : judge(own, &header);
    if (why != NULL) return fail(cut, WS_PROTOCOL_ERROR, why);
    if (is_too_big(own, frame, &header, cut)) return FRAME_ERROR;

    struct span payload = span_skip(input, header.header_size);
    if (payload.size > header.size) payload.size = (size_t)header.size;
    if (!take_payload(own, &header, payload)) return fail(cut, WS_NOT_VALID, "a text is not UTF-8");
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
    struct ws_header header;
    (void)frame;
    if (!session->is_greeted) return true; /* perhaps */
    enum ws_verdict verdict = ws_header_read(&header, input);
    if (verdict != WS_HEADER) return verdict == WS_BAD;
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
    (void)session;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    bool text = kind != PACKET_BINARY && is_text(packet);
    if (kind == PACKET_TEXT && !text) return FRAME_BAD_TEXT;
    uint8_t opcode = text ? WS_TEXT : WS_BINARY;
    parts[0] = span_of(header, ws_header_write(header, opcode, true, 0, packet.size, NULL));
    parts[1] = packet;
    *count = packet.size > 0 ? 2 : 1;
    return FRAME_NO_FAULT;
}

static const void *share(const struct session *session, const struct frame *frame)
{
    (void)session;
    return frame;
}

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
    drop_message(own);
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

const struct frame_codec frame_websocket_codec = {
    .name = "websocket", .finish = finish, .sessions = &websocket_session_codec};
