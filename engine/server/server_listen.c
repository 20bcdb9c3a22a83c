/* Listeners. They are opened at the start and closed at the end; other threads may order both in between. */
#include "server/server_control.h"

#include <stdio.h>

enum { BACKLOG = 4096 };
#define RETRY_NS UINT64_C(100000000)    /* between tries to accept while descriptors are short */
#define EPISODE_NS UINT64_C(1000000000) /* without a failure; then the shortage is over */

static void move(struct server_listener *listener, enum listener_state next)
{
    static const uint8_t moves[] = {
        [LISTENER_NEW] = 1u << LISTENER_OPEN,
        [LISTENER_OPEN] = 1u << LISTENER_CLOSING,
        [LISTENER_CLOSING] = 1u << LISTENER_CLOSED,
        [LISTENER_CLOSED] = 1u << LISTENER_OPEN,
    };
    check(moves[listener_state_of(listener)] & 1u << next);
    atomic_store_explicit(&listener->state, (uint8_t)next, memory_order_release);
}

static void open_listener(struct server *server, struct server_listener *listener, intptr_t handle)
{
    move(listener, LISTENER_OPEN);
    listener->acceptor.handle = handle;
    port_accept_start(server->port, &listener->acceptor);
}

void server_log_listener(const struct server *server, uint32_t index, const char *event)
{
    char text[ADDRESS_TEXT_MAX];
    const struct config_listener *listener = &server->config.listeners[index];
    log_line(LOG_INFO, "%s %s (%s%s%s%s)", event,
             address_format(&server->listeners[index].address, text), listener->frame.codec->name,
             listener->detects ? " or " : "", listener->detects ? listener->other.codec->name : "",
             listener->filter != NULL ? ", TLS" : "");
}

static void remove_file(const struct address *address)
{
    if (address->family == ADDRESS_UNIX) remove(address->path);
}

/* The socket can be closed only when the port has stopped accepting from it. */
static void try_to_close(struct server *server, struct server_listener *listener)
{
    if (listener->acceptor.accepting) return;
    port_accept_close(server->port, &listener->acceptor);
    remove_file(&listener->address);
    move(listener, LISTENER_CLOSED);
}

static void begin_to_close(struct server *server, struct server_listener *listener)
{
    move(listener, LISTENER_CLOSING);
    listener->paused = false;
    port_accept_stop(server->port, &listener->acceptor);
    try_to_close(server, listener);
}

void server_close_listeners(struct server *server)
{
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        if (listener_state_of(&server->listeners[i]) == LISTENER_OPEN)
            begin_to_close(server, &server->listeners[i]);
}

bool server_listeners_are_closed(const struct server *server)
{
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        if (listener_state_of(&server->listeners[i]) != LISTENER_CLOSED) return false;
    return true;
}

bool server_listen(struct server *server)
{
    const struct port_operations *operations = server->port->operations;
    uint32_t count = server->config.listener_count, bound = 0;
    intptr_t handles[CONFIG_LISTENERS_MAX];
    for (; bound < count; bound++) {
        const struct address *address = &server->config.listeners[bound].address;
        handles[bound] = operations->listen(address, BACKLOG, &server->error);
        if (handles[bound] < 0) goto failed;
        server->listeners[bound].address = *address;
        operations->local_address(handles[bound], &server->listeners[bound].address);
    }
    for (uint32_t i = 0; i < count; i++) open_listener(server, &server->listeners[i], handles[i]);
    return true;

failed:
    while (bound-- > 0) {
        operations->close_handle(handles[bound]);
        remove_file(&server->listeners[bound].address);
    }
    return false;
}

/* ---- accepting ---- */

static void admit(struct server *server, uint32_t index, const struct port_event *accepted)
{
    const struct port_operations *operations = server->port->operations;
    struct address peer;
    if (operations->peer_address(accepted, &peer))
        server_admit(server, index, accepted->handle, &peer);
    else /* the peer has gone already */
        operations->close_handle(accepted->handle);
}

