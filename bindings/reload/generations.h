/* generations.h - which scripts and settings run, which ran before, and the way from one generation to the next: all
 * workers take it, or none.
 *
 *     generations_bring_in --> on probation --> proven
 *                                  '--> all workers go back to the last proven one, as a new generation
 *
 * Nothing is on probation that a person went back to by hand, that is the proven one, or if the setting is 0.
 *
 * One thread at a time, but for what says otherwise. */
#ifndef MOONPORT_GENERATIONS_H
#define MOONPORT_GENERATIONS_H

#include "reload/command_line.h"
#include "reload/history.h"
#include "reload/kept.h"
#include "reload/probation.h"
#include "reload/report.h"
#include "server.h"

struct generations {
    struct server *server;
    const struct command_line *line;
    uint64_t number;        /* the last one used */
    struct kept kept;       /* the newest runs */
    struct source *refused; /* held: the last one that was tried and does not run; or NULL */
    struct history history;
    struct trials *trials; /* what the workers have counted */
    struct probation_past past;
    struct probation probation;
    pthread_mutex_t quick;  /* guards what is below, too: reading it must not wait for a reload */
    struct options options; /* in force */
    uint64_t on_probation;  /* the generation that is; 0: none */
    uint64_t probation_end_ns; /* on the monotonic clock */
    uint64_t taken_back;       /* see struct probation_state */
    char why[PROBATION_WHY_MAX];
};

/* The source runs as generation 1, with these settings. */
void generations_open(struct generations *generations, struct server *server,
                      const struct command_line *line, const struct options *options,
                      struct source *source, struct trials *trials);
void generations_close(struct generations *generations);

/* Loads the source in all workers, or in none. True: the report says what runs now. False: it says why nothing has
 * changed; or what failed at the switch, but then the number has changed. */
bool generations_bring_in(struct generations *generations, struct source *source,
                          enum history_by by, struct report *report);

/* The same with the source that ran before. */
bool generations_go_back(struct generations *generations, enum history_by by,
                         struct report *report);

/* Do the settings that it has ask for its tests first? They are run by whoever brings it in. False also for a source
 * that generations_bring_in will refuse anyway. *options: those settings. */
bool generations_wants_tests(const struct generations *generations, const struct source *source,
                             enum history_by by, struct options *options);

/* Nothing has changed, because of what the report says from `begin` on: the directory could not be read (source NULL),
 * or its tests fail. */
void generations_refuse(struct generations *generations, struct source *source, enum history_by by,
                        struct report *report, size_t begin);

/* Forgets what was refused, because the files are those that run. */
void generations_forget_refused(struct generations *generations);

/* Looks at what the running generation does: goes back to the proven one, or the probation is over. Returns when to
 * look again at the latest, on the monotonic clock; and at once when the workers raise the alarm. */
uint64_t generations_look(struct generations *generations);

/* Any thread; neither waits. */
struct options generations_options(struct generations *generations);
void generations_probation(struct generations *generations, struct probation_state *state);

#endif
