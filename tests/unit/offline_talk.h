/* offline_talk.h - a server without a network, whose script notes what it sees, and clients who talk
 * to it in packets. */
#ifndef MOONPORT_OFFLINE_TALK_H
#define MOONPORT_OFFLINE_TALK_H

#include "link/link.h"
#include "server/offline.h"

#include <criterion/criterion.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* A script that echoes, obeys a few words, and notes what it sees. */
struct seen {
    struct worker *worker;
    struct link *link; /* the last that connected */
    int connected, received, drained, disconnected, released, idle, stopped, fired;
    size_t packet_size; /* of the last packet */
    char reason[32];    /* of the last end */
    uint64_t disconnected_ns, fired_ns[8];
    enum script_verdict idle_answer;
    bool refuses, pauses, silent;
    struct wheel_timer timer;
    uint64_t again_ns; /* the timer starts itself anew, up to eight times in all */
    bool endless;      /* ... and without end */

    bool start_waits, start_fails, started;
    uint64_t start_ns; /* how long it takes; 0: nothing ends it */
    struct wheel_timer start_timer;
};

/* With this script, and settings (name, value, ..., NULL), or one that may be NULL; the last must
 * fail, and say why. */
struct offline *open_set(struct seen *seen, const char *const *settings);
struct offline *open_with(struct seen *seen, const char *name, const char *value);

/* ... whose connections have such a filter. */
struct offline *open_filtered(struct seen *seen, const char *const *settings,
                              const struct filter_source *filter);
void fails_to_open(struct seen *seen, const char *why);

static inline struct offline_peer *connect_to(struct offline *offline)
{
    struct offline_peer *peer = offline_connect(offline, 0, NULL);
    cr_assert_not_null(peer);
    return peer;
}

static inline void put(struct offline_peer *peer, struct span packet)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    cr_assert_eq(frame_wrap(offline_frame(peer), packet, header, parts, &count), FRAME_NO_FAULT);
    for (int i = 0; i < count; i++) cr_assert(offline_send(peer, parts[i]));
}

static inline void say(struct offline *offline, struct offline_peer *peer, const char *text)
{
    put(peer, span_text(text));
    cr_assert(offline_run(offline));
}

/* Takes one packet, which has to be this one. */
static inline void expect(struct offline_peer *peer, struct span packet)
{
    struct frame_cursor cursor = {0};
    struct frame_cut cut;
    struct span input = offline_received(peer);
    cr_assert_eq(frame_next(offline_frame(peer), &cursor, input, &cut), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, packet.size);
    cr_assert_eq(memcmp(cut.packet.data, packet.data, packet.size), 0);
    offline_take(peer, cut.consumed);
}

static inline void expect_nothing(const struct offline_peer *peer)
{
    cr_assert_eq(offline_received(peer).size, 0);
}

#endif
