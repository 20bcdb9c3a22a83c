#include "base/output.h"

#include "base/clock.h"
#include "base/output_system.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* A pipe takes writes up to this size in one piece, even with several writers. */
enum { PIECE_SIZE = 4096 };
enum { PATIENCE_MS = 50, CALM_MS = 1000 };
#define TURN_NS UINT64_C(1000000000)

struct state {
    int64_t waited_ms; /* in all since the reader last caught up; at most PATIENCE_MS */
    int64_t full_ms;   /* when there was last no room */
    bool torn;         /* the last line was written only in part */
};

/* One mutex for both outputs: they may lead to the same pipe, which may have room for one piece but not for two. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct state states[OUTPUT_ERROR + 1];

/* The thread that writes may still hang: on a disk that does not respond, or a terminal that cannot be opened again.
 * Then one other thread waits for TURN_NS, and from then on all other threads lose their lines. */
static bool enter(void)
{
    static _Atomic bool hangs;
    bool mine = pthread_mutex_trylock(&mutex) == 0;
    if (!mine && !atomic_load_explicit(&hangs, memory_order_relaxed))
        mine = clock_lock(&mutex, clock_after_ns(TURN_NS));
    atomic_store_explicit(&hangs, !mine, memory_order_relaxed);
    return mine;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_now_ns() / 1000000);
}

/* `refused`: the last write took nothing, though there seemed to be room. A terminal with room for one byte refuses an
 * end of line, which takes two. */
static bool wait_for_room(enum output output, struct state *state, bool refused)
{
    int64_t begun_ms = state->full_ms = now_ms(), left_ms = PATIENCE_MS - state->waited_ms;
    if (left_ms <= 0) return false;
    if (refused) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        state->waited_ms++;
        return true;
    }
    bool has_room = output_has_room(output, (int)left_ms);
    state->full_ms = now_ms();
    state->waited_ms += has_room ? state->full_ms - begun_ms : left_ms;
    return has_room;
}

static bool await_room(enum output output, struct state *state, bool refused)
{
    if (refused || !output_has_room(output, 0)) return wait_for_room(output, state, refused);
    if (state->waited_ms > 0 && (now_ms() - state->full_ms >= CALM_MS || output_has_half(output)))
        state->waited_ms = 0;
    return true;
}

/* Does not use C's streams, because some libraries write unbuffered ones in pieces. Returns how many bytes were
 * written. */
static size_t write_pieces(enum output output, struct state *state, const char *bytes, size_t size)
{
    size_t done = 0;
    int written = 1;
    while (done < size && await_room(output, state, written == 0)) {
        unsigned piece = size - done < PIECE_SIZE ? (unsigned)(size - done) : PIECE_SIZE;
        written = output_put(output, bytes + done, piece);
        if (written < 0) break;
        done += (size_t)written;
    }
    return done;
}

static uint64_t count_lines(const char *bytes, size_t size)
{
    uint64_t count = bytes[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) count += bytes[i] == '\n';
    return count;
}

uint64_t output_write(enum output output, const char *bytes, size_t size)
{
    struct state *state = &states[output];
    uint64_t lost = 0;
    if (size == 0) return 0;
    if (!enter()) return count_lines(bytes, size);
    if (state->torn && write_pieces(output, state, "\n", 1) == 1) state->torn = false;
    size_t done = state->torn ? 0 : write_pieces(output, state, bytes, size);
    if (done < size) {
        lost = count_lines(bytes + done, size - done);
        if (done > 0) state->torn = bytes[done - 1] != '\n';
    }
    pthread_mutex_unlock(&mutex);
    return lost;
}
