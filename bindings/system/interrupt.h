/* interrupt.h - runs a function on another thread, between two instructions of whatever that does.
 *
 * The function may do only what a signal's handler may. */
#ifndef MOONPORT_INTERRUPT_H
#define MOONPORT_INTERRUPT_H

#include <stdbool.h>

/* On the thread that may be interrupted, as close is. What is returned names it; NULL: no memory. Opened more than
 * once on a thread, each function runs when any of them is to. */
void *interrupt_open(void (*function)(void *context), void *context);
void interrupt_close(void *thread);

/* Any other thread, between open and close. The function has run when this returns, or will at
 * once. */
void interrupt(void *thread);

#endif
