/* link_desk.h - a server without a network, whose script has each packet, and a timer, do what the test
 * wants. It must not be called while it runs. */
#ifndef MOONPORT_LINK_DESK_H
#define MOONPORT_LINK_DESK_H

#include "offline_talk.h"

enum { HEADER = 4, LINKS = 4, LARGEST = 150000 };
enum { SIZE = 1000, FRAMED = HEADER + SIZE, MANY = 50 }; /* bytes of a packet, packets */

struct desk {
    struct worker *worker;
    struct link *links[LINKS]; /* in the order in which they came */
    int connected, received, drained, disconnected;
    char reason[32];    /* of the last end */
    struct link *ended; /* whose it was */
    bool runs;          /* it has been called, and has not returned */
    struct span packet; /* while it is handled */
    bool keeps_idle;
    void (*on_packet)(struct link *link);
    void (*on_timer)(void);
    struct wheel_timer timer;
};
extern struct desk desk;

/* Settings: name, value, ..., NULL. */
struct offline *desk_open(const char *const *settings);

/* So many zeros. */
struct span packet_of(size_t size);

/* MANY packets of SIZE to the one that came first. */
void say_much_to_the_first(void);

#endif
