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

#include "base/figure.h"
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

/* Makes every worker (or those of the task's `only`) run the task with its script's state, on its own thread and
 * between packets. Waits until these have run it, or patience_ns has passed. True if all workers have run it. False:
 * some have not; those that were to run it do so later, or never if they end first. ran (NULL, or room for each
 * worker): which of them had run it when the wait ended.
 *
 * The task's context must stay valid until its `release` was called, which may happen before this returns. All
 * workers run the tasks of several callers in the same order. Any thread but a worker's. */
bool server_run_on_workers(struct server *server, const struct server_task *task,
                           uint64_t patience_ns, bool *ran);

/* Applies the settings that may change while a server runs (`live` in config_settings), as far as they
 * are the engine's, also to existing connections. A connection keeps an idle limit that its script has
 * set. To be called in a task, on the worker's thread. */
void server_configure_worker(struct worker *worker, const struct config *config);

/* ---- listeners, by their index in the configuration ---- */

uint32_t server_listener_count(const struct server *server);

/* The address of a listener; if port 0 is configured, with the port that the system chose. Any thread. False: there is
 * no such listener. */
bool server_address(const struct server *server, uint32_t index, struct address *address);

/* Stops accepting on a listener, and closes its socket; the file of a unix socket is removed. Existing connections
 * stay. A connection that was accepted in the meantime is served; connections that the system holds, not yet accepted,
 * are reset. True: the listener is closed, perhaps it was before. False, with an error: there is no such listener.
 *
 * This function and the next one wait for the control thread, which never waits for a worker. They may be called on
 * any thread but a worker's, and must have returned before server_stop is called. */
bool server_listener_close(struct server *server, uint32_t index, struct error *error);

/* Binds the same address again, and accepts; if port 0 is configured, the port that it had. The file of a unix socket
 * is made again with its mode. True: the listener is open, perhaps it was before. False, with an error: there is no
 * such listener, its address is in use, or the server is ending. (On Windows a port is in use until the connections of
 * the closed listener have ended.) */
bool server_listener_open(struct server *server, uint32_t index, struct error *error);

/* ---- figures; any thread, at any time ---- */

/* Why a connection was refused. */
enum server_refusal {
    REFUSED_FULL,   /* max_connections is reached */
    REFUSED_BLOCKS, /* blocks have run low */
    REFUSED_MEMORY, /* out of memory */
    SERVER_REFUSALS,
};
const char *server_refusal_text(enum server_refusal refusal); /* "full" "blocks" "memory" */

/* The number of connections that the script closed with a word of its own. size 0: all words that have no place in
 * the list, together. */
struct server_word {
    char word[LINK_WORD_MAX]; /* any bytes, then a NUL */
    uint8_t size;             /* bytes, without that NUL */
    uint64_t count;
};
enum { SERVER_WORDS = 64 };
struct server_words {
    size_t count;
    struct server_word list[SERVER_WORDS]; /* the most frequent first */
};

struct server_stats {
    uint64_t uptime_ns;
    uint64_t workers;
    uint64_t connections, connections_max, connections_free;
    uint64_t accepted, refused;
    uint64_t blocks, blocks_used, blocks_free, blocks_lowest;
    uint64_t block_bytes, fixed_bytes;
    uint64_t memory_used, memory_max;
    uint64_t bytes_received, bytes_sent, packets_received, packets_sent, queued_bytes;
    uint64_t turns, events, busy_ns;
    uint64_t mailbox;
    uint64_t receives_late, starved;
    uint64_t closed[LINK_REASONS];        /* ended connections by enum link_reason */
    uint64_t refused_by[SERVER_REFUSALS]; /* `refused` by enum server_refusal */
    struct histogram_sum turn;            /* durations of turns: from a wait to the next one */
    struct server_words closed_words; /* of closed[LINK_SCRIPT]: those with a word of the script */
};

/* Describes each of these fields (see figure.h). All code that shows statistics uses this table. */
enum { SERVER_FIGURES = 30 };
extern const struct figure server_figures[SERVER_FIGURES];

void server_stats(const struct server *server, struct server_stats *stats);

/* The same for one worker. Its `accepted` counts connections that it was given and could open, its `refused` those
 * that it had no memory for. index < workers. */
void server_worker_stats(const struct server *server, uint32_t index, struct server_stats *stats);

/* Single fields of the above. server_turn_times adds to `sum`; worker UINT32_MAX: the turns of all workers.
 * server_closed_words fills in at most `most` words, the most frequent first, and returns their number. */
void server_turn_times(const struct server *server, uint32_t worker, struct histogram_sum *sum);
size_t server_closed_words(const struct server *server, struct server_word *words, size_t most);

struct server_listener_stats {
    struct address address; /* see server_address */
    const char *framing;    /* the name of its codec: "length" */
    bool is_open;
    uint64_t accepted, refused, connections; /* as in struct server_stats */
};

/* Describes the last three fields. */
enum { SERVER_LISTENER_FIGURES = 3 };
extern const struct figure server_listener_figures[SERVER_LISTENER_FIGURES];

/* False: there is no such listener. */
bool server_listener_stats(const struct server *server, uint32_t index,
                           struct server_listener_stats *stats);

/* Does a worker still serve connections, is only its script's worker_stop left, or has it ended? Any thread. */
enum server_worker_stage { SERVER_WORKER_SERVES, SERVER_WORKER_STOPS, SERVER_WORKER_ENDED };
enum server_worker_stage server_worker_stage(const struct server *server, uint32_t index);

/* Whether a worker waits for something to do, and runs nothing. Any thread. */
bool server_worker_waits(const struct server *server, uint32_t index);

/* Logs the backend, and a line for each listener. To be called when all is ready. */
void server_announce(const struct server *server);

/* The backend in use: "uring", "epoll", "iocp". */
const char *server_backend(const struct server *server);
const struct config *server_config(const struct server *server);

#endif
