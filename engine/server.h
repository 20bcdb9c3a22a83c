/* server.h - a whole server, for Lua and for C programs: listeners, admission of connections, workers.
 *
 *     struct config config;                      struct script script = {
 *     config_init(&config);                          .worker_start = start, .received = received };
 *     config_add_listener(&config, "127.0.0.1:7000", &error);
 *     config_finish(&config, &error);
 *     struct server *server = server_start(&config, &script, &error);
 *     ...
 *     server_stop(server);
 *
 * tests/bench/echo.c is a complete program of this kind. */
#ifndef MOONPORT_SERVER_H
#define MOONPORT_SERVER_H

#include "config.h"
#include "script.h"

struct server;

/* Starts workers, then listeners. Returns when connections are being accepted; or NULL with an error. The
 * configuration is copied; the script's table and context must live until server_stop has returned. A process may
 * run several servers, at the same time or one after the other. */
struct server *server_start(const struct config *config, const struct script *script,
                            struct error *error);

/* Asks the server to end, and returns at once. It accepts no more connections, flushes every queue within
 * the drain timeout, and closes all connections with reason "shutdown". Any thread, any number of times. */
void server_drain(struct server *server);

/* The same, but without flushing. */
void server_abort(struct server *server);

/* True until the last worker has ended. Any thread. */
bool server_is_active(const struct server *server);

/* Drains the server if that was not done yet, waits for its end, and frees it. */
void server_stop(struct server *server);

/* Returns the group of that name, held for the caller, which must drop it with group_drop before server_stop (a
 * script: before its worker_stop returns). NULL: no memory, or the name is longer than GROUP_NAME_MAX. Any thread. */
struct group *server_group(struct server *server, struct span name);

/* Makes every worker run the task with its script's state, on its own thread and between packets. Waits
 * until all have run it, or patience_ns has passed. True if all have. False: some have not; these run it
 * later, or never if they end first. ran (NULL, or room for each worker): which of them had run it when
 * the wait ended.
 *
 * The task's context must stay valid until its `release` was called, which may happen before this returns. All
 * workers run the tasks of several callers in the same order. Any thread but a worker's. */
bool server_run_on_workers(struct server *server, const struct server_task *task,
                           uint64_t patience_ns, bool *ran);

/* Applies the settings that may change while a server runs (`live` in config_settings), as far as they
 * are the engine's, also to existing connections. A connection keeps an idle limit that its script has
 * set. To be called in a task, on the worker's thread. */
void server_configure_worker(struct worker *worker, const struct config *config);

/* ---- figures; any thread, at any time ---- */

struct server_stats {
    uint64_t uptime_ns;
    uint64_t workers;
    uint64_t connections, connections_max, connections_free;
    uint64_t accepted, refused;
    uint64_t blocks, blocks_used, blocks_free;
    uint64_t block_bytes, fixed_bytes;
    uint64_t memory_used, memory_max;
    uint64_t bytes_received, bytes_sent, packets_received, packets_sent;
    uint64_t turns, events, busy_ns;
    uint64_t receives_late, starved;
    uint64_t closed[LINK_REASONS]; /* ended connections by enum link_reason */
};

/* Describes each of these fields, except `closed`. All code that shows statistics uses this table. */
enum figure_kind { FIGURE_COUNTER, FIGURE_GAUGE }; /* the first only grows */
enum figure_unit { FIGURE_NUMBER, FIGURE_BYTES, FIGURE_NS };
struct figure {
    const char *name; /* without a unit */
    const char *help; /* a few words */
    uint8_t kind, unit;
    uint16_t field; /* offset in struct server_stats */
    /* The figure of one worker; the server's is their sum. NULL: only the server has it. */
    uint64_t (*of_worker)(const struct worker *worker);
};
enum { SERVER_FIGURES = 23 };
extern const struct figure server_figures[SERVER_FIGURES];

static inline uint64_t figure_of(const struct server_stats *stats, const struct figure *figure)
{
    return *(const uint64_t *)((const char *)stats + figure->field);
}

void server_stats(const struct server *server, struct server_stats *stats);

/* The same for one worker (accepted: connections that it was given; refused: 0). index < workers. */
void server_worker_stats(const struct server *server, uint32_t index, struct server_stats *stats);

/* Does a worker still serve connections, is only its script's worker_stop left, or has it ended? Any thread. */
enum server_worker_stage { SERVER_WORKER_SERVES, SERVER_WORKER_STOPS, SERVER_WORKER_ENDED };
enum server_worker_stage server_worker_stage(const struct server *server, uint32_t index);

/* The address of listener `index`; if port 0 is configured, with the port that the system chose. False: there is no
 * such listener. */
bool server_address(const struct server *server, uint32_t index, struct address *address);

/* Logs the backend, and a line for each listener. To be called when all is ready. */
void server_announce(const struct server *server);

/* The backend in use: "uring", "epoll", "iocp". */
const char *server_backend(const struct server *server);
const struct config *server_config(const struct server *server);

#endif
