/* talk_system.h - what `moonport talk` asks of the operating system: one connection, the terminal,
 * and waiting for both. */
#ifndef MOONPORT_TALK_SYSTEM_H
#define MOONPORT_TALK_SYSTEM_H

#include "base/address.h"
#include "base/span.h"

extern const char talk_end_key[]; /* what a person types to end the input: "^D" */

/* Instead of a number of bytes. 0 bytes: none now, wait. */
enum { TALK_ENDED = -1, TALK_LOST = -2 };

enum { TALK_TYPED = 1, TALK_RECEIVED = 2, TALK_SENDABLE = 4 };

/* A connection to this very address, or -1 with an error of kind SYSTEM, which says only why. */
intptr_t talk_connect(const struct address *address, struct error *error);
void talk_disconnect(intptr_t socket);

/* The bytes received, TALK_ENDED, or TALK_LOST with an error. Does not wait. */
ptrdiff_t talk_receive(intptr_t socket, void *data, size_t size, struct error *error);

/* The bytes taken to be sent, or TALK_LOST. Does not wait. */
ptrdiff_t talk_send(intptr_t socket, struct span bytes);

/* Tells the server that no more will come. */
void talk_finish(intptr_t socket);

bool talk_typed_by_person(void); /* the input is a terminal */

/* Receives and prints what there is; false: nothing more will come. */
struct talk_receiver {
    intptr_t socket;
    bool (*receive)(void *context);
    void *context;
};

/* Prepares the terminal for a person who types. True if what is typed and what is received stand in one
 * terminal, so that the latter has to be marked. In talk_read the receiver is called, too, if that has to wait
 * for the rest of a key. */
bool talk_terminal_open(const struct talk_receiver *receiver);
void talk_terminal_close(void); /* it is as it was before */

/* How a typed line is edited, for the help; ends with a line end. */
extern const char *const talk_editing;

/* The bytes of the standard input that are there, or TALK_ENDED. */
ptrdiff_t talk_read(void *data, size_t size);

/* Waits for any of `wanted`; returns those that have come, 0 when the time is over. A lost or ended
 * connection counts as received. timeout_ms < 0: for ever. */
unsigned talk_wait(intptr_t socket, unsigned wanted, int timeout_ms);

#endif
