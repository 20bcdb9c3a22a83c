/* websocket_try.h - for the tests of the codec "websocket", after its handshake: a table of what a client sends, in a
 * notation, and of what comes of it, in the same one. Each case is tried at once, cut in two at each place, byte by byte,
 * and with a budget that is used up whenever something is asked of it.
 *
 *     t:Hello   a text         b:  binary       c:  continuation      p:  ping      o:  pong      x:  close
 *     #b:       an opcode by its number
 *     t-:Hel    it is not the last frame of its message       x.1000:bye   a close frame with a code
 *     t!:       it is not masked                              t&00ff00ff:  masked with these bytes
 *     tR: tS: tU:  with a reserved bit                        t=900:       it says that it has 900 bytes
 *     b~2: b~8: its length has so many bytes                  c-^9:        so many times
 *     $8185     bytes as they are
 *
 * In a payload %c3 is a byte, and x*300 is 300 times that byte. Of what comes out, >o:1 is a reply, !1002 an error with
 * the code for it, and perhaps a part of what it is called, and =1000 the end, with the code that the client has sent. */
#ifndef MOONPORT_TEST_WEBSOCKET_TRY_H
#define MOONPORT_TEST_WEBSOCKET_TRY_H

#include "frame/session.h"
#include "frame/ws_frame.h"
#include "frame_wire.h"

struct ws_case {
    const char *section; /* of RFC 6455 */
    const char *input, *expected;
};

enum { WS_INPUT_MAX = 1 << 18, WS_TRACE_MAX = 4096, WS_CUT_EVERYWHERE = 1500, WS_BIG = 1 << 30 };

/* ---- what is sent ---- */

struct ws_text {
    uint8_t bytes[WS_INPUT_MAX];
    size_t size;
};

