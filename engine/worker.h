/* worker.h - one thread with its own port, blocks, links, wheel and script state:
 * wait, run, flush, tick. Shares none of them; what crosses threads is mail. */
#ifndef MOONPORT_WORKER_H
#define MOONPORT_WORKER_H

#include "link.h"

#include <pthread.h>

struct worker_setup {
    enum port_backend backend;
    const struct script *script;
    struct link_limits limits;
    uint32_t links, blocks, block_size;
    uint64_t memory; /* bytes */
};

/* What one worker tells another, or is told by the control thread. */
enum letter_kind { LETTER_ADOPT, LETTER_SEND, LETTER_BROADCAST, LETTER_DRAIN, LETTER_ABORT };
struct letter {
    struct mail mail;
    enum letter_kind kind;
    struct link_origin origin; /* ADOPT */
    uint64_t id;               /* SEND: to; BROADCAST: all but this one */
    struct chunk *packet;      /* SEND, BROADCAST: not framed; held by the letter */
    struct budget *budget;     /* what its own bytes were taken from; NULL: none */
};

enum worker_phase { WORKER_NEW, WORKER_OPENED, WORKER_STARTED, WORKER_FAILED };

struct worker {
    struct link_home home;
    uint32_t index, count;
    struct worker **team;  /* all workers, this one among them */
    struct server *server; /* for scripts; the worker itself does not look into it */
    struct worker_setup setup;
    struct port *control; /* is told, by posting `ended`, when the thread has nothing more to do */
    struct mail ended;
    pthread_t thread;
    struct letter drain_letter, abort_letter; /* so that ending needs no memory */
    bool draining;

    /* The start: the thread reports a phase, the control thread says whether to go on. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum worker_phase phase;
    bool may_start, must_end;
    struct error error; /* in phase FAILED */

    /* Figures for other threads, published at the end of a turn. */
    counter turns, events, busy_ns, links_live, blocks_free, blocks_grown, memory_used;
};

/* Makes the thread; it opens its port, then waits. Ports of all workers are open before any script
 * starts, so that scripts may post to each other from the first line. */
bool worker_create(struct worker *worker, struct error *error);

/* Waits until the phase is at least this; returns the phase reached. */
enum worker_phase worker_wait_for(struct worker *worker, enum worker_phase phase);

/* Lets an opened worker start its script (true), or end (false). */
void worker_let(struct worker *worker, bool start);

/* The end, each step for all workers before the next one: they post to each other until they have
 * ended, and hold each other's chunks. Frees everything but the struct. */
void worker_join(struct worker *worker);
void worker_drop_unread(struct worker *worker);
void worker_close(struct worker *worker);

/* From any thread, for a started worker. */
bool worker_adopt(struct worker *worker, const struct link_origin *origin);
void worker_drain(struct worker *worker);
void worker_abort(struct worker *worker);

/* For worker.c: acts on mail, and frees what is left of it at the end. */
void worker_read_mail(struct worker *worker, struct mail *mail);
void worker_drop_mail(struct worker *worker, struct mail *mail);

#endif
