#include "output.h"

#include "output_system.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

/* What a pipe takes in one piece, whoever else writes to it. */
enum { PIECE_SIZE = 4096, PATIENCE_MS = 50 };

struct state {
    bool stalled; /* there was no room the last time */
    bool torn;    /* what was written last has no end */
};

/* One at a time, though there are two: both may lead to the same pipe, and where there is room for one
 * piece, two might wait. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct state states[OUTPUT_ERROR + 1];

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* *until_ms: when patience is over; 0: it has not been needed yet. */
static bool await_room(enum output output, struct state *state, int64_t *until_ms)
{
    bool has_room = output_has_room(output, 0);
    if (!has_room && !state->stalled) {
        int64_t now = now_ms();
        if (*until_ms == 0) *until_ms = now + PATIENCE_MS;
        has_room = now < *until_ms && output_has_room(output, (int)(*until_ms - now));
    }
    state->stalled = !has_room;
    return has_room;
}

/* Past the streams of C: some libraries write an unbuffered one in pieces. Returns how many bytes were
 * written. */
static size_t write_pieces(enum output output, struct state *state, const char *bytes, size_t size)
{
    size_t done = 0;
    int64_t until_ms = 0;
    while (done < size && await_room(output, state, &until_ms)) {
        unsigned piece = size - done < PIECE_SIZE ? (unsigned)(size - done) : PIECE_SIZE;
        int written = (int)write((int)output, bytes + done, piece);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || (errno != EINTR && errno != EAGAIN))
            break;
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
    pthread_mutex_lock(&mutex);
    if (state->torn && write_pieces(output, state, "\n", 1) == 1) state->torn = false;
    size_t done = state->torn ? 0 : write_pieces(output, state, bytes, size);
    if (done < size) {
        lost = count_lines(bytes + done, size - done);
        if (done > 0) state->torn = bytes[done - 1] != '\n';
    }
    pthread_mutex_unlock(&mutex);
    return lost;
}
