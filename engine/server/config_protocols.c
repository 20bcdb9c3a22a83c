/* The framings of protocols, which are too large to be part of each copy of a configuration. */
#include "server/config_internal.h"

#include <pthread.h>
#include <stdlib.h>

enum { KEPT_MAX = 64 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct frame_protocols *kept[KEPT_MAX];
static int count;

/* The same place for the same ones, for the life of the program. NULL: there is no memory, or there are KEPT_MAX others. */
static struct frame_protocols *keep(const struct frame_protocols *protocols)
{
    for (int i = 0; i < count; i++)
        if (frame_protocols_are_same(kept[i], protocols)) return kept[i];
    struct frame_protocols *copy =
        count == KEPT_MAX ? NULL : malloc(sizeof(struct frame_protocols));
    if (copy == NULL) return NULL;
    *copy = *protocols;
    kept[count++] = copy;
    return copy;
}

bool config_listener_protocols(struct config_listener *listener,
                               const struct frame_protocols *protocols, struct error *error)
{
    pthread_mutex_lock(&mutex);
    struct frame_protocols *place = keep(protocols);
    pthread_mutex_unlock(&mutex);
    if (place == NULL)
        return error_set(error, ERROR_INPUT,
                         "its protocols have changed too often: start the server anew");
    listener->protocols = place;
    return true;
}

bool config_protocols_are_same(const struct config_listener *one,
                               const struct config_listener *other)
{
    const struct frame_protocols *before = one->protocols, *after = other->protocols;
    if (before == NULL || after == NULL) return before == after;
    return frame_protocols_are_same(before, after);
}

/* ---- the last step ---- */

static bool finish(struct frame_protocols *protocols, uint64_t packet_max, struct error *reason)
{
    for (uint32_t i = 0; i < protocols->count; i++) {
        struct frame *frame = &protocols->list[i].frame;
        frame->packet_max = packet_max;
        if (!frame_finish(frame, reason)) return false;
    }
    return true;
}

bool config_protocols_finish(struct config_listener *listener, uint64_t packet_max,
                             struct error *reason)
{
    if (listener->protocols == NULL) return true;
    struct frame_protocols *protocols = malloc(sizeof *protocols);
    if (protocols == NULL) return error_set(reason, ERROR_SYSTEM, "no memory");
    *protocols = *listener->protocols;
    bool fine = finish(protocols, packet_max, reason) &&
                config_listener_protocols(listener, protocols, reason);
    free(protocols);
    return fine;
}
