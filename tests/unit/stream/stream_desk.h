/* stream_desk.h - one stream alone, over a port in memory: no link, no script. Its owner notes what it is told. */
#ifndef MOONPORT_STREAM_DESK_H
#define MOONPORT_STREAM_DESK_H

#include "port/port_memory.h"
#include "stream/stream.h"

#include <criterion/criterion.h>

enum { DESK_BLOCKS = 16, DESK_BLOCK_SIZE = 64, DESK_LANDING = 4, DESK_LANDING_SIZE = 256 };

struct desk {
    struct stream_home home;
    struct memory_peer peer;
    struct stream stream;
    bool listens, watches; /* asked for again after each event, as owners do */
    bool shakes;           /* hands, as soon as something has come for that */
    int arrived, sent, broke, ended, lingers, settled;
    enum port_error error; /* of the last break */
};

static inline struct desk *desk_of(struct stream *stream)
{
    return container_of(stream, struct desk, stream);
}

static inline void desk_listen(struct desk *desk)
{
    stream_listen(&desk->stream, desk->listens, desk->watches);
}

static inline void desk_arrived(struct stream *stream)
{
    struct desk *desk = desk_of(stream);
    desk->arrived++;
    if (desk->shakes && stream_shakes(stream)) stream_shake(stream);
    inbox_check(&stream->inbox);
    desk_listen(desk);
}

static inline void desk_sent(struct stream *stream)
{
    desk_of(stream)->sent++;
}

static inline void desk_broke(struct stream *stream, enum port_error error)
{
    desk_of(stream)->broke++;
    desk_of(stream)->error = error;
    stream_break(stream);
}

static inline void desk_ended(struct stream *stream)
{
    cr_assert_eq(desk_of(stream)->settled, 0);
    desk_of(stream)->ended++;
}

static inline void desk_lingers(struct stream *stream)
{
    desk_of(stream)->lingers++;
}

static inline void desk_settled(struct stream *stream)
{
    desk_of(stream)->settled++;
    stream_close(stream);
}

static inline void desk_open_as(struct desk *desk, const struct filter_source *source,
                                bool owner_opens)
{
    static const struct stream_owner owner = {
        .arrived = desk_arrived,
        .sent = desk_sent,
        .broke = desk_broke,
        .ended = desk_ended,
        .lingers = desk_lingers,
        .settled = desk_settled,
    };
    const struct port_options options = {
        .landing_blocks = DESK_LANDING, .landing_size = DESK_LANDING_SIZE, .recv_depth = 1};
    struct error error;
    *desk = (struct desk){.listens = true, .home = {.budget = {.limit = 1 << 20}}};
    struct stream_home *home = &desk->home;
    home->port = port_memory_open(&options, 1000000000, &error);
    cr_assert_not_null(home->port);
    cr_assert(block_pool_open(&home->blocks, DESK_BLOCKS, DESK_BLOCK_SIZE, &home->budget));
    home->window = stream_window(home->port, 4);
    list_init(&home->touched);
    list_init(&home->unsealed);
    list_init(&home->closing);
    memory_peer_open(&desk->peer, home->port);
    struct filter *filter = source == NULL ? NULL : source->open(source, &home->budget);
    cr_assert_eq(filter == NULL, source == NULL);
    const struct stream_origin origin = {
        .handle = memory_peer_handle(&desk->peer), .filter = filter, .owner_opens = owner_opens};
    cr_assert(stream_open(&desk->stream, home, &owner, &origin));
    desk_listen(desk);
}

static inline void desk_open_with(struct desk *desk, const struct filter_source *source)
{
    desk_open_as(desk, source, false);
}

static inline void desk_open(struct desk *desk)
{
    desk_open_with(desk, NULL);
}

/* Turns until nothing more happens. */
static inline void desk_turn(struct desk *desk)
{
    struct stream_home *home = &desk->home;
    struct port_event events[8];
    int count;
    do {
        count = port_harvest(home->port, events, 8, 0);
        for (int i = 0; i < count; i++)
            if (events[i].kind == PORT_SENT)
                stream_take_sent(stream_of(events[i].socket), &events[i]);
        for (int i = 0; i < count; i++) {
            struct stream *stream = stream_of(events[i].socket);
            if (events[i].kind == PORT_RECEIVED)
                stream_received(stream, &events[i]);
            else if (events[i].kind == PORT_SENT)
                stream_sent(stream, &events[i]);
            else if (events[i].kind == PORT_ENDED)
                stream_peer_ended(stream, &events[i]);
        }
        do {
            count += stream_flush_touched(home, 8);
            stream_settle_closing(home);
        } while (!list_empty(&home->touched) || !list_empty(&home->closing));
    } while (count > 0);
}

static inline void desk_send(struct desk *desk, size_t size)
{
    static uint8_t bytes[4096];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 131);
    cr_assert(memory_peer_send(&desk->peer, span_of(bytes, size)));
}

static inline void desk_put(struct desk *desk, size_t size)
{
    static const uint8_t bytes[4096];
    struct span part = span_of(bytes, size);
    cr_assert(stream_put(&desk->stream, &part, 1, size));
    stream_touch(&desk->stream);
}

/* It has settled, once, and all is home. */
static inline void desk_close(struct desk *desk)
{
    struct stream_home *home = &desk->home;
    cr_assert_eq(desk->settled, 1);
    cr_assert(desk->ended >= 1);
    cr_assert_eq(desk->stream.state, STREAM_FREE);
    cr_assert(desk->peer.closed);
    cr_assert_eq(home->parked_blocks, 0);
    cr_assert_eq(home->blocks.free_count, home->blocks.total);
    cr_assert_eq(home->blocks.grown_count, 0);
    cr_assert_eq(budget_used(&home->budget), 0);
    cr_assert(list_empty(&home->touched));
    memory_peer_close(&desk->peer);
    block_pool_close(&home->blocks);
    port_close(home->port);
}

#endif
