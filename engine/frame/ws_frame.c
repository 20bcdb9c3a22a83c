#include "frame/ws_frame.h"

#include "base/check.h"
#include "base/utf8_check.h"

/* ---- headers: section 5.2 ----
 *
 *     fin rsv1 rsv2 rsv3 opcode:4 | masked length:7 | longer length: 0, 2 or 8 bytes | mask: 0 or 4 bytes */

enum {
    FIN = 0x80,
    RESERVED = WS_RSV1 | WS_RSV2 | WS_RSV3,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126, /* the length is in the next two bytes */
    LENGTH_64 = 127, /* in the next eight */
    SHORT_SIZE = 2,  /* bytes of a header with nothing more */
    MASK_SIZE = 4,
};

#define OPCODES \
    (1u << WS_CONTINUATION | 1u << WS_TEXT | 1u << WS_BINARY | 1u << WS_CLOSE | 1u << WS_PING | \
     1u << WS_PONG)

/* What stands in the second byte for a size: the shortest form that has room for it. */
static uint8_t length_of(uint64_t size)
{
    if (size < LENGTH_16) return (uint8_t)size;
    return size <= UINT16_MAX ? LENGTH_16 : LENGTH_64;
}

static size_t length_size(uint8_t length)
{
    return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

static uint64_t load(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) number = number << 8 | bytes[i];
    return number;
}

static void store(uint64_t number, uint8_t *bytes, size_t size)
{
    for (size_t i = size; i-- > 0; number >>= 8) bytes[i] = (uint8_t)number;
}

static const char *first_fault(uint8_t byte)
{
    uint8_t opcode = byte & OPCODE;
    if ((OPCODES >> opcode & 1) == 0) return "a frame has a reserved opcode";
    if ((opcode & WS_CONTROL) != 0 && (byte & FIN) == 0) return "a control frame is fragmented";
    return NULL;
}

static const char *size_fault(uint64_t size, uint8_t length)
{
    if (size >> 63 != 0) return "the length of a frame has its top bit set";
    if ((length == LENGTH_16 && size < LENGTH_16) || (length == LENGTH_64 && size <= UINT16_MAX))
        return "the length of a frame is written longer than it has to be";
    return NULL;
}

static enum ws_verdict bad(struct ws_header *header, const char *why)
{
    header->why = why;
    return WS_BAD;
}

enum ws_verdict ws_header_read(struct ws_header *header, struct span input)
{
    *header = (struct ws_header){.header_size = SHORT_SIZE};
    if (input.size == 0) return WS_MORE;
    const char *why = first_fault(input.data[0]);
    if (why != NULL) return bad(header, why);
    if (input.size < SHORT_SIZE) return WS_MORE;
    header->fin = (input.data[0] & FIN) != 0;
    header->reserved = input.data[0] & RESERVED;
    header->opcode = input.data[0] & OPCODE;
    header->masked = (input.data[1] & MASKED) != 0;
    uint8_t length = input.data[1] & LENGTH;
    if ((header->opcode & WS_CONTROL) != 0 && length > WS_CONTROL_MAX)
        return bad(header, "a control frame has more than 125 bytes");

    size_t mask_at = SHORT_SIZE + length_size(length);
    header->header_size = (uint8_t)(mask_at + (header->masked ? MASK_SIZE : 0));
    if (input.size < header->header_size) return WS_MORE;
    header->size = length < LENGTH_16 ? length : load(input.data + SHORT_SIZE, length_size(length));
    why = size_fault(header->size, length);
    if (why != NULL) return bad(header, why);
    if (header->masked) memcpy(header->mask, input.data + mask_at, MASK_SIZE);
    return WS_HEADER;
}

