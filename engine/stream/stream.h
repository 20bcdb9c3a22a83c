/* stream.h - the bytes of one connection in both directions, whichever side opened it.
 *
 *     free --> opening --> open --stream_end--> flushing --all is sent--> lingering --> closing --> free
 *               |            '---------------stream_break, at any time---------------------^
 *               |-- a filter shakes hands, if there is one: stream_shake
 *               '-- the owner has something to read and to answer first, if it said so: stream_opened
 *
 * opening    a filter's handshake; the owner has nothing to read yet, but may end the stream. After it, what the owner
 *            reads and sends before it opens the stream.
 * open       received bytes go to the inbox, in order; bytes put into the outbox are sent.
 * flushing   the queue is being sent; input is discarded.
 * lingering  our side is shut down. The peer gets some time to end its side: closing the socket while there is unread
 *            input would reset the connection, and the peer could lose bytes that were sent to it.
 * closing    everything in flight is canceled; the socket is closed when all of it has completed.
 *
 * A stream knows nothing of packets, handlers or limits; it informs its owner through a table of callbacks. */
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
    /* More input is in the inbox, or ready for stream_shake, or the peer has ended its stream, or the filter has broken
     * while it was given something. */
    void (*arrived)(struct stream *stream);

    /* Part of the queue has been sent. */
    void (*sent)(struct stream *stream);

    /* The connection has failed, or both sides have ended it (PORT_OK): the owner must call stream_break. */
    void (*broke)(struct stream *stream, enum port_error error);

    /* Nothing more will be sent: all has been, or the stream closes. May be called more than once. */
    void (*ended)(struct stream *stream);

    /* The stream lingers now, until the owner calls stream_break. */
    void (*lingers)(struct stream *stream);

    /* Nothing is in flight any more: the owner must call stream_close. */
    void (*settled)(struct stream *stream);
};

struct stream {
    struct port_socket socket;
    struct stream_home *home;
    const struct stream_owner *owner;
    uint8_t state;         /* enum stream_state */
    bool ended;            /* the peer has ended its stream, and all its bytes have been received */
    bool ending;           /* the peer has ended its stream; bytes may still be in the system */
    bool reading;          /* the owner is using bytes of the inbox, which must stay */
    bool listens, watches; /* as set by stream_listen */
    bool owner_opens;      /* as set by stream_open */
    struct inbox inbox;
    struct outbox outbox;
    struct list touched, closing; /* nodes in the home's lists */
    uint64_t
        received_ns; /* stream_now: when input last came, or when receiving was last switched on */
    uint64_t input_ns;   /* stream_now: when input last came; at first, when it was opened */
    uint64_t offered_ns; /* when queued bytes were last passed to the system */
    size_t unsent;       /* bytes the system still held when last checked; 0: not checked */
    struct reorder reorder;
};

/* Opening or open: input is kept. */
static inline bool stream_is_up(const struct stream *stream)
{
    return stream->state == STREAM_OPENING || stream->state == STREAM_OPEN;
}

/* The stream of a socket, as the port hands it back. */
static inline struct stream *stream_of(struct port_socket *socket)
{
    return container_of(socket, struct stream, socket);
}

struct stream_origin {
    intptr_t handle;      /* a connected socket */
    struct block **early; /* stream_window slots for reordering, which live as long as the stream */
    struct filter *filter; /* or NULL */
    bool owner_opens;      /* it is opening until stream_opened, with a filter or without one */
};

/* Takes over the socket and the filter. False: the port cannot take the socket; the caller still owns both. */
bool stream_open(struct stream *stream, struct stream_home *home, const struct stream_owner *owner,
                 const struct stream_origin *origin);

/* Whether the handshake of a filter goes on, so that the owner may not read or send yet. */
static inline bool stream_shakes(const struct stream *stream)
{
    const struct filter *filter = stream->inbox.filter;
    return stream->state == STREAM_OPENING && filter != NULL && filter->state == FILTER_OPENING;
}

/* While stream_shakes: continues the handshake with the bytes received. When that is done, the stream is open, unless
 * the owner opens it. The filter may be over instead, and then the owner should end the stream. */
void stream_shake(struct stream *stream);