static void accept_failed(struct server *server, struct server_listener *listener,
                          enum port_error error)
{
    uint64_t now_ns = port_now(server->port);
    if (now_ns >= server->short_until_ns)
        log_line(LOG_WARN, "cannot accept: %s; trying again until it works",
                 port_error_text(error));
    server->short_until_ns = now_ns + EPISODE_NS;
    listener->paused = true;
    server->retry_ns = now_ns + RETRY_NS;
}

void server_retry_paused(struct server *server)
{
    if (port_now(server->port) < server->retry_ns) return;
    server->retry_ns = UINT64_MAX;
    for (uint32_t i = 0; i < server->config.listener_count; i++) {
        struct server_listener *listener = &server->listeners[i];
        if (!listener->paused) continue;
        listener->paused = false;
        port_accept_start(server->port, &listener->acceptor);
    }
}

/* ---- orders, on the control thread ---- */

void server_init_orders(struct server *server)
{
    pthread_mutex_init(&server->orders.giving, NULL);
    pthread_mutex_init(&server->orders.mutex, NULL);
    pthread_cond_init(&server->orders.changed, NULL);
}

void server_free_orders(struct server *server)
{
    pthread_cond_destroy(&server->orders.changed);
    pthread_mutex_destroy(&server->orders.mutex);
    pthread_mutex_destroy(&server->orders.giving);
}

static void answer(struct listener_orders *orders, struct listener_order *order, bool fine)
{
    pthread_mutex_lock(&orders->mutex);
    order->fine = fine;
    order->done = true; /* from the unlock on, its memory may be gone */
    pthread_cond_broadcast(&orders->changed);
    pthread_mutex_unlock(&orders->mutex);
}

static bool open_as_ordered(struct server *server, const struct listener_order *order)
{
    struct server_listener *listener = &server->listeners[order->index];
    if (server->ending || listener_state_of(listener) != LISTENER_CLOSED) return false;
    open_listener(server, listener, order->handle);
    server_log_listener(server, order->index, "listening on");
    return true;
}

/* False: it is closing; it will be closed in server_accepted. */
static bool close_as_ordered(struct server *server, const struct listener_order *order)
{
    struct server_listener *listener = &server->listeners[order->index];
    if (listener_state_of(listener) == LISTENER_OPEN) {
        server_log_listener(server, order->index, "no longer listening on");
        begin_to_close(server, listener);
    }
    return listener_state_of(listener) == LISTENER_CLOSED;
}

static void carry_out(struct server *server)
{
    struct listener_order *order = server->orders.carried_out;
    if (order == NULL) return;
    bool opens = order->handle >= 0;
    bool fine = opens ? open_as_ordered(server, order) : close_as_ordered(server, order);
    if (!fine && !opens) return; /* called again when it is closed */
    server->orders.carried_out = NULL;
    answer(&server->orders, order, fine);
}

static struct listener_order *take_order(struct listener_orders *orders, bool are_taken)
{
    pthread_mutex_lock(&orders->mutex);
    struct listener_order *order = orders->given;
    orders->given = NULL;
    orders->are_taken = are_taken;
    pthread_mutex_unlock(&orders->mutex);
    return order;
}

void server_take_orders(struct server *server)
{
    check(take_order(&server->orders, true) == NULL);
}

void server_read_order(struct server *server)
{
    struct listener_orders *orders = &server->orders;
    struct listener_order *order = take_order(orders, orders->are_taken);
    if (order == NULL) return; /* it was answered by server_refuse_orders */
    check(orders->carried_out == NULL);
    orders->carried_out = order;
    carry_out(server);
}

void server_refuse_orders(struct server *server)
{
    struct listener_order *order = take_order(&server->orders, false);
    check(server->orders.carried_out == NULL);
    if (order != NULL) answer(&server->orders, order, order->handle < 0);
}

