/* websocket_deflate.h - permessage-deflate (RFC 7692) of one WebSocket: what was agreed on, and what it takes. In memory
 * of its own, so that connections without it do not pay for it.
 *
 * Who keeps its context has a deflater or an inflater of its own. All others of a worker share one, and a buffer for
 * what was compressed: struct deflate_shared, which the first of them makes and the last gives back. An inflater that
 * others use as well cannot stop in the middle: a message in fragments has one of its own meanwhile, and one of a single
 * frame for which memory runs out is inflated again from its beginning. */
#ifndef MOONPORT_WEBSOCKET_DEFLATE_H
#define MOONPORT_WEBSOCKET_DEFLATE_H

#include "frame/deflate.h"
#include "frame/deflate_offer.h"
#include "frame/websocket_session.h"

struct websocket_deflate {
    struct deflate_terms terms;
    struct deflate_shared *shared;
    struct deflater *deflater; /* its own, or the shared one for its window */
    struct inflater
        *inflater; /* its own, always or for a message in fragments; NULL: the shared one */
    size_t
        used; /* bytes of the payload at the front of the input, and of the tail, that were inflated */
    bool has_compressed; /* the packet that was wrapped last */
};

/* Agrees on one of the offers in the head, and takes the memory. False: there is none, compression is off, or no memory
 * is left: then messages go as they are. To be called again with the same head it agrees on the same. */
bool websocket_agree(struct websocket_session *own, const struct frame *frame,
                     const struct http_head *head, char answer[DEFLATE_ANSWER_MAX]);
void websocket_drop_deflate(struct websocket_session *own);

/* A frame of a message. */
struct deflate_frame {
    struct span payload; /* unmasked, all of it */
    bool is_last;        /* of its message */
    bool is_text;
    uint64_t most; /* bytes of a message */
};

/* Appends what is in the payload to own->message. CONSUMED: it was used. STARVED: no memory; to be called again with the
 * same frame. ERROR: too big, known with the first byte too many; or the bytes are wrong. */
enum frame_verdict websocket_inflate(struct websocket_session *own,
                                     const struct deflate_frame *frame, struct frame_cut *cut);

/* Whether a frame was used in part. */
bool websocket_inflates(const struct websocket_session *own);

/* What is to be sent for that packet, in memory that is valid until the next call for any session of the worker, or until
 * websocket_sent. Size 0: the packet as it is, for it is small, does not get smaller, or there is no memory. */
struct span websocket_compress(struct websocket_session *own, struct span packet);

/* The packet that was compressed last was sent; or it was not, then those that follow must not refer to it. */
void websocket_sent(struct websocket_session *own, bool sent);

#endif
