/* link_output.c - the way out: script -> frame -> stream. */
#include "link/link.h"

static enum send_result refuse(struct link *link, enum send_result result)
{
    if (link->stream.state != STREAM_OPEN) return SEND_CLOSED;
    /* With nothing queued, no send would complete and end the refusing. */
    if (link->stream.outbox.pending > 0)
        link->drain = LINK_DRAIN_REFUSING;
    else if (link->drain != LINK_DRAIN_NONE)
        link_wake(link); /* no send will complete and trigger on_drain */
    if (!link->close_when_full) return result;
    link_log(link, LOG_WARN, "closed: %s with %zu bytes queued",
             result == SEND_FULL ? "it does not read what it is sent: hard_mark is reached"
                                 : "no memory is left to queue a packet",
             link->stream.outbox.pending);
    link_fail(link, result == SEND_FULL ? LINK_SLOW : LINK_MEMORY);
    return result;
}

static inline bool is_full(const struct link *link, size_t size)
{
    size_t pending =
        link->stream.outbox.pending; /* an empty queue takes any packet, even above the mark */
    return pending > 0 && pending + size > link->home->limits.hard_mark;
}

/* Sends all that is queued before concluding that the peer does not read. */
__attribute__((noinline)) static enum send_result make_room(struct link *link, size_t size)
{
    while (is_full(link, size))
        if (!stream_send_now(&link->stream))
            return refuse(link, port_send_waits(&link->stream.socket) ? SEND_FULL : SEND_NO_MEMORY);
    return SEND_OK;
}

/* Whether there is room below the hard mark. The link is open. */
static inline enum send_result admit(struct link *link, size_t size)
{
    if (link->drain == LINK_DRAIN_REFUSING)
        return SEND_FULL; /* or a later packet would follow a silent gap */
    return is_full(link, size) ? make_room(link, size) : SEND_OK;
}

static inline enum send_result queued(struct link *link)
{
    counter_add(&link->home->counters.packets_sent, 1);
    if (link_note_queued(link)) link_look_sooner(link);
    return SEND_OK;
}

/* The fast path for nearly all packets: the framing is plain, the queue stays below the soft mark, and its last block
 * has room. False: send_any must send the packet. */
static inline bool send_plain(struct link *link, struct span packet)
{
    struct link_home *home = link->home;
    struct stream *stream = &link->stream;
    size_t size = FRAME_PLAIN_HEADER + packet.size;
    uint32_t value;
    if (stream->state != STREAM_OPEN || link->drain == LINK_DRAIN_REFUSING ||
        stream->outbox.pending + size > home->limits.soft_mark ||
        !frame_wrap_plain(link->frame, packet.size, &value))
        return false;
    uint8_t *room = stream_room(stream, &home->streams, size);
    if (room == NULL) return false;
    frame_store_plain(room, value, packet);
    counter_add(&home->counters.packets_sent, 1);
    stream_touch(stream);
    return true;
}

static enum frame_fault wrap(struct link *link, struct span packet, enum packet_kind kind,
                             uint8_t *header, struct span *parts, int *count)
{
    struct session *session = link->session;
    if (session == NULL) return frame_wrap(link->frame, packet, header, parts, count);
    return session->codec->wrap(session, link->frame, packet, kind, header, parts, count);
}

static inline enum send_result result_of(enum frame_fault fault)
{
    switch (fault) {
    case FRAME_NO_FAULT: return SEND_OK;
    case FRAME_TOO_BIG: return SEND_TOO_BIG;
    case FRAME_BAD_TEXT: return SEND_BAD_TEXT;
    default: return SEND_BAD_SIZE;
    }
}

enum send_result link_wrap(struct link *link, struct span packet, enum packet_kind kind,
                           uint8_t *header, struct span *parts, int *count)
{
    return result_of(wrap(link, packet, kind, header, parts, count));
}

void link_wrapped(struct link *link, bool queued)
{
    if (link->session != NULL) link->session->codec->wrapped(link->session, queued);
}

static inline enum send_result queue(struct link *link, const struct span *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].size;
    if (size == 0) return SEND_OK;
    enum send_result result = admit(link, size);
    if (result != SEND_OK) return result;
    if (!stream_put(&link->stream, parts, count, size)) return refuse(link, SEND_NO_MEMORY);
    return queued(link);
}

enum send_result link_queue_parts(struct link *link, const struct span *parts, int count)
{
    return queue(link, parts, count);
}

__attribute__((noinline)) static enum send_result send_in_session(struct link *link,
                                                                  struct span packet,
                                                                  enum packet_kind kind)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    if (!link_session_speaks(link)) return SEND_CLOSED;
    if (!link_takes_packets(link)) return SEND_NO_PACKETS;
    if (!link_session_welcome(link)) return refuse(link, SEND_NO_MEMORY);
    /* A packet that is compressed and then refused costs the context: not to be begun. */
    if (link->share == NULL && link->drain == LINK_DRAIN_REFUSING) return SEND_FULL;
    enum send_result result = link_wrap(link, packet, kind, header, parts, &count);
    if (result != SEND_OK) return result;
    result = link_queue_parts(link, parts, count);
    link_wrapped(link, result == SEND_OK);
    return result;
}

__attribute__((noinline)) static enum send_result send_any(struct link *link, struct span packet,
                                                           enum packet_kind kind)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    if (link->stream.state != STREAM_OPEN) return SEND_CLOSED;
    if (link->session != NULL) return send_in_session(link, packet, kind);
    enum send_result result = result_of(frame_wrap(link->frame, packet, header, parts, &count));
    return result == SEND_OK ? queue(link, parts, count) : result;
}

enum send_result link_send(struct link *link, struct span packet)
{
    return send_plain(link, packet) ? SEND_OK : send_any(link, packet, PACKET_PLAIN);
}

enum send_result link_send_kind(struct link *link, struct span packet, enum packet_kind kind)
{
    return send_plain(link, packet) ? SEND_OK : send_any(link, packet, kind);
}

enum send_result link_send_chunk(struct link *link, struct chunk *encoded)
{
    if (link->stream.state != STREAM_OPEN) return SEND_CLOSED;
    enum send_result result = admit(link, encoded->size);
    if (result != SEND_OK || encoded->size == 0) return result;
    if (!stream_put_chunk(&link->stream, encoded)) return refuse(link, SEND_NO_MEMORY);
    return queued(link);
}

const char *send_result_text(enum send_result result)
{
    static const char *const texts[] = {
        [SEND_OK] = "ok",
        [SEND_CLOSED] = "closed",
        [SEND_FULL] = "full",
        [SEND_NO_MEMORY] = "memory",
        [SEND_TOO_BIG] = "toobig",
        [SEND_BAD_SIZE] = "badsize",
        [SEND_BAD_TEXT] = "badtext",
        [SEND_NO_PACKETS] = "nopackets",
    };
    return texts[result];
}
