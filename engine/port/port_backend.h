/* port_backend.h - shared by all backends of the port: making the events that they have in common. */
#ifndef MOONPORT_PORT_BACKEND_H
#define MOONPORT_PORT_BACKEND_H

#include "port/port.h"

/* Initializes the part of a port that all backends have. */
void port_init(struct port *port, const struct port_operations *operations, uint64_t now_ns,
               uint32_t landing_blocks);

/* To be called before a harvest asks the system. Counts the time since the last harvest as busy; returns the present
 * time, which becomes asked_ns. */
uint64_t port_turn_ended(struct port *port);

/* A harvest has reached the mark: all input from before it has been harvested. */
void port_pass_mark(struct port *port);

/* Mail is taken first, orders before other mail. It has its own share of each harvest, however busy the
 * sockets are. */
static inline bool port_mail_waiting(const struct port *port)
{
    return mailbox_waiting(&port->orders) || mailbox_waiting(&port->mailbox);
}
int port_take_mail(struct port *port, struct port_event *events, int count_max);

/* Ends a stream that has nothing in flight in the system: its last event comes with the next harvest. Moves its
 * recv_node from any other list to `ended`. */
void port_end_stream(struct list *ended, struct port_socket *socket, enum port_error error);
int port_take_ended(struct list *ended, struct port_event *events, int count_max);

/* The same for a watch. `watched` is a list of sockets, linked by their watch_node. */
void port_end_watch(struct list *watched, struct port_socket *socket, enum port_error error);
int port_take_watched(struct list *watched, struct port_event *events, int count_max);
struct port_event port_watch_ended(struct port_socket *socket, enum port_error error);

/* Makes the event of a completed send. */
struct port_event port_sent(struct port_socket *socket, size_t size, enum port_error error);

/* A send has completed before a harvest: its event waits for port_take_sent. */
void port_end_send(struct port *port, struct port_socket *socket, size_t size,
                   enum port_error error);

#endif
