/* server_control.h - the inside of a server, shared by its control thread and its public face. */
#ifndef MOONPORT_SERVER_CONTROL_H
#define MOONPORT_SERVER_CONTROL_H

#include "server.h"
#include "worker.h"

struct server_listener {
    struct port_acceptor acceptor; /* handle -1: not open */
    struct address address;        /* as bound */
    bool paused;                   /* descriptors had run out: accepting again at retry_ns */
};

struct server {
    struct config config;
    const struct script *script;
    enum port_backend backend;
    struct worker *workers;
    struct worker **team;
    uint32_t worker_count; /* threads made, and not joined yet */
    pthread_t control;
    struct port *port; /* the control thread's */
    struct server_listener listeners[CONFIG_LISTENERS_MAX];
    uint64_t retry_ns; /* when paused listeners are tried again; UINT64_MAX: none is paused */
    uint64_t started_ns;
    bool ending, aborting; /* told to */
    uint32_t workers_ended;
    uint32_t admitted; /* connections, modulo 2^32: says whose turn it is */
    struct log_limit refusals;
    bool refusing, out_of_descriptors; /* episodes, for one log line each */
    counter accepted, refused;
    struct mail drain_mail, abort_mail;
    atomic_flag drain_posted, abort_posted;
    _Atomic bool active;

    pthread_mutex_t mutex; /* the start: the control thread tells server_start how it went */
    pthread_cond_t changed;
    bool start_known, start_failed;
    struct error error;
};

/* The control thread: argument is the struct server. */
void *server_control_run(void *argument);

#endif
