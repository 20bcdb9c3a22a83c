#include "port_sim.h"

#include "pipe.h"
#include "port/port_backend.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_PORT = 7000 }; /* of the first listener; see swarm.c */
enum { BACKLOG_MAX = 64, GIVEN_BACK = 0xa5 };
enum { TRIED_AT_ONCE = 500 }; /* of a thousand sends; those to who reads at once always */
#define STALL_NS_MAX (8 * SECOND)

/* What the server listens on. */
struct sim_listener {
    uint8_t kind; /* enum sim_handle_kind; first */
    uint16_t port_number;
    struct port_acceptor *acceptor;
    struct sim_pipe *waiting[BACKLOG_MAX];
    int waiting_count;
    struct list node;      /* of all listeners */
    struct list port_node; /* of those its port accepts from */
};

static struct list listeners = {&listeners, &listeners};

static struct sim_listener *listener_of(intptr_t handle)
{
    struct sim_listener *listener = (struct sim_listener *)handle;
    check(listener->kind == SIM_LISTENER);
    return listener;
}

static bool chance(uint16_t permille)
{
    return draw_chance(&sim_world->draw, permille);
}

/* ---- connections ---- */

static bool sim_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    struct sim_pipe *pipe = (struct sim_pipe *)handle;
    check(pipe->kind == SIM_PIPE);
    check(pipe->socket == NULL);
    check(!pipe->closed);
    if (chance(world_faults()->attach)) return false;
    *socket = (struct port_socket){.handle = handle};
    list_init(&socket->send_node);
    pipe->socket = socket;
    pipe->port = port_sim_of(port);
    list_append(&pipe->port->pipes, &pipe->node);
    trace_note("pipe %u is attached", pipe->number);
    return true;
}

static void sim_recv_start(struct port *port, struct port_socket *socket)
{
    struct sim_pipe *pipe = pipe_of(socket);
    check(pipe->port == port_sim_of(port));
    check(pipe->receiving.count == 0);
    check(!pipe->receiving.ending);
    socket->receiving = true;
    socket->stopping = false;
}

static void sim_recv_stop(struct port *port, struct port_socket *socket)
{
    (void)port;
    check(socket->receiving);
}

static void sim_recv_done(struct port *port, struct block *block)
{
    check(block->pool == &port_sim_of(port)->landing);
    memset(block->data, GIVEN_BACK, block->capacity); /* as if others were received into it */
    block_give(block);
}

static void sim_send(struct port *port, struct port_socket *socket, const struct span *parts,
                     int count)
{
    struct sim_pipe *pipe = pipe_of(socket);
    struct pipe_sending *sending = &pipe->sending;
    check(pipe->port == port_sim_of(port));
    *sending = (struct pipe_sending){.count = count};
    for (int i = 0; i < count; i++) {
        promise(parts[i].size > 0, "an empty part is to be sent");
        sending->parts[i] = parts[i];
        sending->total += parts[i].size;
    }
    sending->hash = pipe_hash_parts(sending);
    if (!pipe->smooth && chance(world_faults()->stall))
        sending->not_before = world_now(sim_world) + draw_below(&sim_world->draw, STALL_NS_MAX);
    trace_note("pipe %u sends %zu bytes, %016llx", pipe->number, sending->total,
               (unsigned long long)sending->hash);
    if (pipe->smooth || draw_chance(&sim_world->draw, TRIED_AT_ONCE)) pipe_try_send(pipe);
}

static void sim_shutdown(struct port *port, struct port_socket *socket)
{
    struct sim_pipe *pipe = pipe_of(socket);
    (void)port;
    trace_note("pipe %u is shut", pipe->number);
    world_shut(pipe);
    flow_finish(&pipe->out, world_now(sim_world));
}

static void sim_watch(struct port *port, struct port_socket *socket)
{
    (void)port;
    check(!pipe_of(socket)->watch.decided);
    pipe_of(socket)->watch.cancelled = false;
}

