/* port_backend.h - what all backends of the port share: the events that each of them makes. */
#ifndef MOONPORT_PORT_BACKEND_H
#define MOONPORT_PORT_BACKEND_H

#include "port/port.h"

/* What is in every backend's port when it opens. */
void port_init(struct port *port, const struct port_operations *operations, uint64_t now_ns,
               uint32_t landing_blocks);

/* The time, before a harvest asks the system: what passed since the last one was work. Also the
 * harvest's asked_ns. */
uint64_t port_turn_ended(struct port *port);

/* A harvest has come to the mark: what had come before it is heard. */
void port_pass_mark(struct port *port);

/* Mail is taken first, orders before all other, and has a share of its own, however busy the sockets
 * are. */
static inline bool port_mail_waiting(const struct port *port)
{
    return mailbox_waiting(&port->orders) || mailbox_waiting(&port->mailbox);
}
int port_take_mail(struct port *port, struct port_event *events, int count_max);

/* A stream that nothing in the system will end: its last event comes with the next harvest. It is
 * in a list by its recv_node, before in any other or in none. */
void port_end_stream(struct list *ended, struct port_socket *socket, enum port_error error);
int port_take_ended(struct list *ended, struct port_event *events, int count_max);

/* Watches that are over: `watched` is a list of sockets by their watch_node. */
void port_end_watch(struct list *watched, struct port_socket *socket, enum port_error error);
int port_take_watched(struct list *watched, struct port_event *events, int count_max);
struct port_event port_watch_ended(struct port_socket *socket, enum port_error error);

/* The completion of a send. */
struct port_event port_sent(struct port_socket *socket, size_t size, enum port_error error);

/* A send that has completed before a harvest: its event waits for port_take_sent. */
void port_end_send(struct port *port, struct port_socket *socket, size_t size,
                   enum port_error error);

#endif
