/* talk_tell.h - what `moonport talk` tells a person about the connection, on standard error. */
#ifndef MOONPORT_TALK_TELL_H
#define MOONPORT_TALK_TELL_H

#include "commands/client_end.h"

#include <stdio.h>

/* Prints bytes as talk_text.h shows them. */
void talk_print(FILE *file, struct span bytes);

/* The server has broken the framing, or was no WebSocket. has_packets: some came before; input: what cannot be read. */
void talk_tell_broken(const struct client_end *server, const struct client_news *news,
                      bool has_packets, struct span input);

/* The server does not let us in. */
void talk_tell_refused(const struct websocket_answer *answer);

/* What it chose, if we have asked for something. */
void talk_tell_protocol(const struct client_end *server, const struct websocket_answer *answer);

/* The server has said goodbye, or answered ours. */
void talk_tell_closed(const struct client_news *news, bool ours, bool has_packets);

/* Nothing more will come, and there is the beginning of a packet. */
void talk_tell_unfinished(const struct client_end *server, bool has_packets, struct span input);

#endif