static size_t sim_unread(const struct port_socket *socket)
{
    check(pipe_of(socket)->receiving.count == 0);
    return buffer_size(&pipe_of(socket)->in.bytes);
}

static void sim_cancel(struct port *port, struct port_socket *socket)
{
    (void)port;
    if (socket->watching) pipe_of(socket)->watch.cancelled = true;
    if (socket->sending) pipe_of(socket)->sending.cancelled = true;
}

static void turn_away(struct sim_pipe *pipe, uint16_t port_number)
{
    promise(listeners_may_turn_away(sim_world, port_number - FIRST_PORT),
            "peer %u is turned away, and its listener is open", pipe->number);
    pipe->turned_away = true;
    pipe_close(pipe);
}

static void close_listener(struct sim_listener *listener)
{
    check(listener->acceptor == NULL || !listener->acceptor->accepting);
    for (int i = 0; i < listener->waiting_count; i++)
        turn_away(listener->waiting[i], listener->port_number);
    list_remove(&listener->node);
    free(listener);
}

static void sim_close_handle(intptr_t handle)
{
    if (*(uint8_t *)handle == SIM_LISTENER) {
        close_listener(listener_of(handle));
        return;
    }
    struct sim_pipe *pipe = (struct sim_pipe *)handle;
    check(!pipe->closed);
    trace_note("pipe %u is closed", pipe->number);
    world_closed(pipe);
    pipe_close(pipe);
}

static void sim_detach(struct port *port, struct port_socket *socket)
{
    const struct sim_pipe *pipe = pipe_of(socket);
    (void)port;
    check(pipe->receiving.count == 0);
    check(!pipe->receiving.ending);
    sim_close_handle(socket->handle);
}

/* ---- accepting ---- */

static struct sim_listener *find_listener(uint16_t port_number)
{
    for (struct list *node = listeners.next; node != &listeners; node = node->next) {
        struct sim_listener *listener = container_of(node, struct sim_listener, node);
        if (listener->port_number == port_number) return listener;
    }
    return NULL;
}

static intptr_t sim_listen(const struct address *address, int backlog, struct error *error)
{
    struct sim_listener *listener = calloc(1, sizeof *listener);
    (void)backlog;
    if (listener == NULL || find_listener(address->port) != NULL) {
        free(listener);
        error_set(error, ERROR_SYSTEM, "cannot listen");
        return -1;
    }
    listener->kind = SIM_LISTENER;
    listener->port_number = address->port;
    list_init(&listener->port_node);
    list_append(&listeners, &listener->node);
    return (intptr_t)listener;
}

static void sim_accept_start(struct port *port, struct port_acceptor *acceptor)
{
    struct sim_listener *listener = listener_of(acceptor->handle);
    listener->acceptor = acceptor;
    check(list_empty(&listener->port_node));
    list_append(&port_sim_of(port)->listeners, &listener->port_node);
}

static void sim_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    (void)port;
    (void)acceptor;
}

void port_sim_connect(struct sim_pipe *pipe, uint16_t port_number)
{
    struct sim_listener *listener = find_listener(port_number);
    if (listener == NULL)
        turn_away(pipe, port_number);
    else if (listener->waiting_count == BACKLOG_MAX)
        pipe_close(pipe);
    else
        listener->waiting[listener->waiting_count++] = pipe;
}

static bool accept_is_due(const struct sim_listener *listener)
{
    return listener->acceptor->stopping || listener->waiting_count > 0;
}

/* What comes of accepting next; the stream of it may end with that. */
static struct port_event harvest_accepted(struct sim_listener *listener)
{
    struct port_acceptor *acceptor = listener->acceptor;
    struct port_event event = {.kind = PORT_ACCEPTED, .acceptor = acceptor, .handle = -1};
    bool despite = listener->waiting_count > 0 && chance(world_faults()->despite);
    if (acceptor->stopping && !despite) {
        event.error = PORT_CANCELLED;
        event.last = true;
    } else if (chance(world_faults()->accept)) {
        event.error = chance(500) ? PORT_OK : chance(500) ? PORT_NO_DESCRIPTORS : PORT_NO_MEMORY;
        event.last = true;
    } else {
        event.handle = (intptr_t)listener->waiting[0];
        event.last = chance(world_faults()->accept);
        listener->waiting_count--;
        memmove(listener->waiting, listener->waiting + 1,
                (size_t)listener->waiting_count * sizeof listener->waiting[0]);
    }
    if (event.last) {
        acceptor->accepting = false;
        list_remove(&listener->port_node);
    }
    return event;
}

