/* Addresses and figures of listeners. */
#include "base/least.h"
#include "server/server_control.h"

uint32_t server_listener_count(const struct server *server)
{
    return server->config.listener_count;
}

bool server_address(const struct server *server, uint32_t index, struct address *address)
{
    if (index >= server->config.listener_count) return false;
    const struct server_listener *listener = &server->listeners[index];
    bool is_bound = listener_state_of(listener) != LISTENER_NEW;
    *address = is_bound ? listener->address : server->config.listeners[index].address;
    return true;
}

#define FIELD(name) .field = offsetof(struct server_listener_stats, name)

const struct figure server_listener_figures[SERVER_LISTENER_FIGURES] = {
    {"accepted", "connections since the start", .kind = FIGURE_COUNTER, FIELD(accepted)},
    {"refused", "connections since the start that there was no room for", .kind = FIGURE_COUNTER,
     FIELD(refused)},
    {"connections", "now", .kind = FIGURE_GAUGE, FIELD(connections)},
};

bool server_listener_stats(const struct server *server, uint32_t index,
                           struct server_listener_stats *stats)
{
    uint64_t settled = 0, opened = 0, refused = 0; /* of all workers; read in this order */
    if (!server_address(server, index, &stats->address)) return false;
    const struct server_listener *listener = &server->listeners[index];
    for (uint32_t i = 0; i < server->config.workers; i++) {
        const struct link_listener_counters *counters =
            &server->workers[i].home.counters.of_listener[index];
        settled += counter_get(&counters->settled);
        opened += counter_get(&counters->opened);
        refused += counter_get(&counters->refused);
    }
    stats->framing = server->config.listeners[index].frame.codec->name;
    stats->is_open = listener_state_of(listener) == LISTENER_OPEN;
    stats->accepted = rest_of(counter_get(&listener->accepted), refused);
    stats->refused = counter_get(&listener->refused) + refused;
    stats->connections = rest_of(opened, settled);
    return true;
}
