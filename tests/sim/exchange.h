/* exchange.h - what the script says of its channels, and what must hold: a value that was pushed comes out once, or is
 * still there. */
#ifndef MOONPORT_SIM_EXCHANGE_H
#define MOONPORT_SIM_EXCHANGE_H

#include "draw.h"

#include <stdbool.h>

struct world;

enum { EXCHANGE_CHANNELS = 2 };

/* Before a run. */
void exchange_begin(void);

/* "pushes C ID N", then "pushed" or "unpushed"; "popped C ID N": of value N of connection ID in channel C. */
void exchange_note(const char *note);

/* No handler is left: what is queued is what is left of the values, and is taken out. */
void exchange_settled(struct world *world);

#endif
