#include "frame/frame.h"

#include <inttypes.h>

static enum frame_verdict fixed_next(const struct frame *frame, struct frame_cursor *cursor,
                                     struct span input, struct frame_cut *cut)
{
    if (input.size < frame->fixed_size) {
        cursor->wanted = frame->fixed_size;
        return FRAME_MORE;
    }
    cut->packet = span_first(input, frame->fixed_size);
    cut->consumed = frame->fixed_size;
    cursor->wanted = 0;
    return FRAME_PACKET;
}

static enum frame_fault fixed_wrap(const struct frame *frame, struct span packet, uint8_t *header,
                                   struct span *parts, int *count)
{
    (void)header;
    if (packet.size != frame->fixed_size) return FRAME_BAD_SIZE;
    parts[0] = packet;
    *count = 1;
    return FRAME_NO_FAULT;
}

static bool fixed_finish(struct frame *frame, struct error *error)
{
    if (frame->fixed_size == 0)
        return error_set(error, ERROR_INPUT, "fixed framing needs a size of at least 1 byte");
    if (frame->fixed_size > frame->packet_max)
        return error_set(error, ERROR_INPUT,
                         "fixed framing: size is %" PRIu32 " bytes, but a packet may have only "
                         "%" PRIu64,
                         frame->fixed_size, frame->packet_max);
    return true;
}

const struct frame_codec frame_fixed_codec = {
    .name = "fixed", .next = fixed_next, .wrap = fixed_wrap, .finish = fixed_finish};

/* Raw: any bytes that have arrived are a packet, so there is never a wait for more. */

static enum frame_verdict raw_next(const struct frame *frame, struct frame_cursor *cursor,
                                   struct span input, struct frame_cut *cut)
{
    (void)cursor;
    if (input.size == 0) return FRAME_MORE;
    cut->packet = span_first(input, (size_t)frame->packet_max);
    cut->consumed = cut->packet.size;
    return FRAME_PACKET;
}

static enum frame_fault raw_wrap(const struct frame *frame, struct span packet, uint8_t *header,
                                 struct span *parts, int *count)
{
    (void)header;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    parts[0] = packet;
    *count = packet.size == 0 ? 0 : 1;
    return FRAME_NO_FAULT;
}

static bool raw_finish(struct frame *frame, struct error *error)
{
    (void)frame;
    (void)error;
    return true;
}

const struct frame_codec frame_raw_codec = {
    .name = "raw", .next = raw_next, .wrap = raw_wrap, .finish = raw_finish};
