/* interrupt.h - runs a function on another thread, between two instructions of its code.
 *
 * The function may do only what a signal handler may. */
#ifndef MOONPORT_INTERRUPT_H
#define MOONPORT_INTERRUPT_H

#include <stdbool.h>

/* interrupt_open and interrupt_close are called on the thread to be interrupted. The result identifies the
 * thread; NULL: no memory. If it is opened more than once on a thread, an interrupt of any of them runs all of
 * the functions. */
void *interrupt_open(void (*function)(void *context), void *context);
void interrupt_close(void *thread);

/* From any other thread, between open and close. The function has run when this returns, or will run very soon. */
void interrupt(void *thread);

#endif
