/* frame_same.c - whether two framings are the same. */
#include "frame/frame.h"

static bool same_length(const struct frame_length *one, const struct frame_length *other)
{
    return one->size == other->size && one->big_endian == other->big_endian &&
           one->offset == other->offset && one->adjustment == other->adjustment &&
           one->counts_header == other->counts_header;
}

static bool same_line(const struct frame_line *one, const struct frame_line *other)
{
    return one->keep == other->keep && one->delimiter_size == other->delimiter_size &&
           memcmp(one->delimiter, other->delimiter, one->delimiter_size) == 0;
}

static bool same_delimited(const struct frame_delimited *one, const struct frame_delimited *other)
{
    if (one->keep != other->keep || one->count != other->count) return false;
    for (unsigned i = 0; i < one->count; i++)
        if (one->sizes[i] != other->sizes[i] ||
            memcmp(one->choices[i], other->choices[i], one->sizes[i]) != 0)
            return false;
    return true;
}

bool frame_is_same(const struct frame *one, const struct frame *other)
{
    if (one->codec != other->codec || one->packet_max != other->packet_max) return false;
    switch (one->kind) {
    case FRAME_LENGTH: return same_length(&one->length, &other->length);
    case FRAME_LINE: return same_line(&one->line, &other->line);
    case FRAME_FIXED: return one->fixed_size == other->fixed_size;
    case FRAME_DELIMITED: return same_delimited(&one->delimited, &other->delimited);
    case FRAME_HPSOCKET: return one->flag == other->flag;
    case FRAME_WEBSOCKET: return websocket_settings_are_same(&one->websocket, &other->websocket);
    case FRAME_SCRIPTED:
        return one->scripted.header_size == other->scripted.header_size &&
               one->scripted.measure == other->scripted.measure;
    default: return true;
    }
}
