/* deflate.h - compresses messages by DEFLATE (RFC 1951) and inflates them, as permessage-deflate of WebSocket has it
 * (RFC 7692 section 7.2). Done by zlib (deflate_zlib.c), or not at all where the program is built without it
 * (deflate_none.c). Bytes in, bytes out. All memory counts towards a budget, and is taken when a deflater or an inflater
 * is opened: what they do later cannot fail for want of it.
 *
 *     bytes asked for, by bits of the window:    9: 16 K   10: 18 K   11: 22 K   12: 38 K   13: 75 K   14: 146 K   15: 268 K
 *     an inflater:                               7 K and its window */
#ifndef MOONPORT_DEFLATE_H
#define MOONPORT_DEFLATE_H

#include "base/budget.h"
#include "base/span.h"

/* Of the size of a window, in bits. zlib cannot compress with one of 8. */
enum { DEFLATE_BITS_MIN = 9, DEFLATE_BITS_MAX = 15 };

enum { DEFLATE_LEVEL_MIN = 1, DEFLATE_LEVEL_MAX = 9 };

struct deflater;
struct inflater;

/* Whether the program is built with zlib. Otherwise nothing can be opened. */
bool deflate_is_there(void);

/* NULL: no memory. Closing: from any thread. */
struct deflater *deflater_open(struct budget *budget, uint8_t level, uint8_t bits);
void deflater_close(struct deflater *deflater);

/* Compresses a message, without the four bytes that all end in (7.2.1). It refers to those before it since the last
 * deflater_reset. Returns its size; 0: it does not fit into the room, and the deflater was reset. */
size_t deflater_run(struct deflater *deflater, struct span message, struct span room);

/* What follows does not refer to anything before. That never needs the peer's consent: who has kept more can inflate it
 * as well. So this is what to do about a message that was compressed and will not be sent. */
void deflater_reset(struct deflater *deflater);

struct inflater *inflater_open(struct budget *budget, uint8_t bits);
void inflater_close(struct inflater *inflater);

/* Bytes of memory. */
size_t inflater_size(const struct inflater *inflater);

/* Inflates until the input is used up or the room is full, and takes what was used and what was filled off their fronts.
 * A room that is full: there may be more to come, be there input or not. False: the input is not DEFLATE, or refers to
 * what never was; then inflater_reset with `keeps` false is all that it can be used for. A block with BFINAL set is
 * followed by others (7.2.3.4). */
bool inflater_run(struct inflater *inflater, struct span *input, struct span *room);

/* The four bytes that a message is to be inflated with behind it (7.2.2). */
struct span inflater_tail(void);

/* A message has ended. keeps: the next may refer to it (7.1.1). */
void inflater_reset(struct inflater *inflater, bool keeps);

#endif
