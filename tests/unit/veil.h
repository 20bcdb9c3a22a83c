/* veil.h - a filter that only tests have. It does to a stream what encryption does, without any
 * cryptography: it shakes hands over several rounds, grows and shrinks what it carries, pads, holds bytes back until
 * it is asked for them, says farewell, and refuses.
 *
 *     record: a type, the size of what follows in two bytes, little-endian, and so many bytes
 *
 *     hello    the client's: its round, how many there will be, flags (enum veil_flag), filler
 *     answer   the server's to each hello: the round, filler
 *     masked   plain bytes, each with a mask
 *     packed   how many (one byte); then plain bytes below 128, eight of them in seven
 *     padding  nothing
 *     question the client's: it is answered with padding
 *     farewell no more will come
 *     refusal  the server's: it takes no more
 *
 * What each end does is drawn from a seed. */
#ifndef MOONPORT_VEIL_H
#define MOONPORT_VEIL_H

#include "../sim/draw.h"

#include "stream/filter.h"

enum veil_type {
    VEIL_HELLO = 'H',
    VEIL_ANSWER = 'A',
    VEIL_MASKED = 'M',
    VEIL_PACKED = 'S',
    VEIL_PADDING = 'P',
    VEIL_QUESTION = 'Q',
    VEIL_FAREWELL = 'E',
    VEIL_REFUSAL = 'R',
};

enum veil_flag {
    VEIL_TURN_AWAY = 1, /* the server is to refuse in the last round */
    VEIL_LIFT = 2,      /* ... or to remove the filter in the first: without an answer */
    VEIL_GAME = 4,      /* both speak "game/1" inside */
    VEIL_WEB = 8,       /* ... or "http/1.1" */
};

enum { VEIL_HEAD = 3, VEIL_PAYLOAD_MAX = 200, VEIL_MASK = 0x5a, VEIL_ROUNDS_MAX = 3 };

/* One record as it goes over the wire, of at most VEIL_PAYLOAD_MAX bytes; returns its size. */
enum { VEIL_RECORD_MAX = VEIL_HEAD + VEIL_PAYLOAD_MAX };
size_t veil_record(uint8_t *record, enum veil_type type, struct span payload);

/* Plain bytes as a record: masked, or packed if all are below 128. 1 to VEIL_PAYLOAD_MAX of them. */
size_t veil_cover(uint8_t *record, struct span plain, bool packed);

/* ... and back: how many, into room for VEIL_PLAIN_MAX. SIZE_MAX: it is no such record. */
enum { VEIL_PLAIN_MAX = 256 };
size_t veil_uncover(uint8_t *plain, uint8_t type, struct span payload);

/* The server's end. Each connection's draws begin with another seed. */
struct veil_source {
    struct filter_source source; /* first */
    _Atomic uint64_t seed;
};
void veil_source_init(struct veil_source *source, uint64_t seed);

#endif