static inline void ws_add(struct ws_text *text, const void *bytes, size_t size)
{
    check(text->size + size <= sizeof text->bytes);
    if (size != 0) memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static inline uint8_t ws_hex(const char *digits)
{
    char two[3] = {digits[0], digits[1], '\0'}, *end;
    uint8_t byte = (uint8_t)strtoul(two, &end, 16);
    cr_assert(end == two + 2, "%s", digits);
    return byte;
}

static inline uint64_t ws_number(const char **at)
{
    char *end;
    uint64_t number = strtoull(*at, &end, 10);
    cr_assert(end != *at, "%s", *at);
    *at = end;
    return number;
}

/* Up to a space. */
static inline void ws_payload(struct ws_text *text, const char **at)
{
    uint8_t byte = 0;
    while (**at != '\0' && **at != ' ') {
        if (**at == '*') {
            ++*at;
            for (uint64_t more = ws_number(at); more > 1; more--) ws_add(text, &byte, 1);
            continue;
        }
        bool coded = **at == '%';
        byte = coded ? ws_hex(*at + 1) : (uint8_t) * *at;
        ws_add(text, &byte, 1);
        *at += coded ? 3 : 1;
    }
}

struct ws_sent {
    uint8_t opcode, reserved, key[4];
    bool fin, masked, has_code, has_size;
    uint64_t size, times;
    uint16_t code;
    int wide; /* bytes of the length; 0: as few as can be */
};

static inline uint8_t ws_opcode(const char **at)
{
    static const char names[] = "ctb.....xpo";
    char name = *(*at)++;
    if (name == '#') {
        char digit[2] = {*(*at)++, '\0'};
        return (uint8_t)strtoul(digit, NULL, 16);
    }
    const char *place = strchr(names, name);
    cr_assert(place != NULL && name != '.' && name != '\0', "what is %c?", name);
    return (uint8_t)(place - names);
}

static inline struct ws_sent ws_sent_read(const char **at)
{
    struct ws_sent sent = {
        .fin = true, .masked = true, .times = 1, .key = {0x37, 0xfa, 0x21, 0x3d}};
    sent.opcode = ws_opcode(at);
    while (**at != ':') {
        char flag = *(*at)++;
        if (flag == '-') sent.fin = false;
        if (flag == '!') sent.masked = false;
        if (flag == 'R') sent.reserved |= WS_RSV1;
        if (flag == 'S') sent.reserved |= WS_RSV2;
        if (flag == 'U') sent.reserved |= WS_RSV3;
        if (flag == '~') sent.wide = (int)ws_number(at);
        if (flag == '^') sent.times = ws_number(at);
        if (flag == '=') sent.has_size = true, sent.size = ws_number(at);
        if (flag == '.') sent.has_code = true, sent.code = (uint16_t)ws_number(at);
        if (flag == '&')
            for (int i = 0; i < 4; i++, *at += 2) sent.key[i] = ws_hex(*at);
        cr_assert(strchr("-!RSU~^=.&", flag) != NULL && flag != '\0', "what is %c?", flag);
    }
    ++*at;
    return sent;
}

static inline void ws_add_header(struct ws_text *text, const struct ws_sent *sent, uint64_t size)
{
    uint8_t header[10] = {(uint8_t)((sent->fin ? 0x80 : 0) | sent->reserved | sent->opcode)};
    int wide = sent->wide != 0 ? sent->wide : size < 126 ? 1 : size < 65536 ? 2 : 8;
    int bytes = wide == 1 ? 0 : wide;
    header[1] = (uint8_t)(wide == 1 ? size : wide == 2 ? 126 : 127);
    if (sent->masked) header[1] |= 0x80;
    for (int i = 0; i < bytes; i++) header[2 + i] = (uint8_t)(size >> 8 * (bytes - 1 - i));
    ws_add(text, header, (size_t)(2 + bytes));
    if (sent->masked) ws_add(text, sent->key, 4);
}

static inline void ws_add_frame(struct ws_text *text, const char **at)
{
    static struct ws_text payload;
    struct ws_sent sent = ws_sent_read(at);
    payload.size = 0;
    const uint8_t code[] = {(uint8_t)(sent.code >> 8), (uint8_t)sent.code};
    if (sent.has_code) ws_add(&payload, code, sizeof code);
    ws_payload(&payload, at);
    for (size_t i = 0; sent.masked && i < payload.size; i++) payload.bytes[i] ^= sent.key[i & 3];
    for (; sent.times > 0; sent.times--) {
        ws_add_header(text, &sent, sent.has_size ? sent.size : payload.size);
        ws_add(text, payload.bytes, payload.size);
    }
}

static inline void ws_write(struct ws_text *text, const char *notation)
{
    text->size = 0;
    for (const char *at = notation; *at != '\0';) {
        if (*at == ' ') {
            at++;
        } else if (*at == '$') {
            for (at++; *at != '\0' && *at != ' '; at += 2)
                ws_add(text, (const uint8_t[]){ws_hex(at)}, 1);
        } else {
            ws_add_frame(text, &at);
        }
    }
}

/* ---- what comes out ---- */

struct ws_run {
    const struct frame *frame;
    struct session *session;
    struct budget budget;
    struct frame_cursor cursor;
    struct frame_cut cut;
    bool is_over;
    bool tight;       /* the budget is used up before each call */
    uint8_t *waiting; /* bytes that have come, and are not used */
    size_t waiting_size;
    int starved;
    char trace[WS_TRACE_MAX];
    size_t traced;
};

__attribute__((format(printf, 2, 3))) static inline void ws_trace(struct ws_run *run,
                                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof run->trace - run->traced;
    int size = vsnprintf(run->trace + run->traced, room, format, arguments);
    va_end(arguments);
    check(size >= 0);
    check((size_t)size < room);
    run->traced += (size_t)size;
}

static inline bool ws_is_one_byte(struct span bytes)
{
    for (size_t i = 1; i < bytes.size; i++)
        if (bytes.data[i] != bytes.data[0]) return false;
    return bytes.size > 8;
}

static inline void ws_trace_bytes(struct ws_run *run, struct span bytes)
{
    bool same = ws_is_one_byte(bytes);
    size_t shown = same ? 1 : bytes.size;
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes.data[i];
        bool plain = byte > ' ' && byte != '%' && byte != '*' && byte != 0x7f;
        ws_trace(run, plain ? "%c" : "%%%02x", byte);
    }
    if (same) ws_trace(run, "*%zu", bytes.size);
}

