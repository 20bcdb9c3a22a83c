/* worker.h - one thread with its own port, blocks, links, wheel and script state:
 * wait, run, flush, tick. Shares none of them; what crosses threads is mail.
 *
 *     worker_open --> worker_begin --> worker_turn, again and again --> worker_end
 *                                        while worker_goes_on
 *
 * A server gives each worker a thread that takes these steps (worker_create); whoever has no threads
 * takes them by hand (offline.c). */
#ifndef MOONPORT_WORKER_H
#define MOONPORT_WORKER_H

#include "link/link.h"
#include "server/letter.h"

#include <pthread.h>

struct worker_setup {
    enum port_backend backend;
    struct port *port; /* an open one, to be closed by the worker; NULL: it opens one itself */
    const struct script *script;
    const char *name; /* as in struct config */
    struct link_limits limits;
    uint32_t links, blocks, block_size;
    uint64_t memory; /* bytes */
};

/* OPENED lasts until the script has started. A start that was called off stays there. */
enum worker_phase { WORKER_NEW, WORKER_OPENED, WORKER_STARTED, WORKER_FAILED };

/* The start, which all workers of a server share: each thread reports a phase, the control thread
 * says whether to go on. */
struct worker_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool may_start, must_end;
};

struct worker {
    struct link_home home;
    uint32_t index, count;
    struct worker **team;  /* all workers, this one among them */
    struct server *server; /* for scripts; the worker itself does not look into it */
    struct worker_setup setup;
    struct port *control; /* is told, by posting `ended`, when the thread has nothing more to do */
    struct mail ended;
    pthread_t thread;
    struct letter drain_letter, last_letter, abort_letter; /* so that ending needs no memory */
    struct mail *unread, *unread_last; /* harvested, for when the turn has time for it */
    _Atomic bool stops;                /* it serves nobody any more: its script is told the end */
    _Atomic bool left;                 /* it reads no mail any more; set under the gate's mutex */
    bool draining;
    uint64_t drain_asked_ns; /* written by whoever asks, before the letter is posted */
    uint64_t drain_mail_ns;  /* until when mail is read before it drains; 0: nobody has asked */

    struct worker_gate *gate;
    enum worker_phase phase; /* written by its thread alone, and under the gate's mutex */
    bool start_waits;        /* the script has said so, and not yet how it ended */
    struct error error;      /* in phase FAILED */

    uint64_t block_bytes; /* set aside at the start: the blocks of the settings, and all else */
    uint64_t fixed_bytes;
    uint64_t trim_ns; /* when it is next looked whether small pieces are to go back to the system */

    /* Figures for other threads, published at the end of a turn. */
    counter turns, events, busy_ns, links_live, blocks_free, blocks_grown, memory_used, memory_max;
};

/* Makes the thread; it opens its port, then waits. Ports of all workers are open before any script
 * starts, so that scripts may post to each other from the first line. */
bool worker_create(struct worker *worker, struct error *error);

void worker_gate_open(struct worker_gate *gate);
void worker_gate_close(struct worker_gate *gate);

/* Waits until all of them have come to a phase; false as soon as one has failed. */
bool worker_gate_await(struct worker_gate *gate, struct worker *const *team, uint32_t count,
                       enum worker_phase phase);

/* Lets the opened workers start their scripts (true), or end (false). */
void worker_gate_let(struct worker_gate *gate, bool start);

/* The steps, all on one thread. A failure is told by the phase, and in worker->error. */
bool worker_open(struct worker *worker);  /* port, blocks, links; false if it failed */
void worker_begin(struct worker *worker); /* the script; a start that waits goes on in the turns */
void worker_turn(struct worker *worker);  /* waits for something to do, and does it */
bool worker_goes_on(const struct worker *worker);
void worker_end(struct worker *worker); /* the script's end; `control` is told */

/* When a turn has something to do although nothing comes; UINT64_MAX: never. */
uint64_t worker_next_ns(const struct worker *worker);

/* The end, each step for all workers before the next one: they post to each other until they have
 * ended, and hold each other's chunks. Between the two, worker_drop_unread (worker_mail.h). Frees everything but
 * the struct. */
void worker_join(struct worker *worker);
void worker_close(struct worker *worker);

/* On its thread: new limits, for the connections there are as well. Those of receiving stay. */
void worker_set_limits(struct worker *worker, const struct link_limits *limits, uint64_t memory);

/* From any thread, for a started worker. */
bool worker_adopt(struct worker *worker, const struct link_origin *origin);

/* From any thread, for an opened worker; each once. A start that waits is called off. Draining begins
 * when the mail there is has been read, or after a while; it ends drain_ns from now. */
void worker_drain(struct worker *worker);
void worker_abort(struct worker *worker);

/* For worker.c, once draining was asked for: it begins in the end, though mail is left. */
void worker_end_mail(struct worker *worker);

#endif