static bool sim_local_address(intptr_t handle, struct address *address)
{
    address->port = listener_of(handle)->port_number;
    return true;
}

static bool sim_peer_address(const struct port_event *accepted, struct address *address)
{
    const struct sim_pipe *pipe = (const struct sim_pipe *)accepted->handle;
    *address = pipe->client;
    return !chance(world_faults()->attach); /* it may have gone already */
}

/* ---- the port ---- */

static void sim_wake(struct port *port)
{
    port_sim_of(port)->woken = true;
}

/* How many completions are due; if `index` is one of them, it is harvested. */
static int due(struct sim_port *port, int index, struct port_event *event)
{
    int count = 0;
    for (struct list *node = port->pipes.next; node != &port->pipes; node = node->next) {
        struct sim_pipe *pipe = container_of(node, struct sim_pipe, node);
        int here = pipe_due(pipe);
        if (index >= count && index < count + here) {
            *event = pipe_harvest(pipe, index - count);
            return 0;
        }
        count += here;
    }
    for (struct list *node = port->listeners.next; node != &port->listeners; node = node->next) {
        struct sim_listener *listener = container_of(node, struct sim_listener, port_node);
        if (!accept_is_due(listener)) continue;
        if (index == count) {
            *event = harvest_accepted(listener);
            return 0;
        }
        count++;
    }
    return count;
}

static void note_event(const struct port_event *event)
{
    switch ((enum port_event_kind)event->kind) {
    case PORT_RECEIVED:
        trace_note("pipe %u: received %d bytes as number %d%s, %s", pipe_of(event->socket)->number,
                   event->block == NULL ? -1 : (int)event->block->end,
                   event->block == NULL ? -1 : (int)event->block->sequence,
                   event->last ? ", the last" : "", port_error_text(event->error));
        break;
    case PORT_SENT:
        trace_note("pipe %u: sent %zu bytes, %s", pipe_of(event->socket)->number, event->size,
                   port_error_text(event->error));
        break;
    case PORT_ENDED:
        trace_note("pipe %u: its end is seen, %s", pipe_of(event->socket)->number,
                   port_error_text(event->error));
        break;
    case PORT_ACCEPTED:
        trace_note("accepted pipe %d, %s",
                   event->handle < 0 ? -1 : (int)((struct sim_pipe *)event->handle)->number,
                   port_error_text(event->error));
        break;
    case PORT_POSTED: break;
    }
}

/* Nothing has to be made: it knows what had come by any time. */
static void sim_mark(struct port *port)
{
    (void)port;
}

static bool mark_is_passed(struct sim_port *port)
{
    for (struct list *node = port->pipes.next; node != &port->pipes; node = node->next)
        if (pipe_unheard(container_of(node, struct sim_pipe, node), port->port.mark_ns))
            return false;
    return true;
}

