/* client_end.h - the client's end of a connection, whatever its framing: from packets to bytes and back, and what a framing
 * says by itself, such as the handshake of a WebSocket. It knows no socket: bytes that come are passed to it, and bytes to be
 * sent are added to a buffer of the caller's.
 *
 *     client_end_open     what goes first
 *     client_end_next     what has come: packets, or news of the connection
 *     client_end_wrap     a packet to be sent
 *     client_end_close    says goodbye, where the framing has a word for it
 *
 * Of HTTP it knows nothing: both ways there are bytes as they are.
 *
 * For `moonport talk` and for test.connect of tests. */
#ifndef MOONPORT_CLIENT_END_H
#define MOONPORT_CLIENT_END_H

#include "frame/websocket_client.h"
#include "system/buffer.h"

/* Nothing is to be set or changed by others. */
struct client_end {
    const struct frame *served; /* the server's framing */
    const struct frame *frame;  /* how packets are cut: that, or `bytes` */
    struct frame bytes;         /* "raw", where the server has "http" */
    struct frame_cursor cursor;
    bool (*random)(void *bytes, size_t size); /* false: the system has no random numbers */
    bool is_open;                             /* packets may go both ways */
    bool is_over;                             /* the connection is of no more use */
    struct websocket_client websocket;
};

enum client_verdict {
    CLIENT_MORE,    /* wait for more bytes */
    CLIENT_PACKET,  /* news->packet, news->kind */
    CLIENT_USED,    /* something that concerns nobody */
    CLIENT_OPENED,  /* the handshake is over: news->answer.protocol */
    CLIENT_REFUSED, /* by the server, in the handshake: news->answer. It is over */
    CLIENT_CLOSED, /* the server has said goodbye: news->code, news->packet is its reason. It is over */
    CLIENT_BROKEN, /* the server breaks the framing: news->cut, or news->answer.why. A WebSocket is over */
    CLIENT_FAILED, /* no memory, or no random numbers. It is over */
};

/* What lies in it lies in the input. */
struct client_news {
    size_t consumed; /* bytes to be taken off the front of the input; after each verdict */
    struct span packet;
    enum packet_kind kind;
    uint16_t code;
    struct websocket_answer answer;
    struct frame_cut cut;
};

/* asking: for framing "websocket" only. False: what is asked for cannot be, and the error says why. The frame must live as
 * long. */
bool client_end_open(struct client_end *end, const struct frame *frame,
                     const struct websocket_asking *asking,
                     bool (*random)(void *bytes, size_t size), struct buffer *out,
                     struct error *error);

bool client_end_is_websocket(const struct client_end *end);

/* The server has changed the framing, or not. To that of a WebSocket it is not followed: it is over. */
void client_end_set_frame(struct client_end *end, const struct frame *frame);

/* Looks at what has come. `ended`: nothing more will. */
enum client_verdict client_end_next(struct client_end *end, struct span input, bool ended,
                                    struct client_news *news, struct buffer *out);

/* Call it only when it is open. False: no memory, or no random numbers. Otherwise *fault says whether it was wrapped. */
bool client_end_wrap(struct client_end *end, struct span packet, enum packet_kind kind,
                     struct buffer *out, enum frame_fault *fault);

/* False as above. Nothing is to be wrapped any more. */
bool client_end_close(struct client_end *end, uint16_t code, struct span reason,
                      struct buffer *out);

#endif
