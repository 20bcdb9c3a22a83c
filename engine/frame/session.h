/* session.h - what a codec remembers of one connection, for codecs that must remember something (WebSocket, HTTP). Bytes in,
 * bytes out: a session knows no socket, no clock and no script. All its memory is taken from the budget that it was
 * opened with.
 *
 *     greet ... greet        the peer asks to be served; until then nothing is cut
 *     welcome, or answer     the script has decided: yes, or no
 *     next, wrap, ping ...   packets both ways
 *     farewell               the last bytes of our side, with a reason
 *
 * or, where each packet is a request that is answered before the next one is cut:
 *
 *     next, respond, next, respond ...
 *
 * The framing (struct frame) is shared and constant; what concerns one connection is here. Threads: one at a time. */
#ifndef MOONPORT_SESSION_H
#define MOONPORT_SESSION_H

#include "base/budget.h"
#include "frame/frame.h"

enum {
    SESSION_REPLY_MAX = 131,    /* bytes of a reply: an echoed ping of 125 bytes, with any header */
    SESSION_WELCOME_MAX = 1024, /* bytes of a welcome */
    SESSION_HEAD_MAX = 4096,    /* bytes in front of the body of an answer */
};

struct deflate_shared;

struct session {
    const struct session_codec *codec;
    struct budget *budget;

    /* From the owner, before the peer is greeted: where the sessions of one worker keep what they share; NULL before the
     * first of them, and after the last. The budget is the same for all. NULL: nothing is shared, nor compressed. */
    struct deflate_shared **shared;
    uint64_t pinged_ns; /* for the owner: when the peer was last pinged; 0: never */
    uint64_t ping_ns;   /* for the owner: when it is to be pinged; UINT64_MAX: never */
    uint64_t held_ns;   /* for the owner: since when `held` is not 0 */
    const struct frame
        *other;      /* for the owner: the framing of a peer that begins with something else;
                                  NULL: there is none, or it has begun as it should */
    size_t held;     /* bytes of an unfinished message, in memory of the session's own */
    bool is_greeted; /* the peer has asked to be served */
    bool is_open;    /* ... and was welcomed */
    bool is_over;    /* nothing more is to be said: a farewell or an answer was */
    bool is_silent;  /* for the owner: has sent too little for too long to tell its framing */
    uint8_t pings;   /* for the owner: how many were sent since the peer was last heard */

    /* Of a codec that responds. */
    bool awaits;    /* the last packet is a request that has no response yet: the owner ends this */
    bool is_midway; /* part of a request has come */
    uint16_t fault; /* after ERROR: the status to respond with */
};

/* Whether a connection begins as one of the codec does. */
enum session_guess { GUESS_NO, GUESS_PERHAPS, GUESS_YES };

/* Bytes to be sent at once; size 0: none. */
struct session_reply {
    size_t size;
    uint8_t bytes[SESSION_REPLY_MAX];
};

/* What a peer is told that is not served; then the connection closes. */
struct session_answer {
    size_t head_size;
    char head[SESSION_HEAD_MAX];
    struct span body; /* in memory that lives as long as the session */
    const char *why;  /* for the log; NULL: nothing worth a line */
};

/* What a request is answered with. */
struct session_response {
    uint16_t status;
    const char *headers; /* lines, each with its end */
    struct span
        body; /* is left out where there is none: to HEAD, and with the statuses 204 and 304 */
    uint64_t date_s; /* seconds since 1970 */
    bool ends;       /* the connection closes behind it */
};

/* Functions that a codec has no use for are NULL. A codec without `greet` has sessions that are greeted and open from the
 * start, and neither welcome, request nor choose, nor answer, of a peer that is not welcome; one without `wrap` sends no
 * packets. */
struct session_codec {
    /* NULL: no memory. */
    struct session *(*open)(const struct frame *frame, struct budget *budget);
    void (*close)(struct session *session);

    /* From the first bytes of a connection, at least one; they may be few. */
    enum session_guess (*recognize)(struct span input);

    /* Reads the beginning of the input. CONSUMED: the peer asks to be served; cut->consumed bytes are used. ERROR: it is
     * to get the answer. STARVED: no memory, and nothing was used. MORE: as with frame_next. */
    enum frame_verdict (*greet)(struct session *session, const struct frame *frame,
                                struct span input, struct frame_cut *cut,
                                struct session_answer *answer);

    /* Writes what welcomes the peer; returns its size. */
    size_t (*welcome)(struct session *session, const struct frame *frame,
                      char room[SESSION_WELCOME_MAX]);

    /* Like frame_next, with a kind for each packet, which may lie in the session: it is valid until the next call of any
     * of these functions. CONSUMED: bytes that concern nobody else. ENDED: the peer has said its farewell; cut->code.
     * With any verdict but STARVED there may be a reply. */
    enum frame_verdict (*next)(struct session *session, const struct frame *frame,
                               struct frame_cursor *cursor, struct span input,
                               struct frame_cut *cut, struct session_reply *reply);

    /* Whether `next` would use something of the input, or find it wrong; changes nothing. */
    bool (*peek)(const struct session *session, const struct frame *frame, struct span input);

    /* The packet of the last `next` is not used any more. */
    void (*rest)(struct session *session);

    /* Like frame_wrap, for a packet of a kind. The parts may lie in memory that is shared by the sessions of a worker:
     * they are valid until `wrapped`, which must be called next, of all that may be called for any of them. */
    enum frame_fault (*wrap)(struct session *session, const struct frame *frame, struct span packet,
                             enum packet_kind kind, uint8_t *header, struct span *parts,
                             int *count);

    /* After each `wrap` without a fault: the parts are not used any more. sent: they will reach the peer, before all that
     * is wrapped later; or else they never will. */
    void (*wrapped)(struct session *session, bool sent);

    /* Connections for which this is the same may share what `wrap` makes for one of them. NULL: it is its own. */
    const void *(*share)(const struct session *session, const struct frame *frame);

    /* How long the peer may be silent before it is to be pinged, in nanoseconds; 0: for ever. */
    uint64_t (*ping_after_ns)(const struct frame *frame);
    void (*ping)(const struct frame *frame, struct session_reply *reply);

    /* Says goodbye, with a code and words for it (cut to what there is room for). */
    void (*farewell)(const struct frame *frame, uint16_t code, struct span words,
                     struct session_reply *reply);

    /* What the peer has asked for when it was greeted, as it was sent; until it is welcomed. Of a codec that responds: the
     * head of the request that awaits its response. */
    struct span (*request)(const struct session *session);

    /* Chooses one of the protocols that it has asked for. False: it has not, or the name is too long to be answered. */
    bool (*choose)(struct session *session, const struct frame *frame, struct span protocol);

    /* Makes an answer for a peer that was greeted and is not welcome. `headers`: more lines, each with its end. The body
     * is left out where the status has none (204, 304). False: they are too many. */
    bool (*answer)(struct session *session, uint16_t status, const char *headers, struct span body,
                   struct session_answer *answer);

    /* Makes the response to the request that awaits one; or, when none does, to what was no request (fault). *ends: the
     * connection has to close behind it. False: too many headers. */
    bool (*respond)(struct session *session, const struct session_response *response,
                    struct session_answer *answer, bool *ends);
};

#endif
