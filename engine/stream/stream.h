/* stream.h - the bytes of one connection, both ways, whichever side opened it.
 *
 *     free --> opening --> open --stream_end--> flushing --all is sent--> lingering --> closing --> free
 *               |            '---------------stream_break, at any time---------------------^
 *               '-- a filter shakes hands, if there is one: stream_shake
 *
 * opening    the owner has nothing to read yet, and may end it.
 * open       what is received comes into the inbox, in its order; what is put into the outbox is sent.
 * flushing   sends what is queued; what arrives is thrown away.
 * lingering  the peer was told that no more will come. A moment is left for its own end, lest bytes that nobody
 *            has read reset what was sent.
 * closing    everything in flight is cancelled; when all of it has come home the socket is closed.
 *
 * It knows nothing of packets, handlers or limits: its owner is told by a table of callbacks. */
#ifndef MOONPORT_STREAM_H
#define MOONPORT_STREAM_H

#include "stream/inbox.h"
#include "stream/outbox.h"
#include "stream/reorder.h"
#include "stream/seal.h"

enum stream_state {
    STREAM_FREE,
    STREAM_OPENING,
    STREAM_OPEN,
    STREAM_FLUSHING,
    STREAM_LINGERING,
    STREAM_CLOSING,
};

struct stream;

struct stream_owner {
    /* More has come, into the inbox or for stream_shake, or the end of the peer's stream is known. */
    void (*arrived)(struct stream *stream);

    /* Some of the queue has gone. */
    void (*sent)(struct stream *stream);

    /* The connection has failed, or both sides have ended it (PORT_OK): the owner calls stream_break. */
    void (*broke)(struct stream *stream, enum port_error error);

    /* Nothing will be sent any more: all has been, or it closes. Perhaps more than once. */
    void (*ended)(struct stream *stream);

    /* It lingers now, for as long as the owner lets it. */
    void (*lingers)(struct stream *stream);

    /* Nothing is in flight any more: the owner calls stream_close. */
    void (*settled)(struct stream *stream);
};

struct stream {
    struct port_socket socket;
    struct stream_home *home;
    const struct stream_owner *owner;
    uint8_t state;         /* enum stream_state */
    bool ended;            /* the peer will send no more, and all that it has sent is here */
    bool ending;           /* it will send no more */
    bool reading;          /* the owner uses bytes of the inbox, which must stay */
    bool listens, watches; /* as stream_listen was told */
    struct inbox inbox;
    struct outbox outbox;
    struct list touched, closing; /* nodes in the home's lists */
    uint64_t
        received_ns; /* stream_now: when something last came, or it was last listened to again */
    uint64_t offered_ns; /* when what is queued was last offered: at once when some has gone */
    size_t unsent;       /* what the system held of that at the last look; 0: not looked at */
    struct reorder reorder;
};

/* It is opening or open: what comes is kept. */
static inline bool stream_is_up(const struct stream *stream)
{
    return stream->state == STREAM_OPENING || stream->state == STREAM_OPEN;
}

/* The stream of a socket, as the port hands it back. */
static inline struct stream *stream_of(struct port_socket *socket)
{
    return container_of(socket, struct stream, socket);
}

/* Takes over a connected socket and a filter, or NULL. `early`: places to re-order in, stream_window of them, which last
 * as long as the stream. False: the system has no room for it, and both are still the caller's. */
bool stream_open(struct stream *stream, struct stream_home *home, const struct stream_owner *owner,
                 intptr_t handle, struct block **early, struct filter *filter);

/* While it is opening: the filter goes on with what has come. It is open then, or not yet; or the filter is over,
 * and the owner is to end the stream. */
void stream_shake(struct stream *stream);

/* Is its filter over, and what it made of all that came used up to its last byte? Then so is the peer's stream. */
static inline bool stream_filter_is_over(const struct stream *stream)
{
    return stream->inbox.filter != NULL && filter_is_over(stream->inbox.filter);
}

/* What the peer did against the rules of its filter, for the log; NULL: nothing. */
static inline const char *stream_broken(const struct stream *stream)
{
    const struct filter *filter = stream->inbox.filter;
    return filter != NULL && filter->state == FILTER_BROKEN ? filter->why : NULL;
}

/* So many receives may come out of order; 1: none, and no places are needed. */
static inline uint32_t stream_window(const struct port *port, uint32_t recv_depth)
{
    return port->operations->in_order ? 1 : recv_depth;
}

/* While it is open: is it received from, or else is the peer's end watched for? It is done from now on. */
void stream_listen(struct stream *stream, bool listens, bool watches);

/* Ends it when all has been sent; at once. */
void stream_end(struct stream *stream);
void stream_break(struct stream *stream);

/* Gives back what was received, unless the owner uses it just now: then the owner does that afterwards. */
void stream_drop_input(struct stream *stream);

/* After `settled`. */
void stream_close(struct stream *stream);

/* Bytes of an ended stream that the system still has. SIZE_MAX: some are on their way from the port. */
size_t stream_still_to_come(const struct stream *stream);

/* It is flushed at the end of the turn. */
static inline void stream_touch(struct stream *stream)
{
    if (!list_empty(&stream->touched)) return;
    list_append(&stream->home->touched, &stream->touched);
    stream->home->touches++;
}

/* inbox_absorb; what a filter answers by itself is sent. */
static inline bool stream_absorb(struct stream *stream, size_t size, size_t wanted)
{
    if (!inbox_absorb(&stream->inbox, stream->home, size, wanted)) return false;
    const struct filter *filter = stream->inbox.filter;
    if (filter != NULL && filter->has_wire) stream_touch(stream);
    return true;
}

/* Sends what is queued, in the middle of a turn. False if the peer takes no more now, or has gone. It calls
 * only `broke`, for a script may be running: what is owed then follows at the end of the turn. */
bool stream_send_now(struct stream *stream);

/* Queues all parts, which have `size` bytes, or a whole chunk. What waits to be sent may keep the memory that
 * this takes. False: there is none. */
static inline bool stream_put(struct stream *stream, const struct span *parts, int count,
                              size_t size)
{
    while (!outbox_append(&stream->outbox, &stream->home->blocks, parts, count, size))
        if (!stream_send_now(stream)) return false;
    return true;
}

static inline bool stream_put_chunk(struct stream *stream, struct chunk *chunk)
{
    while (!outbox_append_chunk(&stream->outbox, &stream->home->blocks, chunk))
        if (!stream_send_now(stream)) return false;
    return true;
}

/* Events of its port. What was sent is taken from the queues of all before anything is done about any of
 * it, or about what else has come: owners send, and by then it must be known what waits to be sent. */
void stream_received(struct stream *stream, const struct port_event *event);
void stream_take_sent(struct stream *stream, const struct port_event *event);
void stream_sent(struct stream *stream, const struct port_event *event); /* after that */
void stream_peer_ended(struct stream *stream, const struct port_event *event);

/* The end of a turn: sends what the touched have queued. Most sends complete at once: up to sent_max of those
 * are acted on while the connection is still in the processor's cache, the others wait for the next harvest.
 * Returns how many. */
int stream_flush_touched(struct stream_home *home, int sent_max);

/* ... and ends what is to end. */
void stream_settle_closing(struct stream_home *home);

#endif
