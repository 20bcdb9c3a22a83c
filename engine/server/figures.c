/* The table of a server's statistics, with the source of each figure. */
#include "server/server_control.h"

#define OF_WORKER(name, value) \
    static uint64_t name##_of(const struct worker *worker) \
    { \
        return value; \
    }

OF_WORKER(connections, counter_get(&worker->links_live))
OF_WORKER(connections_max, worker->setup.links)
OF_WORKER(accepted, counter_get(&worker->home.counters.links_opened))
OF_WORKER(blocks, worker->setup.blocks)
OF_WORKER(blocks_used, worker->setup.blocks - counter_get(&worker->blocks_free))
OF_WORKER(blocks_free, counter_get(&worker->blocks_free))
OF_WORKER(block_bytes, worker->block_bytes)
OF_WORKER(fixed_bytes, worker->fixed_bytes)
OF_WORKER(memory_used, counter_get(&worker->memory_used))
OF_WORKER(memory_max, counter_get(&worker->memory_max))
OF_WORKER(bytes_received, counter_get(&worker->home.streams.counters.bytes_received))
OF_WORKER(bytes_sent, counter_get(&worker->home.streams.counters.bytes_sent))
OF_WORKER(packets_received, counter_get(&worker->home.counters.packets_received))
OF_WORKER(packets_sent, counter_get(&worker->home.counters.packets_sent))
OF_WORKER(turns, counter_get(&worker->turns))
OF_WORKER(events, counter_get(&worker->events))
OF_WORKER(busy_ns, counter_get(&worker->busy_ns))
OF_WORKER(receives_late, counter_get(&worker->home.streams.counters.receives_late))
OF_WORKER(starved, counter_get(&worker->home.counters.starved))

#define FIELD(name) .field = offsetof(struct server_stats, name)
#define SUM(name) FIELD(name), .of_worker = name##_of
#define COUNTER .kind = FIGURE_COUNTER
#define GAUGE .kind = FIGURE_GAUGE
#define BYTES .unit = FIGURE_BYTES
#define TIME .unit = FIGURE_NS

const struct figure server_figures[SERVER_FIGURES] = {
    {"workers", "threads", GAUGE, FIELD(workers)},
    {"connections", "now", GAUGE, SUM(connections)},
    {"connections_max", "as configured", GAUGE, SUM(connections_max)},
    {"connections_free", "places that are left", GAUGE, FIELD(connections_free)},
    {"accepted", "connections since the start", COUNTER, SUM(accepted)},
    {"refused", "connections since the start that found no free place", COUNTER, FIELD(refused)},
    {"blocks", "I/O blocks that were allocated at the start", GAUGE, SUM(blocks)},
    {"blocks_used", "of them", GAUGE, SUM(blocks_used)},
    {"blocks_free", "of them", GAUGE, SUM(blocks_free)},
    {"block_bytes", "memory that the blocks take", GAUGE, BYTES, SUM(block_bytes)},
    {"fixed_bytes", "memory set aside beside them: receive and send buffers, connections", GAUGE,
     BYTES, SUM(fixed_bytes)},
    {"memory_used", "bytes, beyond the blocks", GAUGE, BYTES, SUM(memory_used)},
    {"memory_max", "bytes: the setting `memory`", GAUGE, BYTES, SUM(memory_max)},
    {"bytes_received", "bytes received", COUNTER, BYTES, SUM(bytes_received)},
    {"bytes_sent", "bytes sent", COUNTER, BYTES, SUM(bytes_sent)},
    {"packets_received", "packets received", COUNTER, SUM(packets_received)},
    {"packets_sent", "packets sent", COUNTER, SUM(packets_sent)},
    {"turns", "how often a worker looked for something to do", COUNTER, SUM(turns)},
    {"events", "how many events it found, in total", COUNTER, SUM(events)},
    {"receives_late", "receives that completed out of order", COUNTER, SUM(receives_late)},
    {"starved", "how often blocks or memory ran out", COUNTER, SUM(starved)},
    {"uptime", "since the start", GAUGE, TIME, FIELD(uptime_ns)},
    {"busy", "in which workers did not wait, in total", COUNTER, TIME, SUM(busy_ns)},
};

static void add_worker(struct server_stats *stats, const struct worker *worker)
{
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        uint64_t *total = (uint64_t *)((char *)stats + figure->field);
        if (figure->of_worker != NULL) *total += figure->of_worker(worker);
    }
    for (int i = 0; i < LINK_REASONS; i++)
        stats->closed[i] += counter_get(&worker->home.counters.links_closed[i]);
}

static void finish(const struct server *server, struct server_stats *stats)
{
    stats->uptime_ns = port_clock(server->port) - server->started_ns;
    stats->connections_free = stats->connections_max > stats->connections
                                  ? stats->connections_max - stats->connections
                                  : 0;
}

void server_stats(const struct server *server, struct server_stats *stats)
{
    *stats = (struct server_stats){.workers = server->config.workers};
    for (uint32_t i = 0; i < server->config.workers; i++) add_worker(stats, &server->workers[i]);
    stats->connections_max = server->config.max_connections;
    stats->accepted = counter_get(&server->accepted);
    stats->refused = counter_get(&server->refused);
    finish(server, stats);
}

void server_worker_stats(const struct server *server, uint32_t index, struct server_stats *stats)
{
    check(index < server->config.workers);
    *stats = (struct server_stats){.workers = 1};
    add_worker(stats, &server->workers[index]);
    finish(server, stats);
}
