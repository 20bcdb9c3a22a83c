/* server_control.h - the inside of a server, shared by its control thread and its public functions. */
#ifndef MOONPORT_SERVER_CONTROL_H
#define MOONPORT_SERVER_CONTROL_H

#include "server.h"
#include "server/worker.h"

/* NEW: not bound yet, so its port may not be known. */
enum listener_state { LISTENER_NEW, LISTENER_OPEN, LISTENER_CLOSING, LISTENER_CLOSED };

/* Changed by the control thread only. Any thread may read the state, and then the address. */
struct server_listener {
    struct port_acceptor acceptor; /* handle -1: there is no socket */
    struct address address;        /* set before it is first OPEN, and not changed after that */
    _Atomic uint8_t state;         /* enum listener_state */
    bool paused;                   /* accepting failed: until retry_ns */
    counter accepted, refused;     /* connections that were given to a worker, or not */
};

/* An order of another thread to open or close a listener. It must stay valid until it is done. */
struct listener_order {
    uint32_t index;
    intptr_t handle; /* the socket to accept from; -1: close the listener */
    bool done, fine; /* guarded by listener_orders.mutex */
};

struct listener_orders {
    pthread_mutex_t giving; /* held by the thread that gives an order, until it is done */
    pthread_mutex_t mutex;
    pthread_cond_t changed;             /* an order is done */
    bool are_taken;                     /* guarded by the mutex; written by the control thread */
    struct listener_order *given;       /* guarded by the mutex; not read yet; NULL: none */
    struct listener_order *carried_out; /* by the control thread, not done yet; NULL: none */
    struct mail mail;                   /* posted when an order is given */
};
static inline enum listener_state listener_state_of(const struct server_listener *listener)
{
    return (enum listener_state)atomic_load_explicit(&listener->state, memory_order_acquire);
}

static_assert((int)CONFIG_LISTENERS_MAX <= (int)LINK_LISTENERS_MAX, "workers count for each");

struct server {
    struct config config;
    const struct script *script;
    enum port_backend backend;
    char backend_why[256]; /* why this backend was chosen */
    struct worker *workers;
    struct worker **team;
    uint32_t worker_count; /* threads made, and not joined yet */
    struct worker_gate gate;
    pthread_t control;
    struct port *port; /* the control thread's */
    struct server_listener listeners[CONFIG_LISTENERS_MAX];
    uint64_t retry_ns;       /* when paused listeners are tried again; UINT64_MAX: none is paused */
    uint64_t short_until_ns; /* failures to accept before this are one episode: one log line */
    uint64_t started_ns;
    bool ending, aborting; /* as ordered by server_drain and server_abort */
    uint32_t workers_ended;
    uint32_t admitted; /* connections, modulo 2^32: for round-robin */
    struct log_limit refusals;
    uint64_t tell_ns; /* when the number of refusals is to be logged; UINT64_MAX: not at all */
    bool refusing;    /* since the last admission; an episode gets one log line */
    counter refused_by[SERVER_REFUSALS];
    struct listener_orders orders;
    struct mail drain_mail, abort_mail;
    atomic_flag drain_posted, abort_posted;
    _Atomic bool active;
    struct group_registry groups;

    pthread_mutex_t mutex; /* the control thread reports the outcome of the start to server_start */
    pthread_cond_t changed;
    bool start_known, start_failed;
    struct error error;
    bool workers_open; /* all their ports are open, so they take tasks; under the mutex */
};

/* A server with the configured number of workers, none of them running yet; NULL and an error if there
 * is no memory. */
struct server *server_make(const struct config *config, const struct script *script,
                           struct error *error);
void server_free(struct server *server);

/* The control thread: argument is the struct server. */
void *server_control_run(void *argument);

/* The steps of that thread, for programs without one. */
void server_setup_worker(struct server *server, uint32_t index); /* before its worker_open */
/* Sets how many unused pages are kept. memory: bytes, of all workers. */
void server_keep_pages(uint32_t workers, uint64_t max_packet, uint64_t memory);
void server_turn(struct server *server);           /* waits for its port, and acts */
void server_stop_listening(struct server *server); /* takes turns until all listeners are closed */

/* ---- server_listen.c ---- */

bool server_listen(struct server *server); /* false: none is open, and server->error is set */
void server_accepted(struct server *server, const struct port_event *event);
void server_retry_paused(struct server *server);
void server_close_listeners(struct server *server); /* some may be closing when it returns */
bool server_listeners_are_closed(const struct server *server);
void server_log_listener(const struct server *server, uint32_t index, const char *event);

/* The control thread takes orders between server_take_orders and server_refuse_orders, and reads one when
 * orders.mail arrives. */
void server_init_orders(struct server *server);
void server_take_orders(struct server *server);
void server_read_order(struct server *server);
void server_refuse_orders(struct server *server); /* all listeners must be closed */
void server_free_orders(struct server *server);

/* For the threads that give orders, one at a time. server_order_open binds a socket, and makes an order to accept from
 * it; false: it cannot be bound. If the order is not `fine` when it is done, the caller must call server_drop_socket.
 * server_give_order returns at once; the order may be done then. */
bool server_order_open(struct server *server, uint32_t index, struct listener_order *order,
                       struct error *error);
void server_give_order(struct server *server, struct listener_order *order);
void server_drop_socket(struct server *server, const struct listener_order *order);

/* ---- server_admit.c ---- */

/* Hands a connection of that listener to the worker with the fewest connections. False: there is no
 * place for it, and it has been closed. */
bool server_admit(struct server *server, uint32_t listener, intptr_t handle,
                  const struct address *peer);

#endif
