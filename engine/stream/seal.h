/* seal.h - output through a filter: turns the plain bytes of a queue into wire bytes, as many as one turn sends. */
#ifndef MOONPORT_SEAL_H
#define MOONPORT_SEAL_H

#include "stream/filter.h"
#include "stream/stream_home.h"

/* Sealing pauses when this many sealed bytes, or more, wait to be sent. */
enum { SEAL_MAX = 65536 };

/* Fills filter->sealed. `ends`: no more will be queued, so the filter's last message follows the queue. False: there
 * was no memory to seal anything, and filter->sealed is empty. */
bool seal(struct filter *filter, struct outbox *queue, struct stream_home *home, bool ends);

/* The first `size` sealed bytes have been sent. Returns how many plain bytes are no longer pending. */
size_t seal_sent(struct filter *filter, struct outbox *queue, struct block_pool *pool, size_t size);

/* Closes the filter, and gives everything back. To be called before the queue is cleared. */
void seal_close(struct filter *filter, struct outbox *queue, struct budget *budget);

#endif
