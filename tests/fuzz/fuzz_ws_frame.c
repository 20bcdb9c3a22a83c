/* A frame of WebSocket:
 *
 *     input:  pieces of the payload, their count first | the frame: its header, and a payload that may be cut off
 */
#include "base/utf8_check.h"
#include "frame/ws_frame.h"
#include "fuzz_pieces.h"

static enum ws_verdict read(struct ws_header *header, struct span input)
{
    struct span copy = fuzz_copy(input);
    enum ws_verdict verdict = ws_header_read(header, copy);
    free(copy.data);
    return verdict;
}

/* The verdict comes once, and no further bytes change it. */
static void check_beginnings(const struct ws_header *whole, enum ws_verdict expected,
                             struct span input)
{
    enum ws_verdict before = WS_MORE;
    for (size_t come = 0; come <= input.size && come <= WS_HEADER_MAX; come++) {
        struct ws_header header;
        enum ws_verdict verdict = read(&header, span_first(input, come));
        check(before == WS_MORE || verdict == before);
        check(verdict == WS_MORE || verdict == expected);
        check(header.header_size <= WS_HEADER_MAX);
        if (verdict == WS_MORE) check(header.header_size > come);
        if (verdict == WS_HEADER) check(header.header_size == whole->header_size);
        before = verdict;
    }
    check(before == expected);
}

/* There is one form of a header only. */
static void check_written(const struct ws_header *header, struct span input)
{
    uint8_t room[WS_HEADER_MAX];
    uint8_t size = ws_header_write(room, header->opcode, header->fin, header->reserved,
                                   header->size, header->masked ? header->mask : NULL);
    check(size == header->header_size);
    check(memcmp(room, input.data, size) == 0);
}

/* Unmasked in pieces, the payload is what it is byte by byte. */
static struct span unmask(const struct ws_header *header, struct span masked, struct pieces *pieces)
{
    struct span payload = fuzz_copy(masked);
    for (size_t done = 0; done < payload.size;) {
        size_t next = pieces_next(pieces, payload.size - done);
        ws_mask(payload.data + done, next, header->mask, done);
        done += next;
    }
    for (size_t i = 0; i < payload.size; i++)
        check(payload.data[i] == (masked.data[i] ^ header->mask[i % 4]));
    return payload;
}

static void check_close(struct span payload)
{
    uint16_t code;
    struct span reason;
    const char *why;
    uint8_t room[WS_CONTROL_MAX];
    if (ws_close_read(payload, &code, &reason, &why)) {
        check(why == NULL);
        check(ws_code_is_sendable(code) == (payload.size != 0));
        check(ws_close_write(room, code, reason) == payload.size);
        check(payload.size == 0 || memcmp(room, payload.data, payload.size) == 0);
    } else {
        check(why != NULL);
        check(reason.size == 0);
        check(code == WS_PROTOCOL_ERROR || code == WS_NOT_VALID);
    }
}

/* A reason is cut where a character ends, and nowhere if it fits. */
static void check_reason(struct span text)
{
    uint8_t room[WS_CONTROL_MAX], state = 0;
    uint8_t size = ws_close_write(room, WS_NORMAL, text);
    struct span written = span_of(room + 2, size - 2u);
    check(fuzz_same(written, span_first(text, written.size)));
    check(written.size == text.size || written.size > WS_REASON_MAX - 4);
    if (!utf8_check(&state, text) || state != 0) return;
    check(utf8_check(&state, written));
    check(state == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct pieces pieces = pieces_take(&input);
    struct ws_header header;
    enum ws_verdict verdict = read(&header, input);
    check_beginnings(&header, verdict, input);
    if (verdict == WS_BAD) check(header.why != NULL);
    if (verdict != WS_HEADER) return 0;
    check_written(&header, input);
    struct span rest = span_skip(input, header.header_size);
    size_t come = header.size < rest.size ? (size_t)header.size : rest.size;
    struct span payload = unmask(&header, span_first(rest, come), &pieces);
    check_close(span_first(payload, WS_CONTROL_MAX));
    check_reason(payload);
    free(payload.data);
    return 0;
}
