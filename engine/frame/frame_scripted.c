/* frame_scripted.c - packets whose length the script computes from their header. They are sent as they are. */
#include "frame/frame_limit.h"

void frame_set_scripted(struct frame *frame, uint32_t header_size, int measure)
{
    *frame = (struct frame){
        .codec = &frame_scripted_codec,
        .kind = FRAME_SCRIPTED,
        .packet_max = frame->packet_max,
        .scripted = {.header_size = header_size, .measure = measure},
    };
}

enum frame_verdict frame_cut_measured(const struct frame *frame, struct frame_cursor *cursor,
                                      struct span input, uint64_t length, struct frame_cut *cut)
{
    cut->declared = length;
    cut->fault = length < frame->scripted.header_size ? FRAME_TOO_SMALL
                 : length > frame->packet_max         ? FRAME_TOO_BIG
                                                      : FRAME_NO_FAULT;
    if (cut->fault != FRAME_NO_FAULT) return FRAME_ERROR;
    cursor->wanted = (size_t)length;
    if (input.size < length) return FRAME_MORE;
    cut->packet = span_first(input, (size_t)length);
    cut->consumed = (size_t)length;
    return FRAME_PACKET;
}

/* Whether the header has come; its length is the script's to tell (frame_cut_measured). */
static enum frame_verdict scripted_next(const struct frame *frame, struct frame_cursor *cursor,
                                        struct span input, struct frame_cut *cut)
{
    size_t wanted = frame->scripted.header_size;
    if (cursor->wanted > wanted) wanted = cursor->wanted;
    cursor->wanted = wanted;
    cut->packet = span_first(input, frame->scripted.header_size);
    cut->consumed = 0;
    return input.size < wanted ? FRAME_MORE : FRAME_PACKET;
}

static enum frame_fault scripted_wrap(const struct frame *frame, struct span packet,
                                      uint8_t *header, struct span *parts, int *count)
{
    (void)header;
    if (packet.size > frame->packet_max) return FRAME_TOO_BIG;
    parts[0] = packet;
    *count = packet.size == 0 ? 0 : 1;
    return FRAME_NO_FAULT;
}

static bool scripted_finish(struct frame *frame, struct error *error)
{
    uint32_t size = frame->scripted.header_size;
    if (size >= 1 && size <= FRAME_SCRIPTED_HEADER_MAX && size <= frame->packet_max) return true;
    return error_set(error, ERROR_INPUT,
                     "framing: header is %u bytes, expected 1 to %d, and at most max_packet",
                     (unsigned)size, FRAME_SCRIPTED_HEADER_MAX);
}

const struct frame_codec frame_scripted_codec = {
    .name = "script", .next = scripted_next, .wrap = scripted_wrap, .finish = scripted_finish};
