/* frame_limit.h - for codecs whose length cannot express every packet: the setting max, and packet_max. */
#ifndef MOONPORT_FRAME_LIMIT_H
#define MOONPORT_FRAME_LIMIT_H

#include "frame/frame.h"

#include <inttypes.h>

/* Lowers packet_max to the most that the codec can express, in bytes. A larger max that was asked for is an error. */
static inline bool frame_limit(struct frame *frame, uint64_t most, struct error *error)
{
    if (frame->packet_max <= most) return true;
    if (frame_given(frame, FRAME_MAX))
        return error_set(error, ERROR_INPUT,
                         "%s framing: no length can express max; at most %" PRIu64 " is possible",
                         frame->codec->name, most);
    frame->packet_max = most;
    return true;
}

#endif
