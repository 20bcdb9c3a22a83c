/* worker.h - one thread with its own port, blocks, links, wheel and script state: wait, run, flush, tick.
 * Workers share none of these; mail is all that passes between threads.
 *
 *     worker_open --> worker_begin --> worker_turn, again and again --> worker_end
 *                                        while worker_goes_on
 *
 * A server gives each worker a thread that takes these steps (worker_create); offline.c takes them
 * without threads. */
#ifndef MOONPORT_WORKER_H
#define MOONPORT_WORKER_H

#include "base/histogram.h"
#include "link/link.h"
#include "server/letter.h"

#include <pthread.h>

struct worker_setup {
    enum port_backend backend;
    struct port *port; /* an open port, which the worker closes; NULL: the worker opens one */
    const struct script *script;
    const char *name; /* as in struct config */
    struct link_limits limits;
    uint32_t links, blocks, block_size;
    uint64_t memory; /* bytes */
};

/* OPENED lasts until the script has started, or for good if the start is canceled. */
enum worker_phase { WORKER_NEW, WORKER_OPENED, WORKER_STARTED, WORKER_FAILED };

/* Coordinates the start of all workers of a server: each thread reports its phase, and the control
 * thread decides whether to go on. */
struct worker_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool may_start, must_end;
};

struct worker {
    struct link_home home;
    uint32_t index, count;
    struct worker **team;  /* all workers, this one among them */
    struct server *server; /* for scripts; the worker itself does not use it */
    struct worker_setup setup;
    struct port *control; /* gets `ended` posted when the worker has ended */
    struct mail ended;
    pthread_t thread;
    struct letter drain_letter, last_letter, abort_letter; /* so that ending needs no memory */
    struct mail *unread, *unread_last; /* harvested mail, read when a turn has time for it */
    _Atomic bool stops;                /* serves no connections any more: its script is stopping */
    _Atomic bool left;                 /* reads no mail any more; set under the gate's mutex */
    bool draining;
    uint64_t drain_asked_ns; /* written by the thread that asks, before the letter is posted */
    uint64_t drain_mail_ns;  /* until when mail is read before draining begins; 0: not asked to */

    struct worker_gate *gate;
    enum worker_phase phase; /* written only by its own thread, under the gate's mutex */
    bool start_waits;        /* from worker_start_wait to worker_start_done */
    struct error error;      /* in phase FAILED */

    _Atomic uint64_t mail_posted; /* letters, by any thread: worker_send_mail */
    counter mail_read;

    uint64_t block_bytes; /* set aside at the start for the setting `blocks` */
    uint64_t fixed_bytes; /* ... and for all else */
    uint64_t trim_ns;     /* when to check next whether small pieces should go back to the system */

    counter waits; /* 1: it is in the wait of a turn, and runs nothing */

    /* Figures for other threads, published at the end of a turn. */
    counter turns, events, busy_ns, links_live, blocks_free, blocks_lowest;
    counter memory_used, memory_max, queued_bytes;

    uint64_t turn_ns;            /* when the wait of the last turn ended; 0: there was no turn */
    struct histogram turn_times; /* from then to the next wait; without the present turn */
};

/* Creates the thread, which opens its port and then waits. The ports of all workers are open before any
 * script starts, so that scripts can post to each other from the first line. */
bool worker_create(struct worker *worker, struct error *error);

void worker_gate_open(struct worker_gate *gate);
void worker_gate_close(struct worker_gate *gate);

/* Waits until all workers of the team have reached the phase; false as soon as one has failed. */
bool worker_gate_await(struct worker_gate *gate, struct worker *const *team, uint32_t count,
                       enum worker_phase phase);

/* Lets the opened workers start their scripts (true), or end (false). */
void worker_gate_let(struct worker_gate *gate, bool start);

/* The steps, all on one thread. A failure sets the phase and worker->error. */
bool worker_open(struct worker *worker);  /* port, blocks, links; false if it failed */
void worker_begin(struct worker *worker); /* starts the script; a start that waits ends in a turn */
void worker_turn(struct worker *worker);  /* waits for something to do, and does it */
bool worker_goes_on(const struct worker *worker);
void worker_end(struct worker *worker); /* stops the script, and posts `ended` to `control` */

/* When a turn is due even if no event comes; UINT64_MAX: never. */
uint64_t worker_next_ns(const struct worker *worker);

/* The end: join all workers, then call worker_drop_unread (worker_mail.h) for all, then close all. This order matters,
 * because workers post to each other until they have ended, and hold each other's chunks. worker_close frees everything
 * but the struct. */
void worker_join(struct worker *worker);
void worker_close(struct worker *worker);

/* On the worker's thread: sets new limits, also for existing connections. The caller keeps packet_max and recv_depth
 * as they were. */
void worker_set_limits(struct worker *worker, const struct link_limits *limits, uint64_t memory);

/* From any thread, for a started worker. */
bool worker_adopt(struct worker *worker, const struct link_origin *origin);

/* From any thread, for an opened worker; each at most once. A start that waits is canceled. Draining
 * begins when all present mail has been read, or after a while; it ends drain_ns from this call. */
void worker_drain(struct worker *worker);
void worker_abort(struct worker *worker);

/* For worker.c, after worker_drain: begins draining when its time has come, even if mail is left. */
void worker_end_mail(struct worker *worker);

#endif
