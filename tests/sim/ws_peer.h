/* ws_peer.h - what a simulated client does that speaks WebSocket: asks for it, or for something else; sends messages in
 * fragments, with control frames between them; breaks the protocol in every way; says goodbye. And what it must get for
 * that, besides messages: ws_model.c. */
#ifndef MOONPORT_SIM_WS_PEER_H
#define MOONPORT_SIM_WS_PEER_H

#include "memory.h"

#include "draw.h"
#include "ws_wire.h"

struct sim_peer;

enum { WS_PINGS_MAX = 64 };

/* What it asks for first, and the status that it gets; 101: it is served, if the script wants to. */
struct ws_opening {
    uint16_t status;
    bool is_head;         /* its answer has no body */
    bool continues;       /* it waits for 100, or seems to */
    const char *protocol; /* one that it offers last, and the listener does not have; NULL: none */
    const char *text;     /* %s: its key */
};

/* A way to break the protocol, and how the server has to end it. */
struct ws_breach {
    uint16_t code; /* 0: not at all, it only begins what it never ends */
    const char *what;
};

struct ws_ping {
    uint32_t after; /* so many requests */
    uint8_t size;
    uint8_t bytes[WS_PING_MAX];
};

struct ws_peer {
    /* The client. */
    bool speaks;       /* it is one of these */
    bool has_asked;    /* to be served */
    bool waits;        /* it says nothing more before it is */
    bool is_served;    /* it has read that it is */
    bool is_answered;  /* it has read that it is not */
    bool is_mute;      /* it answers no pings */
    bool is_native;    /* it speaks the other framing of a listener that detects */
    bool has_garbled;  /* what it sent is no WebSocket, and perhaps not even no WebSocket */
    bool has_said_end; /* its close frame */
    uint16_t end_code; /* ... has this code; 1005: none */
    uint8_t key;       /* which */
    const struct ws_opening *opening;
    const struct ws_breach *breach;
    struct ws_ping pings[WS_PINGS_MAX]; /* not answered yet */
    uint32_t ping_count;
    struct buffer message; /* of the server, in fragments */

    /* The server, as the model knows it. */
    bool welcomed, answered;
    bool
        misread; /* it was late, and is taken for a client of the other framing: nothing is known of its packets */
    bool farewell;          /* it has said it */
    uint16_t farewell_code; /* 1005: none */
    uint8_t word_size;
    char words[124];
    bool broken;           /* it was closed at once, without one */
    uint32_t server_pings; /* since the client was heard */
    uint64_t pinged_ns;
    uint64_t farewell_silent_ns; /* how long nothing had been heard then */
};

/* Whether it speaks, and how it begins, is decided once; peer->frame is that of its listener then. */
void ws_peer_open(struct sim_peer *peer);
void ws_peer_free(struct ws_peer *ws);

/* It has asked for this framing, and speaks it from now on: it has to ask to be served. */
void ws_peer_turn(struct sim_peer *peer);

/* Asks to be served, if that is still to be done. */
void ws_peer_begin(struct sim_peer *peer);

/* It may send messages now. */
bool ws_peer_may_ask(const struct sim_peer *peer);

/* Whether request `number` is binary. */
static inline bool ws_is_binary(unsigned number)
{
    return number % 2 == 0;
}

/* Puts something that a message may not have into its filler: bytes of any value, or characters of several bytes. */
void ws_peer_fill(struct sim_peer *peer, bool binary, uint8_t *bytes, size_t size);

/* Appends a message to peer->outgoing. */
void ws_peer_append(struct sim_peer *peer, bool binary, struct span packet);

/* Breaks the protocol. */
void ws_peer_break(struct sim_peer *peer);

/* Says goodbye, perhaps. */
void ws_peer_leave(struct sim_peer *peer);

/* Takes what has come at the front of peer->inbox. False: it is not complete. */
bool ws_peer_take(struct sim_peer *peer);

/* What belongs to that key (RFC 6455 section 4.2.2-5, step 4). */
const char *ws_accept_of(uint8_t key);

#endif
