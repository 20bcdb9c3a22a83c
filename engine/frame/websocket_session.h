/* websocket_session.h - what the codec "websocket" remembers of one connection. Its beginning, in HTTP, is in
 * websocket_request.c; its messages are in websocket.c, their memory in websocket_message.c, and compressed ones in
 * websocket_deflate.c. */
#ifndef MOONPORT_WEBSOCKET_SESSION_H
#define MOONPORT_WEBSOCKET_SESSION_H

#include "base/list.h"
#include "base/utf8_check.h"
#include "frame/session.h"
#include "frame/ws_frame.h"

struct websocket_session {
    struct session session;

    /* The beginning. */
    size_t
        scanned; /* bytes of the head that were read before it was complete; they may have become fewer */
    char *head; /* of the request, from when it is greeted until it is welcome; or NULL */
    size_t head_size;
    struct span protocol;     /* chosen: inside the head; size 0: none */
    struct http_files *files; /* held for an answer that sends one of them; or NULL */

    /* The message that was begun. */
    uint8_t *message; /* its bytes so far: `size` of `capacity`, which counts in session.held */
    size_t size, capacity;
    size_t done; /* bytes of the payload at the front of the input that were unmasked */
    uint16_t fragments;
    uint8_t opcode; /* 0: none was begun */
    uint8_t utf8;   /* of utf8_check, between two pieces of a text */
    bool is_compressed;

    struct websocket_deflate *deflate; /* once permessage-deflate was agreed on; else NULL */
};

extern const struct session_codec websocket_session_codec;

/* ---- websocket_request.c; as in struct session_codec ---- */

enum session_guess websocket_session_recognize(struct span input);
enum frame_verdict websocket_session_greet(struct session *session, const struct frame *frame,
                                           struct span input, struct frame_cut *cut,
                                           struct session_answer *answer);
size_t websocket_session_welcome(struct session *session, const struct frame *frame,
                                 char room[SESSION_WELCOME_MAX]);
struct span websocket_session_request(const struct session *session);
bool websocket_session_choose(struct session *session, const struct frame *frame,
                              struct span protocol);
bool websocket_session_answer(struct session *session, uint16_t status, const char *headers,
                              struct span body, struct session_answer *answer);

void websocket_drop_head(struct websocket_session *own);

/* ---- websocket_message.c: what is kept of a message ---- */

void websocket_drop_message(struct websocket_session *own);

/* Makes room for so many more bytes behind own->size, or as many as make `most` in all; at least for one, if that is
 * not there yet. False: no memory. */
bool websocket_reserve(struct websocket_session *own, size_t more, uint64_t most);

/* There must be no more than `most` bytes in all. */
bool websocket_append(struct websocket_session *own, struct span bytes, uint64_t most);

/* ---- verdicts ---- */

static inline enum frame_verdict websocket_fail(struct frame_cut *cut, uint16_t code,
                                                const char *why)
{
    cut->fault = FRAME_PROTOCOL;
    cut->declared = 0;
    cut->code = code;
    cut->why = why;
    return FRAME_ERROR;
}

static inline enum frame_verdict websocket_too_big(struct frame_cut *cut, uint64_t size)
{
    cut->fault = FRAME_TOO_BIG;
    cut->code = WS_TOO_BIG;
    cut->declared = size;
    return FRAME_ERROR;
}

#endif
