#include "frame/frame.h"

#include "base/check.h"

#include <assert.h>
#include <inttypes.h>

enum { VARINT_SIZE_MAX = 10 }; /* bytes for 64 bits, 7 bits in each */
static_assert((int)VARINT_SIZE_MAX <= (int)FRAME_HEADER_MAX, "a header has room for it");

/* Returns the bytes used; 0: the varint is not complete; -1: it is too long, or exceeds 64 bits. */
static int varint_load(struct span input, uint64_t *value)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX; i++) {
        if (i == input.size) return 0;
        uint8_t byte = input.data[i];
        if (i == VARINT_SIZE_MAX - 1 && byte > 1) return -1;
        bits |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *value = bits;
            return (int)i + 1;
        }
    }
    return -1;
}

static uint8_t varint_store(uint8_t *field, uint64_t value)
{
    uint8_t size = 0;
    while (value >= 0x80) {
        field[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    field[size++] = (uint8_t)value;
    return size;
}

static uint8_t length_store(const struct frame_length *length, uint8_t *field, uint64_t value)
{
    if (length->size == 0) return varint_store(field, value);
    for (uint8_t i = 0; i < length->size; i++) {
        field[length->big_endian ? length->size - 1 - i : i] = (uint8_t)value;
        value >>= 8;
    }
    return length->size;
}

static enum frame_verdict refuse(struct frame_cut *cut, enum frame_fault fault, uint64_t declared)
{
    cut->fault = fault;
    cut->declared = declared;
    return FRAME_ERROR;
}

static enum frame_verdict more(struct frame_cursor *cursor, size_t wanted)
{
    cursor->wanted = wanted;
    return FRAME_MORE;
}

/* Cuts the packet after its header, once the value of the length is known. */
static inline enum frame_verdict cut_rest(const struct frame_length *length,
                                          struct frame_cursor *cursor, struct span input,
                                          size_t header, uint64_t value, struct frame_cut *cut)
{
    /* Between these bounds no sum below can overflow, whatever the peer declares. */
    if (value > length->value_max) return refuse(cut, FRAME_TOO_BIG, value);
    if (value < length->value_min) return refuse(cut, FRAME_TOO_SMALL, value);
    size_t rest = (size_t)(value + (uint64_t)length->bias);
    if (input.size - header < rest) return more(cursor, header + rest);

    cut->packet = span_of(input.data + header, rest);
    cut->consumed = header + rest;
    cursor->wanted = 0;
    return FRAME_PACKET;
}

/* Moves no bytes: with an offset, the bytes before the length field are not joined with the rest yet. */
static inline enum frame_verdict find_any(const struct frame_length *length,
                                          struct frame_cursor *cursor, struct span input,
                                          struct frame_cut *cut)
{
    size_t offset = length->offset, header = length->header_size;
    if (input.size < header) return more(cursor, header);

    uint64_t value;
    if (length->size != 0) {
        value = frame_length_load(input.data + offset, length->size, length->big_endian);
    } else {
        int size = varint_load(span_skip(input, offset), &value);
        if (size < 0) return refuse(cut, FRAME_BAD_LENGTH, 0);
        if (size == 0) return more(cursor, input.size + 1);
        header = offset + (size_t)size;
    }
    return cut_rest(length, cursor, input, header, value, cut);
}

/* Not inlined, so that the plain case need not save registers for it. */
__attribute__((noinline)) static enum frame_verdict cut_any(const struct frame_length *length,
                                                            struct frame_cursor *cursor,
                                                            struct span input,
                                                            struct frame_cut *cut)
{
    size_t offset = length->offset;
    enum frame_verdict verdict = find_any(length, cursor, input, cut);
    if (verdict == FRAME_PACKET && offset != 0) {
        cut->packet = span_of(cut->packet.data - offset, cut->packet.size + offset);
        memmove(cut->packet.data, input.data, offset);
    }
    return verdict;
}

/* Written out in bytes; compilers turn this into one load. */
static inline uint64_t load_plain(const uint8_t *field)
{
    return field[0] | (uint32_t)field[1] << 8 | (uint32_t)field[2] << 16 | (uint32_t)field[3] << 24;
}

static enum frame_verdict length_next(const struct frame *frame, struct frame_cursor *cursor,
                                      struct span input, struct frame_cut *cut)
{
    const struct frame_length *length = &frame->length;
    if (!frame->plain) return cut_any(length, cursor, input, cut);
    if (input.size < 4) return more(cursor, 4);
    return cut_rest(length, cursor, input, 4, load_plain(input.data), cut);
}

enum frame_verdict frame_length_peek(const struct frame *frame, struct span input)
{
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut;
    return find_any(&frame->length, &cursor, input, &cut);
}

/* Likewise. */
static inline void store_plain(uint8_t *field, uint64_t value)
{
    for (int i = 0; i < 4; i++) field[i] = (uint8_t)(value >> 8 * i);
}

/* Not inlined: nearly all frames are plain, and that case is short. */
__attribute__((noinline)) static int wrap_any(const struct frame_length *length, struct span packet,
                                              uint64_t value, uint8_t *header, struct span *parts)
{
    struct span rest = span_skip(packet, length->offset);
    int count = 0;
    if (length->offset != 0) parts[count++] = span_first(packet, length->offset);
    parts[count++] = span_of(header, length_store(length, header, value));
    if (rest.size != 0) parts[count++] = rest;
    return count;
}

static enum frame_fault length_wrap(const struct frame *frame, struct span packet, uint8_t *header,
                                    struct span *parts, int *count)
{
    const struct frame_length *length = &frame->length;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    if (packet.size < length->offset) return FRAME_BAD_SIZE;
    uint64_t rest = packet.size - length->offset;
    if (length->bias > 0 && rest < (uint64_t)length->bias) return FRAME_BAD_SIZE;

    uint64_t value = rest - (uint64_t)length->bias;
    check(value <= length->value_max);
    if (!frame->plain) {
        *count = wrap_any(length, packet, value, header, parts);
        return FRAME_NO_FAULT;
    }
    store_plain(header, value);
    parts[0] = span_of(header, 4);
    parts[1] = packet;
    *count = packet.size != 0 ? 2 : 1;
    return FRAME_NO_FAULT;
}

static bool length_finish(struct frame *frame, struct error *error)
{
    struct frame_length *length = &frame->length;
    bool varint = length->size == 0;
    if (!varint && length->size != 8 && length->size > 4)
        return error_set(error, ERROR_INPUT,
                         "length framing: size is 1, 2, 3, 4, 8 or varint, not %u", length->size);
    if (varint && frame_given(frame, FRAME_ORDER))
        return error_set(error, ERROR_INPUT,
                         "length framing: a varint has an order of its own; remove \"order\"");
    if (varint && length->counts_header && frame_given(frame, FRAME_COUNTS_HEADER))
        return error_set(error, ERROR_INPUT,
                         "length framing: a varint cannot count its header, whose size depends on "
                         "it; set counts_header to false");
    if (varint) length->counts_header = false;
    if (length->offset > frame->packet_max)
        return error_set(error, ERROR_INPUT,
                         "length framing: offset is %u bytes, but a packet may have only %" PRIu64,
                         length->offset, frame->packet_max);

    uint64_t field_max =
        varint || length->size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * length->size) - 1;
    int64_t header = length->offset + (varint ? 1 : length->size);
    int64_t bias = length->adjustment - (length->counts_header ? header : 0);
    uint64_t rest_max = frame->packet_max - length->offset;
    if (bias > 0 && (uint64_t)bias > rest_max)
        return error_set(error, ERROR_INPUT,
                         "length framing: with adjustment %d every packet is larger than the "
                         "%" PRIu64 " bytes allowed",
                         length->adjustment, frame->packet_max);
    if (bias < 0 && (uint64_t)-bias > field_max)
        return error_set(error, ERROR_INPUT,
                         "length framing: a length of %u bytes cannot express even an empty packet:"
                         " it begins at %" PRId64,
                         length->size, -bias);

    /* value = rest - bias, but at most field_max. */
    uint64_t value_max = rest_max - (uint64_t)bias;
    if (value_max > field_max) {
        uint64_t possible = frame->packet_max - (value_max - field_max);
        if (frame_given(frame, FRAME_MAX))
            return error_set(error, ERROR_INPUT,
                             "%s framing: a length of %u bytes cannot express max; at most "
                             "%" PRIu64 " is possible",
                             frame->codec->name, length->size, possible);
        frame->packet_max = possible;
        value_max = field_max;
    }
    frame->plain = length->size == 4 && !length->big_endian && length->offset == 0;
    length->header_size = (uint16_t)header;
    length->bias = bias;
    length->value_min = bias < 0 ? (uint64_t)-bias : 0;
    length->value_max = value_max;
    return true;
}

/* Both names below mean a big-endian length that counts only the bytes behind it. */
static bool finish_named(struct frame *frame, bool size_fits, const char *sizes,
                         struct error *error)
{
    const struct frame_length *length = &frame->length;
    const char *fixed = !size_fits                ? sizes
                        : !length->big_endian     ? "order must be big"
                        : length->offset != 0     ? "offset must be 0"
                        : length->adjustment != 0 ? "adjustment must be 0"
                        : length->counts_header   ? "counts_header must be false"
                                                  : NULL;
    if (fixed != NULL)
        return error_set(error, ERROR_INPUT, "%s framing: %s; for another, use length framing",
                         frame->codec->name, fixed);
    return length_finish(frame, error);
}

/* {packet, 1 | 2 | 4} of Erlang's gen_tcp (inet:setopts/2). */
static bool erlang_finish(struct frame *frame, struct error *error)
{
    uint8_t size = frame->length.size;
    return finish_named(frame, size == 1 || size == 2 || size == 4, "size must be 1, 2 or 4",
                        error);
}

/* The packets of skynet's gate (its netpack): 2 bytes. */
static bool skynet_finish(struct frame *frame, struct error *error)
{
    return finish_named(frame, frame->length.size == 2, "size must be 2", error);
}

const struct frame_codec frame_length_codec = {
    .name = "length", .next = length_next, .wrap = length_wrap, .finish = length_finish};
const struct frame_codec frame_erlang_codec = {
    .name = "erlang", .next = length_next, .wrap = length_wrap, .finish = erlang_finish};
const struct frame_codec frame_skynet_codec = {
    .name = "skynet", .next = length_next, .wrap = length_wrap, .finish = skynet_finish};
