#include "stream.h"

static int place_of(const struct stream *stream, int index)
{
    return (stream->first + index) % STREAM_ARRIVALS_MAX;
}

static uint64_t last_arrival(const struct stream *stream)
{
    return stream->count == 0 ? 0 : stream->arrivals[place_of(stream, stream->count - 1)].at_ns;
}

void stream_free(struct stream *stream)
{
    free(stream->bytes.data);
    *stream = (struct stream){.end = STREAM_OPEN};
}

void stream_put(struct stream *stream, struct span bytes, uint64_t at_ns)
{
    if (stream->end != STREAM_OPEN || bytes.size == 0) return;
    check(buffer_reserve(&stream->bytes, bytes.size));
    memcpy(stream->bytes.data + stream->bytes.end, bytes.data, bytes.size);
    stream->bytes.end += bytes.size;
    stream->put += bytes.size;
    if (at_ns < last_arrival(stream)) at_ns = last_arrival(stream);
    /* When too many are on their way, these come together with the last ones. */
    if (stream->count < STREAM_ARRIVALS_MAX) stream->count++;
    int place = place_of(stream, stream->count - 1);
    stream->arrivals[place].at_ns = at_ns;
    stream->arrivals[place].end = stream->put;
}

void stream_finish(struct stream *stream, uint64_t at_ns)
{
    if (stream->end != STREAM_OPEN) return;
    stream->end = STREAM_FINISHED;
    stream->end_ns = at_ns > last_arrival(stream) ? at_ns : last_arrival(stream);
}

void stream_break(struct stream *stream, uint64_t at_ns)
{
    if (stream->end == STREAM_BROKEN) return;
    if (stream->end == STREAM_FINISHED && stream->end_ns <= at_ns) return; /* it came before */
    stream->end = STREAM_BROKEN;
    stream->end_ns = at_ns;
    size_t keep = stream_arrived(stream, at_ns);
    stream->bytes.end = stream->bytes.begin + keep;
    stream->put = stream->taken + keep;
    while (stream->count > 0 && last_arrival(stream) > at_ns) stream->count--;
}

size_t stream_arrived(const struct stream *stream, uint64_t now_ns)
{
    uint64_t end = stream->taken;
    for (int i = 0; i < stream->count; i++) {
        int place = place_of(stream, i);
        if (stream->arrivals[place].at_ns > now_ns) break;
        if (stream->arrivals[place].end > end) end = stream->arrivals[place].end;
    }
    return (size_t)(end - stream->taken);
}

struct span stream_front(const struct stream *stream, size_t size)
{
    return span_first(buffer_bytes(&stream->bytes), size);
}

void stream_take(struct stream *stream, size_t size)
{
    buffer_consume(&stream->bytes, size);
    stream->taken += size;
    while (stream->count > 0 && stream->arrivals[stream->first].end <= stream->taken) {
        stream->first = place_of(stream, 1);
        stream->count--;
    }
}

enum stream_end stream_state(const struct stream *stream, uint64_t now_ns)
{
    return stream->end_ns <= now_ns && buffer_size(&stream->bytes) == 0 ? stream->end : STREAM_OPEN;
}

uint64_t stream_next_ns(const struct stream *stream, uint64_t now_ns)
{
    for (int i = 0; i < stream->count; i++) {
        int place = place_of(stream, i);
        if (stream->arrivals[place].at_ns > now_ns) return stream->arrivals[place].at_ns;
    }
    bool to_come = stream->end != STREAM_OPEN && stream->end_ns > now_ns;
    return to_come ? stream->end_ns : UINT64_MAX;
}
