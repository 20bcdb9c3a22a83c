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

/* ---- listeners, by their index in the configuration ---- */

uint32_t server_listener_count(const struct server *server);

/* Where a listener listens: with port 0 configured, the port the system chose. Any thread. False beyond the last. */
bool server_address(const struct server *server, uint32_t index, struct address *address);

/* Stops accepting connections on a listener, and closes its socket; the file of a unix socket is removed. Its
 * connections stay, also those that were accepted while this was asked for. What the system had accepted for it is
 * reset. True: it is closed, perhaps it was before. False and an error: there is no such listener.
 *
 * This and the next call wait for the control thread, but never for a worker. Any thread but a worker's; they must have
 * returned before server_stop is called. */
bool server_listener_close(struct server *server, uint32_t index, struct error *error);

/* Binds and accepts again, at the same address: with port 0 configured, at the port that it had. True: it is open,
 * perhaps it was before. False and an error: the address is in use, or the server is ending.
 * (On Windows, a port is in use as long as it has connections.) */
bool server_listener_open(struct server *server, uint32_t index, struct error *error);

/* ---- figures; any thread, at any time ---- */

/* Why a connection was refused. */
enum server_refusal {
    REFUSED_FULL,   /* max_connections is reached */
    REFUSED_BLOCKS, /* blocks have run low */
    REFUSED_MEMORY, /* there was no memory for it, or the system had none */
    SERVER_REFUSALS,
};
const char *server_refusal_text(enum server_refusal refusal); /* "full" "blocks" "memory" */

/* How many connections a script has closed with a word of its own. `size` 0: those with all words that found no place
 * in the list. */
struct server_word {
    char word[LINK_WORD_MAX]; /* of any bytes; a NUL follows */
    uint8_t size;
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
    uint64_t closed[LINK_REASONS];        /* ended connections, by enum link_reason */
    uint64_t refused_by[SERVER_REFUSALS]; /* `refused`, by reason */
    struct histogram_sum turn;            /* how long workers took, from wait to wait */
    struct server_words closed_words;     /* of closed[LINK_SCRIPT] */
};

/* Describes each of these fields (figure.h). All code that shows statistics goes by this table. */
enum { SERVER_FIGURES = 30 };
extern const struct figure server_figures[SERVER_FIGURES];

void server_stats(const struct server *server, struct server_stats *stats);

/* The same of one worker: `accepted` counts what it was given, `refused` what it then had no memory for. index <
 * workers. */
void server_worker_stats(const struct server *server, uint32_t index, struct server_stats *stats);

/* Two of the above alone. server_turn_times adds to the sum; worker UINT32_MAX: of all. server_closed_words returns how
 * many words it has filled in, at most `most`; the most frequent come first. */
void server_turn_times(const struct server *server, uint32_t worker, struct histogram_sum *sum);
size_t server_closed_words(const struct server *server, struct server_word *words, size_t most);

struct server_listener_stats {
    struct address address; /* see server_address */
    const char *framing;    /* "length" */
    bool is_open;
    uint64_t accepted, refused, connections; /* as in struct server_stats */
};
bool server_listener_stats(const struct server *server, uint32_t index,
                           struct server_listener_stats *stats); /* false beyond the last */

/* Describes the last three fields. */
enum { SERVER_LISTENER_FIGURES = 3 };
extern const struct figure server_listener_figures[SERVER_LISTENER_FIGURES];

/* Does a worker still serve connections, is only its script's worker_stop left, or has it ended? Any thread. */
enum server_worker_stage { SERVER_WORKER_SERVES, SERVER_WORKER_STOPS, SERVER_WORKER_ENDED };
enum server_worker_stage server_worker_stage(const struct server *server, uint32_t index);

/* Whether a worker waits for something to do, and runs nothing. Any thread. */
bool server_worker_waits(const struct server *server, uint32_t index);

/* The address of listener `index`; if port 0 is configured, with the port that the system chose. False: there is no
 * such listener. */
bool server_address(const struct server *server, uint32_t index, struct address *address);

/* Logs the backend, and a line for each listener. To be called when all is ready. */
void server_announce(const struct server *server);

/* The backend in use: "uring", "epoll", "iocp". */
const char *server_backend(const struct server *server);
const struct config *server_config(const struct server *server);

#endif
