#include "base/log_recent.h"

#include <pthread.h>
#include <stdbool.h>

/* A line's text is at `begin` modulo LOG_RECENT_BYTES, and goes on at the front of the buffer behind its end. */
struct place {
    uint64_t time_us, begin;
    uint32_t size;
    uint8_t level;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {                            /* under the mutex */
    uint64_t last, count;                  /* the number of the newest line; how many are kept */
    uint64_t end;                          /* of all texts so far */
    struct place places[LOG_RECENT_LINES]; /* a line's is at its number, modulo that many */
    uint8_t bytes[LOG_RECENT_BYTES];
} recent;

static struct place *place_of(uint64_t number)
{
    return &recent.places[number % LOG_RECENT_LINES];
}

static bool has_room(size_t size)
{
    if (recent.count == 0) return true;
    if (recent.count == LOG_RECENT_LINES) return false;
    return recent.end + size - place_of(recent.last - recent.count + 1)->begin <= LOG_RECENT_BYTES;
}

/* How much of what begins there stands before the end of the buffer. */
static size_t before_the_end(uint64_t begin, size_t size)
{
    size_t room = LOG_RECENT_BYTES - begin % LOG_RECENT_BYTES;
    return size < room ? size : room;
}

static void put(struct span text)
{
    size_t first = before_the_end(recent.end, text.size);
    memcpy(recent.bytes + recent.end % LOG_RECENT_BYTES, text.data, first);
    memcpy(recent.bytes, text.data + first, text.size - first);
    recent.end += text.size;
}

static void get(uint8_t *room, const struct place *place)
{
    size_t first = before_the_end(place->begin, place->size);
    memcpy(room, recent.bytes + place->begin % LOG_RECENT_BYTES, first);
    memcpy(room + first, recent.bytes, place->size - first);
}

void log_recent_add(uint64_t time_us, uint8_t level, struct span text)
{
    text = span_cut_text(text, LOG_RECENT_TEXT_MAX);
    pthread_mutex_lock(&mutex);
    while (!has_room(text.size)) recent.count--;
    recent.count++;
    *place_of(++recent.last) = (struct place){
        .time_us = time_us, .begin = recent.end, .size = (uint32_t)text.size, .level = level};
    put(text);
    pthread_mutex_unlock(&mutex);
}

/* Copies the oldest line above `after`. False: there is none. Leaves the number of the newest in *last. */
static bool take(uint64_t after, struct log_recent_line *line, uint8_t *room, uint64_t *last)
{
    pthread_mutex_lock(&mutex);
    uint64_t oldest = recent.last - recent.count + 1;
    uint64_t number = after < oldest ? oldest : after + 1;
    bool any = after < recent.last;
    *last = recent.last;
    if (any) {
        const struct place *place = place_of(number);
        get(room, place);
        *line = (struct log_recent_line){.number = number,
                                         .time_us = place->time_us,
                                         .level = place->level,
                                         .text = span_of(room, place->size)};
    }
    pthread_mutex_unlock(&mutex);
    return any;
}

uint64_t log_recent_read(uint64_t after,
                         void (*visit)(void *context, const struct log_recent_line *line),
                         void *context)
{
    uint8_t room[LOG_RECENT_TEXT_MAX];
    struct log_recent_line line;
    uint64_t last;
    while (take(after, &line, room, &last)) {
        visit(context, &line);
        after = line.number;
    }
    return last;
}
