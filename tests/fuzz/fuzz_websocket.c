/* What a client sends over a WebSocket, against a second reading of RFC 6455 that is as simple as can be: it has all
 * bytes at once.
 *
 *     input:  flags | packet_max, 2 bytes | pieces, their count first | the stream, or frames of which it is made
 *     frame:  the first byte | flags | mask, 4 bytes | size of the payload, 2 bytes | the payload
 */
#include "frame/session.h"
#include "frame/ws_frame.h"
#include "fuzz_pieces.h"

enum { MADE = 1, TIGHT = 2 };                       /* flags */
enum { UNMASKED = 1, SAYS_MORE = 2, TOO_LONG = 4 }; /* of a frame */
enum { STREAM_MAX = 1 << 20, FRAGMENTS_MAX = 16384, ENOUGH = 1 << 30 };

/* What has come of a stream: packets, replies, and how it ended. */
struct story {
    uint64_t hash; /* FNV-1a */
    size_t events, consumed;
    bool is_over, failed;
    uint16_t code;
};

static void tell(struct story *story, uint8_t event, struct span bytes)
{
    uint64_t hash = (story->hash ^ event) * UINT64_C(1099511628211);
    hash = (hash ^ bytes.size) * UINT64_C(1099511628211);
    for (size_t i = 0; i < bytes.size; i++) hash = (hash ^ bytes.data[i]) * UINT64_C(1099511628211);
    story->hash = hash;
    story->events++;
}

static void end(struct story *story, uint8_t event, uint16_t code)
{
    const uint8_t bytes[] = {(uint8_t)(code >> 8), (uint8_t)code};
    tell(story, event, span_of(bytes, sizeof bytes));
    story->is_over = true;
    story->failed = event == '!';
    story->code = code;
}

/* ---- UTF-8, a character at a time: RFC 3629 section 4 ---- */

enum utf8 { WHOLE, CUT, WRONG };

