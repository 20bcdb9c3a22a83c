/* veil_peer.h - the client's end of tests/unit/veil.h. */
#ifndef MOONPORT_SIM_VEIL_PEER_H
#define MOONPORT_SIM_VEIL_PEER_H

#include "memory.h"

#include "../unit/veil.h"

#include "system/buffer.h"

/* It appends to buffers, of which the caller owns the memory. */
struct veil_peer {
    struct draw draw;
    uint8_t flags, round, rounds;
    bool open;              /* it has been answered: plain bytes pass */
    bool lifted;            /* ... as they are */
    bool refused, farewell; /* the server has said so */
    struct buffer waiting;  /* plain bytes put before it was open */
    struct buffer record;   /* of the record that is not complete */
};
void veil_peer_open(struct veil_peer *peer, uint64_t seed, uint8_t flags, struct buffer *wire);
void veil_peer_free(struct veil_peer *peer);
void veil_peer_put(struct veil_peer *peer, struct span plain, struct buffer *wire);
void veil_peer_end(struct veil_peer *peer, struct buffer *wire);

/* Bytes from the server: plain ones, and what it has to say to them. False: they are no such stream. */
bool veil_peer_hear(struct veil_peer *peer, struct span bytes, struct buffer *plain,
                    struct buffer *wire);

#endif
