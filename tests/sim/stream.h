/* stream.h - one direction of a simulated connection: bytes that take their time.
 *
 *     stream_put --> [on their way, arriving at ...] [arrived] --> stream_take
 *
 * It ends in order (finished: after all its bytes) or at once (broken: what has not arrived by then
 * is lost). */
#ifndef MOONPORT_SIM_STREAM_H
#define MOONPORT_SIM_STREAM_H

#include "memory.h"

#include "system/buffer.h"

enum stream_end { STREAM_OPEN, STREAM_FINISHED, STREAM_BROKEN };

enum { STREAM_ARRIVALS_MAX = 64 };

struct stream {
    struct buffer bytes; /* not taken yet */
    uint64_t put, taken; /* bytes, in all */
    struct {
        uint64_t at_ns, end; /* by then, so many bytes in all have come */
    } arrivals[STREAM_ARRIVALS_MAX];
    int first, count;
    enum stream_end end;
    uint64_t end_ns;
};

void stream_free(struct stream *stream);

/* After its end nothing is put. Bytes never overtake others. */
void stream_put(struct stream *stream, struct span bytes, uint64_t at_ns);
void stream_finish(struct stream *stream, uint64_t at_ns);
void stream_break(struct stream *stream, uint64_t at_ns);

/* What can be taken by now; its first bytes; takes them. */
size_t stream_arrived(const struct stream *stream, uint64_t now_ns);
struct span stream_front(const struct stream *stream, size_t size);
void stream_take(struct stream *stream, size_t size);

/* How it stands now that everything that has arrived was taken. */
enum stream_end stream_state(const struct stream *stream, uint64_t now_ns);

/* When something comes that is not there yet; UINT64_MAX: nothing will. */
uint64_t stream_next_ns(const struct stream *stream, uint64_t now_ns);

#endif