static int sim_harvest(struct port *port, struct port_event *events, int count_max,
                       uint64_t deadline_ns)
{
    struct sim_port *self = port_sim_of(port);
    struct draw *draw = &sim_world->draw;
    (void)deadline_ns;
    port->now_ns = world_now(sim_world);
    port->asked_ns = self->rests_ns != 0 ? self->rests_ns : port->now_ns;
    self->rests_ns = 0;
    self->woken = false;
    int count = port_take_mail(port, events, (int)draw_between(draw, 1, (uint64_t)count_max)),
        there;
    while (mailbox_waiting(&port->orders)) count += port_take_mail(port, events + count, 1);
    self->mail_left = port_mail_waiting(port);
    if (count > 0) trace_note("mail: %d", count);
    int sent =
        port_take_sent(port, events + count, (int)draw_size(draw, (uint64_t)(count_max - count)));
    for (int i = 0; i < sent; i++) pipe_of(events[count++].socket)->told_ns = port->now_ns;
    int most = (int)draw_size(draw, (uint64_t)(count_max - count));
    for (; most > 0 && (there = due(self, -1, NULL)) > 0; most--) {
        due(self, (int)draw_below(draw, (uint64_t)there), &events[count]);
        note_event(&events[count++]);
    }
    if (port->mark_ns != 0 && mark_is_passed(self)) port_pass_mark(port);
    return count;
}

static bool sim_behind(const struct port *port)
{
    return !list_empty(&port->sent) || due(port_sim_of((struct port *)port), -1, NULL) > 0;
}

static void sim_close(struct port *port)
{
    struct sim_port *self = port_sim_of(port);
    check(list_empty(&self->pipes));
    check(list_empty(&self->listeners));
    block_pool_close(&self->landing);
    free(self);
}

/* Now and then a turn has taken long: it is asked for each message of a script, or some packets. */
static uint64_t sim_clock(void)
{
    uint16_t busy = sim_world->calm ? 0 : sim_world->swarm.faults.busy;
    bool late = draw_chance(&sim_world->draw, (uint16_t)(busy * 10));
    return world_now(sim_world) + (late ? SECOND : 0);
}

static const struct port_operations sim_operations = {
    .name = "sim",
    .close = sim_close,
    .harvest = sim_harvest,
    .behind = sim_behind,
    .mark = sim_mark,
    .wake = sim_wake,
    .attach = sim_attach,
    .recv_start = sim_recv_start,
    .recv_stop = sim_recv_stop,
    .recv_done = sim_recv_done,
    .send = sim_send,
    .watch = sim_watch,
    .unread = sim_unread,
    .shutdown = sim_shutdown,
    .cancel = sim_cancel,
    .detach = sim_detach,
    .listen = sim_listen,
    .accept_start = sim_accept_start,
    .accept_stop = sim_accept_stop,
    .local_address = sim_local_address,
    .peer_address = sim_peer_address,
    .close_handle = sim_close_handle,
    .clock = sim_clock,
};

struct port *port_sim_open(const struct port_options *options)
{
    struct sim_port *port = calloc(1, sizeof *port);
    if (port == NULL) return NULL;
    port_init(&port->port, &sim_operations, world_now(sim_world), options->landing_blocks);
    port->recv_depth = options->recv_depth;
    list_init(&port->pipes);
    list_init(&port->listeners);
    if (block_pool_open(&port->landing, options->landing_blocks, options->landing_size, NULL))
        return &port->port;
    free(port);
    return NULL;
}

void port_sim_progress(struct sim_port *port)
{
    for (struct list *node = port->pipes.next; node != &port->pipes; node = node->next)
        pipe_progress(container_of(node, struct sim_pipe, node));
}

/* A harvest now brings something. */
static bool has_something(const struct sim_port *port)
{
    return port->woken || port->mail_left || !list_empty(&port->port.sent) ||
           due((struct sim_port *)port, -1, NULL) > 0;
}

bool port_sim_ready(const struct sim_port *port)
{
    if (port->busy_until > world_now(sim_world)) return false;
    return has_something(port);
}

uint64_t port_sim_next_ns(const struct sim_port *port)
{
    uint64_t next_ns = UINT64_MAX;
    for (const struct list *node = port->pipes.next; node != &port->pipes; node = node->next) {
        uint64_t pipe_ns = pipe_next_ns(container_of((struct list *)node, struct sim_pipe, node));
        if (pipe_ns < next_ns) next_ns = pipe_ns;
    }
    if (has_something(port)) next_ns = world_now(sim_world);
    return next_ns < port->busy_until ? port->busy_until : next_ns;
}
