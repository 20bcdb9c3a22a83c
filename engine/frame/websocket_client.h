/* websocket_client.h - the client's side of WebSocket (RFC 6455): it asks, reads the answer, then messages go both ways.
 * For `moonport talk` and for tests of scripts. Pure: it knows no socket, no clock and no random numbers, and has no memory
 * of its own: the caller keeps what has come until it is used up.
 *
 *     websocket_client_ask      GET /chat HTTP/1.1 ...        to be sent
 *     websocket_client_answer   HTTP/1.1 101 ...              -> OPEN, or REFUSED and by which status
 *     websocket_client_next     frames of the server          -> PACKET, with a reply to pings
 *     websocket_client_wrap     a message, masked             to be sent
 *     websocket_client_close    ... and then `next` until it says ENDED
 *
 * Masks must be random, new for each call, and nobody who writes the messages may be able to foresee them (10.3). */
#ifndef MOONPORT_WEBSOCKET_CLIENT_H
#define MOONPORT_WEBSOCKET_CLIENT_H

#include "frame/frame.h"
#include "frame/session.h"
#include "frame/websocket_key.h"
#include "frame/ws_frame.h"

enum {
    WEBSOCKET_ASK_MAX = 8192,  /* bytes of a request: more than that no server takes */
    WEBSOCKET_TOLD_MAX = 200,  /* bytes of the line in which a server says why it refuses */
    WEBSOCKET_INTERIM_MAX = 8, /* answers such as 100 in front of the one that counts */
};

/* What is asked for. The texts stand in the request as they are: one with a control byte is refused. */
struct websocket_asking {
    const char *host;      /* with its port, unless that is 80 (section 4.1, requirement 4) */
    const char *target;    /* "/chat?room=tea", encoded */
    const char *origin;    /* NULL: none, as of a program that is no browser (requirement 8) */
    const char *protocols; /* "chat.v2, chat", the best first; NULL: none (requirement 10) */
    const char *headers;   /* more lines, each with its CRLF; NULL: none (requirement 12) */
};

struct websocket_client {
    uint64_t message_max; /* bytes of a message that comes */
    size_t held;          /* bytes of an unfinished message, at the front of the input */
    size_t gap;           /* bytes behind them that are used */
    uint8_t opcode;       /* of that message; 0: none was begun */
    uint8_t utf8;         /* of utf8_check, between its fragments */
    bool is_closing;      /* we have said that it ends */
    bool is_over;         /* the server has, too; or it has broken the protocol */
    char accept[WEBSOCKET_ACCEPT_SIZE + 1];
    char protocols[WEBSOCKET_PROTOCOLS_MAX + 1]; /* those asked for */
};

/* Writes the request and returns its size. 0: it does not fit, or a text cannot be part of a request. */
size_t websocket_client_ask(struct websocket_client *client, const struct websocket_asking *asking,
                            const uint8_t random[WEBSOCKET_KEY_BYTES], uint64_t message_max,
                            char *room, size_t size);

enum websocket_answered {
    WEBSOCKET_MORE,
    WEBSOCKET_OPEN,
    WEBSOCKET_REFUSED, /* it speaks HTTP, and says no */
    WEBSOCKET_BAD,     /* it does not know what it is talking about: `why` */
};

struct websocket_answer {
    size_t size;          /* OPEN: bytes used; frames follow */
    struct span protocol; /* OPEN: that the server has chosen; data NULL: none */
    uint16_t status;      /* REFUSED; BAD: or 0 */
    struct span text;     /* REFUSED: the first line of a plain text, or the status in words */
    struct span location; /* REFUSED by a redirection: to there; data NULL: none */
    const char *why;      /* BAD: for a person; static */
};

/* Reads the answer at the front of the input, of which any number of bytes may have come; what it finds lies there. `ended`:
 * no more bytes will come; then it is not MORE. It is refused by the first of these that is wrong (section 4.1):
 *
 *     status       101; a redirection is not followed (1)
 *     Upgrade      "websocket", in any case (2)
 *     Connection   a list that has "upgrade", in any case (3)
 *     Accept       one, the right one (4)
 *     Extensions   none: none was asked for (5)
 *     Protocol     one of those asked for, or none (6) */
enum websocket_answered websocket_client_answer(const struct websocket_client *client,
                                                struct span input, bool ended,
                                                struct websocket_answer *answer);

/* Reads the frame at the front of the input, after OPEN. Fragments are joined where they lie, so each call must pass the same
 * memory's content, with more behind it, less cut->consumed bytes at the front, which are to be taken off after each.
 *
 *     PACKET     cut->packet, a message, and cut->kind
 *     CONSUMED   go on; perhaps with 0 bytes less
 *     MORE       wait; nothing is consumed
 *     ENDED      the server has closed: cut->code (WS_NO_CODE: it gave none), cut->packet: its reason
 *     ERROR      it breaks the protocol: cut->why, or FRAME_TOO_BIG; cut->code was sent
 *
 * After ENDED and ERROR it must not be called again. With any of these there may be a reply. */
enum frame_verdict websocket_client_next(struct websocket_client *client, struct span input,
                                         const uint8_t mask[4], struct frame_cut *cut,
                                         struct session_reply *reply);

/* Writes a message as a masked frame; `room` has packet.size + WS_HEADER_MAX bytes. Returns its size in *size. A text must
 * be UTF-8; PLAIN is text if it is that. */
enum frame_fault websocket_client_wrap(struct span packet, enum packet_kind kind,
                                       const uint8_t mask[4], uint8_t *room, size_t *size);

/* Makes a close frame, unless one was sent. code: as of ws_close_write. */
void websocket_client_close(struct websocket_client *client, uint16_t code, struct span reason,
                            const uint8_t mask[4], struct session_reply *reply);

/* What a code means: "going away". "": it is one of libraries or applications, or unknown. */
const char *websocket_code_text(uint16_t code);

#endif