uint8_t ws_header_write(uint8_t room[WS_HEADER_MAX], uint8_t opcode, bool fin, uint8_t reserved,
                        uint64_t size, const uint8_t mask[4])
{
    uint8_t first = (uint8_t)((fin ? FIN : 0) | reserved | opcode);
    check(first_fault(first) == NULL);
    check((reserved & ~RESERVED) == 0);
    check(opcode <= OPCODE);
    check((opcode & WS_CONTROL) == 0 || size <= WS_CONTROL_MAX);
    check(size >> 63 == 0);
    uint8_t length = length_of(size);
    size_t mask_at = SHORT_SIZE + length_size(length);
    room[0] = first;
    room[1] = (uint8_t)((mask != NULL ? MASKED : 0) | length);
    store(size, room + SHORT_SIZE, length_size(length));
    if (mask == NULL) return (uint8_t)mask_at;
    memcpy(room + mask_at, mask, MASK_SIZE);
    return (uint8_t)(mask_at + MASK_SIZE);
}

/* ---- masks: section 5.3 ---- */

/* One register where there is such a one, several otherwise. They may lie anywhere. */
typedef uint32_t lanes __attribute__((vector_size(16), aligned(1), may_alias));

/* The mask from where `done` bytes have had theirs, as a number whose bytes lie in that order. */
static uint32_t key_at(const uint8_t mask[4], size_t done)
{
    uint32_t key;
    unsigned bits = (unsigned)(done & 3) * 8;
    memcpy(&key, mask, sizeof key);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) bits = 32 - bits;
    return key >> (bits & 31) | key << (-bits & 31);
}

/* For sizes up to 8 that the compiler knows. */
static inline void mask_few(uint8_t *bytes, uint64_t key, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, bytes, size);
    word ^= key;
    memcpy(bytes, &word, size);
}

void ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], size_t done)
{
    uint32_t key = key_at(mask, done);
    uint64_t twice = (uint64_t)key << 32 | key;
    lanes wide = {key, key, key, key};
    size_t at = 0;
    for (; size - at >= 2 * sizeof wide; at += 2 * sizeof wide) {
        lanes *pair = (lanes *)(bytes + at);
        pair[0] ^= wide;
        pair[1] ^= wide;
    }
    if ((size & 16) != 0) *(lanes *)(bytes + at) ^= wide;
    at += size & 16;
    if ((size & 8) != 0) mask_few(bytes + at, twice, 8);
    at += size & 8;
    if ((size & 4) != 0) mask_few(bytes + at, twice, 4);
    at += size & 4;
    if ((size & 2) != 0) mask_few(bytes + at, twice, 2);
    at += size & 2;
    if ((size & 1) != 0) bytes[at] ^= mask[(done + at) & 3];
}

/* ---- close frames: sections 5.5.1, 7.4 ---- */

enum { CODE_SIZE = 2 };

bool ws_code_is_sendable(uint16_t code)
{
    if (code >= 3000) return code <= 4999; /* of libraries and applications: section 7.4.2 */
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static const char *close_fault(struct span payload, uint16_t *code)
{
    *code = WS_NO_CODE;
    if (payload.size == 0) return NULL;
    *code = WS_PROTOCOL_ERROR;
    if (payload.size < CODE_SIZE) return "a close frame has half a code";
    uint16_t sent = (uint16_t)load(payload.data, CODE_SIZE);
    if (!ws_code_is_sendable(sent)) return "a close frame has a code that may not be sent";
    uint8_t state = 0;
    *code = WS_NOT_VALID;
    if (!utf8_check(&state, span_skip(payload, CODE_SIZE)) || state != 0)
        return "the reason of a close frame is not UTF-8";
    *code = sent;
    return NULL;
}

bool ws_close_read(struct span payload, uint16_t *code, struct span *reason, const char **why)
{
    check(payload.size <= WS_CONTROL_MAX);
    *why = close_fault(payload, code);
    bool has_reason = *why == NULL && payload.size != 0;
    *reason = has_reason ? span_skip(payload, CODE_SIZE) : span_first(payload, 0);
    return *why == NULL;
}

uint8_t ws_close_write(uint8_t room[WS_CONTROL_MAX], uint16_t code, struct span reason)
{
    if (code == WS_NO_CODE) return 0;
    check(ws_code_is_sendable(code));
    struct span text = span_cut_text(reason, WS_REASON_MAX);
    store(code, room, CODE_SIZE);
    if (text.size != 0) memcpy(room + CODE_SIZE, text.data, text.size);
    return (uint8_t)(CODE_SIZE + text.size);
}
