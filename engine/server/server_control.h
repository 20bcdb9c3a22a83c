/* server_control.h - the inside of a server, shared by its control thread and its public functions. */
#ifndef MOONPORT_SERVER_CONTROL_H
#define MOONPORT_SERVER_CONTROL_H

#include "server.h"
#include "server/worker.h"

struct server_listener {
    struct port_acceptor acceptor; /* handle -1: not open */
    struct address address;        /* as bound */
    bool paused;                   /* accepting failed: until retry_ns */
};

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
    counter accepted, refused;
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
bool server_listen(struct server *server); /* false: none is open, and server->error is set */
void server_turn(struct server *server);   /* waits for its port, and acts */
void server_stop_listening(struct server *server); /* takes turns until accepting has stopped */

/* Hands a connection of that listener to the worker with the fewest connections. False: there is no
 * place for it, and it has been closed. */
bool server_admit(struct server *server, uint32_t listener, intptr_t handle,
                  const struct address *peer);

#endif
