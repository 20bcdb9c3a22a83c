/* server_control.h - the inside of a server, shared by its control thread and its public functions. */
#ifndef MOONPORT_SERVER_CONTROL_H
#define MOONPORT_SERVER_CONTROL_H

#include "server.h"
#include "server/worker.h"

/* NEW: before the server has started; its address is not known. */
enum listener_state { LISTENER_NEW, LISTENER_OPEN, LISTENER_CLOSING, LISTENER_CLOSED };

/* Its state changes on the control thread only; any thread may read it. */
struct server_listener {
    struct port_acceptor acceptor; /* handle -1: there is no socket */
    struct address address;        /* as bound at the start: it does not change after that */
    _Atomic uint8_t state;         /* enum listener_state */
    bool paused;                   /* accepting failed: until retry_ns */
    counter accepted, refused;     /* connections: handed to a worker, or not */
};

/* What another thread wants of a listener. It lives until it is done. */
struct listener_order {
    uint32_t index;
    intptr_t handle; /* a socket to accept from; -1: close the listener */
    bool done, fine; /* under listener_orders.mutex */
};

struct listener_orders {
    pthread_mutex_t giving;             /* held by who gives an order, until it is done */
    pthread_mutex_t mutex;              /* guards `are_taken` and `given` */
    pthread_cond_t changed;             /* an order is done */
    bool are_taken;                     /* the control thread carries orders out */
    struct listener_order *given;       /* it has not read this one; NULL: there is none */
    struct listener_order *carried_out; /* the control thread's: not done yet; NULL: none */
    struct mail mail;                   /* says that one was given */
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
void server_retry_paused(struct server *server);    /* if it is time to */
void server_close_listeners(struct server *server); /* begins to */
bool server_listeners_are_closed(const struct server *server);
void server_log_listener(const struct server *server, uint32_t index, const char *event);

/* Orders are taken from the second call to the third. */
void server_init_orders(struct server *server);
void server_take_orders(struct server *server);
void server_refuse_orders(struct server *server);
void server_free_orders(struct server *server);
void server_read_order(struct server *server); /* orders.mail has come */

/* For those who give orders, one at a time. The first makes an order to open the listener, whose socket the caller must
 * close (server_drop_socket) if it is not fine; false: no socket can be bound. The second hands an order to the control
 * thread; it may be done at once. */
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