/* The size of the character that begins with this byte; 0: none does. */
static size_t character_size(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

static uint32_t least_of_size(size_t size)
{
    return size == 4 ? 0x10000 : size == 3 ? 0x800 : size == 2 ? 0x80 : 0;
}

/* Whether any bytes behind these make it a character. */
static bool can_be(struct span bytes, size_t size)
{
    uint32_t low = bytes.data[0] & (size == 1 ? 0x7f : 0xffu >> (size + 1));
    for (size_t i = 1; i < bytes.size; i++) {
        if ((bytes.data[i] & 0xc0) != 0x80) return false;
        low = low << 6 | (bytes.data[i] & 0x3f);
    }
    uint32_t open = (uint32_t)(6 * (size - bytes.size)), high = (low << open) + (1u << open) - 1;
    low <<= open;
    if (high < least_of_size(size) || low > 0x10ffff) return false;
    return low < 0xd800 || high > 0xdfff;
}

static enum utf8 read_utf8(struct span text)
{
    while (text.size != 0) {
        size_t size = character_size(text.data[0]);
        if (size == 0) return WRONG;
        struct span bytes = span_first(text, size);
        if (!can_be(bytes, size)) return WRONG;
        if (bytes.size < size) return CUT;
        text = span_skip(text, size);
    }
    return WHOLE;
}

/* ---- the model ---- */

struct model {
    struct story story;
    uint64_t packet_max;
    uint8_t *message; /* room for all of the stream */
    size_t size;
    uint32_t fragments;
    uint8_t kind; /* of the message that was begun; 0: none */
};

static void say(struct model *model, uint8_t first, struct span payload)
{
    uint8_t frame[WS_CONTROL_MAX + 2] = {first, (uint8_t)payload.size};
    check(payload.size <= WS_CONTROL_MAX);
    if (payload.size != 0) memcpy(frame + 2, payload.data, payload.size);
    tell(&model->story, 'r', span_of(frame, payload.size + 2));
}

static bool may_be_code(unsigned code)
{
    switch (code) {
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014: return true;
    default: return code >= 3000 && code < 5000;
    }
}

static void hear_close(struct model *model, struct span payload)
{
    unsigned code = payload.size < 2 ? 0 : payload.data[0] * 256u + payload.data[1];
    if (payload.size == 0) {
        say(model, 0x88, payload);
        end(&model->story, 'e', 1005);
    } else if (!may_be_code(code)) {
        end(&model->story, '!', 1002);
    } else if (read_utf8(span_skip(payload, 2)) != WHOLE) {
        end(&model->story, '!', 1007);
    } else {
        say(model, 0x88, span_first(payload, 2));
        end(&model->story, 'e', (uint16_t)code);
    }
}

static void hear_control(struct model *model, uint8_t opcode, struct span payload)
{
    if (opcode == 8) hear_close(model, payload);
    if (opcode == 9) say(model, 0x8a, payload);
}

static void hear_data(struct model *model, bool fin, bool whole)
{
    struct span message = span_of(model->message, model->size);
    enum utf8 utf8 = model->kind == 1 ? read_utf8(message) : WHOLE;
    if (utf8 == WRONG || (utf8 == CUT && fin && whole)) {
        bool too_many = utf8 == CUT && model->fragments > FRAGMENTS_MAX;
        end(&model->story, '!', too_many ? 1008 : 1007);
    } else if (whole && model->fragments > FRAGMENTS_MAX) {
        end(&model->story, '!', 1008);
    } else if (whole && fin) {
        tell(&model->story, model->kind == 1 ? 't' : 'b', message);
        model->size = model->fragments = model->kind = 0;
    }
}

/* Of a header that is whole. */
static uint16_t fault_of(const struct model *model, uint8_t first, bool masked, uint64_t size,
                         size_t extra)
{
    uint8_t opcode = first & 15;
    if ((first & 0x70) != 0 || !masked || size >> 63 != 0) return 1002;
    if ((extra == 2 && size < 126) || (extra == 8 && size < 65536)) return 1002;
    if (opcode >= 8) return 0;
    if ((opcode == 0) != (model->kind != 0)) return 1002;
    return size > model->packet_max || model->size > model->packet_max - size ? 1009 : 0;
}

/* What is known to be wrong before all of a header has come. */
static bool is_wrong_at_once(struct span input)
{
    uint8_t opcode = input.data[0] & 15, known[] = {0, 1, 2, 8, 9, 10};
    if (memchr(known, opcode, sizeof known) == NULL) return true;
    if (opcode >= 8 && input.data[0] < 0x80) return true;
    return opcode >= 8 && input.size > 1 && (input.data[1] & 127) > 125;
}

/* Takes one frame. False: no more can be taken. */
static bool hear(struct model *model, struct span *input)
{
    if (input->size == 0) return false;
    if (is_wrong_at_once(*input)) return end(&model->story, '!', 1002), false;
    if (input->size < 2) return false;
    uint8_t first = input->data[0], second = input->data[1];
    size_t extra = (second & 127) == 126 ? 2 : (second & 127) == 127 ? 8 : 0;
    size_t header = 2 + extra + (second >= 128 ? 4 : 0);
    if (input->size < header) return false;
    uint64_t size = extra == 0 ? second & 127u : 0;
    for (size_t i = 0; i < extra; i++) size = size * 256 + input->data[2 + i];
    uint16_t fault = fault_of(model, first, second >= 128, size, extra);
    if (fault != 0) return end(&model->story, '!', fault), false;

    const uint8_t *mask = input->data + 2 + extra;
    struct span payload = span_first(span_skip(*input, header), (size_t)size);
    bool whole = payload.size == size, control = (first & 8) != 0;
    uint8_t plain[WS_CONTROL_MAX], *target = control ? plain : model->message + model->size;
    for (size_t i = 0; i < payload.size; i++) target[i] = payload.data[i] ^ mask[i % 4];
    if (!control && (first & 15) != 0) model->kind = first & 15;
    bool counts = !control && !((first & 15) != 0 && first >= 128);
    if (!control) model->size += payload.size;
    if (counts) model->fragments++;
    if (control && whole) hear_control(model, first & 15, span_of(plain, payload.size));
    if (!control) hear_data(model, first >= 128, whole);
    if (!whole || model->story.failed) return false;
    *input = span_skip(*input, header + payload.size);
    model->story.consumed += header + payload.size;
    return !model->story.is_over;
}

static struct story model_of(struct span stream, uint64_t packet_max)
{
    struct model model = {.packet_max = packet_max, .message = malloc(stream.size + 1)};
    check(model.message != NULL);
    while (hear(&model, &stream)) continue;
    free(model.message);
    return model.story;
}

/* ---- the codec ---- */

struct run {
    struct story story;
    const struct frame *frame;
    struct session *session;
    struct budget budget;
    struct frame_cursor cursor;
    struct frame_cut cut;
    struct span waiting; /* in an allocation that ends where it does */
    bool tight;
};

static enum frame_verdict call(struct run *run, struct span input)
{
    struct session_reply reply = {.size = 0};
    const struct session_codec *codec = run->session->codec;
    bool peeked = codec->peek(run->session, run->frame, input);
    enum frame_verdict verdict =
        codec->next(run->session, run->frame, &run->cursor, input, &run->cut, &reply);
    check(reply.size <= sizeof reply.bytes);
    check(reply.size == 0 || verdict == FRAME_CONSUMED || verdict == FRAME_ENDED);
    check(peeked || verdict == FRAME_MORE || verdict == FRAME_ERROR);
    if (verdict == FRAME_MORE) check(!peeked && run->cursor.wanted > input.size);
    if (reply.size != 0) tell(&run->story, 'r', span_of(reply.bytes, reply.size));
    return verdict;
}

static enum frame_verdict next(struct run *run, struct span input)
{
    run->budget.limit = run->tight ? budget_used(&run->budget) : ENOUGH;
    enum frame_verdict verdict = call(run, input);
    if (verdict != FRAME_STARVED) return verdict;
    check(run->tight);
    check(call(run, span_first(input, run->cursor.wanted - 1)) == FRAME_MORE);
    run->budget.limit = ENOUGH;
    verdict = call(run, input);
    check(verdict != FRAME_STARVED);
    return verdict;
}

/* True: there may be more. */
static bool take(struct run *run, struct span *input)
{
    enum frame_verdict verdict = input->size == 0 ? FRAME_MORE : next(run, *input);
    if (verdict == FRAME_MORE) return false;
    if (verdict == FRAME_ERROR) {
        check((run->cut.fault == FRAME_TOO_BIG) == (run->cut.code == WS_TOO_BIG));
        check(run->cut.fault == FRAME_TOO_BIG || strlen(run->cut.why) <= WS_REASON_MAX);
        end(&run->story, '!', run->cut.code);
        return false;
    }
    if (verdict == FRAME_PACKET) {
        check(run->cut.packet.size <= run->frame->packet_max);
        tell(&run->story, run->cut.kind == PACKET_TEXT ? 't' : 'b', run->cut.packet);
    }
    check(run->cut.consumed > 0);
    check(run->cut.consumed <= input->size);
    *input = span_skip(*input, run->cut.consumed);
    run->story.consumed += run->cut.consumed;
    run->cursor = (struct frame_cursor){0};
    if (verdict == FRAME_ENDED) end(&run->story, 'e', run->cut.code);
    return verdict != FRAME_ENDED;
}

static void arrive(struct run *run, struct span bytes)
{
    if (run->story.is_over) return;
    size_t before = run->waiting.size;
    uint8_t *all = malloc(before + bytes.size);
    check(all != NULL || before + bytes.size == 0);
    if (before != 0) memcpy(all, run->waiting.data, before);
    if (bytes.size != 0) memcpy(all + before, bytes.data, bytes.size);
    free(run->waiting.data);
    struct span input = span_of(all, before + bytes.size);
    while (take(run, &input)) continue;
    if (input.size != 0) memmove(all, input.data, input.size);
    run->waiting = span_of(all, input.size);
}

static struct story codec_of(const struct frame *frame, struct span stream, struct pieces pieces,
                             bool tight)
{
    struct run run = {.frame = frame, .tight = tight, .budget = {.limit = ENOUGH}};
    run.session = frame->codec->sessions->open(frame, &run.budget);
    check(run.session != NULL);
    run.session->is_greeted = run.session->is_open = true;
    for (size_t at = 0; at < stream.size;) {
        size_t size = pieces_next(&pieces, stream.size - at);
        arrive(&run, span_first(span_skip(stream, at), size));
        at += size;
    }
    frame->codec->sessions->close(run.session);
    check(budget_used(&run.budget) == 0);
    free(run.waiting.data);
    return run.story;
}

static void check_same(const struct story *one, const struct story *other)
{
    check(one->events == other->events);
    check(one->hash == other->hash);
    check(one->is_over == other->is_over);
    check(one->code == other->code);
    check(one->consumed == other->consumed);
}

/* ---- the way out ---- */

static void check_wrap(const struct frame *frame, struct span packet, enum packet_kind kind)
{
    struct ws_header header;
    uint8_t room[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = -1;
    bool text = read_utf8(packet) == WHOLE, big = packet.size > frame->packet_max;
    struct budget own = {.limit = SIZE_MAX};
    const struct session_codec *codec = frame->codec->sessions;
    struct session *session = codec->open(frame, &own);
    check(session != NULL);
    enum frame_fault fault = codec->wrap(session, frame, packet, kind, room, parts, &count);
    codec->close(session);
    check((fault == FRAME_TOO_BIG) == big);
    check((fault == FRAME_BAD_TEXT) == (!big && kind == PACKET_TEXT && !text));
    if (fault != FRAME_NO_FAULT) return;
    check(count == (packet.size != 0 ? 2 : 1));
    check(ws_header_read(&header, parts[0]) == WS_HEADER);
    check(header.header_size == parts[0].size);
    check(header.fin && !header.masked && header.reserved == 0);
    check(header.size == packet.size);
    check(header.opcode == (text && kind != PACKET_BINARY ? WS_TEXT : WS_BINARY));
}

static void check_farewell(const struct frame *frame, struct span words)
{
    struct session_reply reply = {.size = 0};
    struct ws_header header;
    struct span reason;
    uint16_t code;
    const char *why;
    frame->codec->sessions->farewell(frame, WS_NORMAL, words, &reply);
    struct span bytes = span_of(reply.bytes, reply.size);
    check(ws_header_read(&header, bytes) == WS_HEADER);
    check(header.header_size + header.size == bytes.size);
    bool fine = ws_close_read(span_skip(bytes, header.header_size), &code, &reason, &why);
    if (read_utf8(words) == WHOLE) check(fine && code == WS_NORMAL);
    if (fine) check(fuzz_same(reason, span_first(words, reason.size)));
}

/* ---- inputs ---- */

/* A stream of frames that say what they are, more or less. */
static struct span make_stream(struct span input)
{
    struct span stream = span_of(malloc(12 * input.size + 16), 0);
    check(stream.data != NULL);
    while (input.size != 0) {
        uint8_t first = fuzz_byte(&input), flags = fuzz_byte(&input);
        struct span mask = fuzz_bytes(&input, 4);
        struct span payload = fuzz_bytes(&input, (size_t)fuzz_number(&input, 2));
        uint64_t size = payload.size + (flags & SAYS_MORE ? 1 : 0);
        size_t extra = size >= 65536 || flags & TOO_LONG ? 8 : size >= 126 ? 2 : 0;
        bool masked = mask.size == 4 && !(flags & UNMASKED);
        stream.data[stream.size++] = first;
        stream.data[stream.size++] = (uint8_t)((masked ? 128 : 0) | (extra == 8   ? 127
                                                                     : extra == 2 ? 126
                                                                                  : size));
        for (size_t i = 0; i < extra; i++)
            stream.data[stream.size++] = (uint8_t)(size >> 8 * (extra - 1 - i));
        if (masked) {
            memcpy(stream.data + stream.size, mask.data, 4);
            stream.size += 4;
        }
        for (size_t i = 0; i < payload.size; i++)
            stream.data[stream.size++] = payload.data[i] ^ (masked ? mask.data[i % 4] : 0);
    }
    return stream;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct error error;
    uint8_t flags = fuzz_byte(&input);
    struct frame frame = frame_default(fuzz_number(&input, 2) + 1);
    check(frame_set_kind(&frame, "websocket", &error));
    check(frame_finish(&frame, &error));
    struct pieces pieces = pieces_take(&input);
    if (input.size > STREAM_MAX) return 0;
    struct span stream = flags & MADE ? make_stream(input) : fuzz_copy(input);
    struct story model = model_of(stream, frame.packet_max);
    struct story whole = codec_of(&frame, stream, (struct pieces){.next = 0}, false);
    struct story split = codec_of(&frame, stream, pieces, flags & TIGHT);
    check_same(&model, &whole);
    check_same(&model, &split);
    for (int kind = PACKET_PLAIN; kind <= PACKET_BINARY; kind++)
        check_wrap(&frame, input, (enum packet_kind)kind);
    check_farewell(&frame, input);
    free(stream.data);
    return 0;
}
