/* history.h - the last generations, and the attempts that were refused: when, by whom, of which files, and how each
 * ended. Any thread may read it; that never waits for a reload. */
#ifndef MOONPORT_HISTORY_H
#define MOONPORT_HISTORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum history_by {
    HISTORY_START,
    HISTORY_SAVE,      /* files have changed */
    HISTORY_SIGNAL,    /* HUP */
    HISTORY_COMMAND,   /* moonport reload, moonport rollback */
    HISTORY_PAGE,      /* the admin's page */
    HISTORY_PROBATION, /* its handlers have failed: probation.h */
};
const char *history_by_text(enum history_by by); /* "start" "save" ... */

enum history_outcome {
    HISTORY_RUNS,
    HISTORY_REFUSED,     /* it never ran */
    HISTORY_REPLACED,    /* by a newer one */
    HISTORY_ROLLED_BACK, /* it was gone back from, by hand or by its probation */
};
const char *history_outcome_text(enum history_outcome outcome); /* "runs" "refused" ... */

enum { HISTORY_MAX = 32, HISTORY_FILES_MAX = 256, HISTORY_TEXT_MAX = 2048 };

struct history_entry {
    uint64_t generation; /* 0: it was refused, and got no number */
    double time;         /* when: seconds of the wall clock since 1970 */
    enum history_by by;
    enum history_outcome outcome;
    char files
        [HISTORY_FILES_MAX]; /* that differ from those that ran before: "main.lua, a.lua and 3 more" */
    char text
        [HISTORY_TEXT_MAX]; /* lines for a person: the report; cut where there is no more room */
};

struct history {
    pthread_mutex_t mutex;
    uint64_t count;                            /* of all entries there ever were */
    struct history_entry entries[HISTORY_MAX]; /* a ring */
};

void history_open(struct history *history);
void history_close(struct history *history);

/* An attempt begins: fills in its time; the rest is empty. */
void history_begin(struct history_entry *entry, enum history_by by);

/* How it ended. The first: the entry is a generation that runs from now on, and the one before it ended with that
 * outcome. The second: it was refused. Neither keeps the entry. */
void history_runs(struct history *history, const struct history_entry *entry,
                  enum history_outcome before);
void history_refused(struct history *history, const struct history_entry *entry);

/* More lines about the generation that runs. */
void history_tell(struct history *history, const char *text);

/* How many entries there ever were. */
uint64_t history_count(struct history *history);

/* Calls `visit` for each, the newest first, until it returns false. Nothing is locked while it is called; the entry is
 * good until it returns. */
void history_visit(struct history *history,
                   bool (*visit)(void *context, const struct history_entry *entry), void *context);

#endif
