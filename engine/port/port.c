#include "port/port_backend.h"

const char *port_backend_name(enum port_backend backend)
{
    static const char *const names[] = {
        [PORT_AUTO] = "auto", [PORT_URING] = "uring", [PORT_EPOLL] = "epoll", [PORT_IOCP] = "iocp"};
    return names[backend];
}

const char *port_error_text(enum port_error error)
{
    static const char *const texts[] = {
        [PORT_OK] = "no error",
        [PORT_CANCELLED] = "cancelled",
        [PORT_RESET] = "reset by the peer",
        [PORT_TIMED_OUT] = "the network timed out",
        [PORT_NO_DESCRIPTORS] = "out of file descriptors",
        [PORT_NO_MEMORY] = "the system is out of memory",
        [PORT_FAILED] = "the system refused",
    };
    return texts[error];
}

void port_init(struct port *port, const struct port_operations *operations, uint64_t now_ns,
               uint32_t landing_blocks)
{
    *port = (struct port){.operations = operations,
                          .now_ns = now_ns,
                          .asked_ns = now_ns,
                          .landing_blocks = landing_blocks};
    list_init(&port->sent);
}

uint64_t port_turn_ended(struct port *port)
{
    uint64_t now_ns = port_clock(port);
    port->busy_ns += now_ns - port->now_ns;
    port->asked_ns = now_ns;
    return now_ns;
}

uint64_t port_heard(struct port *port)
{
    if (!port_behind(port)) {
        port->heard_ns = port->asked_ns;
    } else if (port->mark_ns == 0) {
        port->mark_ns = port->asked_ns;
        port->operations->mark(port);
    }
    return port->heard_ns;
}

void port_pass_mark(struct port *port)
{
    if (port->mark_ns > port->heard_ns) port->heard_ns = port->mark_ns;
    port->mark_ns = 0;
}

int port_take_mail(struct port *port, struct port_event *events, int count_max)
{
    int count = 0;
    struct mail *mail;
    int share = count_max < 4 ? count_max : count_max / 4;
    if (!port_mail_waiting(port)) return 0;
    while (count < share && ((mail = mailbox_take(&port->orders)) != NULL ||
                             (mail = mailbox_take(&port->mailbox)) != NULL))
        events[count++] = (struct port_event){.kind = PORT_POSTED, .mail = mail};
    return count;
}

void port_end_stream(struct list *ended, struct port_socket *socket, enum port_error error)
{
    socket->recv_error = (uint8_t)error;
    list_remove(&socket->recv_node);
    list_append(ended, &socket->recv_node);
}

int port_take_ended(struct list *ended, struct port_event *events, int count_max)
{
    int count = 0;
    struct list *node;
    while (count < count_max && (node = list_take_first(ended)) != NULL) {
        struct port_socket *socket = container_of(node, struct port_socket, recv_node);
        socket->receiving = false;
        events[count++] = (struct port_event){
            .kind = PORT_RECEIVED, .error = socket->recv_error, .last = true, .socket = socket};
    }
    return count;
}

struct port_event port_watch_ended(struct port_socket *socket, enum port_error error)
{
    socket->watching = PORT_WATCH_NOTHING;
    return (struct port_event){.kind = PORT_ENDED, .error = (uint8_t)error, .socket = socket};
}

void port_end_watch(struct list *watched, struct port_socket *socket, enum port_error error)
{
    socket->watch_error = (uint8_t)error;
    list_remove(&socket->watch_node);
    list_append(watched, &socket->watch_node);
}

int port_take_watched(struct list *watched, struct port_event *events, int count_max)
{
    int count = 0;
    struct list *node;
    while (count < count_max && (node = list_take_first(watched)) != NULL) {
        struct port_socket *socket = container_of(node, struct port_socket, watch_node);
        events[count++] = port_watch_ended(socket, socket->watch_error);
    }
    return count;
}

struct port_event port_sent(struct port_socket *socket, size_t size, enum port_error error)
{
    socket->sending = false;
    return (struct port_event){
        .kind = PORT_SENT, .error = (uint8_t)error, .socket = socket, .size = size};
}

void port_end_send(struct port *port, struct port_socket *socket, size_t size,
                   enum port_error error)
{
    socket->send_size = size;
    socket->send_error = (uint8_t)error;
    list_append(&port->sent, &socket->send_node);
}

bool port_take_sent_of(struct port_socket *socket, struct port_event *event)
{
    if (list_empty(&socket->send_node)) return false;
    list_remove(&socket->send_node);
    *event = port_sent(socket, socket->send_size, socket->send_error);
    return true;
}

int port_take_sent(struct port *port, struct port_event *events, int count_max)
{
    int count = 0;
    struct list *node;
    while (count < count_max && (node = list_take_first(&port->sent)) != NULL) {
        struct port_socket *socket = container_of(node, struct port_socket, send_node);
        events[count++] = port_sent(socket, socket->send_size, socket->send_error);
    }
    return count;
}
