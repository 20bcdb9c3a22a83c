/* signals.h - what a person or a supervisor tells the program from outside. */
#ifndef MOONPORT_SIGNALS_H
#define MOONPORT_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* Before any thread is made: from here on stop requests wait to be asked for. */
void signals_hold(void);

/* True when a stop was asked for (TERM, INT); waits for that up to so many milliseconds, or for
 * ever if it is negative. */
bool signals_wait_for_stop(int milliseconds);

#endif
