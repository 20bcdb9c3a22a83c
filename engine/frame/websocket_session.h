/* websocket_session.h - what the codec "websocket" remembers of one connection. Its beginning, in HTTP, is in
 * websocket_request.c; its messages are in websocket.c. */
#ifndef MOONPORT_WEBSOCKET_SESSION_H
#define MOONPORT_WEBSOCKET_SESSION_H

#include "base/list.h"
#include "frame/session.h"

struct websocket_session {
    struct session session;

    /* The beginning. */
    size_t scanned; /* bytes of the head that were read before it was complete */
    char *head;     /* of the request, from when it is greeted until it is welcome; or NULL */
    size_t head_size;
    struct span protocol;     /* chosen: inside the head; size 0: none */
    struct http_files *files; /* held for an answer that sends one of them; or NULL */

    /* The message that was begun. */
    uint8_t *message; /* its bytes so far: `size` of session.held */
    size_t size;
    size_t done; /* bytes of the payload at the front of the input that were unmasked */
    uint16_t fragments;
    uint8_t opcode; /* 0: none was begun */
    uint8_t utf8;   /* of utf8_check, between two pieces of a text */
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

#endif
