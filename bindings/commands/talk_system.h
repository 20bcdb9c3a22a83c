/* talk_system.h - what `moonport talk` needs from the operating system: one connection, the terminal, and waiting
 * for both. */
#ifndef MOONPORT_TALK_SYSTEM_H
#define MOONPORT_TALK_SYSTEM_H

#include "base/address.h"
#include "base/span.h"

extern const char talk_end_key[]; /* the key that ends the input: "^D" */

/* Results instead of a number of bytes. 0 bytes: there are none now; wait. */
enum { TALK_ENDED = -1, TALK_LOST = -2 };

enum { TALK_TYPED = 1, TALK_RECEIVED = 2, TALK_SENDABLE = 4 };

/* Connects to this address. -1: an error of kind SYSTEM, whose text gives only the reason. */
intptr_t talk_connect(const struct address *address, struct error *error);
void talk_disconnect(intptr_t socket);

/* Returns how many bytes were received, TALK_ENDED, or TALK_LOST with an error. Does not wait. */
ptrdiff_t talk_receive(intptr_t socket, void *data, size_t size, struct error *error);

/* Returns how many bytes were accepted for sending, or TALK_LOST. Does not wait. */
ptrdiff_t talk_send(intptr_t socket, struct span bytes);

/* Tells the server that no more bytes will follow. */
void talk_finish(intptr_t socket);

bool talk_typed_by_person(void); /* the input is a terminal */

/* `receive` receives and prints the packets that are there. False: no more will come. */
struct talk_receiver {
    intptr_t socket;
    bool (*receive)(void *context);
    void *context;
};

/* Prepares the terminal for a person who types. True if typed and received lines share one terminal, so that
 * received ones must be marked. talk_read also calls the receiver if it has to wait for the rest of a key. */
bool talk_terminal_open(const struct talk_receiver *receiver);
void talk_terminal_close(void); /* restores the terminal */

/* How a typed line is edited, for the help text; ends with a line end. */
extern const char *const talk_editing;

/* Reads the bytes that standard input has now. Returns how many, or TALK_ENDED. */
ptrdiff_t talk_read(void *data, size_t size);

/* Waits for any of `wanted`; returns those that have happened, 0 when the time is over. A lost or ended
 * connection counts as received. timeout_ms < 0: no limit. */
unsigned talk_wait(intptr_t socket, unsigned wanted, int timeout_ms);

#endif
