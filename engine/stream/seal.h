/* seal.h - the way out through a filter: plain bytes of a queue become wire bytes, as many as one turn sends. */
#ifndef MOONPORT_SEAL_H
#define MOONPORT_SEAL_H

#include "stream/filter.h"
#include "stream/stream_home.h"

/* What is sealed and has not been sent: more is sealed below this. */
enum { SEAL_MAX = 65536 };

/* Fills filter->sealed. `ends`: no more will be queued, so behind all of it comes the filter's farewell. False: there
 * is something to seal, nothing is sealed, and there was no memory. */
bool seal(struct filter *filter, struct outbox *queue, struct stream_home *home, bool ends);

/* The first `size` sealed bytes are gone. */
void seal_sent(struct filter *filter, struct outbox *queue, struct block_pool *pool, size_t size);

/* Gives everything back, before the queue is cleared. */
void seal_close(struct filter *filter, struct outbox *queue, struct budget *budget);

#endif