void server_accepted(struct server *server, const struct port_event *event)
{
    struct server_listener *listener =
        container_of(event->acceptor, struct server_listener, acceptor);
    if (event->handle >= 0) admit(server, (uint32_t)(listener - server->listeners), event);
    if (!event->last) return;
    if (listener_state_of(listener) == LISTENER_CLOSING) {
        try_to_close(server, listener);
        carry_out(server);
    } else if (event->error == PORT_OK) {
        port_accept_start(server->port, &listener->acceptor);
    } else {
        accept_failed(server, listener, event->error);
    }
}

/* ---- orders, on the threads that give them ---- */

bool server_order_open(struct server *server, uint32_t index, struct listener_order *order,
                       struct error *error)
{
    struct address address = server->config.listeners[index].address;
    if (address.family != ADDRESS_UNIX) address.port = server->listeners[index].address.port;
    *order = (struct listener_order){.index = index};
    order->handle = server->port->operations->listen(&address, BACKLOG, error);
    return order->handle >= 0;
}

void server_drop_socket(struct server *server, const struct listener_order *order)
{
    server->port->operations->close_handle(order->handle);
    remove_file(&server->listeners[order->index].address);
}

void server_give_order(struct server *server, struct listener_order *order)
{
    struct listener_orders *orders = &server->orders;
    const struct server_listener *listener = &server->listeners[order->index];
    pthread_mutex_lock(&orders->mutex);
    check(orders->given == NULL);
    if (orders->are_taken) {
        orders->given = order;
        port_post(server->port, &orders->mail);
    } else { /* the end of the server closes listeners, but opens none */
        order->done = true;
        order->fine = order->handle < 0 && listener_state_of(listener) == LISTENER_CLOSED;
    }
    pthread_mutex_unlock(&orders->mutex);
}

static bool await(struct listener_orders *orders, const struct listener_order *order)
{
    pthread_mutex_lock(&orders->mutex);
    while (!order->done) pthread_cond_wait(&orders->changed, &orders->mutex);
    bool fine = order->fine;
    pthread_mutex_unlock(&orders->mutex);
    return fine;
}

static bool are_taken(struct listener_orders *orders)
{
    pthread_mutex_lock(&orders->mutex);
    bool taken = orders->are_taken;
    pthread_mutex_unlock(&orders->mutex);
    return taken;
}

static bool is_there(const struct server *server, uint32_t index, struct error *error)
{
    uint32_t count = server->config.listener_count;
    if (index < count) return true;
    return error_set(error, ERROR_USAGE, "there is no listener %u: there are %u", index + 1, count);
}

/* The calling thread binds the socket, because that may take long: the control thread must go on accepting. */
static bool open_it(struct server *server, uint32_t index, struct error *error)
{
    struct listener_order order;
    if (listener_state_of(&server->listeners[index]) == LISTENER_OPEN) return true;
    if (!are_taken(&server->orders)) goto ending;
    if (!server_order_open(server, index, &order, error)) return false;
    server_give_order(server, &order);
    if (await(&server->orders, &order)) return true;
    server_drop_socket(server, &order);
ending:
    return error_set(error, ERROR_SYSTEM, "the server is ending");
}

bool server_listener_open(struct server *server, uint32_t index, struct error *error)
{
    if (!is_there(server, index, error)) return false;
    pthread_mutex_lock(&server->orders.giving);
    bool fine = open_it(server, index, error);
    pthread_mutex_unlock(&server->orders.giving);
    return fine;
}

bool server_listener_close(struct server *server, uint32_t index, struct error *error)
{
    struct listener_order order = {.index = index, .handle = -1};
    if (!is_there(server, index, error)) return false;
    pthread_mutex_lock(&server->orders.giving);
    server_give_order(server, &order);
    bool fine = await(&server->orders, &order);
    pthread_mutex_unlock(&server->orders.giving);
    return fine || error_set(error, ERROR_SYSTEM, "the server has no listeners of its own");
}
