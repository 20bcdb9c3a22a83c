/* collections.h - counts how often Lua's collector has gone through all that its state holds. Short cycles of the
 * generational mode, which visit only what is new, do not count. */
#ifndef MOONPORT_COLLECTIONS_H
#define MOONPORT_COLLECTIONS_H

#include "lua/state.h"

/* From now on state->collections is counted up, by the thread that the state belongs to. May raise an error. */
void collections_open(struct state *state);

#endif
