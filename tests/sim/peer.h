/* peer.h - a simulated client, and what it must get back.
 *
 * Its requests are numbered, and say what the script is to do (server/main.lua); the script answers
 * each, in order. The oracle (oracle.c) writes down what the script was handed and what it queued; the
 * peer holds both against what it sent and what it gets, byte for byte. */
#ifndef MOONPORT_SIM_PEER_H
#define MOONPORT_SIM_PEER_H

#include "memory.h"

#include "draw.h"
#include "pipe.h"
#include "ws_peer.h"

#include "frame/frame.h"

enum { REQUESTS_MAX = 64, PUBLISHERS_MAX = 128 };

/* What the script knows of a connection. */
enum peer_stage { STAGE_NEW, STAGE_DECIDING, STAGE_ACCEPTED, STAGE_GONE, STAGE_RELEASED };

struct peer_request {
    char op;
    bool refused;       /* its answer could not be queued, and the script was told so */
    uint64_t version;   /* of the script, at least */
    size_t begin, size; /* the packet, in peer->packets */
};

struct sim_peer {
    struct sim_pipe pipe;
    uint32_t number, listener;
    struct draw draw;
    uint64_t next_ns; /* when it acts next; UINT64_MAX: not by itself */
    bool connected, finished, over;
    bool healthy; /* asks for one thing at a time, reads at once, and must be served in time */
    bool trickles, garbled, raw;
    uint64_t late_ns; /* it says nothing for so long at first */
    struct ws_peer ws;
    uint64_t asked_ns; /* healthy: when; 0: it waits for nothing */

    /* The way to the server. */
    struct frame frame;     /* of what it sends */
    struct buffer outgoing; /* framed, and not put on the way yet */
    struct peer_request requests[REQUESTS_MAX];
    uint32_t wanted, asked; /* requests: in all, so far */
    uint32_t pipeline;      /* how many of them may be unanswered */
    struct buffer packets;  /* all that it has asked; raw: all that it has sent */
    uint32_t handed;        /* requests that the script was given */
    size_t handed_bytes;    /* raw: bytes */

    /* The way back. */
    struct frame reply_frame;
    struct {
        size_t at; /* from this byte of all that was queued */
        struct frame frame;
    } changes[REQUESTS_MAX]; /* of the framing */
    int change_count;
    struct frame_cursor cursor;
    struct buffer expected; /* all that the script has queued, framed */
    size_t queued, read;    /* bytes: of it; of those that have come */
    size_t lost;            /* raw: bytes that could not be queued */
    struct buffer inbox;
    uint32_t answered; /* requests */
    uint64_t version;  /* the newest that has answered */
    uint64_t id;       /* of the connection */
    struct {
        uint64_t id, number;
    } publishers[PUBLISHERS_MAX];                                 /* the last message of each */
    uint32_t timers[REQUESTS_MAX / 32], posts[REQUESTS_MAX / 32]; /* that have come: a bit each */

    /* What the script was told. */
    enum peer_stage stage;
    char reason[32];
    uint64_t draining_ns;         /* since when it is being closed; 0: it is not */
    uint64_t draining_stalled_ns; /* the world's stalled_ns then */
    uint64_t gone_ns; /* since when a gate keeps it although its peer has ended; 0: none does */
    uint64_t gone_stalled_ns, gated_ns; /* the world's stalled_ns, and the link's gated_ns, then */
    uint64_t shut_ns;           /* since when it is told that no more will come; 0: it is not */
    int unsealed;               /* turns in which it could have sealed what it sends, and had not */
    bool starves;               /* it has waited for memory since it asked */
    uint64_t starved_ns;        /* since when it waits for memory; 0: it does not */
    uint64_t looked_ns;         /* its home's time when that was last looked at */
    uint64_t idle_set_ns;       /* when its limit was set */
    uint64_t idle_set_taken_ns; /* its worker's taken_ns then */
    bool idles_its_way;         /* the script has set a limit for it alone */
    bool idles;                 /* on_idle waits */
    bool idle_ends;             /* it has answered that this is the end */
    bool spared;                /* if what it was handed last fails, it stays open all the same */
    bool was_spared;            /* ever */
    bool failed;                /* something of it has */
    bool may_error;             /* ... and it was not spared: it ends with reason "error" */
    bool refusing;   /* a packet to it was refused, and on_drain has not been called since */
    bool drain_owed; /* its queue was long, and on_drain has not been called since */
    bool offered;    /* what is said to many was said to it, too */
    uint32_t lua_connects, lua_disconnects;
};

static inline struct sim_peer *peer_of(const struct sim_pipe *pipe)
{
    return pipe->owner;
}

void peer_open(struct sim_peer *peer, uint32_t number, bool healthy);
void peer_free(struct sim_peer *peer);

/* Does what it does at this time. */
void peer_act(struct sim_peer *peer);

/* Something has come for it; it takes some of that. */
bool peer_readable(const struct sim_peer *peer);
void peer_read(struct sim_peer *peer);

/* If it is healthy: has it waited for too long? A wait that is nobody's fault does not count. */
void peer_await(struct sim_peer *peer);
void peer_excuse(struct sim_peer *peer, uint64_t duration_ns);

/* It says no more, and hears all. */
void peer_calm(struct sim_peer *peer);

/* ---- requests.c ---- */

/* Frames the next one, or bytes of its own if it is raw. */
void peer_ask(struct sim_peer *peer);

/* Its answer could not be queued, and the script was told so. */
void peer_refused(struct sim_peer *peer, unsigned number);

/* A whole packet has come. */
void peer_heard(struct sim_peer *peer, struct span packet);

#endif
