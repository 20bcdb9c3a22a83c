/* port_sim.h - a completion port whose system is drawn from a seed. It keeps the contract of port.h to
 * the letter, and uses every freedom that the contract leaves:
 *
 *   completions take their time and are harvested in any order, a harvest may bring one or many;
 *   receives bring 1 byte or many, are yielded out of order within recv_depth, and go on after they
 *   were stopped; sends take 1 byte, 0, or many, stall, and succeed although they were cancelled;
 *   connections break at any moment; there is no room for a socket; accepting fails.
 *
 * Nothing waits here: whoever drives it asks port_sim_ready, and moves the clock (world.c). A port is
 * ready for what was completed, and when it was woken: mail that nobody wakes it for stays unread. */
#ifndef MOONPORT_SIM_PORT_H
#define MOONPORT_SIM_PORT_H

#include "memory.h"

#include "port/port.h"

struct sim_pipe;

enum sim_handle_kind { SIM_PIPE, SIM_LISTENER };

struct sim_port {
    struct port port;
    struct block_pool landing;
    uint32_t recv_depth;
    struct list pipes;     /* attached */
    struct list listeners; /* accepting */
    bool woken, mail_left;
    uint64_t busy_until; /* its thread does not come to it before */
    uint64_t rests_ns;   /* since when its thread has waited; 0: it does not */
};

struct port *port_sim_open(const struct port_options *options);

static inline struct sim_port *port_sim_of(struct port *port)
{
    return container_of(port, struct sim_port, port);
}

/* What happens at the system by itself, by now. */
void port_sim_progress(struct sim_port *port);

/* A harvest brings something, or the owner was woken. */
bool port_sim_ready(const struct sim_port *port);

/* When it may become so; UINT64_MAX: not by itself. */
uint64_t port_sim_next_ns(const struct sim_port *port);

/* Somebody connects. It is refused (its streams break) if nobody listens there. */
void port_sim_connect(struct sim_pipe *pipe, uint16_t port_number);

#endif