/* A server's frame: whole, and not masked. */
static inline void ws_trace_reply(struct ws_run *run, const struct session_reply *reply)
{
    struct ws_header header;
    struct span bytes = span_of(reply->bytes, reply->size);
    if (reply->size == 0) return;
    cr_assert_eq(ws_header_read(&header, bytes), WS_HEADER);
    cr_assert(header.fin && !header.masked && header.reserved == 0);
    struct span payload = span_skip(bytes, header.header_size);
    cr_assert_eq(payload.size, header.size);
    ws_trace(run, "%s>%c", run->traced == 0 ? "" : " ", "ctb.....xpo"[header.opcode]);
    if (header.opcode == WS_CLOSE && payload.size >= 2) {
        ws_trace(run, ".%d", payload.data[0] << 8 | payload.data[1]);
        payload = span_skip(payload, 2);
    }
    ws_trace(run, ":");
    ws_trace_bytes(run, payload);
}

static inline void ws_trace_packet(struct ws_run *run, const struct frame_cut *cut)
{
    cr_assert(cut->kind == PACKET_TEXT || cut->kind == PACKET_BINARY);
    cr_assert(cut->packet.size <= run->frame->packet_max);
    ws_trace(run, "%s%c:", run->traced == 0 ? "" : " ", cut->kind == PACKET_TEXT ? 't' : 'b');
    ws_trace_bytes(run, cut->packet);
}

/* One call; a look before it sees no less, and changes nothing of the bytes that it might. */
enum { LOOKED_AT = 512 };

static inline enum frame_verdict ws_call(struct ws_run *run, struct span input,
                                         struct session_reply *reply)
{
    const struct session_codec *codec = run->session->codec;
    struct span front = span_first(input, LOOKED_AT);
    uint8_t *before = exact_copy(front);
    bool peeked = codec->peek(run->session, run->frame, input);
    cr_assert(same_bytes(front, span_of(before, front.size)), "a peek has changed the bytes");
    free(before);
    *reply = (struct session_reply){.size = 0};
    run->cut = (struct frame_cut){.fault = FRAME_NO_FAULT};
    enum frame_verdict verdict =
        codec->next(run->session, run->frame, &run->cursor, input, &run->cut, reply);
    if (verdict == FRAME_MORE)
        cr_assert(!peeked && run->cursor.wanted > input.size);
    else if (verdict != FRAME_ERROR)
        cr_assert(peeked);
    return verdict;
}

/* There is no memory, so nothing happens, however often it is asked, and with fewer bytes at hand than before. */
static inline void ws_starve(struct ws_run *run, struct span input)
{
    struct session_reply reply;
    size_t whole = run->cursor.wanted;
    cr_assert(whole > 1 && whole <= input.size);
    run->starved++;
    cr_assert_eq(ws_call(run, span_first(input, whole - 1), &reply), FRAME_MORE);
    cr_assert_eq(reply.size, 0);
    cr_assert_eq(ws_call(run, span_first(input, 1), &reply), FRAME_MORE);
    cr_assert_eq(ws_call(run, input, &reply), FRAME_STARVED);
    cr_assert_eq(reply.size, 0);
}

static inline enum frame_verdict ws_next(struct ws_run *run, struct span input)
{
    struct session_reply reply;
    run->budget.limit = run->tight ? budget_used(&run->budget) : WS_BIG;
    enum frame_verdict verdict = ws_call(run, input, &reply);
    if (verdict == FRAME_STARVED) {
        cr_assert(run->tight && reply.size == 0);
        ws_starve(run, input);
        run->budget.limit = WS_BIG;
        verdict = ws_call(run, input, &reply);
        cr_assert(verdict != FRAME_STARVED, "there is memory");
    }
    if (verdict == FRAME_PACKET) ws_trace_packet(run, &run->cut);
    ws_trace_reply(run, &reply);
    return verdict;
}

static inline void ws_end(struct ws_run *run, enum frame_verdict verdict)
{
    run->is_over = true;
    ws_trace(run, "%s%c%d", run->traced == 0 ? "" : " ", verdict == FRAME_ERROR ? '!' : '=',
             run->cut.code);
    if (verdict != FRAME_ERROR) return;
    cr_assert_eq(run->cut.fault, run->cut.code == WS_TOO_BIG ? FRAME_TOO_BIG : FRAME_PROTOCOL);
    if (run->cut.fault != FRAME_PROTOCOL) return;
    cr_assert_not_null(run->cut.why);
    cr_assert(strlen(run->cut.why) <= WS_REASON_MAX);
}

