#include "listeners.h"

#include "world.h"

static bool is_open(const struct world *world, uint32_t index)
{
    struct server_listener_stats stats;
    promise(server_listener_stats(world->server, index, &stats), "listener %u is not there", index);
    return stats.is_open;
}

void listeners_strike(struct world *world, uint16_t permille)
{
    struct listeners *listeners = &world->listeners;
    struct server *server = world->server;
    struct error error;
    if (listeners->ordered || !draw_chance(&world->draw, permille)) return;
    uint32_t index = (uint32_t)draw_below(&world->draw, server->config.listener_count);
    listeners->order = (struct listener_order){.index = index, .handle = -1};
    if (listeners->closed[index] && !server_order_open(server, index, &listeners->order, &error)) {
        promise(world->memory_failed, "listener %u cannot be opened: %s", index, error.text);
        return;
    }
    trace_note("listener %u is to be %s", index, listeners->closed[index] ? "opened" : "closed");
    listeners->ordered = true;
    server_give_order(server, &listeners->order);
}

void listeners_look(struct world *world)
{
    struct listeners *listeners = &world->listeners;
    const struct listener_order *order = &listeners->order;
    bool opens = order->handle >= 0;
    if (!listeners->ordered || !order->done) return;
    listeners->ordered = false;
    trace_note("listener %u: %s", order->index, order->fine ? "done" : "refused");
    promise(order->fine || (opens && world->server->ending), "listener %u is not %s", order->index,
            opens ? "opened" : "closed");
    if (!order->fine) server_drop_socket(world->server, order);
    listeners->closed[order->index] = !opens || !order->fine;
    promise(is_open(world, order->index) == !listeners->closed[order->index],
            "listener %u is said to be what it is not", order->index);
}

void listeners_ended(struct world *world)
{
    promise(!world->listeners.ordered || world->listeners.order.done,
            "an order is left, and the server has stopped listening");
    listeners_look(world);
    for (uint32_t i = 0; i < world->server->config.listener_count; i++) {
        world->listeners.closed[i] = true;
        promise(!is_open(world, i), "listener %u is open at the end", i);
    }
}

/* While an order is carried out, both may be. */
static bool is_under_way(const struct world *world, uint32_t index)
{
    return world->listeners.ordered && world->listeners.order.index == index;
}

bool listeners_may_turn_away(const struct world *world, uint32_t index)
{
    return world->listeners.closed[index] || is_under_way(world, index) || world->server->ending;
}

bool listeners_may_accept(const struct world *world, uint32_t index)
{
    return !world->listeners.closed[index] || is_under_way(world, index);
}
