/* deaf.h - a peer of an echo that asks and asks and does not read, until it does. What it sends is
 * a stream of numbered packets, so that whatever comes back can be compared. */
#ifndef MOONPORT_DEAF_H
#define MOONPORT_DEAF_H

#include "harness.h"

struct deaf {
    int client;
    size_t packet_size;      /* bytes of each packet, without its header */
    uint64_t sent, received; /* bytes of the stream */
};

/* Returns when its first packet has been answered: from then on it can not be refused. */
struct deaf deaf_connect(const struct server *server, size_t packet_size);

/* Sends what the system takes without waiting. Returns how many bytes that was. */
size_t deaf_push(struct deaf *deaf);

/* Sends what is missing of the last packet and reads all that comes back, of all of them at once.
 * The test fails if a byte is wrong, or does not come. */
void deaf_hear(struct deaf *deaf, int count);

#endif