/* So many bytes more; each time they are somewhere else, at the end of an allocation. */
static inline void ws_arrive(struct ws_run *run, const uint8_t *bytes, size_t size)
{
    if (run->is_over) return;
    uint8_t *all = malloc(run->waiting_size + size + 1);
    check(all != NULL);
    if (run->waiting_size != 0) memcpy(all, run->waiting, run->waiting_size);
    if (size != 0) memcpy(all + run->waiting_size, bytes, size);
    all = realloc(all, run->waiting_size + size + (run->waiting_size + size == 0));
    check(all != NULL);
    free(run->waiting);
    run->waiting = all;
    run->waiting_size += size;

    struct span input = span_of(all, run->waiting_size);
    while (input.size != 0) {
        enum frame_verdict verdict = ws_next(run, input);
        if (verdict == FRAME_ERROR || verdict == FRAME_ENDED) {
            ws_end(run, verdict);
            return;
        }
        if (verdict == FRAME_MORE) break;
        cr_assert(run->cut.consumed > 0 && run->cut.consumed <= input.size);
        input = span_skip(input, run->cut.consumed);
        run->cursor = (struct frame_cursor){0};
    }
    memmove(all, input.data, input.size);
    run->waiting_size = input.size;
}

static inline void ws_run_begin(struct ws_run *run, const struct frame *frame, bool tight)
{
    *run = (struct ws_run){.frame = frame, .tight = tight, .budget = {.limit = WS_BIG}};
    run->session = frame->codec->sessions->open(frame, &run->budget);
    cr_assert_not_null(run->session);
    run->session->is_greeted = run->session->is_open = true;
}

/* "!1002 reserved" is an error with a code and a part of what it is called. */
static inline void ws_expect(const struct ws_run *run, const struct ws_case *row, const char *how)
{
    const char *error = strchr(row->expected, '!');
    bool named = error != NULL && strlen(error) > strlen("!1002 ");
    const char *why = named ? error + strlen("!1002 ") : "";
    size_t size = named ? (size_t)(why - 1 - row->expected) : strlen(row->expected);
    cr_assert(same_bytes(span_text(run->trace), span_of(row->expected, size)),
              "%s: %s, %s: \"%s\", expected \"%s\"", row->section, row->input, how, run->trace,
              row->expected);
    const char *called = run->cut.why == NULL ? "" : run->cut.why;
    cr_assert(strstr(called, why) != NULL, "%s: %s, %s: \"%s\", expected \"%s\"", row->section,
              row->input, how, called, why);
}

static inline void ws_run_end(struct ws_run *run, const struct ws_case *row, const char *how)
{
    ws_expect(run, row, how);
    run->session->codec->close(run->session);
    cr_assert_eq(budget_used(&run->budget), 0, "%s: %s: memory is lost", row->section, row->input);
    free(run->waiting);
}

/* In pieces of that size, the first of which may be another. */
static inline void ws_pieces(const struct frame *frame, const struct ws_case *row,
                             const struct ws_text *text, size_t first, size_t piece, bool tight)
{
    static struct ws_run run;
    char how[80];
    snprintf(how, sizeof how, "%zu bytes, then %zu each%s", first, piece, tight ? ", starved" : "");
    ws_run_begin(&run, frame, tight);
    ws_arrive(&run, text->bytes, first);
    for (size_t at = first; at < text->size; at += piece)
        ws_arrive(&run, text->bytes + at, text->size - at < piece ? text->size - at : piece);
    ws_run_end(&run, row, how);
}

static inline void ws_try(const char *framing, uint64_t packet_max, const struct ws_case *row)
{
    static struct ws_text text;
    struct frame frame = frame_made(framing, packet_max);
    ws_write(&text, row->input);
    bool small = text.size <= WS_CUT_EVERYWHERE;
    size_t step = small ? 1 : text.size / 60 + 1, piece = small ? 1 : 4099;
    for (size_t first = 0; first <= text.size; first += step)
        ws_pieces(&frame, row, &text, first, WS_INPUT_MAX, false);
    ws_pieces(&frame, row, &text, 0, piece, false);
    ws_pieces(&frame, row, &text, text.size, WS_INPUT_MAX, true);
    ws_pieces(&frame, row, &text, 0, piece, true);
}

#define WS_TRY_WITH(framing, packet_max, rows) \
    for (size_t row_ = 0; row_ < sizeof(rows) / sizeof *(rows); row_++) \
    ws_try(framing, packet_max, &(rows)[row_])

enum { WS_PACKET_MAX = 1000 };
#define WS_TRY(rows) WS_TRY_WITH("websocket", WS_PACKET_MAX, rows)

#endif