/* For an opening stream that the owner opens, when it does not shake hands any more. */
void stream_opened(struct stream *stream);

/* Whether the filter will yield no more bytes: then the peer's stream has ended too. */
static inline bool stream_filter_is_over(const struct stream *stream)
{
    return stream->inbox.filter != NULL && filter_is_over(stream->inbox.filter);
}

/* How the peer violated the filter's protocol, for the log; NULL: it did not. */
static inline const char *stream_broken(const struct stream *stream)
{
    const struct filter *filter = stream->inbox.filter;
    return filter != NULL && filter->state == FILTER_BROKEN ? filter->why : NULL;
}

/* The window for reordering receives; 1: they complete in order, and no slots are needed. */
static inline uint32_t stream_window(const struct port *port, uint32_t recv_depth)
{
    return port->operations->in_order ? 1 : recv_depth;
}

/* Sets whether an opening or open stream receives, and whether it watches for the peer's end. */
void stream_listen(struct stream *stream, bool listens, bool watches);

/* Closes the stream: stream_end after sending what is queued, stream_break at once. */
void stream_end(struct stream *stream);
void stream_break(struct stream *stream);

/* Discards the input, unless the owner is using it (`reading`): then the owner must do so afterwards. */
void stream_drop_input(struct stream *stream);

/* To be called by the owner's `settled`. */
void stream_close(struct stream *stream);

/* Bytes of an ending stream that the system still holds. SIZE_MAX: receives are in flight, so it is not known. */
size_t stream_still_to_come(const struct stream *stream);

/* Flushes the stream at the end of the turn. */
static inline void stream_touch(struct stream *stream)
{
    if (!list_empty(&stream->touched)) return;
    list_append(&stream->home->touched, &stream->touched);
    stream->home->touches++;
}

/* Calls inbox_absorb; bytes that the filter has to send in response are sent. */
static inline bool stream_absorb(struct stream *stream, size_t size, size_t wanted)
{
    if (!inbox_absorb(&stream->inbox, stream->home, size, wanted)) return false;
    const struct filter *filter = stream->inbox.filter;
    if (filter != NULL && filter->has_wire) stream_touch(stream);
    return true;
}

/* Sends from the queue in the middle of a turn. False if the peer takes no more now, or has gone. Of the owner's
 * callbacks this calls only `broke`, because the script may be running; others follow at the end of the turn. */
bool stream_send_now(struct stream *stream);

/* Queues all parts, `size` bytes together, or a whole chunk. If there is no memory, tries to free some by sending from
 * the queue. False: there is none. */
static inline bool stream_put(struct stream *stream, const struct span *parts, int count,
                              size_t size)
{
    while (!outbox_append(&stream->outbox, &stream->home->blocks, parts, count, size))
        if (!stream_send_now(stream)) return false;
    stream->home->queued += size;
    return true;
}

static inline bool stream_put_chunk(struct stream *stream, struct chunk *chunk)
{
    while (!outbox_append_chunk(&stream->outbox, &stream->home->blocks, chunk))
        if (!stream_send_now(stream)) return false;
    stream->home->queued += chunk->size;
    return true;
}

/* Calls outbox_room. */
static inline uint8_t *stream_room(struct stream *stream, struct stream_home *home, size_t size)
{
    uint8_t *room = outbox_room(&stream->outbox, &home->blocks, size);
    if (room != NULL) home->queued += size;
    return room;
}

/* Events of the port. stream_take_sent must be called for all sends of a harvest before any event of it is handled
 * further: owners may send in their callbacks, and the queues must be up to date by then. */
void stream_received(struct stream *stream, const struct port_event *event);
void stream_take_sent(struct stream *stream, const struct port_event *event);
void stream_sent(struct stream *stream, const struct port_event *event); /* after that */
void stream_peer_ended(struct stream *stream, const struct port_event *event);

/* At the end of a turn: sends what the touched streams have queued. Most sends complete at once: up to sent_max of
 * these completions are handled while the connection is still in the processor's cache, the others in the next
 * harvest. Returns how many were handled. */
int stream_flush_touched(struct stream_home *home, int sent_max);

/* At the end of a turn: tells the owners of closing streams, and settles those with nothing in flight. */
void stream_settle_closing(struct stream_home *home);

#endif
