/* talk.h - `moonport talk`: a client for a person or a pipe. Each line typed is sent as a packet, each packet
 * received is printed as a line. */
#ifndef MOONPORT_TALK_H
#define MOONPORT_TALK_H

#include "base/address.h"

/* words[0] is "talk", its arguments follow. Returns the exit status: 0 fine, 1 the server broke the
 * framing, 2 usage (also a line that the framing cannot carry), 3 the system refused: it could not
 * connect, or the connection was lost. */
int talk_main(int count, char **words);

/* Replaces an address that means all interfaces with the loopback address. */
void talk_prefer_loopback(struct address *address);

#endif
