/* frame_hpsocket.c - the PACK model of HP-Socket (its TcpPackServer, TcpPackAgent and TcpPackClient):
 *
 *     [header: 4 bytes, little-endian][the packet: at least 1 byte]
 *     header = flag << 22 | bytes of the packet        a flag of 10 bits, a length of 22
 *
 * The setting `flag` is its SetPackHeaderFlag: 0 to 1023; with 0, the default, the flag of received packets is not
 * checked. max is its SetMaxPackSize, at most 4194303 bytes. HP-Socket refuses packets without a byte, both ways. */
#include "frame/frame_limit.h"

enum { HEADER_SIZE = 4, LENGTH_BITS = 22, LENGTH_MAX = (1 << LENGTH_BITS) - 1 };

static enum frame_verdict refuse(struct frame_cut *cut, enum frame_fault fault, uint64_t declared)
{
    cut->fault = fault;
    cut->declared = declared;
    return FRAME_ERROR;
}

static enum frame_verdict hpsocket_next(const struct frame *frame, struct frame_cursor *cursor,
                                        struct span input, struct frame_cut *cut)
{
    cursor->wanted = HEADER_SIZE;
    if (input.size < HEADER_SIZE) return FRAME_MORE;
    uint64_t header = frame_length_load(input.data, HEADER_SIZE, false);
    uint64_t flag = header >> LENGTH_BITS, length = header & LENGTH_MAX;
    if (frame->flag != 0 && flag != frame->flag) return refuse(cut, FRAME_BAD_FLAG, flag);
    if (length == 0) return refuse(cut, FRAME_TOO_SMALL, 0);
    if (length > frame->packet_max) return refuse(cut, FRAME_TOO_BIG, length);

    size_t size = (size_t)length;
    cursor->wanted = HEADER_SIZE + size;
    if (input.size < cursor->wanted) return FRAME_MORE;
    cut->packet = span_of(input.data + HEADER_SIZE, size);
    cut->consumed = HEADER_SIZE + size;
    cursor->wanted = 0;
    return FRAME_PACKET;
}

static enum frame_fault hpsocket_wrap(const struct frame *frame, struct span packet,
                                      uint8_t *header, struct span *parts, int *count)
{
    if (packet.size == 0) return FRAME_BAD_SIZE;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    uint32_t value = (uint32_t)frame->flag << LENGTH_BITS | (uint32_t)packet.size;
    for (int i = 0; i < HEADER_SIZE; i++) header[i] = (uint8_t)(value >> 8 * i);
    parts[0] = span_of(header, HEADER_SIZE);
    parts[1] = packet;
    *count = 2;
    return FRAME_NO_FAULT;
}

static bool hpsocket_finish(struct frame *frame, struct error *error)
{
    if (frame->flag > FRAME_FLAG_MAX)
        return error_set(error, ERROR_INPUT, "hpsocket framing: flag is at most %d, not %u",
                         FRAME_FLAG_MAX, frame->flag);
    return frame_limit(frame, LENGTH_MAX, error);
}

const struct frame_codec frame_hpsocket_codec = {
    .name = "hpsocket", .next = hpsocket_next, .wrap = hpsocket_wrap, .finish = hpsocket_finish};
