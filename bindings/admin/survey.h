/* survey.h - asks all workers about their connections, and gets those that matter: the first of an order, of those
 * that a filter lets through. A worker is asked in pieces, so that it never looks at its connections for long. One
 * that owes several answers already is not asked, so that little waits for a worker that is stuck, or for it here. */
#ifndef MOONPORT_SURVEY_H
#define MOONPORT_SURVEY_H

#include "server.h"

enum {
    SURVEY_MOST = 10000,
    SURVEY_FILTER_MAX = 128,
    SURVEY_STEP =
        4096, /* places that a worker looks at in one go: a millisecond or two with a filter */
    SURVEY_OWED_MAX = 2,
};

enum survey_order {
    SURVEY_ID,
    SURVEY_ADDRESS,
    SURVEY_WORKER,
    SURVEY_LISTENER,
    SURVEY_AGE,
    SURVEY_IDLE,
    SURVEY_QUEUED,
};

struct survey_row {
    uint64_t id;
    struct address peer;
    uint32_t worker, listener; /* from 1 */
    uint64_t age_ns, idle_ns;  /* age: when the question was asked */
    uint64_t queued;           /* bytes */
    const char *state;
    bool waits, paused; /* a handler waits; its script has paused it */
};

struct survey_question {
    uint8_t order; /* enum survey_order */
    bool descending;
    uint32_t most;                  /* rows; at most SURVEY_MOST */
    uint32_t step;                  /* SURVEY_STEP */
    char filter[SURVEY_FILTER_MAX]; /* part of the address, the id or the state; "": all */
};

struct survey_answer {
    struct survey_row *rows; /* malloc'ed, in order; the caller frees them */
    size_t count;
    uint64_t total, matching;         /* connections */
    bool missing[CONFIG_WORKERS_MAX]; /* this worker did not answer in time, or not all of it */
};

/* Answers that each worker owes. Zeroed at first; it lives until the server has ended. */
struct survey_owed {
    _Atomic uint32_t of[CONFIG_WORKERS_MAX];
};

/* Waits for workers, 1.5 s for one that is late, three seconds in all. Any thread but a worker's. False: there is no
 * memory. */
bool survey_ask(struct server *server, const struct survey_question *question,
                struct survey_owed *owed, struct survey_answer *answer);

/* The order's name: "id" "address" ...; false: it is none. */
bool survey_order_of(const char *name, uint8_t *order);

#endif
