/* listeners.h - one is closed, or opened again, at any time, and what must hold then: a closed one takes nobody, an
 * open one does, and an order is carried out unless the server is ending. */
#ifndef MOONPORT_SIM_LISTENERS_H
#define MOONPORT_SIM_LISTENERS_H

#include "memory.h"

#include "server/server_control.h"

struct world;

struct listeners {
    struct listener_order order;
    bool ordered; /* it is not known to be done */
    bool closed[CONFIG_LISTENERS_MAX];
};

/* So many times in a thousand, somebody gives an order, unless one is under way. */
void listeners_strike(struct world *world, uint16_t permille);

/* After a turn of the control thread: has it done what was ordered? */
void listeners_look(struct world *world);

/* After the server has stopped listening. */
void listeners_ended(struct world *world);

/* For port_sim.c and counts.c: whether anybody may be turned away there, because nobody listens; and accepted. */
bool listeners_may_turn_away(const struct world *world, uint32_t index);
bool listeners_may_accept(const struct world *world, uint32_t index);

#endif
